"""Normal forms of texts that strangers send: the same as Unicode's, and never in a time that grows with the square."""

import time
import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgisec.credentials import PasswordHasher, PasswordPolicy
from asgisec.credentials._normal_forms import normalized

MARKS = "\u0301" * 100_000 + "\u0323" * 100_000
FORMS: list[Literal["NFC", "NFKC"]] = ["NFC", "NFKC"]


@given(text=st.text(max_size=30), form=st.sampled_from(FORMS))
def test_what_people_write_is_normalised(text: str, form: Literal["NFC", "NFKC"]) -> None:
    assert normalized(form, text) == unicodedata.normalize(form, text)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("text", "changes"),
    [
        pytest.param("a" + "\u0323\u0301" * 15, True, id="as many marks as any language has"),
        pytest.param("a" + "\u0301" * 31, False, id="more than any language has"),
        pytest.param("a\u0301" * 500, True, id="many letters with a mark"),
    ],
)
def test_marks_in_a_row(text: str, changes: bool, form: Literal["NFC", "NFKC"]) -> None:
    assert (normalized(form, text) != text) is changes


@pytest.mark.anyio
async def test_marks_without_end_hold_up_nobody() -> None:
    # Put in order, these take minutes.
    policy = PasswordPolicy(blocklist=[], max_length=1_000_000)
    hasher = PasswordHasher(memory_cost=64, time_cost=1, max_length=65_536, normalization="NFC")
    begin = time.monotonic()
    assert not await policy.check(MARKS, context=[MARKS])
    password = MARKS[100_000 - 32_768 : 100_000 + 32_768]
    assert (await hasher.verify(password, await hasher.hash(password))).ok
    assert time.monotonic() - begin < 20
