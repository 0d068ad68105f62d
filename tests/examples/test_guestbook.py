"""The example of `asgisec.inputs` does what it says."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from asgisec.inputs import SafeDirectory
from examples.guestbook.app import create_app, main


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    (tmp_path / "files").mkdir()
    (tmp_path / "secret").write_text("the secret")
    app = create_app(f"sqlite+aiosqlite:///{tmp_path}/book.db", SafeDirectory(tmp_path / "files"))
    with TestClient(app) as opened:
        yield opened


def test_entries(client: TestClient) -> None:
    assert client.post("/entries", json={"author": "ada", "body": "<b onclick=x>100%</b>"}).status_code == 201
    assert client.post("/entries", json={"author": "bob", "body": "1000"}).status_code == 201
    assert [row["body"] for row in client.get("/entries?q=100%25").json()] == ["<b>100%</b>"]
    assert [row["author"] for row in client.get("/entries?order=-author").json()] == ["bob", "ada"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/entries?order=(select 1)", 422, id="order"),
        pytest.param("/entries?q=%00", 422, id="control character"),
        pytest.param("/files/..%2fsecret", 400, id="path"),
        pytest.param("/files/nothing", 404, id="no file"),
    ],
)
def test_refusals(client: TestClient, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert "secret" not in answer.text


def test_files(client: TestClient) -> None:
    for status in (201, 409):
        assert client.put("/files/report", content=b"content").status_code == status
    assert client.get("/files/report").content == b"content"
    assert client.put("/files/Not_a_slug", content=b"content").status_code == 422


def test_it_starts_on_its_own() -> None:
    with TestClient(main()) as client:
        assert client.get("/entries").json() == []
