"""Protection from cross-site request forgery without tokens: browsers say themselves where a request comes from.

A request that may change something (any method but GET, HEAD, OPTIONS and QUERY), and every WebSocket handshake:

1. passes where its `Origin` is trusted;
2. passes where `Sec-Fetch-Site` is `same-origin` or `none` (typed into the address bar);
3. is refused with 403 where `Sec-Fetch-Site` is anything else;
4. without `Sec-Fetch-Site`, as from browsers before 2023 and on plain HTTP, passes where `Origin` is this host;
5. without both, passes: it comes from no browser, and carries nobody's cookies but its own.

`QUERY` is safe by definition (it reads), and a page of another origin cannot send it without asking CORS first.

This needs handlers that change nothing on GET. Behind a proxy, `Host` must be the one the browser sees. Pages on
subdomains of yours are other origins: trust them by name.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from asgisec._exempt import PLAIN_FUNCTION, is_coroutine_function
from asgisec._wire.origin import is_own, parse_origin
from asgisec.errors import ConfigError, CrossOriginRequest
from asgisec.policies._options import a_bool, a_list, mend_origin
from asgisec.policy import Exchange, Exempt, Policy

__all__ = ["CrossOriginProtection"]

_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "QUERY"})
_SAME = frozenset({b"same-origin", b"none"})
_OPTION = "CrossOriginProtection(trusted_origins=)"
_REFUSED = CrossOriginRequest()


@dataclass(frozen=True)
class CrossOriginProtection(Policy):
    """Refuse requests that pages of other origins make a browser send.

    Args:
        trusted_origins: Origins as browsers send them, `https://app.example.com`; or a predicate of one, which must
            return `True` itself.
        exempt: Exact paths, or a predicate of the exchange, that any page may call: webhooks, endpoints that
            authenticate by something else than cookies.
        dry_run: Report what would be refused, and let it pass.

    Raises:
        ConfigError: An origin that no browser would send, or a predicate that is a coroutine function.
    """

    trusted_origins: Collection[str] | Callable[[str], bool] = ()
    exempt: Sequence[str] | Callable[[Exchange], bool] = ()
    dry_run: bool = False
    _trusted: frozenset[bytes] = field(init=False, repr=False, compare=False)
    _exempt: Exempt = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if is_coroutine_function(self.trusted_origins):
            raise ConfigError(_OPTION, self.trusted_origins, PLAIN_FUNCTION)
        origins = () if callable(self.trusted_origins) else a_list(_OPTION, self.trusted_origins)
        for origin in origins:
            if parse_origin(origin.encode("ascii", "replace")) is None:
                raise ConfigError(_OPTION, origin, mend_origin(origin, "give a predicate of the origin"))
        a_bool("CrossOriginProtection(dry_run=)", self.dry_run)
        exempt = Exempt("CrossOriginProtection(exempt=)", self.exempt)
        for name, value in {
            "trusted_origins": self.trusted_origins if callable(self.trusted_origins) else origins,
            "exempt": self.exempt if callable(self.exempt) else tuple(self.exempt),
            "_trusted": frozenset(origin.encode() for origin in origins),
            "_exempt": exempt,
        }.items():
            object.__setattr__(self, name, value)

    def on_request(self, exchange: Exchange) -> CrossOriginRequest | None:
        """Refuse what another site's page sent."""
        scope = exchange.scope
        if scope["type"] == "http" and scope["method"] in _SAFE:
            return None
        site = exchange.headers.get(b"sec-fetch-site")
        origin = exchange.headers.get(b"origin")
        if site in _SAME or (site is None and origin is None):
            return None
        if origin is not None and (self._trusts(origin) or (site is None and self._is_own(origin, exchange))):
            return None
        return None if self._exempt and self._exempt(exchange) else _REFUSED

    @staticmethod
    def _is_own(origin: bytes, exchange: Exchange) -> bool:
        return is_own(origin, exchange.headers.get(b"host", b""))

    def _trusts(self, origin: bytes) -> bool:
        if callable(self.trusted_origins):
            # Nothing else that counts as true: to trust is to open.
            return parse_origin(origin) is not None and self.trusted_origins(origin.decode()) is True
        return origin in self._trusted
