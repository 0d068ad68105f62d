"""`file_response` and `FileApp`: what is sent, as what, and what is not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount
from starlette.testclient import TestClient

from asgisec.inputs import FileApp, SafeDirectory, file_response, serving
from tests.descriptors import opened

HAS_PROC = Path("/proc/self/fd").exists()


@pytest.fixture
def base(tmp_path: Path) -> Path:
    base = tmp_path / "files"
    (base / "sub").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("the secret")
    (base / "out.txt").symlink_to("../secret.txt")
    (base / "a.txt").write_text("0123456789")
    (base / "page.html").write_text("<script>steal()</script>")
    (base / "drawing.svg").write_text("<svg onload='steal()'/>")
    (base / "feed.xml").write_text("<x/>")
    (base / "photo.png").write_bytes(b"\x89PNG")
    (base / "no-type").write_bytes(b"x")
    (base / "sub" / 'Grüße "1".pdf').write_bytes(b"%PDF")
    (base / "empty.txt").write_bytes(b"")
    return base


def mounted(app: FileApp) -> Starlette:
    return Starlette(routes=[Mount("/files", app)])


@pytest.fixture
def client(base: Path) -> TestClient:
    return TestClient(mounted(FileApp(SafeDirectory(base), headers={"Cache-Control": "private", "X-A": "b"})))


@pytest.mark.parametrize(
    ("path", "media_type", "disposition"),
    [
        pytest.param("a.txt", "text/plain; charset=utf-8", 'attachment; filename="a.txt"', id="text"),
        pytest.param("page.html", "text/html; charset=utf-8", 'attachment; filename="page.html"', id="page"),
        pytest.param("photo.png", "image/png", 'attachment; filename="photo.png"', id="image"),
        pytest.param("no-type", "application/octet-stream", 'attachment; filename="no-type"', id="no type"),
        pytest.param(
            "sub/Gr%C3%BC%C3%9Fe%20%221%22.pdf",
            "application/pdf",
            "attachment; filename*=utf-8''Gr%C3%BC%C3%9Fe%20%221%22.pdf",
            id="name with quotes and accents",
        ),
    ],
)
def test_a_file_is_a_download(client: TestClient, path: str, media_type: str, disposition: str) -> None:
    answer = client.get(f"/files/{path}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-disposition"] == disposition
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-a"] == "b"
    assert answer.headers["content-length"] == str(len(answer.content))


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a.txt", "inline"),
        ("photo.png", "inline"),
        ("sub/Gr%C3%BC%C3%9Fe%20%221%22.pdf", "inline"),
        ("page.html", "attachment"),
        ("drawing.svg", "attachment"),
        ("feed.xml", "attachment"),
        ("no-type", "attachment"),
    ],
)
def test_only_what_runs_nothing_is_shown_in_the_page(base: Path, path: str, kind: str) -> None:
    client = TestClient(mounted(FileApp(SafeDirectory(base), inline=True)))
    assert client.get(f"/files/{path}").headers["content-disposition"].partition(";")[0] == kind


@pytest.mark.parametrize(
    ("request_headers", "status", "content"),
    [
        pytest.param({}, 200, b"0123456789", id="all of it"),
        pytest.param({"Range": "bytes=2-4"}, 206, b"234", id="range"),
        pytest.param({"Range": "bytes=-2"}, 206, b"89", id="the end of it"),
        pytest.param({"Range": "bytes=20-"}, 416, None, id="past the end"),
        pytest.param({"Range": "bytes=0-0,5-6"}, 206, None, id="two ranges"),
        pytest.param({"Range": "bytes=0-4", "If-Range": '"other"'}, 200, b"0123456789", id="range of another version"),
        pytest.param({"If-None-Match": "*"}, 304, b"", id="whatever is known"),
        pytest.param({"If-None-Match": '"other"'}, 200, b"0123456789", id="another version is known"),
    ],
)
def test_ranges_and_validators(
    client: TestClient, base: Path, request_headers: dict[str, str], status: int, content: bytes | None
) -> None:
    before = opened(base.parent)
    answer = client.get("/files/a.txt", headers=request_headers)
    assert answer.status_code == status
    assert content is None or answer.content == content
    assert opened(base.parent) == before


@pytest.mark.parametrize("form", ["{}", "W/{}", '"a", {}', ' "a" ,\tW/{} '])
def test_what_is_known_is_not_sent_again(client: TestClient, form: str) -> None:
    etag = client.get("/files/a.txt").headers["etag"]
    answer = client.get("/files/a.txt", headers={"If-None-Match": form.format(etag)})
    assert answer.status_code == 304
    assert answer.content == b""
    assert answer.headers["etag"] == etag
    assert answer.headers["cache-control"] == "private"
    assert "content-disposition" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "nothing", 404, id="nothing there"),
        pytest.param("GET", "", 400, id="the directory"),
        pytest.param("GET", "sub", 404, id="a directory in it"),
        pytest.param("GET", "out.txt", 400, id="link out"),
        pytest.param("GET", "..%2fsecret.txt", 400, id="parent"),
        pytest.param("GET", "%2e%2e/secret.txt", 400, id="escaped parent"),
        pytest.param("GET", "..%5csecret.txt", 400, id="backslash"),
        pytest.param("GET", "%2fetc/passwd", 400, id="absolute"),
        pytest.param("GET", "a.txt%00", 400, id="NUL"),
        pytest.param("POST", "a.txt", 405, id="method"),
        pytest.param("DELETE", "a.txt", 405, id="other method"),
    ],
)
def test_refusals(client: TestClient, base: Path, method: str, path: str, status: int) -> None:
    before = opened(base.parent)
    answer = client.request(method, f"/files/{path}")
    assert answer.status_code == status
    assert "secret" not in answer.text
    # On its own, without a framework whose handlers answer:
    alone = TestClient(FileApp(SafeDirectory(base)), root_path="/files").request(method, f"/files/{path}")
    assert alone.status_code == status
    assert alone.headers["content-type"] == "application/problem+json"
    assert alone.json()["status"] == status
    assert "secret" not in alone.text
    assert (alone.headers.get("allow") == "GET, HEAD") == (status == 405)
    assert opened(base.parent) == before


def test_head(client: TestClient, base: Path) -> None:
    before = opened(base.parent)
    answer = client.head("/files/a.txt")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "10", b"")
    assert opened(base.parent) == before


def test_fastapi(base: Path) -> None:
    app = FastAPI()
    files = SafeDirectory(base)

    @app.get("/download/{name:path}")
    async def download(name: str) -> Response:
        return await file_response(files, name, filename="../e\ud800vil/re\r\nport.txt", headers={"X-A": "b"})

    client = TestClient(app)
    answer = client.get("/download/a.txt")
    assert answer.text == "0123456789"
    assert answer.headers["content-disposition"] == "attachment; filename*=utf-8''re%0D%0Aport.txt"
    assert answer.headers["x-a"] == "b"
    for path, status in (("nothing", 404), ("..%2fsecret.txt", 400), ("out.txt", 400)):
        refusal = client.get(f"/download/{path}")
        assert refusal.status_code == status
        assert "secret" not in refusal.text


async def run(app: Callable[..., Any], scope: dict[str, Any]) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


def scope_of(path: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"spec_version": "2.4"},
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [],
        **more,
    }


@pytest.mark.anyio
async def test_the_file_that_was_checked_is_sent_whatever_its_name_leads_to_now(base: Path) -> None:
    response = await file_response(SafeDirectory(base), "a.txt")
    (base / "a.txt").unlink()
    (base / "a.txt").symlink_to("../secret.txt")
    sent = await run(response, scope_of("/"))
    assert sent[1]["body"] == b"0123456789"


@pytest.mark.anyio
async def test_a_server_is_not_asked_to_open_the_file_itself(base: Path) -> None:
    extensions: dict[str, Any] = {"http.response.pathsend": {}, "http.response.debug": {}}
    sent = await run(FileApp(SafeDirectory(base)), scope_of("/a.txt", extensions=extensions))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert list(extensions) == ["http.response.pathsend", "http.response.debug"]


@pytest.mark.anyio
async def test_a_response_that_nobody_sends_holds_nothing_open(base: Path) -> None:
    before = opened(base.parent)
    response = await file_response(SafeDirectory(base), "a.txt")
    assert not HAS_PROC or len(opened(base.parent)) == len(before) + 1
    del response
    assert opened(base.parent) == before


@pytest.mark.anyio
async def test_an_empty_file(base: Path) -> None:
    sent = await run(FileApp(SafeDirectory(base)), scope_of("/empty.txt"))
    assert sent[1] == {"type": "http.response.body", "body": b"", "more_body": False}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("path", "root_path", "found"),
    [
        pytest.param("/a.txt", "", True, id="at the root"),
        pytest.param("/x/a.txt", "/x", True, id="path with the mount's"),
        pytest.param("/a.txt", "/x", True, id="path without the mount's"),
        pytest.param("/x/a.txt", "/x/", True, id="mount with a slash"),
        pytest.param("/xa.txt", "/x", False, id="path that only begins like the mount"),
        pytest.param("/x", "/x", False, id="the mount itself"),
        pytest.param("/x//a.txt", "/x", False, id="absolute below the mount"),
    ],
)
async def test_the_path_below_a_mount(base: Path, path: str, root_path: str, found: bool) -> None:
    sent = await run(FileApp(SafeDirectory(base)), scope_of(path, root_path=root_path))
    assert (sent[0]["status"] == 200) is found


@pytest.mark.anyio
async def test_other_scopes(base: Path) -> None:
    app = FileApp(SafeDirectory(base))
    assert await run(app, {"type": "websocket"}) == [{"type": "websocket.close", "code": 1000}]
    with pytest.raises(RuntimeError, match="HTTP requests only"):
        await run(app, {"type": "lifespan"})


@pytest.mark.anyio
async def test_where_descriptors_have_no_names_the_file_is_opened_by_its_own(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Nowhere:
        def __init__(self, _: str) -> None: ...

        def exists(self) -> bool:
            return False

    monkeypatch.setattr(serving, "Path", Nowhere)
    sent = await run(await file_response(SafeDirectory(base), "a.txt"), scope_of("/"))
    assert sent[1]["body"] == b"0123456789"
