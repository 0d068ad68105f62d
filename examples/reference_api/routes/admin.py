"""What only admins do to users: roles, and who may log in at all."""

from fastapi import APIRouter, HTTPException, Security

from asgisec.auth.scopes import covers
from examples.reference_api.access import ROLES
from examples.reference_api.database import Session
from examples.reference_api.parts import Parts
from examples.reference_api.routes import users
from examples.reference_api.routes.models import Active, Role, RowID, UserOut
from examples.reference_api.tables import User


def router(parts: Parts) -> APIRouter:
    """Return the routes; the guard stands before all of them."""
    routes = APIRouter(prefix="/admin", tags=["admin"], dependencies=[Security(parts.guard, scopes=["admin"])])

    @routes.put("/users/{user_id}/role", response_model=UserOut)
    async def change_role(session: Session, user_id: RowID, given: Role) -> User:
        if given.role not in ROLES.roles:
            raise HTTPException(422, "a role is one of admin, editor and viewer")
        user = await users.found(session, user_id)
        user.role = given.role
        await session.commit()
        # Access tokens say what was true when they were issued, keys what was true when they were made.
        await parts.issuer.revoke_subject(user_id)
        for key in await parts.api_keys.list(str(user_id)):
            if not covers(ROLES.scopes_of(given.role), key.scopes):
                await parts.api_keys.disable(key.id)
        return user

    @routes.put("/users/{user_id}/active", response_model=UserOut)
    async def change_active(session: Session, user_id: RowID, given: Active) -> User:
        user = await users.found(session, user_id)
        user.active = given.active
        await session.commit()
        if not given.active:
            await parts.issuer.revoke_subject(user_id)
            for key in await parts.api_keys.list(str(user_id)):
                await parts.api_keys.disable(key.id)
        return user

    return routes
