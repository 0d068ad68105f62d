"""PyJWT: `jwt.decode` with its defaults, and its client of published keys. asgisec is built on it."""

import json
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from jwt.algorithms import ECAlgorithm

from asgisec.errors import SecurityError
from asgisec.tokens import KeySet, RemoteKeySet, TokenVerifier
from bench.compare.driving import standing
from bench.compare.room import Room
from bench.compare.row import Row, Seen
from bench.compare.tokens import AUDIENCE, HEADER, ISSUER, SECRET, claims, judged, ours, signed

__all__ = ["ROWS"]

_SHORT = b"short"
_UNKNOWN = 5
_SLOW = 0.2  # seconds that the issuer takes to answer


def theirs(token: str) -> object:
    return jwt.decode(token, SECRET, algorithms=["HS256"], issuer=ISSUER, audience=AUDIENCE)


async def refused(make: Callable[[], Callable[[str], object]], token: Callable[[], str], room: Room) -> Seen:
    return judged(make(), token(), jwt.PyJWTError)


async def their_short(room: Room) -> Seen:
    token = jwt.encode(claims(), _SHORT, algorithm="HS256")
    jwt.decode(token, _SHORT, algorithms=["HS256"], audience=AUDIENCE)
    return Seen("accepted, with a warning", right=False)


async def our_short(room: Room) -> Seen:
    try:
        KeySet.from_secret(_SHORT)
    except ValueError as error:
        return Seen(f"`{type(error).__name__}` at start", right=True)
    return Seen("accepted", right=False)


@contextmanager
def issuer() -> Iterator[tuple[str, list[str], Callable[[str], str]]]:
    """Serve one public key, slowly: give where, the requests that came, and what signs a token that names a key."""
    private = generate_private_key(SECP256R1())
    published = {**ECAlgorithm.to_jwk(private.public_key(), as_dict=True), "kid": "1", "use": "sig", "alg": "ES256"}
    came: list[str] = []

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            came.append(self.path)
            time.sleep(_SLOW)
            body = json.dumps({"keys": [published]}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    def sign(kid: str) -> str:
        return jwt.encode(claims(), private, algorithm="ES256", headers={"kid": kid, "typ": "at+jwt"})

    with ThreadingHTTPServer(("127.0.0.1", 0), Keys) as server:
        serving = Thread(target=server.serve_forever, daemon=True)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/keys", came, sign
        finally:
            server.shutdown()
            serving.join()


Reading = Callable[[str], Awaitable[object]]


def their_reading(url: str) -> Reading:
    client = jwt.PyJWKClient(url)

    async def read(token: str) -> object:
        key = client.get_signing_key_from_jwt(token)
        return jwt.decode(token, key, algorithms=["ES256"], audience=AUDIENCE)

    return read


def our_reading(url: str) -> Reading:
    return TokenVerifier(RemoteKeySet(jwks_url=url), issuer=ISSUER, audience=AUDIENCE).authenticate


async def fetching(make: Callable[[str], Reading], room: Room) -> Seen:
    with issuer() as (url, _, sign):
        token = sign("1")
        await make(url)(token)  # the first one imports what it needs
        read = make(url)
        return await standing(lambda: read(token))


async def made_up(make: Callable[[str], Reading], room: Room) -> Seen:
    with issuer() as (url, came, sign):
        read = make(url)
        await read(sign("1"))
        before = len(came)
        for n in range(_UNKNOWN):
            try:
                await read(sign(f"made-up-{n}"))
            except (jwt.PyJWTError, SecurityError):
                continue
        fetched = len(came) - before
    return Seen(f"fetched {fetched}x", fetched <= 1)


def both(token: Callable[[], str]) -> dict[str, Any]:
    return {"theirs": partial(refused, lambda: theirs, token), "ours": partial(refused, ours, token)}


ROWS = (
    Row(
        "pyjwt-short-key",
        "HS256 with a secret of 5 bytes",
        "an error (RFC 7518 section 3.2: 32 bytes at least)",
        their_short,
        our_short,
        note="`enforce_minimum_key_length` makes it one",
    ),
    Row(
        "pyjwt-no-end",
        "a token without `exp`",
        "refused (RFC 9068 section 2.2)",
        **both(lambda: signed(HEADER, claims(exp=None))),
        note='`options={"require": ["exp"]}` asks for it',
    ),
    Row(
        "pyjwt-other-kind",
        "a token of the type `refresh+jwt`, as an access token",
        "refused (RFC 8725 section 3.11)",
        **both(lambda: signed({**HEADER, "typ": "refresh+jwt"}, claims())),
        note="the type is left to the application",
    ),
    Row(
        "pyjwt-critical",
        "a header with `crit` and an extension that nobody knows",
        "refused (RFC 7515 section 4.1.11)",
        **both(lambda: signed({**HEADER, "crit": ["x-bound"], "x-bound": "1"}, claims())),
    ),
    Row(
        "pyjwt-fetch",
        f"the issuer takes {_SLOW * 1000:.0f} ms to send its keys",
        "the event loop goes on",
        partial(fetching, their_reading),
        partial(fetching, our_reading),
        note="`PyJWKClient` is a synchronous one",
        thread="jpadilla/pyjwt#914",
        long=True,
    ),
    Row(
        "pyjwt-made-up-keys",
        f"{_UNKNOWN} tokens name keys that there are not",
        "the keys are fetched once more at most",
        partial(made_up, their_reading),
        partial(made_up, our_reading),
        long=True,
    ),
)
