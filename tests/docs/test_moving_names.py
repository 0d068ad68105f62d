"""The tables of the guides name every public option and method of the package that is left."""

import inspect
import re
import warnings
from collections.abc import Iterable
from importlib import import_module
from typing import Any

import asgi_correlation_id
import pytest
import secure
from fastapi_limiter.decorators import skip_limiter
from fastapi_limiter.depends import RateLimiter, WebSocketRateLimiter
from jose import exceptions, jwk, jws, jwt  # type: ignore[import-untyped]
from secure.middleware import SecureASGIMiddleware, SecureWSGIMiddleware
from slowapi import Limiter
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from tests.docs.pages import rows, text_of
from tests.docs.write import DOCS

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # passlib asks for `crypt`, which is going
    CryptContext: Any = import_module("passlib.context").CryptContext


def options(*kinds: Any) -> set[str]:
    """Return the names of what may be given, written as in a call."""
    found = {name for kind in kinds for name in inspect.signature(kind).parameters}
    return {f"{name}=" for name in found - {"self", "app"}}


def methods(kind: type[Any], *, without: Iterable[str] = ()) -> set[str]:
    named = {name for name, value in vars(kind).items() if callable(value) and not name.startswith("_")}
    return named - {*without}


def functions(module: Any) -> set[str]:
    found = inspect.getmembers(module, inspect.isfunction)
    return {name for name, value in found if value.__module__ == module.__name__ and not name.startswith("_")}


PEERS: dict[str, set[str]] = {
    # What starts with Starlette's events, and reads its own settings, is not for applications to call.
    "slowapi": options(Limiter, Limiter.limit, Limiter.shared_limit) - {"limit_value="}
    | methods(Limiter, without=["slowapi_startup", "get_app_config"]),
    "fastapi-limiter": options(RateLimiter, WebSocketRateLimiter) | {skip_limiter.__name__, "context_key="},
    "secure": options(secure.Secure, SecureASGIMiddleware, SecureWSGIMiddleware) - {"secure="}
    | methods(secure.Secure)
    | {SecureASGIMiddleware.__name__, SecureWSGIMiddleware.__name__}
    | {f"Preset.{preset.name}" for preset in secure.Preset},
    "asgi-correlation-id": options(asgi_correlation_id.CorrelationIdMiddleware, asgi_correlation_id.CorrelationIdFilter)
    | {*asgi_correlation_id.__all__},
    "python-jose": options(jwt.encode, jwt.decode) - {"claims=", "key=", "token="}
    | {f"{name}(" if name == "encode" else name for name in functions(jwt)}
    | {f"jws.{name}" for name in ("sign", "verify")}
    | {f"jwk.{name}" for name in ("construct", "get_key", "register_key")}
    | {"jwe.encrypt", "jwe.decrypt"}
    | {
        name
        for name in vars(exceptions)
        if name in {"JOSEError", "JWTError", "JWTClaimsError", "ExpiredSignatureError"}
    },
    "passlib": methods(CryptContext) | {"schemes=", "scheme=", "category="},
    "starlette": options(CORSMiddleware, TrustedHostMiddleware),
}


def named(page: str) -> str:
    """Return the first cells of all tables of a page."""
    return "\n".join(cells[0] for cells in rows(text_of(DOCS / page)))


@pytest.mark.parametrize("peer", PEERS)
def test_every_name_is_in_the_table(peer: str) -> None:
    assert len(PEERS[peer]) > 4
    said = named(f"moving-from-{peer}.md")
    missing = [name for name in sorted(PEERS[peer]) if not re.search(rf"(?<![\w]){re.escape(name)}", said)]
    assert not missing


def test_the_functions_of_jws_are_those() -> None:
    unverified = {name for name in functions(jws) if "unverified" in name}
    assert functions(jws) - unverified == {"sign", "verify"}
    assert functions(jwk) == {"construct", "get_key", "register_key"}
