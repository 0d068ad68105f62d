"""The keys of this application: the one that signs, and those that still verify.

- A key is for one algorithm (RFC 8725 section 3.1), and a token never chooses another.
- Its id is its RFC 7638 thumbprint where none is given, so two processes with one key agree on it.
- Secrets and private keys are in no `repr`, no message and no log.
"""

import json
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from asgisec.errors import ConfigError
from asgisec.tokens import _jwk
from asgisec.tokens._keys import HASHES, KINDS, Key
from asgisec.tokens._options import seconds
from asgisec.tokens._parsing import encode_base64url
from asgisec.tokens._ring import Ring

__all__ = ["KeySet"]

_DAY = 86_400.0
_RSA_BITS = 3072  # what NIST SP 800-57 part 1 asks for beyond 2030


class KeySet:
    """Keys to sign and verify tokens with. Make one with `from_secret`, `from_pem`, `from_jwks` or `generate`."""

    def __init__(self, keys: Iterable[Key], *, clock: Callable[[], float] = time.time) -> None:
        listed = [*keys] if isinstance(keys, Iterable) else []
        if not listed or not all(isinstance(key, Key) for key in listed):
            raise ConfigError("KeySet(keys)", ..., "make one with from_secret, from_pem, from_jwks or generate")
        self._clock = clock
        self._ring = Ring(listed)

    def __repr__(self) -> str:
        return f"KeySet({', '.join(map(repr, self._ring.keys))})"

    @classmethod
    def from_secret(
        cls,
        secret: str | bytes,
        *,
        kid: str | None = None,
        algorithm: str = "HS256",
        clock: Callable[[], float] = time.time,
    ) -> "KeySet":
        """Use a shared secret: whoever verifies with it can sign with it, too.

        Args:
            secret: Random bytes: at least 32 for HS256, 48 for HS384, 64 for HS512. A password is none.
            kid: The id of the key.
            algorithm: `HS256`, `HS384` or `HS512`.
            clock: The time, in seconds since the epoch; for tests.
        """
        data = secret.encode() if isinstance(secret, str) else secret
        if not isinstance(data, bytes):
            raise ConfigError("KeySet.from_secret(secret=)", ..., "write text or bytes")
        _check_text("KeySet.from_secret", kid, algorithm)
        return cls(_made("KeySet.from_secret(secret=)", lambda: _jwk.from_secret(data, algorithm, kid)), clock=clock)

    @classmethod
    def generate(
        cls, algorithm: str = "EdDSA", *, kid: str | None = None, clock: Callable[[], float] = time.time
    ) -> "KeySet":
        """Make a new key: for tests, for rotation, and for one process whose tokens may end with it."""
        _check_text("KeySet.generate", kid, algorithm)
        if algorithm in HASHES:
            key = _jwk.from_secret(secrets.token_bytes(int(algorithm[2:]) // 8), algorithm, kid)
        elif algorithm in KINDS:
            key = _jwk.from_pair(_generated(algorithm), algorithm, kid)
        else:
            known = ", ".join([*HASHES, *KINDS])
            raise ConfigError("KeySet.generate(algorithm=)", algorithm, f"write one of {known}")
        return cls([key], clock=clock)

    @classmethod
    def from_pem(
        cls,
        pem: str | bytes,
        *,
        kid: str | None = None,
        algorithm: str | None = None,
        password: str | bytes | None = None,
        clock: Callable[[], float] = time.time,
    ) -> "KeySet":
        """Use a private key, or a public one that only verifies.

        Args:
            pem: What is in the file.
            kid: The id of the key.
            algorithm: Only for RSA, where it may be `PS256` instead of `RS256`; the key decides otherwise.
            password: The password of an encrypted private key.
            clock: The time, in seconds since the epoch; for tests.
        """
        data = pem.encode() if isinstance(pem, str) else pem
        if not isinstance(data, bytes):
            raise ConfigError("KeySet.from_pem(pem=)", ..., "write the text of a PEM file")
        _check_text("KeySet.from_pem", kid, algorithm)
        locked = password.encode() if isinstance(password, str) else password
        return cls(_made("KeySet.from_pem(pem=)", lambda: _jwk.from_pem(data, algorithm, kid, locked)), clock=clock)

    @classmethod
    def from_jwks(cls, jwks: Mapping[str, Any], *, clock: Callable[[], float] = time.time) -> "KeySet":
        """Use the keys of a JWK set: the first one that has a private half, or is a secret, signs."""
        listed = jwks.get("keys") if isinstance(jwks, Mapping) else None
        if not isinstance(listed, list) or not listed or not all(isinstance(jwk, Mapping) for jwk in listed):
            raise ConfigError("KeySet.from_jwks(jwks=)", ..., 'write a JWK set: {"keys": [...]}, with one key or more')
        keys: list[Key] = []
        for number, jwk in enumerate(listed):
            keys += _made(f"KeySet.from_jwks(jwks=), key {number}", lambda jwk=jwk: _jwk.from_jwk(jwk))  # type: ignore[misc]  # the key of this turn
        if len({(key.algorithm, key.kid) for key in keys}) != len(keys):
            raise ConfigError("KeySet.from_jwks(jwks=)", ..., "give each key a `kid` of its own")
        return cls(sorted(keys, key=lambda key: key.sign is None), clock=clock)

    @property
    def can_sign(self) -> bool:
        """Whether there is a key that signs, and not only keys that verify."""
        return self._ring.keys[0].sign is not None

    def sign(self, claims: Mapping[str, Any], *, typ: str = "at+jwt") -> str:
        """Return a token with these claims, signed with the current key.

        Raises:
            ConfigError: No key here can sign.
        """
        key = self._ring.keys[0]
        if key.sign is None:
            raise ConfigError("KeySet", self, "to sign, it needs a private key or a secret")
        header = {"alg": key.algorithm, "kid": key.kid, "typ": typ}
        signed = f"{_segment(header)}.{_segment(claims)}"
        return f"{signed}.{encode_base64url(key.sign(signed.encode()))}"

    def public_jwks(self) -> dict[str, Any]:
        """Return what may be published: the public halves of all keys, and no secret."""
        return {"keys": [dict(key.public) for key in self.current().keys if key.public is not None]}

    def rotate(self, new: "KeySet | str | None" = None, *, overlap: float | timedelta = _DAY) -> "KeySet":
        """Sign with a new key from now on; the old ones verify until the overlap is over, then they are forgotten.

        Args:
            new: The new key, or the algorithm of one that is made; of the same algorithm where nothing is given.
            overlap: Longer than any token lives that the old key has signed.

        Returns:
            This very key set, which has changed in place.
        """
        kept = seconds("KeySet.rotate(overlap=)", overlap)
        ring = self.current()
        if new is None or (isinstance(new, str) and new in {*HASHES, *KINDS}):
            new = KeySet.generate(new or ring.keys[0].algorithm)
        if not isinstance(new, KeySet) or not new.can_sign:
            # Not shown: it may be the new secret itself.
            raise ConfigError("KeySet.rotate(new=)", ..., "write a KeySet that can sign, or leave it out")
        added = new.current().keys
        names = {(key.algorithm, key.kid) for key in added}
        if any((key.algorithm, key.kid) in names for key in ring.keys):
            raise ConfigError("KeySet.rotate(new=)", new, "this key is in use already; write one with another `kid`")
        end = self._clock() + kept
        self._ring = Ring([*added, *(key.until(end) for key in ring.keys)])
        return self

    def remove(self, kid: str) -> None:
        """Forget a key at once: whatever it signed is refused from now on.

        Where it is the key that signs, the next one that can signs instead, and has no end any more.
        """
        keys = self.current().keys
        left = [key for key in keys if key.kid != kid]
        if not left or len(left) == len(keys):
            known = ", ".join(repr(key.kid) for key in keys)
            raise ConfigError("KeySet.remove(kid=)", kid, f"write one of {known}, and never the last one")
        if keys[0].kid == kid and keys[0].sign is not None:
            signing = next((key for key in left if key.sign is not None), None)
            if signing is None:
                raise ConfigError("KeySet.remove(kid=)", kid, "no other key here can sign; rotate to a new one first")
            left = [signing.without_end(), *(key for key in left if key is not signing)]
        self._ring = Ring(left)

    def current(self) -> Ring:
        """Return the keys that verify now."""
        ring = self._ring
        if ring.expires_at < float("inf"):
            now = self._clock()
            if now >= ring.expires_at:
                # The key that signs never expires: it is there as long as the key set.
                self._ring = ring = Ring([key for key in ring.keys if key.expires_at is None or now < key.expires_at])
        return ring


def _made(option: str, make: Callable[[], Key]) -> list[Key]:
    try:
        return [make()]
    except _jwk.BadKey as bad:
        raise ConfigError(option, ..., str(bad)) from None


def _check_text(where: str, kid: object, algorithm: object) -> None:
    for name, value in (("kid", kid), ("algorithm", algorithm)):
        if value is not None and not (isinstance(value, str) and value):
            raise ConfigError(f"{where}({name}=)", value, "write a text, or leave it out")


def _generated(algorithm: str) -> object:
    if KINDS[algorithm] == "RSA":
        return rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    if KINDS[algorithm] == "OKP":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1() if algorithm == "ES256" else ec.SECP384R1())


def _segment(value: Mapping[str, Any]) -> str:
    # Unescaped: a name in another script has a third of the size, and what is no text is no token.
    written = json.dumps(dict(value), separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return encode_base64url(written.encode())
