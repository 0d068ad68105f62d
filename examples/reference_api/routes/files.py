"""Files to download: from their directory, and never from above it."""

from typing import Annotated

from fastapi import APIRouter, Response, Security

from asgisec.inputs import FileApp, file_response
from examples.reference_api.access import Caller
from examples.reference_api.parts import Parts


def router(parts: Parts) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["files"])
    Reader = Annotated[Caller, Security(parts.guard, scopes=["products:read"])]  # noqa: N806 - a type

    @routes.get("/files/{path:path}")
    async def download(_: Reader, path: str) -> Response:
        return await file_response(parts.files, path)

    # For everybody: an ASGI application, which answers revalidation and ranges as well.
    routes.mount("/brochures", FileApp(parts.brochures))
    return routes
