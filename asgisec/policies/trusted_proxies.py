"""Who the client really is, behind proxies: for limits, logs, events, HSTS and CSRF protection alike.

- The chain of addresses is walked from the right, past trusted proxies only. The first address that is not one of
  them is the client; whatever stands left of it was written by the client, and does not count.
- A peer that is no trusted proxy is the client, whatever it claims.
- `scope["client"]` and `scope["scheme"]` are set accordingly. IPv4-mapped IPv6 addresses become IPv4 addresses.
- One header is read, the one your proxies set: `X-Forwarded-For` with `X-Forwarded-Proto`, or `Forwarded`. The
  other is ignored. See that the outermost proxy overwrites or appends to it, and sets `X-Forwarded-Proto` itself.

Switch the server's own handling off (uvicorn: `--no-proxy-headers`): it runs first, and `--forwarded-allow-ips='*'` makes
it take the address that the client wrote. Where that seems to have happened, an event says so, once.

    TrustedProxies(["10.0.0.0/8", "unix"])

This policy refuses nothing.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, ClassVar, Literal

from asgisec._wire.forwarded import Address, Hop, address_of, parse_forwarded, parse_forwarded_for
from asgisec.errors import ConfigError
from asgisec.policies._options import a_list
from asgisec.policy import Exchange, Policy

__all__ = ["TrustedProxies"]

_OPTION = "TrustedProxies(trusted=)"
_HEADERS = ("x-forwarded-for", "forwarded")
_SCHEMES = {"http": {"http": "http", "websocket": "ws"}, "https": {"http": "https", "websocket": "wss"}}

# A proxy's own address comes with every request; the bound is for a network in which all are proxies.
_PEERS_REMEMBERED = 1024


@dataclass(frozen=True)
class TrustedProxies(Policy):
    """Resolve the client's address and scheme from what trusted proxies say.

    Args:
        trusted: Addresses and networks of your proxies; `unix` for a peer on a Unix socket.
        header: The header they set: `x-forwarded-for`, or `forwarded`.

    Raises:
        ConfigError: An entry is no address or network, or is everybody.
    """

    trusted: Sequence[str]
    header: Literal["x-forwarded-for", "forwarded"] = "x-forwarded-for"
    _networks: tuple[IPv4Network | IPv6Network, ...] = field(init=False, repr=False, compare=False)
    _unix: bool = field(init=False, repr=False, compare=False)
    _is_proxy: Any = field(init=False, repr=False, compare=False)
    _said: list[bool] = field(init=False, repr=False, compare=False, default_factory=list)

    may_refuse: ClassVar[bool] = False

    def __post_init__(self) -> None:
        trusted = a_list(_OPTION, self.trusted)
        if not trusted:
            raise ConfigError(_OPTION, trusted, "name your proxies, such as ['10.0.0.0/8'], or leave the policy out")
        if self.header not in _HEADERS:
            raise ConfigError("TrustedProxies(header=)", self.header, f"write one of {', '.join(map(repr, _HEADERS))}")
        networks = tuple(_network(entry) for entry in trusted if entry != "unix")
        for name, value in {
            "trusted": trusted,
            "_networks": networks,
            "_unix": "unix" in trusted,
            "_is_proxy": lru_cache(maxsize=_PEERS_REMEMBERED)(self._look_up),
        }.items():
            object.__setattr__(self, name, value)

    def on_request(self, exchange: Exchange) -> None:
        """Set the client and the scheme."""
        scope = exchange.scope
        peer, port = scope.get("client") or ("", 0)
        if not self._is_proxy(peer):
            address = address_of(peer)
            if address is not None and str(address) != peer:
                scope["client"] = (str(address), port)
            self._notice_rewritten(exchange, address)
            return
        hop = self._client(self._chain(exchange.headers))
        if hop is None:
            return
        scope["client"] = (str(hop.address), 0)
        if hop.scheme in _SCHEMES:
            scope["scheme"] = _SCHEMES[hop.scheme][scope["type"]]

    def _chain(self, headers: dict[bytes, bytes]) -> list[Hop]:
        value = headers.get(self.header.encode())
        if value is None:
            return []
        if self.header == "forwarded":
            return parse_forwarded(value)
        return parse_forwarded_for(value, headers.get(b"x-forwarded-proto", b""))

    def _client(self, chain: list[Hop]) -> Hop | None:
        client = None
        for hop in reversed(chain):
            if hop.address is None:
                break
            client = hop
            if not self._trusts(hop.address):
                break
        return client

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)

    def _look_up(self, peer: str) -> bool:
        address = address_of(peer)
        if address is None:
            # On a Unix socket servers name no peer, or the socket.
            return self._unix and (not peer or peer.startswith(("unix", "/")))
        return self._trusts(address)

    def _notice_rewritten(self, exchange: Exchange, peer: Address | None) -> None:
        """Say once that the server seems to have believed the header before we could judge it."""
        if self._said or peer is None:
            return
        chain = self._chain(exchange.headers)
        if len(chain) > 1 and chain[0].address == peer and chain[-1].address != peer:
            self._said.append(True)
            exchange.report("sys_monitor_disabled", "server_rewrote_client", policy=self, level=logging.ERROR)


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
    return network
