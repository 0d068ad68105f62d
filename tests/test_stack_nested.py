"""A secured application in a secured one: what the outer pass did is not done again, unless the scope was rewritten."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from asgisec import CORS, Exchange, Policy, RequestID, SecurityHeaders, SecurityMiddleware, TrustedHosts
from tests.asgi import App, Message, answering, request, websocket
from tests.made import TooMuch, constants, made, refusing, saying


class Counting(Policy):
    """Equal to another of its label: the same work."""

    def __init__(self, log: list[str], label: str) -> None:
        self.log, self.label = log, label

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counting) and other.label == self.label

    def __hash__(self) -> int:
        return hash(self.label)

    def on_request(self, exchange: Exchange) -> None:
        self.log.append(self.label)


def rewriting(app: App, **changes: Any) -> App:
    """Put something of another's between two passes, which hands on a changed copy of the scope."""

    async def between(scope: Message, receive: Any, send: Any) -> None:
        await app({**scope, **{name: change(scope[name]) for name, change in changes.items()}}, receive, send)

    return between


ADDED = (b"x-added", b"1")


@pytest.mark.parametrize(
    ("changes", "judged"),
    [
        pytest.param({}, ["a"], id="nothing"),
        pytest.param({"headers": list}, ["a"], id="headers copied"),
        pytest.param({"root_path": lambda root: "/mounted"}, ["a"], id="mounted: root_path below an unchanged path"),
        pytest.param({"path": lambda path: "/other"}, ["a", "a"], id="path"),
        pytest.param({"path": lambda path: path + "/"}, ["a", "a"], id="path, by a slash"),
        pytest.param({"headers": lambda headers: [*headers, ADDED]}, ["a", "a"], id="a header added"),
        pytest.param({"headers": lambda headers: headers[:-1]}, ["a", "a"], id="a header removed"),
        pytest.param({"client": lambda client: ("203.0.113.9", 1)}, ["a", "a"], id="client"),
        pytest.param({"client": lambda client: None}, ["a", "a"], id="client unknown"),
        pytest.param({"method": lambda method: "POST"}, ["a", "a"], id="method"),
        pytest.param({"scheme": lambda scheme: "https"}, ["a", "a"], id="scheme"),
        pytest.param({"query_string": lambda query: b"admin=1"}, ["a", "a"], id="query"),
    ],
)
def test_what_is_judged_again_after_something_was_rewritten(changes: dict[str, Any], judged: list[str]) -> None:
    log: list[str] = []
    inner = SecurityMiddleware(answering(), Counting(log, "a"))
    response = request(SecurityMiddleware(rewriting(inner, **changes), Counting(log, "a")), path="/mounted/x")
    assert response.status == 200
    assert log == judged


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        pytest.param(("", "/mounted/x"), ("/mounted", "/mounted/x"), id="path keeps the root, as Starlette's"),
        pytest.param(("", "/mounted/x"), ("/mounted", "/x"), id="path loses the root, as others'"),
        pytest.param(("/api", "/api/x"), ("/api", "/x"), id="the server's own root"),
        pytest.param(("/api/", "/x"), ("/api", "/x"), id="a root with a slash"),
        pytest.param(("/X", "/X/x"), ("", "/X/x"), id="a root of one letter, which another server leaves out"),
    ],
)
def test_a_mount_is_the_same_request(outer: tuple[str, str], inner: tuple[str, str]) -> None:
    log: list[str] = []
    changes = {"root_path": lambda _: inner[0], "path": lambda _: inner[1]}
    secured = SecurityMiddleware(
        rewriting(SecurityMiddleware(answering(), Counting(log, "a")), **changes), Counting(log, "a")
    )
    request(secured, path=outer[1], root_path=outer[0])
    assert log == ["a"]


def test_a_scope_without_a_root_path_has_an_empty_one() -> None:
    log: list[str] = []
    inner = SecurityMiddleware(answering(), Counting(log, "a"))

    async def between(scope: Message, receive: Any, send: Any) -> None:
        scope = {**scope}
        del scope["root_path"]
        await inner(scope, receive, send)

    assert request(SecurityMiddleware(between, Counting(log, "a")), root_path="").status == 200
    assert log == ["a"]


def test_an_inner_pass_does_what_differs_and_only_that() -> None:
    log: list[str] = []
    innermost = SecurityMiddleware(answering(), Counting(log, "a"), Counting(log, "b"), Counting(log, "c"))
    middle = SecurityMiddleware(rewriting(innermost), Counting(log, "b"))
    request(SecurityMiddleware(rewriting(middle), Counting(log, "a")))
    assert log == ["a", "b", "c"]


