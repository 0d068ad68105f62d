"""What the tour asks, what it expects, and why: a list of parts, in the order in which they are told.

What stands in braces was kept from an answer before: `{token}`, or from the server's start: `{warehouse}`.
"""

from dataclasses import dataclass, field, replace

__all__ = ["Expected", "Request", "Step", "filled"]

Lines = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Request:
    """A request: what stands here is sent and shown; `Host` may be named, and named twice."""

    method: str
    path: str
    headers: Lines = ()
    body: str = ""
    websocket: bool = False


@dataclass(frozen=True)
class Expected:
    """What the answer must be: patterns for headers and body, `None` for a header that must not be there."""

    status: int
    headers: dict[str, str | None] = field(default_factory=dict)
    body: str = ""
    unsaid: str = ""
    log: str = ""


@dataclass(frozen=True)
class Step:
    """One exchange of the tour.

    Attributes:
        title: What happens.
        request: What is sent.
        expected: What must come.
        why: What that is good for.
        keeps: What to keep of the answer, for later: a name, and the member of the JSON document.
        before: How often the same is sent before, and a pattern of each status that comes.
    """

    title: str
    request: Request
    expected: Expected
    why: str
    keeps: dict[str, str] = field(default_factory=dict)
    before: tuple[int, str] | None = None


def filled(request: Request, kept: dict[str, str]) -> Request:
    """Put what was kept in the place of its name."""

    def put(text: str) -> str:
        for name, value in kept.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    headers = tuple((name, put(value)) for name, value in request.headers)
    return replace(request, path=put(request.path), headers=headers, body=put(request.body))
