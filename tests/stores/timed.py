"""A Redis store whose scripts run on a clock of the test's."""

from collections.abc import Sequence
from typing import Any

from asgisec.stores import RedisStore
from asgisec.stores.redis._core import Script, Word
from tests.stores.test_rate_limits_model import Clock

_ASKED = "redis.call('TIME')"
# Whole seconds and millionths, as the server tells them.
_ANSWERED = "(function() local now = table.remove(ARGV) return {string.sub(now, 1, -7), string.sub(now, -6)} end)()"
# The server's own clock goes on while that of the test stands still: a short window would be over on it.
_EXPIRING = ", 'PX', max(1, ceil(seconds * 1000)))"
_LATER = ", 'PX', ceil(max(100, seconds) * 1000))"


class Timed(RedisStore):
    """A store whose scripts run on a clock of the test's."""

    clock = Clock()

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Word]) -> Any:
        source = script.source.decode()
        assert source.count(_ASKED) == 1
        timed = Script(script.name, source.replace(_ASKED, _ANSWERED).replace(_EXPIRING, _LATER))
        return await super().run(timed, keys, [*args, f"{self.clock.now:.6f}".replace(".", "")])
