"""The pages that begin with a framework, as their reader follows them: `app.py`, uvicorn, and curl."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, blocks

STARTS = [pytest.param(page, id=page.stem) for page in PAGES if page.stem.startswith("start-")]


def shell(page: Path, beginning: str) -> list[str]:
    """Return the lines of the page's shell blocks that begin so."""
    text = [block.text for block in blocks(page) if block.language == "sh"]
    return [line for line in "".join(text).splitlines() if line.startswith(beginning)]


@contextmanager
def started(page: Path, directory: Path) -> Iterator[str]:
    """Run the server by the line that the page shows, on any free port, and give its address."""
    [run] = shell(page, "uvicorn ")
    command = [sys.executable, "-m", *run.split(), "--port", "0", "--log-level", "info"]
    server = subprocess.Popen(command, cwd=directory, stderr=subprocess.PIPE, text=True)  # noqa: S603 - our own page
    assert server.stderr is not None
    said = []
    try:
        for line in server.stderr:
            said.append(line)
            if found := re.search(r"running on http://127\.0\.0\.1:([0-9]+)", line):
                yield f"localhost:{found[1]}"
                break
        else:
            raise AssertionError("".join(said))
    finally:
        server.terminate()
        server.communicate()


def curl(line: str, address: str, bearer: str = "made-up") -> tuple[int, object]:
    assert shutil.which("curl"), "install curl: the pages use it"
    command = line.replace("localhost:8000", address) + ' -sS -w "\n%{http_code}"'
    environment = {**os.environ, "TOKEN": bearer}
    run = ["sh", "-c", command]
    done = subprocess.run(run, check=True, capture_output=True, text=True, env=environment)  # noqa: S603 - our own page
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)


@pytest.mark.slow
@pytest.mark.parametrize("page", STARTS)
def test_the_page_works_as_it_is_read(page: Path, tmp_path: Path) -> None:
    program, _ = (block for block in blocks(page) if block.language == "python")
    tmp_path.joinpath("app.py").write_text(program.text, "utf-8")
    log_in, ask = shell(page, "curl ")
    with started(page, tmp_path) as address:
        assert curl(ask, address)[0] == 401
        status, pair = curl(log_in, address)
        assert status == 200
        assert isinstance(pair, dict)
        assert curl(ask, address, bearer=pair["access_token"]) == (200, ["an order of user-1"])


def test_every_framework_has_its_page() -> None:
    assert {page.id for page in STARTS} == {
        f"start-{name}" for name in ("asgi", "django", "fastapi", "litestar", "quart", "starlette")
    }
