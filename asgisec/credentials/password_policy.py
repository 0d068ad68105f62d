"""Which passwords to accept, by NIST SP 800-63B-4 (section 3.1.1.2).

- At least 15 characters where the password is all there is, 8 where there is a second factor; at least 64 are allowed.
- No rules of composition, and no change after a time: both make passwords worse.
- Not one that everybody tries, not the user's own name, and, where a check is given, not one from a breach. Whole
  passwords are compared, without case.
- Characters are counted as Unicode's code points; spaces and all scripts are allowed.

What is wrong is told with a closed reason and a text for the user: `too_short`, `too_long`, `not_text`, `common`,
`context`, `breached`.

    policy = PasswordPolicy()
    problems = await policy.check(password, context=[username, email])
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from asgisec._exempt import is_coroutine_function
from asgisec._wire.form import is_text
from asgisec.context import request_id
from asgisec.credentials._normal_forms import normalized
from asgisec.errors import ConfigError
from asgisec.events import SecurityEvent, emit

__all__ = ["PasswordPolicy", "PasswordProblem"]

_LEAST_MOST = 64  # characters that have to be allowed
_SHORTEST_CONTEXT = 4  # characters: what is shorter is found in too many good passwords
_LONGEST_CONTEXT = 4096  # characters: what is longer is no name, and comes from whoever registers

Reason = Literal["too_short", "too_long", "not_text", "common", "context", "breached"]


@dataclass(frozen=True, slots=True)
class PasswordProblem:
    """Why a password is not accepted.

    Attributes:
        reason: One of a closed set of words.
        text: What to tell the user.
    """

    reason: Reason
    text: str


class PasswordPolicy:
    """Judge new passwords.

    Args:
        min_length: How many characters at least: 15, or 8 beside a second factor.
        max_length: How many characters at most: 1,024, as for `PasswordHasher`.
        blocklist: What nobody may use; the 30,000 commonest passwords that `zxcvbn` lists (extra `passwords`) where
            left out.
        breached: A coroutine function that tells whether a password is known from a breach.
        on_breach_error: What happens where that fails: `allow` accepts the password, with an event; `deny` raises what
            was raised.

    Raises:
        ConfigError: An option is wrong, or the extra is not installed.
    """

    def __init__(
        self,
        *,
        min_length: int = 15,
        max_length: int = 1024,
        blocklist: Collection[str] | None = None,
        breached: Callable[[str], Awaitable[bool]] | None = None,
        on_breach_error: Literal["allow", "deny"] = "allow",
    ) -> None:
        if not isinstance(min_length, int) or isinstance(min_length, bool) or min_length < 8:  # noqa: PLR2004 - NIST's
            raise ConfigError(
                "PasswordPolicy(min_length=)", min_length, "write 15, or 8 or more beside a second factor"
            )
        if not isinstance(max_length, int) or isinstance(max_length, bool) or max_length < max(_LEAST_MOST, min_length):
            mend = f"write a whole number of {_LEAST_MOST} or more, and not below min_length"
            raise ConfigError("PasswordPolicy(max_length=)", max_length, mend)
        if isinstance(blocklist, str) or not (blocklist is None or isinstance(blocklist, Collection)):
            raise ConfigError("PasswordPolicy(blocklist=)", blocklist, "write a list of passwords")
        if breached is not None and not is_coroutine_function(breached):
            raise ConfigError("PasswordPolicy(breached=)", breached, "write a coroutine function of a password")
        if on_breach_error not in ("allow", "deny"):
            raise ConfigError("PasswordPolicy(on_breach_error=)", on_breach_error, 'write "allow" or "deny"')
        self._min_length = min_length
        self._max_length = max_length
        self._blocked = _common() if blocklist is None else frozenset(map(_plain, blocklist))
        self._breached = breached
        self._allow_unchecked = on_breach_error == "allow"

    async def check(self, password: str, *, context: Iterable[str] = ()) -> tuple[PasswordProblem, ...]:
        """Return what is wrong with a password; nothing where it is accepted.

        Args:
            password: What the user chose.
            context: What belongs to the user and is no password: the name, the address, the service's name.

        Raises:
            TypeError: `context` is one text, whose letters would be taken for texts.
        """
        if isinstance(context, str):
            raise TypeError("write the context as a list of texts, such as [username, email]")
        if len(password) > self._max_length:
            # Nothing else is made of it.
            return (PasswordProblem("too_long", f"Use at most {self._max_length} characters."),)
        if not is_text(password) or any("\ud800" <= sign <= "\udfff" for sign in password):
            # Half of a surrogate pair, which JSON can bring, is no character: nothing can be made of it. A line break,
            # pasted along, could never be entered again: RFC 6749 appendix A has no form with it.
            return (PasswordProblem("not_text", "Use characters that can be typed."),)
        problems = []
        if len(password) < self._min_length:
            problems.append(PasswordProblem("too_short", f"Use at least {self._min_length} characters."))
        plain = _plain(password)
        if plain in self._blocked:
            problems.append(PasswordProblem("common", "Many people use this password. Choose another."))
        if plain in _words(context):
            problems.append(PasswordProblem("context", "Do not use your name or address as your password."))
        if not problems and self._breached is not None and await self._is_breached(password, self._breached):
            problems.append(PasswordProblem("breached", "This password is known from a data breach. Choose another."))
        return tuple(problems)

    async def _is_breached(self, password: str, breached: Callable[[str], Awaitable[bool]]) -> bool:
        try:
            return bool(await breached(password))
        except Exception:
            if not self._allow_unchecked:
                raise
            # A service that is down must not keep everybody from choosing a password: the other rules hold.
            emit(
                SecurityEvent(
                    name="sys_monitor_disabled",
                    reason="breach_unchecked",
                    policy="PasswordPolicy",
                    request_id=request_id(),
                    level=logging.ERROR,
                )
            )
            return False


def _words(context: Iterable[str]) -> frozenset[str]:
    found = set()
    for text in (one for one in context if len(one) <= _LONGEST_CONTEXT):
        plain = _plain(text)
        # Of an address, what stands before the sign is a name, too.
        found |= {word for word in (plain, plain.partition("@")[0]) if len(word) >= _SHORTEST_CONTEXT}
    return frozenset(found)


def _plain(text: str) -> str:
    return normalized("NFKC", text).casefold()


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    try:
        from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415 - an extra, needed by this policy alone
    except ModuleNotFoundError as error:
        mend = "install asgisec[passwords], or write a list of your own"
        raise ConfigError("PasswordPolicy(blocklist=)", None, mend) from error
    return frozenset(map(_plain, FREQUENCY_LISTS["passwords"]))
