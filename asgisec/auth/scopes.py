"""Scopes: how they are written, which of them cover others, and which of them a role is worth.

- A scope is visible ASCII without space, quote and backslash (RFC 6749 section 3.3).
- A granted `users:*` covers every scope that begins with `users:`. A `*` stands at the end, behind a colon, and nowhere
  else: nothing covers everything.
- What is required is never widened: `users:*` is required only of who has it.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from asgisec._wire.scopes import covers, is_scope, spellings
from asgisec.errors import ConfigError

__all__ = ["GrantedScopes", "ScopePolicy", "check_known", "check_scopes", "covers"]


class GrantedScopes(frozenset[str]):
    """Granted scopes, of which those that a wildcard covers are members, too: for Starlette's `@requires`."""

    __slots__ = ()

    def __contains__(self, scope: object) -> bool:
        return isinstance(scope, str) and any(frozenset.__contains__(self, name) for name in spellings(scope))


class ScopePolicy:
    """What roles are worth, in scopes.

        policy = ScopePolicy({"admin": ["users:*", "orders:*"], "viewer": ["users:read"]})
        policy.scopes_of(["viewer"])  # frozenset({"users:read"})

    Args:
        roles: The scopes of each role.

    Raises:
        ConfigError: A scope that cannot be written in a token.
    """

    __slots__ = ("_roles", "_scopes")

    def __init__(self, roles: Mapping[str, Iterable[str]]) -> None:
        option = "ScopePolicy(roles)"
        if not isinstance(roles, Mapping) or not all(isinstance(role, str) and role for role in roles):
            raise ConfigError(option, roles, 'write {"admin": ["users:*"], "viewer": ["users:read"]}')
        self._roles = MappingProxyType({role: frozenset(check_scopes(option, given)) for role, given in roles.items()})
        self._scopes = frozenset().union(*self._roles.values())

    @property
    def roles(self) -> Mapping[str, frozenset[str]]:
        """The scopes of each role."""
        return self._roles

    @property
    def scopes(self) -> frozenset[str]:
        """All scopes that some role has."""
        return self._scopes

    def scopes_of(self, roles: str | Iterable[str]) -> frozenset[str]:
        """Return what one role, or several, are worth together; a role that is not known is worth nothing."""
        names = [roles] if isinstance(roles, str) else roles
        return frozenset().union(*(self._roles.get(role, frozenset()) for role in names))

    def __repr__(self) -> str:
        return f"ScopePolicy({ {role: sorted(scopes) for role, scopes in self._roles.items()} })"


def check_scopes(option: str, scopes: Iterable[str]) -> tuple[str, ...]:
    """Return scopes in order, each once.

    Raises:
        ConfigError: One of them cannot be written in a token, or has a wildcard where none can be.
    """
    if isinstance(scopes, str):
        raise ConfigError(option, scopes, f"write a list: [{scopes!r}]")
    if not isinstance(scopes, Iterable):
        raise ConfigError(option, scopes, 'write a list of scopes, such as ["users:read"]')
    listed = tuple(scopes)
    for scope in listed:
        if isinstance(scope, list | tuple | set | frozenset):
            raise ConfigError(option, scope, f"write each by itself: {', '.join(map(repr, scope))}")
        if not isinstance(scope, str) or not is_scope(scope):
            raise ConfigError(option, scope, "write visible ASCII without spaces, quotes and backslashes: 'users:read'")
        if "*" in scope.removesuffix(":*") or scope == ":*":
            raise ConfigError(option, scope, "write a wildcard at the end, behind a colon: 'users:*'")
    return tuple(dict.fromkeys(listed))


def check_known(option: str, scopes: Iterable[str], declared: frozenset[str] | None) -> None:
    """Refuse a required scope that nobody can be granted, where it is known which ones there are.

    Raises:
        ConfigError: There is no such scope.
    """
    for scope in scopes:
        if declared is not None and spellings(scope).isdisjoint(declared):
            from difflib import get_close_matches  # noqa: PLC0415 - for this message alone

            close = get_close_matches(scope, declared, 1)
            mend = f"write {close[0]!r}, or declare it" if close else f"declare it; there are {sorted(declared)}"
            raise ConfigError(option, scope, mend)
