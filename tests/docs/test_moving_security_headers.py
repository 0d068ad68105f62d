"""What the page on security headers says of moving over from secure: every row of its table."""

from collections.abc import Callable
from typing import Any

import pytest
from secure import Secure
from secure.middleware import SecureASGIMiddleware
from starlette.middleware import Middleware

from asgisec import SecurityHeaders, SecurityMiddleware
from tests.asgi import Recorded, answering, request, websocket
from tests.docs.differences import failing, listed, on_500


def both_headers(name: str, ask: Callable[..., Recorded] = request, **extra: Any) -> tuple[list[str], list[str]]:
    app = SecureASGIMiddleware(answering(), secure=Secure.with_default_headers())
    theirs = [value for key, value in ask(app, **extra).headers if key.lower() == name]
    return theirs, ask(SecurityMiddleware(answering(), SecurityHeaders.web()), **extra).values(name)


def server_header() -> None:
    assert both_headers("server") == ([""], [])


def hsts_over_http() -> None:
    theirs, ours = both_headers("strict-transport-security")
    assert (len(theirs), ours) == (1, [])


def inline_styles() -> None:
    (theirs,), (ours,) = both_headers("content-security-policy")
    assert ("'unsafe-inline'" in theirs, "'unsafe-inline'" in ours) == (True, False)


def frames() -> None:
    assert both_headers("x-frame-options") == (["SAMEORIGIN"], ["DENY"])


def headers_on_accept() -> None:
    assert both_headers("x-content-type-options", websocket) == ([], ["nosniff"])


def headers_on_500() -> None:
    options: dict[str, Any] = {"secure": Secure.with_default_headers()}
    lost = request(failing(Middleware(SecureASGIMiddleware, **options)))
    assert "x-frame-options" not in {name.lower() for name, _ in lost.headers}
    on_500(SecureASGIMiddleware, options, SecurityHeaders(), "x-frame-options")


_CASES = {
    "`Server`": server_header,
    "`Strict-Transport-Security` over plain HTTP": hsts_over_http,
    "inline styles, in the policy for pages": inline_styles,
    "`X-Frame-Options`, by default": frames,
    "a WebSocket that is accepted": headers_on_accept,
    "an exception that nothing handles": headers_on_500,
}


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in _CASES.items()])
def test_a_difference(case: Callable[[], None]) -> None:
    case()


def test_the_page_lists_these() -> None:
    assert listed("security-headers.md") == list(_CASES)
