"""What every variant has to answer, refusals too: asked before anything is timed.

Variants differ in the words of their refusals, and in the names of the headers that say what remains. The status, and
that the headers are there, is the same for all: each once, on refusals as well.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from bench.harness import WrongAnswer
from bench.whole import service

__all__ = ["TIGHT", "Answer", "Ask", "Row", "judge", "refusals", "timed", "too_many"]

TIGHT = ("2/minute", "100/hour")
"""Limits that are soon reached."""

_ALWAYS = frozenset(
    {
        "x-request-id",
        "x-content-type-options",
        "x-frame-options",
        "content-security-policy",
        "referrer-policy",
        "permissions-policy",
        "cross-origin-opener-policy",
        "cross-origin-resource-policy",
    }
)
_READABLE = frozenset({"access-control-allow-origin", "vary"})
# The three of slowapi, or the two of the IETF draft.
_REMAINING = (
    frozenset({"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"}),
    frozenset({"ratelimit", "ratelimit-policy"}),
)


@dataclass(frozen=True)
class Answer:
    """What came: the status, and each line of the headers."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes = b""

    def named(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


Ask: TypeAlias = Callable[[str, Mapping[str, str]], Awaitable[Answer]]


@dataclass(frozen=True)
class Row:
    """A request, and what has to come.

    Args:
        name: What is special about it.
        headers: Its headers.
        status: The status that has to come.
        present: Headers that have to be there, each once.
        counted: Whether headers have to say what remains.
        method: Its method.
    """

    name: str
    headers: Mapping[str, str]
    status: int = 200
    present: frozenset[str] = _ALWAYS | _READABLE
    counted: bool = False
    method: str = "GET"


def timed(bearer: str) -> Row:
    """Return the request that is timed."""
    return Row("good", service.headers(bearer), counted=True)


def refusals(lacking: str, revoked: str) -> list[Row]:
    """Return what has to be refused, and the preflight."""
    challenge = _ALWAYS | _READABLE | {"www-authenticate"}
    asking = {"access-control-request-method": "GET", "access-control-request-headers": "authorization"}
    return [
        Row("no token", service.headers(), 401, challenge),
        Row("another's token", service.headers(f"{lacking}x"), 401, challenge),
        Row("a revoked token", service.headers(revoked), 401, challenge),
        Row("a token without the scope", service.headers(lacking), 403, challenge),
        Row("another host", service.headers(host="evil.example"), 400, _ALWAYS),
        Row(
            "a preflight",
            {**service.headers(), **asking},
            present=_ALWAYS | _READABLE | {"access-control-allow-methods"},
            method="OPTIONS",
        ),
    ]


def too_many(bearer: str) -> list[Row]:
    """Return requests of which the last is one too many for `TIGHT`."""
    refused = Row("one too many", service.headers(bearer), 429, _ALWAYS | _READABLE | {"retry-after"}, counted=True)
    return [timed(bearer), timed(bearer), refused]


def judge(variant: str, row: Row, answer: Answer) -> None:
    """Stop the run where a variant answers otherwise.

    Raises:
        WrongAnswer: It does.
    """
    where = f"{variant}, {row.name}"
    if answer.status != row.status:
        raise WrongAnswer(f"{where}: answered {answer.status}, not {row.status}: {answer.headers} {answer.body!r}")
    wrong = sorted(name for name in row.present if len(answer.named(name)) != 1)
    if wrong:
        raise WrongAnswer(f"{where}: {wrong} should be there once each: {answer.headers}")
    if row.counted and not any(all(len(answer.named(name)) == 1 for name in names) for names in _REMAINING):
        raise WrongAnswer(f"{where}: nothing says what remains: {answer.headers}")
    if "access-control-allow-origin" in row.present:
        said = (answer.named("access-control-allow-origin"), "origin" in answer.named("vary")[0].lower())
        if said != ([service.ORIGIN], True):
            raise WrongAnswer(f"{where}: a page may not read it: {answer.headers}")
    if row.status == 200 and row.method == "GET" and answer.body != service.EXPECTED:
        raise WrongAnswer(f"{where}: answered {answer.body!r}")
