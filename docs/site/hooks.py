"""What the site has beside the pages in docs/: the reference, the examples, and the documents at the root.

Links in the pages are those of the repository, so that they work there. Here each one that leads out of docs/ is led to
the page made from that file; one to a file that has no page is a warning, and a warning ends the build.
"""

import ast
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_ROOT = Path(__file__).parents[2]

# Where users import from, in the order of the navigation; what a page begins with is the module's own docstring.
REFERENCE = (
    "asgisec",
    "asgisec.policies",
    "asgisec.middleware",
    "asgisec.auth",
    "asgisec.tokens",
    "asgisec.credentials",
    "asgisec.oauth2",
    "asgisec.inputs",
    "asgisec.inputs.hooks",
    "asgisec.inputs.litestar",
    "asgisec.stores",
    "asgisec.stores.protocols",
    "asgisec.events",
    "asgisec.errors",
    "asgisec.policy",
    "asgisec.presets",
    "asgisec.stack",
    "asgisec.integrations.fastapi",
    "asgisec.integrations.starlette",
    "asgisec.integrations.litestar",
    "asgisec.integrations.quart",
)

# What goes with a policy, and has no place at the top level.
CONSTANTS = {"asgisec.policies.csp": [f"asgisec.policies.csp.{name}" for name in ("NONCE", "NONE", "SELF")]}

_INTERNAL = ("!^_", "!^on_", "!^wrap_", "!^needs$", "!^closes$")

# What pages link to outside docs/, and the pages that are made of it.
_DOCUMENTS = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md"}
_SERIES = {"reference_api": "The reference API", "demo": "The demo"}
_EXAMPLES = {"examples/reference_api/README.md": "examples/reference_api/README.md"} | {
    path.relative_to(_ROOT).as_posix(): path.relative_to(_ROOT).with_suffix(".md").as_posix()
    for path in sorted(_ROOT.glob("examples/**/*.py"))
    if path.name != "__init__.py"
}
_MADE = {**_DOCUMENTS, **_EXAMPLES}
_SOURCES = {page: source for source, page in _MADE.items()}

# What a page may link to outside docs/. The README says on a repository's front page what index.md says here.
PLACES = {**_MADE, "README.md": "index.md"}

_LINK = re.compile(r"(?<=\]\()[^)\s]+(?=\))")
_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_PICTURE = re.compile(
    r'<picture>.*?srcset="(?P<dark>[^"]+)".*?src="(?P<light>[^"]+)" alt="(?P<alt>[^"]*)".*?</picture>', re.DOTALL
)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put what is made into the navigation."""
    reference = [{module: f"reference/{module}.md"} for module in REFERENCE]
    groups = [*(config.nav or ())]
    config.nav = [*groups[:-1], {"Examples": _examples()}, {"Reference": reference}, *groups[-1:]]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    made = {f"reference/{module}.md": _reference(module) for module in REFERENCE}
    made |= {page: _shown(_ROOT / source) for source, page in _MADE.items()}
    for uri, content in made.items():
        files.append(File.generated(config, uri, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to where their pages are here, and let pictures follow the theme."""
    # Every other part is a fenced block: code is shown as it is.
    parts = _FENCE.split(_PICTURE.sub(_by_theme, markdown))
    parts[::2] = [_LINK.sub(lambda link: _led(link[0], page.file.src_uri), part) for part in parts[::2]]
    return "".join(parts)


def _examples() -> list[dict[str, Any]]:
    """Return the navigation of the examples: those of several files, then those of one."""
    series: dict[str, list[Any]] = {title: [] for title in _SERIES.values()}
    alone: list[dict[str, Any]] = []
    for source, page in _EXAMPLES.items():
        folder, _, rest = source.removeprefix("examples/").partition("/")
        if folder in _SERIES:
            series[_SERIES[folder]].append(page if rest == "README.md" else {rest: page})
        else:
            alone.append({source.removeprefix("examples/"): page})
    return [*({title: pages} for title, pages in series.items()), *alone]


def _led(link: str, uri: str) -> str:
    path, mark, anchor = link.partition("#")
    if not path or ":" in path:
        return link
    source = _SOURCES.get(uri, f"docs/{uri}")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    place = PLACES.get(target) or target.removeprefix("docs/")
    return posixpath.relpath(place, posixpath.dirname(uri) or ".") + mark + anchor


def _by_theme(picture: re.Match[str]) -> str:
    alt = picture["alt"]
    return f"![{alt}]({picture['light']}#only-light)\n![{alt}]({picture['dark']}#only-dark)"


def _shown(path: Path) -> str:
    text = path.read_text("utf-8")
    return text if path.suffix == ".md" else f"# {path.relative_to(_ROOT)}\n\n```python\n{text}```\n"


def _reference(module: str) -> str:
    """Return a page: the module's docstring, then each public name."""
    origins = _origins()
    if module == "asgisec.policies":
        groups = {origin: [name for name, place in origins.items() if place == origin] for origin in origins.values()}
        groups.pop("asgisec")
        return "\n\n".join([f"# {module}", *(_policy(origin, names) for origin, names in sorted(groups.items()))])
    names = [name for name in _names(module) if module != "asgisec" or origins[name] == module]
    return "\n\n".join([f"# {module}", _docstring(module), *(f"::: {module}.{name}" for name in names)])


def _policy(origin: str, names: list[str]) -> str:
    """Return the section of a policy: first the policy, then what goes with it."""
    word = origin.removeprefix("asgisec.policies.").replace("_", "")
    first = min((name for name in names if name.lower().startswith(word)), key=len)
    ordered = [first, *(name for name in names if name != first)]
    rest = [f"::: {name}\n    options: {{ show_if_no_docstring: true }}" for name in CONSTANTS.get(origin, ())]
    # The hooks that the pass calls are the same for all: they stand where `Policy` does.
    quiet = f"\n    options: {{ filters: [{', '.join(map(repr, _INTERNAL))}] }}"
    return "\n\n".join([*(f"::: asgisec.{name}{quiet}" for name in ordered), *rest])


def _docstring(module: str) -> str:
    return f"::: {module}\n    options: {{ show_root_heading: false, members: false, show_root_toc_entry: false }}"


def _origins() -> dict[str, str]:
    """Return for each name of the top level the policy that it belongs to, or else the top level."""
    tree = ast.parse((_ROOT / "asgisec" / "__init__.py").read_text("utf-8"))
    origins: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            place = ".".join(node.module.split(".")[:3]) if node.module.startswith("asgisec.policies.") else "asgisec"
            origins |= {alias.name: place for alias in node.names}
    return origins


def _names(module: str) -> list[str]:
    path = _ROOT / module.replace(".", "/")
    tree = ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]:
            return [*ast.literal_eval(node.value)]
    return []
