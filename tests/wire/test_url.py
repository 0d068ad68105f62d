"""Which URLs are safe to fetch keys from, and to be sent to."""

from typing import Any

import pytest

from asgisec._wire.url import is_safe_url


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://id.example.com", True),
        ("https://id.example.com:8443/realms/a", True),
        ("http://localhost:8080", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:8080", True),
        ("http://id.example.com", False),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://192.168.0.1", False),
        ("ftp://localhost", False),
        ("file:///etc/passwd", False),
        ("https://", False),
        ("https://user:pw@id.example.com", False),
        ("https://id.example.com#x", False),
        ("https://id.example.com:x", False),
        ("https://[::1", False),
        ("https://id.example.com/a b", False),
        ("https://id.example.com/\r\nx", False),
        ("https://idé.example.com", False),
        ("id.example.com", False),
        (None, False),
    ],
)
def test_urls(url: Any, safe: bool) -> None:
    assert is_safe_url(url) is safe
