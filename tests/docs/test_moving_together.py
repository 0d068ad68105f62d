"""The programs of the guides, before and after: the same requests have the same answers."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.docs.differences import programs

Ask = Callable[[TestClient], list[Any]]


def asked(method: str, path: str, count: int, **options: Any) -> Ask:
    return lambda client: [client.request(method, path, **options).status_code for _ in range(count)]


def tenants(client: TestClient) -> list[Any]:
    answers = [client.get("/orders", headers={"x-tenant": tenant}) for tenant in "aa"]
    return [(answer.status_code, answer.json()) for answer in answers]


def messages(client: TestClient) -> list[Any]:
    heard = []
    with client.websocket_connect("/ws") as socket:
        for _ in range(3):
            socket.send_text("hi")
            heard.append(socket.receive_text())
    return heard


def shop(client: TestClient) -> list[Any]:
    kinds = [
        ("GET", "/health", 8),
        ("POST", "/login", 3),
        ("GET", "/search", 4),
        ("GET", "/export", 3),
        ("GET", "/orders", 6),
    ]
    found = [[client.request(method, path) for _ in range(count)] for method, path, count in kinds]
    return [[(answer.status_code, left(answer)) for answer in answers] for answers in found]


def left(answer: Any) -> str:
    """Return what is left, as the last of the headers says: slowapi sends it twice where there are two limits."""
    return str(answer.headers.get("x-ratelimit-remaining", "")).rpartition(", ")[2]


def plans(client: TestClient) -> list[Any]:
    asked_by = ("free", "free", "pro", "pro", "pro")
    return [client.get("/search", headers={"x-plan": plan}).status_code for plan in asked_by]


def recipe(client: TestClient) -> list[Any]:
    form = {"username": "ada", "password": "correct horse"}
    token = client.post("/auth/login", json=form).json()["access_token"]
    answers = [client.get("/me", headers={"Authorization": f"Bearer {sent}"}) for sent in (token, token[:-8])]
    return [client.get("/me").status_code, *(answer.status_code for answer in answers), answers[0].json()]


_LIMITER = "moving-from-fastapi-limiter.md"
_PROGRAMS: list[tuple[str, str, Ask, list[Any]]] = [
    (_LIMITER, "A limit on a route", asked("GET", "/", 3), [200, 200, 429]),
    (_LIMITER, "Several limits", asked("GET", "/multiple", 2), [200, 429]),
    (
        _LIMITER,
        "By somebody else than the client, and another answer",
        tenants,
        [(200, []), (429, {"detail": "Come back later"})],
    ),
    (
        "moving-from-slowapi.md",
        "A whole application",
        shop,
        [
            [(200, "")] * 8,
            [(200, "1"), (200, "0"), (429, "0")],
            [(200, "2"), (200, "1"), (200, "0"), (429, "0")],
            [(200, "5"), (200, "0"), (429, "0")],
            [(200, "4"), (200, "3"), (200, "2"), (200, "1"), (200, "0"), (429, "0")],
        ],
    ),
    ("moving-from-slowapi.md", "Limits that depend on who asks", plans, [200, 429, 200, 200, 429]),
    ("moving-from-python-jose.md", "The usual recipe", recipe, [401, 200, 401, "ada"]),
    (_LIMITER, "In a WebSocket", messages, ["Hello, world", "Hello again", "Hello again"]),
]


@pytest.mark.parametrize(
    ("page", "heading", "ask", "wanted"), [pytest.param(*row, id=f"{row[0]}-{row[1]}") for row in _PROGRAMS]
)
def test_both_programs_do_the_same(page: str, heading: str, ask: Ask, wanted: list[Any]) -> None:
    before, after = programs(page, heading)
    app = before.get("before") or before["app"]
    assert ask(TestClient(app, base_url="https://api.example.com")) == wanted
    assert ask(TestClient(after["app"], base_url="https://api.example.com")) == wanted
