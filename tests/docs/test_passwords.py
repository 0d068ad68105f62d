"""The tables of the pages about passwords and logins say what the code does."""

import asyncio
import inspect
from typing import Any

import pytest

from asgisec.credentials import LoginThrottle, PasswordHasher, PasswordPolicy
from tests.docs.pages import rows, section
from tests.docs.write import DOCS


@pytest.mark.parametrize(
    ("kind", "page", "heading"),
    [
        (PasswordHasher, "passwords.md", "Options of `PasswordHasher`"),
        (PasswordPolicy, "passwords.md", "Which passwords to accept"),
        (LoginThrottle, "login-throttle.md", "Options of `LoginThrottle`"),
    ],
)
def test_options(kind: type[Any], page: str, heading: str) -> None:
    listed = [cells for cells in rows(section(DOCS / page, heading)) if len(cells) == 3]
    options = inspect.signature(kind).parameters.values()
    shown = [(f"`{one.name}`", "required" if one.default is one.empty else one.default) for one in options]
    assert [(name, value if value == "required" else eval(value.strip("`"))) for name, value, _ in listed] == shown  # noqa: S307 - our own page


def test_problems() -> None:
    async def breached(password: str) -> bool:
        return True

    async def found() -> list[tuple[str, str]]:
        policy = PasswordPolicy(blocklist=["commoncommoncommon"], breached=breached)
        passwords = [
            "short",
            "a" * 1025,
            "\ud800",
            "commonCommonCommon",
            "Ada Lovelace of 1815",
            "correct horse battery",
        ]
        told = [await policy.check(password, context=["ada lovelace of 1815"]) for password in passwords]
        return [(f"`{problem.reason}`", problem.text) for problems in told for problem in problems]

    listed = [tuple(cells) for cells in rows(section(DOCS / "passwords.md", "Which passwords to accept"))]
    assert [cells for cells in listed if len(cells) == 2] == asyncio.run(found())
