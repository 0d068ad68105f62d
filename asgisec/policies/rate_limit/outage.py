"""What happens where a store does not answer, and that it is told: once as an outage begins, once when it is over."""

import logging
import time
from typing import Literal

from asgisec.context import request_id
from asgisec.errors import ConfigError, StoreUnavailable
from asgisec.events import SecurityEvent, emit

__all__ = ["OnStoreError", "Outage"]

OnStoreError = Literal["local", "allow", "deny"]

_CHOICES = ("allow", "deny", "local")
# A store that answers one in two would be news with each: an outage is over when nothing failed for so many seconds.
_QUIET = 1.0


class Outage:
    """Whether a store answers, as one of those who ask it sees it.

    Args:
        option: How errors name the option that says what happens.
        on_store_error: `local`, `allow` or `deny`.
        policy: Who speaks in the events.
        reasons: Of the events: this process goes on alone; everybody passes; it is over.

    Raises:
        ConfigError: There is no such choice.
    """

    __slots__ = ("_failed_at", "_on_store_error", "_policy", "_reasons")

    def __init__(self, option: str, on_store_error: OnStoreError, policy: str, reasons: tuple[str, str, str]) -> None:
        if on_store_error not in _CHOICES:
            raise ConfigError(option, on_store_error, f"write one of {', '.join(_CHOICES)}")
        self._on_store_error = on_store_error
        self._policy = policy
        self._reasons = reasons
        self._failed_at: float | None = None

    @property
    def is_local(self) -> bool:
        """Whether this process goes on alone."""
        return self._on_store_error == "local"

    def began(self, error: StoreUnavailable) -> None:
        """Say that the store did not answer; what is to be done without it is the caller's.

        Raises:
            StoreUnavailable: Nobody may pass then.
        """
        if self._on_store_error == "deny":
            raise error
        if self._failed_at is None:
            self._tell("sys_store_unavailable", self._reasons[not self.is_local], logging.ERROR)
        self._failed_at = time.monotonic()

    def may_be_over(self) -> None:
        """Say that the store answered."""
        if self._failed_at is not None and time.monotonic() - self._failed_at > _QUIET:
            self._failed_at = None
            self._tell("sys_store_available", self._reasons[2], logging.INFO)

    def _tell(self, name: str, reason: str, level: int) -> None:
        emit(SecurityEvent(name=name, reason=reason, policy=self._policy, request_id=request_id(), level=level))
