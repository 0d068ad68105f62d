"""Who calls in the tests of guards: tokens and API keys, good and bad, and the headers they come in."""

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import anyio

from asgisec import SecurityEvent
from asgisec.auth import APIKeyAuth, BearerAuth, Principal
from asgisec.auth.authenticators import Authenticator
from asgisec.errors import InvalidAPIKey
from asgisec.policy import Exchange
from tests.asgi import App, Message, Recorded, request, websocket
from tests.tokens.minting import CLAIMS, NOW, minted, verifier

Pair = tuple[str, str]

CHALLENGE_FOR_KEYS = 'APIKey header="X-API-Key"'


@dataclass
class Record:
    id: str = "key-1"
    owner: str = "user-1"
    scopes: Iterable[str] = ("users:read",)
    expires_at: Any = None


@dataclass
class Keys:
    """The seam of `APIKeys`; counts how often it is asked."""

    records: dict[str, Record] = field(default_factory=lambda: {"good": Record(), "weak": Record(scopes=())})
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    closes: tuple[Any, ...] = ()

    async def verify(self, key: str, *, client: str | None = None) -> Record:
        self.asked.append((key, client))
        await anyio.lowlevel.checkpoint()
        if key not in self.records:
            raise InvalidAPIKey(reason="unknown")
        return self.records[key]


def token(scope: str = "users:read", **claims: Any) -> str:
    return minted({**CLAIMS, "scope": scope, **claims})


def bearer(value: str) -> Pair:
    return ("authorization", f"Bearer {value}")


def api_key(value: str) -> Pair:
    return ("x-api-key", value)


def bearer_auth(**options: Any) -> BearerAuth:
    return BearerAuth(verifier(), **options)


def key_auth(keys: Keys | None = None, **options: Any) -> APIKeyAuth:
    return APIKeyAuth(keys or Keys(), **options)


class Counting(Authenticator):
    """Finds somebody in the header `x-name`, after a while, and counts how often it looks."""

    scheme = "counting"

    def __init__(self, error: Exception | None = None) -> None:
        self.looks = 0
        self.error = error

    async def authenticate(self, exchange: Exchange) -> Principal | None:
        self.looks += 1
        await anyio.lowlevel.checkpoint()
        if self.error is not None:
            raise self.error
        name = exchange.header("x-name")
        return None if name is None else Principal(name, frozenset({"users:*"}), self.scheme)


def guarded(guard: Any, seen: list[Any] | None = None) -> App:
    """Make a bare application that asks a guard before it does anything, and after it accepted with `/after`."""

    async def app(scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await receive()
            if scope["path"] == "/after":
                await send({"type": "websocket.accept"})
            principal = await guard(scope)
            if scope["path"] != "/after":
                await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": principal.subject})
            await send({"type": "websocket.close", "code": 1000})
            return
        principal = await guard(scope)
        if seen is not None:
            seen.append(principal)
        body = json.dumps({"subject": principal.subject}).encode()
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def ask(app: App, *headers: Pair, **extra: Any) -> Recorded:
    return request(app, headers=[("host", "testserver"), *headers], patient=True, **extra)


def open_socket(app: App, *headers: Pair, path: str = "/", **extra: Any) -> Recorded:
    return websocket(app, path, [("host", "testserver"), *headers], patient=True, **extra)


def events_of(caplog: Any) -> list[SecurityEvent]:
    return [
        record.event
        for record in caplog.records
        if record.name == "asgisec.events" and record.levelno >= logging.WARNING
    ]


__all__ = [
    "CHALLENGE_FOR_KEYS",
    "NOW",
    "Counting",
    "Keys",
    "Record",
    "api_key",
    "ask",
    "bearer",
    "bearer_auth",
    "events_of",
    "guarded",
    "key_auth",
    "open_socket",
    "token",
]
