"""A real HTTP server on this machine, which publishes keys, and does what providers do on bad days."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anyio

from asgisec.tokens import KeySet, RemoteKeySet, TokenVerifier
from tests.tokens.minting import verifier

__all__ = ["BACKENDS", "NEW", "OLD", "Clock", "Provider", "ask", "checked_by", "provided", "settled"]

OLD = KeySet.generate("ES256", kid="old")
NEW = KeySet.generate("ES256", kid="new")
BACKENDS = ["asyncio", "trio"]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Provider:
    """An identity provider: what it answers is a bytes, a status or a call that makes them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[str] = []
        self.answers: dict[str, Any] = {}
        self.go = threading.Event()
        self.go.set()
        self.publish(OLD)

    def publish(self, *keys: KeySet, extra: Any = ()) -> None:
        self.answers = {
            "/.well-known/openid-configuration": {"issuer": self.url, "jwks_uri": f"{self.url}/keys"},
            "/keys": {"keys": [*extra, *(jwk for one in keys for jwk in one.public_jwks()["keys"])]},
        }

    def fetches(self) -> int:
        return self.asked.count("/keys")


@contextmanager
def provided() -> Iterator[Provider]:
    """Start a provider."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            made.go.wait(10)
            answer = made.answers.get(self.path, 404)
            status, headers, body = 200, {}, b""
            if isinstance(answer, tuple):
                status, headers = answer
            elif isinstance(answer, int):
                status = answer
            else:
                body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            try:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                return  # who asked has hung up, as it may

        def log_message(self, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made = Provider(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.go.set()
    server.shutdown()
    thread.join()
    server.server_close()


def settled(keys: RemoteKeySet) -> None:
    """Wait for what goes on behind the requests."""
    flight = keys._flights.under_way()
    if flight is not None:
        flight.result(10)


def ask(keys: RemoteKeySet, token: str, backend: Any = "asyncio", **options: Any) -> Any:
    # A new loop each time, as test clients do it.
    return anyio.run(checked_by(keys, **options).authenticate, token, backend=backend)


def checked_by(keys: RemoteKeySet, **options: Any) -> TokenVerifier:
    return verifier(keys, **options)
