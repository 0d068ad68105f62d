"""A guarded FastAPI route, beside the usual way: python-jose in a dependency, as FastAPI's own tutorial had it.

In process it is what one request costs; through uvicorn, what many cost under load: half of it is twice the
throughput. Both routes are HTTP Bearer with HS256 and ask for one scope. Ours also checks who issued the token, for
whom, its type and whether it was revoked.
"""

import asyncio
import multiprocessing
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Security
from fastapi.security import OAuth2PasswordBearer, SecurityScopes
from jose import JWTError, jwt  # type: ignore[import-untyped]  # it has no types

from asgisec.auth import BearerAuth, Principal
from asgisec.integrations.fastapi import SecurityGuard
from asgisec.stores import MemoryStore
from asgisec.tokens import KeySet, TokenIssuer
from bench.calls import Against, Call, CallGroup, CallOutcome
from bench.harness import WrongAnswer
from bench.waiting import measure_awaited

__all__ = ["PEERS", "measured"]

PEERS = ("fastapi", "python-jose", "uvicorn")

OURS = "Security(guard, scopes)"
USUAL = "python-jose in a dependency"
BARE = "no guard"

_SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of a benchmark
_CONNECTIONS = 16
_REQUESTS = 40  # per connection and turn


def measured(rounds: int) -> Iterator[CallOutcome]:
    """Measure in process, then through uvicorn."""
    for name in (OURS, USUAL):
        asyncio.run(refuses(name))
    yield asyncio.run(measure_awaited(in_process(), rounds=rounds))
    with serving(OURS) as ours, serving(USUAL) as usual, serving(BARE) as bare:
        ports = {OURS: ours, USUAL: usual, BARE: bare}
        calls: dict[str, Call] = {name: partial(_load, port, _headers(name)) for name, port in ports.items()}
        group = CallGroup(
            f"A guarded FastAPI route through uvicorn, {_CONNECTIONS * _REQUESTS} requests",
            {f"{_CONNECTIONS} connections": calls},
            [Against(USUAL, 0.5), Against(BARE)],
        )
        yield asyncio.run(measure_awaited(group, rounds=max(2, rounds // 40)))


def in_process() -> CallGroup:
    """Return what one request costs, without a server."""
    calls: dict[str, Call] = {name: partial(_asked, _app(name), _headers(name)) for name in (OURS, USUAL, BARE)}
    return CallGroup("A guarded FastAPI route", {"one request": calls}, [Against(USUAL, 0.5), Against(BARE)], [USUAL])


def _app(name: str) -> FastAPI:
    app = FastAPI()
    if name == OURS:
        guard = SecurityGuard(BearerAuth(_issuer()), scopes=["users:read"])

        @app.get("/users")
        async def ours(caller: Annotated[Principal, Security(guard, scopes=["users:read"])]) -> dict[str, str]:
            return {"caller": caller.subject}

    elif name == USUAL:

        @app.get("/users")
        async def usual(caller: Annotated[str, Security(_by_jose, scopes=["users:read"])]) -> dict[str, str]:
            return {"caller": caller}

    else:

        @app.get("/users")
        async def bare() -> dict[str, str]:
            return {"caller": "user-1"}

    return app


_oauth2 = OAuth2PasswordBearer("/token", scopes={"users:read": ""})


async def _by_jose(security_scopes: SecurityScopes, token: Annotated[str, Depends(_oauth2)]) -> str:
    refusal = HTTPException(401, "Could not validate credentials", {"WWW-Authenticate": "Bearer"})
    try:
        payload = jwt.decode(token, _SECRET, algorithms=["HS256"], options={"verify_aud": False})
    except JWTError:
        raise refusal from None
    subject = payload.get("sub")
    if not isinstance(subject, str):
        raise refusal
    granted = str(payload.get("scope", "")).split(" ")
    for scope in security_scopes.scopes:
        if scope not in granted:
            raise HTTPException(403, "Not enough permissions", {"WWW-Authenticate": "Bearer"})
    return subject


def _issuer() -> TokenIssuer:
    keys = KeySet.from_secret(_SECRET, kid="k1")
    return TokenIssuer(keys, issuer="https://api.example.com", audience="api", store=MemoryStore(), access_ttl=86_400)


def _headers(name: str) -> list[tuple[bytes, bytes]]:
    token = asyncio.run(_issuer().issue("user-1", ["users:read"])).access_token
    return [(b"host", b"127.0.0.1"), *([] if name == BARE else [(b"authorization", f"Bearer {token}".encode())])]


async def refuses(name: str) -> None:
    """Stop the run where a guard lets somebody pass whom it should not, or does not say what to present."""
    app = _app(name)
    lacking = (await _issuer().issue("user-1", ["users:write"])).access_token
    for token, status in ((None, 401), (f"{lacking}x", 401), (lacking, 403)):
        lines = [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
        start, *_ = await _answer(app, [(b"host", b"127.0.0.1"), *lines])
        names = [header for header, _ in start["headers"]]
        if start["status"] != status or names.count(b"www-authenticate") != 1:
            raise WrongAnswer(f"{name}: answered {start}, not {status} with a challenge")


async def _asked(app: FastAPI, headers: list[tuple[bytes, bytes]]) -> bytes:
    sent = await _answer(app, headers)
    if sent[0]["status"] != 200:
        raise WrongAnswer(f"answered {sent}")
    return bytes(sent[1]["body"])


async def _answer(app: FastAPI, headers: list[tuple[bytes, bytes]]) -> list[Any]:
    sent: list[Any] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/users",
        "raw_path": b"/users",
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 80),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


@contextmanager
def serving(name: str) -> Iterator[int]:
    """Run uvicorn in a process of its own, and give its port."""
    # Named, for asyncio switches off Nagle's algorithm only where it sees that this is TCP.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(_CONNECTIONS)
        port: int = listening.getsockname()[1]
        process = multiprocessing.get_context("fork").Process(target=_serve, args=(name, listening), daemon=True)
        process.start()
        try:
            yield port
        finally:
            process.terminate()
            process.join()


def _serve(name: str, listening: socket.socket) -> None:
    config = uvicorn.Config(_app(name), log_config=None, access_log=False)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))


async def _load(port: int, headers: list[tuple[bytes, bytes]]) -> float:
    """Send requests on several connections, each one after the other; return how many seconds it took."""
    lines = [b"GET /users HTTP/1.1", *(name + b": " + value for name, value in headers)]
    request = b"\r\n".join([*lines, b"", b""])
    begin = time.perf_counter()
    await asyncio.gather(*(_connection(port, request) for _ in range(_CONNECTIONS)))
    return time.perf_counter() - begin


async def _connection(port: int, request: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(_REQUESTS):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise WrongAnswer(head.decode())
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
    writer.close()
    await writer.wait_closed()
