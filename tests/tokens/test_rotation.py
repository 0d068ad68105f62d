"""Keys that come and go: rotation, its overlap, and removal."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import OKPAlgorithm

from asgisec.errors import ConfigError, InvalidToken
from asgisec.tokens import KeySet
from tests.tokens.issuing import Clock
from tests.tokens.minting import CLAIMS, SECRET, minted, verifier

PEM = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def private_jwk(kid: str) -> dict[str, Any]:
    return {**OKPAlgorithm.to_jwk(Ed25519PrivateKey.generate(), as_dict=True), "kid": kid}


MADE: dict[str, Callable[[Clock], KeySet]] = {
    "a secret": lambda clock: KeySet.from_secret(SECRET, kid="old", clock=clock),
    "a made one": lambda clock: KeySet.generate(kid="old", clock=clock),
    "a PEM file": lambda clock: KeySet.from_pem(PEM, kid="old", clock=clock),
    "a JWK set": lambda clock: KeySet.from_jwks({"keys": [private_jwk("old")]}, clock=clock),
}


def test_rotation() -> None:
    clock = Clock()
    keys = KeySet.generate("ES256", kid="old", clock=clock)
    checked, old = verifier(keys), keys.sign(CLAIMS)
    assert keys.rotate(overlap=timedelta(minutes=15)) is keys
    new = keys.sign(CLAIMS)
    assert checked.verify(old) == checked.verify(new)
    assert [jwk["alg"] for jwk in keys.public_jwks()["keys"]] == ["ES256", "ES256"]
    clock.now += 899
    checked.verify(old)
    clock.now += 1
    assert [jwk["kid"] for jwk in keys.public_jwks()["keys"]] != ["old"]
    with pytest.raises(InvalidToken) as refusal:
        checked.verify(old)
    assert refusal.value.reason == "unknown_key"
    checked.verify(new)


def test_rotating_to_another_algorithm_by_its_name() -> None:
    keys = KeySet.generate("HS256", kid="old").rotate("ES256")
    assert [key.algorithm for key in keys.current().keys] == ["ES256", "HS256"]


def test_all_keys_are_shown_the_one_that_signs_first() -> None:
    keys = KeySet.from_secret(SECRET, kid="old").rotate(KeySet.generate("EdDSA", kid="new"))
    assert repr(keys) == "KeySet(<EdDSA key 'new'>, <HS256 key 'old'>)"


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_an_overlap_ends_by_the_clock_of_the_key_set(make: Callable[[Clock], KeySet]) -> None:
    clock = Clock()
    keys = make(clock).rotate(KeySet.generate("EdDSA", kid="new"), overlap=60)
    clock.now += 59
    assert [key.kid for key in keys.current().keys] == ["new", "old"]
    clock.now += 1
    assert [key.kid for key in keys.current().keys] == ["new"]


@pytest.mark.parametrize("new", [SECRET.decode(), SECRET, "", KeySet.from_jwks(KeySet.generate("ES256").public_jwks())])
def test_what_is_no_new_key_is_refused_and_never_shown(new: Any) -> None:
    keys = KeySet.generate("HS256", kid="old")
    with pytest.raises(ConfigError) as refused:
        keys.rotate(new)
    assert str(refused.value) == "KeySet.rotate(new=) got (hidden): write a KeySet that can sign, or leave it out"
    assert [key.kid for key in keys.current().keys] == ["old"]


def test_rotating_twice_never_makes_a_key_live_longer() -> None:
    clock = Clock()
    keys = KeySet.generate("EdDSA", kid="first", clock=clock)
    keys.rotate(KeySet.generate("EdDSA", kid="second"), overlap=60)
    keys.rotate(KeySet.generate("HS256", kid="third"), overlap=3600)
    clock.now += 60
    assert [key.kid for key in keys.current().keys] == ["third", "second"]
    clock.now += 3540
    assert [key.kid for key in keys.current().keys] == ["third"]


def test_removing() -> None:
    keys = KeySet.generate("EdDSA", kid="a").rotate(KeySet.generate("EdDSA", kid="b"))
    keys.remove("b")
    assert [key.kid for key in keys.current().keys] == ["a"]
    for kid in ("a", "b"):
        with pytest.raises(
            ConfigError, match=rf"KeySet\.remove\(kid=\) got '{kid}': write one of 'a', and never the last"
        ):
            keys.remove(kid)


def test_who_removes_an_unknown_key_is_told_those_that_are_there() -> None:
    keys = KeySet.generate("EdDSA", kid="a").rotate(KeySet.generate("EdDSA", kid="b"))
    with pytest.raises(ConfigError, match="got 'c': write one of 'b', 'a', and never the last one"):
        keys.remove("c")


def test_any_of_several_keys_that_only_verify_can_be_removed() -> None:
    published = [{**KeySet.generate("EdDSA").public_jwks()["keys"][0], "kid": kid} for kid in ("a", "b", "c")]
    for kid, left in (("a", ["b", "c"]), ("b", ["a", "c"]), ("c", ["a", "b"])):
        keys = KeySet.from_jwks({"keys": published})
        keys.remove(kid)
        assert [key.kid for key in keys.current().keys] == left


def test_an_old_key_that_signs_again_does_not_end_with_its_overlap() -> None:
    clock = Clock()
    keys = KeySet.generate("EdDSA", kid="old", clock=clock).rotate(KeySet.generate("EdDSA", kid="leaked"), overlap=60)
    keys.remove("leaked")
    clock.now += 61
    assert [key.kid for key in keys.current().keys] == ["old"]
    assert [jwk["kid"] for jwk in keys.public_jwks()["keys"]] == ["old"]
    verifier(keys).verify(keys.sign(CLAIMS))


def test_the_next_key_that_can_sign_takes_the_place_of_one_that_is_removed() -> None:
    clock = Clock()
    theirs = {**KeySet.generate("ES256").public_jwks()["keys"][0], "kid": "theirs"}
    new = KeySet.from_jwks({"keys": [private_jwk("leaked"), theirs]})
    keys = KeySet.generate("EdDSA", kid="old", clock=clock).rotate(new, overlap=60)
    keys.remove("leaked")
    assert [key.kid for key in keys.current().keys] == ["old", "theirs"]
    with pytest.raises(
        ConfigError, match=r"KeySet\.remove\(kid=\) got 'old': no other key here can sign; rotate to a new one first"
    ):
        keys.remove("old")
    verifier(keys).verify(keys.sign(CLAIMS))
    keys.rotate(overlap=60)
    keys.remove("old")
    keys.remove("theirs")
    verifier(keys).verify(keys.sign(CLAIMS))


def test_a_token_that_names_no_key_is_of_the_only_one_of_its_algorithm() -> None:
    keys = KeySet.from_secret(SECRET, kid="k1")
    token = minted(header={"alg": "HS256", "typ": "at+jwt"}, keys=keys)
    assert verifier(keys).verify(token).subject == CLAIMS["sub"]
