"""Authentication of every request: nobody reaches the application whom the authenticator does not know.

1. A credential that is there and not good is refused: 401 (400 where it is malformed), with a challenge (RFC 6750).
2. Who presents nothing is refused with 401 and a bare challenge; with `required=False` they pass, and are nobody.
3. Who is calling is `scope["state"]["principal"]`, for guards, limits and events; and Starlette's `request.user` and
   `request.auth`, so that its `@requires` works, with wildcards too.
4. A WebSocket is closed with 1008 when its credential ends.

    app = install(app, CORS(allow_origins=["https://app.example.com"]), Authentication(BearerAuth(issuer)))

It stands behind `CORS`, which answers preflights: they carry no credentials. It cannot be rehearsed: there is no half
authentication.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from asgisec.auth._admission import admit
from asgisec.auth._known import first_look
from asgisec.auth.authenticators import Authenticator
from asgisec.errors import ConfigError, SecurityError, unless_text
from asgisec.policies._options import a_bool
from asgisec.policy import Exchange, Exempt, Policy

__all__ = ["Authentication"]


@dataclass(frozen=True)
class Authentication(Policy):
    """Find out who is calling, and refuse who is nobody.

    Args:
        authenticator: How: `BearerAuth(issuer)`, `APIKeyAuth(api_keys)`, or either: `bearer | api_key`.
        required: Refuse who presents nothing. Where it is `False`, guards decide; what is presented must still be good.
        exempt: Exact paths, or a predicate of the exchange, that nobody is asked at: a login, a health check.
        dry_run: Not to be had.
        clock: The time, in seconds since the epoch; for tests.

    Raises:
        ConfigError: What is no authenticator, or `dry_run`.
    """

    authenticator: Authenticator
    required: bool = True
    exempt: Sequence[str] | Callable[[Exchange], bool] = ()
    dry_run: bool = False
    clock: Callable[[], float] = field(default=time.time, repr=False)
    _exempt: Exempt | None = field(init=False, repr=False, compare=False)

    provides = ("principal",)

    def __post_init__(self) -> None:
        if not isinstance(self.authenticator, Authenticator):
            mend = "write BearerAuth(issuer), APIKeyAuth(api_keys), or either: bearer | api_key"
            raise ConfigError("Authentication(authenticator)", unless_text(self.authenticator), mend)
        a_bool("Authentication(required=)", self.required)
        if self.dry_run is not False:
            mend = "leave it out: who is let in although nobody knows them is let in; see required="
            raise ConfigError("Authentication(dry_run=)", self.dry_run, mend)
        exempt = Exempt("Authentication(exempt=)", self.exempt)
        for name, value in {
            "exempt": self.exempt if callable(self.exempt) else tuple(self.exempt),
            "closes": tuple(self.authenticator.closes),
            "_exempt": exempt or None,
        }.items():
            object.__setattr__(self, name, value)

    async def on_request(self, exchange: Exchange) -> SecurityError | None:
        """Refuse who is nobody, and what is not good."""
        principal = None
        if self._exempt is None or not self._exempt(exchange):
            authenticator = self.authenticator
            try:
                principal = await first_look(authenticator, exchange)
            except SecurityError as error:
                return authenticator.challenged(error)
            if principal is None and self.required:
                return authenticator.unauthenticated()
        admit(exchange, self.authenticator, principal, self, self.clock)
        return None
