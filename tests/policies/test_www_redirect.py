"""The redirect of `TrustedHosts` to `www.`: what a path can make of it."""

import pytest

from asgisec import SecurityMiddleware, TrustedHosts
from tests.asgi import answering, request


@pytest.mark.parametrize(
    ("path", "location"),
    [
        pytest.param("/a b", "http://www.example.com/a%20b", id="a path"),
        pytest.param("//evil.example", "http://www.example.com//evil.example", id="attack: two slashes"),
        pytest.param("/\udc80", "http://www.example.com/%3F", id="attack: a path that is no text"),
        pytest.param("@evil.example/", None, id="attack: path makes the host a user"),
        pytest.param(".evil.example", None, id="attack: path continues the host"),
        pytest.param("*", None, id="OPTIONS *"),
        pytest.param("", None, id="no path"),
    ],
)
def test_the_path_stays_a_path(path: str, location: str | None) -> None:
    app = SecurityMiddleware(answering(), TrustedHosts(["www.example.com"]))
    answer = request(app, path=path, headers=[("host", "example.com")], raw_path=b"/")
    assert answer.status == (400 if location is None else 307)
    assert answer.values("location") == ([] if location is None else [location])
