"""One request, judged: whose it is, which limits it is held to, what it costs, and whether it may pass.

What the policy and the guard share. A function of the application that fails, or returns what is no answer, is a
refusal and an event, with the exception in the log: nobody passes unlimited because of a mistake.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING, Any, TypeAlias

from asgisec._wire.rate_limit import merge_limits
from asgisec.errors import ConfigError, LimitUndecided, RateLimitExceeded, SecurityError
from asgisec.policies.rate_limit.amounts import ABOVE_ALL, Amount, items
from asgisec.policies.rate_limit.asked import Asked, asked
from asgisec.policies.rate_limit.concurrency import Places
from asgisec.policies.rate_limit.keys import LONGEST, identity
from asgisec.policies.rate_limit.limiter import Decision
from asgisec.policies.rate_limit.options import a_cost, header_style
from asgisec.policies.rate_limit.quotas import Named, Quotas
from asgisec.policies.rate_limit.rules import Rule, Rules
from asgisec.policy import Exchange, Exempt
from asgisec.stores.protocols import Lease

if TYPE_CHECKING:
    from asgisec._wire.headers import Pair

__all__ = ["Group", "Judge", "Judged"]

logger = logging.getLogger("asgisec.rate_limit")

# What functions return is compiled once; a function that says something new each time must not fill the memory.
_CHOICES_REMEMBERED = 1024
_SOON = 1  # seconds: nobody knows when another request will have ended
_KEYS = "write by_client, by_principal, by_api_key or a function of the exchange"


# What became of a request: the refusal, where it is one, and the headers that tell where its client stands.
Judged: TypeAlias = "tuple[SecurityError | None, Sequence[Pair]]"
Judging: TypeAlias = "Judged | Awaitable[Judged]"

_PASSED: Judged = (None, ())


@dataclass(frozen=True, slots=True)
class Group:
    """Limits that belong together: the general ones, or those of a rule.

    Attributes:
        bucket: What their counts are kept under.
        name: What clients see before each; nothing for none.
        amounts: The limits, and functions that return some.
    """

    bucket: str
    name: str
    amounts: Sequence[Amount]


class Judge:
    """Judges requests.

    Args:
        option: How errors name the options of whoever uses this: `RateLimit`.
        general: The general limits.
        rules: The rules.
        key: Whose requests count together.
        cost: What a request costs.
        exempt: Which requests are not limited.
        limiter: What decides.
        headers: Which headers to write.
        places: How many requests may be under way at once.

    Raises:
        ConfigError: An option is wrong.
    """

    def __init__(
        self,
        option: str,
        general: Group,
        rules: Sequence[Rule],
        *,
        key: Callable[[Exchange], Any],
        cost: int | Callable[[Exchange], Any],
        exempt: Exempt | None = None,
        limiter: Any,
        headers: str | None,
        places: Places | None = None,
    ) -> None:
        self._rules = Rules(rules)
        groups = (general, *(_of_rule(general, rule) for rule in rules))
        self._groups = tuple(replace(group, amounts=[*map(asked, group.amounts)]) for group in groups)
        if not callable(key):
            raise ConfigError(f"{option}(key=)", key, _KEYS)
        self._key = asked(key)
        self._cost, costs = a_cost(f"{option}(cost=)", cost)
        self._costs = asked(costs)
        self._exempt = exempt or None
        self._limiter = limiter
        self._places = places
        self._headers = header_style(f"{option}(headers=)", headers)
        # A request is held to the general limits, to those of a few rules, or to both: twice the rules is room for all.
        remembered = max(_CHOICES_REMEMBERED, 2 * len(self._groups))
        self._compiled = lru_cache(maxsize=remembered)(self._compile)
        self._chosen = any(callable(amount) for group in self._groups for amount in group.amounts)
        self._general = None if self._chosen else self._compiled((0,), ())
        said = (self._key, self._costs, *(amount for group in self._groups for amount in group.amounts))
        self._waits = any(isinstance(function, Asked) for function in said)

    def judge(self, exchange: Exchange, apart: str = "", *, asked: bool = False) -> Judging:
        """Judge a request; where the store is asked over a network, or a function waits, the answer is awaited.

        Args:
            exchange: The request.
            apart: What its counts are kept apart by from those of others of its client.
            asked: What waits was asked, and the request is not exempt.
        """
        if self._waits and not asked:
            return self._ask(exchange, apart)
        step = "limit_exempt"
        try:
            if self._exempt is not None and not asked and self._exempt(exchange):
                return _PASSED
            step = "limit_choice"
            quotas = self._general if self._general is not None and not self._rules else self._choose(exchange)
            step = "limit_cost"
            cost = self._cost if self._costs is None else _a_cost(self._costs(exchange))
            step = "limit_key"
            who = self._key(exchange)
            if type(who) is not str or not 0 < len(who) <= LONGEST or who[0] == "#":
                who = identity(who)
        except Exception as error:
            # Everything: whatever a function of the application raises, its request must not pass uncounted.
            logger.exception("a function that rate limits ask failed: %s", step)
            return _undecided(step, error), ()
        if apart:
            who = apart + who
        if self._places is not None:
            return self._in_a_place(self._places, exchange, who, quotas, cost)
        return self._decide(who, quotas, cost)

    async def _ask(self, exchange: Exchange, apart: str) -> Judged:
        step = "limit_exempt"
        try:
            if self._exempt is not None and self._exempt(exchange):
                return _PASSED
            for step, function in self._slow(exchange):  # noqa: B007 - said where it fails
                if isinstance(function, Asked):
                    await function.ask(exchange)
        except Exception as error:
            # Everything, as above.
            logger.exception("a function that rate limits ask failed: %s", step)
            return _undecided(step, error), ()
        judged = self.judge(exchange, apart, asked=True)
        return judged if isinstance(judged, tuple) else await judged

    def _slow(self, exchange: Exchange) -> Iterator[tuple[str, object]]:
        for place in self._places_of(exchange):
            yield from (("limit_choice", amount) for amount in self._groups[place].amounts)
        yield "limit_cost", self._costs
        yield "limit_key", self._key

    async def _in_a_place(self, places: Places, exchange: Exchange, who: str, quotas: Quotas, cost: int) -> Judged:
        # Before anything waits: who is cancelled meanwhile gives back what it may have taken.
        held = exchange.memo[places] = places.attempt(who)
        try:
            lease = places.take(held)
            if not isinstance(lease, Lease):
                lease = await lease
        except SecurityError as error:
            return error, ()
        fields = places.fields(lease.free) if self._headers in ("ietf", "both") else ()
        if not lease.taken:
            detail = "Too many requests at once."
            refusal = exceeded(_SOON, [places.name], fields, detail=detail, reason="concurrent_requests")
            return refusal, fields
        judged = self._decide(who, quotas, cost)
        if not isinstance(judged, tuple):
            judged = await judged
        both = [*judged[1]]
        merge_limits(both, fields)
        return judged[0], both

    def _decide(self, who: str, quotas: Quotas, cost: int) -> Judging:
        if not quotas.buckets:
            return _PASSED
        try:
            decision = self._limiter.decide(who, quotas.buckets, cost)
        except SecurityError as error:
            return error, ()
        # A type that is known is told at once; whether something can be awaited takes longer than to decide.
        return self._told(decision, quotas, cost) if type(decision) is Decision else self._later(decision, quotas, cost)

    async def _later(self, decision: Awaitable[Any], quotas: Quotas, cost: int) -> Judged:
        try:
            decided = await decision
        except SecurityError as error:
            return error, ()
        return self._told(decided, quotas, cost)

    def _told(self, decision: Any, quotas: Quotas, cost: int) -> Judged:
        if decision.allowed:
            return None, quotas.fields(decision.limits)
        wait = max(1, ceil(decision.retry_after))
        fields = quotas.fields(decision.limits, wait)
        violated = [n for n, status in zip(quotas.names, decision.limits, strict=True) if status.remaining < cost]
        return exceeded(wait, violated or quotas.names, fields), fields

    def _places_of(self, exchange: Exchange) -> tuple[int, ...]:
        places, general = self._rules.matching(exchange.scope) if self._rules else ((), True)
        return (*([0] if general else ()), *[place + 1 for place in places])

    def _choose(self, exchange: Exchange) -> Quotas:
        chosen = self._places_of(exchange)
        if not self._chosen:
            return self._compiled(chosen, ())
        said = tuple(
            _hashable(amount(exchange))
            for place in chosen
            for amount in self._groups[place].amounts
            if callable(amount)
        )
        return self._compiled(chosen, said)

    def _compile(self, chosen: Sequence[int], said: Sequence[object]) -> Quotas:
        answers = iter(said)
        limits = [
            Named.of(group.bucket, group.name, item)
            for group in (self._groups[place] for place in chosen)
            for amount in group.amounts
            for item in (items("limits", next(answers)) if callable(amount) else (amount,))
        ]
        return Quotas(dict.fromkeys(limits), self._headers)


def exceeded(wait: int, violated: Sequence[str], fields: "Sequence[Pair]", **more: str) -> RateLimitExceeded:
    """Return the refusal of a request over its limits (draft-ietf-httpapi-ratelimit-headers-11 section 5.1)."""
    headers = {name.decode(): value.decode() for name, value in fields}
    headers["Retry-After"] = str(wait)
    return RateLimitExceeded(headers=headers, members={"violated-policies": [*violated]}, **more)


def _undecided(step: str, error: Exception) -> LimitUndecided:
    refusal = error if isinstance(error, LimitUndecided) else LimitUndecided(reason=step)
    refusal.__cause__ = None if refusal is error else error
    return refusal


def _of_rule(general: Group, rule: Rule) -> Group:
    # Not by the name alone: what is called alike still counts apart.
    methods = "" if rule.methods is None else ",".join(sorted(rule.methods))
    bucket = f"{general.bucket}{methods} {' '.join(rule.paths)} "
    return Group(bucket, f"{general.name} {rule.name}".lstrip(), rule.amounts)


def _a_cost(cost: object) -> int:
    if not isinstance(cost, int) or isinstance(cost, bool) or cost < 0:
        raise LimitUndecided(reason="limit_cost")
    return min(cost, ABOVE_ALL)


def _hashable(said: object) -> object:
    return said if isinstance(said, str) or not isinstance(said, Collection) else tuple(said)
