"""Two workers of uvicorn beside one, on one Valkey: what a second is worth, with asgisec and without.

The workers, Valkey and the load generator share the machine. On two cores nothing doubles, not even the route alone; so
what counts is how much of the second worker's worth is left where all of it has to be agreed on with the store.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from bench.calls import Against, CallGroup, CallOutcome, summarise
from bench.serving import serving
from bench.whole import service
from bench.whole.served import CONNECTIONS, SERVERS, checked, loaded
from bench.whole.variants import BARE, OURS, VARIANTS

__all__ = ["measured"]

_SERVER = "uvloop, httptools"
_WORKERS = (1, 2)
_PART = "of one worker's time"


def measured(url: str, rounds: int) -> list[CallOutcome]:
    """Put one worker and two under load, in turn, a second each and round."""
    few = max(2, rounds // 10)
    taken = _rounds(url, few)
    figures = _outcome(f"Workers of uvicorn, {CONNECTIONS} connections", [*taken], (), few, "µs per request")
    summarise(figures, _SERVER, taken)
    parts = {
        name: [1000 * two / one for one, two in zip(taken[_named(name, 1)], taken[_named(name, 2)], strict=True)]
        for name in (OURS, BARE)
    }
    worth = _outcome("What a request takes with two workers", [*parts], [Against(BARE, 1.15)], few, _PART)
    summarise(worth, _SERVER, parts)
    return [figures, worth]


def _outcome(name: str, variants: list[str], against: Sequence[Against], rounds: int, unit: str) -> CallOutcome:
    # What is timed is timed by the load generator: there is nothing to call.
    cases = {_SERVER: dict.fromkeys(variants, object)}
    return CallOutcome(CallGroup(name, cases, against, unit=unit), rounds, [], [])


def _named(variant: str, workers: int) -> str:
    return f"{variant}, {'one worker' if workers == 1 else 'two workers'}"


def _rounds(url: str, rounds: int) -> Mapping[str, list[float]]:
    """Return ns per request: of each number of workers, in each round."""
    bearers = asyncio.run(service.tokens())
    with ExitStack() as stack:
        ports = {}
        for name in (OURS, BARE):
            for workers in _WORKERS:
                environ, options = service.environment(url), SERVERS[_SERVER]
                running = serving(VARIANTS[name].factory, environ, workers=workers, options=options)
                port = ports[_named(name, workers)] = stack.enter_context(running)
                checked(name, port, url)
                loaded(port, bearers)  # until the other worker is up, too, and both have seen every token
        taken: dict[str, list[float]] = {name: [] for name in ports}
        order = [*ports]
        for _ in range(rounds):
            for name in order:
                taken[name].append(1e9 / loaded(ports[name], bearers).per_second)
            order.append(order.pop(0))
    return taken
