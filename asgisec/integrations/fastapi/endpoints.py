"""The endpoints of a first-party login that OAuth 2 has no name for: they read JSON, too."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from asgisec._wire.authorization import bearer_token
from asgisec._wire.form import MAX_FIELDS, is_form, is_text
from asgisec.errors import SecurityError
from asgisec.oauth2 import TokenEndpoint
from asgisec.oauth2._endpoint import FormEndpoint, Scope, header_lines, parsed_form
from asgisec.oauth2._errors import NOT_STORED, InvalidRequest
from asgisec.oauth2._options import check_issuer
from asgisec.policy import Answer
from asgisec.tokens._parsing import parse_object

if TYPE_CHECKING:
    from asgisec.tokens import TokenIssuer

__all__ = ["LoginEndpoint", "LogoutEndpoint", "RefreshEndpoint"]

# RFC 8259 section 11: the type has no parameters; many send the one that it always had.
_JSON = re.compile(rb'application/json[ \t]*(?:;[ \t]*(?:charset=("?)utf-8\1)?[ \t]*)?', re.IGNORECASE)


class _JSONEndpoint(FormEndpoint):
    """An endpoint that is sent a JSON object; a form as well, where `_takes_forms`.

    A page of another site can send a form and nothing else without being asked for it, so a login takes none.
    """

    _takes_forms = True

    def _judge_type(self, types: list[bytes]) -> SecurityError | None:
        if len(types) > 1:
            return InvalidRequest("The request repeats a header.", reason="header_repeated")
        if types and (_JSON.fullmatch(types[0]) or (self._takes_forms and is_form(types[0]))):
            return None
        return InvalidRequest("Send a JSON object: application/json.", reason="content_type")

    def _parse(self, scope: Scope, body: bytes) -> dict[str, str]:
        types = header_lines(scope, b"content-type")
        if types and is_form(types[0]):
            return parsed_form(body)
        try:
            members = parse_object(body)
        except ValueError:
            raise InvalidRequest("The JSON object is malformed.", reason="json_malformed") from None
        if len(members) > MAX_FIELDS:
            raise InvalidRequest("The JSON object has too many members.", reason="json_too_many")
        return _texts(members)


class LoginEndpoint(_JSONEndpoint, TokenEndpoint):
    """Log in with JSON: what the `password` grant does."""

    _takes_forms = False

    async def _handle(self, scope: Scope, form: Mapping[str, str]) -> Answer:
        return await super()._handle(scope, {**form, "grant_type": "password"})


class RefreshEndpoint(_JSONEndpoint, TokenEndpoint):
    """Get the next tokens: what the `refresh_token` grant does."""

    async def _handle(self, scope: Scope, form: Mapping[str, str]) -> Answer:
        return await super()._handle(scope, {**form, "grant_type": "refresh_token"})


class LogoutEndpoint(_JSONEndpoint):
    """End a session.

    Who has a token may end its session; nobody learns whether it was one.
    """

    def __init__(self, issuer: "TokenIssuer") -> None:
        check_issuer("LogoutEndpoint(issuer=)", issuer)
        self.closes = issuer.closes
        self._issuer = issuer

    def _judge_type(self, types: list[bytes]) -> SecurityError | None:
        # A page that has its access token only has nothing to put into a body.
        return super()._judge_type(types) if types else None

    def _parse(self, scope: Scope, body: bytes) -> dict[str, str]:
        return super()._parse(scope, body) if body else {}

    async def _handle(self, scope: Scope, form: Mapping[str, str]) -> Answer:
        tokens = [form[name] for name in ("refresh_token", "token") if name in form]
        if not tokens:
            tokens = [_presented(scope)]
        for token in tokens:
            found = await self._issuer.inspect(token)
            # The session first: if it cannot be ended, the token must still be good to try again with.
            if found is not None and found.session_id is not None:
                await self._issuer.revoke_session(found.session_id)
            await self._issuer.revoke(token)
        return Answer(200, NOT_STORED)


def _texts(members: Mapping[str, Any]) -> dict[str, str]:
    """Return the members as a form would have them."""
    found: dict[str, str] = {}
    for name, value in members.items():
        text = " ".join(value) if name == "scopes" and _is_list_of_scopes(value) else value
        if text is None:
            continue
        if not isinstance(text, str) or not is_text(text):
            raise InvalidRequest("A member of the JSON object is no text.", reason="json_member")
        if text:
            found[name] = text
    if "scopes" in found:
        if "scope" in found:
            raise InvalidRequest("Send either scopes or scope.", reason="json_member")
        found["scope"] = found.pop("scopes")
    return found


def _is_list_of_scopes(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(scope, str) and " " not in scope for scope in value)


def _presented(scope: Scope) -> str:
    lines = header_lines(scope, b"authorization")
    try:
        token = bearer_token(lines[0]) if len(lines) == 1 else None
    except ValueError:
        token = None
    if token is None:
        raise InvalidRequest("The request lacks a token.", reason="parameter_missing")
    return token
