"""Limits on how often a client may ask.

- Every request counts: for included routers, mounted applications and what is found nowhere, on every framework. Paths
  with limits of their own are rules, and hold however the path is spelled.
- All limits of one policy are decided in one step of the store: a request over one of them spends nothing of the
  others.
- A refusal is 429 with `Retry-After`, a problem document of type `quota-exceeded` that names the limits it is over. A
  handshake of a WebSocket is refused likewise; `messages=` limits what comes after it, and closes with 1008.
- Each answer says where its client stands, in `RateLimit-Policy` and `RateLimit`.
- A preflight that reaches this policy counts apart from requests, by the same limits: to answer none for a page's
  preflights would halve what it may do, and to count none would let anybody ask without end. Behind `CORS` none does.

Which client it is decides all. Behind a proxy, name it in `TrustedProxies`, or all its clients are one.

    RateLimit("100/minute", "2000/hour", rules=[Rule("/auth/token", methods={"POST"}, limits="5/minute")])
"""

import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from asgisec._wire.rate_limit import LIMIT_FIELDS, merge_limits
from asgisec.errors import ConfigError
from asgisec.policies._options import a_bool, positive
from asgisec.policies.rate_limit.amounts import amounts
from asgisec.policies.rate_limit.concurrency import Places
from asgisec.policies.rate_limit.judge import Group, Judge, Judged
from asgisec.policies.rate_limit.keys import AFTER_AUTHENTICATION, by_api_key, by_client, by_principal, key_name
from asgisec.policies.rate_limit.limiter import limiter_of
from asgisec.policies.rate_limit.messages import Messages, message_limits
from asgisec.policies.rate_limit.options import a_clock, a_name
from asgisec.policies.rate_limit.rules import Rule
from asgisec.policies.rate_limit.unnamed import UnnamedProxy
from asgisec.policy import Exchange, Exempt, Policy, Receive, Verdict

if TYPE_CHECKING:
    from asgisec._wire.headers import Pair
    from asgisec.stores.protocols import Closable

__all__ = ["RateLimit"]

# What limits by principal are called, so that they can be told from those by client beside them.
_NAMES: dict[Callable[[Exchange], str], str] = {by_principal: "principal", by_api_key: "api_key"}


