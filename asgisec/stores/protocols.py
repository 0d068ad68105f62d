"""What is asked of a store: small protocols, one per need.

- What must be atomic is one method, and atomic in the store. What to make of its answer is its consumer's to decide.
- A store that cannot answer raises `StoreUnavailable`, with the client library's own error as its cause, never another.
- Times are seconds since the epoch. What has expired is as if it had never been there.
- Ids, owners and keys are opaque text. No store is ever handed a secret that was presented or issued, only its hash.
- `aclose` gives up connections. The next call opens new ones: a test client starts one application several times.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, Self, TypeAlias

if TYPE_CHECKING:
    from limits import RateLimitItem

__all__ = [
    "APIKeyStore",
    "Bucket",
    "Closable",
    "Decision",
    "DenylistStore",
    "Lease",
    "LeaseStore",
    "LimitStatus",
    "LoginStore",
    "Pace",
    "RateLimitStore",
    "RefreshFamily",
    "RefreshStore",
    "Rotation",
    "Spending",
    "StoredAPIKey",
]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshFamily:
    """One login: what was granted then, and the hashes of the refresh tokens that may be presented now.

    Attributes:
        id: Its id, which access tokens carry as `sid`; it is no secret.
        owner: Whose it is.
        grant: What was granted, as text that only the consumer reads.
        proof: The hash of the secret that all its refresh tokens share. Who knows that secret was given one of them.
        current: The hash of the secret of the one refresh token that is good.
        created_at: When it began.
        expires_at: When it ends, however often it was refreshed.
        refreshed_at: When its token was rotated last, by the store's clock; `None` where it never was.
        previous: The hash of the secret of the token before.
        sealed: What the holder of the token before can open, to get the current one again.
        ended: It was revoked. It is kept, so that it can be told from one that never was.
    """

    id: str
    owner: str
    grant: str
    proof: str = field(repr=False)
    current: str = field(repr=False)
    created_at: float
    expires_at: float
    refreshed_at: float | None = None
    previous: str | None = field(default=None, repr=False)
    sealed: str | None = field(default=None, repr=False)
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Rotation:
    """What became of an attempt to rotate.

    Attributes:
        outcome: `rotated`: the successor is the current one now. `repeated`: the token before was presented again, in
            time; `sealed` has what its holder was given. `reused`: it was another token of the family, which has ended
            in the same step. `gone`: the family has ended, has expired, or never was.
        sealed: What was put aside for the holder of the presented token.
    """

    outcome: Literal["rotated", "repeated", "reused", "gone"]
    sealed: str | None = field(default=None, repr=False)


class RefreshStore(Closable, Protocol):
    """Families of refresh tokens. It holds hashes and sealed text, and never a token."""

    async def add_family(self, family: RefreshFamily) -> None:
        """Keep a new family until it expires."""

    async def find_family(self, family_id: str) -> RefreshFamily | None:
        """Return a family, an ended one too; `None` where there is none, or it has expired."""

    async def rotate(self, family_id: str, presented: str, successor: str, sealed: str, grace: float) -> Rotation:
        """Make `successor` the current token of a family in place of `presented`: one step, whoever else does the same.

        Args:
            family_id: The family.
            presented: The hash of the secret of the token that was presented.
            successor: The hash of the secret of the token in its place.
            sealed: What the holder of the presented token can open.
            grace: For how many seconds, by the store's clock, the presented token may be repeated. It is not any more
                once its successor was presented.
        """

    async def end_family(self, family_id: str) -> None:
        """End a family: none of its tokens is good any more."""

    async def families_of(self, owner: str) -> Sequence[RefreshFamily]:
        """Return the families of an owner that have neither ended nor expired, the oldest first."""


class Bucket(NamedTuple):
    """One limit of a decision, and what its count is kept under.

    Attributes:
        name: Tells it from other limits of the same identity.
        amount: How much may be spent.
        period: Within how many seconds.
        limit: The limit that is this; what is said of it has it, too.
    """

    name: str
    amount: int
    period: float
    limit: "RateLimitItem"


# Without a constructor of their own, these two are made in half the time: each decision makes two or more.
@dataclass(slots=True, init=False)
class LimitStatus:
    """How one limit stands after a decision.

    Attributes:
        limit: The limit.
        remaining: How much may be spent at once now.
        reset_after: In how many seconds all of it may be, if nobody spends more until then.
        retry_after: In how many seconds what was asked for may be spent of this limit; 0 where it may be now.
    """

    limit: "RateLimitItem"
    remaining: int
    reset_after: float
    retry_after: float

    @classmethod
    def of(cls, limit: "RateLimitItem", remaining: int, reset_after: float, retry_after: float = 0.0) -> Self:
        """Make one."""
        status = cls()
        status.limit = limit
        status.remaining = remaining
        status.reset_after = reset_after
        status.retry_after = retry_after
        return status


@dataclass(slots=True, init=False)
class Decision:
    """What became of a hit; true where it was allowed.

    Attributes:
        allowed: It was counted.
        retry_after: In how many seconds it may be tried again; 0 where it was allowed.
        limits: How each limit stands, in their order.
    """

    allowed: bool
    retry_after: float
    limits: Sequence[LimitStatus]

    def __bool__(self) -> bool:
        # `if await limiter.hit(key)` is soon written, and must not allow everything.
        return self.allowed

    @classmethod
    def of(cls, limits: Sequence[LimitStatus]) -> Self:
        """Make one of all its limits: it is allowed where none of them makes it wait."""
        decision = cls()
        decision.retry_after = max([status.retry_after for status in limits], default=0.0)
        decision.allowed = decision.retry_after == 0
        decision.limits = limits
        return decision


Spending: TypeAlias = Callable[[str, int], Decision | Awaitable[Decision]]


class RateLimitStore(Closable, Protocol):
    """Counts, and decisions on them."""

    def spending(self, buckets: Sequence[Bucket], strategy: str) -> Spending:
        """Return the function that decides on these buckets: made once, called for each decision.

        It is called with an identity (whose count it is: a client, a principal, a key) and a cost. It spends the cost
        of every bucket, or of none: one step, on the store's clock. A cost of 0 spends nothing, and tells how things
        stand.

        It returns the decision at once where nothing waits, else to be awaited. Where it cannot be decided now it
        raises `StoreUnavailable`, when it is called or when it is awaited.

        Args:
            buckets: The limits. Buckets of one identity and name have one amount, period and strategy.
            strategy: `fixed-window`, `sliding-window-counter`, `moving-window` or `gcra`.
        """

    def forget(self, identity: str, buckets: Sequence[Bucket], strategy: str) -> Awaitable[None] | None:
        """Make buckets of an identity as if nothing had been spent of them.

        Raises:
            StoreUnavailable: It cannot be done now; raised here or where it is awaited.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAPIKey:
    """An API key, as stores keep it: everything but the key.

    Attributes:
        id: Its id, which is part of the key.
        owner: Whose it is.
        name: What its owner calls it.
        scopes: What it allows, separated by spaces.
        networks: From where it may be used, separated by spaces; empty for anywhere.
        digest: The hash of its secret, with the id of the pepper where one was used.
        last_four: The last characters of the key, by which its owner knows it.
        created_at: When it was made, in seconds since the epoch.
        expires_at: When it ends; `None` for never.
        active: Whether it is good, as long as it has not expired.
        previous_digest: The hash of the secret it had before it was rotated.
        previous_until: Until when that one is good, too.
        last_used_at: When it was used last; `None` where it never was.
        request_count: How often it was used.
    """

    id: str
    owner: str
    name: str
    scopes: str
    networks: str
    digest: str = field(repr=False)
    last_four: str
    created_at: float
    expires_at: float | None = None
    active: bool = True
    previous_digest: str | None = field(default=None, repr=False)
    previous_until: float | None = None
    last_used_at: float | None = None
    request_count: int = 0


