"""Policies made up by hypothesis.

They tell the `calls` list in the scope what they were asked, so that two ways of running them can be compared.
"""

import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.lowlevel
from hypothesis import strategies as st

from asgisec import (
    CORS,
    HSTS,
    Answer,
    CrossOriginProtection,
    Exchange,
    HTTPSOnly,
    Policy,
    RateLimit,
    RequestID,
    RequestLimits,
    Rule,
    SecurityHeaders,
    TrustedHosts,
    TrustedProxies,
    by_client,
)
from asgisec.errors import OriginNotAllowed
from asgisec.stores import MemoryStore
from tests.made import TooMuch

Pair = tuple[bytes, bytes]

ids = itertools.count()


def numbered() -> str:
    """Generate request ids that are the same in each run."""
    return f"made-{next(ids)}"


class Defect(Exception):
    """What a policy or an application raises by mistake."""


class Fatal(BaseException):
    """What no handler of an application catches."""


FAILURES: dict[str, Callable[[], BaseException]] = {
    "defect": lambda: Defect("a secret"),
    "fatal": lambda: Fatal("a secret"),
    "refusal": lambda: OriginNotAllowed(headers={"X-Challenge": "try harder"}),
}


@dataclass(frozen=True)
class Recording(Policy):
    """Each policy has a label, so that equal ones are equal on purpose only."""

    label: str = ""

    def say(self, exchange: Exchange, *what: object) -> None:
        exchange.scope["calls"].append((self.label, *what))


@dataclass(frozen=True)
class Constants(Recording):
    response_headers: Sequence[Pair] = ()


@dataclass(frozen=True)
class Judging(Recording):
    verdict: str = "pass"
    waits: bool = False
    adds: tuple[tuple[str, str], ...] = ()
    client: str | None = None
    dry_run: bool = False

    def on_request(self, exchange: Exchange) -> Any:
        ids = exchange.header("x-request-id"), exchange.request_id
        self.say(exchange, "on_request", *ids, exchange.client, exchange.header("x-forwarded-for"))
        for name, value in self.adds:
            exchange.add_header(name, value)
        if self.client is not None:
            exchange.scope["client"] = (self.client, 1)
        return self._later() if self.waits else self._verdict()

    async def _later(self) -> Any:
        await anyio.lowlevel.checkpoint()
        return self._verdict()

    def _verdict(self) -> Any:
        if self.verdict in FAILURES:
            failure = FAILURES[self.verdict]
            raise failure()
        if self.verdict == "answer":
            return Answer.plain(418, "tea", [(b"X-Judge", self.label.encode()), (b"vary", b"Accept, origin")])
        return None if self.verdict == "pass" else TooMuch(headers={"Retry-After": "1"}, members={"by": self.label})


@dataclass(frozen=True)
class Reading(Recording):
    reading: str = "count"

    def wrap_receive(self, exchange: Exchange, receive: Callable[[], Awaitable[Any]]) -> Any:
        self.say(exchange, "wrap_receive")
        if self.reading == "not at all":
            raise Defect("a secret")

        async def counted() -> Any:
            message = await receive()
            self.say(exchange, "received", message["type"])
            if self.reading == "refuse" and message["type"] != "websocket.connect":
                self.say(exchange, "refused")
                raise exchange.refuse(TooMuch(), by=self)
            if self.reading == "fail":
                raise Defect("a secret")
            return message

        return counted


@dataclass(frozen=True)
class Editing(Recording):
    edits: tuple[tuple[str, bytes, bytes], ...] = ()

    def on_response(self, exchange: Exchange, headers: list[Pair]) -> None:
        assert exchange.names == {name for name, _ in headers}
        self.say(exchange, "on_response", exchange.status)
        for edit, name, value in self.edits:
            if edit == "break" and exchange.status == 200:
                raise Defect("a secret")
            if edit in {"set", "remove"}:
                headers[:] = [pair for pair in headers if pair[0] != name]
            if edit in {"append", "set"}:
                headers.append((name, value))


@dataclass(frozen=True)
class Ending(Recording):
    ending: str = "says"
    lingers: bool = False

    def on_end(self, exchange: Exchange, error: BaseException | None) -> Awaitable[None] | None:
        if self.lingers:
            return self._linger(exchange, error)
        self._end(exchange, error)
        return None

    async def _linger(self, exchange: Exchange, error: BaseException | None) -> None:
        await anyio.lowlevel.checkpoint()
        self._end(exchange, error)

    def _end(self, exchange: Exchange, error: BaseException | None) -> None:
        self.say(exchange, "on_end", type(error).__name__)
        if self.ending in FAILURES:
            failure = FAILURES[self.ending]
            raise failure()


@dataclass(frozen=True)
class Everything(Constants, Judging, Reading, Editing, Ending):
    """All hooks on one policy."""


@dataclass(frozen=True)
class Harmless(Constants, Editing, Ending):
    """A policy that never refuses: it leads where a request contradicts itself."""

    may_refuse = False


