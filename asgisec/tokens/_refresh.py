"""Refresh tokens: what is in one, what the store may know of it, and how its successor is sealed for its holder.

A token is opaque to its holder. To us it is three random numbers:

- the id of its family, by which the store finds it; access tokens carry it too, so it is no secret;
- the proof, which all tokens of the family share. Who has it was given a token of this family once, so one that is not
  the current one is a token used twice; without it, nobody can end a family by guessing;
- a secret of its own.

The store gets their SHA-256. They are random: a slow hash would protect nothing.

The successor of a token is kept sealed (AES-256-GCM) under a key that is derived from the secret of its parent, which
the store does not know. So only the holder of the parent gets the successor again.
"""

import secrets
from hashlib import sha256
from hmac import compare_digest, digest

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from asgisec.tokens._parsing import decode_base64url, encode_base64url

__all__ = ["RefreshToken", "is_same"]

_ID, _PROOF, _SECRET = 16, 32, 32  # bytes: an id must not collide; the others must not be guessed
_SIGNS = -(-(_ID + _PROOF + _SECRET) * 4 // 3)  # of base64url without padding
_NONCE = 12  # bytes (NIST SP 800-38D section 8.2.2); each key seals a few successors at most
_PURPOSE = b"asgisec refresh token: the key that seals a successor"


class RefreshToken:
    """A refresh token, as its holder has it."""

    __slots__ = ("_id", "_proof", "_secret")

    def __init__(self, family_id: bytes, proof: bytes, secret: bytes) -> None:
        self._id = family_id
        self._proof = proof
        self._secret = secret

    @classmethod
    def first(cls) -> "RefreshToken":
        """Return the first token of a new family."""
        return cls(secrets.token_bytes(_ID), secrets.token_bytes(_PROOF), secrets.token_bytes(_SECRET))

    @classmethod
    def parse(cls, text: object) -> "RefreshToken":
        """Read a token.

        Raises:
            ValueError: It is none by its form.
        """
        if type(text) is not str or len(text) != _SIGNS:
            raise ValueError
        data = decode_base64url(text)
        return cls(data[:_ID], data[_ID : _ID + _PROOF], data[_ID + _PROOF :])

    def __str__(self) -> str:
        return encode_base64url(self._id + self._proof + self._secret)

    def __repr__(self) -> str:
        return f"<refresh token of {self.family_id}>"

    @property
    def family_id(self) -> str:
        """The id of its family."""
        return encode_base64url(self._id)

    @property
    def proof(self) -> str:
        """The hash of what all tokens of its family share."""
        return sha256(self._proof).hexdigest()

    @property
    def secret(self) -> str:
        """The hash of its own secret."""
        return sha256(self._secret).hexdigest()

    def successor(self) -> "RefreshToken":
        """Return a token to follow this one."""
        return RefreshToken(self._id, self._proof, secrets.token_bytes(_SECRET))

    def seal(self, successor: "RefreshToken") -> str:
        """Return a successor, for nobody but the holder of this token."""
        nonce = secrets.token_bytes(_NONCE)
        return encode_base64url(nonce + self._box().encrypt(nonce, successor._secret, self._id))  # noqa: SLF001 - its own kind

    def open(self, sealed: str) -> "RefreshToken":
        """Return the successor that was sealed under this token.

        Raises:
            ValueError: It was sealed under another one, or is damaged.
        """
        data = decode_base64url(sealed)
        try:
            secret = self._box().decrypt(data[:_NONCE], data[_NONCE:], self._id)
        except InvalidTag as error:
            raise ValueError from error
        return RefreshToken(self._id, self._proof, secret)

    def _box(self) -> AESGCM:
        return AESGCM(digest(self._secret, _PURPOSE, "sha256"))


def is_same(presented: str, kept: str) -> bool:
    """Compare what was presented with what a store keeps, which may be any text, in constant time."""
    return compare_digest(presented.encode(), kept.encode("utf-8", "surrogatepass"))
