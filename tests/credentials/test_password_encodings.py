"""Hashes that other libraries made are read, those that they did not make are not, and none costs more than is sane."""

import logging
import sys
import warnings
from importlib import import_module
from typing import Any

import bcrypt
import django.contrib.auth.hashers as django
import pytest
from werkzeug.security import generate_password_hash

from asgisec.credentials import PasswordHasher
from asgisec.errors import ConfigError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it asks for `crypt`, and for versions in ways that are going
    passlib: Any = import_module("passlib.hash")

pytestmark = pytest.mark.anyio

PASSWORD = "pässword and more"  # noqa: S105 - of this test


@pytest.fixture(scope="module")
def hasher() -> PasswordHasher:
    return PasswordHasher(memory_cost=64, time_cost=1)


def _argon2() -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return str(passlib.argon2.using(rounds=1, memory_cost=64).hash(PASSWORD))


def _django(name: str, **options: Any) -> str:
    hasher = getattr(django, name)()
    for option, value in options.items():
        setattr(hasher, option, value)
    return str(hasher.encode(PASSWORD, "saltsaltsaltsalt"))


MADE = {
    "passlib pbkdf2_sha256": passlib.pbkdf2_sha256.using(rounds=9).hash(PASSWORD),
    "passlib pbkdf2_sha512": passlib.pbkdf2_sha512.using(rounds=9).hash(PASSWORD),
    "passlib pbkdf2_sha1": passlib.pbkdf2_sha1.using(rounds=9).hash(PASSWORD),
    "passlib pbkdf2 without salt": passlib.pbkdf2_sha256.using(rounds=9, salt=b"").hash(PASSWORD),
    "passlib scrypt": passlib.scrypt.using(rounds=4).hash(PASSWORD),
    "passlib argon2": _argon2(),
    "passlib django_pbkdf2_sha1": passlib.django_pbkdf2_sha1.using(rounds=9).hash(PASSWORD),
    "Django PBKDF2": _django("PBKDF2PasswordHasher", iterations=9),
    "Django Argon2": _django("Argon2PasswordHasher", time_cost=1, memory_cost=64, parallelism=1),
    "Werkzeug scrypt": generate_password_hash(PASSWORD, "scrypt:1024:8:1"),
    "Werkzeug scrypt, as OWASP has it for little memory": generate_password_hash(PASSWORD, "scrypt:8192:8:10"),
    "Werkzeug pbkdf2": generate_password_hash(PASSWORD, "pbkdf2:sha256:9"),
    "Werkzeug pbkdf2 of sha512": generate_password_hash(PASSWORD, "pbkdf2:sha512:9"),
}

# Made by passlib 1.7.4 with its own bcrypt, as it cannot use today's: `passlib.hash.bcrypt.using(rounds=4).hash(...)`.
RECORDED = {
    "bcrypt": "$2b$04$b7Qe.bK6Kf4UylMeAkbOEeWe38BWgLQgKylCwLATrAX8hJgdlivj6",
    "bcrypt_sha256": "$bcrypt-sha256$v=2,t=2b,r=4$XdGXz9lZ.BTEOFF6cp5YDe$nmaJuKV4LrAi.cMPNSrN4tGI481YPtW",
    "django_bcrypt": "bcrypt$$2b$04$rXSH5Kg1JbiiydQkVu2gHOomVJM/nn49jsMfR9DFTcf6CO63Me.4O",
    "django_bcrypt_sha256": "bcrypt_sha256$$2b$04$ETIR2A5NuVy5aEmm0jKxv.vEnxz6WPX1unbZGl4AMfSoJgjbxBVhq",
}
FIRST_VERSION = "$bcrypt-sha256$2b,4$jhP6hufzPvL5RckYh5CJ0u$ji6tWutFNWsBnqbHczYH/uILZPL6916"  # of "x"

CASES = [
    *((name, PASSWORD, made) for name, made in MADE.items()),
    *((name, "pässword", made) for name, made in RECORDED.items()),
    ("bcrypt_sha256, first version", "x", FIRST_VERSION),
    ("bcrypt of 2a", "pässword", RECORDED["bcrypt"].replace("$2b$", "$2a$")),
    ("bcrypt of 2y", "pässword", RECORDED["bcrypt"].replace("$2b$", "$2y$")),
]


