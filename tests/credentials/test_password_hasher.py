"""Hashing: options, peppers, forms, what is refused, what an unknown user costs; and nothing tells the password."""

import logging
import os
import threading
import traceback
from collections import Counter
from typing import Any

import anyio
import argon2
import pytest

from asgisec.credentials import PasswordHasher, VerifyResult
from asgisec.errors import ConfigError, ContentTooLarge, Overloaded

QUICK: dict[str, Any] = {"memory_cost": 64, "time_cost": 1}
SECRET = "s3same-open-7f3a-pässword"  # noqa: S105 - what must not be found
OLD, NEW = b"o" * 16, b"n" * 16


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


pytestmark = pytest.mark.anyio


async def test_a_hash_fits_its_password_and_no_other() -> None:
    hasher = PasswordHasher()
    hashed = await hasher.hash(SECRET)
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await hasher.hash(SECRET) != hashed
    assert await hasher.verify(SECRET, hashed) == VerifyResult(ok=True)
    for wrong in (SECRET[:-1], SECRET + " ", SECRET.upper(), SECRET + "\0"):
        assert await hasher.verify(wrong, hashed) == VerifyResult(ok=False)


async def test_a_result_is_as_true_as_it_says() -> None:
    hasher = PasswordHasher(**QUICK)
    hashed = await hasher.hash(SECRET)
    assert await hasher.verify(SECRET, hashed)
    assert not await hasher.verify("wrong", hashed)


async def test_spaces_nul_and_every_script_count() -> None:
    hasher = PasswordHasher(**QUICK)
    for password in (" ", "\0", "a\0b", "\U0001f511" * 1024, "пароль и ещё", "a" * 1024):
        hashed = await hasher.hash(password)
        assert (await hasher.verify(password, hashed)).ok
        assert not (await hasher.verify(password + "x", hashed)).ok


REFUSED: dict[str, Any] = {"nothing": "", "half a pair": "\ud800", "bytes": b"password", "nobody": None}


@pytest.mark.parametrize("password", REFUSED.values(), ids=REFUSED)
async def test_what_is_no_password(password: Any) -> None:
    hasher = PasswordHasher(**QUICK)
    with pytest.raises(ValueError, match="a text of one character or more"):
        await hasher.hash(password)
    assert not (await hasher.verify(password, await hasher.hash("x"))).ok


async def test_what_is_too_long_is_refused_before_anything_is_made_of_it() -> None:
    hasher, calls = PasswordHasher(**QUICK), Counter[str]()
    _count(hasher, calls)
    with pytest.raises(ContentTooLarge) as refused:
        await hasher.hash("x" * 1025)
    assert (refused.value.reason, refused.value.status) == ("password_too_long", 413)
    for hashed in (None, hasher._nobodys):
        assert not (await hasher.verify("x" * 100_000_000, hashed)).ok
    assert not calls


async def test_parameters_that_rose_make_a_new_hash_and_those_that_fell_too() -> None:
    weak, strong = PasswordHasher(**QUICK), PasswordHasher(memory_cost=128, time_cost=2)
    for before, after in ((weak, strong), (strong, weak)):
        result = await after.verify(SECRET, await before.hash(SECRET))
        assert result.ok
        assert result.new_hash is not None
        assert await after.verify(SECRET, result.new_hash) == VerifyResult(ok=True)
    assert await strong.verify("wrong", await weak.hash(SECRET)) == VerifyResult(ok=False)


async def test_a_pepper_is_named_rotated_and_missed(caplog: pytest.LogCaptureFixture) -> None:
    first = PasswordHasher(**QUICK, pepper={"a": OLD})
    hashed = await first.hash(SECRET)
    assert hashed.startswith("~p=a~$argon2id$")
    both = PasswordHasher(**QUICK, pepper={"b": NEW, "a": OLD})
    result = await both.verify(SECRET, hashed)
    assert result.new_hash is not None
    assert result.new_hash.startswith("~p=b~$argon2id$")
    assert await both.verify(SECRET, result.new_hash) == VerifyResult(ok=True)
    assert not (await PasswordHasher(**QUICK, pepper={"a": NEW}).verify(SECRET, hashed)).ok
    # Whoever has the database and not the pepper finds nothing.
    assert not (await PasswordHasher(**QUICK).verify(SECRET, hashed.removeprefix("~p=a~"))).ok
    assert not caplog.records
    assert await PasswordHasher(**QUICK, pepper=NEW).verify(SECRET, hashed) == VerifyResult(ok=False)
    [event] = caplog.records
    assert event.getMessage() == "sys_crash reason=pepper_unknown policy=PasswordHasher"


async def test_forms_of_unicode_are_recorded() -> None:
    one, two = "caf\u00e9 \u2460", "cafe\u0301 \u2460"
    as_is, nfc, nfkc = (PasswordHasher(**QUICK, normalization=form) for form in (None, "NFC", "NFKC"))
    assert not (await as_is.verify(two, await as_is.hash(one))).ok
    hashed = await nfc.hash(one)
    assert hashed.startswith("~n=NFC~$argon2id$")
    assert (await nfc.verify(two, hashed)).ok
    assert not (await nfc.verify("caf\u00e9 1", hashed)).ok
    result = await nfkc.verify(two, hashed)
    assert result.new_hash is not None
    assert result.new_hash.startswith("~n=NFKC~")
    assert (await nfkc.verify("caf\u00e9 1", result.new_hash)).ok
    assert (await as_is.verify(two, result.new_hash)).new_hash is not None
    peppered = await PasswordHasher(**QUICK, normalization="NFC", pepper=OLD).hash(one)
    assert peppered.startswith("~n=NFC,p=1~$argon2id$")


