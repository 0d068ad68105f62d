"""The tables of the pages about tokens say what the code does."""

import inspect
import re
from typing import Any

import pytest

from asgisec.credentials import APIKeys
from asgisec.oauth2 import MetadataEndpoint, ProtectedResourceMetadata, TokenEndpoint
from asgisec.tokens import RemoteKeySet, TokenIssuer, TokenVerifier
from asgisec.tokens._jws import _NOT_ALLOWED
from asgisec.tokens._reasons import REASONS
from tests.docs.pages import rows, section
from tests.docs.write import DOCS

# What every example shows, and what is for tests.
_GIVEN: dict[type[Any], set[str]] = {
    TokenVerifier: {"keys", "clock"},
    RemoteKeySet: {"clock"},
    TokenIssuer: {"keys", "clock"},
    APIKeys: {"store", "clock"},
    TokenEndpoint: {"issuer"},
    MetadataEndpoint: set(),
    ProtectedResourceMetadata: set(),
}


@pytest.mark.parametrize(
    ("kind", "page"),
    [
        (TokenVerifier, "tokens.md"),
        (RemoteKeySet, "identity-providers.md"),
        (TokenIssuer, "refresh-tokens.md"),
        (APIKeys, "api-keys.md"),
        (TokenEndpoint, "oauth2-endpoints.md"),
        (MetadataEndpoint, "oauth2-endpoints.md"),
        (ProtectedResourceMetadata, "identity-providers.md"),
    ],
)
def test_options(kind: type[Any], page: str) -> None:
    listed = rows(section(DOCS / page, f"Options of `{kind.__name__}`"))
    options = [one for one in inspect.signature(kind).parameters.values() if one.name not in _GIVEN[kind]]
    shown = [(f"`{one.name}`", "required" if one.default is one.empty else one.default) for one in options]
    assert [(name, value if value == "required" else eval(value.strip("`"))) for name, value, _ in listed] == shown  # noqa: S307 - our own page


def test_reasons() -> None:
    listed = rows(section(DOCS / "tokens.md", "What a refusal looks like"))
    assert {reason for cell, _ in listed for reason in re.findall(r"`(\w+)`", cell)} == REASONS
    [headers] = [cell for name, cell in listed if name == "`header_not_allowed`"]
    assert set(re.findall(r"`(\w+)`", headers)) == _NOT_ALLOWED


def test_reasons_of_api_keys() -> None:
    listed = rows(section(DOCS / "api-keys.md", "What a refusal looks like"))
    shown = {reason for cell, _ in listed for reason in re.findall(r"`(\w+)`", cell)}
    source = (DOCS.parent / "asgisec" / "credentials" / "api_keys.py").read_text("utf-8")
    assert shown == set(re.findall(r'InvalidAPIKey\(reason="(\w+)"\)', source))