@dataclass(frozen=True, init=False)
class RateLimit(Policy):
    """Refuse requests that come too often.

    Args:
        limits: What is allowed: `100/minute`, items of the `limits` package, or functions of the exchange that return
            either.
        rules: Further limits for some paths.
        key: Whose requests count together: `by_client`, `by_principal`, `by_api_key`, or a function of the exchange
            that returns text.
        store: Where counts are kept; in this process where left out.
        strategy: `fixed-window`, `sliding-window-counter`, `moving-window` or `gcra`.
        cost: What a request counts for: a number, or a function of the exchange that returns one.
        exempt: Exact paths, or a predicate of the exchange, that are not limited.
        headers: `ietf` for `RateLimit` and `RateLimit-Policy`, `legacy` for `X-RateLimit-*`, `both`, or `None`.
        on_store_error: `local` goes on in this process, `allow` lets requests pass, `deny` refuses them with 503.
        max_concurrent: How many requests of one key may be under way; of WebSockets, connections.
        messages: What a client may send over one WebSocket: `60/minute`.
        name: How the limits are called in headers and problem documents, and kept apart from others in one store.
        clock: Returns seconds, rising; for messages.
        dry_run: Report what would be refused, and let it pass; clients are told nothing.

    Raises:
        ConfigError: An option is wrong, or nothing is limited.
    """

    limits: Sequence[Any]
    rules: Sequence[Rule] = ()
    key: Callable[[Exchange], Any] = by_client
    store: Any = None
    strategy: str = "sliding-window-counter"
    cost: int | Callable[[Exchange], Any] = 1
    exempt: Sequence[str] | Callable[[Exchange], bool] = ()
    headers: Literal["ietf", "legacy", "both"] | None = "ietf"
    on_store_error: Literal["local", "allow", "deny"] = "local"
    max_concurrent: int | None = None
    messages: Any = None
    name: str | None = None
    clock: Callable[[], float] = time.monotonic
    dry_run: bool = False
    _judge: Judge = field(init=False, repr=False, compare=False)
    _place: object = field(init=False, repr=False, compare=False)
    _places: Places | None = field(init=False, repr=False, compare=False)
    _unnamed: UnnamedProxy = field(init=False, repr=False, compare=False)
    leaves_out: Sequence[str] = field(init=False, repr=False, compare=False)

    tracks_names: ClassVar[bool] = True

    def __init__(
        self,
        *limits: Any,
        rules: Sequence[Rule] = (),
        key: Callable[[Exchange], Any] = by_client,
        store: Any = None,
        strategy: str = "sliding-window-counter",
        cost: int | Callable[[Exchange], Any] = 1,
        exempt: Sequence[str] | Callable[[Exchange], bool] | None = None,
        headers: Literal["ietf", "legacy", "both"] | None = "ietf",
        on_store_error: Literal["local", "allow", "deny"] = "local",
        max_concurrent: int | None = None,
        messages: Any = None,
        name: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        dry_run: bool = False,
    ) -> None:
        rules = _rules(rules)
        if not limits and not rules and messages is None and max_concurrent is None:
            raise ConfigError("RateLimit(*limits)", limits, "name at least one limit, such as '100/minute', or rules")
        a_bool("RateLimit(dry_run=)", dry_run)
        general = amounts("RateLimit(*limits)", limits) if limits else ()
        called = _called(key) if name is None else a_name("RateLimit(name=)", name)
        spoken = None if messages is None else message_limits("RateLimit(messages=)", messages)
        most = positive("RateLimit(max_concurrent=)", max_concurrent, "requests")
        kept = called or key_name(key)
        crowd, together = (f"{each} concurrent".lstrip() for each in (called, kept))
        places = None if most is None else Places("RateLimit", crowd, most, store, on_store_error, together)
        limiter = limiter_of("RateLimit", store=store, strategy=strategy, on_store_error=on_store_error)
        for option, value in {
            "limits": general,
            "rules": rules,
            "key": key,
            "store": store,
            "strategy": strategy,
            "cost": cost,
            "exempt": exempt if callable(exempt) else tuple(exempt or ()),
            "headers": headers,
            "on_store_error": on_store_error,
            "max_concurrent": most,
            "messages": spoken,
            "name": name,
            "clock": a_clock("RateLimit(clock=)", clock),
            "dry_run": dry_run,
            "_place": object(),
            "_judge": Judge(
                "RateLimit",
                Group(f"{kept} ", called, general),
                rules,
                key=key,
                cost=cost,
                exempt=Exempt("RateLimit(exempt=)", () if exempt is None else exempt),
                limiter=limiter,
                headers=headers,
                places=places,
            ),
            "_places": places,
            "_unnamed": UnnamedProxy(key, clock),
            "leaves_out": (*(() if most else ("on_end",)), *(() if spoken else ("wrap_receive",))),
        }.items():
            object.__setattr__(self, option, value)

    @property
    def needs(self) -> Sequence[str]:  # type: ignore[override]  # there a class attribute, here it depends on the key
        """What has to be found out further out: who calls, where limits are by principal."""
        return ("principal",) if self.key in tuple(AFTER_AUTHENTICATION) else ()

    @property
    def closes(self) -> "Sequence[Closable]":  # type: ignore[override]  # likewise
        """The store."""
        return () if self.store is None else (self.store,)

    def on_request(self, exchange: Exchange) -> Verdict | Awaitable[Verdict]:
        """Count a request, and refuse it where it is one too many."""
        apart = _PREFLIGHT if exchange.scope.get("method") == "OPTIONS" and _is_preflight(exchange) else ""
        judged = self._judge.judge(exchange, apart)
        return self._said(exchange, judged) if isinstance(judged, tuple) else self._later(exchange, judged)

    async def _later(self, exchange: Exchange, judging: Awaitable[Judged]) -> Verdict:
        return self._said(exchange, await judging)

    def _said(self, exchange: Exchange, judged: Judged) -> Verdict:
        refusal, fields = judged
        if refusal is not None:
            self._unnamed.look(exchange, refusal, self)
        if fields and not self.dry_run:
            exchange.memo[self._place] = fields
        return refusal

    def wrap_receive(self, exchange: Exchange, receive: Receive) -> Receive:
        """Count the messages of a WebSocket."""
        if exchange.scope["type"] != "websocket":
            return receive
        return Messages(self.messages, self.clock, self, exchange, receive).read

    def on_end(self, exchange: Exchange, error: BaseException | None) -> Awaitable[None] | None:
        """Give back the place that the request took."""
        held = exchange.memo.pop(self._places, None)
        return None if self._places is None or held is None else self._places.give_back(held)

    def on_response(self, exchange: Exchange, headers: "list[Pair]") -> None:
        """Tell the client where it stands."""
        fields = exchange.memo.get(self._place)
        if fields is None:
            return
        names = exchange.names
        if names.isdisjoint(LIMIT_FIELDS):
            headers.extend(fields)
        else:
            merge_limits(headers, fields)
        names.update(map(_name, fields))


def _called(key: object) -> str:
    return next((name for known, name in _NAMES.items() if known is key), "")  # it may have no hash


_PREFLIGHT = "preflight "
_name = itemgetter(0)


def _is_preflight(exchange: Exchange) -> bool:
    return exchange.headers.keys() >= {b"origin", b"access-control-request-method"}


def _rules(rules: object) -> tuple[Rule, ...]:
    option = "RateLimit(rules=)"
    if not isinstance(rules, Collection) or isinstance(rules, str):
        raise ConfigError(option, rules, "write a list of Rule(...)")
    for rule in rules:
        if not isinstance(rule, Rule):
            raise ConfigError(option, rule, "write a list of Rule(...)")
    listed = tuple(rules)
    # By their paths, for a rule may have no hash.
    alike: dict[tuple[str, ...], list[Rule]] = {}
    for rule in listed:
        others = alike.setdefault(rule.paths, [])
        if rule in others:
            raise ConfigError(option, rules, "list each rule once: it would count every request twice")
        others.append(rule)
    return listed
