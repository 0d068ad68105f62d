"""Logs: every line has the id of its request; security events stand among them, a line each."""

import logging

from asgisec import RequestIDFilter

FORMAT = "%(levelname)s [%(request_id)s] %(name)s: %(message)s"


def configure() -> None:
    """Send all lines to one handler, those of the server too."""
    handler = logging.StreamHandler()
    handler.addFilter(RequestIDFilter())
    handler.setFormatter(logging.Formatter(FORMAT))
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    # uvicorn gives these handlers of their own, which know nothing of requests.
    for name in ("uvicorn", "uvicorn.access", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
