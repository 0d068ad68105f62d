"""Comments: HTML that strangers write, and other people's browsers show."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, HTTPException, Security
from sqlalchemy import select

from examples.reference_api.access import Caller
from examples.reference_api.database import Session
from examples.reference_api.parts import Parts
from examples.reference_api.routes import products
from examples.reference_api.routes.models import CommentOut, NewComment, RowID
from examples.reference_api.tables import Comment


def router(parts: Parts) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/products/{product_id}/comments", tags=["comments"])
    Reader = Annotated[Caller, Security(parts.guard, scopes=["products:read"])]  # noqa: N806 - a type
    Author = Annotated[Caller, Security(parts.guard, scopes=["products:comment"])]  # noqa: N806

    @routes.get("", response_model=list[CommentOut])
    async def read(_: Reader, session: Session, product_id: RowID) -> Sequence[Comment]:
        await products.found(session, product_id)
        query = select(Comment).where(Comment.product_id == product_id).order_by(Comment.id).limit(100)
        return (await session.scalars(query)).all()

    @routes.post("", status_code=201, response_model=CommentOut)
    async def write(caller: Author, session: Session, product_id: RowID, given: NewComment) -> Comment:
        await products.found(session, product_id)
        comment = Comment(product_id=product_id, author_id=caller.id, body=str(given.body))
        session.add(comment)
        await session.flush()
        return comment

    @routes.delete("/{comment_id}", status_code=204)
    async def remove(caller: Author, session: Session, product_id: RowID, comment_id: RowID) -> None:
        comment = await session.get(Comment, comment_id)
        if comment is None or comment.product_id != product_id:
            raise HTTPException(404, "there is no such comment")
        # Everybody sees it, so this tells nothing that is not known.
        if comment.author_id != caller.id and not caller.is_admin:
            raise HTTPException(403, "only its author and admins remove a comment")
        await session.delete(comment)

    return routes
