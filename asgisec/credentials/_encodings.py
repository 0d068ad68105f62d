"""Hashes of passwords as other libraries write them, so that their users can move over login by login.

What a hash asks for is bounded: one that was planted must not take all memory, or a minute.
"""

import hashlib
import hmac
import re
from base64 import b64decode
from binascii import b2a_base64
from collections.abc import Callable

__all__ = ["LEGACY", "Reader"]

Reader = Callable[[bytes, str], bool]

_MOST_ROUNDS = 2_000_000  # of PBKDF2: twice what OWASP asks for
_MOST_LOG_ROUNDS = 16  # of bcrypt: some seconds
_BCRYPT_BYTES = 72  # bcrypt reads no more; libraries of the time cut the rest off without a word

_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}").fullmatch
_BCRYPT_SHA256 = re.compile(
    r"\$bcrypt-sha256\$(?:v=2,t=(2[aby]),r=([0-9]{1,2})|(2[aby]),([0-9]{1,2}))\$([./A-Za-z0-9]{22})\$([./A-Za-z0-9]{31})"
).fullmatch
_PASSLIB_PBKDF2 = re.compile(
    r"\$pbkdf2(-sha256|-sha512)?\$([0-9]{1,7})\$([./A-Za-z0-9]{0,1366})\$([./A-Za-z0-9]{1,86})"
)
_DJANGO_PBKDF2 = re.compile(r"pbkdf2_(sha1|sha256)\$([0-9]{1,7})\$([^$]{1,1024})\$([A-Za-z0-9+/=]{1,88})").fullmatch


def _bcrypt(password: bytes, encoded: str) -> bool:
    found = _BCRYPT(encoded)
    if found is None or int(found[1]) > _MOST_LOG_ROUNDS:
        raise ValueError
    return _bcrypt_fits(password[:_BCRYPT_BYTES], encoded)


def _bcrypt_fits(password: bytes, encoded: str) -> bool:
    import bcrypt  # noqa: PLC0415 - an extra, needed by those who have such hashes

    return b"\0" not in password and bcrypt.checkpw(password, encoded.encode())


def _bcrypt_sha256(password: bytes, encoded: str) -> bool:
    """Check what passlib's `bcrypt_sha256` made: bcrypt over an HMAC, or, before version 2, over a plain SHA-256."""
    found = _BCRYPT_SHA256(encoded)
    if found is None:
        raise ValueError
    kind, rounds, salt, digest = found[1] or found[3], int(found[2] or found[4]), found[5], found[6]
    if rounds > _MOST_LOG_ROUNDS:
        raise ValueError
    key = hmac.digest(salt.encode(), password, "sha256") if found[1] else hashlib.sha256(password).digest()

    return _bcrypt_fits(b2a_base64(key, newline=False), f"${kind}${rounds:02}${salt}{digest}")


def _passlib_pbkdf2(password: bytes, encoded: str) -> bool:
    found = _PASSLIB_PBKDF2.fullmatch(encoded)
    if found is None:
        raise ValueError
    salt, digest = _adapted_base64(found[3]), _adapted_base64(found[4])
    return _pbkdf2((found[1] or "-sha1")[1:], password, salt, int(found[2]), digest)


def _django_pbkdf2(password: bytes, encoded: str) -> bool:
    found = _DJANGO_PBKDF2(encoded)
    if found is None:
        raise ValueError
    return _pbkdf2(found[1], password, found[3].encode(), int(found[2]), b64decode(found[4], validate=True))


def _pbkdf2(name: str, password: bytes, salt: bytes, rounds: int, digest: bytes) -> bool:
    if not 0 < rounds <= _MOST_ROUNDS:
        raise ValueError
    return hmac.compare_digest(hashlib.pbkdf2_hmac(name, password, salt, rounds, len(digest)), digest)


def _adapted_base64(text: str) -> bytes:
    # passlib writes `.` for `+`, and no padding.
    return b64decode(text.replace(".", "+") + "=" * (-len(text) % 4), validate=True)


LEGACY: tuple[tuple[str, Reader], ...] = (
    ("$2", _bcrypt),
    ("$bcrypt-sha256$", _bcrypt_sha256),
    ("$pbkdf2", _passlib_pbkdf2),
    ("pbkdf2_", _django_pbkdf2),
)
"""How hashes of others begin, and who reads them. A reader raises `ValueError` for what it will not read."""