def test_a_pass_that_has_nothing_left_to_do_hands_on_what_it_got() -> None:
    seen: list[Any] = []

    async def app(*given: Any) -> None:
        seen.append(given)

    async def between(*given: Any) -> None:
        seen.append(given)
        await SecurityMiddleware(app, TrustedHosts(["testserver"]))(*given)

    request(SecurityMiddleware(between, TrustedHosts(["testserver"])))
    assert all(a is b for a, b in zip(*seen, strict=True))


POLICIES = (
    RequestID(),
    SecurityHeaders(),
    TrustedHosts(["testserver"]),
    CORS(allow_origins=["https://app.example.com"]),
)


@pytest.mark.parametrize("path", ["/mounted/", "/mounted/missing", "/mounted/broken"])
def test_a_secured_application_mounted_in_a_secured_one(path: str) -> None:
    async def home(request: Request) -> Response:
        return PlainTextResponse("home")

    async def broken(request: Request) -> Response:
        raise RuntimeError

    inner = Starlette(
        routes=[Route("/", home), Route("/broken", broken)], middleware=[Middleware(SecurityMiddleware, *POLICIES)]
    )
    outer = SecurityMiddleware(Starlette(routes=[Mount("/mounted", SecurityMiddleware(inner, *POLICIES))]), *POLICIES)
    response = request(outer, path=path, headers=[("host", "testserver"), ("origin", "https://app.example.com")])
    assert response.status in {200, 404, 500}
    names = [name for name, _ in response.headers]
    assert sorted(names) == sorted(set(names))
    assert response.values("vary") == ["Origin"]
    assert {"x-request-id", "x-frame-options", "access-control-allow-origin"} <= set(names)


def test_an_inner_refusal_is_dressed_by_both_passes() -> None:
    inner = SecurityMiddleware(answering(), constants((b"x-mid", b"1")), refusing(), constants((b"x-in", b"1")))
    response = request(SecurityMiddleware(rewriting(inner), RequestID(), constants((b"x-out", b"1"))))
    assert response.status == 413
    assert len(response.values("x-request-id")) == 1
    assert response.values("x-mid") == response.values("x-out") == ["1"]
    assert not response.values("x-in")


def test_headers_added_inside_go_through_the_outermost_pass() -> None:
    def add(exchange: Exchange) -> None:
        exchange.add_header("X-A", "1")
        exchange.add_header("Vary", "Accept")

    inner = SecurityMiddleware(answering(), made(on_request=add))
    response = request(SecurityMiddleware(rewriting(inner), constants((b"vary", b"Origin"))))
    assert response.values("x-a") == ["1"]
    assert response.values("vary") == ["Origin, Accept"]


def test_an_inner_request_id_takes_over_the_outer_one() -> None:
    inner = SecurityMiddleware(answering(), RequestID(header="X-Correlation-ID"))
    response = request(SecurityMiddleware(rewriting(inner), RequestID()))
    assert response.values("x-correlation-id") == response.values("x-request-id")


def test_what_is_shown_to_the_application_is_shown_to_inner_policies() -> None:
    seen: list[Any] = []
    reading = made(on_request=lambda exchange: seen.append(exchange.header("x-request-id")))
    shows = RequestID(generator=lambda: "made", update_request_header=True)
    request(SecurityMiddleware(answering(), shows, reading))
    request(SecurityMiddleware(rewriting(SecurityMiddleware(answering(), reading)), shows))
    assert seen == ["made", "made"]


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_500_is_dressed_by_the_passes_that_the_exception_went_through(kind: str) -> None:
    error = RuntimeError("a secret")

    async def failing(scope: Message, receive: Any, send: Any) -> None:
        raise error

    log: list[str] = []
    innermost = SecurityMiddleware(failing, RequestID(header="X-Inner-ID"), saying(log, "innermost"))
    middle = SecurityMiddleware(rewriting(innermost), constants((b"x-mid", b"1"), (b"x-out", b"mid")))
    secured = SecurityMiddleware(rewriting(middle), constants((b"x-out", b"out")))
    response = request(secured) if kind == "http" else websocket(secured)
    assert response.status == 500
    assert response.error is error
    assert response.values("x-mid") == ["1"]
    assert response.values("x-out") == ["mid"]
    assert log[-1] == "innermost on_response 500"
    made_id = response.values("x-inner-id")[0]
    assert f'"request_id":"{made_id}"'.encode() in response.body
    assert error.__notes__ == [f"request id: {made_id}"]


def test_a_raised_refusal_is_dressed_by_the_passes_that_it_went_through() -> None:
    async def guarded(scope: Message, receive: Any, send: Any) -> None:
        raise TooMuch

    inner = SecurityMiddleware(guarded, RequestID(), constants((b"x-in", b"1")))
    response = request(SecurityMiddleware(rewriting(inner), constants((b"x-out", b"1"))))
    assert response.status == 413
    assert response.values("x-in") == response.values("x-out") == ["1"]
    assert f'"request_id":"{response.values("x-request-id")[0]}"'.encode() in response.body


