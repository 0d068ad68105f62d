"""What the page on moving from passlib says: what is read, and every row of its table of differences."""

import asyncio
import re
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from asgisec.credentials import PasswordHasher, VerifyResult
from asgisec.credentials._encodings import LEGACY
from tests.docs.differences import programs
from tests.docs.pages import rows, section
from tests.docs.write import DOCS

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it asks for `crypt`, which is going
    passlib: Any = import_module("passlib.hash")
    context: Any = import_module("passlib.context").CryptContext(["pbkdf2_sha256"], pbkdf2_sha256__rounds=9)

PAGE = DOCS / "moving-from-passlib.md"
BCRYPT = "$2b$04$b7Qe.bK6Kf4UylMeAkbOEeWe38BWgLQgKylCwLATrAX8hJgdlivj6"
hasher = PasswordHasher(memory_cost=64, time_cost=1)


def ours(password: str, hashed: str, caplog: pytest.LogCaptureFixture) -> str:
    fits = asyncio.run(hasher.verify(password, hashed)).ok
    events = ", and is an event" if "hash_unreadable" in caplog.text else ""
    return ("fits" if fits else "does not fit") + events


def theirs(call: Callable[[], object]) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call()
    except Exception as error:  # noqa: BLE001 - what kind it is, is the question
        return f"`{type(error).__name__}`"
    return "computed"


def test_todays_bcrypt(caplog: pytest.LogCaptureFixture) -> None:
    assert shown("a bcrypt hash, with today's bcrypt") == (
        theirs(lambda: passlib.bcrypt.verify("pässword", BCRYPT)),
        ours("pässword", BCRYPT, caplog),
    )


def test_a_hash_that_cannot_be_read(caplog: pytest.LogCaptureFixture) -> None:
    assert shown("a hash that cannot be read") == (
        theirs(lambda: context.verify("x", "no hash")),
        ours("x", "no hash", caplog),
    )


def test_a_password_of_5000_characters(caplog: pytest.LogCaptureFixture) -> None:
    hashed = context.hash("x")
    assert shown("a password of 5,000 characters") == (
        theirs(lambda: context.verify("x" * 5000, hashed)),
        ours("x" * 5000, hashed, caplog),
    )


def test_a_hash_that_asks_for_much(caplog: pytest.LogCaptureFixture) -> None:
    # Past ours, and as little past it as keeps passlib short: it has no bound of its own below 2 to the 32nd.
    hashed = re.sub(r"\$9\$", "$2000001$", context.hash("x"))
    assert passlib.pbkdf2_sha256.max_rounds == 2**32 - 1
    assert shown("a PBKDF2 hash of more than two million rounds") == (
        theirs(lambda: context.verify("x", hashed)),
        ours("x", hashed, caplog),
    )


def test_the_event_loop_meanwhile() -> None:
    async def turns(work: Callable[[], object]) -> int:
        """Count the turns of the loop that another task has meanwhile."""
        task, count = asyncio.ensure_future(_called(work)), 0
        while not task.done():
            await asyncio.sleep(0)
            count += 1
        return count

    async def _called(work: Callable[[], Any]) -> None:
        result = work()
        if asyncio.iscoroutine(result):
            await result

    hashed = passlib.pbkdf2_sha256.using(rounds=300_000).hash("x")
    blocked = asyncio.run(turns(lambda: context.verify("x", hashed)))
    free = asyncio.run(turns(lambda: hasher.verify("x", hashed)))
    told = {True: "stands still", False: "goes on"}
    assert shown("the event loop meanwhile") == (told[blocked <= 2], told[free <= 10])


def shown(what: str) -> tuple[str, str]:
    [found] = [(before, after) for name, before, after in listed() if name == what]
    return found


def listed() -> list[list[str]]:
    return rows(section(PAGE, "What behaves differently"))


def test_every_difference_has_its_case() -> None:
    assert len(listed()) == sum(name.startswith(("test_todays", "test_a_", "test_the_event")) for name in globals())


def test_what_is_read() -> None:
    said = {start for _, cell, _ in rows(section(PAGE, "What is read")) for start in re.findall(r"`([^`]+)`", cell)}
    bcrypts = {"$2a$", "$2b$", "$2y$"}
    assert said == {start for start, *_ in LEGACY} - {"$2"} | bcrypts | {"$argon2", "argon2"}


def test_the_login_reads_the_hashes_of_the_login_before() -> None:
    before, after = programs(PAGE.name, "A login")[:2]
    assert before["log_in"]("ada", "correct horse")
    assert not before["log_in"]("nobody", "correct horse")
    after["users"].update(before["users"])
    tried = [("ada", "wrong horse"), ("nobody", "correct horse"), ("ada", "correct horse"), ("ada", "correct horse")]
    assert [asyncio.run(after["log_in"](*one)) for one in tried] == [False, False, True, True]
    assert len(after["users"]["ada"]) == 97
    assert after["users"]["ada"].startswith("$argon2id$")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("schemes", "options", "read", "new"),
    [
        pytest.param(["pbkdf2_sha256"], {}, False, "", id="no step 1"),
        pytest.param(["argon2", "pbkdf2_sha256"], {"deprecated": ["pbkdf2_sha256"]}, True, "$argon2id", id="its own"),
        pytest.param(["pbkdf2_sha256", "argon2"], {"deprecated": "auto"}, True, "$pbkdf2", id="not first"),
    ],
)
def test_what_step_1_is_for(schemes: list[str], options: dict[str, Any], read: bool, new: str) -> None:
    process = import_module("passlib.context").CryptContext(schemes, **options)
    hashed = asyncio.run(PasswordHasher().hash("x"))
    assert (theirs(lambda: process.verify("x", hashed)) == "computed") == read
    if read:
        _, new_hash = process.verify_and_update("x", hashed)
        assert new_hash.startswith(new)
        assert asyncio.run(PasswordHasher().verify("x", new_hash)).new_hash


@pytest.mark.slow
def test_the_parameters_of_passlib_are_kept() -> None:
    hashed = passlib.argon2.hash("x")
    kept = PasswordHasher(memory_cost=65536, time_cost=3, parallelism=4)
    assert asyncio.run(kept.verify("x", hashed)) == VerifyResult(ok=True)
    assert asyncio.run(PasswordHasher().verify("x", hashed)).new_hash
