"""Files of a `SafeDirectory` over HTTP: as a response of an endpoint, or as an application of their own.

The rules:

- The descriptor that was checked is the one that is sent, for its whole length, whatever happens to the name meanwhile.
- Everything is a download, `Content-Disposition: attachment` with the file's own name. With `inline=True` only types
  that run nothing are shown in the page (images but SVG, audio, video, PDF, plain text); HTML, SVG and XML, which would
  run with your origin's rights, stay downloads.
- `X-Content-Type-Options: nosniff`, so that no browser makes something else of a type.
- `ETag`, `Last-Modified` and ranges as in Starlette; `If-None-Match` is answered with 304.

A path that is refused is a 400, what does not exist a 404, both without a word of the path.

    files = SafeDirectory("/srv/uploads")

    @app.get("/files/{name:path}")
    async def download(name: str) -> Response:
        return await file_response(files, name)

    app.mount("/public", FileApp(files))
"""

import os
import re
import weakref
from collections.abc import Mapping
from http import HTTPStatus
from mimetypes import guess_type
from pathlib import Path

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

from asgisec.inputs.paths import SafeDirectory

__all__ = ["FileApp", "file_response"]

_SHOWN = frozenset({"application/pdf", "text/plain"})
_SHOWN_KINDS = ("audio/", "image/", "video/")
_NEVER_SHOWN = frozenset({"image/svg+xml"})


async def file_response(
    directory: SafeDirectory,
    user_path: str,
    *,
    inline: bool = False,
    filename: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a response that sends the file, opened in a worker thread.

    Args:
        directory: Where the file is.
        user_path: The path from the request.
        inline: Whether types that run nothing may be shown in the page. Default no: everything is a download.
        filename: The name to save it under; its own by default. The type is guessed by this name.
        headers: Further headers.

    Raises:
        PathNotAllowed: The path leads out of the directory.
        HTTPException: 404: there is no such file.
    """
    try:
        descriptor, name = await anyio.to_thread.run_sync(_opened, directory, user_path)
    except FileNotFoundError:
        raise HTTPException(404) from None
    return _OpenedFile(descriptor, name, _file_name(filename or user_path), inline, headers)


class FileApp:
    """An ASGI application that serves the files of a directory, for `Mount` or on its own.

    Args:
        directory: Where the files are.
        inline: Whether types that run nothing may be shown in the page. Default no: everything is a download.
        headers: Headers of every file, such as `Cache-Control`.
    """

    def __init__(
        self, directory: SafeDirectory, *, inline: bool = False, headers: Mapping[str, str] | None = None
    ) -> None:
        self.directory = directory
        self._inline = inline
        self._headers = dict(headers or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        if scope["type"] != "http":  # the server learns from the exception that there is no lifespan
            raise RuntimeError("FileApp answers HTTP requests only")
        try:
            response = await self._response(scope)
        except HTTPException as error:
            if "app" in scope:  # the framework around it has handlers for these
                raise
            response = _problem(error)
        await response(scope, receive, send)

    async def _response(self, scope: Scope) -> Response:
        if scope["method"] not in {"GET", "HEAD"}:
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        response = await file_response(
            self.directory, _path_below_mount(scope), inline=self._inline, headers=self._headers
        )
        known = Headers(scope=scope).get("if-none-match")
        etag = response.headers["etag"]
        if known is not None and (known.strip() == "*" or etag in {_strong(tag) for tag in known.split(",")}):
            # RFC 9110 section 15.4.5: what a 304 repeats.
            kept = {name: value for name, value in response.headers.items() if name in _KEPT_BY_304}
            return Response(status_code=304, headers=kept)
        return response


_KEPT_BY_304 = frozenset({"cache-control", "content-location", "date", "etag", "expires", "vary"})


class _OpenedFile(FileResponse):
    """Starlette's response, reading from a descriptor instead of a name."""

    def __init__(
        self, descriptor: int, name: str, filename: str, inline: bool, headers: Mapping[str, str] | None
    ) -> None:
        # Closes when it was sent, and also when nobody ever sends it.
        self._close = weakref.finalize(self, os.close, descriptor)
        media_type = guess_type(filename)[0] or "application/octet-stream"
        super().__init__(
            name,
            headers=headers,
            media_type=media_type,
            filename=filename,
            stat_result=os.fstat(descriptor),
            content_disposition_type="inline" if inline and _may_be_shown(media_type) else "attachment",
        )
        self.headers["x-content-type-options"] = "nosniff"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A server that opens the file itself would open it by a name, and later.
        extensions = {k: v for k, v in (scope.get("extensions") or {}).items() if k != "http.response.pathsend"}
        try:
            await super().__call__({**scope, "extensions": extensions}, receive, send)
        finally:
            self._close()


def _strong(tag: str) -> str:
    return tag.strip(" \t").removeprefix("W/")


def _opened(directory: SafeDirectory, user_path: str) -> tuple[int, str]:
    """Return a descriptor of the file, and a name that leads to nothing else."""
    with directory.open(user_path) as file:
        descriptor = os.dup(file.fileno())
    for name in (f"/proc/self/fd/{descriptor}", f"/dev/fd/{descriptor}"):
        if Path(name).exists():
            return descriptor, name
    # Windows has no such names. There the file is opened once more, by its own.
    return descriptor, str(directory.resolve(user_path))


def _file_name(path: str) -> str:
    # The last name of it, in whatever system's writing, without what no header can carry.
    return re.split(r"[/\\]", path)[-1].encode(errors="replace").decode()


def _may_be_shown(media_type: str) -> bool:
    return media_type in _SHOWN or (media_type.startswith(_SHOWN_KINDS) and media_type not in _NEVER_SHOWN)


def _path_below_mount(scope: Scope) -> str:
    path, root = str(scope["path"]), str(scope.get("root_path", "")).rstrip("/")
    below = path[len(root) :] if path == root or path.startswith(root + "/") else path
    return below.removeprefix("/")


def _problem(error: HTTPException) -> Response:
    title = HTTPStatus(error.status_code).phrase
    body = {"type": "about:blank", "title": title, "status": error.status_code, "detail": error.detail}
    return JSONResponse(body, error.status_code, error.headers, media_type="application/problem+json")