def test_a_500_is_dressed_by_an_inner_pass_whose_response_was_held_back() -> None:
    async def failing(scope: Message, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError

    inner = SecurityMiddleware(failing, constants((b"x-in", b"1")))
    held = GZipMiddleware(inner)
    headers = [("host", "testserver"), ("accept-encoding", "gzip")]
    response = request(SecurityMiddleware(held, RequestID()), headers=headers)
    assert response.status == 500
    assert response.values("x-in") == ["1"]


def test_an_exception_in_mid_stream_is_noted_with_the_id_of_an_inner_pass() -> None:
    error = RuntimeError()

    async def failing(scope: Message, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise error

    inner = SecurityMiddleware(failing, RequestID())
    response = request(SecurityMiddleware(rewriting(inner), constants((b"x-out", b"1"))))
    assert error.__notes__ == [f"request id: {response.values('x-request-id')[0]}"]


def test_another_exception_than_went_through_a_pass_is_not_dressed_by_it() -> None:
    async def failing(scope: Message, receive: Any, send: Any) -> None:
        raise KeyError

    inner = SecurityMiddleware(failing, constants((b"x-in", b"1")))

    async def between(scope: Message, receive: Any, send: Any) -> None:
        try:
            await inner(scope, receive, send)
        except KeyError:
            raise ValueError from None

    response = request(SecurityMiddleware(between, constants((b"x-out", b"1"))))
    assert response.status == 500
    assert response.values("x-out") == ["1"]
    assert not response.values("x-in")


def _batch(log: list[str]) -> App:
    """Make an application with an endpoint that calls all of it again, as batch endpoints do."""

    async def app(scope: Message, receive: Any, send: Any) -> None:
        if scope["path"] != "/batch":
            log.append("served " + scope["path"])
            await answering()(scope, receive, send)
            return
        answers: list[Message] = []

        async def keep(message: Message) -> None:
            answers.append(message)

        await whole({**scope, "path": "/admin"}, receive, keep)
        log.append(f"answer {answers[0]['status']}")
        await answering(headers=[])(scope, receive, send)

    def judge(exchange: Exchange) -> Any:
        log.append("judged " + exchange.scope["path"])
        return refusing().on_request(exchange) if exchange.scope["path"] == "/admin" else None

    whole: App = SecurityMiddleware(app, RequestID(), made(on_request=judge))
    return whole


def test_a_batch_endpoint_does_not_evade_the_policies() -> None:
    log: list[str] = []
    response = request(_batch(log), path="/batch")
    assert response.status == 200
    assert log == ["judged /batch", "judged /admin", "answer 413"]
    assert len(response.values("x-request-id")) == 1


@pytest.mark.parametrize("change", [lambda scope: scope.pop("asgisec"), lambda scope: None], ids=["dropped", "kept"])
def test_a_scope_of_a_subrequest_with_another_path(change: Callable[[Message], Any]) -> None:
    log: list[str] = []
    inner = SecurityMiddleware(answering(), Counting(log, "a"))

    async def between(scope: Message, receive: Any, send: Any) -> None:
        scope = {**scope, "path": "/other"}
        change(scope)
        await inner(scope, receive, send)

    assert request(SecurityMiddleware(between, Counting(log, "a"))).status == 200
    assert log == ["a", "a"]


def test_a_repeated_header_is_refused_by_an_inner_pass_too_where_it_was_added_in_between() -> None:
    twice = {"headers": lambda headers: [*headers, *headers]}
    inner = SecurityMiddleware(answering(), RequestID())
    assert request(SecurityMiddleware(rewriting(inner, **twice), RequestID())).status == 400


def test_plans_are_made_once_and_die_with_the_outer_application() -> None:
    inner = SecurityMiddleware(answering(), RequestID(), constants((b"x-in", b"1")))
    outer: Any = SecurityMiddleware(rewriting(inner), RequestID())
    for _ in range(3):
        request(outer)
    assert len(inner._plans_inside) == 1
    del outer
    assert len(inner._plans_inside) == 0


def test_lifespan_reaches_the_innermost_application() -> None:
    seen: list[Any] = []

    async def app(*given: Any) -> None:
        seen.append(given[0])

    scope = {"type": "lifespan", "state": {}}
    coroutine: Any = SecurityMiddleware(rewriting(SecurityMiddleware(app, RequestID())), RequestID())(scope, None, None)  # type: ignore[arg-type]  # nothing is received
    with pytest.raises(StopIteration):
        coroutine.send(None)
    assert seen == [scope]
