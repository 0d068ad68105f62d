"""Read the documentation: its fenced blocks, tables, headings and links, and the answers it shows.

- A `python` block stands alone, unless `<!-- continues -->` stands above it: then it goes on where the block before it
  ended. Blocks that belong together are a story; tests run each story from its start.
- An `http` block shows a request and the answer that `app` of its story gives. With `<!-- https -->` above it the
  request comes over HTTPS; with `Upgrade: websocket` in it, it is a handshake.
- `<!-- own process -->` is for what configures the whole process.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from asgisec._answer import phrase_of
from tests.asgi import App, Message, Recorded, drive, scope_of

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]

_FENCE = re.compile(
    r"^(?:<!-- (?P<mark>[a-z ]+) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_ROW = re.compile(r"^\|(.+)\|$", re.MULTILINE)
_CELL = re.compile(r"(?<!\\)\|")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_LINK = re.compile(r"(?:\]\(|src=\"|srcset=\")([^)\s\"]+)")

_MODULE = "story"

# What is new in every answer, as the pages show it.
_NEW_EACH_TIME = (
    (re.compile(r"\b01[0-9a-f]{10}7[0-9a-f]{19}\b"), "019ab3f2c8d47a05b1c2d3e4f5061728"),
    (re.compile(r"(?P<before>nonce-|nonce=\")[\w-]{22}"), r"\g<before>q83vEjRWeJq83vEjRWeJqw"),
    (re.compile(r"^server-timing: .+$", re.MULTILINE), "server-timing: app;dur=1.7"),
    (re.compile(r"(?P<before>;t=)[0-9]+"), r"\g<before>42"),
    (re.compile(r"^retry-after: [0-9]+$", re.MULTILINE), "retry-after: 42"),
)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, the mark above it, and where its text stands in the page."""

    language: str
    text: str
    mark: str
    page: Path
    start: int
    line: int


@dataclass(frozen=True)
class Story:
    """Blocks that are run one after the other in one namespace."""

    blocks: list[Block]

    @property
    def name(self) -> str:
        first = self.blocks[0]
        return f"{first.page.name}:{first.line}"

    @property
    def alone(self) -> bool:
        return self.blocks[0].mark == "own process"


@cache
def text_of(page: Path) -> str:
    return page.read_text("utf-8")


def blocks(page: Path) -> Iterator[Block]:
    text = text_of(page)
    for found in _FENCE.finditer(text):
        start = found.start("text")
        yield Block(found["language"], found["text"], found["mark"] or "", page, start, text.count("\n", 0, start))


def stories(page: Path) -> list[Story]:
    told: list[Story] = []
    for block in blocks(page):
        if block.language == "python" and block.mark != "continues":
            told.append(Story([block]))
        elif block.language in {"python", "http"}:
            told[-1].blocks.append(block)
    return told


def section(page: Path, heading: str) -> str:
    """Return the text below a heading, up to the next one of any level."""
    _, _, rest = text_of(page).partition(f"# {heading}\n")
    return re.split(r"^#+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of the tables in a text, without their heads."""
    lines = [[cell.strip().replace("\\|", "|") for cell in _CELL.split(row)] for row in _ROW.findall(text)]
    heads = {n for n, cells in enumerate(lines) if set("".join(cells)) <= set("-: ")}
    return [cells for n, cells in enumerate(lines) if n not in heads and n + 1 not in heads]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as repository hosts make them."""
    prose = _FENCE.sub("", text_of(page))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(prose)}


def links(page: Path) -> list[str]:
    return _LINK.findall(_FENCE.sub("", text_of(page)))


def python(block: Block, namespace: dict[str, Any]) -> None:
    """Run a block, and the tests in it; a traceback shows the page and the line."""
    code = compile("\n" * block.line + block.text, str(block.page.relative_to(ROOT)), "exec")
    known = {*namespace}
    exec(code, namespace)  # noqa: S102 - the point of it
    for name in namespace.keys() - known:
        if name.startswith("test_"):
            namespace[name]()


def shown_answer(block: Block) -> str:
    return block.text.partition("\n\n")[2]


def real_answer(block: Block, app: App) -> str:
    """Send the request that a block shows, and write the answer as the block does."""
    request = block.text.partition("\n\n")[0]
    first, *lines = request.splitlines()
    method, target, _ = first.split(" ")
    path, _, query = target.partition("?")
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    secure = "s" if block.mark == "https" else ""
    if ("Upgrade", "websocket") in headers:
        extra: Message = {"scheme": f"ws{secure}", "extensions": {"websocket.http.response": {}}}
        scope = scope_of("websocket", path=path, headers=headers, query_string=query.encode(), **extra)
        answer = drive(app, scope, [{"type": "websocket.connect"}], patient=True)
    else:
        scope = scope_of("http", method, path, headers, query_string=query.encode(), scheme=f"http{secure}")
        answer = drive(app, scope, [{"type": "http.request", "body": b"", "more_body": False}], patient=True)
    return written(answer)


def written(answer: Recorded) -> str:
    """Write an answer as text, with what is new each time made the same."""
    head = [f"HTTP/1.1 {answer.status} {phrase_of(answer.status)}"]
    head += [f"{name}: {value}" for name, value in answer.headers]
    text = "\n".join(head) + "\n"
    if answer.body:
        text += f"\n{answer.body.decode().rstrip()}\n"
    for new, settled in _NEW_EACH_TIME:
        text = new.sub(settled, text)
    return text


def tell(story: Story) -> Iterator[tuple[Block, str]]:
    """Run a story; give for each `http` block the answer that came."""
    # Frameworks look annotations up in the module, so it has to be one.
    module = sys.modules[_MODULE] = ModuleType(_MODULE)
    try:
        for block in story.blocks:
            if block.language == "python":
                python(block, vars(module))
            else:
                yield block, real_answer(block, module.app)
    finally:
        del sys.modules[_MODULE]
