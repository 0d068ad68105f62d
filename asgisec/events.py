"""Security events: every refusal, and every success that matters, as one record that machines can count.

Names follow the OWASP Logging Vocabulary Cheat Sheet. An event says who (client, principal), what (name, reason,
policy) and where (method, path), with the request's id. It never carries a header, a query or a body, where secrets
travel, and no control character of a request reaches a log line.

    WARNING asgisec.events authz_fail reason=cross_origin policy=CrossOriginProtection client=192.0.2.7 ...

Events go to the logger `asgisec.events`, where a handler finds the event itself as `record.event`, and to the callables
given as `on_event=`.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["EventSink", "SecurityEvent", "emit"]

logger = logging.getLogger("asgisec.events")
# What reads `record.event` from that logger finds one in every record; a sink's failure is none, and goes elsewhere.
_failure_logger = logging.getLogger("asgisec.on_event")

_MAX_SHOWN = 256  # characters of a path: enough to find the route, not enough to fill a disk


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityEvent:
    """One event.

    Attributes:
        name: The OWASP name: `authz_fail`, `input_validation_fail`, ...
        reason: Why, as one of a closed set of words.
        policy: The policy or guard that spoke.
        rehearsed: The policy only said what it would have refused (`dry_run=True`).
        client: The client's address.
        principal: Who the caller is, where that is known.
        request_id: The request's id.
        method: The HTTP method; `WEBSOCKET` for a handshake.
        path: The path, without the query.
        level: The level of the log record.
    """

    name: str
    reason: str
    policy: str
    rehearsed: bool = False
    client: str | None = None
    principal: str | None = None
    request_id: str | None = None
    method: str | None = None
    path: str | None = None
    level: int = logging.WARNING

    def __str__(self) -> str:
        fields = {key: value for key, value in asdict(self).items() if key not in {"name", "level"}}
        return " ".join([self.name, *(f"{key}={_shown(value)}" for key, value in fields.items() if value)])


EventSink = Callable[[SecurityEvent], object]


def emit(event: SecurityEvent, sinks: Iterable[EventSink] = ()) -> None:
    """Log an event, and hand it to whoever asked for it."""
    logger.log(event.level, "%s", event, extra={"event": event})
    for sink in sinks:
        try:
            sink(event)
        except Exception:
            # Counting must not decide: a refusal stays one when the counter is down.
            _failure_logger.exception("a callable given as on_event= failed")


def _shown(value: Any) -> str:
    text = "true" if value is True else str(value)[:_MAX_SHOWN]
    # One line, one record, whatever the peer sent: `repr` escapes what could end it or hide in it.
    plain = text.isascii() and text.isprintable() and not any(sign in text for sign in ' "=\\')
    return text if plain else '"' + ascii(text)[1:-1].replace('"', '\\"') + '"'
