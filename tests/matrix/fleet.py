"""Starts the servers of the matrix in processes of their own, and ends them.

uvicorn and Hypercorn take sockets that listen already: a client that connects early waits in the queue. Granian opens
its own, so it is asked until it answers. Each process and what it started is one group, killed as one at the end.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from tests.matrix.apps import ROOT, ROOTED, TARGETS, UNIX
from tests.servers.harness import SERVERS, TIMEOUT, Address, open_socket

ROOT_OF_REPOSITORY = Path(__file__).parents[2]

_STARTING = 60.0  # seconds: all start at once, and each imports every framework

# Which protocols each server speaks in clear; HTTP/2 with prior knowledge (RFC 9113 section 3.3).
PROTOCOLS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(SERVERS, ("http1",)),
    "hypercorn": ("http1", "http2"),
    "granian": ("http1", "http2"),
}

Fleet = Mapping[str, Address]


@contextmanager
def running(server: str) -> Iterator[Fleet]:
    """Run this server for every target; the mapping says where each one listens."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="asgisec-")))
        yield (_start_granian if server == "granian" else _start_shared)(server, folder, stack)


def _start_shared(server: str, folder: Path, stack: ExitStack) -> Fleet:
    listening = {
        target: stack.enter_context(_listen(folder / f"{target}.socket" if target in UNIX else None))
        for target in TARGETS
    }
    names = [f"{target}={one.fileno()}" for target, one in listening.items()]
    command = [sys.executable, "-m", "tests.matrix.serve", server, *names]
    _start(command, {}, folder / "log", stack, [one.fileno() for one in listening.values()])
    return {target: _address(one) for target, one in listening.items()}


def _start_granian(server: str, folder: Path, stack: ExitStack) -> Fleet:
    fleet: dict[str, Address] = {}
    processes = {}
    for target in TARGETS:
        command = [sys.executable, "-m", server, "--interface", "asgi", "--factory", "--loop", "asyncio"]
        command += ["--workers-kill-timeout", "1"]
        if target in UNIX:
            fleet[target] = str(folder / f"{target}.socket")
            command += ["--uds", str(fleet[target])]
        else:
            # The port is ours until the end; whoever else asks for the same (SO_REUSEPORT) has to be our user.
            reserved = stack.enter_context(socket.socket())
            reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            reserved.bind(("127.0.0.1", 0))
            fleet[target] = reserved.getsockname()[1]
            command += ["--host", "127.0.0.1", "--port", str(fleet[target])]
        command += ["--url-path-prefix", ROOT] if target in ROOTED else []
        environment = {"ASGISEC_TEST_TARGET": target}
        log = folder / target
        processes[target] = _start([*command, "tests.matrix.apps:from_environment"], environment, log, stack)
    for target, process in processes.items():
        _wait_for(fleet[target], process, folder / target)
    return fleet


def _listen(path: Path | None) -> socket.socket:
    if path is None:
        return socket.create_server(("127.0.0.1", 0))
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()
    return listening


def _address(listening: socket.socket) -> Address:
    name = listening.getsockname()
    return str(name) if isinstance(name, str) else int(name[1])


def _start(
    command: list[str], environment: dict[str, str], log: Path, stack: ExitStack, pass_fds: list[int] | None = None
) -> subprocess.Popen[bytes]:
    output: IO[bytes] = stack.enter_context(log.open("wb"))
    process = subprocess.Popen(  # noqa: S603 - our own command
        command,
        cwd=ROOT_OF_REPOSITORY,
        env={**os.environ, **environment, "PYTHONPATH": str(ROOT_OF_REPOSITORY)},
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        pass_fds=pass_fds or (),
        start_new_session=True,
    )
    stack.callback(_stop, process)
    return process


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask in the server's own way, then end whatever of its group is left."""
    assert process.stdin is not None
    process.stdin.close()
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(TIMEOUT)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_for(address: Address, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(int(_STARTING / 0.05)):
        try:
            open_socket(address).close()
        except OSError:
            select.select([], [], [], 0.05)
        else:
            return
        assert process.poll() is None, log.read_text(errors="replace")
    raise AssertionError(log.read_text(errors="replace"))
