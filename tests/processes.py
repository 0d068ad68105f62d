"""Processes that race each other: each is forked off one that has imported what they need, once for all of them."""

from multiprocessing import get_context
from multiprocessing.context import ForkServerContext

__all__ = ["forking"]

_IMPORTED = ["asgisec.credentials", "asgisec.stores.redis", "asgisec.stores.sqlalchemy", "asgisec.tokens", "pytest"]


def forking() -> ForkServerContext:
    """Return what makes processes; none of them has a thread, a connection or an event loop of this one."""
    context = get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED)
    return context
