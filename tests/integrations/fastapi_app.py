"""An application of FastAPI whose routes are guarded, and who calls it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import anyio
from fastapi import FastAPI

from asgisec.auth import APIKeyAuth, BearerAuth
from asgisec.credentials import APIKeys
from asgisec.stores import MemoryStore
from asgisec.tokens import KeySet, TokenIssuer
from tests.asgi import Headers, Recorded, request, websocket

HOST = ("host", "testserver")
DECLARED = {"users:read": "Read users", "users:write": "Change users", "admin": "Everything else"}
KEYS = KeySet.from_secret("a secret of tests that is long enough")


@dataclass(frozen=True)
class User:
    subject: str
    scopes: tuple[str, ...] = ()


class Callers:
    """What issues credentials, and the credentials."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.issuer = TokenIssuer(KEYS, issuer="https://api.example.com", audience="api", store=self.store)
        self.api_keys = APIKeys(self.store)
        self.bearer, self.api_key = BearerAuth(self.issuer), APIKeyAuth(self.api_keys)
        self.either = self.bearer | self.api_key

    def token(self, *scopes: str, subject: str = "user-1") -> tuple[str, str]:
        pair = anyio.run(self.issuer.issue, subject, scopes)
        return ("authorization", f"Bearer {pair.access_token}")

    def key(self, *scopes: str, owner: str = "user-2") -> tuple[str, str]:
        return ("x-api-key", anyio.run(self.api_keys.create, owner, scopes).key)


def get(app: FastAPI, path: str, *headers: tuple[str, str], method: str = "GET", **extra: Any) -> Recorded:
    return request(app, method, path, [HOST, *headers], **extra)


def ws(app: FastAPI, path: str, headers: Iterable[tuple[str, str]] = ()) -> Recorded:
    lines: Headers = [HOST, *headers]
    return websocket(app, path, lines)
