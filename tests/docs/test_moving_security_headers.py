"""What the page on moving from secure says: the same headers as before, and every row of its table."""

from collections.abc import Callable
from typing import Any

import pytest
from secure import Preset, Secure, XFrameOptions
from secure.middleware import SecureASGIMiddleware
from starlette.middleware import Middleware

from asgisec import SecurityHeaders, SecurityMiddleware
from asgisec.errors import ConfigError
from tests.asgi import Recorded, answering, request, websocket
from tests.docs.differences import failing, listed, on_500, programs


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


def own_header(name: str, value: str) -> list[list[str]]:
    app = answering(headers=[(name, value)])
    made = SecureASGIMiddleware(app, secure=Secure.with_default_headers())
    theirs = [value for key, value in request(made).headers if key.lower() == name]
    return [theirs, request(SecurityMiddleware(app, SecurityHeaders.web())).values(name)]


def headers_of_the_application() -> None:
    assert own_header("referrer-policy", "origin") == [["strict-origin-when-cross-origin"], ["origin"]]


def policies_of_the_application() -> None:
    theirs, ours = own_header("content-security-policy", "default-src 'none'")
    assert (len(theirs), ours) == (2, ["default-src 'none'"])


def values_no_browser_knows() -> None:
    made = Secure(xfo=XFrameOptions().value("DENNY"))
    answer = request(SecureASGIMiddleware(answering(), secure=made))
    assert ("X-Frame-Options", "DENNY") in answer.headers
    with pytest.raises(ConfigError):
        SecurityHeaders(frame_options="DENNY")  # type: ignore[arg-type]  # the point


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
    "a header that the application set itself": headers_of_the_application,
    "a `Content-Security-Policy` that the application set itself": policies_of_the_application,
    'a value that no browser knows, `XFrameOptions().value("DENNY")`': values_no_browser_knows,
    "a WebSocket that is accepted": headers_on_accept,
    "an exception that nothing handles": headers_on_500,
}


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in _CASES.items()])
def test_a_difference(case: Callable[[], None]) -> None:
    case()


def test_the_page_lists_these() -> None:
    assert listed("moving-from-secure.md") == list(_CASES)


def sent(app: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in request(app, scheme="https").headers}


def test_the_first_move_changes_nothing_but_the_server_header() -> None:
    before, after, _ = programs("moving-from-secure.md", "The same headers as today")
    theirs, ours = (sent(names["app"]) for names in (before, after))
    assert theirs.pop("server") == ""
    assert theirs == ours
    assert theirs["content-security-policy"]


def test_header_by_header_is_the_same() -> None:
    theirs, ours = programs("moving-from-secure.md", "Header by header")
    wanted = {name.lower(): value for name, value in theirs["before"].header_items()}
    assert len(wanted) == 4
    assert wanted.items() <= sent(ours["app"]).items()


def test_the_strict_preset_has_its_counterpart() -> None:
    strict = SecurityHeaders.web(cross_origin_embedder_policy="require-corp", cache_control="no-store")
    ours = sent(SecurityMiddleware(answering(), strict))
    theirs = {name.lower() for name, _ in Secure.from_preset(Preset.STRICT).header_items()}
    assert theirs - {*ours} == {"server"}
