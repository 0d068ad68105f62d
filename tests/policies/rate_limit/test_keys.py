"""Whose requests count together."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgisec import Exchange
from asgisec.errors import LimitUndecided
from asgisec.policies.rate_limit.keys import by_api_key, by_client, by_principal, identity
from tests.apps import no_message
from tests.asgi import scope_of


def exchange(client: Any = ("192.0.2.7", 50123), principal: object = None) -> Exchange:
    scope = dict(scope_of(client=client))
    if principal is not None:
        scope["state"] = {"principal": principal}
    return Exchange(scope, {}, no_message)


def person(scheme: str = "bearer", credential: str | None = "key-1") -> object:
    return SimpleNamespace(subject="user-1", scheme=scheme, credential_id=credential)


@pytest.mark.parametrize(
    ("address", "key"),
    [
        pytest.param("192.0.2.7", "client:192.0.2.7", id="IPv4"),
        pytest.param("::ffff:192.0.2.7", "client:192.0.2.7", id="IPv4, mapped"),
        pytest.param("::FFFF:c000:0207", "client:192.0.2.7", id="IPv4, mapped, in hexadecimal"),
        pytest.param("2001:db8::1", "client:2001:db8::/64", id="IPv6"),
        pytest.param("2001:db8:0:0:ffff::2", "client:2001:db8::/64", id="IPv6 of the same network"),
        pytest.param("2001:DB8:0:1::1", "client:2001:db8:0:1::/64", id="IPv6 of the network beside it"),
        pytest.param("fe80::1%eth0", "client:fe80::/64", id="IPv6 with a zone"),
        pytest.param("[fe80::1%eth0]:443", "client:fe80::/64", id="IPv6 with a zone and a port"),
        pytest.param("[2001:db8::1]:443", "client:2001:db8::/64", id="IPv6 with a port"),
        pytest.param("192.0.2.7:443", "client:192.0.2.7", id="IPv4 with a port"),
        pytest.param("", "client:unknown", id="empty"),
        pytest.param("unix:/run/app.sock", "client:unknown", id="a Unix socket"),
        pytest.param("testclient", "client:unknown", id="a word"),
        pytest.param("192.0.2.7:_" + "p" * 53, "client:192.0.2.7", id="as long as an address may be"),
        pytest.param("192.0.2.7:_" + "p" * 54, "client:unknown", id="longer"),
        pytest.param("192.0.2.7\n", "client:unknown", id="a line feed"),
        pytest.param("a" * 100_000, "client:unknown", id="long"),
    ],
)
def test_clients(address: str, key: str) -> None:
    assert by_client(exchange((address, 1))) == key


@pytest.mark.parametrize("client", [None, (None, 0), ("", 0)])
def test_a_client_that_the_server_does_not_know(client: Any) -> None:
    assert by_client(exchange(client)) == "client:unknown"


@given(st.text(max_size=80))
def test_whatever_a_server_calls_its_client(address: str) -> None:
    key = by_client(exchange((address, 1)))
    assert key.startswith("client:")
    assert len(key) < 64


def test_principals() -> None:
    assert by_principal(exchange(principal=person())) == "principal:user-1"
    assert by_principal(exchange(principal=person("api_key"))) == "principal:user-1"
    assert by_principal(exchange()) == "client:192.0.2.7"


def test_api_keys() -> None:
    assert by_api_key(exchange(principal=person("api_key"))) == "api_key:key-1"
    # Who came by another credential has no key, whatever it is called.
    assert by_api_key(exchange(principal=person("bearer"))) == "client:192.0.2.7"
    assert by_api_key(exchange()) == "client:192.0.2.7"


def test_an_api_key_that_nobody_verified_is_none() -> None:
    presented = exchange()
    presented.headers[b"x-api-key"] = b"made-up"
    assert by_api_key(presented) == by_client(presented)


def test_keys_are_of_bounded_length() -> None:
    assert identity("user-1") == "user-1"
    assert identity(7) == "7"
    assert identity("a" * 128) == "a" * 128
    long = identity("a" * 129)
    assert len(long) == 65
    assert long != identity("a" * 130)
    # What looks like a hash is hashed: nobody can choose another's.
    assert identity(long) not in {long, identity(identity(long))}
    assert len(identity("\ud800" * 1000)) == 65


@pytest.mark.parametrize("key", [None, "", b"user-1", 7.5, True, ("a", "b"), object()])
def test_what_is_no_key(key: object) -> None:
    with pytest.raises(LimitUndecided) as raised:
        identity(key)
    assert raised.value.reason == "limit_key"


def test_of_what_cannot_be_decided_the_client_is_told_nothing() -> None:
    error = LimitUndecided()
    assert (error.reason, error.status_code, error.detail) == (
        "limit_undecided",
        500,
        "The server could not answer this request.",
    )
