"""Statistics: an unknown user takes the time of a wrong password."""

import random
import time
from statistics import median

import pytest

from asgisec.credentials import PasswordHasher

pytestmark = [pytest.mark.slow, pytest.mark.anyio]

ROUNDS = 100


async def test_an_unknown_user_takes_the_time_of_a_wrong_password() -> None:
    """Compare in pairs, in an order that chance decides.

    What the machine does besides hits both of a pair, and in the middle of many pairs it is gone. With a short cut for
    unknown users the quotient would be near 0; without one it is 1, and a tenth is far more than chance leaves.
    """
    hasher = PasswordHasher()
    hashed = await hasher.hash("correct horse battery")
    order = random.Random(1)  # noqa: S311 - an order, no secret

    async def taken(stored: str | None) -> int:
        begin = time.perf_counter_ns()
        assert not (await hasher.verify("wrong horse battery", stored)).ok
        return time.perf_counter_ns() - begin

    for other in (None, "no hash at all"):
        quotients = []
        for _ in range(ROUNDS):
            times: dict[bool, int] = {}
            for known in order.sample([True, False], 2):
                times[known] = await taken(hashed if known else other)
            quotients.append(times[False] / times[True])
        assert 0.9 < median(quotients) < 1.1
        if other is not None:
            continue  # an event is written, which takes a hundredth of a hash, and tells only that a hash is broken
        # Nor does one side win more often than chance has it. 50 of 100 pairs are expected to go each way, with a
        # deviation of 5: outside of 20 and 80 is no chance.
        assert 20 <= sum(quotient > 1 for quotient in quotients) <= 80
