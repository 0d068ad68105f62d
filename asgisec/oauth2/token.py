"""The token endpoint: RFC 6749 section 3.2, for the clients and users of this application alone.

| `grant_type` | what comes in | what goes out |
| --- | --- | --- |
| `password` | `username`, `password`, `scope` | an access token and a refresh token |
| `refresh_token` | `refresh_token`, `scope` | the next pair; the old refresh token is used up |
| `client_credentials` | a client's id and secret, `scope` | an access token |

- Scopes that are granted are those asked for and allowed; all that are allowed where none are asked for. If nothing is
  left of what was asked for, that is `invalid_scope`.
- `password` is the login of your own application. It hands the password to whoever asks for it, so RFC 9700 section 2.4
  forbids it between parties: never let another's application ask for your users' passwords.
- A refresh token is good for the client that it was issued to, and no other.

A refusal is RFC 6749 section 5.2 in JSON; 429 and 503 say when to come again. Each refusal and each success is one
event.

When you deploy: give `throttle=`. What `login` does not find must cost as much as what it does:
`PasswordHasher.verify(password, None)`.

    token = TokenEndpoint(issuer, login=login, throttle=LoginThrottle(store))
    routes = [Route("/token", token)]
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from asgisec._connection import asking_for, report, scope_of
from asgisec.errors import ConfigError, SecurityError, Unauthenticated, unless_text
from asgisec.oauth2._clients import Client, Clients, Known, authenticated, called, proven, recognised
from asgisec.oauth2._endpoint import FormEndpoint, Scope, address_of, parameter
from asgisec.oauth2._errors import InvalidGrant, UnauthorizedClient, UnsupportedGrantType, json_answer
from asgisec.oauth2._options import check_callable, check_issuer
from asgisec.oauth2._scopes import granted, requested
from asgisec.policy import Answer
from asgisec.tokens._parsing import decode_base64url, parse_object

if TYPE_CHECKING:
    from asgisec.tokens import TokenIssuer, TokenPair

__all__ = ["TokenEndpoint"]

Login: TypeAlias = Callable[[str, str], Known | Awaitable[Known | None] | None]
AllowedScopes: TypeAlias = Callable[[Any], Iterable[str] | Awaitable[Iterable[str]]]


class Throttle(Protocol):
    """What slows the guessing of passwords: a `LoginThrottle`."""

    async def check(self, account: str, client: str | None) -> None:
        """Raise `RateLimitExceeded` where the next attempt has to wait."""

    async def failed(self, account: str, client: str | None) -> None:
        """Count an attempt that failed."""

    async def succeeded(self, account: str, client: str | None) -> None:
        """Forget what failed before."""


class TokenEndpoint(FormEndpoint):
    """Issue tokens.

    Args:
        issuer: The `TokenIssuer`.
        login: Takes username and password, and returns who that is, an object with `.subject` and `.scopes`, or `None`;
            a coroutine function or a plain one. Without it there is no `password` grant.
        allowed_scopes: Takes what `login` returned, and returns the scopes that it may have; its `.scopes` where left
            out.
        clients: Takes the id and the secret of a client, and returns it, an object with `.subject` and `.scopes`, or
            `None`. The secret is empty where the client presented none: return a public client then, and no other. A
            client may have `.grant_types`, the only ones that it may use. Without it there is no `client_credentials`
            grant, and a client that presents a secret is refused.
        throttle: A `LoginThrottle`.

    Raises:
        ConfigError: An option is wrong.
    """

    def __init__(
        self,
        issuer: "TokenIssuer",
        *,
        login: Login | None = None,
        allowed_scopes: AllowedScopes | None = None,
        clients: Clients | None = None,
        throttle: Throttle | None = None,
    ) -> None:
        where = "TokenEndpoint"
        check_issuer(f"{where}(issuer=)", issuer)
        check_callable(f"{where}(login=)", login, "write a function of username and password")
        check_callable(f"{where}(allowed_scopes=)", allowed_scopes, "write a function of what login= returns")
        check_callable(f"{where}(clients=)", clients, "write a function of a client's id and secret")
        if login is None and (allowed_scopes is not None or throttle is not None):
            raise ConfigError(f"{where}(login=)", login, "allowed_scopes= and throttle= are for it: write it, too")
        if throttle is not None and not all(callable(getattr(throttle, name, None)) for name in _THROTTLE):
            raise ConfigError(f"{where}(throttle=)", unless_text(throttle), "write a LoginThrottle")
        # The store of a throttle may be another: not every store counts logins.
        used = (*issuer.closes, *getattr(throttle, "closes", ()))
        self.closes = tuple({id(one): one for one in used}.values())
        self._issuer = issuer
        self._login = login
        self._allowed = allowed_scopes
        self._clients = clients
        self._throttle = throttle
        self._grants = {"refresh_token": self._refresh}
        if login is not None:
            self._grants["password"] = self._password
        if clients is not None:
            self._grants["client_credentials"] = self._client_credentials

    @property
    def grant_types(self) -> tuple[str, ...]:
        """The grant types that there are."""
        return tuple(sorted(self._grants))

    async def log_in(
        self,
        connection: object,
        username: str,
        password: str,
        scopes: Iterable[str] | None = None,
        *,
        client_id: str | None = None,
    ) -> "TokenPair":
        """Do what the `password` grant does, for an endpoint of your own.

        Args:
            connection: The request, or its scope: whose address the throttle counts, and events tell.
            username: Who wants in.
            password: The password.
            scopes: What is asked for; `None` for all that is allowed.
            client_id: The client that the tokens are for.

        Raises:
            SecurityError: 400 where name and password do not fit, 429 where the throttle holds back.
        """
        scope = scope_of(connection)
        if self._login is None:
            raise UnsupportedGrantType
        try:
            user = await self._known(scope, self._login, username, password)
        except SecurityError as error:
            # Here, as the error says nothing of the account: `reported` keeps whoever answers it from telling again.
            report(scope, error.event, error.reason, policy=self, principal=self._shown(username, password))
            error.reported = True
            raise
        allowed = user.scopes if self._allowed is None else await called(self._allowed(user))
        pair = await self._issuer.issue(user.subject, granted(scopes, allowed), client_id)
        report(scope, "authn_login_success", "password", policy=self, principal=str(user.subject), level=logging.INFO)
        return pair

    async def _known(self, scope: Scope, login: Login, username: str, password: str) -> Known:
        throttle, address = self._throttle, address_of(scope)
        if throttle is not None:
            with asking_for(scope):
                await throttle.check(username, address)
        refusal: Unauthenticated | None = None
        user: Known | None = None
        try:
            user = recognised("login=", await called(login(username, password)))
        except Unauthenticated as error:
            refusal = error
        if throttle is not None:
            with asking_for(scope):
                await (throttle.failed if user is None else throttle.succeeded)(username, address)
        if user is None:
            raise refusal or InvalidGrant
        return user

    def _shown(self, username: str, password: str) -> str | None:
        """Return the account, for events: with a throttle, which is where accounts under attack are told of."""
        # Some type the password into both fields.
        return None if self._throttle is None or username == password else username[:_MOST_SHOWN]

    async def _handle(self, scope: Scope, form: Mapping[str, str]) -> Answer:
        kind = parameter(form, "grant_type")
        grant = self._grants.get(kind)
        if grant is None:
            raise UnsupportedGrantType
        client = await authenticated(scope, form, self._clients)
        allowed = None if client is None else getattr(client.known, "grant_types", None)
        if allowed is not None and kind not in allowed:
            raise UnauthorizedClient
        pair = await grant(scope, form, client)
        members = {
            "access_token": pair.access_token,
            "token_type": pair.token_type,
            "expires_in": pair.expires_in,
            "refresh_token": pair.refresh_token,
            "scope": pair.scope,
        }
        return json_answer(200, {name: value for name, value in members.items() if value is not None})

    async def _password(self, scope: Scope, form: Mapping[str, str], client: Client | None) -> "TokenPair":
        username, password = parameter(form, "username"), parameter(form, "password")
        asked = requested(form.get("scope"))
        return await self.log_in(scope, username, password, asked, client_id=client.id if client else None)

    async def _refresh(self, scope: Scope, form: Mapping[str, str], client: Client | None) -> "TokenPair":
        token, asked = parameter(form, "refresh_token"), requested(form.get("scope"))
        pair = await self._issuer.refresh(token, asked, client_id=client.id if client else None)
        subject = _subject_of(pair)
        report(scope, "session_renewed", "refresh_token", policy=self, principal=subject, level=logging.INFO)
        return pair

    async def _client_credentials(self, scope: Scope, form: Mapping[str, str], client: Client | None) -> "TokenPair":
        # RFC 6749 section 4.4: for clients that prove who they are.
        client = proven(scope, client)
        scopes = granted(requested(form.get("scope")), client.known.scopes)
        # Section 4.4.3: without a refresh token, which would be good for what the secret is good for anyway.
        pair = await self._issuer.issue(client.known.subject, scopes, client.id, refresh=False)
        subject = str(client.known.subject)
        report(scope, "authn_login_success", "client_credentials", policy=self, principal=subject, level=logging.INFO)
        return pair


_MOST_SHOWN = 256  # characters of a name, in events: it is whatever was entered
_THROTTLE = ("check", "failed", "succeeded")


def _subject_of(pair: "TokenPair") -> str:
    """Return who a pair is for, as its access token says: we have just made it, so nobody has to verify it."""
    return str(parse_object(decode_base64url(pair.access_token.split(".")[1]))["sub"])
