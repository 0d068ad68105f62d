"""Hashes of passwords as other libraries write them, so that their users can move over login by login.

What a hash asks for is bounded: one that was planted must not take all memory, or a minute.
"""

import hashlib
import hmac
import re
from base64 import b64decode
from binascii import b2a_base64
from collections.abc import Callable

from asgisec.errors import ConfigError

__all__ = ["LEGACY", "Reader"]

Reader = Callable[[bytes, str], bool]

_MOST_ROUNDS = 2_000_000  # of PBKDF2: twice what OWASP asks for
_MOST_LOG_ROUNDS = 16  # of bcrypt: some seconds
_MOST_SCRYPT_BYTES = 256 * 1024 * 1024
_MOST_SCRYPT_LANES = 16  # OWASP has choices of up to 10
_MOST_SCRYPT_WORK = 2 * _MOST_SCRYPT_BYTES  # lanes run one after the other: some two seconds
_BCRYPT_BYTES = 72  # bcrypt reads no more; libraries of the time cut the rest off without a word

_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}").fullmatch
_BCRYPT_SHA256 = re.compile(
    r"\$bcrypt-sha256\$(?:v=2,t=(2[aby]),r=([0-9]{1,2})|(2[aby]),([0-9]{1,2}))\$([./A-Za-z0-9]{22})\$([./A-Za-z0-9]{31})"
).fullmatch
_PASSLIB_PBKDF2 = re.compile(
    r"\$pbkdf2(-sha256|-sha512)?\$([0-9]{1,7})\$([./A-Za-z0-9]{0,1366})\$([./A-Za-z0-9]{1,86})"
)
_DJANGO_PBKDF2 = re.compile(r"pbkdf2_(sha1|sha256)\$([0-9]{1,7})\$([^$]{1,1024})\$([A-Za-z0-9+/=]{1,88})").fullmatch
_PASSLIB_SCRYPT = re.compile(
    r"\$scrypt\$ln=([0-9]{1,2}),r=([0-9]{1,4}),p=([0-9]{1,4})\$([A-Za-z0-9+/]{0,1366})\$([A-Za-z0-9+/]{1,86})"
).fullmatch
_WERKZEUG_PBKDF2 = re.compile(
    r"pbkdf2:(sha1|sha256|sha512):([0-9]{1,7})\$([^$]{1,1024})\$((?:[0-9a-f]{2}){1,64})"
).fullmatch
_WERKZEUG_SCRYPT = re.compile(
    r"scrypt:([0-9]{1,9}):([0-9]{1,4}):([0-9]{1,4})\$([^$]{1,1024})\$((?:[0-9a-f]{2}){1,64})"
).fullmatch


def _bcrypt(password: bytes, encoded: str) -> bool:
    found = _BCRYPT(encoded)
    if found is None or int(found[1]) > _MOST_LOG_ROUNDS:
        raise ValueError
    return _bcrypt_fits(password[:_BCRYPT_BYTES], encoded)


def _bcrypt_fits(password: bytes, encoded: str) -> bool:
    try:
        import bcrypt  # noqa: PLC0415 - an extra, needed by those who have such hashes
    except ModuleNotFoundError as error:
        raise ConfigError("PasswordHasher.verify(hashed=)", ..., "install asgisec[bcrypt] to read it") from error
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


def _werkzeug_pbkdf2(password: bytes, encoded: str) -> bool:
    found = _WERKZEUG_PBKDF2(encoded)
    if found is None:
        raise ValueError
    return _pbkdf2(found[1], password, found[3].encode(), int(found[2]), bytes.fromhex(found[4]))


def _werkzeug_scrypt(password: bytes, encoded: str) -> bool:
    found = _WERKZEUG_SCRYPT(encoded)
    if found is None:
        raise ValueError
    return _scrypt(password, found[4].encode(), int(found[1]), int(found[2]), int(found[3]), bytes.fromhex(found[5]))


def _passlib_scrypt(password: bytes, encoded: str) -> bool:
    found = _PASSLIB_SCRYPT(encoded)
    if found is None:
        raise ValueError
    salt, digest = (b64decode(text + "=" * (-len(text) % 4), validate=True) for text in (found[4], found[5]))
    return _scrypt(password, salt, 1 << int(found[1]), int(found[2]), int(found[3]), digest)


def _scrypt(password: bytes, salt: bytes, n: int, r: int, p: int, digest: bytes) -> bool:
    lane = 128 * n * r
    if lane > _MOST_SCRYPT_BYTES or lane * p > _MOST_SCRYPT_WORK or p > _MOST_SCRYPT_LANES:
        raise ValueError
    # OpenSSL counts some blocks more than RFC 7914 says.
    made = hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=2 * _MOST_SCRYPT_BYTES, dklen=len(digest))
    return hmac.compare_digest(made, digest)


def _django_bcrypt(password: bytes, encoded: str) -> bool:
    return _bcrypt(password, encoded.removeprefix("bcrypt$"))


def _django_bcrypt_sha256(password: bytes, encoded: str) -> bool:
    return _bcrypt(hashlib.sha256(password).hexdigest().encode(), encoded.removeprefix("bcrypt_sha256$"))


_ALL = 1 << 62  # bytes: more than any password has

LEGACY: tuple[tuple[str, int, Reader], ...] = (
    ("$2", _BCRYPT_BYTES, _bcrypt),
    ("$bcrypt-sha256$", _ALL, _bcrypt_sha256),
    ("$pbkdf2", _ALL, _passlib_pbkdf2),
    ("$scrypt$", _ALL, _passlib_scrypt),
    ("pbkdf2_", _ALL, _django_pbkdf2),
    ("bcrypt$", _BCRYPT_BYTES, _django_bcrypt),
    ("bcrypt_sha256$", _ALL, _django_bcrypt_sha256),
    ("pbkdf2:", _ALL, _werkzeug_pbkdf2),
    ("scrypt:", _ALL, _werkzeug_scrypt),
)
"""How hashes of others begin, how many bytes of a password they hold, and who reads them.

A reader raises `ValueError` for what it will not read.
"""
