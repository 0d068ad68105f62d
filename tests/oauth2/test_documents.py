"""Keys and metadata: what is published, where, and that it is not more than that."""

import json
from datetime import timedelta
from typing import Any

import anyio
import pytest
from authlib.oauth2.rfc8414 import (  # type: ignore[import-untyped]
    AuthorizationServerMetadata,
    get_well_known_url,
)

from asgisec import SecurityMiddleware
from asgisec.errors import ConfigError
from asgisec.oauth2 import JWKSEndpoint, MetadataEndpoint, ProtectedResourceMetadata
from asgisec.tokens import KeySet
from tests.asgi import App, Message, drive, request, scope_of, websocket

SECRET = b"0123456789abcdef0123456789abcdef"
ISSUER = "https://id.example.com"
METADATA = MetadataEndpoint(ISSUER, token_endpoint=f"{ISSUER}/token", jwks_uri=f"{ISSUER}/jwks.json")
RESOURCE = ProtectedResourceMetadata("https://api.example.com", authorization_servers=[ISSUER])
JWKS = JWKSEndpoint(KeySet.generate("ES256", kid="k1"))
ALL = {"jwks": JWKS, "metadata": METADATA, "resource": RESOURCE}


def document(app: App) -> Any:
    answer = request(app)
    assert answer.status == 200
    assert answer.values("content-type") == ["application/json"]
    assert answer.values("content-length") == [str(len(answer.body))]
    return json.loads(answer.body)


# Keys


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "ES384", "RS256"])
def test_public_halves_only(algorithm: str) -> None:
    keys = KeySet.generate(algorithm, kid="k1")
    (key,) = document(JWKSEndpoint(keys))["keys"]
    assert key["kid"] == "k1"
    assert key["use"] == "sig"
    assert key.keys().isdisjoint({"d", "p", "q", "dp", "dq", "qi", "k", "oth"})
    KeySet.from_jwks({"keys": [key]})  # whoever verifies can read it


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_secret_is_never_published(algorithm: str) -> None:
    assert document(JWKSEndpoint(KeySet.generate(algorithm))) == {"keys": []}


def test_a_secret_beside_a_pair_is_not_published() -> None:
    keys = KeySet.from_secret(SECRET, kid="old").rotate(KeySet.generate("ES256", kid="new"))
    assert [key["kid"] for key in document(JWKSEndpoint(keys))["keys"]] == ["new"]


def test_keys_that_were_rotated_are_published_at_once() -> None:
    now = [1000.0]
    keys = KeySet.generate("ES256", kid="a", clock=lambda: now[0])
    endpoint = JWKSEndpoint(keys)
    keys.rotate(KeySet.generate("ES256", kid="b"), overlap=60)
    assert [key["kid"] for key in document(endpoint)["keys"]] == ["b", "a"]
    now[0] += 61
    assert [key["kid"] for key in document(endpoint)["keys"]] == ["b"]


@pytest.mark.parametrize("keys", [None, {"keys": []}, SECRET, "k"])
def test_keys_that_are_none(keys: Any) -> None:
    with pytest.raises(ConfigError, match=r"JWKSEndpoint\(keys=\) got \(hidden\): write a KeySet or a TokenIssuer"):
        JWKSEndpoint(keys)


# Metadata of the server


def test_only_what_is_there_is_listed() -> None:
    assert document(MetadataEndpoint(ISSUER)) == {
        "issuer": ISSUER,
        "grant_types_supported": ["password", "refresh_token", "client_credentials"],
        "response_types_supported": [],
    }


