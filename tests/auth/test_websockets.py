"""WebSockets: where the token is, what is chosen, how a refusal looks, and that nobody outstays their token."""

from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest

from asgisec import Authentication, RequestID, SecurityMiddleware
from asgisec.auth import Principal
from asgisec.auth.authenticators import Authenticator
from asgisec.policy import Exchange
from tests.asgi import App, Message, linted, scope_of
from tests.auth.callers import Pair, bearer, bearer_auth, events_of, guarded, key_auth, open_socket, token

GOOD = token()


def offers(*names: str) -> Pair:
    return ("sec-websocket-protocol", ", ".join(names))


def echoing(seen: list[Any] | None = None, chosen: str | None = None) -> App:
    """Make an application that accepts, with the subprotocol `chosen`, and keeps what it was offered."""

    async def app(scope: Message, receive: Any, send: Any) -> None:
        if seen is not None:
            seen.append(scope.get("subprotocols"))
        await receive()
        more = {} if chosen is None else {"subprotocol": chosen}
        await send({"type": "websocket.accept", "headers": [], **more})
        await send({"type": "websocket.close", "code": 1000})

    return app


def by_policy(app: App, auth: Authenticator) -> App:
    return SecurityMiddleware(app, Authentication(auth))


def by_wrap(app: App, auth: Authenticator) -> App:
    return auth.require().wrap(app)


def by_guard(app: App, auth: Authenticator) -> App:
    async def asked(scope: Message, receive: Any, send: Any) -> None:
        await auth.require()(scope)
        await app(scope, receive, send)

    return SecurityMiddleware(asked, RequestID())


WAYS = {"policy": by_policy, "wrap": by_wrap, "guard": by_guard}
every_way = pytest.mark.parametrize("way", WAYS)

MALFORMED = 'Bearer error="invalid_request", error_description="The credentials are malformed."'
TWICE = 'Bearer error="invalid_request", error_description="Present the token in one way only."'
INVALID = 'Bearer error="invalid_token", error_description="This token is not valid."'

# name: headers, query, status, challenge
CASES: dict[str, tuple[list[Pair], bytes, int, str | None]] = {
    "in the header": ([bearer(GOOD)], b"", 101, None),
    "among the subprotocols": ([offers("bearer", GOOD)], b"", 101, None),
    "among others": ([offers("chat", "bearer", GOOD, "superchat")], b"", 101, None),
    "nothing": ([], b"", 401, "Bearer"),
    "other subprotocols": ([offers("chat", GOOD)], b"", 401, "Bearer"),
    "in the URL": ([], b"access_token=" + GOOD.encode(), 401, "Bearer"),
    "nothing behind the name": ([offers("chat", "bearer")], b"", 400, MALFORMED),
    "the name twice": ([offers("bearer", GOOD, "bearer", GOOD)], b"", 400, MALFORMED),
    "no token behind the name": ([offers("bearer", "a b")], b"", 400, MALFORMED),
    "in the header and among the subprotocols": ([bearer(GOOD), offers("bearer", GOOD)], b"", 400, TWICE),
    "a bad one": ([offers("bearer", f"{GOOD}x")], b"", 401, INVALID),
}


@every_way
@pytest.mark.parametrize("case", CASES)
def test_case(case: str, way: str) -> None:
    headers, query, status, challenge = CASES[case]
    answer = open_socket(WAYS[way](echoing(), bearer_auth()), *headers, query_string=query)
    assert answer.error is None
    assert (answer.status, answer.values("www-authenticate")) == (status, [challenge] if challenge else [])
    assert "eyJ" not in str(answer.messages)


@every_way
def test_without_the_denial_extension_it_is_closed(way: str) -> None:
    answer = open_socket(WAYS[way](echoing(), bearer_auth()), denial=False)
    assert answer.close == {"type": "websocket.close", "code": 1008, "reason": "Authentication is required."}
    assert len(answer.messages) == 1


