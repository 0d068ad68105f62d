"""An API with limits: for all, for logins, for one costly route, by plan, and for a chat.

    uvicorn examples.rate_limits.app:app --no-server-header

With REDIS_URL in the environment all workers share the counts; without, each has its own.
"""

import os
from typing import Annotated

from fastapi import Depends, FastAPI, WebSocket

from asgisec import Exchange, RateLimit, RateLimitGuard, RequestID, Rule, TrustedProxies, install
from asgisec.stores import open_store

store = open_store(os.environ.get("REDIS_URL", "memory://"))
proxies = os.environ.get("PROXIES", "10.0.0.0/8").split(",")
app = FastAPI()

PLANS = {"free": "5/minute", "pro": "60/minute"}


def by_plan(exchange: Exchange) -> str:
    """Return the limit of whoever asks; the gateway in front sets the header, and removes a client's own."""
    return PLANS.get(exchange.header("X-Plan") or "free", PLANS["free"])


install(
    app,
    RequestID(),
    TrustedProxies(proxies),
    RateLimit(
        "20/second",
        "100/minute",
        rules=[
            Rule("/auth/token", methods={"POST"}, limits=["3/minute", "20/hour"]),
            Rule("/search", limits=by_plan),
        ],
        exempt=["/health"],
        max_concurrent=50,
        messages="10/second",
        store=store,
    ),
)

report_limit = RateLimitGuard("2/minute", name="reports", store=store)


@app.get("/health")
async def health() -> dict[str, bool]:
    return {"ok": True}


@app.post("/auth/token")
async def token() -> dict[str, str]:
    return {"access_token": "..."}


@app.get("/search")
async def search(q: str = "") -> dict[str, list[str]]:
    return {"found": [q]}


@app.get("/reports/{number}")
async def report(number: int, limited: Annotated[None, Depends(report_limit)]) -> dict[str, int]:
    return {"report": number}


@app.websocket("/chat")
async def chat(socket: WebSocket) -> None:
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text)
