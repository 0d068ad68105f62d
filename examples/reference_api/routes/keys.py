"""API keys: made, listed, rotated and disabled by admins. A key is shown once, when it is made."""

import time

from fastapi import APIRouter, HTTPException, Security

from asgisec.auth.scopes import covers
from asgisec.credentials import APIKeyRecord
from examples.reference_api.access import ROLES
from examples.reference_api.database import Session
from examples.reference_api.parts import Parts
from examples.reference_api.routes import users
from examples.reference_api.routes.models import KeyOut, NewKey, NewKeyOut, RowID


def router(parts: Parts) -> APIRouter:
    """Return the routes; the guard stands before all of them."""
    routes = APIRouter(prefix="/admin", tags=["keys"], dependencies=[Security(parts.guard, scopes=["admin"])])

    @routes.get("/users/{user_id}/keys", response_model=list[KeyOut])
    async def keys(session: Session, user_id: RowID) -> list[APIKeyRecord]:
        await users.found(session, user_id)
        return [*await parts.api_keys.list(str(user_id))]

    @routes.post("/keys", status_code=201)
    async def make_key(session: Session, given: NewKey) -> NewKeyOut:
        owner = await users.found(session, given.owner_id)
        # A key can do what its owner can, and no more.
        if not covers(ROLES.scopes_of(owner.role), given.scopes):
            raise HTTPException(422, "the owner of the key may not do that")
        ends = None if given.expires_in is None else time.time() + given.expires_in
        made = await parts.api_keys.create(str(owner.id), given.scopes, name=str(given.name), expires_at=ends)
        return _new(made.record, made.key)

    @routes.post("/keys/{key_id}/rotate")
    async def rotate_key(key_id: str) -> NewKeyOut:
        try:
            made = await parts.api_keys.rotate(key_id)
        except KeyError:
            raise _no_key() from None
        return _new(made.record, made.key)

    @routes.post("/keys/{key_id}/disable", response_model=KeyOut)
    async def disable_key(key_id: str) -> APIKeyRecord:
        try:
            return await parts.api_keys.disable(key_id)
        except KeyError:
            raise _no_key() from None

    return routes


def _new(record: APIKeyRecord, key: str) -> NewKeyOut:
    return NewKeyOut.model_validate({**KeyOut.model_validate(record).model_dump(), "key": key})


def _no_key() -> HTTPException:
    return HTTPException(404, "there is no such key")
