"""Who the client really is, behind proxies: for limits, logs, events, HSTS and CSRF protection alike.

- The chain of addresses is walked from the right, past trusted proxies only. The first address that is not one of
  them is the client; whatever stands left of it was written by the client, and does not count. Where an entry is no
  address, the walk ends: the last proxy before it stands for the client, since nobody better is known.
- A peer that is no trusted proxy is the client, whatever it claims.
- `scope["client"]` and `scope["scheme"]` are set accordingly, the port to 0. IPv4-mapped IPv6 addresses become IPv4
  addresses.
- One header is read, the one your proxies set: `X-Forwarded-For` with `X-Forwarded-Proto`, or `Forwarded`. The
  other is ignored. See that the outermost proxy overwrites or appends to it, and sets `X-Forwarded-Proto` itself.

Switch the server's own handling off (uvicorn: `--no-proxy-headers`): it runs first, and `--forwarded-allow-ips='*'`
makes it take the address that the client wrote. Where that has happened, an event says so, once.

    TrustedProxies(["10.0.0.0/8", "unix"])

This policy refuses nothing.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, ClassVar, Literal, TypeAlias

from asgisec._wire.forwarded import Address, Hop, address_of, parse_forwarded, parse_forwarded_for
from asgisec.errors import ConfigError
from asgisec.policies._options import a_list
from asgisec.policy import Exchange, Policy

__all__ = ["TrustedProxies"]

_OPTION = "TrustedProxies(trusted=)"
_HEADERS = ("x-forwarded-for", "forwarded")
_FOR = b"x-forwarded-for"
# Some proxies name the scheme of a handshake (Traefik: `wss`), others that of HTTP.
_PLAIN = {"http": "http", "websocket": "ws"}
_SECURE = {"http": "https", "websocket": "wss"}
_SCHEMES = {"http": _PLAIN, "ws": _PLAIN, "https": _SECURE, "wss": _SECURE}

# For each number of bits behind the prefix: the prefixes.
_Networks: TypeAlias = tuple[tuple[int, set[int]], ...]

# A proxy's own address comes with every request; the bound is for a network in which all are proxies.
_PEERS_REMEMBERED = 1024
# "unix:" and the longest path of a socket fit. A server that rewrote the client may hand us anything, to be remembered.
_LONGEST_PEER = 128


@dataclass(frozen=True)
class TrustedProxies(Policy):
    """Resolve the client's address and scheme from what trusted proxies say.

    Args:
        trusted: Addresses and networks of your proxies; `unix` for a peer on a Unix socket.
        header: The header they set: `x-forwarded-for`, or `forwarded`; in any case.

    Raises:
        ConfigError: An entry is no address or network, or is everybody.
    """

    trusted: Sequence[str]
    header: Literal["x-forwarded-for", "forwarded"] = "x-forwarded-for"
    _networks: Mapping[int, _Networks] = field(init=False, repr=False, compare=False)
    _unix: bool = field(init=False, repr=False, compare=False)
    _known: Any = field(init=False, repr=False, compare=False)
    _said: list[bool] = field(init=False, repr=False, compare=False, default_factory=list)

    may_refuse: ClassVar[bool] = False

    def __post_init__(self) -> None:
        trusted = a_list(_OPTION, self.trusted)
        if not trusted:
            raise ConfigError(_OPTION, trusted, "name your proxies, such as ['10.0.0.0/8'], or leave the policy out")
        header = self.header.lower() if isinstance(self.header, str) else self.header
        if header not in _HEADERS:
            raise ConfigError("TrustedProxies(header=)", self.header, f"write one of {', '.join(map(repr, _HEADERS))}")
        networks = [_network(entry) for entry in trusted if entry != "unix"]
        for name, value in {
            "trusted": trusted,
            "header": header,
            "_networks": {version: _by_length(networks, version) for version in (4, 6)},
            "_unix": "unix" in trusted,
            "_known": lru_cache(maxsize=_PEERS_REMEMBERED)(self._look_up),
        }.items():
            object.__setattr__(self, name, value)

    def on_request(self, exchange: Exchange) -> None:
        """Set the client and the scheme."""
        scope = exchange.scope
        peer, port = scope.get("client") or ("", 0)
        trusted, address = self._known(peer) if not peer or len(peer) <= _LONGEST_PEER else (False, None)
        if address is not None and address != peer:
            scope["client"] = (address, port)
        if not trusted:
            if not self._said and _leftmost_is(exchange.headers, peer, port):
                self._notice_rewritten(exchange, address)
            return
        client, scheme = self._walk(self._chain(exchange.headers))
        if client is not None:
            scope["client"] = (str(client), 0)
        if scheme in _SCHEMES:
            scope["scheme"] = _SCHEMES[scheme][scope["type"]]

    def _chain(self, headers: dict[bytes, bytes]) -> Iterable[Hop]:
        if self.header == "forwarded":
            return parse_forwarded(headers.get(b"forwarded", b""))
        # A proxy that names the scheme but no address is believed on the scheme.
        return parse_forwarded_for(headers.get(_FOR, b""), headers.get(b"x-forwarded-proto", b""))

    def _walk(self, chain: Iterable[Hop]) -> Hop:
        client: Address | None = None
        scheme: str | None = None
        for address, scheme in chain:  # noqa: B007 - the scheme is that of the entry where the walk ends
            if address is None:
                break
            client = address
            if not self._trusts(address):
                break
        return Hop(client, scheme)

    def _trusts(self, address: Address) -> bool:
        # One look-up per length of prefix, however many networks there are.
        number = int(address)
        return any(number >> shift in begun for shift, begun in self._networks[address.version])

    def _look_up(self, peer: str | None) -> tuple[bool, str | None]:
        address = address_of(peer or "")
        if address is None:
            # On a Unix socket servers name no peer, an empty one, or the socket.
            return self._unix and (not peer or peer.startswith(("unix:", "/"))), None
        return self._trusts(address), str(address)

    def _notice_rewritten(self, exchange: Exchange, address: str | None) -> None:
        """Say once that the server believed the header before we could judge it."""
        if self.header == "x-forwarded-for" and str(self._walk(self._chain(exchange.headers)).address) == address:
            return  # it walked past the same proxies
        self._said.append(True)
        exchange.report("sys_monitor_disabled", "server_rewrote_client", policy=self, level=logging.ERROR)


def _leftmost_is(headers: dict[bytes, bytes], peer: str | None, port: object) -> bool:
    """Tell whether the peer looks like copied from the left end of the header: by address, and by port if it has one.

    Servers rewrite by `X-Forwarded-For`, whatever header is configured here. A client that connects itself has a port.
    """
    value = headers.get(_FOR)
    if value is None or not peer:
        return False
    node = value.partition(b",")[0].strip().decode("latin-1")
    return node in ((f"{peer}:{port}", f"[{peer}]:{port}") if port else (peer, f"[{peer}]"))


def _by_length(networks: Iterable[IPv4Network | IPv6Network], version: int) -> _Networks:
    """Return which first bits are trusted, for each number of bits that follow them."""
    found: dict[int, set[int]] = {}
    for network in networks:
        if network.version == version:
            shift = network.max_prefixlen - network.prefixlen
            found.setdefault(shift, set()).add(int(network.network_address) >> shift)
    return tuple(found.items())


def _network(entry: str) -> IPv4Network | IPv6Network:
    try:
        network = ip_network(entry)
    except ValueError as error:
        mend = "write an address, a network such as '10.0.0.0/8' (no bits set behind its length), or 'unix'"
        raise ConfigError(_OPTION, entry, mend) from error
    if network.prefixlen == 0:
        raise ConfigError(
            _OPTION, entry, "name your proxies: with everybody trusted, every client names its own address"
        )
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None:
        raise ConfigError(_OPTION, entry, "write the IPv4 address or network: mapped addresses are read as such")
    return network
