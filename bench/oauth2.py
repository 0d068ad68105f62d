"""What a token costs over the endpoint: beside the issuer alone, and beside Authlib's server.

Authlib has no server for ASGI. Here its core runs without any framework around it, which costs it least: a form becomes
its request, its answer stays a dict. Ours is the whole endpoint, from the scope to the last message. Both verify the
client's secret by a comparison and sign an RFC 9068 token with a key of the same kind.
"""

import asyncio
import hmac
import json
import secrets
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode

from authlib.oauth2 import AuthorizationServer, OAuth2Request  # type: ignore[import-untyped]  # it has no types
from authlib.oauth2.rfc6749 import grants  # type: ignore[import-untyped]  # likewise
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload  # type: ignore[import-untyped]  # likewise
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator  # type: ignore[import-untyped]  # likewise
from joserfc.jwk import ECKey
from joserfc.jwk import KeySet as JoseKeys

from asgisec.oauth2 import TokenEndpoint
from asgisec.stores import MemoryStore
from asgisec.tokens import KeySet, TokenIssuer
from bench.calls import Against, Call, CallGroup, CallOutcome
from bench.harness import WrongAnswer
from bench.waiting import measure_awaited

__all__ = ["PEERS", "measured"]

PEERS = ("authlib", "joserfc")

_OURS, _ISSUER, _AUTHLIB = "TokenEndpoint", "TokenIssuer alone", "Authlib's server"
_URL = "https://id.example.com/token"
_SECRET = secrets.token_urlsafe(32)
_TYPE = (b"content-type", b"application/x-www-form-urlencoded")
_BASIC = b"Basic " + b64encode(f"report:{_SECRET}".encode())
_MACHINE = urlencode({"grant_type": "client_credentials", "scope": "orders:read"}).encode()
_ANOTHERS = b"Basic " + b64encode(b"report:another")
_LOGIN = urlencode({"grant_type": "password", "username": "ada", "password": "x", "scope": "orders:read"}).encode()


@dataclass(frozen=True)
class _Known:
    subject: str
    scopes: tuple[str, ...] = ("orders:read", "orders:write")


_numbers = count()


def _login(username: str, password: str) -> _Known:
    return _Known(f"user-{next(_numbers)}")


def _client(client_id: str, secret: str) -> _Known | None:
    return _Known("client-1") if hmac.compare_digest(secret, _SECRET) else None


def _judge(name: str, status: int, headers: Mapping[bytes, bytes]) -> None:
    """Refuse an answer that is none (RFC 6749 section 5.1): what is refused is quick."""
    if status != 200 or headers.get(b"cache-control") != b"no-store":
        raise WrongAnswer(f"{name}: answered {status}, {headers}")


class _Ours:
    """The endpoint, and the issuer that it asks."""

    def __init__(self) -> None:
        self.store = MemoryStore(max_entries=2_000_000)
        self.issuer = TokenIssuer(
            KeySet.generate("ES256"), issuer="https://id.example.com", audience="api", store=self.store
        )
        self.endpoint = TokenEndpoint(self.issuer, login=_login, clients=_client)
        self.token = ""

    async def ask(self, body: bytes, *headers: tuple[bytes, bytes]) -> Mapping[str, Any]:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/token", "query_string": b"", "headers": [_TYPE, *headers]}
        await self.endpoint(scope, receive, send)
        _judge(_OURS, sent[0]["status"], dict(sent[0]["headers"]))
        return cast("Mapping[str, Any]", json.loads(sent[1]["body"]))

    async def machine(self, presented: bytes = _BASIC) -> object:
        return (await self.ask(_MACHINE, (b"authorization", presented)))["scope"]

    async def machine_alone(self) -> object:
        return (await self.issuer.issue("client-1", ["orders:read"], "report", refresh=False)).scope

    async def login(self) -> object:
        return (await self.ask(_LOGIN))["scope"]

    async def login_alone(self) -> object:
        return (await self.issuer.issue(f"user-{next(_numbers)}", ["orders:read"])).scope

    async def refresh(self) -> object:
        form = urlencode({"grant_type": "refresh_token", "refresh_token": await self._current()}).encode()
        answer = await self.ask(form)
        self.token = answer["refresh_token"]
        return answer["scope"]

    async def refresh_alone(self) -> object:
        pair = await self.issuer.refresh(await self._current())
        self.token = str(pair.refresh_token)
        return pair.scope

    async def _current(self) -> str:
        if not self.token:
            self.token = str((await self.issuer.issue("user-1", ["orders:read"])).refresh_token)
        return self.token


