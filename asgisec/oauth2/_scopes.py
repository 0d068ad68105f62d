"""Scopes in OAuth 2 requests: RFC 6749 section 3.3."""

from collections.abc import Iterable

from asgisec._wire.scopes import covers
from asgisec.errors import InvalidScope
from asgisec.tokens._scopes import checked

__all__ = ["granted", "requested"]


def requested(parameter: str | None) -> list[str] | None:
    """Return the scopes that are asked for; `None` where none are.

    Raises:
        InvalidScope: There is nothing but spaces.
    """
    if parameter is None:
        return None
    found = [scope for scope in parameter.split(" ") if scope]
    if not found:
        raise InvalidScope(reason="scope_malformed")
    return found


def granted(asked: Iterable[str] | None, allowed: Iterable[str]) -> list[str]:
    """Return what is asked for and allowed; all that is allowed where nothing is asked for.

    An allowed `users:*` covers an asked `users:read`. An asked `users:*` is had where it is allowed itself: who may do
    everything does not hand that on to whoever asks for a part in a way of its own.

    Raises:
        InvalidScope: Something is asked for, and nothing of it is allowed; or it is no scope.
    """
    may = frozenset(allowed.split() if isinstance(allowed, str) else allowed)
    if asked is None:
        return sorted(may)
    try:
        wanted = checked(asked)
    except ValueError:
        raise InvalidScope(reason="scope_malformed") from None
    found = [scope for scope in wanted if scope in may or ("*" not in scope and covers(may, [scope]))]
    if not found:
        raise InvalidScope
    return sorted(found)