def _count(hasher: PasswordHasher, calls: Counter[str]) -> None:
    """Count what a hasher has Argon2 do, and what that costs."""
    real = hasher._argon2

    class Counted:
        memory_cost, time_cost, check_needs_rehash = real.memory_cost, real.time_cost, real.check_needs_rehash

        def hash(self, password: bytes) -> str:
            calls["hash"] += 1
            return real.hash(password)

        def verify(self, hashed: str, password: bytes) -> bool:
            asked = argon2.extract_parameters(hashed)
            calls[f"verify m={asked.memory_cost} t={asked.time_cost} p={asked.parallelism}"] += 1
            return real.verify(hashed, password)

    hasher._argon2 = Counted()  # type: ignore[assignment]  # as much of it as is called


UNKNOWN = {
    "an unknown user": None,
    "a hash that cannot be read": "no hash",
    "one that asks for all memory": "$argon2id$v=19$m=4294967295,t=1,p=1$" + "a" * 22 + "$" + "b" * 43,
    "one with an unknown pepper": "~p=other~$argon2id$v=19$m=64,t=1,p=1$" + "a" * 22 + "$" + "b" * 43,
}


@pytest.mark.parametrize("hashed", UNKNOWN.values(), ids=UNKNOWN)
@pytest.mark.parametrize("pepper", [None, OLD])
async def test_it_costs_what_a_wrong_password_costs(hashed: str | None, pepper: bytes | None) -> None:
    hasher = PasswordHasher(memory_cost=72, time_cost=3, pepper=pepper)
    known, calls = await hasher.hash(SECRET), Counter[str]()
    _count(hasher, calls)
    assert not (await hasher.verify("wrong", known)).ok
    wrong = calls.copy()
    assert wrong == {"verify m=72 t=3 p=1": 1}
    calls.clear()
    assert not (await hasher.verify("wrong", hashed)).ok
    assert calls == wrong


async def test_over_the_queue_it_is_refused_and_then_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    hasher, end = PasswordHasher(**QUICK, at_once=1, queued=2), threading.Event()
    real = hasher._hash
    monkeypatch.setattr(hasher, "_hash", lambda password: (end.wait(30), real(password))[1])
    outcomes = Counter[str]()

    async def register() -> None:
        try:
            await hasher.hash(SECRET)
        except Overloaded as refusal:
            outcomes[refusal.reason] += 1
            if outcomes["queue_full"] == 7:
                end.set()
        else:
            outcomes["hashed"] += 1

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(register)
    assert outcomes == {"hashed": 3, "queue_full": 7}


async def test_nothing_tells_the_password(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    hasher = PasswordHasher(**QUICK, pepper={"a": SECRET})
    hashed = await hasher.hash(SECRET)
    result = await hasher.verify(SECRET, await PasswordHasher(**QUICK).hash(SECRET))
    said = [repr(hasher), repr(result), repr(await hasher.verify(SECRET, "no hash"))]
    for call in (hasher.hash(SECRET * 100), hasher.hash(SECRET + "\ud800")):
        try:
            await call
        except ValueError as error:
            said += [repr(error), str(error), *traceback.format_exception(error)]
    said += [record.getMessage() + repr(vars(record)) for record in caplog.records]
    assert result.new_hash is not None
    assert len(said) > 5
    for secret in (SECRET, hashed, result.new_hash):
        assert not any(secret in text for text in said)


WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "too little memory": ("memory_cost", {"memory_cost": 15, "parallelism": 2}),
    "too much memory": ("memory_cost", {"memory_cost": 1_048_577}),
    "no pass": ("time_cost", {"time_cost": 0}),
    "half a pass": ("time_cost", {"time_cost": 1.5}),
    "no lane": ("parallelism", {"parallelism": 0}),
    "none at once": ("at_once", {"at_once": 0}),
    "true at once": ("at_once", {"at_once": True}),
    "no queue": ("queued", {"queued": 0}),
    "short passwords only": ("max_length", {"max_length": 63}),
    "passwords without end": ("max_length", {"max_length": 65_537}),
    "a form that loses nothing": ("normalization", {"normalization": "NFD"}),
    "a short pepper": ("pepper", {"pepper": "changeme"}),
    "one short pepper of two": ("pepper", {"pepper": {"a": OLD, "b": b"changeme"}}),
    "a pepper that is a number": ("pepper", {"pepper": 7}),
    "no pepper of several": ("pepper", {"pepper": {}}),
    "a name that ends the head": ("pepper", {"pepper": {"a~": OLD}}),
    "a name that is a number": ("pepper", {"pepper": {7: OLD}}),
}


@pytest.mark.parametrize(("option", "options"), WRONG.values(), ids=WRONG)
def test_wrong_options(option: str, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=rf"^PasswordHasher\({option}=\) got .+: (write|name) ") as refused:
        PasswordHasher(**{**QUICK, **options})
    assert "changeme" not in str(refused.value)


def test_as_many_run_as_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    assert PasswordHasher(**QUICK)._workers._at_once == len(os.sched_getaffinity(0))
    monkeypatch.delattr(os, "sched_getaffinity")
    assert PasswordHasher(**QUICK)._workers._at_once == os.cpu_count()
