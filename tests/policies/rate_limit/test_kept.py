"""What counts are kept under: the same in every process, and in the next version, which goes on with the counts."""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

import pytest

from asgisec import Exchange, RateLimit, RateLimitGuard, Rule, SecurityMiddleware
from asgisec.policies.rate_limit.keys import by_principal
from asgisec.stores import MemoryStore
from asgisec.stores.protocols import Bucket, Decision, Lease
from tests.asgi import answering, request

HERE = __name__


class Noting(MemoryStore):
    """A store that notes whose counts it is asked for, and under which names."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, ...]] = []

    def spending(self, buckets: Sequence[Bucket], strategy: str) -> Callable[[str, int], Decision]:
        spend = super().spending(buckets, strategy)

        def noted(identity: str, cost: int) -> Decision:
            self.asked.append((identity, *(bucket.name for bucket in buckets)))
            return spend(identity, cost)

        return noted

    def lease(self, identity: str, name: str, holder: str, places: int, seconds: float) -> Lease:
        self.asked.append((identity, name))
        return super().lease(identity, name, holder, places, seconds)


def by_tenant(exchange: Exchange) -> str:
    return "tenant-1"


def made() -> Any:
    return lambda exchange: "tenant-1"


LAMBDA = made()


class ByHeader:
    def __call__(self, exchange: Exchange) -> str:
        return "tenant-1"


def says(key: str) -> dict[str, Any]:
    return {"key": lambda exchange: key, "name": "n"}


PREFLIGHT = [("host", "testserver"), ("origin", "https://app.example.com"), ("access-control-request-method", "PUT")]
CLIENT = "client:192.0.2.7"


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        pytest.param({}, (CLIENT, "gcra  1/minute"), id="by client"),
        pytest.param({"name": "api"}, (CLIENT, "gcra api 1/minute"), id="a name"),
        pytest.param({"key": by_principal}, (CLIENT, "gcra principal 1/minute"), id="by principal"),
        pytest.param({"key": by_tenant}, ("tenant-1", f"gcra {HERE}.by_tenant 1/minute"), id="by a function"),
        pytest.param({"key": ByHeader()}, ("tenant-1", f"gcra {HERE}.ByHeader 1/minute"), id="by an object"),
        pytest.param(
            {"key": LAMBDA},
            ("tenant-1", f"gcra {HERE}.made.<locals>.<lambda>:{LAMBDA.__code__.co_firstlineno} 1/minute"),
            id="by a lambda",
        ),
        pytest.param(
            {"key": "of %s".__mod__}, ("of <Exchange http GET '/'>", "gcra .str.__mod__ 1/minute"), id="of no module"
        ),
        pytest.param(says("a" * 128), ("a" * 128, "gcra n 1/minute"), id="a long key"),
        pytest.param(
            says("a" * 129), ("#" + sha256(b"a" * 129).hexdigest(), "gcra n 1/minute"), id="a key that is too long"
        ),
        pytest.param(says("#1"), ("#" + sha256(b"#1").hexdigest(), "gcra n 1/minute"), id="a key like a hash"),
        pytest.param(
            {"rules": [Rule("/", limits="5/hour")]}, (CLIENT, "gcra  1/minute", "gcra   / 5/hour"), id="a rule"
        ),
        pytest.param(
            {"rules": [Rule(("/*", "/b"), limits="5/hour", methods={"POST", "GET"})], "name": "api"},
            (CLIENT, "gcra api 1/minute", "gcra api GET,HEAD,POST /* /b 5/hour"),
            id="a rule for methods, of several paths",
        ),
    ],
)
def test_of_a_policy(options: dict[str, Any], asked: tuple[str, ...]) -> None:
    store = Noting()
    request(SecurityMiddleware(answering(), RateLimit("1/minute", store=store, strategy="gcra", **options)))
    assert store.asked == [asked]


@pytest.mark.parametrize(
    ("headers", "method", "whose"),
    [
        pytest.param(PREFLIGHT, "OPTIONS", f"preflight {CLIENT}", id="a preflight"),
        pytest.param(PREFLIGHT[1:], "OPTIONS", f"preflight {CLIENT}", id="a preflight, and nothing else"),
        pytest.param(PREFLIGHT, "PUT", CLIENT, id="its headers, with a request"),
        pytest.param(PREFLIGHT[:2], "OPTIONS", CLIENT, id="an OPTIONS of its own"),
    ],
)
@pytest.mark.parametrize("waits", [False, True])
def test_preflights_have_counts_of_their_own(headers: Any, method: str, whose: str, *, waits: bool) -> None:
    async def awaited(exchange: Exchange) -> str:
        return CLIENT

    store = Noting()
    policy = RateLimit("1/minute", name="n", store=store, key=awaited if waits else lambda exchange: CLIENT)
    request(SecurityMiddleware(answering(), policy), method, headers=headers)
    assert store.asked == [(whose, "sliding-window-counter n 1/minute")]


def test_places_and_limits_are_kept_apart() -> None:
    store = Noting()
    request(SecurityMiddleware(answering(), RateLimit("1/minute", max_concurrent=2, store=store, key=by_tenant)))
    assert store.asked == [
        ("tenant-1", f"{HERE}.by_tenant concurrent"),
        ("tenant-1", f"sliding-window-counter {HERE}.by_tenant 1/minute"),
    ]


def test_of_a_guard() -> None:
    store = Noting()
    guard = RateLimitGuard("1/minute", store=store, name="login")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await guard(scope)
        await answering()(scope, receive, send)

    assert request(app).status == 200
    assert store.asked == [(CLIENT, "sliding-window-counter guard login 1/minute")]
