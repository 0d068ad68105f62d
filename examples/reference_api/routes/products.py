"""Products: many see them, few change them."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, HTTPException, Security
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from asgisec.inputs import PlainText, like_escape, sort_key
from examples.reference_api.access import Caller
from examples.reference_api.database import Session
from examples.reference_api.parts import Parts
from examples.reference_api.routes.models import NewProduct, ProductOut, RowID
from examples.reference_api.tables import Comment, Product

# A column's name cannot travel as a parameter: it is one of these, or it is refused.
ORDER = sort_key({"id": Product.id, "name": Product.name, "price": Product.price_cents})
EVERYTHING = PlainText("")


def router(parts: Parts) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/products", tags=["products"])
    Reader = Annotated[Caller, Security(parts.guard, scopes=["products:read"])]  # noqa: N806 - a type
    Writer = Annotated[Caller, Security(parts.guard, scopes=["products:write"])]  # noqa: N806

    @routes.get("", response_model=list[ProductOut])
    async def find(_: Reader, session: Session, q: PlainText = EVERYTHING, order: str = "id") -> Sequence[Product]:
        query = select(Product).where(Product.name.like(f"%{like_escape(q)}%", escape="\\"))
        try:
            ordered = query.order_by(ORDER(order))
        except ValueError:
            raise HTTPException(422, "products can be sorted by id, name and price") from None
        return (await session.scalars(ordered.limit(100))).all()

    @routes.get("/{product_id}", response_model=ProductOut)
    async def read(_: Reader, session: Session, product_id: RowID) -> Product:
        return await found(session, product_id)

    @routes.post("", status_code=201, response_model=ProductOut)
    async def add(_: Writer, session: Session, given: NewProduct) -> Product:
        product = Product(**_columns(given))
        session.add(product)
        await session.flush()
        return product

    @routes.put("/{product_id}", response_model=ProductOut)
    async def change(_: Writer, session: Session, product_id: RowID, given: NewProduct) -> Product:
        product = await found(session, product_id)
        for name, value in _columns(given).items():
            setattr(product, name, value)
        return product

    @routes.delete("/{product_id}", status_code=204)
    async def remove(_: Writer, session: Session, product_id: RowID) -> None:
        product = await found(session, product_id)
        await session.execute(delete(Comment).where(Comment.product_id == product_id))
        await session.delete(product)
        try:
            await session.flush()
        except IntegrityError:
            raise HTTPException(409, "it was ordered, and stays") from None

    return routes


def _columns(given: NewProduct) -> dict[str, str | int]:
    return {
        "name": str(given.name),
        "description": str(given.description),
        "price_cents": given.price_cents,
        "stock": given.stock,
    }


async def found(session: Session, product_id: int) -> Product:
    """Return a product, or answer 404."""
    product = await session.get(Product, product_id)
    if product is None:
        raise HTTPException(404, "there is no such product")
    return product
