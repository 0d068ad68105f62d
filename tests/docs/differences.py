"""Compare what a package answers with what ours answers, for the tables of differences on the pages."""

from collections.abc import Callable
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.middleware import Middleware

from asgisec import install
from asgisec.policy import Policy
from tests.asgi import App, Headers, Recorded, answering, request
from tests.docs.pages import ROOT, blocks, python, rows, section, text_of

__all__ = ["APP", "EVIL", "Difference", "compare", "failing", "get", "listed", "on_500", "programs"]

APP = "https://app.example.com"
EVIL = "https://evil.example"


class Difference(NamedTuple):
    """A row of a table: the options and the request, and what is seen in the two answers.

    `look` names a header; the status is looked at where it is empty. A class that takes the options for wrong is seen
    by the name of what it raises.
    """

    name: str
    options: dict[str, Any]
    ask: Callable[[App], Recorded]
    look: str
    theirs: object
    ours: object
    app: App = answering(headers=[])


def compare(theirs: type[Any], ours: type[Any], difference: Difference) -> None:
    assert _seen(theirs, difference) == difference.theirs
    assert _seen(ours, difference) == difference.ours


def _seen(kind: type[Any], difference: Difference) -> object:
    try:
        app = kind(difference.app, **difference.options)
    except Exception as error:  # noqa: BLE001 - what kind it is, is the question
        return type(error).__name__
    answer = difference.ask(app)
    return answer.values(difference.look) if difference.look else answer.status


def listed(page: str, heading: str = "What behaves differently") -> list[str]:
    """Return the first cells of a page's table of differences."""
    return [cells[0] for cells in rows(section(ROOT / "docs" / page, heading))]


def programs(page: str, heading: str) -> list[dict[str, Any]]:
    """Run the blocks of Python below a heading, each by itself, and return what they define."""
    path = ROOT / "docs" / page
    start = text_of(path).index(f"# {heading}\n")
    end = start + len(section(path, heading))
    found: list[dict[str, Any]] = []
    for block in blocks(path):
        if block.language == "python" and start < block.start < end:
            found.append({})
            python(block, found[-1])
    return found


def get(*headers: tuple[str, str]) -> Callable[[App], Recorded]:
    return lambda app: request(app, headers=headers)


def failing(*layers: Middleware) -> Starlette:
    app = Starlette(middleware=layers)

    async def fail(asked: object) -> None:
        raise RuntimeError

    app.add_route("/", fail)  # type: ignore[arg-type]  # never returns
    return app


def on_500(theirs: Any, options: dict[str, Any], policy: Policy, header: str, headers: Headers = ()) -> None:
    lost = request(failing(Middleware(theirs, **options)), headers=headers)
    kept = request(install(failing(), policy), headers=headers)
    assert (lost.status, lost.values(header)) == (500, [])
    assert (kept.status, len(kept.values(header))) == (500, 1)
