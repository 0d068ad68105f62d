"""Make docstrings of the source into those of the reference.

- Examples are indented in the source, which reads well there. Behind a list Markdown takes what is indented for a part
  of its last item; between fences it is code everywhere.
- The rules of a policy stand at the head of its file. In the reference they open what is said about its class.
- A public name in backticks leads to where it is described.
- A default that is a private constant is shown as its value.
"""

import re
from collections.abc import Iterator
from typing import Any

from griffe import Attribute, Class, Extension, Function, Module, Object

# The lines after an empty one that are indented by four or more, up to a line that is not.
_EXAMPLE = re.compile(r"(?<=\n\n)(?: {4}.*\n|\n(?= {4}))* {4}.*$", re.MULTILINE)
_SECTION = re.compile(r"^(?:Args|Returns|Raises|Attributes|Yields):$", re.MULTILINE)
_FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"(?<![\[`])`([A-Z]\w+)`(?![`\]])")


class Docstrings(Extension):
    """What mkdocstrings calls for what it reads."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Fence the examples that stand before the sections, which are indented themselves."""
        if obj.docstring is not None:
            text = obj.docstring.value
            section = _SECTION.search(text)
            end = section.start() if section else len(text)
            obj.docstring.value = _EXAMPLE.sub(_fenced, text[:end]) + text[end:]

    def on_package(self, *, pkg: Module, **_: Any) -> None:
        """Do what takes the whole package: heads of policies, links, defaults."""
        described = [*_within(pkg)]
        for module in described:
            if isinstance(module, Module) and module.path.startswith("asgisec.policies."):
                _open(module)
        places = _places(pkg)
        for obj in described:
            _link(obj, places)
            _spell_out(obj)


def _within(obj: Object) -> Iterator[Object]:
    yield obj
    for member in obj.members.values():
        if isinstance(member, Object):
            yield from _within(member)


def _open(module: Module) -> None:
    """Put what the module of a policy says before what its class says."""
    about = [cls for cls in module.members.values() if isinstance(cls, Class) and _is_subject(cls)]
    if module.docstring and about and about[0].docstring:
        about[0].docstring.value = f"{module.docstring.value}\n\n{about[0].docstring.value}"


def _is_subject(cls: Class) -> bool:
    return cls.name == "CSP" or "Policy" in map(str, cls.bases)


def _places(pkg: Module) -> dict[str, str]:
    """Return where each public name is described: at the top level, or else in the module that exports it."""
    public = ("auth", "credentials", "errors", "events", "middleware", "oauth2", "policy", "stores", "tokens", "inputs")
    modules = [*(pkg.members[name] for name in public), pkg]
    return {str(name): f"{module.path}.{name}" for module in modules for name in module.exports or ()}


def _link(obj: Object, places: dict[str, str]) -> None:
    if obj.docstring is None:
        return

    def linked(found: re.Match[str]) -> str:
        name = found[1]
        return f"[{found[0]}][{places[name]}]" if name in places and name != obj.name else found[0]

    parts = _FENCED.split(obj.docstring.value)
    parts[::2] = [_NAME.sub(linked, part) for part in parts[::2]]
    obj.docstring.value = "".join(parts)


def _spell_out(obj: Object) -> None:
    if isinstance(obj, Function):
        for parameter in obj.parameters:
            parameter.default = _value(parameter.default, obj.module)
    elif isinstance(obj, Attribute):
        obj.value = _value(obj.value, obj.module)


def _value(default: Any, module: Module) -> Any:
    constant = module.members.get(str(default)) if str(default).startswith("_") else None
    return constant.value if isinstance(constant, Attribute) else default


def _fenced(example: re.Match[str]) -> str:
    lines = [line.removeprefix("    ") for line in example[0].split("\n")]
    return "\n".join(["```python", *lines, "```"])
