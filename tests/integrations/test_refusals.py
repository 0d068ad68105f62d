"""A `SecurityError` that a handler, a dependency or a hook raises, in each framework: over HTTP and over WebSockets."""

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from litestar import Litestar, Request, Response, get
from litestar.datastructures import MutableScopeHeaders
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from quart import Quart
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from asgisec import CORS, RequestID, SecurityHeaders, TrustedHosts, install, request_id
from tests.asgi import App, Recorded, request, websocket
from tests.frameworks import FRAMEWORKS, Refused, make_fastapi, make_litestar, make_quart

every_framework = pytest.mark.parametrize("name", FRAMEWORKS)


def installed(app: Any) -> Any:
    return install(app, RequestID(), SecurityHeaders.api(), TrustedHosts(["testserver"]), CORS())


def assert_refused(answer: Recorded, error: type[Refused] = Refused) -> None:
    assert answer.error is None
    assert answer.status == error.status
    assert answer.values("content-type") == ["application/problem+json"]
    (made,) = answer.values("x-request-id")
    document = json.loads(answer.body)
    assert (document["status"], document["detail"], document["request_id"]) == (418, error.default_detail, made)
    names = [name for name, _ in answer.headers]
    assert sorted(set(names)) == sorted(names)
    assert answer.values("content-length") == [str(len(answer.body))]


def in_a_handler(name: str) -> Any:
    return FRAMEWORKS[name].make()


def in_a_dependency() -> FastAPI:
    def guard() -> None:
        raise Refused

    app = FastAPI()

    @app.get("/boom")
    def boom(_: Annotated[None, Depends(guard)]) -> None: ...

    return app


def in_a_dependency_with_clean_up() -> FastAPI:
    async def guard() -> Any:
        yield
        raise Refused

    app = FastAPI()

    @app.get("/boom")
    def boom(_: Annotated[None, Depends(guard, scope="function")]) -> None: ...

    return app


def in_a_litestar_guard() -> Litestar:
    def guard(connection: Any, handler: BaseRouteHandler) -> None:
        raise Refused

    @get("/boom", guards=[guard])
    async def boom() -> None: ...

    return Litestar([boom], openapi_config=None)


def before_a_litestar_request() -> Litestar:
    async def hook(request: Request[Any, Any, Any]) -> None:
        raise Refused

    @get("/boom")
    async def boom() -> None: ...

    return Litestar([boom], before_request=hook, openapi_config=None)


def before_a_quart_request() -> Quart:
    app = make_quart()

    @app.before_request
    async def hook() -> None:
        raise Refused

    return app


def after_a_quart_request() -> Quart:
    app = make_quart()

    @app.after_request
    async def hook(response: Any) -> Any:
        raise Refused

    return app


@pytest.mark.parametrize(
    "app",
    [
        *(pytest.param(in_a_handler(name), id=f"{name}: in a handler") for name in FRAMEWORKS),
        pytest.param(in_a_dependency(), id="fastapi: in a dependency"),
        pytest.param(in_a_dependency_with_clean_up(), id="fastapi: as a dependency ends"),
        pytest.param(in_a_litestar_guard(), id="litestar: in a guard"),
        pytest.param(before_a_litestar_request(), id="litestar: in before_request"),
        pytest.param(before_a_quart_request(), id="quart: in before_request"),
        pytest.param(after_a_quart_request(), id="quart: in after_request"),
    ],
)
def test_over_http(app: App) -> None:
    assert_refused(request(installed(app), path="/boom", patient=True))


@pytest.mark.parametrize("name", ["starlette", "quart"])  # the others route HEAD to nothing
def test_to_head_it_has_no_body(name: str) -> None:
    answer = request(installed(FRAMEWORKS[name].make()), "HEAD", "/boom", patient=True)
    assert (answer.status, answer.body) == (418, b"")


@every_framework
def test_over_a_websocket_before_accept(name: str) -> None:
    assert_refused(websocket(installed(FRAMEWORKS[name].make()), path="/before", patient=True))


@every_framework
def test_over_a_websocket_before_accept_without_the_denial_extension(name: str) -> None:
    answer = websocket(installed(FRAMEWORKS[name].make()), path="/before", denial=False, patient=True)
    assert [message["type"] for message in answer.messages] == ["websocket.close"]
    assert answer.close == {"type": "websocket.close", "code": 1008, "reason": "No tea for you."}


