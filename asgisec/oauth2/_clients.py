"""Which OAuth 2 client is asking: RFC 6749 section 2.3.

- The id and the secret come by `Authorization: Basic`, or in the body; both ways at once are `invalid_request`.
- Without a secret a client is public: it says who it is, and does not prove it.
- An access token in `Authorization` is no way of authenticating a client. Pages and libraries send theirs with every
  request, also one that is over, and above all when they come for the next: it is not looked at.
- `Basic Og==`, an empty id with an empty secret, is what Swagger UI sends where nobody filled them in: no client.
- Who cannot be authenticated is a 401, with a challenge if `Authorization` was used (section 5.2).
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Literal, Protocol, TypeAlias, TypeVar

from asgisec._wire.basic import Basic, parse_basic
from asgisec.oauth2._endpoint import Scope, header_lines
from asgisec.oauth2._errors import InvalidClient, InvalidRequest

__all__ = ["Client", "Clients", "Known", "authenticated", "called", "proven", "recognised"]

T = TypeVar("T")


class Known(Protocol):
    """Who was recognised: a user, or a client."""

    @property
    def subject(self) -> str:
        """Who it is: the `sub` of its tokens."""

    @property
    def scopes(self) -> Iterable[str]:
        """What it may do."""


Clients: TypeAlias = Callable[[str, str], Known | Awaitable[Known | None] | None]

_CHALLENGE = {"WWW-Authenticate": 'Basic realm="oauth2", charset="UTF-8"'}  # RFC 7617 section 2.1


@dataclass(frozen=True, slots=True)
class Client:
    """A client that was recognised.

    Attributes:
        id: What it calls itself.
        known: What the application knows of it.
        proven: It presented a secret, and that was right.
    """

    id: str
    known: Known = field(repr=False)
    proven: bool


async def authenticated(scope: Scope, form: Mapping[str, str], clients: Clients | None) -> Client | None:
    """Return the client that a request names; `None` where it names none.

    Raises:
        InvalidRequest: It authenticates in two ways, or in half of one.
        InvalidClient: It is not known, or its secret is not right.
    """
    challenge, client_id, secret = _presented(scope, form)
    if not client_id or (clients is None and not secret):
        # Where no clients are known, what one calls itself without proof says nothing.
        return None
    known = None if clients is None else recognised("clients=", await called(clients(client_id, secret)))
    if known is None:
        raise InvalidClient(headers=challenge)
    return Client(client_id, known, proven=bool(secret))


def proven(scope: Scope, client: Client | None) -> Client:
    """Return the client, if it proved who it is.

    Raises:
        InvalidClient: It did not.
    """
    if client is None or not client.proven:
        challenge = _CHALLENGE if header_lines(scope, b"authorization") else None
        raise InvalidClient(reason="client_not_authenticated", headers=challenge)
    return client


def _presented(scope: Scope, form: Mapping[str, str]) -> tuple[Mapping[str, str] | None, str, str]:
    """Return the challenge where one is due, the id and the secret."""
    lines = header_lines(scope, b"authorization")
    if len(lines) > 1:
        raise InvalidRequest("The request repeats a header.", reason="header_repeated")
    if lines and lines[0].partition(b" ")[0].lower() == b"bearer":
        lines = []
    challenge = _CHALLENGE if lines else None
    if "client_assertion" in form:
        raise InvalidClient(reason="client_method", headers=challenge)
    client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
    basic = parse_basic(lines[0]) if lines else _NOBODY
    if basic is None:
        raise InvalidClient(reason="client_method", headers=challenge)
    if basic != _NOBODY:
        if secret or client_id not in {"", basic.client_id}:
            raise InvalidRequest("The client authenticates in two ways.", reason="client_twice")
        client_id, secret = basic
    if secret and not client_id:
        raise InvalidRequest("The client has a secret and no id.", reason="client_without_id")
    return challenge, client_id, secret


_NOBODY = Basic("", "")


def recognised(option: str, found: Known | Literal[False] | None) -> Known | None:
    """Return who was found; `None` for `None`, and for the `False` of `right and user`.

    Raises:
        TypeError: It is nobody: what only says yes, or no, would let in whoever comes.
    """
    if found is None or found is False:
        return None
    if not hasattr(found, "subject") or not hasattr(found, "scopes"):
        raise TypeError(f"{option} returns an object with subject and scopes, or None; not {type(found).__name__}")
    return found


async def called(result: T | Awaitable[T]) -> T:
    """Return what a callable of the application returned, or what comes of it where that has to be waited for."""
    return await result if isawaitable(result) else result