class _Registered:
    """A client as Authlib wants it."""

    client_id = "report"

    def get_client_id(self) -> str:
        return self.client_id

    def check_client_secret(self, secret: str) -> bool:
        return hmac.compare_digest(secret, _SECRET)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "client_secret_basic"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "client_credentials"

    def get_allowed_scope(self, scope: str) -> str:
        return " ".join(one for one in scope.split() if one in _Known("").scopes)


class _Tokens(JWTBearerTokenGenerator):  # type: ignore[misc]  # it has no types
    keys = JoseKeys([ECKey.generate_key("P-256")])

    def get_jwks(self) -> JoseKeys:
        return self.keys


class _Server(AuthorizationServer):  # type: ignore[misc]  # likewise
    """Authlib's core, with what a framework would give it."""

    def query_client(self, client_id: str) -> _Registered | None:
        return _Registered() if client_id == "report" else None

    def save_token(self, token: Mapping[str, Any], request: OAuth2Request) -> None:
        """Keep nothing: an access token alone is not kept by ours either."""

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> Any:
        _judge(_AUTHLIB, status, {name.lower().encode(): value.encode() for name, value in headers})
        return body

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Tell nobody."""


def _authlib() -> _Server:
    server = _Server()
    server.register_grant(grants.ClientCredentialsGrant)
    server.register_token_generator("default", _Tokens("https://id.example.com", "ES256"))
    return server


async def _ask_authlib(server: _Server, presented: bytes = _BASIC) -> object:
    request = OAuth2Request("POST", _URL, headers={"Authorization": presented.decode()})
    request.payload = BasicOAuth2Payload(dict(parse_qsl(_MACHINE.decode())))
    return json.loads(json.dumps(server.create_token_response(request)))["scope"]


def groups() -> list[CallGroup]:
    """Return what is compared: each grant, with a secret that costs nothing to verify."""
    ours, server = _Ours(), _authlib()
    machine: dict[str, Call] = {
        _OURS: ours.machine,
        _ISSUER: ours.machine_alone,
        _AUTHLIB: lambda: _ask_authlib(server),
    }
    people: dict[str, dict[str, Call]] = {
        "password": {_OURS: ours.login, _ISSUER: ours.login_alone},
        "refresh_token": {_OURS: ours.refresh, _ISSUER: ours.refresh_alone},
    }
    return [
        CallGroup(
            "client_credentials, ES256",
            {"a token": machine},
            [Against(_ISSUER), Against(_AUTHLIB, 1.0)],
            same=[_ISSUER, _AUTHLIB],
        ),
        CallGroup("What the endpoint adds, ES256", people, [Against(_ISSUER, 2.0)], same=[_ISSUER]),
    ]


async def refuses() -> None:
    """Stop the run where somebody gets a token with a secret that is another's."""
    for name, ask in ((_OURS, _Ours().machine), (_AUTHLIB, partial(_ask_authlib, _authlib()))):
        try:
            await ask(presented=_ANOTHERS)
        except WrongAnswer as refused:
            if not str(refused).startswith(f"{name}: answered 401"):
                raise
        else:
            raise WrongAnswer(f"{name}: gives a token for another's secret")


def measured(rounds: int) -> Iterator[CallOutcome]:
    """Measure each grant."""
    asyncio.run(refuses())
    for group in groups():
        yield asyncio.run(measure_awaited(group, rounds=rounds))
