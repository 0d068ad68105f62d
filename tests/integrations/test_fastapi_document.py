"""The OpenAPI document: every way to authenticate, the scopes of each route, and what is refused."""

from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Security

from asgisec import Exchange, RateLimit, RateLimitGuard, install, secure
from asgisec.auth import AnyOf, APIKeyAuth, Authenticator, Principal
from asgisec.integrations.fastapi import SecurityGuard, auth_router
from tests.integrations.fastapi_app import DECLARED, Callers


class Stamp(Authenticator):
    challenge_scheme = "Stamp"

    async def authenticate(self, exchange: Exchange) -> Principal | None:
        return None


def documented(app: FastAPI) -> dict[str, Any]:
    return app.openapi()


def guarded(guard: SecurityGuard, **options: Any) -> FastAPI:
    app = FastAPI(**options)

    @app.get("/users")
    async def users(caller: Annotated[Principal, Security(guard, scopes=["users:read"])]) -> str:
        return caller.subject

    @app.get("/open", responses={403: {"description": "Ours."}})
    async def public() -> str:
        return ""

    @app.post("/users", responses={403: {"description": "Ours."}}, dependencies=[Depends(RateLimitGuard("5/minute"))])
    async def change(caller: Annotated[Principal, Security(guard, scopes=["users:write"])]) -> str:
        return caller.subject

    return app


def test_each_way_to_authenticate_is_shown() -> None:
    callers = Callers()
    app = guarded(SecurityGuard(callers.either, scopes=DECLARED))
    found = documented(app)
    assert found["components"]["securitySchemes"] == {
        "OAuth2PasswordBearer": {
            "type": "oauth2",
            "flows": {"password": {"tokenUrl": "/auth/token", "refreshUrl": "/auth/token", "scopes": DECLARED}},
        },
        "APIKeyHeader": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    # Either of them: two entries, not two members of one.
    assert found["paths"]["/users"]["get"]["security"] == [
        {"OAuth2PasswordBearer": ["users:read"]},
        {"APIKeyHeader": ["users:read"]},
    ]
    assert "security" not in found["paths"]["/open"]["get"]


def test_other_ways() -> None:
    callers = Callers()
    partner = APIKeyAuth(callers.api_keys, header="X-Partner")
    guard = SecurityGuard(AnyOf(callers.bearer, partner, Stamp()), token_url=None)
    assert documented(guarded(guard))["components"]["securitySchemes"] == {
        "HTTPBearer": {"type": "http", "scheme": "bearer"},
        "X-Partner": {"type": "apiKey", "in": "header", "name": "X-Partner"},
        "HTTPStamp": {"type": "http", "scheme": "stamp"},
    }


def test_scopes_that_the_authenticator_declares_are_shown() -> None:
    callers = Callers()
    callers.bearer.declared = frozenset({"users:write", "users:read"})
    flow = documented(guarded(SecurityGuard(callers.bearer)))["components"]["securitySchemes"]["OAuth2PasswordBearer"]
    assert flow["flows"]["password"]["scopes"] == {"users:read": "", "users:write": ""}


def test_refusals_are_documented_where_they_can_be() -> None:
    app = secure(guarded(SecurityGuard(Callers().either)), hosts=["testserver"])
    found = documented(app)
    responses = {
        (path, m): item["responses"] for path, methods in found["paths"].items() for m, item in methods.items()
    }
    assert {where: sorted(codes) for where, codes in responses.items()} == {
        ("/users", "get"): ["200", "401", "403"],
        ("/open", "get"): ["200", "403"],
        ("/users", "post"): ["200", "401", "403", "429"],
    }
    problem = {"$ref": "#/components/schemas/Problem"}
    assert responses["/users", "get"]["401"]["content"] == {"application/problem+json": {"schema": problem}}
    assert "WWW-Authenticate" in responses["/users", "get"]["403"]["headers"]
    assert "Retry-After" in responses["/users", "post"]["429"]["headers"]
    assert "status" in found["components"]["schemas"]["Problem"]["properties"]
    # What the application says itself stays.
    assert responses["/users", "post"]["403"] == responses["/open", "get"]["403"] == {"description": "Ours."}


def test_without_guards_nothing_is_added() -> None:
    app, plain = FastAPI(), FastAPI()
    for one in (app, plain):
        one.get("/open")(lambda: "")
    secure(app, hosts=["testserver"])
    assert documented(app) == documented(plain)


def test_a_limit_of_all_is_documented_for_all() -> None:
    app = install(guarded(SecurityGuard(Callers().either)), RateLimit("5/minute"))
    for methods in documented(app)["paths"].values():
        assert all("429" in operation["responses"] for operation in methods.values())


def test_a_document_of_the_applications_own_is_completed() -> None:
    app = guarded(SecurityGuard(Callers().either))
    described = app.openapi

    def own() -> dict[str, Any]:
        found = described()
        found["paths"]["/users"]["summary"] = "Users"
        found["paths"]["/users"]["parameters"] = []
        return found

    app.openapi = own  # type: ignore[method-assign]
    secure(app, hosts=["testserver"])
    found = documented(app)["paths"]["/users"]
    assert (found["summary"], found["parameters"], "401" in found["get"]["responses"]) == ("Users", [], True)


def test_nothing_else_is_in_the_package() -> None:
    with pytest.raises(ImportError, match="no_such_name"):
        from asgisec.integrations.fastapi import no_such_name  # type: ignore[attr-defined]  # noqa: F401, PLC0415


def test_routes_that_come_later_are_documented() -> None:
    guard = SecurityGuard(Callers().either)
    app = secure(guarded(guard), hosts=["testserver"])
    documented(app)
    router = APIRouter()

    @router.delete("/users/{number}", dependencies=[Security(guard, scopes=["users:write"])])
    async def remove(number: int) -> None: ...

    app.include_router(router, prefix="/v2")
    assert {"401", "403"} <= documented(app)["paths"]["/v2/users/{number}"]["delete"]["responses"].keys()


def test_the_endpoints_of_a_login_are_documented() -> None:
    app = FastAPI()
    app.include_router(auth_router(Callers().issuer, login=lambda username, password: None))
    found = documented(app)["paths"]
    for methods in found.values():
        assert sorted(methods["post"]["responses"]) == ["200", "400", "401", "429"]
    bodies = {path: {*methods["post"]["requestBody"]["content"]} for path, methods in found.items()}
    form, json = "application/x-www-form-urlencoded", "application/json"
    assert bodies == {
        "/auth/token": {form},
        "/auth/login": {json},
        "/auth/refresh": {form, json},
        "/auth/logout": {form, json},
    }
    schema = found["/auth/login"]["post"]["requestBody"]["content"][json]["schema"]
    assert (schema["required"], schema["properties"]["password"]["format"]) == (["username", "password"], "password")
