"""What a request costs while an application grows: with one, ten, a hundred and a thousand of what it lists.

Everything is counted in memory and in one process, without an event loop, so nothing but the look-up can grow. The
path that is asked for stands last in its list, or in none. Hosts and origins are in `bench.one_pass`.

With routes it is a FastAPI application, each route with a scope and a limit of its own. It asks for its first, which
the router finds at once: what remains is ours. Where the last is asked for, the router's own search grows, too; the
same application without asgisec stands beside it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import cycle, repeat
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Security

from asgisec import RateLimit, RateLimitGuard, Rule, SecurityMiddleware, TrustedProxies, secure
from asgisec.auth import BearerAuth, Principal
from asgisec.integrations.fastapi import SecurityGuard
from asgisec.policy import Policy
from bench.calls import Against, Call, CallGroup, CallOutcome, finished, measure_calls
from bench.harness import ASGIApp, WrongAnswer
from bench.traffic import BROWSER, bare
from bench.whole import service

__all__ = ["COUNTS", "lists", "measured", "routed", "secured"]

COUNTS = (1000, 100, 10, 1)
AT_MOST = 1.2
"""What a thousand may cost, as a multiple of one: the walk of a bisection, and no more."""

_ONE = {"rules": "rule", "entries": "entry", "routes": "route"}
_MANY = "1000000000/minute"
_BEARERS = [(b"host", service.HOST.encode()), (b"origin", service.ORIGIN.encode())]


def measured(rounds: int) -> Iterator[CallOutcome]:
    """Measure each list, then the routes."""
    for group in (rules(), lists(), routes(), last_route()):
        yield measure_calls(group, rounds=rounds)


def rules() -> CallGroup:
    """Return rules of a `RateLimit`, by how their paths are found."""

    def of(pattern: str, asked: Callable[[int], Iterable[str]], count: int) -> Call:
        listed = [Rule(pattern % number, limits=_MANY) for number in range(count)]
        return _asking(RateLimit(_MANY, rules=listed), asked(count))

    def each(count: int) -> Call:
        call = of("/items/%d/*", lambda count: cycle([f"/items/{n}/parts" for n in range(count)]), count)
        for _ in range(count):
            call()  # the first time that a rule is needed, it is compiled
        return call

    cases: dict[str, Callable[[int], Call]] = {
        "exact path": partial(of, "/items/%d", lambda count: repeat(f"/items/{count - 1}")),
        "below a path": partial(of, "/items/%d/*", lambda count: repeat(f"/items/{count - 1}/parts/7")),
        "in no rule": partial(of, "/items/%d/*", lambda _: repeat("/orders/7")),
        "each in turn": each,
    }
    return _group("Rules of RateLimit", "rules", cases)


def lists() -> CallGroup:
    """Return other lists that an application may have."""

    def exempt(count: int) -> Call:
        return _asking(
            RateLimit("1/hour", exempt=[f"/health/{n}" for n in range(count)]), repeat(f"/health/{count - 1}")
        )

    def proxies(count: int) -> Call:
        networks = [f"10.{n >> 8}.{n & 255}.0/24" for n in range(count)]
        # Each request is of another client: nothing is remembered of it.
        clients = (f"192.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in cycle(range(1 << 24)))
        policy = TrustedProxies(networks)
        last = (f"10.{count - 1 >> 8}.{count - 1 & 255}.7", 443)
        return _asking(policy, repeat("/"), lambda: {"client": last, "headers": _forwarded(next(clients))})

    return _group("Other lists", "entries", {"exempt path": exempt, "trusted network": proxies})


def routes() -> CallGroup:
    """Return applications of so many routes that are asked for their first."""
    bearer = service.token(scopes=("items:*",))
    return _group("A secured FastAPI application", "routes", {"first route": lambda n: routed(secured(n), 0, bearer)})


def last_route() -> CallGroup:
    """Return applications of so many routes that are asked for their last, with asgisec and without."""
    bearer = service.token(scopes=("items:*",))
    cases: dict[str, Mapping[str, Call]] = {
        _named(count, "routes"): {
            "asgisec": routed(secured(count), count - 1, bearer),
            "the routes alone": routed(_plain(count), count - 1, bearer),
        }
        for count in reversed(COUNTS)
    }
    return CallGroup("FastAPI, asked for the last route", cases, [Against("the routes alone")], ["the routes alone"])


def secured(count: int) -> FastAPI:
    """Return an application whose routes have a scope and a limit each."""
    guard = SecurityGuard(BearerAuth(service.issuer()), scopes={f"items:{n}": "" for n in range(count)})
    app = FastAPI(openapi_url=None)
    for number in range(count):
        caller = Annotated[Principal, Security(guard, scopes=[f"items:{number}"])]
        limit = RateLimitGuard(_MANY, name=f"items-{number}")
        app.get(f"/items-{number}", dependencies=[Depends(limit)])(_route(caller))
    return secure(app, hosts=[service.HOST], origins=[service.ORIGIN], limits=[_MANY])


def _route(caller: Any) -> Callable[..., Any]:
    async def item(caller: Any) -> dict[str, int]:
        return {"id": 7}

    item.__annotations__["caller"] = caller
    return item


def _plain(count: int) -> FastAPI:
    app = FastAPI(openapi_url=None)
    for number in range(count):

        @app.get(f"/items-{number}")
        async def item() -> dict[str, int]:
            return {"id": 7}

    return app


def _group(name: str, unit: str, cases: Mapping[str, Callable[[int], Call]]) -> CallGroup:
    calls = {case: {_named(count, unit): made(count) for count in COUNTS} for case, made in cases.items()}
    return CallGroup(name, calls, [Against(_named(COUNTS[-1], unit), AT_MOST)])


def _named(count: int, unit: str) -> str:
    return f"{count:,} {unit}" if count != 1 else f"1 {_ONE[unit]}"


def _asking(policy: Policy, paths: Iterable[str], more: Callable[[], Mapping[str, Any]] = dict) -> Call:
    app, turn = SecurityMiddleware(bare, policy), iter(paths)
    headers = BROWSER.scope["headers"]
    return lambda: _answered(app, {**BROWSER.scope, "headers": [*headers], "path": next(turn), **more()})


def routed(app: FastAPI, number: int, bearer: str) -> Call:
    """Return a call that asks for a route."""
    headers = [*_BEARERS, (b"authorization", f"Bearer {bearer}".encode())]
    path = f"/items-{number}"
    return lambda: _answered(app, {**BROWSER.scope, "headers": [*headers], "path": path, "raw_path": path.encode()})


def _forwarded(client: str) -> list[tuple[bytes, bytes]]:
    return [*BROWSER.scope["headers"], (b"x-forwarded-for", client.encode()), (b"x-forwarded-proto", b"https")]


def _answered(app: ASGIApp, scope: dict[str, Any]) -> bytes:
    """Ask, and return the body; whatever is no 200 stops the run."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    finished(app(scope, _receive, send))
    if sent[0]["status"] != 200:
        raise WrongAnswer(f"{scope['path']}: answered {sent}")
    return bytes(sent[1]["body"])


async def _receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}
