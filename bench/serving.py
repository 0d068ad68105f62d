"""Run an application on uvicorn, in a process of its own, for as long as it is measured.

    with serving("bench.whole.secured:application", {"ASGISEC_BENCH_STORE": url}) as port: ...

The server is started as one starts it in production: from the command line, without a log of accesses. It takes uvloop
and httptools where they are installed (`pip install uvicorn[standard]`), as uvicorn does by itself.
"""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.valkey import free_port, until

__all__ = ["serving"]

_ROOT = Path(__file__).parent.parent
_OPTIONS = ("--factory", "--host", "127.0.0.1", "--no-access-log", "--log-level", "warning")
_PATIENCE = 10.0  # seconds until a server that does not end by itself is killed


@contextmanager
def serving(
    factory: str, environ: Mapping[str, str] | None = None, *, workers: int = 1, options: Sequence[str] = ()
) -> Iterator[int]:
    """Serve what a factory makes, and give the port.

    Args:
        factory: `module:function`; it takes nothing.
        environ: What it reads from its environment.
        workers: How many processes serve it.
        options: More options of uvicorn's.
    """
    port = free_port()
    words = [sys.executable, "-m", "uvicorn", factory, *_OPTIONS, "--port", str(port)]
    words += [*(["--workers", str(workers)] if workers > 1 else []), *options]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603 - our own factories
            words, cwd=_ROOT, env={**os.environ, **(environ or {})}, stdout=log, stderr=log
        )
        try:
            until(lambda: _answers(process, port), f"{factory} does not come up")
            yield port
        except BaseException as error:
            log.seek(0)
            error.add_note(f"{factory} wrote: {log.read()[-2000:].decode(errors='replace')}")
            raise
        finally:
            process.terminate()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(process: "subprocess.Popen[bytes]", port: int) -> bool:
    assert process.poll() is None, f"the server ended with {process.returncode}"
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
