"""Tokens made by hand, good and bad."""

import json
from base64 import urlsafe_b64encode
from typing import Any

from asgisec.tokens import KeySet, TokenVerifier

NOW = 1_800_000_000
ISSUER = "https://id.example.com"
SECRET = b"0123456789abcdef0123456789abcdef"
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": "api",
    "sub": "user-1",
    "exp": NOW + 900,
    "iat": NOW - 0.25,
    "jti": "token-1",
    "client_id": "web",
    "scope": "users:read users:write",
    "sid": "session-1",
    "tenant": "t1",
}
HEADER: dict[str, Any] = {"alg": "HS256", "typ": "at+jwt", "kid": "k1"}
KEYS = KeySet.from_secret(SECRET, kid="k1")


def now() -> float:
    return float(NOW)


def encoded(data: bytes | str) -> str:
    return urlsafe_b64encode(data.encode() if isinstance(data, str) else data).rstrip(b"=").decode()


def minted(
    claims: bytes | str | dict[str, Any] | None = None,
    header: bytes | str | dict[str, Any] | None = None,
    *,
    keys: KeySet = KEYS,
) -> str:
    """Return a token with these very segments, signed rightly."""
    head, body = (
        part if isinstance(part, bytes | str) else json.dumps(part)
        for part in (HEADER if header is None else header, CLAIMS if claims is None else claims)
    )
    return sealed(f"{encoded(head)}.{encoded(body)}", keys)


def sealed(signed: str, keys: KeySet = KEYS) -> str:
    sign = keys.current().keys[0].sign
    assert sign is not None
    return f"{signed}.{encoded(sign(signed.encode()))}"


def verifier(keys: Any = KEYS, **options: Any) -> TokenVerifier:
    return TokenVerifier(keys, **{"issuer": ISSUER, "audience": "api", "clock": now, **options})


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in CLAIMS.items() if name not in names}
