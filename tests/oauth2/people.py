"""Who asks the endpoints: users, clients, an issuer, and what they send."""

import json
import logging
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import anyio.lowlevel
import pytest

from asgisec import SecurityEvent
from asgisec.oauth2 import TokenEndpoint
from asgisec.stores import MemoryStore
from asgisec.tokens import KeySet, TokenIssuer
from tests.asgi import App, Headers, Recorded, request

ISSUER = "https://id.example.com"
NOW = 1_800_000_000.0
KEYS = KeySet.generate("ES256", kid="k1")
HOST = ("host", "testserver")
FORM = ("content-type", "application/x-www-form-urlencoded")
NO_CLIENT = ("authorization", "Basic Og==")


@dataclass
class Known:
    subject: str
    secret: str = ""
    scopes: tuple[str, ...] | str = ()


ADA = Known("user-1", "correct horse", ("orders:read", "users:*"))
USERS = {"ada": ADA, "nobody": Known("user-2", "nothing to do")}
CLIENTS = {
    "web": Known("client-web", "s3cret", ("orders:read", "stock:*")),
    "other": Known("client-other", "0ther", ("orders:read",)),
    "spa": Known("client-spa"),
}


async def login(username: str, password: str) -> Known | None:
    await anyio.lowlevel.checkpoint()
    return _found(USERS, username, password)


def plain_login(username: str, password: str) -> Known | None:
    return _found(USERS, username, password)


async def clients(client_id: str, secret: str) -> Known | None:
    await anyio.lowlevel.checkpoint()
    return _found(CLIENTS, client_id, secret)


def _found(known: Mapping[str, Known], name: str, secret: str) -> Known | None:
    found = known.get(name)
    return found if found is not None and found.secret == secret else None


def issuer(*, clock: Callable[[], float] = lambda: NOW, **options: Any) -> TokenIssuer:
    store = options.pop("store", None) or MemoryStore(clock=clock)
    given = {"issuer": ISSUER, "audience": "api", "store": store, "clock": clock, **options}
    return TokenIssuer(given.pop("keys", KEYS), **given)


def endpoint(tokens: TokenIssuer | None = None, **options: Any) -> TokenEndpoint:
    return TokenEndpoint(tokens or issuer(), **{"login": login, "clients": clients, **options})


def basic(text: str) -> tuple[str, str]:
    return ("authorization", f"Basic {b64encode(text.encode()).decode()}")


WEB, OTHER, SPA = basic("web:s3cret"), basic("other:0ther"), basic("spa:")


def post(app: App, form: Mapping[str, str] | str, *headers: tuple[str, str], **extra: Any) -> Recorded:
    """Send a form."""
    body = form if isinstance(form, str) else urlencode(form)
    lines: Headers = [HOST, FORM, *headers]
    path = extra.pop("path", "/token")
    return request(app, "POST", path, lines, body=[body.encode()], patient=True, **extra)


def password(username: str = "ada", given: str = "correct horse", **more: str) -> dict[str, str]:
    return {"grant_type": "password", "username": username, "password": given, **more}


def said(answer: Recorded) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.body)
    return found


def events(caplog: pytest.LogCaptureFixture) -> list[SecurityEvent]:
    return [record.event for record in caplog.records if record.name == "asgisec.events"]  # type: ignore[attr-defined]


def warnings(caplog: pytest.LogCaptureFixture) -> list[SecurityEvent]:
    """Return the events of what went wrong, whatever level another test left the root logger at."""
    return [event for event in events(caplog) if event.level >= logging.WARNING]


def watched(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Let what succeeds be seen, too."""
    caplog.set_level(logging.INFO, logger="asgisec.events")
    return caplog
