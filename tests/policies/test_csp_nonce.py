"""The nonce of a page's content security policy: new for each request, and nobody else's."""

import re
from typing import Any

import anyio
import pytest

from asgisec import SecurityHeaders, SecurityMiddleware
from tests.asgi import Message, Recorded, answering, request, scope_of

HTML = [("content-type", "text/html; charset=utf-8")]


def page(policy: SecurityHeaders, own: Any = HTML) -> Recorded:
    return request(SecurityMiddleware(answering(headers=own), policy))


def nonce_of(recorded: Recorded, header: str = "content-security-policy") -> str:
    (policy,) = recorded.values(header)
    (nonce,) = set(re.findall(r"'nonce-([^']*)'", policy))
    return str(nonce)


async def _page(scope: Message, receive: Any, send: Any) -> None:
    body = scope["state"]["csp_nonce"].encode()
    await answering(headers=HTML, body=[body])(scope, receive, send)


def test_the_nonce_is_the_one_that_the_application_reads() -> None:
    recorded = request(SecurityMiddleware(_page, SecurityHeaders.web()))
    assert nonce_of(recorded) == recorded.body.decode()


def test_the_nonce_is_new_for_each_request() -> None:
    app = SecurityMiddleware(_page, SecurityHeaders.web())
    nonces = {nonce_of(request(app)) for _ in range(50)}
    assert len(nonces) == 50
    assert all(len(nonce) >= 22 for nonce in nonces), "128 bits, six to a character"


def test_the_nonce_is_there_though_nobody_asked_for_it() -> None:
    """Secweb sends `'nonce-None'`, which anybody can guess, until the page asks for it."""
    recorded = page(SecurityHeaders.web())
    assert len(nonce_of(recorded)) >= 22
    assert "None" not in recorded.values("content-security-policy")[0]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_concurrent_requests_have_nonces_of_their_own(backend: str) -> None:
    """Secweb keeps the nonce in a module: one of two requests gets the other's."""
    sent: dict[str, list[Any]] = {"/a": [], "/b": []}

    async def run() -> None:
        both = anyio.Event()

        async def app(scope: Message, receive: Any, send: Any) -> None:
            sent[scope["path"]].append(scope["state"]["csp_nonce"])
            if all(sent.values()):
                both.set()
            await both.wait()
            await answering(headers=HTML)(scope, receive, send)

        secured = SecurityMiddleware(app, SecurityHeaders.web())

        async def one(path: str) -> None:
            async def receive() -> Message:
                return {"type": "http.request"}

            async def send(message: Message) -> None:
                await anyio.lowlevel.checkpoint()
                sent[path].extend(dict(message.get("headers", ())).get(b"content-security-policy", b"").split())

            await secured(scope_of(path=path), receive, send)

        async with anyio.create_task_group() as group:
            group.start_soon(one, "/a")
            group.start_soon(one, "/b")

    anyio.run(run, backend=backend)
    for nonce, *policy in sent.values():
        assert f"'nonce-{nonce}'".encode() in {source.strip(b";") for source in policy}
    assert sent["/a"][0] != sent["/b"][0]


def test_two_policies_share_one_nonce() -> None:
    report = SecurityHeaders(
        content_security_policy="script-src 'nonce'; style-src 'nonce'",
        content_security_policy_report_only="img-src 'nonce'",
    )
    inner = SecurityMiddleware(_page, SecurityHeaders.web(content_security_policy=None), report)

    async def opaque(scope: Message, receive: Any, send: Any) -> None:
        await inner(scope, receive, send)

    recorded = request(SecurityMiddleware(opaque, SecurityHeaders.web()))
    assert nonce_of(recorded) == nonce_of(recorded, "content-security-policy-report-only") == recorded.body.decode()


@pytest.mark.parametrize(
    ("content_type", "cache", "sent"),
    [
        pytest.param("text/html", [], ["no-store"], id="HTML"),
        pytest.param("TEXT/HTML;charset=utf-8", [], ["no-store"], id="HTML in capitals"),
        pytest.param("application/xhtml+xml", [], ["no-store"], id="XHTML"),
        pytest.param("application/json", [], [], id="data"),
        pytest.param("text/html", ["max-age=60"], ["max-age=60"], id="the application's own word"),
    ],
)
def test_a_page_with_a_nonce_is_not_stored(content_type: str, cache: list[str], sent: list[str]) -> None:
    own = [("content-type", content_type), *(("cache-control", value) for value in cache)]
    assert page(SecurityHeaders.web(), own).values("cache-control") == sent


def test_a_page_without_a_nonce_may_be_stored() -> None:
    assert page(SecurityHeaders(cache_control=None)).values("cache-control") == []


def test_without_a_nonce_the_state_is_left_alone() -> None:
    states: list[Any] = []

    async def app(scope: Message, receive: Any, send: Any) -> None:
        states.append(scope.get("state"))
        await answering()(scope, receive, send)

    request(SecurityMiddleware(app, SecurityHeaders()))
    assert states == [None]