def test_everything() -> None:
    found = document(
        MetadataEndpoint(
            ISSUER,
            token_endpoint=f"{ISSUER}/token",
            jwks_uri=f"{ISSUER}/jwks.json",
            revocation_endpoint=f"{ISSUER}/revoke",
            introspection_endpoint=f"{ISSUER}/introspect",
            grant_types_supported=("refresh_token", "client_credentials"),
            token_endpoint_auth_methods_supported=["client_secret_basic", "none"],
            scopes_supported=["users:read", "users:write"],
            service_documentation="https://docs.example.com",
            op_policy_uri="https://example.com/policy",
            op_tos_uri="https://example.com/tos",
        )
    )
    assert found == {
        "issuer": ISSUER,
        "token_endpoint": f"{ISSUER}/token",
        "jwks_uri": f"{ISSUER}/jwks.json",
        "revocation_endpoint": f"{ISSUER}/revoke",
        "introspection_endpoint": f"{ISSUER}/introspect",
        "service_documentation": "https://docs.example.com",
        "op_policy_uri": "https://example.com/policy",
        "op_tos_uri": "https://example.com/tos",
        "scopes_supported": ["users:read", "users:write"],
        "grant_types_supported": ["refresh_token", "client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "none"],
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "none"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic"],
        "response_types_supported": [],
    }
    # All that Authlib's reader checks holds, but for one: it wants a response type, and here is no place for one.
    with pytest.raises(ValueError, match='"response_types_supported" is required'):
        AuthorizationServerMetadata(found).validate()
    rest = set(AuthorizationServerMetadata.REGISTRY_KEYS) - {"response_types_supported", "authorization_endpoint"}
    for name in rest & found.keys():
        getattr(AuthorizationServerMetadata(found), f"validate_{name}")()


@pytest.mark.parametrize(
    ("issuer", "path"),
    [
        pytest.param("https://id.example.com", "/.well-known/oauth-authorization-server", id="no path"),
        pytest.param("https://id.example.com/", "/.well-known/oauth-authorization-server", id="a slash"),
        pytest.param("https://id.example.com/a", "/.well-known/oauth-authorization-server/a", id="a path"),
        pytest.param("https://id.example.com/a/", "/.well-known/oauth-authorization-server/a", id="a path and a slash"),
        pytest.param("https://id.example.com:8443/a/b", "/.well-known/oauth-authorization-server/a/b", id="a port"),
        pytest.param("http://localhost:8000/a", "/.well-known/oauth-authorization-server/a", id="this machine"),
    ],
)
def test_the_well_known_path_stands_before_the_path_of_the_issuer(issuer: str, path: str) -> None:
    endpoint = MetadataEndpoint(issuer)
    assert endpoint.path == path
    assert document(endpoint)["issuer"] == issuer  # to the letter
    if not issuer.endswith("/"):  # Authlib keeps the slash, RFC 8414 section 3.1 does not
        assert get_well_known_url(issuer) == path


# Metadata of the API


def test_an_api() -> None:
    found = ProtectedResourceMetadata(
        "https://api.example.com/mcp",
        authorization_servers=[ISSUER, "https://other.example.com/"],
        scopes_supported=["users:read"],
        resource_name="Users, and more",
        resource_documentation="https://docs.example.com",
        resource_policy_uri="https://example.com/policy",
        resource_tos_uri="https://example.com/tos",
    )
    assert document(found) == {
        "resource": "https://api.example.com/mcp",
        "authorization_servers": [ISSUER, "https://other.example.com/"],
        "scopes_supported": ["users:read"],
        "bearer_methods_supported": ["header"],
        "resource_name": "Users, and more",
        "resource_documentation": "https://docs.example.com",
        "resource_policy_uri": "https://example.com/policy",
        "resource_tos_uri": "https://example.com/tos",
    }


@pytest.mark.parametrize(
    ("resource", "url"),
    [
        pytest.param("https://a.example", "https://a.example/.well-known/oauth-protected-resource", id="no path"),
        pytest.param("https://a.example/", "https://a.example/.well-known/oauth-protected-resource", id="a slash"),
        pytest.param("https://a.example/b", "https://a.example/.well-known/oauth-protected-resource/b", id="a path"),
        pytest.param(
            "https://a.example/b/", "https://a.example/.well-known/oauth-protected-resource/b/", id="its slash"
        ),
        pytest.param(
            "https://a.example:8443/b", "https://a.example:8443/.well-known/oauth-protected-resource/b", id="a port"
        ),
    ],
)
def test_where_a_challenge_points(resource: str, url: str) -> None:
    endpoint = ProtectedResourceMetadata(resource, authorization_servers=[ISSUER])
    assert endpoint.url == url
    assert endpoint.url.endswith(endpoint.path)
    assert document(endpoint)["resource"] == resource  # to the letter
    assert document(endpoint)["bearer_methods_supported"] == ["header"]


# Options

_BAD_URLS = [
    "",
    "id.example.com",
    "http://id.example.com",
    "https://",
    "https://u:p@id.example.com",
    "ftp://id.example.com",
]
_BAD_URLS += ["https://id.example.com/#a", "https://id.example.com/ a", "https://id.example.com/é", "https://a:b"]


@pytest.mark.parametrize("value", [*_BAD_URLS, "https://id.example.com?a=b", None, 1, b"https://id.example.com"])
def test_what_no_issuer_and_no_api_is_called(value: Any) -> None:
    with pytest.raises(
        ConfigError, match=r"^MetadataEndpoint\(issuer=\) got .*: write an https:// URL without a query"
    ):
        MetadataEndpoint(value)
    with pytest.raises(ConfigError, match=r"^ProtectedResourceMetadata\(resource=\) got .*: write an https:// URL"):
        ProtectedResourceMetadata(value, authorization_servers=[ISSUER])
    with pytest.raises(ConfigError, match=r"^ProtectedResourceMetadata\(authorization_servers=\) got .*: write a"):
        ProtectedResourceMetadata("https://api.example.com", authorization_servers=[value])


@pytest.mark.parametrize("value", [*_BAD_URLS, 1])
@pytest.mark.parametrize(
    "option",
    [
        "token_endpoint",
        "jwks_uri",
        "revocation_endpoint",
        "introspection_endpoint",
        "service_documentation",
        "op_policy_uri",
        "op_tos_uri",
    ],
)
def test_what_no_url_is(option: str, value: Any) -> None:
    options: dict[str, Any] = {option: value}
    with pytest.raises(ConfigError, match=rf"^MetadataEndpoint\({option}=\) got .*: write an https:// URL;"):
        MetadataEndpoint(ISSUER, **options)


@pytest.mark.parametrize("option", ["resource_documentation", "resource_policy_uri", "resource_tos_uri"])
def test_what_no_url_of_an_api_is(option: str) -> None:
    options: dict[str, Any] = {option: "example.com"}
    with pytest.raises(ConfigError, match=rf"^ProtectedResourceMetadata\({option}=\) got 'example.com': write an"):
        ProtectedResourceMetadata("https://api.example.com", authorization_servers=[ISSUER], **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"grant_types_supported": ["authorization_code"]}, "of client_credentials, password, refresh_token"),
        ({"grant_types_supported": "password"}, "write a list of those that are implemented"),
        ({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, "of client_secret_basic, client_secret_post,"),
        ({"scopes_supported": "users:read"}, "write a list of names"),
        ({"scopes_supported": [""]}, "write a list of names"),
        ({"scopes_supported": [1]}, "write a list of names"),
        ({"scopes_supported": 7}, "write a list of names"),
        ({"max_age": -1}, "write seconds or a timedelta"),
    ],
)
def test_options_of_the_server(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as wrong:
        MetadataEndpoint(ISSUER, **options)
    assert wrong.value.option == f"MetadataEndpoint({next(iter(options))}=)"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"authorization_servers": []}, "name at least one issuer"),
        ({"authorization_servers": ISSUER}, "write a list of names"),
        ({"authorization_servers": None}, "name at least one issuer"),
        ({"bearer_methods_supported": ["query"]}, "those that are implemented, of header"),
        ({"resource_name": ""}, "write a text, or leave it out"),
        ({"resource_name": 1}, "write a text, or leave it out"),
        ({"scopes_supported": "a"}, "write a list of names"),
        ({"max_age": "1"}, "write seconds or a timedelta"),
    ],
)
def test_options_of_the_api(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as wrong:
        ProtectedResourceMetadata("https://api.example.com", **{"authorization_servers": [ISSUER], **options})
    assert wrong.value.option == f"ProtectedResourceMetadata({next(iter(options))}=)"


# HTTP


@pytest.mark.parametrize(
    ("endpoint", "age"),
    [
        pytest.param(JWKS, 300, id="keys"),
        pytest.param(METADATA, 3600, id="server"),
        pytest.param(RESOURCE, 3600, id="API"),
        pytest.param(JWKSEndpoint(KeySet.generate("ES256"), max_age=0), 0, id="none"),
        pytest.param(MetadataEndpoint(ISSUER, max_age=timedelta(days=1)), 86_400, id="a day"),
    ],
)
def test_caches_may_keep_it(endpoint: App, age: int) -> None:
    assert request(endpoint).values("cache-control") == [f"public, max-age={age}"]


@pytest.mark.parametrize("endpoint", ALL.values(), ids=ALL)
def test_head_has_no_body(endpoint: App) -> None:
    whole, head = request(endpoint), request(endpoint, "HEAD")
    assert head.start == whole.start
    assert head.body == b""


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "QUERY"])
@pytest.mark.parametrize("endpoint", ALL.values(), ids=ALL)
def test_other_methods(endpoint: App, method: str) -> None:
    answer = request(endpoint, method)
    assert answer.status == 405
    assert answer.values("allow") == ["GET, HEAD"]
    assert json.loads(answer.body) == {
        "error": "invalid_request",
        "error_description": "This method is not allowed here.",
    }


