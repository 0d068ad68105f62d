"""API keys: how they are made, verified, rotated and ended."""

import pytest

from asgisec.credentials import APIKeys
from asgisec.errors import InvalidAPIKey
from asgisec.stores import MemoryStore

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_rotated_key_overlaps_and_a_disabled_one_is_refused() -> None:
    async with APIKeys(MemoryStore()) as keys:
        created = await keys.create("user-1", ["orders:read"])
        rotated = await keys.rotate(created.record.id)
        for key in (created.key, rotated.key):
            assert (await keys.verify(key)).owner == "user-1"
        assert (await keys.list("user-1"))[0].request_count == 2
        await keys.disable(created.record.id)
        with pytest.raises(InvalidAPIKey) as refused:
            await keys.verify(rotated.key)
        assert refused.value.reason == "disabled"


async def test_a_typo_is_told_by_the_checksum() -> None:
    async with APIKeys(MemoryStore()) as keys:
        created = await keys.create("user-1")
        wrong = created.key[:-1] + ("0" if created.key[-1] != "0" else "1")
        with pytest.raises(InvalidAPIKey) as refused:
            await keys.verify(wrong)
        assert refused.value.reason == "checksum"
