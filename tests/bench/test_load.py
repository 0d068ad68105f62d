"""The load generator counts every answer, and a run with another answer than expected fails."""

import os
import sys
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from asgisec.policy import ASGIApp
from bench import load
from bench.harness import WrongAnswer
from tests.servers.harness import Servers, running


def needs_wrk() -> None:
    if load.find() is None:
        if os.environ.get("ASGISEC_REQUIRE_WRK"):
            pytest.fail(load.MISSING, pytrace=False)
        pytest.skip(load.MISSING)


def answering(*statuses: int) -> ASGIApp:
    """Answer with one status after the other, where the host came as it should."""
    turn = cycle(statuses)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            hosts = [value for name, value in scope["headers"] if name == b"host"]
            status = next(turn) if hosts == [b"api.example.com"] else 400
            await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body"})

    return app


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    needs_wrk()
    with running("uvicorn-httptools", {"good": answering(200), "mixed": answering(200, 307, 429)}) as started:
        yield started


def asked(servers: Servers, name: str, **options: object) -> load.Loaded:
    url = f"http://127.0.0.1:{servers.ports[name]}/"
    return load.run(url, headers={"host": "api.example.com"}, connections=4, **options)  # type: ignore[arg-type]


def test_answers_are_counted_and_timed(servers: Servers) -> None:
    found = asked(servers, "good")
    assert {*found.statuses} == {200}
    assert found.requests == found.statuses[200] > 10
    assert 0 < found.p50 <= found.p90 <= found.p99 <= found.most
    assert found.per_second == pytest.approx(found.requests / found.seconds)


def test_what_is_expected_is_said_by_the_caller(servers: Servers) -> None:
    # One of two requests lacks the host that the server asks for.
    script = """
    local turn = 0
    function request()
      turn = turn + 1
      return wrk.format("GET", "/", {Host = turn % 2 == 0 and "other.example" or "api.example.com"})
    end
    """
    found = asked(servers, "good", threads=2, script=script, expected={200, 400})
    assert found.statuses[200] > 10
    assert found.statuses[400] > 10


def test_another_answer_stops_the_run(servers: Servers) -> None:
    with pytest.raises(WrongAnswer, match=r"answered \{.*307"):
        asked(servers, "mixed", expected={200, 429})


def said(directory: Path, monkeypatch: pytest.MonkeyPatch, line: str, code: int = 0) -> load.Loaded:
    """Run what writes a line in place of wrk."""
    stand_in = directory / "wrk"
    stand_in.write_text(f"#!{sys.executable}\nprint({line!r})\nraise SystemExit({code})\n")
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", str(directory))
    return load.run("http://127.0.0.1:1/")


COUNTED = (
    'counted {"micros": 2000000, "statuses": {%s}, "p50": 1, "p90": 2, "p99": 3, "most": 4, '
    '"failed": {"connect": 0, "read": 0, "write": 0, "timeout": %d}}'
)


def test_what_a_run_came_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = said(tmp_path, monkeypatch, COUNTED % ('"200": 30, "204": 10', 0))
    assert found == load.Loaded(2.0, {200: 30, 204: 10}, 1, 2, 3, 4)
    assert found.per_second == 20


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        pytest.param(COUNTED % ('"200": 30', 1), 0, "'timeout': 1", id="a connection that timed out"),
        pytest.param(COUNTED % ('"200": 30, "500": 1', 0), 0, "500: 1", id="one answer among many"),
        pytest.param(COUNTED % ("", 0), 0, "answered {}", id="no answer"),
        pytest.param("unable to connect", 1, "ended with 1: unable to connect", id="no server"),
        pytest.param("wrk 5", 0, "ended with 0: wrk 5", id="another wrk"),
    ],
)
def test_what_stops_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, code: int, message: str) -> None:
    with pytest.raises(WrongAnswer) as raised:
        said(tmp_path, monkeypatch, line, code)
    assert message in str(raised.value)


def test_without_wrk_it_is_said_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert load.find() is None
    with pytest.raises(FileNotFoundError, match="apt install wrk, or brew install wrk"):
        load.run("http://127.0.0.1:1/")
