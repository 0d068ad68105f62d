"""A WebSocket behind the same guard: how many of one's orders there are, as long as somebody listens."""

from typing import Annotated

from fastapi import APIRouter, Security, WebSocket
from sqlalchemy import func, select

from examples.reference_api.access import Caller
from examples.reference_api.parts import Parts
from examples.reference_api.tables import Order


def router(parts: Parts) -> APIRouter:
    """Return the routes."""
    routes = APIRouter()

    @routes.websocket("/live")
    async def live(socket: WebSocket, caller: Annotated[Caller, Security(parts.guard, scopes=["orders:read"])]) -> None:
        async with parts.sessions() as session:
            count = await session.scalar(select(func.count(Order.id)).where(Order.owner_id == caller.id))
        await socket.accept()
        await socket.send_json({"user": caller.username, "orders": count})
        await socket.close()

    return routes
