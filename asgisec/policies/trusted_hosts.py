"""Answer only requests for the hosts you serve: links built from `Host`, caches and routers cannot be led astray by it.

- An entry is a host, `api.example.com`; one with a port, which then must be the port; an IPv6 literal in brackets; a
  wildcard, `*.example.com`, which covers every name below but not `example.com` itself; or `*`, any host.
- Clients leave out the ports 80 and 443: an entry with one of them covers a `Host` without a port.
- Case, a trailing dot and, where the entry names none, the port do not matter.
- A `Host` that is not one by grammar is refused even where every host is allowed.
- A refusal is 400, `Invalid host header`; or a redirect (307) where the host lacks only the `www.` of an entry.

Load balancers that probe by address are let in by `exempt=["/health"]`. Behind a proxy, allow the host that the proxy
sends, and see that it passes the client's on: `X-Forwarded-Host` is not read.

    TrustedHosts(["api.example.com", "*.example.org"])
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from asgisec._wire.host import Host, parse_host
from asgisec.errors import ConfigError
from asgisec.policies._location import location_of
from asgisec.policies._options import a_bool, a_list
from asgisec.policy import Answer, Exchange, Exempt, Policy

__all__ = ["TrustedHosts"]

_OPTION = "TrustedHosts(allowed_hosts=)"
_EVENT = ("input_validation_fail", "host_not_allowed")
_REFUSAL = Answer.plain(400, "Invalid host header", event=_EVENT)
_DEFAULT_PORTS = (80, 443)


@dataclass(frozen=True)
class TrustedHosts(Policy):
    """Refuse requests for other hosts.

    Args:
        allowed_hosts: The hosts, as above.
        www_redirect: Redirect `example.com` to `www.example.com` where only the latter is allowed.
        exempt: Exact paths, or a predicate of the exchange, to answer whatever the host.
        dry_run: Report what would be refused, and let it pass.

    Raises:
        ConfigError: An entry is no host, or the list is empty.
    """

    allowed_hosts: Sequence[str]
    www_redirect: bool = True
    exempt: Sequence[str] | Callable[[Exchange], bool] = ()
    dry_run: bool = False
    _any: bool = field(init=False, repr=False, compare=False)
    _verbatim: frozenset[bytes] = field(init=False, repr=False, compare=False)
    _hosts: frozenset[Host] = field(init=False, repr=False, compare=False)
    _portless: frozenset[str] = field(init=False, repr=False, compare=False)
    _parents: frozenset[str] = field(init=False, repr=False, compare=False)
    _exempt: Exempt = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        listed = a_list(_OPTION, self.allowed_hosts)
        patterns = tuple(pattern.lower() for pattern in listed)
        if not patterns:
            raise ConfigError(_OPTION, self.allowed_hosts, "name the hosts you serve, such as ['api.example.com']")
        a_bool("TrustedHosts(www_redirect=)", self.www_redirect)
        a_bool("TrustedHosts(dry_run=)", self.dry_run)
        exempt = Exempt("TrustedHosts(exempt=)", self.exempt)
        wildcards = [pattern for pattern in listed if pattern.startswith("*")]
        hosts = frozenset(_entry(pattern, pattern) for pattern in listed if not pattern.startswith("*"))
        for name, value in {
            "allowed_hosts": patterns,
            "exempt": self.exempt if callable(self.exempt) else tuple(self.exempt),
            "_any": "*" in patterns,
            # Most clients send a host just as it was configured: one look-up, before anything is parsed.
            "_verbatim": frozenset(_written(host) for host in hosts),
            "_hosts": hosts,
            "_portless": frozenset(host.name for host in hosts if host.port in (None, *_DEFAULT_PORTS)),
            "_parents": frozenset(_parent(pattern) for pattern in wildcards if pattern != "*"),
            "_exempt": exempt,
        }.items():
            object.__setattr__(self, name, value)

    def on_request(self, exchange: Exchange) -> Answer | None:
        """Let the hosts that are served pass."""
        value = exchange.headers.get(b"host")
        return None if value in self._verbatim else self._judge(exchange, value)

    def _judge(self, exchange: Exchange, value: bytes | None) -> Answer | None:
        if self._exempt and self._exempt(exchange):
            return None
        if value is None:
            return None if self._any else _REFUSAL
        host = parse_host(value)
        if host is None:
            return _REFUSAL
        if self._any or self._serves(host) or self._below_a_parent(host.name):
            return None
        www = Host(f"www.{host.name}", host.port)
        return self._redirect(exchange, www) if self.www_redirect and self._serves(www) else _REFUSAL

    def _serves(self, host: Host) -> bool:
        if host.port is None:
            return host.name in self._portless
        return host in self._hosts or Host(host.name, None) in self._hosts

    def _below_a_parent(self, name: str) -> bool:
        if not self._parents:
            return False
        # One look-up per label of the host, however many patterns there are.
        _, _, parent = name.partition(".")
        while parent:
            if parent in self._parents:
                return True
            _, _, parent = parent.partition(".")
        return False

    @staticmethod
    def _redirect(exchange: Exchange, host: Host) -> Answer:
        scope = exchange.scope
        location = location_of(scope, scope.get("scheme", "http"), _written(host).decode())
        return Answer(307, [location], text=_REFUSAL.close_reason, event=_EVENT)


def _written(host: Host) -> bytes:
    return (host.name if host.port is None else f"{host.name}:{host.port}").encode()


def _entry(pattern: str, written: str) -> Host:
    if "://" in pattern or "/" in pattern:
        raise ConfigError(_OPTION, written, "write the host alone, without scheme and path: 'api.example.com'")
    host = parse_host(pattern.encode("ascii", "replace"))
    if host is None:
        mend = "write a host such as 'api.example.com', '127.0.0.1' or '[::1]', with or without a port"
        raise ConfigError(_OPTION, written, mend)
    return host


def _parent(pattern: str) -> str:
    if not pattern.startswith("*."):
        raise ConfigError(_OPTION, pattern, f"write '*.{pattern.lstrip('*.')}': a wildcard is a whole label")
    host = _entry(pattern[2:], pattern)
    if host.port is not None or host.name.startswith("["):
        raise ConfigError(_OPTION, pattern, "a wildcard covers names on any port: write it without a port or address")
    return host.name
