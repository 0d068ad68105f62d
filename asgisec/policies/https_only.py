"""Nothing over plain HTTP.

- `redirect` sends browsers to HTTPS (307, so that the method stays), at the host they asked for.
- `reject` answers 403: a client program that spoke in clear has already sent its credentials, and must hear of it.
- A plain `ws` handshake is refused in both modes: browsers follow no redirect there.

List it inside of `TrustedHosts`, which vouches for the host, and of `TrustedProxies`, which knows the scheme where TLS
ends at a proxy.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from asgisec._wire.host import parse_host
from asgisec.errors import ConfigError, InsecureTransport, SecurityError
from asgisec.policies._location import full_path, location_of
from asgisec.policies._options import a_bool
from asgisec.policy import Answer, Exchange, Exempt, Policy

__all__ = ["HTTPSOnly"]

_MODES = ("redirect", "reject")
_REFUSED = InsecureTransport()


@dataclass(frozen=True)
class HTTPSOnly(Policy):
    """Redirect or refuse what comes over plain HTTP.

    Args:
        mode: `redirect` or `reject`.
        exempt: Exact paths, or a predicate of the exchange, to answer over plain HTTP, too: health checks.
        dry_run: Report what would be redirected or refused, and let it pass.

    Raises:
        ConfigError: The mode is neither.
    """

    mode: Literal["redirect", "reject"] = "redirect"
    exempt: Sequence[str] | Callable[[Exchange], bool] = ()
    dry_run: bool = False
    _exempt: Exempt = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.mode not in _MODES:
            raise ConfigError("HTTPSOnly(mode=)", self.mode, "write 'redirect' or 'reject'")
        a_bool("HTTPSOnly(dry_run=)", self.dry_run)
        object.__setattr__(self, "_exempt", Exempt("HTTPSOnly(exempt=)", self.exempt))
        object.__setattr__(self, "exempt", self.exempt if callable(self.exempt) else tuple(self.exempt))

    def on_request(self, exchange: Exchange) -> Answer | SecurityError | None:
        """Let HTTPS pass."""
        scope = exchange.scope
        if scope.get("scheme") in {"https", "wss"} or (self._exempt and self._exempt(exchange)):
            return None
        host = parse_host(exchange.headers.get(b"host", b""))
        path = full_path(scope)
        # `OPTIONS *` has no place to go to, and of `GET @evil.example` the path would become part of the host.
        if self.mode == "reject" or scope["type"] == "websocket" or host is None or not path.startswith("/"):
            return _REFUSED
        # The port of plain HTTP is not the one of HTTPS; which that is only its default can tell.
        return Answer(307, [location_of(scope, "https", host.name)], event=(_REFUSED.event, _REFUSED.reason))
