"""The route, and nothing around it."""

from typing import Any

from fastapi import FastAPI

from bench.whole import service

__all__ = ["application", "built"]


def application() -> FastAPI:
    """Return the application, for a server."""
    return built()


def built(*_: object) -> FastAPI:
    """Return the application; it needs no store, and counts nobody."""
    app = FastAPI()

    @app.get("/orders/{number}")
    async def order(number: int) -> Any:
        return {**service.BODY, "id": number}

    return app
