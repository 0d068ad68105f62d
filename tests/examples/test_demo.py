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
from examples.demo.client import Answer, ask
from examples.demo.screen import WIDTH, Screen, wants_colour
from examples.demo.server import Server
from examples.demo.steps import Expected, Request, Step
from examples.demo.tour import TOUR
from examples.reference_api.demo import USERS
from tests.servers.harness import Peer, get

STEPS = [step for steps in TOUR.values() for step in steps]
COMMAND = [sys.executable, "-m", "examples.demo"]


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    cleared = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "FORCE_COLOR"}}
    env = cleared | {"PYTHONUTF8": "1"} | environ
    return subprocess.run([*COMMAND, *arguments], env=env, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - this very interpreter


def test_every_step_is_as_announced() -> None:
    done = run(FORCE_COLOR="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\033[32m" in done.stdout
    said = re.sub(r"\033\[\d+m", "", done.stdout)
    titles = re.findall(r"^ *\d+\. (.*)$", said, flags=re.MULTILINE)
    assert titles == [step.title for step in STEPS]
    assert said.count("✓") == len(STEPS)
    assert "✗" not in said
    assert max(map(len, said.splitlines())) <= WIDTH
    assert f"All {len(STEPS)} exchanges were as announced." in said
    assert [title for title in TOUR if f"\n{title}\n===" in said] == [*TOUR]
    # Tokens and keys are shown short, at both ends.
    assert not re.search(r"[A-Za-z0-9_-]{100}", said.replace("\n         ", ""))
    # What the log may say, the answer may not: the line is there, below the 500.
    assert re.search(r"log: RuntimeError: .*hunter2\n +log: request id: [0-9a-f]{32}\n", said)


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


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as started:
        yield started


def planted(**changed: Any) -> Step:
    return replace(GOOD, expected=replace(GOOD.expected, **changed))


DEVIATIONS = [
    (planted(status=201), "the status is 200, not 201"),
    (planted(headers={"X-Frame-Options": "SAMEORIGIN"}), r"\['DENY'\], not SAMEORIGIN"),
    (planted(headers={"X-Nothing": ".*"}), "X-Nothing is missing, not"),
    (planted(headers={"Vary": None}), "Vary is there"),
    (planted(body="down"), "the body does not say down"),
    (planted(unsaid="ok"), "the answer says ok"),
    (planted(unsaid="nosniff"), "the answer says nosniff"),
]


def test_each_deviation_is_said_and_is_the_exit_status(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    steps = [step for step, _ in DEVIATIONS]
    assert demo.walk(Screen(sys.stdout, {}), server, {"Planted": steps}) == 1
    out = capsys.readouterr().out
    assert "\033" not in out
    for number, (_, said) in enumerate(DEVIATIONS, 1):
        shown = out.partition(f"{number:>3}. ")[2].partition(f"{number + 1:>3}. ")[0]
        assert re.search(said, " ".join(shown.split()))
    assert f"{len(steps)} of {len(steps)} exchanges were not as announced." in out


def test_a_log_line_that_never_comes_is_a_deviation(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("examples.demo.server._LOG", 0.1)
    errors = iter([ConnectionResetError("gone"), HTTPException("lost")])

    def lost(port: int, request: Request) -> Answer:
        if request.method == "LOSE":
            raise next(errors)
        return ask(port, request)

    monkeypatch.setattr(demo, "ask", lost)
    losing = replace(GOOD, request=Request("LOSE", "/"))
    assert demo.walk(Screen(sys.stdout, {}), server, {"Planted": [planted(log="no such line"), losing, losing]}) == 1
    out = capsys.readouterr().out
    assert "the server's log has no line with the id" in out
    assert "no answer: gone" in out
    assert "no answer: lost" in out


def test_what_is_kept_and_what_was_before(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    wrong_host = Request("GET", "/", (("Host", "x"),))
    use = Request("GET", "/health", (("X-Request-ID", "{kept}"),))
    steps = [
        replace(GOOD, keeps={"kept": "status"}),
        Step("Used", use, Expected(200, {"X-Request-ID": "ok"}), "It is used."),
        replace(GOOD, before=(2, "200"), why="It came before."),
    ]
    assert demo.walk(Screen(sys.stdout, {}), server, {"Planted": steps}) == 0
    assert "the same, 2 times before: 200 200" in capsys.readouterr().out
    wrong = [
        (replace(GOOD, keeps={"x": "token"}), "the answer has no token"),
        (Step("A", Request("GET", "/brochures/prices.json"), Expected(200), "", {"x": "kettle"}), "no kettle"),
        (Step("B", wrong_host, Expected(400), "", {"x": "y"}), "the answer has no y"),
        (replace(GOOD, before=(2, "404")), "the 2 before were not all answered with 404"),
    ]
    assert demo.walk(Screen(sys.stdout, {}), server, {"Planted": [step for step, _ in wrong]}) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert [said for _, said in wrong if said in out] == [said for _, said in wrong]
    assert "4 of 4 exchanges were not as announced." in out


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("--serve", "--port", str(port))
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
            lines = [process.stdout.readline() for _ in range(22)]
            port = int(re.findall(r"http://127\.0\.0\.1:(\d+);", lines[0])[0])
            yield process, port, lines
        finally:
            process.kill()


def test_serve_says_what_to_try_and_goes_on_until_ctrl_c() -> None:
    with serving() as (process, port, lines):
        assert len([line for line in lines if line.startswith("  curl -i ")]) == 3
        said = "".join(lines)
        for name, role, password in USERS:
            assert re.search(rf"^  {name}, {role} +{password}$", said, flags=re.MULTILINE)
        key = re.findall(r"^  warehouse +(shop_\S+)$", said, flags=re.MULTILINE)[0]
        with Peer(port) as peer:
            assert peer.ask(get("/orders", f"X-API-Key: {key}", host="127.0.0.1")).status == 200
            process.send_signal(signal.SIGINT)
            assert peer.rest() == b""  # the server has hung up
        assert process.wait(10) == 130


def test_the_server_ends_even_when_the_demo_is_killed() -> None:
    with serving() as (process, port, _), Peer(port) as peer:
        assert peer.ask(get("/health", host="127.0.0.1")).status == 200
        process.kill()
        assert peer.rest() == b""