class APIKeyStore(Closable, Protocol):
    """API keys, by their ids. Expired keys stay until they are deleted: their owners see them in lists."""

    async def add_api_key(self, key: StoredAPIKey) -> None:
        """Keep a new key."""

    async def find_api_key(self, key_id: str) -> StoredAPIKey | None:
        """Return a key; `None` where there is none."""

    async def api_keys_of(self, owner: str) -> Sequence[StoredAPIKey]:
        """Return the keys of an owner, the oldest first."""

    async def change_api_key(
        self, key_id: str, changes: Mapping[str, object], *, digest: str | None = None
    ) -> StoredAPIKey | None:
        """Set some attributes of a key in one step, and return it; `None` where there is none.

        Args:
            key_id: Which.
            changes: The attributes, and what they become.
            digest: Only if it has this one still; without it, whatever it has.
        """

    async def delete_api_key(self, key_id: str) -> bool:
        """Delete a key; tell whether there was one."""

    async def count_api_keys(self, used: Mapping[str, tuple[int, float]]) -> Collection[str]:
        """Add to the counts of keys, all in one round trip; those of deleted keys are dropped.

        Args:
            used: For each id how often it was used, and when last.

        Returns:
            The ids whose counts could not be written, where others were: keys may be on several servers.

        Raises:
            StoreUnavailable: None was written.
        """