@pytest.mark.parametrize("headers", [[], [bearer("opaque")], [("authorization", "Bearer")], [bearer(token("other"))]])
def test_a_refusal_after_accept_is_a_close(headers: list[Pair]) -> None:
    app = SecurityMiddleware(guarded(bearer_auth().require("users:read")), RequestID())
    answer = open_socket(app, *headers, path="/after")
    assert [message["type"] for message in answer.messages] == ["websocket.accept", "websocket.close"]
    assert answer.close is not None
    assert answer.close["code"] == 1008


class TestSubprotocol:
    @every_way
    def test_ours_is_chosen_where_the_application_chooses_none(self, way: str) -> None:
        answer = open_socket(WAYS[way](echoing(), bearer_auth()), offers("bearer", GOOD))
        assert answer.messages[0]["subprotocol"] == "bearer"

    @every_way
    def test_the_application_s_choice_stays(self, way: str) -> None:
        app = WAYS[way](echoing(chosen="chat"), bearer_auth())
        assert open_socket(app, offers("bearer", GOOD, "chat")).messages[0]["subprotocol"] == "chat"

    @every_way
    def test_none_is_chosen_where_the_token_came_otherwise(self, way: str) -> None:
        answer = open_socket(WAYS[way](echoing(), bearer_auth()), bearer(GOOD), offers("chat"))
        assert "subprotocol" not in answer.messages[0]

    @pytest.mark.parametrize("way", ["policy", "wrap"])
    def test_the_application_is_not_offered_the_token(self, way: str) -> None:
        seen: list[Any] = []
        names = ["a", "bearer", GOOD, "b"]
        open_socket(WAYS[way](echoing(seen), bearer_auth()), offers(*names), subprotocols=names)
        assert seen == [["a", "b"]]

    def test_a_guard_inside_finds_who_is_known(self) -> None:
        auth = bearer_auth()
        names = ["bearer", GOOD]
        app = by_policy(by_guard(echoing(), auth), auth)
        assert open_socket(app, offers(*names), subprotocols=names).status == 101

    def test_the_list_of_the_server_counts_where_it_sends_no_header(self) -> None:
        seen: list[Any] = []
        app = by_policy(echoing(seen), bearer_auth())
        assert open_socket(app, subprotocols=["bearer", GOOD]).messages[0]["subprotocol"] == "bearer"
        assert seen == [[]]

    def test_a_header_without_a_list(self) -> None:
        seen: list[Any] = []
        app = by_policy(echoing(seen), bearer_auth())
        assert open_socket(app, offers("bearer", GOOD), subprotocols=None).status == 101
        assert seen == [[]]

    def test_of_another_name(self) -> None:
        auth = bearer_auth(subprotocol="shop.token")
        assert open_socket(by_policy(echoing(), auth), offers("shop.token", GOOD)).status == 101
        assert open_socket(by_policy(echoing(), auth), offers("bearer", GOOD)).status == 401

    def test_not_at_all(self) -> None:
        auth = bearer_auth(subprotocol=None)
        assert open_socket(by_policy(echoing(), auth), offers("bearer", GOOD)).status == 401
        assert open_socket(by_policy(echoing(), auth), bearer(GOOD)).status == 101

    def test_is_nothing_to_a_request(self) -> None:
        scope = dict(scope_of(headers=[offers("bearer", GOOD)]))
        exchange = Exchange(scope, dict(scope["headers"]), anyio.sleep_forever)
        assert anyio.run(bearer_auth().authenticate, exchange) is None

    def test_an_api_key_comes_in_its_header(self) -> None:
        assert open_socket(by_policy(echoing(), key_auth()), ("x-api-key", "good")).status == 101


class Named(Authenticator):
    """Lets everybody in, until a time."""

    def __init__(self, end: float | None) -> None:
        self.end = end

    async def authenticate(self, exchange: Exchange) -> Principal | None:
        return Principal("ada", claims={} if self.end is None else {"exp": self.end})


