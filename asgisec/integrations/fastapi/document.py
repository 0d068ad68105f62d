"""The refusals in the OpenAPI document: 401 and 403 where a guard stands, 429 where something is limited."""

from collections.abc import Iterable, Sequence
from typing import Any

from fastapi import FastAPI

from asgisec.integrations.fastapi.routes import dependencies_of, operations
from asgisec.policies.rate_limit.guard import RateLimitGuard
from asgisec.policies.rate_limit.policy import RateLimit
from asgisec.policy import Policy

__all__ = ["document"]

_SCHEMA = "Problem"
# RFC 9457 section 3.1.
_PROBLEM = {
    "title": "Problem",
    "description": "Why a request was refused (RFC 9457).",
    "type": "object",
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
    },
}
_CONTENT = {"application/problem+json": {"schema": {"$ref": f"#/components/schemas/{_SCHEMA}"}}}
_CHALLENGE = {"WWW-Authenticate": {"description": "What to present.", "schema": {"type": "string"}}}
_RETRY = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}

_REFUSALS: dict[str, dict[str, Any]] = {
    "401": {"description": "Nobody that is known is calling.", "headers": _CHALLENGE, "content": _CONTENT},
    "403": {"description": "The caller may not do this.", "headers": _CHALLENGE, "content": _CONTENT},
    "429": {"description": "There were too many requests.", "headers": _RETRY, "content": _CONTENT},
}


def document(app: FastAPI, policies: Sequence[Policy]) -> None:
    """Let an application's document say what is refused; what it says itself stays."""
    limited = any(isinstance(policy, RateLimit) for policy in policies)
    describe = app.openapi

    def described() -> dict[str, Any]:
        # FastAPI keeps the document, and makes a new one when routes were added: so it is looked at each time.
        found = describe()
        limits = {
            (operation.path, method)
            for operation in operations(app)
            if operation.own
            and any(isinstance(call, RateLimitGuard) for call, _ in dependencies_of(operation.dependant))
            for method in operation.methods
        }
        for path, item in found.get("paths", {}).items():
            for method, operation in item.items():
                if isinstance(operation, dict) and "responses" in operation:
                    codes = ["401", "403"] if operation.get("security") else []
                    if limited or (path, method) in limits:
                        codes.append("429")
                    _add(found, operation["responses"], codes)
        return found

    app.openapi = described  # type: ignore[method-assign]  # how FastAPI's documentation extends it


def _add(found: dict[str, Any], responses: dict[str, Any], codes: Iterable[str]) -> None:
    for code in codes:
        if responses.setdefault(code, _REFUSALS[code]) is _REFUSALS[code]:
            found.setdefault("components", {}).setdefault("schemas", {}).setdefault(_SCHEMA, _PROBLEM)
