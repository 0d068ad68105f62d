"""What `install` gives to the integration of a framework."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from asgisec.events import EventSink
from asgisec.policy import Policy
from asgisec.stack import InstalledMiddleware

__all__ = ["Installation"]


@dataclass(frozen=True)
class Installation:
    """Policies to put around an application, and what to check when it starts.

    Attributes:
        policies: The policies, outermost first.
        on_event: Who is told of security events.
        check: Raises a `ConfigError` where the application must not start.
    """

    policies: Sequence[Policy]
    on_event: EventSink | Sequence[EventSink]
    check: Callable[[], None]

    def around(self, app: Any) -> InstalledMiddleware:
        """Return the pass around an ASGI callable."""
        return InstalledMiddleware(app, *self.policies, on_event=self.on_event)
