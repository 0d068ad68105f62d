"""What is known of an API key."""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

from asgisec.credentials._key_options import networks_of, scopes_of
from asgisec.stores.protocols import StoredAPIKey

__all__ = ["APIKeyRecord", "CreatedAPIKey"]


class APIKeyRecord:
    """What is known of a key; neither the key nor its hash. It cannot be changed.

    Every request with a key makes one, so what is seldom asked for is read when it is.
    """

    __slots__ = ("_stored", "_uses")

    def __init__(self, stored: StoredAPIKey, uses: tuple[int, float | None] = (0, None)) -> None:
        self._stored = stored
        self._uses = uses  # those that are not written yet

    @property
    def id(self) -> str:
        """Its id."""
        return self._stored.id

    @property
    def owner(self) -> str:
        """Whose it is."""
        return self._stored.owner

    @property
    def name(self) -> str:
        """What its owner calls it."""
        return self._stored.name

    @property
    def scopes(self) -> frozenset[str]:
        """What it allows."""
        return scopes_of(self._stored.scopes)

    @property
    def last_four(self) -> str:
        """Its last characters, by which its owner knows it."""
        return self._stored.last_four

    @property
    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """From where it may be used; anywhere where there is none."""
        return networks_of(self._stored.networks)

    @property
    def active(self) -> bool:
        """Whether it was not disabled."""
        return self._stored.active

    @property
    def created_at(self) -> float:
        """When it was made, in seconds since the epoch."""
        return self._stored.created_at

    @property
    def expires_at(self) -> float | None:
        """When it ends; `None` for never."""
        return self._stored.expires_at

    @property
    def last_used_at(self) -> float | None:
        """When it was used last; `None` where it never was."""
        known, last = self._stored.last_used_at, self._uses[1]
        return known if last is None else max(last, known or 0.0)

    @property
    def request_count(self) -> int:
        """How often it was used."""
        return self._stored.request_count + self._uses[0]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, APIKeyRecord) and (self._stored, self._uses) == (other._stored, other._uses)

    def __hash__(self) -> int:
        return hash(self._stored.id)

    def __repr__(self) -> str:
        return f"<APIKeyRecord {self.id} of {self.owner!r}, ...{self.last_four}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedAPIKey:
    """A new key.

    Attributes:
        key: The key itself. This is the only time that it is there.
        record: What is known of it from now on.
    """

    key: str = field(repr=False)
    record: APIKeyRecord
