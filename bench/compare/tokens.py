"""Tokens for the rows about them: made by hand, so that no library's own checks stand in the way."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from asgisec.errors import SecurityError
from asgisec.tokens import KeySet, TokenVerifier
from bench.compare.row import Seen

__all__ = ["AUDIENCE", "HEADER", "ISSUER", "SECRET", "claims", "judged", "ours", "signed"]

SECRET = b"a secret of the comparison, long enough"
ISSUER = "https://api.example.com"
AUDIENCE = "api"
HEADER = {"alg": "HS256", "typ": "at+jwt"}


def claims(**changed: Any) -> dict[str, Any]:
    """Return the claims of a good access token (RFC 9068), some of them changed; `None` leaves one out."""
    now = int(time.time())
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "user-1",
        "client_id": "app",
        "jti": "1",
        "iat": now,
        "exp": now + 600,
    }
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def signed(header: Mapping[str, Any] | bytes, payload: Mapping[str, Any] | bytes, secret: bytes = SECRET) -> str:
    """Write a token and sign it with HS256."""
    text = f"{_encoded(header)}.{_encoded(payload)}"
    return f"{text}.{_base64url(hmac.digest(secret, text.encode(), hashlib.sha256))}"


def judged(verify: Callable[[str], object], token: str, refusal: type[Exception]) -> Seen:
    """Have a token read that ought to be refused, by an exception that is one of the library's own."""
    try:
        verify(token)
    except SecurityError as error:
        return Seen(f"refused: `{error.reason}`", right=True)
    except refusal as error:
        return Seen(f"refused: `{type(error).__name__}`", right=True)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is no refusal, and makes a 500
        return Seen(f"raises `{type(error).__name__}`", right=False)
    return Seen("accepted", right=False)


def ours(**options: Any) -> Callable[[str], object]:
    """Return asgisec's verification of tokens with the secret."""
    return TokenVerifier(KeySet.from_secret(SECRET), issuer=ISSUER, audience=AUDIENCE, **options).verify


def _encoded(part: Mapping[str, Any] | bytes) -> str:
    return _base64url(part if isinstance(part, bytes) else json.dumps(part).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
