"""Which pages may open a WebSocket: browsers ask nobody, and send their cookies along."""

from typing import Any

import pytest

from asgisec.middleware import CORSMiddleware
from tests.asgi import Headers, answering, websocket
from tests.policies.cors import ANY, APP, ONE, REGEX

HOST = "api.example.com"


@pytest.mark.parametrize("denial", [True, False])
@pytest.mark.parametrize(
    ("options", "headers", "scheme", "accepted"),
    [
        pytest.param(ONE, [("host", HOST), ("origin", APP)], "wss", True, id="allowed"),
        pytest.param(REGEX, [("host", HOST), ("origin", APP)], "wss", True, id="allowed by a regex"),
        pytest.param(ANY, [("host", HOST), ("origin", "https://evil.test")], "wss", True, id="any"),
        pytest.param(ONE, [("host", HOST)], "wss", True, id="no origin: not a browser"),
        pytest.param({}, [("host", HOST), ("origin", f"https://{HOST}")], "wss", True, id="own"),
        pytest.param({}, [("host", "API.example.com:443"), ("origin", f"https://{HOST}")], "wss", True, id="own, port"),
        pytest.param({}, [("host", f"{HOST}:80"), ("origin", f"http://{HOST}")], "ws", True, id="own, port of http"),
        pytest.param({}, [("host", "[::1]:8000"), ("origin", "http://[::1]:8000")], "ws", True, id="own, IPv6"),
        pytest.param({}, [("host", HOST), ("origin", f"https://{HOST}")], "ws", True, id="own, TLS ends at a proxy"),
        # Neither CORS of a peer nor any browser stops these.
        pytest.param(ONE, [("host", HOST), ("origin", "https://evil.test")], "wss", False, id="another"),
        pytest.param({}, [("host", HOST), ("origin", "null")], "wss", False, id="null"),
        pytest.param({}, [("host", "null"), ("origin", "null")], "wss", False, id="null, and a host of that name"),
        pytest.param({}, [("host", HOST), ("origin", "")], "wss", False, id="empty"),
        pytest.param({}, [("origin", "https://")], "wss", False, id="empty, and no host"),
        # Any installed application may name any host there.
        pytest.param(
            {}, [("host", "localhost"), ("origin", "capacitor://localhost")], "ws", False, id="an application's scheme"
        ),
        pytest.param({}, [("host", HOST), ("origin", f"https://{HOST}.evil.test")], "wss", False, id="begins as own"),
        pytest.param({}, [("host", HOST), ("origin", f"https://evil{HOST}")], "wss", False, id="ends as own"),
        pytest.param({}, [("host", HOST), ("origin", f"https://{HOST}:8443")], "wss", False, id="own, another port"),
        pytest.param({}, [("host", HOST), ("origin", f"http://{HOST}")], "wss", False, id="own in plain http, to wss"),
        pytest.param({}, [("host", f"{HOST}:80"), ("origin", f"https://{HOST}")], "ws", False, id="http's port"),
        pytest.param({}, [("host", HOST), ("origin", f"https://{HOST}\r\n")], "wss", False, id="line break"),
    ],
)
def test_websockets(options: Any, headers: Headers, scheme: str, *, accepted: bool, denial: bool) -> None:
    recorded = websocket(CORSMiddleware(answering(), **options), headers=headers, scheme=scheme, denial=denial)
    assert recorded.error is None
    first = recorded.messages[0]
    if accepted:
        assert first["type"] == "websocket.accept"
    elif denial:
        assert recorded.status == 403
        assert recorded.values("content-type") == ["application/problem+json"]
        assert b"evil" not in recorded.body
    else:
        reason = "Connections from this origin are not allowed."
        assert recorded.messages == [{"type": "websocket.close", "code": 1008, "reason": reason}]