@pytest.mark.parametrize(("password", "made"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
async def test_it_is_read_and_upgraded(hasher: PasswordHasher, password: str, made: str) -> None:
    result = await hasher.verify(password, made)
    assert result.ok
    assert result.new_hash is not None
    assert (await hasher.verify(password, result.new_hash)) == type(result)(ok=True)
    for wrong in (password + "x", password[:-1] + "\0", password.upper()):
        assert (await hasher.verify(wrong, made)) == type(result)(ok=False)


async def test_what_bcrypt_did_not_compare_is_not_made_part_of_a_new_hash(hasher: PasswordHasher) -> None:
    whole = "a" * 72
    made = bcrypt.hashpw(whole.encode(), bcrypt.gensalt(4)).decode()
    mistyped = await hasher.verify(whole + "oops", made)
    assert (mistyped.ok, mistyped.new_hash) == (True, None)
    assert (await hasher.verify(whole, made)).new_hash is not None


_SALT, _DIGEST = "a" * 22, "b" * 31
BOMBS = {
    "memory of Argon2": f"$argon2id$v=19$m=1048576,t=1,p=1${_SALT}${'b' * 43}",
    "all memory of Argon2": f"$argon2id$v=19$m=4294967295,t=1,p=1${_SALT}${'b' * 43}",
    "passes of Argon2": f"$argon2id$v=19$m=65536,t=4294967295,p=1${_SALT}${'b' * 43}",
    "lanes of Argon2": f"$argon2id$v=19$m=65536,t=1,p=16777215${_SALT}${'b' * 43}",
    "a number without end": f"$argon2id$v=19$m={'9' * 5000},t=1,p=1${_SALT}${'b' * 43}",
    "rounds of bcrypt": f"$2b$31${_SALT}{_DIGEST}",
    "rounds of bcrypt_sha256": f"$bcrypt-sha256$v=2,t=2b,r=31${_SALT}${_DIGEST}",
    "rounds of Django's bcrypt": f"bcrypt$$2b$31${_SALT}{_DIGEST}",
    "rounds of pbkdf2": f"$pbkdf2-sha256$9999999$c2FsdA${'b' * 43}",
    "rounds of Django's": "pbkdf2_sha256$9999999$salt$" + "b" * 44,
    "rounds of Werkzeug's": "pbkdf2:sha256:9999999$salt$" + "ab" * 32,
    "memory of scrypt": f"$scrypt$ln=30,r=8,p=1$c2FsdA${'b' * 43}",
    "lanes of scrypt": f"$scrypt$ln=4,r=8,p=9999$c2FsdA${'b' * 43}",
    "all lanes of scrypt, with all memory": f"$scrypt$ln=18,r=8,p=8$c2FsdA${'b' * 43}",
    "memory of Werkzeug's scrypt": "scrypt:999999999:8:1$salt$" + "ab" * 32,
}
MALFORMED = {
    "nothing": "",
    "another library's": "$6$rounds=5000$salt$hash",
    "half": "$argon2id$v=19$m=64,t=1",
    "no salt": "$argon2id$v=19$m=64,t=1,p=1$$",
    "other letters": f"$argon2id$v=19$m=64,t=1,p=1${_SALT}${'é' * 43}",
    "half of a pair": "\ud800",
    "NUL": "\0",
    "bcrypt, too short": "$2b$04$abc",
    "bcrypt_sha256, half": "$bcrypt-sha256$v=2",
    "pbkdf2, no rounds": "$pbkdf2-sha256$0$c2FsdA$" + "b" * 43,
    "pbkdf2, half": "$pbkdf2-sha256$",
    "pbkdf2, no base64": "$pbkdf2-sha256$9$a$b",
    "Django's, half": "pbkdf2_sha256$",
    "Django's, no base64": "pbkdf2_sha256$9$salt$b",
    "scrypt, half": "$scrypt$",
    "scrypt, no power of two": "scrypt:15:8:1$salt$" + "ab" * 32,
    "Werkzeug's, half": "pbkdf2:",
    "Werkzeug's scrypt, half": "scrypt:",
    "Werkzeug's md5": "pbkdf2:md5:9$salt$" + "ab" * 16,
    "a pepper of nobody": "~p=,~$argon2id$",
    "bytes": b"$2b$04$",
    "a number": 7,
}


@pytest.mark.parametrize("made", [*BOMBS.values(), *MALFORMED.values()], ids=[*BOMBS, *MALFORMED])
async def test_what_cannot_be_read_fits_nothing_and_is_an_event(
    hasher: PasswordHasher, caplog: pytest.LogCaptureFixture, made: Any
) -> None:
    caplog.set_level(logging.INFO, "asgisec.events")
    result = await hasher.verify(PASSWORD, made)
    assert (result.ok, result.new_hash) == (False, None)
    assert [record.getMessage() for record in caplog.records] == [
        "sys_crash reason=hash_unreadable policy=PasswordHasher"
    ]


async def test_what_rfc_9106_recommends_is_read(hasher: PasswordHasher) -> None:
    made = await PasswordHasher(memory_cost=65_536, time_cost=3, parallelism=4).hash(PASSWORD)
    assert (await hasher.verify(PASSWORD, made)).ok


async def test_without_the_extra_it_says_what_to_install(
    hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bcrypt", None)
    with pytest.raises(ConfigError, match=r"install asgisec\[bcrypt\]") as refused:
        await hasher.verify(PASSWORD, RECORDED["bcrypt"])
    assert RECORDED["bcrypt"] not in str(refused.value)
