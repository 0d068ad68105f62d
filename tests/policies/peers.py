"""Ask two middleware the same, and say how their answers may differ."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.asgi import answering, request

Lines = list[tuple[str, str]]


@dataclass(frozen=True)
class Asked:
    """A configuration, a request, and the headers that the application answers with."""

    options: dict[str, Any] = field(default_factory=dict)
    headers: Lines = field(default_factory=list)
    method: str = "GET"
    own: Lines = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)

    def lines(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def header(self, name: str) -> str:
        return next(iter(self.lines(name)), "")


@dataclass(frozen=True)
class Difference:
    """What is answered otherwise, why, and an example: Starlette's answer, then ours."""

    reason: str
    covers: Callable[[Asked], bool]
    example: Asked
    starlette: dict[str, Any]
    ours: dict[str, Any]


def facts(middleware: Callable[..., Any], asked: Asked) -> dict[str, Any]:
    """What matters of an answer; an exception that the middleware lets out is its own fact."""
    app = middleware(answering(headers=asked.own), **asked.options)
    recorded = request(app, asked.method, headers=asked.headers, **asked.more)
    if recorded.error is not None:
        return {"raises": type(recorded.error).__name__}
    found: dict[str, Any] = {"status": recorded.status, "body": recorded.body.decode()}
    for name, value in sorted(recorded.headers):
        if name.startswith("access-control-") or name in {"vary", "location"}:
            assert name not in found, f"{name} is there twice"
            found[name.removeprefix("access-control-")] = value
    return found


REPEATED = {
    "status": 400,
    "body": '{"type":"about:blank","title":"Bad Request","status":400,'
    '"detail":"A header that may come once only was repeated."}',
}
