"""The whole way through uvicorn, under the load generator: each variant in a process of its own, in turn."""

import asyncio
from contextlib import ExitStack
from http.client import HTTPConnection
from typing import Any

from bench import load
from bench.calls import Call, CallGroup, CallOutcome, summarise
from bench.serving import serving
from bench.whole import service
from bench.whole.answers import Answer, Row, judge, refusals, timed
from bench.whole.variants import AGAINST, VARIANTS

__all__ = ["CONNECTIONS", "SERVERS", "checked", "loaded", "measured"]

CONNECTIONS = 50

SERVERS = {
    "uvloop, httptools": ("--loop", "uvloop", "--http", "httptools"),
    "asyncio, h11": ("--loop", "asyncio", "--http", "h11"),
}
"""What `pip install uvicorn[standard]` runs, and what `pip install uvicorn` does."""

_FOR_ALL = 20  # rounds asked for: a first look takes the first server alone

# Requests of a hundred users: made once, as that is not what is measured.
_SCRIPT = """
local bearers = {%s}
local requests, turn = {}, 0
function init()
  for n, bearer in ipairs(bearers) do
    wrk.headers["authorization"] = "Bearer " .. bearer
    requests[n] = wrk.format("GET")
  end
end
function request()
  turn = turn %% #requests + 1
  return requests[turn]
end
"""


def measured(url: str, rounds: int) -> CallOutcome:
    """Check every variant, then put them under load, for a second each and round."""
    few = max(2, rounds // 10)
    servers = [*SERVERS.items()][: None if rounds >= _FOR_ALL else 1]
    # What is timed is timed by the load generator: there is nothing to call.
    cases: dict[str, dict[str, Call]] = {case: dict.fromkeys(VARIANTS, _nothing) for case, _ in servers}
    group = CallGroup(
        f"The whole way through uvicorn, {CONNECTIONS} connections", cases, AGAINST, unit="µs per request"
    )
    outcome = CallOutcome(group, few, [], [])
    for case, options in servers:
        summarise(outcome, case, _rounds(url, few, options))
    return outcome


def _rounds(url: str, rounds: int, options: tuple[str, ...]) -> dict[str, list[float]]:
    """Return ns per request: of each variant, in each round."""
    bearers = asyncio.run(service.tokens())
    taken: dict[str, list[float]] = {name: [] for name in VARIANTS}
    with ExitStack() as stack:
        ports = {}
        for name, way in VARIANTS.items():
            environ = service.environment(url)
            ports[name] = stack.enter_context(serving(way.factory, environ, options=options))
            checked(name, ports[name], url)
        order = [*VARIANTS]
        for _ in range(rounds):
            for name in order:
                taken[name].append(1e9 / loaded(ports[name], bearers).per_second)
            order.append(order.pop(0))
    return taken


def loaded(port: int, bearers: list[str]) -> load.Loaded:
    """Put a variant under load for a second."""
    script = _SCRIPT % ", ".join(f'"{bearer}"' for bearer in bearers)
    where = f"http://127.0.0.1:{port}{service.PATH}"
    return load.run(where, headers=service.headers(), connections=CONNECTIONS, script=script)


def checked(name: str, port: int, url: str) -> None:
    """Compare what a variant answers with what it has to."""
    way = VARIANTS[name]
    [good, revoked], [lacking] = asyncio.run(service.tokens(2)), asyncio.run(service.tokens(1, scopes=()))
    if way.revoke is None:
        judge(name, Row("good", {}, present=frozenset()), _asked(port, timed(good)))
        return
    asyncio.run(_awaited(way.revoke(url, revoked)))
    for row in [timed(good), *refusals(lacking, revoked)]:
        judge(name, row, _asked(port, row))


def _asked(port: int, row: Row) -> Answer:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(row.method, service.PATH, headers=dict(row.headers))
        response = connection.getresponse()
        lines = [(name.lower(), value) for name, value in response.getheaders()]
        return Answer(response.status, lines, response.read())
    finally:
        connection.close()


async def _awaited(call: Any) -> None:
    await call


def _nothing() -> None:
    """Stand for a variant in a group."""
