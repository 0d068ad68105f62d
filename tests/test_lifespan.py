"""The end of an application: what its policies use is closed, once, after its own shutdown."""

import logging
from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount, Router

from asgisec import Policy, SecurityMiddleware, install
from asgisec._lifespan import close_all
from asgisec.stack import InstalledMiddleware
from asgisec.stores.protocols import Closable
from tests.frameworks import FRAMEWORKS
from tests.made import made


class Closed:
    """Counts how often it was closed, and notes when."""

    def __init__(self, log: list[str], name: str = "closed", error: Exception | None = None) -> None:
        self.log, self.name, self.error = log, name, error

    async def aclose(self) -> None:
        self.log.append(self.name)
        if self.error is not None:
            raise self.error


def using(*closes: Closable) -> Policy:
    return made(closes=closes)


def live(app: Any, *, backend: str = "asyncio") -> list[str]:
    """Start an application and shut it down, as a server does; return what it said."""
    said: list[str] = []
    asked: Sequence[dict[str, Any]] = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    steps = iter(asked)

    async def receive() -> dict[str, Any]:
        return next(steps)

    async def send(message: dict[str, Any]) -> None:
        said.append(message["type"])

    async def run() -> None:
        with anyio.fail_after(5):
            await app({"type": "lifespan", "asgi": {}, "state": {}}, receive, send)

    anyio.run(run, backend=backend)
    return said


COMPLETE = ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_what_policies_use_is_closed_when_a_framework_shuts_down(name: str) -> None:
    log: list[str] = []
    assert live(install(FRAMEWORKS[name].make(), using(Closed(log)))) == COMPLETE
    assert log == ["closed"]


def test_the_application_may_use_it_until_its_own_shutdown_has_ended() -> None:
    log: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> Any:
        yield
        log.append("own shutdown")

    live(install(Starlette(lifespan=lifespan), using(Closed(log))))
    assert log == ["own shutdown", "closed"]


@pytest.mark.parametrize("outer", [Starlette, FastAPI])
def test_what_is_mounted_is_closed_with_the_application_it_is_mounted_in(outer: Any) -> None:
    """Servers start and stop the outermost application only."""
    log: list[str] = []
    shared = Closed(log, "shared")

    class Endpoint:
        closes = (shared, Closed(log, "endpoint"))

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    app = outer()
    app.mount("/endpoint", Endpoint())
    app.mount("/guarded", SecurityMiddleware(Endpoint(), using(Closed(log, "pass"))))
    app.mount("/secured", install(outer(), using(Closed(log, "secured"))))
    app.mount("/itself", Router(routes=[Mount("/again", app)]))
    app.mount("/odd", SimpleNamespace(closes=5))
    assert live(install(app, using(shared))) == COMPLETE
    assert sorted(log) == ["endpoint", "pass", "secured", "shared"]


def test_what_two_policies_share_is_closed_once_and_inner_ones_first() -> None:
    log: list[str] = []
    shared = Closed(log, "shared")
    live(install(Starlette(), using(Closed(log, "outer")), using(shared), using(Closed(log, "inner"), shared)))
    assert log == ["inner", "shared", "outer"]


def test_one_that_fails_keeps_nothing_open_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    log: list[str] = []
    failing = Closed(log, "failing", OSError("gone"))
    with caplog.at_level(logging.ERROR, "asgisec.shutdown"):
        said = live(install(Starlette(), using(Closed(log, "other")), using(failing)))
    assert said == COMPLETE
    assert log == ["failing", "other"]
    assert [record.message for record in caplog.records] == ["Closed could not be closed"]


def raising(scope: Any, receive: Any, send: Any) -> Any:
    raise ValueError("only http")


async def returning(scope: Any, receive: Any, send: Any) -> None:
    return


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize(
    "app", [pytest.param(raising, id="raises, as Django does"), pytest.param(returning, id="returns")]
)
def test_an_application_without_a_lifespan_is_given_one(app: Callable[..., Any], backend: str) -> None:
    log: list[str] = []
    assert live(install(app, using(Closed(log))), backend=backend) == COMPLETE
    assert log == ["closed"]


async def failing_to_start(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})


async def failing_silently(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    raise OSError("no database")


def test_an_application_that_says_it_cannot_start_is_believed() -> None:
    log: list[str] = []
    assert live(install(failing_to_start, using(Closed(log)))) == ["lifespan.startup.failed"]
    assert log == ["closed"]


def test_an_application_that_fails_after_it_was_asked_to_start_has_no_other_start() -> None:
    with pytest.raises(OSError, match="no database"):
        live(install(failing_silently, using(Closed([]))))


def test_an_application_is_started_and_closed_again_as_test_clients_do() -> None:
    log: list[str] = []
    app = install(Starlette(), using(Closed(log)))
    assert [live(app), live(app)] == [COMPLETE, COMPLETE]
    assert log == ["closed", "closed"]


@pytest.mark.parametrize(
    "around",
    [
        pytest.param(lambda app: SecurityMiddleware(app, made()), id="fused"),
        pytest.param(lambda app: app, id="alone"),
    ],
)
def test_a_pass_fused_with_an_installed_one_closes_too(around: Callable[[Any], Any]) -> None:
    log: list[str] = []
    assert live(around(InstalledMiddleware(returning, using(Closed(log))))) == COMPLETE
    assert log == ["closed"]


def test_middleware_inside_a_framework_leaves_the_lifespan_alone() -> None:
    log: list[str] = []
    app = SecurityMiddleware(returning, using(Closed(log)))
    assert app.closes[0] is not None
    assert live(app) == []
    assert log == []


def test_nothing_to_close_is_no_error() -> None:
    anyio.run(close_all, ())
