"""Orders: everybody has their own. Another's is not found, so that nobody learns which there are."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Security
from fastapi.responses import PlainTextResponse
from sqlalchemy import delete, select, update

from examples.reference_api.access import Caller
from examples.reference_api.database import Session
from examples.reference_api.parts import Parts
from examples.reference_api.routes import products
from examples.reference_api.routes.models import NewOrder, OrderOut, RowID
from examples.reference_api.tables import Order, Product


def router(parts: Parts) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/orders", tags=["orders"])
    Reader = Annotated[Caller, Security(parts.guard, scopes=["orders:read"])]  # noqa: N806 - a type
    Writer = Annotated[Caller, Security(parts.guard, scopes=["orders:write"])]  # noqa: N806

    @routes.get("", response_model=list[OrderOut])
    async def own(caller: Reader, session: Session) -> Sequence[Order]:
        return await _orders_of(session, caller)

    # Behind the guard, so that it counts by user, and nobody else's export counts.
    @routes.get("/export", dependencies=[Depends(parts.exports)])
    async def export(caller: Reader, session: Session) -> PlainTextResponse:
        lines = [f"{o.id},{o.product_id},{o.quantity},{o.total_cents}" for o in await _orders_of(session, caller)]
        return PlainTextResponse("\n".join(["id,product,quantity,total", *lines, ""]), media_type="text/csv")

    @routes.get("/{order_id}", response_model=OrderOut)
    async def read(caller: Reader, session: Session, order_id: RowID) -> Order:
        return await _found(session, caller, order_id)

    @routes.post("", status_code=201, response_model=OrderOut)
    async def order(caller: Writer, session: Session, given: NewOrder) -> Order:
        product = await products.found(session, given.product_id)
        # In one statement: of two who want the last one, one gets it.
        taken = await session.execute(
            update(Product)
            .where(Product.id == product.id, Product.stock >= given.quantity)
            .values(stock=Product.stock - given.quantity)
            .returning(Product.id)
        )
        if taken.scalar() is None:
            raise HTTPException(409, "there is not enough of it")
        made = Order(
            owner_id=caller.id,
            product_id=product.id,
            quantity=given.quantity,
            total_cents=product.price_cents * given.quantity,
        )
        session.add(made)
        await session.flush()
        return made

    @routes.delete("/{order_id}", status_code=204)
    async def cancel(caller: Writer, session: Session, order_id: RowID) -> None:
        order = await _found(session, caller, order_id)
        # Of two who cancel at once, one does: what was ordered comes back once.
        gone = await session.execute(delete(Order).where(Order.id == order.id).returning(Order.id))
        if gone.scalar() is None:
            raise _no_order()
        await session.execute(
            update(Product).where(Product.id == order.product_id).values(stock=Product.stock + order.quantity)
        )

    return routes


async def _orders_of(session: Session, caller: Caller) -> Sequence[Order]:
    query = select(Order).where(Order.owner_id == caller.id).order_by(Order.id)
    return (await session.scalars(query)).all()


async def _found(session: Session, caller: Caller, order_id: int) -> Order:
    order = await session.get(Order, order_id)
    if order is None or (order.owner_id != caller.id and not caller.is_admin):
        raise _no_order()
    return order


def _no_order() -> HTTPException:
    return HTTPException(404, "there is no such order")
