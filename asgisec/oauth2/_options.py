"""How options of endpoints are checked."""

from typing import TYPE_CHECKING

from asgisec.errors import ConfigError

if TYPE_CHECKING:
    from asgisec.tokens import TokenIssuer

__all__ = ["check_callable", "check_issuer"]

_METHODS = ("inspect", "issue", "refresh", "revoke")


def check_callable(option: str, value: object, mend: str) -> None:
    """Refuse what cannot be called, and is not left out."""
    if value is not None and not callable(value):
        raise ConfigError(option, value, mend)


def check_issuer(option: str, issuer: "TokenIssuer") -> None:
    """Refuse what issues no tokens; a verifier, say."""
    if not all(callable(getattr(issuer, name, None)) for name in _METHODS):
        raise ConfigError(option, issuer, "write a TokenIssuer")
