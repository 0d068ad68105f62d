"""Which passwords are accepted."""

import sys
from typing import Any

import pytest

from asgisec.credentials import PasswordPolicy, password_policy
from asgisec.errors import ConfigError

pytestmark = pytest.mark.anyio

GOOD = "correct horse battery"
CONTEXT = ["ada.lovelace", "countess.lovelace@example.com", "ada", "Example Bank of London"]

CASES: dict[str, tuple[str, list[str]]] = {
    "long enough": ("a b c d e f g h", []),
    "one short": ("a b c d e f g ", ["too_short"]),
    "code points count, not bytes": ("\u00e9" * 8 + "\u00e8" * 6, ["too_short"]),
    "nothing": ("", ["too_short"]),
    "64 and more": (GOOD * 4, []),
    "as long as may be": ("xy" * 512, []),
    "one too long": ("xy" * 512 + "x", ["too_long"]),
    "no rule of composition": ("onlylowercaseletters", []),
    "half a pair": ("\ud800" + GOOD, ["not_text"]),
    "a line break that was pasted along": (GOOD + "\n", ["not_text"]),
    "NUL": ("\0" + GOOD, ["not_text"]),
    "delete": (GOOD + "\x7f", ["not_text"]),
    "no character": (GOOD + "\uffff", ["not_text"]),
    "a tab": ("\t" + GOOD, []),
    "common": ("commonCOMMONcommon", ["common"]),
    "common, in wide letters": ("\uff43ommoncommoncommon", ["common"]),
    "common as a part": ("commoncommoncommon!", []),
    "common and short": ("trustno1", ["too_short", "common"]),
    "a name": ("Example bank of london", ["context"]),
    "a name and short": ("Ada.Lovelace", ["too_short", "context"]),
    "the name of an address": ("countess.lovelace", ["context"]),
    "an address": ("countess.lovelace@example.com", ["context"]),
    "a name as a part": ("ada has a good password", []),
}


@pytest.mark.parametrize(("password", "reasons"), CASES.values(), ids=CASES)
async def test_a_password(password: str, reasons: list[str]) -> None:
    policy = PasswordPolicy(blocklist=["commonCommonCommon", "TRUSTNO1"])
    problems = await policy.check(password, context=CONTEXT)
    assert [problem.reason for problem in problems] == reasons
    assert all(problem.text.endswith(".") and (not password or password not in problem.text) for problem in problems)


async def test_a_context_is_no_single_text() -> None:
    with pytest.raises(TypeError, match=r"such as \[username, email\]"):
        await PasswordPolicy(blocklist=[]).check("ada.lovelace@example.com", context="ada.lovelace@example.com")


async def test_beside_a_second_factor_eight_are_enough() -> None:
    policy = PasswordPolicy(min_length=8, blocklist=[])
    assert not await policy.check("8 of any")
    assert [problem.text for problem in await policy.check("7 of an")] == ["Use at least 8 characters."]


async def test_the_common_ones_are_those_of_the_extra() -> None:
    policy = PasswordPolicy(min_length=8)
    assert [problem.reason for problem in await policy.check("Password1")] == ["common"]


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    password_policy._common.cache_clear()
    monkeypatch.setitem(sys.modules, "zxcvbn.frequency_lists", None)
    with pytest.raises(ConfigError, match=r"install asgisec\[passwords\]"):
        PasswordPolicy()
    PasswordPolicy(blocklist=())


async def test_a_breach_is_asked_for_last_and_once() -> None:
    asked: list[str] = []

    async def breached(password: str) -> bool:
        asked.append(password)
        return password == GOOD

    policy = PasswordPolicy(blocklist=["commoncommoncommon"], breached=breached)
    assert [problem.reason for problem in await policy.check(GOOD)] == ["breached"]
    for password in ("short", "commoncommoncommon", "x" * 5000):
        await policy.check(password)
    assert not await policy.check(GOOD + "!")
    assert asked == [GOOD, GOOD + "!"]


async def test_a_breach_check_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    async def breached(password: str) -> bool:
        raise TimeoutError("no answer")

    assert not await PasswordPolicy(blocklist=[], breached=breached).check(GOOD)
    [record] = caplog.records
    assert record.event.reason == "breach_unchecked"  # type: ignore[attr-defined]  # what `extra` put there
    assert record.getMessage() == "sys_monitor_disabled reason=breach_unchecked policy=PasswordPolicy"
    with pytest.raises(TimeoutError, match="no answer"):
        await PasswordPolicy(blocklist=[], breached=breached, on_breach_error="deny").check(GOOD)


def _plain(password: str) -> bool:
    return False


WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "seven": ("min_length", {"min_length": 7}),
    "true": ("min_length", {"min_length": True}),
    "a word": ("min_length", {"min_length": "15"}),
    "fewer than 64 at most": ("max_length", {"max_length": 63}),
    "fewer at most than at least": ("max_length", {"min_length": 80, "max_length": 79}),
    "true at most": ("max_length", {"max_length": True}),
    "one text as a list": ("blocklist", {"blocklist": "password"}),
    "a number as a list": ("blocklist", {"blocklist": 7}),
    "a plain function": ("breached", {"breached": _plain}),
    "another word": ("on_breach_error", {"on_breach_error": "ask"}),
}


@pytest.mark.parametrize(("option", "options"), WRONG.values(), ids=WRONG)
def test_wrong_options(option: str, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=rf"^PasswordPolicy\({option}=\) got .+: write "):
        PasswordPolicy(**{"blocklist": (), **options})
