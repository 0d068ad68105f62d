"""Full load, by wrk, in waves of a few seconds: each with new tokens, and with clients that were never seen before.

One request in five is refused: without a token, with a revoked one, without the scope, for another host.
"""

import asyncio
from collections import Counter

from bench import load
from bench.scale.clients import Run
from bench.whole import service

__all__ = ["CONNECTIONS", "SECONDS", "TOKENS", "Waves"]

CONNECTIONS = 50
SECONDS = 4

TOKENS = 800  # per wave: more than the cache of tokens seen before holds, within half a minute
_CLIENTS = 2000
_LATE = 30  # seconds: what is late on a machine that does much else is no fault of the server's

_SCRIPT = """
local good, revoked, lacking = {%s}, "%s", "%s"
local requests, turn = {}, 0
function init()
  for n = 1, %d do
    local number, kind = %d + n, n %% 20
    local headers = {}
    for name, value in pairs(wrk.headers) do headers[name] = value end
    headers["x-forwarded-for"] = string.format(
      "10.%%d.%%d.%%d", math.floor(number / 65536) %% 256, math.floor(number / 256) %% 256, number %% 256)
    local bearer = good[n %% #good + 1]
    if kind == 0 then bearer = nil elseif kind == 1 then bearer = revoked elseif kind == 2 then bearer = lacking end
    if kind == 3 then headers["Host"] = "evil.example" end
    if bearer then headers["authorization"] = "Bearer " .. bearer end
    requests[n] = wrk.format("GET", nil, headers)
  end
end
function request()
  turn = turn %% #requests + 1
  return requests[turn]
end
"""


class Waves:
    """One wave after the other.

    Attributes:
        statuses: How many answers had which status.
        clients: How many distinct clients asked.
        count: How many waves there were.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._first = 0
        self.statuses: Counter[int] = Counter()
        self.clients = 0
        self.count = 0

    async def roll(self) -> None:
        """Go on until it is over."""
        script = await self._prepared()
        while not self._run.over:
            # While one rolls, the tokens of the next are made.
            found, script = await asyncio.gather(asyncio.to_thread(self._rolled, script), self._prepared())
            self.statuses.update(found.statuses)
            self.clients += min(_CLIENTS, found.requests)
            self.count += 1

    def _rolled(self, script: str) -> load.Loaded:
        url = f"http://127.0.0.1:{self._run.port}{service.PATH}"
        return load.run(
            url,
            headers=service.headers(),
            connections=CONNECTIONS,
            seconds=SECONDS,
            script=script,
            expected={200, 400, 401, 403},
            timeout=_LATE,
        )

    async def _prepared(self) -> str:
        run = self._run
        # A few at a time, as logins come.
        good: list[str] = []
        for first in range(0, TOKENS, 20):
            good += await asyncio.gather(*(run.bearer(f"user-{first + n}") for n in range(20)))
        revoked, lacking = await run.bearer("revoked"), await run.bearer("lacking", ())
        await run.issuer.revoke(revoked)
        self._first += _CLIENTS
        listed = ", ".join(f'"{bearer}"' for bearer in good)
        return _SCRIPT % (listed, revoked, lacking, _CLIENTS, self._first)
