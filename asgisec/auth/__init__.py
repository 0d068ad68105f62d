"""Who is calling, and may they do this: authenticators, principals, guards."""

from asgisec.auth.api_key import APIKeyAuth
from asgisec.auth.authenticators import AnyOf, Authenticator
from asgisec.auth.bearer import BearerAuth
from asgisec.auth.guards import Guard
from asgisec.auth.principal import Principal
from asgisec.auth.scopes import ScopePolicy

__all__ = ["APIKeyAuth", "AnyOf", "Authenticator", "BearerAuth", "Guard", "Principal", "ScopePolicy"]