# Few names and values, so that policies and applications get into each other's way.
names = st.sampled_from([b"x-a", b"x-b", b"vary", b"cache-control", b"server"])
values = st.sampled_from([b"1", b"Origin", b"accept, Cookie", b"*"])
_pairs = st.lists(st.tuples(names, values), max_size=3).map(tuple)
_labels = st.sampled_from("abcdef")
_adds = st.lists(
    st.sampled_from([("Vary", "Accept"), ("Vary", "*"), ("vary", "X-Plan"), ("X-A", "added"), ("X-Extra", "added")]),
    max_size=2,
).map(tuple)
_edits = st.lists(
    st.tuples(st.sampled_from(["append", "set", "remove"] * 4 + ["break"]), names.map(bytes.title) | names, values),
    max_size=3,
).map(tuple)
# Most let a request pass: each list has several, and behind the first refusal nothing is to be seen.
_verdicts = st.sampled_from(["pass"] * 8 + ["answer", "refuse", "refusal", "defect", "fatal"])
_judging = {
    "verdict": _verdicts,
    "waits": st.booleans(),
    "adds": _adds,
    "client": st.sampled_from([None, "192.0.2.99"]),
    "dry_run": st.booleans(),
}
_reading = {"reading": st.sampled_from(["count"] * 4 + ["refuse"] * 3 + ["fail", "not at all"])}
_ending = {"ending": st.sampled_from(["says"] * 8 + ["defect", "refusal", "fatal"]), "lingers": st.booleans()}
_harmless = {"response_headers": _pairs, "edits": _edits, "ending": st.just("says"), "lingers": st.booleans()}

_generated = st.one_of(
    st.builds(Constants, _labels, _pairs),
    st.builds(Judging, _labels, **_judging),
    st.builds(Reading, _labels, **_reading),
    st.builds(Reading, _labels, reading=st.just("refuse")),
    st.builds(Editing, _labels, _edits),
    st.builds(Ending, _labels, **_ending),
    st.builds(Ending, _labels),
    st.builds(Everything, _labels, response_headers=_pairs, edits=_edits, **_judging, **_reading, **_ending),
    st.builds(Harmless, _labels, **_harmless),
)
_rehearsed = st.sampled_from([False, False, True])


@dataclass
class Clock:
    """A clock that stands still, but for jumps over all windows: what was counted before is over then."""

    now: float = 1_728_000_000.0  # all windows begin here

    def __call__(self) -> float:
        return self.now

    def jump(self) -> None:
        self.now += 864_000


clock = Clock()
_counts = MemoryStore(clock=clock)


@st.composite
def _rate_limits(draw: st.DrawFn) -> RateLimit:
    """Make limits of one store, which count for each other where they have one name."""
    return RateLimit(
        *draw(st.sampled_from([("1/hour",), ("2/hour", "9/day"), ()])),
        rules=draw(st.sampled_from([(), [Rule("/*", limits="2/minute")]])),
        key=draw(st.sampled_from([by_client, _fails])),
        store=_counts,
        cost=draw(st.sampled_from([1, 1, 2])),
        headers=draw(st.sampled_from(["ietf", "ietf", None])),  # the older ones tell the time
        name=draw(st.sampled_from([None, "other"])),
        max_concurrent=draw(st.sampled_from([None, None, 1, 5])),
        messages=draw(st.sampled_from(["1/hour", "9/hour"])),
        clock=clock,
        dry_run=draw(_rehearsed),
    )


def _fails(exchange: Exchange) -> str:
    raise Defect("a secret")


_ORIGINS = ("https://app.example.com", "http://testserver")
_real = st.one_of(
    st.builds(
        RequestID,
        header=st.sampled_from(["X-Request-ID", "X-Other-ID"]),
        trust_inbound=st.booleans(),
        generator=st.just(numbered),
        update_request_header=st.booleans(),
    ),
    st.builds(
        TrustedHosts,
        st.sampled_from([("testserver",), ("*",), ("www.example.com",), ("*.example.com",)]),
        dry_run=_rehearsed,
    ),
    st.builds(
        CORS,
        allow_origins=st.sampled_from([_ORIGINS[:1], ("*",), ()]),
        allow_headers=st.sampled_from([(), ("*",), ("X-Mine",)]),
        expose_headers=st.sampled_from([(), ("X-A",)]),
        allow_origin_regex=st.sampled_from([None, r"https://app\..*"]),
        allow_private_network=st.booleans(),
        dry_run=_rehearsed,
    ),
    st.builds(CORS, allow_origins=st.just(_ORIGINS[:1]), allow_credentials=st.just(value=True)),
    st.builds(
        SecurityHeaders.api,
        strict_transport_security=st.sampled_from([None, HSTS()]),
        permissions_policy=st.none(),
        strip=st.sampled_from([(), ("Server", "X-A")]),
    ),
    st.builds(SecurityHeaders.web, permissions_policy=st.none()),
    st.builds(
        TrustedProxies,
        st.sampled_from([("10.0.0.0/8",), ("192.0.2.0/24", "unix"), ("10.0.0.0/8", "192.0.2.2")]),
        header=st.sampled_from(["x-forwarded-for"] * 3 + ["forwarded"]),
    ),
    _rate_limits(),
    st.builds(HTTPSOnly, st.sampled_from(["redirect", "reject"]), dry_run=_rehearsed),
    st.builds(CrossOriginProtection, st.sampled_from([(), _ORIGINS[:1]]), dry_run=_rehearsed),
    # What is over these shows while it is read only.
    st.builds(RequestLimits, max_body_size=st.just(1), max_message_size=st.just(1), dry_run=_rehearsed),
    st.builds(
        RequestLimits,
        max_body_size=st.sampled_from([1, 50, None]),
        max_headers=st.sampled_from([2, None]),
        max_query_size=st.sampled_from([10, None]),
        max_message_size=st.sampled_from([1, None]),
        timeout=st.sampled_from([60, None]),
        content_types=st.sampled_from([None, ("application/json",)]),
        dry_run=_rehearsed,
    ),
)


@st.composite
def policies(draw: st.DrawFn) -> list[Policy]:
    """Up to six policies, of which some may be equal."""
    pool = draw(st.lists(_real | _generated, min_size=2, max_size=6))
    # Left alone, a third of all lists would be empty.
    return draw(st.lists(st.sampled_from(pool), min_size=draw(st.sampled_from([0, 2, 3, 4])), max_size=6))
