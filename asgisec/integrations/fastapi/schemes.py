"""What the documentation says of an authenticator: its security schemes, in OpenAPI's terms."""

from collections.abc import Mapping

from fastapi.openapi.models import (
    APIKey,
    APIKeyIn,
    HTTPBearer,
    OAuth2,
    OAuthFlowPassword,
    OAuthFlows,
)
from fastapi.openapi.models import HTTPBase as HTTPScheme
from fastapi.openapi.models import SecurityBase as Model
from fastapi.security.base import SecurityBase

from asgisec.auth.api_key import APIKeyAuth
from asgisec.auth.authenticators import Authenticator
from asgisec.auth.bearer import BearerAuth

__all__ = ["Scheme", "schemes_of"]


class Scheme(SecurityBase):
    """A dependency that does nothing but stand in the documentation."""

    def __init__(self, name: str, model: Model) -> None:
        self.scheme_name = name
        self.model = model

    async def __call__(self) -> None:
        """Leave it to the guard."""


def schemes_of(authenticator: Authenticator, token_url: str | None, scopes: Mapping[str, str]) -> list[Scheme]:
    """Return the schemes of an authenticator, each by the name that FastAPI's own have."""
    return [_scheme(part, token_url, scopes) for part in authenticator.parts]


def _scheme(part: Authenticator, token_url: str | None, scopes: Mapping[str, str]) -> Scheme:
    if isinstance(part, APIKeyAuth):
        name = "APIKeyHeader" if part.header.lower() == "x-api-key" else part.header
        # `in` is a keyword; the model takes it by this name only.
        return Scheme(name, APIKey.model_validate({"in": APIKeyIn.header, "name": part.header}))
    if isinstance(part, BearerAuth):
        if token_url is None:
            return Scheme("HTTPBearer", HTTPBearer())
        flow = OAuthFlowPassword(tokenUrl=token_url, refreshUrl=token_url, scopes=dict(scopes))
        return Scheme("OAuth2PasswordBearer", OAuth2(flows=OAuthFlows(password=flow)))
    return Scheme(f"HTTP{part.challenge_scheme}", HTTPScheme(scheme=part.challenge_scheme.lower()))
