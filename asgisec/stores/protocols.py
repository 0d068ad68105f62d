"""What is asked of a store: small protocols, one per need.

- What must be atomic is one method, and atomic in the store. What to make of its answer is its consumer's to decide.
- A store that cannot answer raises `StoreUnavailable`, with the client library's own error as its cause, never another.
- Times are seconds since the epoch. What has expired is as if it had never been there.
- Ids, owners and keys are opaque text. No store is ever handed a secret that was presented or issued, only its hash.
- `aclose` gives up connections. The next call opens new ones: a test client starts one application several times.
"""

from collections.abc import Sequence
from typing import Protocol

__all__ = ["Closable", "DenylistStore"]


class Closable(Protocol):
    """What is closed when an application shuts down."""

    async def aclose(self) -> None:
        """Flush what is pending, and give up connections and tasks. Closing twice is no error."""


class DenylistStore(Closable, Protocol):
    """What was revoked: for each key the time up to which what was issued is refused."""

    async def deny(self, owner: str, key: str, not_before: float, expires_at: float) -> None:
        """Refuse what was issued for `key` before `not_before`; a later time that stands there already stays.

        Args:
            owner: Who is concerned. All keys of one owner can be asked for together.
            key: What is revoked: a token's id, a session's, or the owner as such.
            not_before: What was issued before this is refused.
            expires_at: When the entry may be forgotten.
        """

    async def denied(self, owner: str, keys: Sequence[str]) -> Sequence[float | None]:
        """Return for each key of an owner its `not_before`, `None` where it has none: in one round trip."""
