"""Each example, started as its head says, on a free port, and asked over a real socket."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers.harness import Peer, get

EXAMPLES = Path(__file__).parents[2] / "examples"
# Those that are an API of their own have tests of their own.
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py") if not path.stem.endswith("_api"))


@contextmanager
def started(name: str) -> Iterator[int]:
    """Run the command of the example's head; yield its port."""
    head = ast.get_docstring(ast.parse((EXAMPLES / f"{name}.py").read_text())) or ""
    (command,) = re.findall(r"^ {4}uvicorn (examples\..+)$", head, flags=re.MULTILINE)
    arguments = [sys.executable, "-m", "uvicorn", *command.split(), "--port", "0"]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 - this very interpreter
        assert process.stderr is not None
        said = []
        try:
            for line in process.stderr:
                said.append(line)
                if running := re.search(r"running on http://127\.0\.0\.1:(\d+)", line):
                    yield int(running[1])
                    break
            else:
                pytest.fail("it does not start: " + "".join(said))
        finally:
            process.terminate()
            process.stderr.read()
    assert process.returncode in (0, -15), "it does not stop"


def test_there_is_one_for_each_framework() -> None:
    assert NAMES == ["bare_asgi", "django_app", "fastapi_app", "litestar_app", "quart_app", "starlette_app"]


@pytest.mark.parametrize("name", NAMES)
def test_is_short(name: str) -> None:
    assert 20 <= len((EXAMPLES / f"{name}.py").read_text().splitlines()) <= 45


@pytest.mark.parametrize("name", NAMES)
def test_is_secured(name: str) -> None:
    with started(name) as port, Peer(port) as peer:
        answer = peer.ask(get("/", "X-Request-ID: mine", "Origin: https://app.example.com", host="127.0.0.1"))
        assert (answer.status, json.loads(answer.body)) == (200, {"hello": "world", "request_id": "mine"})
        assert answer.values("x-request-id") == ["mine"]
        assert answer.values("content-security-policy") == ["default-src 'none'; frame-ancestors 'none'"]
        assert answer.values("access-control-allow-origin") == ["https://app.example.com"]
        assert answer.values("server") == []
        names = [key for key, _ in answer.headers]
        assert sorted(set(names)) == sorted(names)

        assert peer.ask(get("/", host="evil.example")).status == 400
        failed = peer.ask(get("/fails", host="127.0.0.1"))
        assert failed.status == 500
        assert b"learns nothing" not in failed.body
        assert len(failed.values("x-request-id")) == len(failed.values("x-frame-options")) == 1

        with Peer(port) as page:
            foreign = page.handshake(host="127.0.0.1", lines=b"Origin: https://evil.example\r\n")
            assert foreign.status == 403
        if name == "django_app":
            return
        with Peer(port) as page:
            allowed = page.handshake(host="127.0.0.1", lines=b"Origin: https://app.example.com\r\n")
            assert (allowed.status, page.frame()) == (101, (1, b"hello"))