@pytest.mark.parametrize("endpoint", ALL.values(), ids=ALL)
@pytest.mark.parametrize("denial", [True, False])
def test_a_websocket_is_closed_before_it_is_accepted(endpoint: App, denial: bool) -> None:
    recorded = websocket(endpoint, denial=denial)
    assert recorded.messages == [{"type": "websocket.close", "code": 1008, "reason": "This is no WebSocket."}]
    assert recorded.error is None


@pytest.mark.parametrize("endpoint", ALL.values(), ids=ALL)
def test_a_lifespan_is_completed(endpoint: App) -> None:
    sent: list[Message] = []

    async def run() -> None:
        incoming = iter(["startup", "shutdown"])

        async def receive() -> Message:
            return {"type": f"lifespan.{next(incoming)}"}

        async def send(message: Message) -> None:
            sent.append(message)

        await endpoint({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)

    anyio.run(run)
    assert sent == [{"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}]


@pytest.mark.parametrize("endpoint", ALL.values(), ids=ALL)
def test_another_kind_of_connection_is_left_alone(endpoint: App) -> None:
    recorded = drive(endpoint, {**scope_of(), "type": "smtp"})
    assert recorded.messages == []
    assert recorded.error is None


def test_inside_a_pass() -> None:
    assert document(SecurityMiddleware(JWKS))["keys"]
    assert request(SecurityMiddleware(JWKS), "DELETE").status == 405
    assert websocket(SecurityMiddleware(JWKS)).close is not None
