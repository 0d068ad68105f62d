"""Litestar: its own rate limit, CORS and allowed hosts."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from litestar import Litestar, Response, get
from litestar.config.allowed_hosts import AllowedHostsConfig
from litestar.config.cors import CORSConfig
from litestar.middleware.rate_limit import RateLimitConfig
from litestar.stores.redis import RedisStore as TheirRedisStore

from asgisec import CORS, RateLimit, TrustedHosts, install
from asgisec.policy import Policy
from asgisec.stores import RedisStore
from bench.compare.driving import Lines, ask, statuses, told
from bench.compare.room import Room
from bench.compare.row import Row, Seen
from tests import valkey
from tests.asgi import App

__all__ = ["ROWS"]

_PAGE = "https://app.example.com"
_STRANGER = "https://evil.example"
_INSTANCES = 4
_AT_ONCE = 40
_LIMIT = 5


@get("/")
async def hello() -> str:
    return "hello"


@get("/vary")
async def varying() -> Response[str]:
    return Response("hello", headers={"Vary": "Accept-Encoding, Cookie"})


def theirs(**options: Any) -> Litestar:
    return Litestar([hello, varying], **options)


def ours(*policies: Policy) -> Litestar:
    return install(Litestar([hello, varying]), *policies)


def cors(*origins: str) -> Litestar:
    return theirs(cors_config=CORSConfig(allow_origins=[*origins], allow_credentials=True))


def our_cors() -> Litestar:
    return ours(CORS(allow_origins=[_PAGE], allow_credentials=True))


async def counted_together(make: Callable[[str], App], room: Room) -> Seen:
    url = room.valkey().url
    apps = [make(url) for _ in range(_INSTANCES)]
    answers = await asyncio.gather(*(ask(apps[n % _INSTANCES]) for n in range(_AT_ONCE)))
    allowed = sum(answer.status == 200 for answer in answers)
    return Seen(f"{allowed} allowed", allowed == _LIMIT)


def their_instance(url: str) -> App:
    limit = RateLimitConfig(("minute", _LIMIT))
    return theirs(middleware=[limit.middleware], stores={"rate_limit": TheirRedisStore.with_client(url)})


def our_instance(url: str) -> App:
    return ours(RateLimit(f"{_LIMIT}/minute", store=RedisStore.from_url(url, timeout=10)))


async def hosts(make: Callable[[], App], room: Room) -> Seen:
    app = make()
    named = ("example.com:8000", "EXAMPLE.com", "evil.example")
    seen = [(await ask(app, host=host)).status for host in named]
    return Seen(told(seen), seen == [200, 200, 400])


async def credentials(make: Callable[[], App], room: Room) -> Seen:
    try:
        app = make()
    except ValueError as error:
        return Seen(f"`{type(error).__name__}` at start", right=True)
    answer = await ask(app, headers=[("origin", "null"), ("cookie", "session=1")])
    allowed = answer.values("access-control-allow-origin")
    with_credentials = answer.values("access-control-allow-credentials") == ["true"]
    text = f"`null` is answered with `{told(allowed)}`" + (", credentials allowed" if with_credentials else "")
    return Seen(text, not (allowed and with_credentials))


async def stranger(make: Callable[[], App], room: Room) -> Seen:
    answer = await ask(make(), headers=[("origin", _STRANGER)])
    found = [name for name, _ in answer.headers if name.startswith("access-control-")]
    return Seen(f"{len(found)} CORS headers" if found else "none", not found)


async def vary(make: Callable[[], App], path: str, headers: Lines, wanted: set[str], room: Room) -> Seen:
    answer = await ask(make(), path=path, headers=headers)
    found = answer.values("vary")
    names = {name.strip().lower() for value in found for name in value.split(",")}
    return Seen(f"`Vary: {', '.join(found)}`" if found else "no `Vary`", names == wanted)


async def addresses(make: Callable[[], App], room: Room) -> Seen:
    app = make()
    seen = [(await ask(app, client=f"2001:db8:1:2::{n:x}")).status for n in range(1, 5)]
    return Seen(told(seen), seen[1:] == [429] * 3)


async def nowhere(make: Callable[[], App], room: Room) -> Seen:
    seen = await statuses(make(), "/nowhere")
    return Seen(told(seen), 429 in seen[1:])


async def dead(make: Callable[[str], App], room: Room) -> Seen:
    status = (await ask(make(f"redis://127.0.0.1:{valkey.free_port()}/0"))).status
    return Seen(str(status), status == 200)


def limited() -> Litestar:
    return theirs(middleware=[RateLimitConfig(("minute", 1)).middleware])


ROWS = (
    Row(
        "litestar-shared-store",
        f"{_INSTANCES} instances share a store on Redis; a limit of {_LIMIT}/minute, {_AT_ONCE} requests at once",
        f"{_LIMIT} allowed",
        partial(counted_together, their_instance),
        partial(counted_together, our_instance),
        thread="litestar-org/litestar#4700",
    ),
    Row(
        "litestar-dead-redis",
        "its store on Redis is down",
        "200: a limit is no reason to be unreachable, unless one says so",
        partial(dead, their_instance),
        partial(dead, our_instance),
        note="a limit that fails closed may be what somebody wants; there is no option",
    ),
    Row(
        "litestar-404",
        "a limit of 1/minute; a path that is not there is asked 4 times",
        "429 from the second request on",
        partial(nowhere, limited),
        partial(nowhere, lambda: ours(RateLimit("1/minute"))),
        note="middleware of Litestar belongs to routes",
    ),
    Row(
        "litestar-ipv6",
        "1/minute; one client asks from 4 IPv6 addresses of its own /64",
        "429 from the second request on",
        partial(addresses, limited),
        partial(addresses, lambda: ours(RateLimit("1/minute"))),
    ),
    Row(
        "litestar-vary-replaced",
        "CORS; the handler answers with `Vary: Accept-Encoding, Cookie`",
        "these two and `Origin`, else a cache serves one reader's answer to another",
        partial(vary, lambda: cors(_PAGE), "/vary", [("origin", _PAGE)], {"accept-encoding", "cookie", "origin"}),
        partial(vary, our_cors, "/vary", [("origin", _PAGE)], {"accept-encoding", "cookie", "origin"}),
    ),
    Row(
        "litestar-vary-missing",
        "CORS; a request without `Origin`",
        "`Vary: Origin`, else a cache serves this answer, without CORS headers, to a page",
        partial(vary, lambda: cors(_PAGE), "/", [], {"origin"}),
        partial(vary, our_cors, "/", [], {"origin"}),
    ),
    Row(
        "litestar-hosts",
        "`example.com` is allowed; asked for `example.com:8000`, `EXAMPLE.com`, `evil.example`",
        "200, 200, 400",
        partial(hosts, lambda: theirs(allowed_hosts=AllowedHostsConfig(["example.com"]))),
        partial(hosts, lambda: ours(TrustedHosts(["example.com"]))),
    ),
    Row(
        "litestar-credentials",
        'CORS for `"*"`, with credentials; a request with a cookie, of origin `null`',
        "refused when the application starts, or no credentials",
        partial(credentials, lambda: cors("*")),
        partial(credentials, lambda: ours(CORS(allow_origins=["*"], allow_credentials=True))),
    ),
    Row(
        "litestar-stranger",
        "CORS for one origin, with credentials; a request of another origin",
        "no CORS header",
        partial(stranger, lambda: cors(_PAGE)),
        partial(stranger, our_cors),
        note="without `Access-Control-Allow-Origin` browsers ignore the others",
    ),
)
