"""Users, for those who may see or change them."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, HTTPException, Security
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from asgisec.inputs import PlainText, like_escape, sort_key
from examples.reference_api.access import Caller
from examples.reference_api.database import Session
from examples.reference_api.parts import Parts
from examples.reference_api.routes.models import ChangedUser, NewUser, RowID, UserOut
from examples.reference_api.tables import User

ORDER = sort_key({"id": User.id, "username": User.username})
EVERYBODY = PlainText("")


def router(parts: Parts) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/users", tags=["users"])
    Reader = Annotated[Caller, Security(parts.guard, scopes=["users:read"])]  # noqa: N806 - a type
    Writer = Annotated[Caller, Security(parts.guard, scopes=["users:write"])]  # noqa: N806

    @routes.get("", response_model=list[UserOut])
    async def find(_: Reader, session: Session, q: PlainText = EVERYBODY, order: str = "id") -> Sequence[User]:
        query = select(User).where(User.username.like(f"%{like_escape(q)}%", escape="\\"))
        try:
            ordered = query.order_by(ORDER(order))
        except ValueError:
            raise HTTPException(422, "users can be sorted by id and username") from None
        return (await session.scalars(ordered.limit(100))).all()

    @routes.get("/{user_id}", response_model=UserOut)
    async def read(_: Reader, session: Session, user_id: RowID) -> User:
        return await found(session, user_id)

    @routes.post("", status_code=201, response_model=UserOut)
    async def add(_: Writer, session: Session, given: NewUser) -> User:
        problems = await parts.passwords.check(given.password, context=[given.username, given.email])
        if problems:
            raise HTTPException(422, [problem.text for problem in problems])
        user = User(
            username=str(given.username),
            email=str(given.email),
            password_hash=await parts.hasher.hash(given.password),
        )
        session.add(user)
        try:
            await session.flush()
        except IntegrityError:
            raise HTTPException(409, "this name is taken") from None
        return user

    @routes.patch("/{user_id}", response_model=UserOut)
    async def change(caller: Writer, session: Session, user_id: RowID, given: ChangedUser) -> User:
        user = await found(session, user_id)
        # Who may change users, and is no admin, must not take over an admin's address.
        if user.role == "admin" and not caller.is_admin:
            raise HTTPException(403, "only an admin changes an admin")
        user.email = str(given.email)
        return user

    return routes


async def found(session: Session, user_id: int) -> User:
    """Return a user, or answer 404."""
    user = await session.get(User, user_id)
    if user is None:
        raise HTTPException(404, "there is no such user")
    return user
