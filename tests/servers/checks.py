"""What every answer that the application stack gave must carry, counted on the wire."""

from tests.servers.harness import Answer

CONSTANTS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
SERVER_REFUSAL = b"Invalid HTTP request received."


def assert_secured(answer: Answer, **own: str) -> str:
    """Check that id and security headers are there once each; return the id. `own` is what the application set."""
    expected = {name: [own.get(name.replace("-", "_"), value)] for name, value in CONSTANTS.items()}
    assert {name: answer.values(name) for name in CONSTANTS} == expected
    assert len(answer.values("permissions-policy")) == 1
    assert answer.values("strict-transport-security") == []  # RFC 6797 section 7.2: not over plain HTTP
    assert answer.values("server") == answer.values("x-powered-by") == []
    assert [line.split(", ").count("Origin") for line in answer.values("vary")] in ([], [1])
    (request_id,) = answer.values("x-request-id")
    return request_id


def assert_refused_by_server(answer: Answer) -> None:
    """Check that the server's own parser refused: nothing of ours has seen the request."""
    assert (answer.status, answer.body) == (400, SERVER_REFUSAL)
    assert answer.values("x-request-id") == []
