"""A request is authenticated once per authenticator, however many ask; and never for another request."""

from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from asgisec import Authentication, RequestID, SecurityEvent, SecurityMiddleware, TrustedProxies
from asgisec.auth import Principal
from asgisec.errors import InvalidToken, StoreUnavailable, Unauthenticated
from asgisec.policy import Exchange
from tests.apps import opaque
from tests.asgi import App, Message, scope_of
from tests.auth.callers import Counting, Keys, api_key, ask, bearer, bearer_auth, guarded, key_auth, token

backends = pytest.mark.parametrize("backend", ["asyncio", "trio"])


def asking(*guards: Any) -> App:
    """Make an application that asks several guards, one after the other."""

    async def app(scope: Message, receive: Any, send: Any) -> None:
        for guard in guards:
            await guard(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return app


def scope(name: str | None = "ada") -> Message:
    return scope_of(headers=[] if name is None else [("x-name", name)])


def gathered(auth: Counting, name: str | None, backend: str) -> list[Any]:
    """Ask five guards of one authenticator at once; return what each gives or raises."""
    answers: list[Any] = []

    async def one(asked: Message) -> None:
        try:
            answers.append(await auth.require()(asked))
        except (Unauthenticated, StoreUnavailable) as error:
            answers.append(type(error))

    async def run() -> None:
        asked = scope(name)
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(one, asked)

    anyio.run(run, backend=backend)
    return answers


@backends
class TestAtOnce:
    def test_one_looks_for_all(self, backend: str) -> None:
        auth = Counting()
        assert {answer.subject for answer in gathered(auth, "ada", backend)} == {"ada"}
        assert auth.looks == 1

    def test_nobody_is_nobody_for_all(self, backend: str) -> None:
        auth = Counting()
        assert gathered(auth, None, backend) == [Unauthenticated] * 5
        assert auth.looks == 1

    def test_a_refusal_is_one_for_all(self, backend: str) -> None:
        auth = Counting(InvalidToken())
        assert gathered(auth, "ada", backend) == [InvalidToken] * 5
        assert auth.looks == 1

    def test_who_could_not_say_is_asked_again(self, backend: str) -> None:
        auth = Counting(StoreUnavailable())
        assert gathered(auth, "ada", backend) == [StoreUnavailable] * 5
        assert auth.looks == 5

    def test_one_that_is_cancelled_takes_nobody_with_it(self, backend: str) -> None:
        auth = Counting()
        answers: list[Principal] = []

        async def first(asked: Message, cancel: anyio.CancelScope) -> None:
            with cancel:
                await auth.require()(asked)

        async def second(asked: Message) -> None:
            answers.append(await auth.require()(asked))

        async def run() -> None:
            asked, cancel = scope(), anyio.CancelScope()
            entered = auth.authenticate

            async def slow(exchange: Exchange) -> Principal | None:
                if not auth.looks:
                    auth.looks += 1
                    await anyio.sleep_forever()
                return await entered(exchange)

            auth.authenticate = slow  # type: ignore[method-assign]
            async with anyio.create_task_group() as group:
                group.start_soon(first, asked, cancel)
                while not auth.looks:
                    await checkpoint()
                group.start_soon(second, asked)
                for _ in range(3):
                    await checkpoint()
                cancel.cancel()

        anyio.run(run, backend=backend)
        assert [answer.subject for answer in answers] == ["ada"]
        assert auth.looks == 2


class TestOnce:
    @pytest.mark.parametrize("hide", [lambda app: app, opaque], ids=["fused", "nested"])
    def test_across_passes_and_guards(self, hide: Any) -> None:
        auth = Counting()
        app = asking(auth.require(), auth.require("users:read"), auth.require(where=lambda principal: True))
        app = SecurityMiddleware(hide(auth.require().wrap(hide(app))), RequestID(), Authentication(auth))
        assert ask(app, ("x-name", "ada")).status == 200
        assert auth.looks == 1

    def test_also_as_one_of_several(self) -> None:
        keys = Keys()
        one, other = key_auth(keys), bearer_auth()
        app = asking((other | one).require(), one.require(), (one | other).require(), (other | one).require())
        assert ask(SecurityMiddleware(app, Authentication(one | other)), ("x-api-key", "good")).status == 200
        assert len(keys.asked) == 1

    def test_each_request_anew(self) -> None:
        auth = Counting()
        app = SecurityMiddleware(asking(auth.require()), Authentication(auth))
        assert [ask(app, ("x-name", name)).status for name in ("ada", "eve")] == [200, 200]
        assert auth.looks == 2


class TestNeverAnother:
    def test_the_principal_of_one_does_not_satisfy_the_guard_of_another(self) -> None:
        app = SecurityMiddleware(asking(bearer_auth().require()), Authentication(key_auth()))
        assert ask(app, ("x-api-key", "good")).status == 401

    def test_nor_where_both_are_alike(self) -> None:
        one, other = Counting(), Counting(InvalidToken())
        assert ask(SecurityMiddleware(asking(other.require()), Authentication(one)), ("x-name", "ada")).status == 401

    def test_nor_what_somebody_wrote_into_the_state(self) -> None:
        answer = ask(
            SecurityMiddleware(asking(bearer_auth().require()), RequestID()),
            state={"principal": Principal("root", frozenset({"users:*"}))},
            user=Principal("root"),
        )
        assert answer.status == 401

    @pytest.mark.parametrize("anew", [True, False], ids=["with other headers", "with the same headers in a new list"])
    def test_a_request_that_is_sent_on_is_authenticated_anew(self, anew: bool) -> None:
        auth = Counting()
        seen: list[Principal] = []
        inner = guarded(auth.require(), seen)

        async def batch(scope: Message, receive: Any, send: Any) -> None:
            await auth.require()(scope)
            headers = [(b"x-name", b"eve")] if anew else [*scope["headers"]]
            await inner({**scope, "headers": headers}, receive, send)

        assert ask(SecurityMiddleware(batch, Authentication(auth)), ("x-name", "ada")).status == 200
        assert [principal.subject for principal in seen] == ["eve" if anew else "ada"]
        assert auth.looks == (2 if anew else 1)

    def test_a_request_that_is_sent_on_without_its_credential_is_nobody_s(self) -> None:
        auth = bearer_auth()
        inner = guarded(auth.require())

        async def strip(scope: Message, receive: Any, send: Any) -> None:
            await inner({**scope, "headers": []}, receive, send)

        answer = ask(SecurityMiddleware(strip, Authentication(auth)), bearer(token()))
        assert answer.status == 401

    @pytest.mark.parametrize("outer", [[Authentication], [], None], ids=["Authentication", "another pass", "no pass"])
    def test_a_client_that_is_rewritten_is_judged_anew(self, outer: Any) -> None:
        """A key that holds for a network holds for who is in it: not for whom the proxy in it speaks for."""
        keys = Keys()
        auth = key_auth(keys)
        inner = guarded(auth.require())

        async def resolve(scope: Message, receive: Any, send: Any) -> None:
            await inner({**scope, "client": ("192.0.2.1", 1)}, receive, send)

        policies = () if outer is None else (RequestID(), *(kind(auth) for kind in outer))
        app = SecurityMiddleware(resolve, *policies) if policies else resolve
        assert ask(app, api_key("good"), client=("10.0.0.1", 1)).status == 200
        assert [client for _, client in keys.asked] == ["10.0.0.1"] * len(outer or ()) + ["192.0.2.1"]

    @pytest.mark.parametrize("hide", [lambda app: app, opaque], ids=["fused", "nested"])
    def test_also_by_trusted_proxies_further_in(self, hide: Any) -> None:
        keys = Keys()
        auth = key_auth(keys)
        app = hide(SecurityMiddleware(guarded(auth.require()), TrustedProxies(["10.0.0.0/8"])))
        app = SecurityMiddleware(app, Authentication(auth))
        ask(app, api_key("good"), ("x-forwarded-for", "192.0.2.1"), client=("10.0.0.1", 1))
        assert [client for _, client in keys.asked] == ["10.0.0.1", "192.0.2.1"]

    def test_the_event_names_the_client_that_was_judged(self) -> None:
        events: list[SecurityEvent] = []
        inner = guarded(key_auth().require())

        async def resolve(scope: Message, receive: Any, send: Any) -> None:
            await inner({**scope, "client": ("192.0.2.1", 1)}, receive, send)

        app = SecurityMiddleware(resolve, RequestID(), on_event=events.append)
        assert ask(app, api_key("bad"), client=("10.0.0.1", 1)).status == 401
        assert [event.client for event in events] == ["192.0.2.1"]
        assert events[0].request_id

    @pytest.mark.parametrize("inside", [b"", b"access_token=other"])
    def test_a_query_that_is_rewritten_is_judged_anew(self, inside: bytes) -> None:
        auth = bearer_auth()
        inner = guarded(auth.require())

        async def rewrite(scope: Message, receive: Any, send: Any) -> None:
            await inner({**scope, "query_string": inside}, receive, send)

        answer = ask(SecurityMiddleware(rewrite, Authentication(auth)), bearer(token()), query_string=b"page=2")
        assert answer.status == (400 if inside else 200)

    def test_a_repeated_credential_is_refused_where_no_pass_looks(self) -> None:
        guard = bearer_auth().require()
        answer = ask(guarded(guard), bearer(token()), bearer(token()))
        assert getattr(answer.error, "reason", None) == "repeated_header"
        assert getattr(answer.error, "headers", None) == {
            "WWW-Authenticate": 'Bearer error="invalid_request", '
            'error_description="A header that may come once only was repeated."'
        }

    def test_another_repeated_header_is_none_of_our_business(self) -> None:
        answer = ask(guarded(bearer_auth().require()), bearer(token()), ("accept", "a"), ("accept", "b"))
        assert answer.status == 200

    def test_a_repeated_key_in_a_header_of_its_own_is_no_key(self) -> None:
        auth = key_auth(header="X-Shop-Key")
        answer = ask(auth.require().wrap(guarded(auth.require())), ("x-shop-key", "good"), ("x-shop-key", "good"))
        assert answer.status == 401