class Peer:
    """Drives one WebSocket: what is sent to it, when it goes, and what it was told."""

    def __init__(self, times: Iterator[float], end: float | None = 100.0) -> None:
        self.told: list[Message] = []
        self.seen: list[Message] = []
        self.incoming: list[Message] = [{"type": "websocket.connect"}]
        self.arrived = anyio.Event()
        self.policy = Authentication(Named(end), clock=lambda: next(times))

    def run(self, app: App, *, backend: str, send: Callable[[Message], Any] | None = None, **extra: Any) -> None:
        async def receive() -> Message:
            while not self.incoming:
                self.arrived = anyio.Event()
                await self.arrived.wait()
            return self.incoming.pop(0)

        async def keep(message: Message) -> None:
            await anyio.lowlevel.checkpoint()
            self.told.append(message)
            if send is not None:
                send(message)
            for _ in range(3):
                await anyio.lowlevel.checkpoint()

        async def main() -> None:
            with anyio.fail_after(10):
                scope = scope_of("websocket", extensions={"websocket.http.response": {}})
                await linted(SecurityMiddleware(app, self.policy))(scope, receive, keep)

        anyio.run(main, backend=backend)

    def say(self, text: str) -> None:
        self.incoming.append({"type": "websocket.receive", "text": text})
        self.arrived.set()

    @property
    def types(self) -> list[str]:
        return [message["type"] for message in self.told]


def soon() -> Iterator[float]:
    """Give times: the token is good for a moment, then it is not."""
    yield 99.99
    while True:
        yield 100.0


def never() -> Iterator[float]:
    while True:
        yield 0.0


backends = pytest.mark.parametrize("backend", ["asyncio", "trio"])
CLOSED = {"type": "websocket.close", "code": 1008, "reason": "This token is not valid."}