@every_framework
@pytest.mark.parametrize("denial", [True, False])
def test_over_a_websocket_after_accept(name: str, denial: bool) -> None:
    answer = websocket(installed(FRAMEWORKS[name].make()), path="/after", denial=denial, patient=True)
    assert answer.error is None
    assert [message["type"] for message in answer.messages] == ["websocket.accept", "websocket.close"]
    assert answer.close == {"type": "websocket.close", "code": 1008, "reason": "No tea for you."}
    assert len(answer.values("x-request-id")) == 1


@every_framework
def test_another_exception_over_a_websocket_is_not_told(name: str) -> None:
    app = installed(FRAMEWORKS[name].make(lambda: RuntimeError("sesame")))
    for path in ("/before", "/after"):
        answer = websocket(app, path=path, patient=True)
        assert b"sesame" not in answer.body
        assert "sesame" not in (answer.close or {}).get("reason", "")
        # Litestar closes a WebSocket that it has not accepted: there is nothing then that carries headers.
        assert answer.status == 0 or len(answer.values("x-request-id")) == 1


@every_framework
def test_a_websocket_works(name: str) -> None:
    answer = websocket(installed(FRAMEWORKS[name].make()), path="/ws", patient=True)
    assert [message.get("text") for message in answer.messages if message["type"] == "websocket.send"] == ["hello"]
    assert answer.close is not None
    assert answer.close["code"] == 1000


class TestOwnHandlers:
    """A handler that the application registered for the refusal answers it, dressed."""

    @pytest.mark.parametrize("error", [Refused, Refused.__base__], ids=["the very class", "SecurityError"])
    @pytest.mark.parametrize("when", ["before", "after"])
    @every_framework
    def test_is_asked(self, name: str, when: str, error: type[Exception]) -> None:
        app = FRAMEWORKS[name].make(**({"exception_handlers": {error: _litestar_own}} if name == "litestar" else {}))
        if when == "after":
            installed(app)
        if name == "quart":
            app.register_error_handler(error, _quart_own)
        elif name != "litestar":
            app.add_exception_handler(error, _starlette_own)
        if when == "before":
            installed(app)
        answer = request(app, path="/boom", patient=True)
        assert (answer.status, answer.body) == (409, b"mine")
        assert len(answer.values("x-request-id")) == len(answer.values("x-frame-options")) == 1

    @every_framework
    def test_one_for_every_exception_is_not_meant(self, name: str) -> None:
        app = FRAMEWORKS[name].make(**({"exception_handlers": {500: _litestar_own}} if name == "litestar" else {}))
        if name == "quart":
            app.register_error_handler(Exception, _quart_own)
        elif name != "litestar":
            app.add_exception_handler(Exception, _starlette_own)
        assert_refused(request(installed(app), path="/boom", patient=True))

    def test_of_a_litestar_route(self) -> None:
        @get("/boom", exception_handlers={Refused: _litestar_own})
        async def boom() -> None:
            raise Refused

        answer = request(installed(Litestar([boom], openapi_config=None)), path="/boom", patient=True)
        assert (answer.status, answer.body) == (409, b"mine")

    def test_of_litestar_is_not_asked_over_a_websocket(self) -> None:
        app = installed(make_litestar(exception_handlers={Refused: _litestar_own}))
        assert_refused(websocket(app, path="/before", patient=True))


def _litestar_own(request: Any, error: Exception) -> Response[str]:
    return Response("mine", status_code=409, media_type="text/plain")


def _starlette_own(request: Any, error: Exception) -> PlainTextResponse:
    return PlainTextResponse("mine", 409)


async def _quart_own(error: Exception) -> tuple[str, int]:
    return "mine", 409


def test_litestar_refuses_before_it_has_found_a_route() -> None:
    @get("/ok")
    async def ok() -> str:
        return "ok"

    app = Litestar([ok], openapi_config=None)

    def refusing(*args: Any, **options: Any) -> Any:
        raise Refused

    app.asgi_router.handle_routing = refusing  # type: ignore[assignment]  # a router that refuses
    assert_refused(request(installed(app), path="/ok", patient=True))


PAGES = [
    (name, path, status)
    for name in FRAMEWORKS
    for path, status in {"GET /none": 404, "GET /boom": 500, "POST /ok": 405}.items()
]


@pytest.mark.parametrize(("name", "path", "status"), PAGES)
def test_error_pages_of_the_framework_are_dressed_not_replaced(name: str, path: str, status: int) -> None:
    method, path = path.split(" ")
    make = FRAMEWORKS[name].make
    bare = request(make(lambda: RuntimeError("sesame")), method, path, patient=True)
    answer = request(installed(make(lambda: RuntimeError("sesame"))), method, path, patient=True)
    assert (answer.status, answer.body) == (bare.status, bare.body) == (status, bare.body)
    assert [pair for pair in answer.headers if pair in bare.headers] == bare.headers
    assert len(answer.values("x-request-id")) == 1
    assert type(answer.error) is type(bare.error)


