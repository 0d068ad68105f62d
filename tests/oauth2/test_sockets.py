"""The endpoints on a real server, attacked byte by byte; and on a real store that dies under them."""

import json
from collections.abc import Iterator
from urllib.parse import urlencode

import anyio
import httpx2
import pytest

from asgisec.credentials import LoginThrottle
from asgisec.errors import InvalidToken
from asgisec.oauth2 import IntrospectionEndpoint, JWKSEndpoint, MetadataEndpoint, RevocationEndpoint
from asgisec.stores import MemoryStore, RedisStore
from asgisec.tokens import RemoteKeySet, TokenIssuer, TokenVerifier
from tests import valkey
from tests.asgi import App, Message
from tests.oauth2.people import KEYS, clients, endpoint, issuer, password
from tests.servers.harness import SERVERS, Answer, Servers, running

GOOD = urlencode(password()).encode()
TYPE = b"Content-Type: application/x-www-form-urlencoded"


class Late:
    """An application that is made once its address is known."""

    made: App

    async def __call__(self, scope: Message, receive: object, send: object) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await self.made(scope, receive, send)


@pytest.fixture(scope="module", params=SERVERS)
def servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    apps: dict[str, App] = {
        "token": endpoint(),
        "slow": endpoint(throttle=LoginThrottle(MemoryStore(), per_pair=2)),
        "late": Late(),
    }
    with running(request.param, apps) as started:
        yield started


def raw(*lines: bytes, body: bytes = b"", target: bytes = b"/token") -> bytes:
    return b"\r\n".join([b"POST " + target + b" HTTP/1.1", b"Host: testserver", *lines, b"", body])


def sized(body: bytes, *lines: bytes, target: bytes = b"/token") -> bytes:
    return raw(TYPE, b"Content-Length: %d" % len(body), *lines, body=body, target=target)


def chunked(*chunks: bytes) -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))
    return raw(TYPE, b"Transfer-Encoding: chunked", body=body)


def outcome(answer: Answer) -> tuple[int, str]:
    return answer.status, str(json.loads(answer.body).get("error", "good"))


@pytest.mark.parametrize(
    ("sent", "wanted"),
    [
        pytest.param(sized(GOOD), (200, "good"), id="a form"),
        pytest.param(chunked(GOOD[:7], GOOD[7:]), (200, "good"), id="in chunks"),
        pytest.param(chunked(*(GOOD[n : n + 1] for n in range(len(GOOD)))), (200, "good"), id="in chunks of one byte"),
        pytest.param(sized(GOOD, b"Authorization: Basic Og=="), (200, "good"), id="Swagger UI"),
        pytest.param(
            sized(GOOD, b"Authorization: Basic Og==", b"Authorization: Bearer x"), (400, "invalid_request"), id="twice"
        ),
        pytest.param(
            sized(GOOD, b"Authorization: Basic Og==, Basic Og=="), (401, "invalid_client"), id="twice in one line"
        ),
        pytest.param(sized(GOOD, b"Content-Type: application/json"), (400, "invalid_request"), id="two content types"),
        pytest.param(sized(GOOD, target=b"/token?username=eve"), (400, "invalid_request"), id="here and in the URL"),
        pytest.param(sized(b"", target=b"/token?" + GOOD), (400, "invalid_request"), id="in the URL alone"),
        pytest.param(sized(GOOD + b"&username=eve"), (400, "invalid_request"), id="two users"),
        pytest.param(sized(GOOD + b"&client_secret=%00"), (400, "invalid_request"), id="NUL"),
        pytest.param(sized(GOOD + b"&x=%0d%0aSet-Cookie:a"), (400, "invalid_request"), id="CR and LF"),
        pytest.param(sized(GOOD + b"\xff"), (400, "invalid_request"), id="no UTF-8"),
        pytest.param(sized(b"[" * 9000), (400, "invalid_request"), id="brackets"),
        pytest.param(sized(b"&".join([GOOD] * 9)), (400, "invalid_request"), id="many fields"),
        pytest.param(sized(b"a=" + b"b" * 20_000), (413, "invalid_request"), id="too large"),
        pytest.param(chunked(*[b"b" * 4096] * 9), (413, "invalid_request"), id="too large, in chunks"),
        pytest.param(raw(TYPE, b"Content-Length: 99999999999"), (413, "invalid_request"), id="a length, and no body"),
    ],
)
def test_attacks(servers: Servers, sent: bytes, wanted: tuple[int, str]) -> None:
    answer = servers.ask("token", sent)
    assert outcome(answer) == wanted
    assert answer.values("cache-control") == ["no-store"]
    assert answer.values("set-cookie") == []


