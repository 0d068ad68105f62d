"""The requests of the benchmarks, and the application that answers them."""

from typing import Any

from bench.harness import Request

__all__ = ["BROWSER", "CORS_OPTIONS", "HOSTS", "ORIGINS", "OTHER_HOST", "OTHER_ORIGIN", "SAME_ORIGIN", "TIMED", "bare"]

HOSTS = ("api.example.com", "api.example.org", "api.example.net")
ORIGINS = ("https://app.example.com", "https://admin.example.com")

# What a page with a session needs. Without `expose_headers` it could not read the id (asgi-correlation-id's
# documentation says to set it).
CORS_OPTIONS: dict[str, Any] = {
    "allow_origins": ORIGINS,
    "allow_methods": ("GET", "POST", "PUT", "DELETE"),
    "allow_headers": ("Authorization", "X-Request-ID"),
    "allow_credentials": True,
    "expose_headers": ("X-Request-ID",),
}

_BODY = b'{"id":42,"name":"lamp"}'


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """Answer with a small document, as an endpoint would; the headers are a list of its own, as in any framework."""
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"23"),
        (b"etag", b'"6f2c9f5e"'),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": _BODY})


def _request(name: str, *, host: bytes = b"api.example.com", origin: bytes | None = None) -> Request:
    headers = [
        (b"host", host),
        (b"connection", b"keep-alive"),
        (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0"),
        (b"accept", b"application/json"),
        (b"accept-language", b"en-GB,en;q=0.7,de;q=0.3"),
        (b"accept-encoding", b"gzip, deflate, br, zstd"),
        (b"referer", b"https://app.example.com/"),
        (b"sec-fetch-dest", b"empty"),
        (b"sec-fetch-mode", b"cors"),
        (b"sec-fetch-site", b"same-site" if origin else b"same-origin"),
        (b"cookie", b"session=5f0c1d2e3b4a59687786a5b4c3d2e1f0"),
        *([(b"origin", origin)] if origin else []),
    ]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https",
        "path": "/items/42",
        "raw_path": b"/items/42",
        "query_string": b"fields=name",
        "root_path": "",
        "headers": headers,
        "client": ("192.0.2.7", 50123),
        "server": ("127.0.0.1", 8000),
    }
    return Request(name, scope)


BROWSER = _request("cross-origin", origin=ORIGINS[0].encode())
SAME_ORIGIN = _request("same-origin")
TIMED = (BROWSER, SAME_ORIGIN)

OTHER_ORIGIN = _request("origin not allowed", origin=b"https://evil.example")
OTHER_HOST = _request("host not allowed", host=b"evil.example", origin=ORIGINS[0].encode())
