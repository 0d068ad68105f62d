"""API keys in front of a small API; uses are counted, and what is not written yet is written at the end.

API_KEYS_STORE=sqlite+aiosqlite:///keys.db uvicorn examples.api_keys.app:app
"""

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from asgisec import Authentication, RequestID, SecurityHeaders, install
from asgisec.auth import APIKeyAuth
from asgisec.credentials import APIKeys
from asgisec.stores import open_store

# In production the store is an SQLStore or a Redis that evicts nothing.
api_keys = APIKeys(open_store(os.environ.get("API_KEYS_STORE", "memory://")))


async def orders(request: Request) -> JSONResponse:
    return JSONResponse({"caller": request.state.principal.subject})


app = install(
    Starlette(routes=[Route("/orders", orders)]),
    RequestID(),
    SecurityHeaders(),
    Authentication(APIKeyAuth(api_keys)),
)
