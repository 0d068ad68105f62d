"""Passwords: hashed in threads, upgraded at login."""

import pytest

from asgisec.credentials import PasswordHasher, PasswordPolicy

pytestmark = pytest.mark.anyio

QUICK = {"memory_cost": 64, "time_cost": 1}


async def test_a_hash_with_lower_parameters_comes_with_a_new_one() -> None:
    old = await PasswordHasher(memory_cost=64, time_cost=1).hash("correct horse")
    result = await PasswordHasher(memory_cost=128, time_cost=1, pepper=b"p" * 16).verify("correct horse", old)
    assert result.ok
    assert result.new_hash is not None
    assert result.new_hash.startswith("~p=1~$argon2id$")


async def test_nobody_has_no_password() -> None:
    assert not (await PasswordHasher(memory_cost=64, time_cost=1).verify("correct horse", None)).ok


async def test_what_many_people_use_is_not_accepted() -> None:
    problems = await PasswordPolicy(min_length=8).check("1QAZ2wsx3edc4rfv")
    assert [problem.reason for problem in problems] == ["common"]