class TestWhatElseIsInTheStack:
    def test_base_http_middleware(self) -> None:
        seen: list[Any] = []

        async def look(request: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
            response = await call_next(request)
            seen.append((request_id(), response.status_code))
            response.headers["x-seen"] = "yes"
            return response

        app = make_fastapi()
        app.middleware("http")(look)
        installed(app)
        answer = request(app, path="/ok", patient=True)
        assert seen == [(answer.values("x-request-id")[0], 200)]
        assert answer.values("x-seen") == ["yes"]
        assert_refused(request(app, path="/boom", patient=True))
        assert seen[1][1] == 418

    def test_base_http_middleware_that_refuses(self) -> None:
        async def refuse(request: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
            raise Refused

        app = make_fastapi()
        app.middleware("http")(refuse)
        # Outside of Starlette's exception handlers: its error page is what the pass gets to see.
        answer = request(installed(app), path="/ok", patient=True)
        assert answer.status == 500
        assert isinstance(answer.error, Refused)

    def test_a_body_over_starlette_s_limit(self) -> None:
        async def read(request: StarletteRequest) -> JSONResponse:
            return JSONResponse(len(await request.body()))

        app = installed(Starlette(routes=[Route("/", read, methods=["POST"])], max_body_size=3))
        assert request(app, "POST", body=[b"ab", b"c"]).body == b"3"
        answer = request(app, "POST", body=[b"ab", b"cd"])
        assert answer.status == 413
        assert len(answer.values("x-request-id")) == len(answer.values("x-frame-options")) == 1

    def test_a_background_task_has_the_id(self) -> None:
        seen: list[str | None] = []

        async def answer_first(request: StarletteRequest) -> PlainTextResponse:
            return PlainTextResponse("ok", background=BackgroundTask(lambda: seen.append(request_id())))

        answer = request(installed(Starlette(routes=[Route("/", answer_first)])))
        assert seen == answer.values("x-request-id")
        assert request_id() is None

    def test_a_background_task_that_refuses_comes_too_late(self) -> None:
        def refuse() -> None:
            raise Refused

        async def answer_first(request: StarletteRequest) -> PlainTextResponse:
            return PlainTextResponse("ok", background=BackgroundTask(refuse))

        answer = request(installed(Starlette(routes=[Route("/", answer_first)])))
        assert (answer.status, answer.body) == (200, b"ok")
        assert isinstance(answer.error, RuntimeError)
        assert answer.error.__notes__ == [f"request id: {answer.values('x-request-id')[0]}"]

    def test_a_stream_that_refuses_in_the_middle_is_cut(self) -> None:
        async def parts() -> Any:
            yield b"first"
            raise Refused

        async def stream(request: StarletteRequest) -> StreamingResponse:
            return StreamingResponse(parts())

        answer = request(installed(Starlette(routes=[Route("/", stream)])), patient=True)
        assert (answer.status, answer.body) == (200, b"first")
        assert answer.error is not None
        assert answer.messages[-1]["more_body"] is True

    def test_mounted_static_files(self, tmp_path: Any) -> None:
        (tmp_path / "style.css").write_text("a{}")
        app = make_fastapi()
        app.mount("/static", StaticFiles(directory=tmp_path))
        installed(app)
        for path, status in {"/static/style.css": 200, "/static/none": 404, "/static/../secret": 404}.items():
            answer = request(app, path=path, patient=True)
            assert answer.status == status
            names = [name for name, _ in answer.headers]
            assert sorted(set(names)) == sorted(names)
            assert len(answer.values("x-request-id")) == 1

    def test_litestar_s_before_send_sees_the_dressed_answer_and_may_replace_a_header(self) -> None:
        async def hook(message: Any, scope: Any) -> None:
            if message["type"] == "http.response.start":
                headers = MutableScopeHeaders.from_message(message)
                assert headers["x-request-id"]
                headers["x-frame-options"] = "SAMEORIGIN"

        app = installed(make_litestar(before_send=[hook]))
        assert request(app, path="/ok", patient=True).values("x-frame-options") == ["SAMEORIGIN"]

    def test_litestar_s_own_exceptions_stay_litestar_s(self) -> None:
        app = installed(make_litestar(lambda: HTTPException("gone", status_code=410)))
        answer = request(app, path="/boom", patient=True)
        assert (answer.status, json.loads(answer.body)) == (410, {"status_code": 410, "detail": "gone"})
