"""The demo: it runs, it notices whatever is not as announced, and it leaves nothing behind."""

import io
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPException
from typing import Any

import pytest

from examples.demo import __main__ as demo
from examples.demo.screen import WIDTH, Screen, wants_colour
from examples.demo.steps import STEPS, Expected, Request, Step
from tests.servers.harness import Peer, get

COMMAND = [sys.executable, "-m", "examples.demo"]


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    cleared = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "FORCE_COLOR"}}
    env = cleared | {"PYTHONUTF8": "1"} | environ
    return subprocess.run([*COMMAND, *arguments], env=env, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - this very interpreter


def test_every_step_is_as_announced() -> None:
    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    titles = re.findall(r"^ *\d+\. (.*)$", done.stdout, flags=re.MULTILINE)
    assert titles == [step.title for step in STEPS]
    assert done.stdout.count("✓") == len(STEPS)
    assert "✗" not in done.stdout
    assert "\033" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= WIDTH
    assert f"All {len(STEPS)} exchanges were as announced." in done.stdout
    # What the log may say, the answer may not: the line is there, below the 500.
    assert re.search(r"log: RuntimeError: .*hunter2\n +log: request id: [0-9a-f]{32}\n", done.stdout)


def test_colours_can_be_forced_and_do_not_change_the_text() -> None:
    coloured = run(FORCE_COLOR="1").stdout
    assert "\033[32m" in coloured
    assert max(len(re.sub(r"\033\[\d+m", "", line)) for line in coloured.splitlines()) <= WIDTH


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


COLOURS = [
    pytest.param(Terminal(), {}, True, id="a terminal"),
    pytest.param(io.StringIO(), {}, False, id="a file"),
    pytest.param(Terminal(), {"TERM": "dumb"}, False, id="a dumb terminal"),
    pytest.param(Terminal(), {"NO_COLOR": "1"}, False, id="NO_COLOR"),
    pytest.param(Terminal(), {"NO_COLOR": ""}, True, id="NO_COLOR, empty"),
    pytest.param(io.StringIO(), {"FORCE_COLOR": "1"}, True, id="FORCE_COLOR"),
    pytest.param(Terminal(), {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, id="both"),
]


@pytest.mark.parametrize(("stream", "environ", "coloured"), COLOURS)
def test_colour(stream: io.StringIO, environ: dict[str, str], coloured: bool) -> None:
    assert wants_colour(stream, environ) is coloured


def test_a_terminal_of_another_encoding_gets_plain_signs() -> None:
    raw = io.BytesIO()
    screen = Screen(io.TextIOWrapper(raw, encoding="ascii"), {})
    screen.lost(1, STEPS[0], OSError("gone"))
    assert raw.getvalue().decode("ascii").splitlines()[-1] == "     !! no answer: gone"


GOOD = STEPS[0]


def planted(**changed: Any) -> Step:
    return replace(GOOD, expected=replace(GOOD.expected, **changed))


DEVIATIONS = [
    pytest.param(planted(status=201), "the status is 200, not 201", id="status"),
    pytest.param(planted(headers={"X-Frame-Options": "SAMEORIGIN"}), r"\['DENY'\], not SAMEORIGIN", id="value"),
    pytest.param(planted(headers={"X-Nothing": ".*"}), "X-Nothing is missing, not", id="a header that is not there"),
    pytest.param(planted(headers={"Vary": None}), "Vary is there", id="a header that may not be there"),
    pytest.param(planted(body="buy beer"), "the body does not say buy beer", id="body"),
    pytest.param(planted(unsaid="milk"), "the answer says milk", id="a word that must not get out"),
    pytest.param(planted(unsaid="nosniff"), "the answer says nosniff", id="a word in a header"),
]


@pytest.mark.parametrize(("step", "said"), DEVIATIONS)
def test_a_deviation_is_said_and_is_the_exit_status(step: Step, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main([], [step]) == 1
    out = capsys.readouterr().out
    assert re.search(said, " ".join(out.split()))
    assert "1 of 1 exchanges were not as announced." in out


def test_a_log_line_that_never_comes_is_a_deviation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("examples.demo.server._LOG", 0.1)
    assert demo.main([], [planted(log="no such line")]) == 1
    assert "the server's log has no line with the id" in capsys.readouterr().out


@pytest.mark.parametrize("error", [ConnectionResetError("gone"), HTTPException("gone")])
def test_no_answer_is_a_deviation(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lost(port: int, request: Request) -> None:
        raise error

    monkeypatch.setattr(demo, "ask", lost)
    assert demo.main([], [GOOD]) == 1
    assert "no answer: gone" in capsys.readouterr().out


def test_a_step_can_send_a_body() -> None:
    written = Request("POST", "/notes", (("Content-Type", "application/json"),), body='{"text": "call mum"}')
    assert demo.main([], [Step("Write", written, Expected(201, body="call mum"), "Written.")]) == 0


@pytest.mark.parametrize("mode", [[], ["--serve"]])
def test_a_port_in_use(mode: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("--port", str(port), *mode)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"The application did not start: port {port} is in use; choose another with --port\n"


def test_a_port_that_is_none() -> None:
    done = run("--port", "70000")
    assert done.returncode == 2
    assert "a port is a number up to 65535" in done.stderr


def test_something_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(demo, "_NEEDED", ("fastapi", "no_such_package"))
    assert demo.main([]) == 1
    assert capsys.readouterr().err == "The demo needs no_such_package. `make demo` installs it all.\n"


@contextmanager
def serving() -> Iterator[tuple[subprocess.Popen[str], int, list[str]]]:
    command, environ = [*COMMAND, "--serve", "--port", "0"], os.environ | {"PYTHONUTF8": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process:  # noqa: S603 - this very interpreter
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline() for _ in range(8)]
            port = int(re.findall(r"http://127\.0\.0\.1:(\d+);", lines[0])[0])
            yield process, port, lines
        finally:
            process.kill()


def test_serve_says_what_to_try_and_goes_on_until_ctrl_c() -> None:
    with serving() as (process, port, lines):
        assert len([line for line in lines if line.startswith("  curl -i ")]) == 3
        with Peer(port) as peer:
            assert peer.ask(get("/notes", host="127.0.0.1")).status == 200
            process.send_signal(signal.SIGINT)
            assert peer.rest() == b""  # the server has hung up
        assert process.wait(10) == 130


def test_the_server_ends_even_when_the_demo_is_killed() -> None:
    with serving() as (process, port, _), Peer(port) as peer:
        assert peer.ask(get("/notes", host="127.0.0.1")).status == 200
        process.kill()
        assert peer.rest() == b""