def test_a_client_that_hangs_up_leaves_no_trace(servers: Servers) -> None:
    for sent in (
        raw(TYPE, b"Content-Length: 500", body=GOOD),
        raw(TYPE, b"Transfer-Encoding: chunked", body=b"4\r\nab"),
    ):
        with servers.connect("token") as peer:
            peer.send(sent)
    assert outcome(servers.ask("token", sized(GOOD))) == (200, "good")
    assert [record for record in servers.log.of("uvicorn.error") if record.exc_info] == []


def test_guesses_are_slowed_down(servers: Servers) -> None:
    wrong = sized(urlencode(password(username=f"ada-{servers.kind}", given="x")).encode())
    answers = [servers.ask("slow", wrong) for _ in range(3)]
    assert [outcome(answer) for answer in answers[:2]] == [(400, "invalid_grant")] * 2
    assert outcome(answers[2]) == (429, "temporarily_unavailable")
    assert answers[2].values("retry-after") in (["1"], ["2"])


def test_an_api_elsewhere_discovers_the_keys(servers: Servers) -> None:
    base = f"http://127.0.0.1:{servers.ports['late']}"
    tokens = TokenIssuer(KEYS, issuer=base, audience="api", store=MemoryStore())
    metadata = MetadataEndpoint(tokens, token_endpoint=f"{base}/token", jwks_uri=f"{base}/jwks.json")
    parts: dict[str, App] = {
        "/.well-known/openid-configuration": metadata,
        "/jwks.json": JWKSEndpoint(tokens),
        "/token": endpoint(tokens),
        "/introspect": IntrospectionEndpoint(tokens, clients=clients),
    }

    async def made(scope: Message, receive: object, send: object) -> None:
        await parts[scope["path"]](scope, receive, send)

    late = servers.running["late"].config.app
    assert isinstance(late, Late)
    late.made = made
    access = httpx2.post(f"{base}/token", data=password()).json()["access_token"]
    verifier = TokenVerifier(RemoteKeySet(issuer=base), issuer=base, audience="api")
    assert anyio.run(verifier.authenticate, access).subject == "user-1"
    with pytest.raises(InvalidToken):
        anyio.run(verifier.authenticate, access[:-6] + "AAAAAA")
    said = httpx2.post(f"{base}/introspect", data={"token": access}, auth=("web", "s3cret")).json()
    assert said["sub"] == "user-1"


def test_a_store_that_dies_is_never_a_success() -> None:
    with valkey.process() as server:
        store = RedisStore.from_url(server.url, prefix=valkey.fresh_prefix())
        tokens = issuer(store=store)
        apps: dict[str, App] = {
            "token": endpoint(tokens),
            "revoke": RevocationEndpoint(tokens, clients=clients),
            "introspect": IntrospectionEndpoint(tokens, clients=clients),
        }
        with running("uvicorn-h11", apps) as servers:
            pair = json.loads(servers.ask("token", sized(GOOD)).body)
            machine = sized(b"grant_type=client_credentials", b"Authorization: Basic d2ViOnMzY3JldA==")
            web = b"Authorization: Basic d2ViOnMzY3JldA=="
            server.kill()
            for name, form, lines in (
                ("token", password(), []),
                ("token", {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}, []),
                ("revoke", {"token": pair["refresh_token"]}, []),
                ("revoke", {"token": pair["access_token"]}, []),
                ("introspect", {"token": pair["access_token"]}, [web]),
                ("introspect", {"token": pair["refresh_token"]}, [web]),
            ):
                answer = servers.ask(name, sized(urlencode(form).encode(), *lines))
                assert outcome(answer) == (503, "temporarily_unavailable"), (name, form)
                assert answer.values("retry-after") == ["1"]
            # What keeps nothing needs no store.
            assert outcome(servers.ask("token", machine)) == (200, "good")
