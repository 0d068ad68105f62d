"""fastapi-safeguard: looks for unprotected routes when the application starts."""

from fastapi import APIRouter, FastAPI
from fastapi_safeguard import FastAPISafeguard
from starlette.websockets import WebSocket

from asgisec import secure
from asgisec.auth import BearerAuth
from asgisec.tokens import KeySet, TokenVerifier
from bench.compare.driving import HOST, ask, handshake
from bench.compare.room import Room
from bench.compare.row import Row, Seen

__all__ = ["ROWS"]

_PATHS = ("/alone", "/included", "/mounted/below", "/ws")


async def change() -> dict[str, str]:
    return {"changed": "yes"}


def bare() -> FastAPI:
    """Make an application in which somebody forgot to ask who is calling, four times."""
    app = FastAPI(openapi_url=None)
    app.add_api_route("/alone", change, methods=["POST"])
    router = APIRouter()
    router.add_api_route("/included", change, methods=["POST"])
    app.include_router(router)
    mounted = FastAPI(openapi_url=None)
    mounted.add_api_route("/below", change, methods=["POST"])
    app.mount("/mounted", mounted)

    @app.websocket("/ws")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    return app


async def reported(room: Room) -> Seen:
    findings = FastAPISafeguard.recommended().collect(bare())
    found = [path for path in _PATHS if any(path in text for text in findings.texts)]
    return Seen(f"reports {len(found)} of 4: {', '.join(f'`{path}`' for path in found)}", len(found) == len(_PATHS))


async def closed(room: Room) -> Seen:
    keys = KeySet.from_secret("a secret of the comparison, long enough")
    auth = BearerAuth(TokenVerifier(keys, issuer="https://api.example.com", audience="api"))
    app = secure(bare(), hosts=[HOST], auth=auth)
    refused = sum([(await ask(app, "POST", path)).status == 401 for path in _PATHS[:3]])
    refused += await handshake(app) == "refused"
    return Seen(f"refuses {refused} of 4", refused == len(_PATHS))


ROWS = (
    Row(
        "fastapi-safeguard-routes",
        "a POST on the application, one of `include_router`, one of a mount, a WebSocket, all without credentials",
        "all four are reported, or refused",
        reported,
        closed,
    ),
)
