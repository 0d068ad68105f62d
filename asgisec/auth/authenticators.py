"""What an authenticator is, and either of several.

An authenticator finds its kind of credential in a request and turns it into a `Principal`. Where there is none of its
kind it returns `None`; one that is there and not good is refused, always.

    auth = BearerAuth(issuer) | APIKeyAuth(api_keys)
    guard = auth.require("users:read")
"""

from collections.abc import Callable, Hashable, Iterable, Sequence

from asgisec._wire.authorization import challenge
from asgisec._wire.headers import is_field_value
from asgisec.auth._known import identify
from asgisec.auth.guards import Guard
from asgisec.auth.principal import Principal
from asgisec.auth.scopes import ScopePolicy, check_scopes
from asgisec.errors import ConfigError, SecurityError, Unauthenticated, unless_text
from asgisec.policy import Exchange
from asgisec.stores.protocols import Closable

__all__ = ["AnyOf", "Authenticator"]

_CHALLENGED = frozenset({400, 401, 403})


class Authenticator:
    """Find out who is calling. Derive from it for credentials of your own.

    Attributes:
        scheme: What is presented; the `scheme` of its principals.
        challenge_scheme: How a challenge names it.
        closes: What is closed when the application shuts down.
        declared: The scopes that there are, where that is known: a guard that requires another is a `ConfigError`.
    """

    scheme: str = "custom"
    challenge_scheme: str = "Custom"
    closes: Sequence[Closable] = ()
    declared: frozenset[str] | None = None
    _constant: tuple[tuple[str, str], ...] = ()

    async def authenticate(self, exchange: Exchange) -> Principal | None:
        """Return who is calling; `None` where there is no credential of this kind.

        Raises:
            SecurityError: There is one, and it is not good. Raise a new instance each time.
        """
        raise NotImplementedError

    def remembers(self, exchange: Exchange) -> bool:
        """Tell whether the credential was good before, so that looking again costs no more than asking a store."""
        return False

    @property
    def parts(self) -> tuple["Authenticator", ...]:
        """The authenticators that it is made of; of one kind, itself."""
        return (self,)

    @property
    def place(self) -> Hashable:
        """Where in a request it looks. Of two that look at one place, the second would never be asked."""
        return self

    def require(self, *scopes: str, where: Callable[[Principal], bool] | None = None) -> Guard:
        """Return a guard: lets those pass who have all these scopes, and of whom `where` returns `True`."""
        return Guard(self, *scopes, where=where)

    def __or__(self, other: "Authenticator") -> "AnyOf":
        if not isinstance(other, Authenticator):
            return NotImplemented
        return AnyOf(self, other)

    def challenge(self, error: SecurityError | None = None, scopes: Iterable[str] = ()) -> str:
        """Write what to present, as `WWW-Authenticate` says it (RFC 9110 section 11.6.1).

        Args:
            error: Why what was presented was refused; `None` where nothing was.
            scopes: What is needed.
        """
        return challenge(self.challenge_scheme, [*self._constant, *self.parameters(error, scopes)])

    def parameters(self, error: SecurityError | None, scopes: Iterable[str]) -> list[tuple[str, str]]:
        """Return what a challenge says of a refusal."""
        return []

    def unauthenticated(self) -> SecurityError:
        """Return the refusal of who presents nothing; its challenge has no error (RFC 6750 section 3.1)."""
        return Unauthenticated(headers={"WWW-Authenticate": self.challenge()})

    def challenged(self, error: SecurityError, scopes: Iterable[str] = ()) -> SecurityError:
        """Put the challenge on a refusal that has none."""
        headers = error.headers or {}
        if error.status_code in _CHALLENGED and not any(name.lower() == "www-authenticate" for name in headers):
            error.headers = {**headers, "WWW-Authenticate": self.challenge(error, scopes)}
        return error


class AnyOf(Authenticator):
    """Accept what any of several authenticators accepts: the first whose credential is there decides.

    So a bad credential is never saved by a good one of another kind.

    Args:
        authenticators: Which, in the order they are asked; or write `bearer | api_key`.

    Raises:
        ConfigError: There are none, or two that look at the same place.
    """

    scheme = "any"

    def __init__(self, *authenticators: Authenticator) -> None:
        option = "AnyOf(*authenticators)"
        for one in authenticators:
            if not isinstance(one, Authenticator):
                raise ConfigError(option, unless_text(one), "write authenticators, such as BearerAuth(issuer)")
        self._parts = tuple(part for one in authenticators for part in one.parts)
        if not self._parts:
            raise ConfigError(option, authenticators, "write authenticators, such as BearerAuth(issuer)")
        if len({part.place for part in self._parts}) < len(self._parts):
            mend = "write one per kind of credential: the first finds it, and the second is never asked"
            raise ConfigError(option, authenticators, mend)
        self.closes = tuple({id(used): used for part in self._parts for used in part.closes}.values())
        known = [part.declared for part in self._parts]
        if None not in known:
            self.declared = frozenset().union(*(scopes for scopes in known if scopes is not None))

    @property
    def parts(self) -> tuple[Authenticator, ...]:
        """The authenticators, in the order they are asked."""
        return self._parts

    def __repr__(self) -> str:
        return " | ".join(map(repr, self._parts))

    def remembers(self, exchange: Exchange) -> bool:
        """Tell whether one of them does."""
        return any(part.remembers(exchange) for part in self._parts)

    async def authenticate(self, exchange: Exchange) -> Principal | None:
        """Return who the first authenticator finds that finds somebody."""
        for part in self._parts:
            try:
                principal = await identify(part, exchange.scope, exchange)
            except SecurityError as error:
                error.credential = part.scheme
                raise
            if principal is not None:
                return principal
        return None

    def challenge(self, error: SecurityError | None = None, scopes: Iterable[str] = ()) -> str:
        """Write all that may be presented, and the error at what was."""
        needed = [*scopes]
        found = []
        for part in self._parts:
            meant = error is not None and error.credential in (None, part.scheme)
            found.append(part.challenge(error, needed) if meant else part.challenge())
        return ", ".join(found)


def declared_scopes(option: str, scopes: Iterable[str] | ScopePolicy | None) -> frozenset[str] | None:
    """Return the scopes that there are, as an option names them."""
    if scopes is None:
        return None
    return scopes.scopes if isinstance(scopes, ScopePolicy) else frozenset(check_scopes(option, scopes))


def realm_of(option: str, realm: object) -> list[tuple[str, str]]:
    """Return a quoted parameter of every challenge, where the option is given."""
    if realm is None:
        return []
    name = option.partition("(")[2].removesuffix("=)")
    if (
        not isinstance(realm, str)
        or not realm.isascii()
        or not is_field_value(realm.encode())
        or {'"', "\\"} & {*realm}
    ):
        raise ConfigError(option, realm, "write visible ASCII without quotes and backslashes")
    return [(name, realm)]