class Pace(NamedTuple):
    """How fast attempts may follow each other.

    Attributes:
        free: How many may come at once.
        first_wait: How many seconds the next one has to wait; each further one waits twice as long.
        longest_wait: How many seconds it has to wait at most.
        forgotten_after: How many seconds after the last attempt all of them are forgotten.
    """

    free: int
    first_wait: float
    longest_wait: float
    forgotten_after: float

    def wait(self, attempts: int) -> float:
        """Return how many seconds the next attempt has to wait, after so many."""
        # 2 to the power of 64 is past every longest wait, and of more than 1,023 no number.
        over = min(attempts - self.free, 64)
        return 0.0 if over < 0 else min(self.longest_wait, self.first_wait * 2.0**over)


class LoginStore(Closable, Protocol):
    """Attempts to log in, and addresses that did."""

    async def attempt_login(self, identity: str, paces: Sequence[tuple[str, Pace, str | None]]) -> float:
        """Count one attempt at every pace of an identity, or at none: one step, on the store's clock.

        Args:
            identity: Whose attempts: those at an account, or from an address.
            paces: Names of counts, each with its pace, and the name that exempts from it where it is remembered.

        Returns:
            0 where it was counted; else in how many seconds it may be tried again.
        """

    async def settle_login(
        self,
        identity: str,
        *,
        forget: Sequence[str] = (),
        undo: Sequence[tuple[str, Pace, str | None]] = (),
        remember: tuple[str, float] | None = None,
    ) -> None:
        """Say how an attempt went, in one step.

        Args:
            identity: Whose attempt it was.
            forget: Names of counts that begin anew.
            undo: Counts that this attempt is taken from, as they were given to `attempt_login`.
            remember: A name to remember, and for how many seconds.
        """


class Lease(NamedTuple):
    """What became of an attempt to take a place.

    Attributes:
        taken: The holder has a place.
        free: How many places are free now.
    """

    taken: bool
    free: int


class LeaseStore(Closable, Protocol):
    """Places, of which each identity has so many; who holds one and is gone does not hold it for ever."""

    def lease(self, identity: str, name: str, holder: str, places: int, seconds: float) -> Lease | Awaitable[Lease]:
        """Take a place for a while, unless all are taken; a holder that has one keeps it for as long again.

        Args:
            identity: Whose places they are.
            name: Tells them from other places of the same identity.
            holder: Who takes one; no two have the same.
            places: How many there are.
            seconds: After which the place is free again; where places end with the process they need not be counted.

        Returns:
            What became of it: at once where nothing waits, else to be awaited.

        Raises:
            StoreUnavailable: It cannot be decided now; raised here or where it is awaited.
        """

    def release(self, identity: str, name: str, holder: str) -> Awaitable[None] | None:
        """Give a place back; it is no error if it was not held any more.

        Raises:
            StoreUnavailable: It cannot be given back now.
        """
