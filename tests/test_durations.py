"""How durations are written, and that every option of the package that is one takes both forms."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from limits.aio.storage import MemoryStorage

from asgisec import CORS, RequestLimits
from asgisec._durations import in_seconds
from asgisec.credentials import APIKeys, LoginThrottle
from asgisec.errors import ConfigError
from asgisec.oauth2 import JWKSEndpoint, MetadataEndpoint, ProtectedResourceMetadata
from asgisec.policies.security_headers import HSTS
from asgisec.stores import LimitsStore, MemoryStore, RedisStore, SQLStore
from asgisec.tokens import KeySet, RemoteKeySet, TokenIssuer, TokenVerifier

KEYS = KeySet.generate("HS256")
NAMES: dict[str, Any] = {"issuer": "https://id.example.com", "audience": "api"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(3, 3, id="seconds"),
        pytest.param(0.25, 0.25, id="a fraction"),
        pytest.param(-1, -1, id="negative, which each option judges"),
        pytest.param(timedelta(minutes=1), 60, id="a timedelta"),
        pytest.param(timedelta(milliseconds=5), 0.005, id="a timedelta below a second"),
        pytest.param(True, None, id="a bool"),
        pytest.param("60", None, id="a text"),
        pytest.param(None, None, id="none"),
        pytest.param(float("nan"), None, id="not a number"),
        pytest.param(float("inf"), None, id="without end"),
        pytest.param(10**400, None, id="more than any float holds"),
    ],
)
def test_durations(value: object, expected: float | None) -> None:
    assert in_seconds(value) == expected


OPTIONS: dict[str, Callable[[Any], object]] = {
    "RequestLimits(timeout=)": lambda time: RequestLimits(timeout=time),
    "CORS(max_age=)": lambda time: CORS(allow_origins=["https://app.example.com"], max_age=time),
    "HSTS(max_age=)": lambda time: HSTS(max_age=time),
    "LoginThrottle(longest_wait=)": lambda time: LoginThrottle(MemoryStore(), longest_wait=time),
    "APIKeys(flush_interval=)": lambda time: APIKeys(MemoryStore(), flush_interval=time),
    "RedisStore.from_url(timeout=)": lambda time: RedisStore.from_url("redis://localhost", timeout=time),
    "LimitsStore(timeout=)": lambda time: LimitsStore(MemoryStorage(), timeout=time),
    "JWKSEndpoint(max_age=)": lambda time: JWKSEndpoint(KEYS, max_age=time),
    "MetadataEndpoint(max_age=)": lambda time: MetadataEndpoint(NAMES["issuer"], max_age=time),
    "ProtectedResourceMetadata(max_age=)": lambda time: ProtectedResourceMetadata(
        "https://api.example.com", authorization_servers=["https://id.example.com"], max_age=time
    ),
    "TokenIssuer(access_ttl=)": lambda time: TokenIssuer(KEYS, **NAMES, store=MemoryStore(), access_ttl=time),
    "TokenIssuer(refresh_ttl=)": lambda time: TokenIssuer(KEYS, **NAMES, store=MemoryStore(), refresh_ttl=time),
    "TokenIssuer(refresh_grace=)": lambda time: TokenIssuer(KEYS, **NAMES, store=MemoryStore(), refresh_grace=time),
    "TokenVerifier(leeway=)": lambda time: TokenVerifier(KEYS, **NAMES, leeway=time),
    "RemoteKeySet(cooldown=)": lambda time: RemoteKeySet(issuer=NAMES["issuer"], cooldown=time),
    "RemoteKeySet(ttl=)": lambda time: RemoteKeySet(issuer=NAMES["issuer"], ttl=time),
    "RemoteKeySet(max_stale=)": lambda time: RemoteKeySet(issuer=NAMES["issuer"], ttl=9, max_stale=time),
    "RemoteKeySet(timeout=)": lambda time: RemoteKeySet(issuer=NAMES["issuer"], timeout=time),
}


@pytest.mark.parametrize(("option", "make"), [pytest.param(*row, id=row[0]) for row in OPTIONS.items()])
def test_every_duration_is_seconds_or_a_timedelta(option: str, make: Callable[[Any], object]) -> None:
    make(50)
    make(timedelta(seconds=50))
    with pytest.raises(ConfigError) as caught:
        make(True)
    assert str(caught.value).startswith(f"{option} got True: write seconds")


def test_a_database_is_waited_for_as_long_as_a_timedelta_says(tmp_path: Path) -> None:
    assert SQLStore.from_url(f"sqlite+aiosqlite:///{tmp_path}/a.db", timeout=timedelta(seconds=3))._timeout == 3
