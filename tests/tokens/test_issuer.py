"""Who issues tokens: pairs, their rotation, and how they end."""

import pytest

from asgisec.errors import InvalidToken
from asgisec.stores import MemoryStore
from asgisec.tokens import TokenIssuer
from tests.tokens.minting import ISSUER, KEYS

pytestmark = pytest.mark.anyio


def issuer(**options: object) -> TokenIssuer:
    return TokenIssuer(KEYS, **{"issuer": ISSUER, "audience": "api", "store": MemoryStore(), **options})  # type: ignore[arg-type]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_the_parent_gives_the_same_successor_until_that_is_used() -> None:
    tokens = issuer()
    first = await tokens.issue("user-1", ["users:read"])
    assert first.refresh_token is not None
    second = await tokens.refresh(first.refresh_token)
    again = await tokens.refresh(first.refresh_token)
    assert again.refresh_token == second.refresh_token
    assert second.refresh_token is not None
    third = await tokens.refresh(second.refresh_token)
    with pytest.raises(InvalidToken) as refused:
        await tokens.refresh(first.refresh_token)
    assert refused.value.reason == "reused"
    assert third.refresh_token is not None
    with pytest.raises(InvalidToken) as refused:
        await tokens.refresh(third.refresh_token)
    assert refused.value.reason == "revoked"
    with pytest.raises(InvalidToken) as refused:
        await tokens.verifier().authenticate(third.access_token)
    assert refused.value.reason == "revoked"