@backends
class TestEnd:
    def test_who_reads_is_told_that_the_peer_is_gone(self, backend: str, caplog: Any) -> None:
        peer = Peer(soon())

        async def app(scope: Message, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "websocket.accept"})
            peer.seen += [await receive(), await receive()]

        peer.run(app, backend=backend)
        gone = {"type": "websocket.disconnect", "code": 1008}
        assert peer.seen == [gone, gone]
        assert peer.told[1:] == [CLOSED]
        assert [(event.policy, event.reason, event.principal) for event in events_of(caplog)] == [
            ("Authentication", "expired", "ada")
        ]

    def test_what_is_sent_afterwards_is_dropped(self, backend: str) -> None:
        peer = Peer(soon())
        closed = anyio.Event()

        async def app(scope: Message, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "websocket.accept"})
            await closed.wait()
            await send({"type": "websocket.send", "text": "secret"})
            await send({"type": "websocket.close", "code": 1000})

        peer.run(app, backend=backend, send=lambda message: closed.set() if "code" in message else None)
        assert peer.told[1:] == [CLOSED]

    def test_an_application_that_never_reads(self, backend: str) -> None:
        peer = Peer(soon())
        closed = anyio.Event()

        async def app(scope: Message, receive: Any, send: Any) -> None:
            await send({"type": "websocket.accept"})
            await closed.wait()
            await send({"type": "websocket.send", "text": "secret"})

        peer.run(app, backend=backend, send=lambda message: closed.set() if "code" in message else None)
        assert peer.told[1:] == [CLOSED]

    def test_what_comes_at_that_moment_is_not_read(self, backend: str) -> None:
        peer = Peer(soon())

        async def app(scope: Message, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "websocket.accept"})
            peer.seen += [await receive(), await receive()]

        peer.run(app, backend=backend, send=lambda message: peer.say("too late") if "code" in message else None)
        assert [message["type"] for message in peer.seen] == ["websocket.disconnect"] * 2

    def test_what_comes_before_is_read(self, backend: str) -> None:
        peer = Peer(never())

        async def app(scope: Message, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "websocket.accept"})
            peer.say("in time")
            peer.seen.append(await receive())

        peer.run(app, backend=backend)
        assert peer.seen == [{"type": "websocket.receive", "text": "in time"}]

    def test_a_handshake_that_takes_longer_is_denied(self, backend: str) -> None:
        peer = Peer(soon())

        async def app(scope: Message, receive: Any, send: Any) -> None:
            await receive()
            peer.seen.append(await receive())
            await send({"type": "websocket.accept"})

        peer.run(app, backend=backend)
        assert peer.types == ["websocket.http.response.start", "websocket.http.response.body"]
        assert peer.told[0]["status"] == 401

    def test_an_application_that_ends_first_ends_the_watch(self, backend: str) -> None:
        peer = Peer(never())

        async def app(scope: Message, receive: Any, send: Any) -> None:
            peer.seen.append(await receive())
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": 1000})

        peer.run(app, backend=backend)
        assert peer.types == ["websocket.accept", "websocket.close"]
        assert peer.seen == [{"type": "websocket.connect"}]

    def test_what_an_application_raises_is_raised_as_it_is(self, backend: str) -> None:
        peer = Peer(never())

        async def app(scope: Message, receive: Any, send: Any) -> None:
            await receive()
            raise LookupError("mine")

        with pytest.raises(LookupError, match="mine"):
            peer.run(app, backend=backend)

    def test_a_peer_that_is_gone_is_no_failure(self, backend: str) -> None:
        peer = Peer(soon())

        async def app(scope: Message, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "websocket.accept"})
            peer.seen.append(await receive())

        def gone(message: Message) -> None:
            if message["type"] == "websocket.close":
                raise OSError("gone")

        peer.run(app, backend=backend, send=gone)
        assert peer.seen == [{"type": "websocket.disconnect", "code": 1008}]

    def test_a_token_that_has_ended_already_lets_nobody_in(self, backend: str) -> None:
        peer = Peer(soon(), end=1.0)

        async def app(scope: Message, receive: Any, send: Any) -> None:
            await receive()
            await anyio.sleep_forever()

        async def patient(scope: Message, receive: Any, send: Any) -> None:
            with anyio.move_on_after(0.05):
                await app(scope, receive, send)

        peer.run(patient, backend=backend)
        assert peer.told[0]["status"] == 401

    def test_a_credential_without_an_end_is_not_watched(self, backend: str) -> None:
        peer = Peer(iter(()), end=None)

        async def app(scope: Message, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": 1000})

        peer.run(app, backend=backend)
        assert peer.types == ["websocket.accept", "websocket.close"]

    def test_who_is_cancelled_ends_the_watch(self, backend: str) -> None:
        peer = Peer(never())

        async def app(scope: Message, receive: Any, send: Any) -> None:
            await receive()
            await anyio.sleep_forever()

        async def main() -> None:
            async def receive() -> Message:
                return {"type": "websocket.connect"}

            async def send(message: Message) -> None:
                peer.told.append(message)

            with anyio.fail_after(10), anyio.move_on_after(0.01) as moved:
                await SecurityMiddleware(app, peer.policy)(scope_of("websocket"), receive, send)
            assert moved.cancelled_caught

        anyio.run(main, backend=backend)
        assert peer.told == []

    def test_two_policies_end_at_the_earlier_of_two_times(self, backend: str) -> None:
        peer = Peer(soon())
        later = Authentication(Named(1e9), clock=lambda: 0.0)

        async def app(scope: Message, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "websocket.accept"})
            peer.seen.append(await receive())

        async def inner(scope: Message, receive: Any, send: Any) -> None:
            await SecurityMiddleware(app, later)(scope, receive, send)

        peer.run(SecurityMiddleware(inner, later), backend=backend)
        assert peer.told[1:] == [CLOSED]
        assert peer.seen == [{"type": "websocket.disconnect", "code": 1008}]


def test_a_request_is_not_watched() -> None:
    from tests.asgi import answering, request  # noqa: PLC0415 - only here

    app = SecurityMiddleware(answering(), Authentication(Named(100.0), clock=lambda: 1 / 0))
    assert request(app).status == 200
