"""Who is calling: themselves, their password, their sessions."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel

from examples.reference_api.access import Caller
from examples.reference_api.database import Session
from examples.reference_api.parts import Parts
from examples.reference_api.routes.models import CallerOut, NewPassword
from examples.reference_api.tables import User


class SessionOut(BaseModel):
    """A session that can be refreshed."""

    id: str
    created_at: float
    expires_at: float


def router(parts: Parts) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/me", tags=["me"])
    Anybody = Annotated[Caller, Depends(parts.guard)]  # noqa: N806 - a type

    def logged_in(caller: Anybody) -> Caller:
        if caller.principal.scheme != "bearer":
            raise HTTPException(403, "log in for this; an API key is not enough")
        return caller

    LoggedIn = Annotated[Caller, Depends(logged_in)]  # noqa: N806

    @routes.get("")
    async def me(caller: Anybody) -> CallerOut:
        principal = caller.principal
        return CallerOut(
            id=caller.id,
            username=caller.username,
            role=caller.role,
            scheme=principal.scheme,
            scopes=sorted(principal.scopes),
        )

    @routes.post("/password", status_code=204)
    async def change_password(caller: LoggedIn, given: NewPassword, session: Session, request: Request) -> None:
        user = await session.get_one(User, caller.id)
        # The same throttle as for a login: this is another place to guess at.
        address = request.client.host if request.client else None
        await parts.throttle.check(user.username, address)
        if not (await parts.hasher.verify(given.old, user.password_hash)).ok:
            await parts.throttle.failed(user.username, address)
            raise HTTPException(403, "the old password is not right")
        await parts.throttle.succeeded(user.username, address)
        problems = await parts.passwords.check(given.new, context=[user.username, user.email])
        if problems:
            raise HTTPException(422, [problem.text for problem in problems])
        user.password_hash = await parts.hasher.hash(given.new)
        # Committed before sessions end: who logs in again at once needs the new one.
        await session.commit()
        await parts.issuer.revoke_subject(user.id)

    @routes.get("/sessions")
    async def sessions(caller: LoggedIn) -> list[SessionOut]:
        return [
            SessionOut(id=known.id, created_at=known.created_at, expires_at=known.expires_at)
            for known in await parts.issuer.sessions(caller.id)
        ]

    @routes.delete("/sessions/{session_id}", status_code=204)
    async def end(caller: LoggedIn, session_id: str) -> None:
        # One's own only; another's is not found.
        if session_id not in {known.id for known in await parts.issuer.sessions(caller.id)}:
            raise HTTPException(404, "there is no such session")
        await parts.issuer.revoke_session(session_id)

    return routes
