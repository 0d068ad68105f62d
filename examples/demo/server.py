"""The demo's server: uvicorn in a process of its own, ended when this program is, whatever ends it."""

import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

_START = 20.0  # seconds that a slow machine may take to import FastAPI
_STOP = 5.0
_LOG = 5.0


class NotStartedError(Exception):
    """The server did not start; the message says why, in one line."""


class Server:
    """Run the application on a free port, and read its log."""

    def __init__(self, port: int = 0) -> None:
        command = [sys.executable, "-m", "examples.demo.server", str(port)]
        self._process = subprocess.Popen(  # noqa: S603 - this very interpreter
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Ctrl-C is for this program, which then ends the server.
            start_new_session=True,
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = port
        self.said: list[str] = []

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - we asked for a pipe
        with self._process.stdout as output:
            for line in output:
                self._lines.put(line.rstrip())
        self._lines.put(None)

    def __enter__(self) -> Self:
        said = self.said
        try:
            while (line := self._next(_START)) is not None:
                said.append(line)
                if found := re.search(r"running on http://127\.0\.0\.1:([0-9]+)", line):
                    self.port = int(found[1])
                    return self
        except BaseException:
            self.close()
            raise
        self.close()
        raise NotStartedError(_cause(said, self.port))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _next(self, seconds: float) -> str | None:
        try:
            return self._lines.get(timeout=seconds)
        except queue.Empty:
            return None

    def seeded(self, kind: str) -> dict[str, str]:
        """Return the demo users or keys that the application named when it started."""
        found = (re.search(rf"shop\.demo: {kind} ([^:]+): (.+)$", line) for line in self.said)
        return {match[1]: match[2] for match in found if match}

    def log_line(self, pattern: str) -> str | None:
        """Return the next line of the log that matches; `None` where none comes in time."""
        until = time.monotonic() + _LOG
        above = ""
        while (line := self._next(max(0.0, until - time.monotonic()))) is not None:
            if re.search(pattern, line):
                # The last line of a traceback needs the one above; a record stands for itself.
                return line if re.match("[A-Z]+ \\[", line) else f"{above}\n{line}"
            above = line
        return None

    def log(self) -> Iterator[str]:
        """Yield the lines of the server's log as they come, until it ends."""
        while (line := self._lines.get()) is not None:
            yield line

    def close(self) -> None:
        """End the server: ask it, by closing what it listens to, then insist."""
        assert self._process.stdin is not None  # noqa: S101 - we asked for a pipe
        self._process.stdin.close()
        try:
            self._process.wait(_STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()


def _cause(said: list[str], port: int) -> str:
    if any("address already in use" in line.lower() for line in said):
        return f"port {port} is in use; choose another with --port"
    failures = [line for line in said if line.startswith(("ERROR", "ModuleNotFoundError", "ImportError"))]
    return next(iter([*failures, *said[-1:]]), f"the server said nothing in {_START:.0f} seconds")


def serve(port: int) -> None:
    """Serve until standard input is closed: it is, when whoever started this is gone."""
    import uvicorn  # noqa: PLC0415 - the program that starts this says what is missing

    options: dict[str, Any] = {"log_config": None, "server_header": False, "http": "httptools"}
    server = uvicorn.Server(uvicorn.Config("examples.reference_api.main:app", host="127.0.0.1", port=port, **options))

    def watch() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=watch, daemon=True).start()
    server.run()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
