"""A list of policies, compiled once into what the pass runs per request.

Equal policies do the same work, so of two the inner one is left out. A hook that a policy does not define costs
nothing.
A response is dressed by the policies outside of whoever answered it, from the inside out: first a policy's constants,
then its `on_response`.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import TypeAlias

from asgisec._wire.headers import Pair, is_field_value, is_token, merge_vary
from asgisec._wire.rate_limit import LIMIT_FIELDS, merge_limits
from asgisec.errors import BadRequest, ConfigError
from asgisec.events import EventSink
from asgisec.policy import Exchange, Policy, Verdict

__all__ = ["Plan", "dress"]

Dresser: TypeAlias = Callable[[Exchange, list[Pair]], None]

_name = itemgetter(0)

# What most responses are made of; any other name is looked at, at the cost of a policy's work.
_USUAL = frozenset(
    b"cache-control content-disposition content-encoding content-language content-length content-security-policy "
    b"content-type date etag expires last-modified link location retry-after server set-cookie vary www-authenticate "
    b"x-request-id".split()
)

_REPEATED = BadRequest("A header that may come once only was repeated.", reason="repeated_header")


class RepeatedHeaders(Policy):
    """Stands where the first policy that may refuse stood, in the plan for requests that contradict themselves."""

    def on_request(self, exchange: Exchange) -> Verdict:
        return _REPEATED


class Plan:
    """Policies in the order listed, outermost first, as the tuples of hooks that the pass loops over.

    Attributes:
        covered: The policies that have seen a request when the application is called: these, and those around.
        requests: What meets a request, each with its policy's place: `on_request`, then the wrapping of `receive`.
        ends: At place `n`: the `on_end` hooks of a request that came as far as policy `n`, innermost first, each with
            its policy's place.
        ends_at_once: No `on_end` waits or raises.
        dressers: At place `n`: what dresses an answer given by policy `n`; last, what dresses the application's.
        sinks: Who is told of security events.
        closes: What is closed when the application shuts down, each once, that of the inner policies first.
        contradictory: The plan for a request that repeats what may come once.
    """

    __slots__ = (
        "__weakref__",
        "closes",
        "contradictory",
        "covered",
        "dressers",
        "ends",
        "ends_at_once",
        "policies",
        "requests",
        "sinks",
    )

    def __init__(
        self, policies: Iterable[Policy], covered: Sequence[Policy] = (), sinks: Sequence[EventSink] = ()
    ) -> None:
        kept: list[Policy] = []
        for policy in policies:
            _check(policy)
            if policy not in covered and policy not in kept:
                kept.append(policy)
        _check_places(kept)
        self.policies = tuple(kept)
        self.sinks = tuple(sinks)
        # By identity: what is closed may be mutable, and equal to another.
        self.closes = tuple({id(used): used for policy in reversed(kept) for used in policy.closes}.values())
        self.covered = (*covered, *kept)
        numbered = tuple(enumerate(kept))
        self.requests = tuple((n, step) for n, policy in numbered for step in _requests(policy))
        ends = [(n, policy.on_end) for n, policy in reversed(numbered) if _defines(policy, "on_end")]
        self.ends = tuple(tuple(end for end in ends if end[0] <= n) for n in range(len(kept) + 1))
        self.ends_at_once = all(kept[n].ends_at_once for n, _ in ends)
        steps = [tuple(_dressers(policy)) for policy in kept]
        self.dressers = tuple(tuple(chain.from_iterable(reversed(steps[:n]))) for n in range(len(kept) + 1))
        self.contradictory = self if RepeatedHeaders in map(type, kept) else self._for_contradictory()

    def _for_contradictory(self) -> "Plan":
        leading: list[Policy] = []
        for policy in self.policies:
            if policy.may_refuse:
                break
            leading.append(policy)
        return Plan([*leading, RepeatedHeaders()], sinks=self.sinks)


def dress(exchange: Exchange, headers: list[Pair], dressers: Iterable[Dresser]) -> list[Pair]:
    """Return the headers of a response, with all that the policies put on it; names in lower case, as ASGI asks."""
    names: set[bytes] = set()
    for name, _ in headers:
        names.add(name)
    # Django sends `Content-Type`. Names that are known cost one comparison of sets, others a look at all together.
    if not (names <= _USUAL or b"".join(names).islower()):
        headers = [(name.lower(), value) for name, value in headers]
        names = {*map(_name, headers)}
    exchange.names = names
    for step in dressers:
        step(exchange, headers)
    if exchange.added is not None:
        for name, value in exchange.added:
            if name == b"vary":
                merge_vary(headers, (value,))
            elif name not in LIMIT_FIELDS:
                headers.append((name, value))
        merge_limits(headers, [pair for pair in exchange.added if pair[0] in LIMIT_FIELDS])
    return headers


def _defines(policy: Policy, hook: str) -> bool:
    return hook not in policy.leaves_out and getattr(type(policy), hook) is not getattr(Policy, hook)


def _requests(policy: Policy) -> Iterable[Callable[[Exchange], Verdict | Awaitable[Verdict]]]:
    if _defines(policy, "on_request"):
        yield policy.on_request
    if _defines(policy, "wrap_receive"):
        yield partial(_wrap_receive, policy)


def _wrap_receive(policy: Policy, exchange: Exchange) -> None:
    exchange.receive = policy.wrap_receive(exchange, exchange.receive)


def _dressers(policy: Policy) -> Iterable[Dresser]:
    if policy.response_headers and not policy.sets_constants:
        yield _constants(policy.response_headers)
    if _defines(policy, "on_response"):
        yield policy.on_response if policy.tracks_names else _tracked(policy.on_response)


def _tracked(on_response: Dresser) -> Dresser:
    def tracked(exchange: Exchange, headers: list[Pair]) -> None:
        on_response(exchange, headers)
        headers[:] = [(name.lower(), value) for name, value in headers]
        exchange.names = {*map(_name, headers)}

    return tracked


def _constants(pairs: Sequence[Pair]) -> Dresser:
    varying = tuple(value for name, value in pairs if name == b"vary")
    pairs = tuple(pair for pair in pairs if pair[0] != b"vary")
    names = frozenset(name for name, _ in pairs)

    def constants(exchange: Exchange, headers: list[Pair]) -> None:
        present = exchange.names
        if names.isdisjoint(present):
            headers.extend(pairs)
        else:
            headers.extend([pair for pair in pairs if pair[0] not in present])
        present |= names
        if varying:
            merge_vary(headers, varying)
            present.add(b"vary")

    return constants


def _check(policy: object) -> None:
    if not isinstance(policy, Policy):
        listed = isinstance(policy, list | tuple)
        mend = (
            "pass them one by one: RequestID(), CORS(...)"
            if listed
            else "pass objects such as RequestID() or CORS(...)"
        )
        raise ConfigError("SecurityMiddleware(*policies)", policy, mend)
    option = f"{type(policy).__name__}.response_headers"
    for pair in policy.response_headers:
        match pair:
            case (bytes(name), bytes(value)) if is_token(name) and name.islower() and is_field_value(value):
                continue
        raise ConfigError(option, pair, "write pairs of bytes: (b'x-name', b'value'), the name in lower case")


def _check_places(policies: Sequence[Policy]) -> None:
    """Refuse an order in which a policy would look for what is found out only behind it."""
    for place, policy in enumerate(policies):
        for need in policy.needs:
            providers = [n for n, other in enumerate(policies) if need in other.provides]
            # Where nobody in the list provides it, something around it may, or the policy makes do without.
            if providers and providers[0] > place:
                provider = type(policies[providers[0]]).__name__
                mend = f"list it behind {provider}, which finds out the {need} that it needs"
                raise ConfigError("SecurityMiddleware(*policies)", policy, mend)
