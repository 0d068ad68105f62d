"""One fetch: by whom it is answered, and that it ends."""

import itertools
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError

import pytest

from asgisec.tokens._fetch import fetch_json
from tests.certificates import certificate


@pytest.mark.parametrize(
    ("host", "known", "found"),
    [
        pytest.param("localhost", True, {"keys": []}, id="one that is vouched for"),
        pytest.param("localhost", False, None, id="one that nobody vouches for"),
        pytest.param("127.0.0.1", True, None, id="another name"),
    ],
)
def test_over_tls_and_only_from_one_who_is_vouched_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, found: object, *, known: bool
) -> None:
    pem = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    if known:
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            asking, _ = listening.accept()
            with suppress(OSError), context.wrap_socket(asking, server_side=True) as speaking:
                asked.append(speaking.recv(65_536))
                speaking.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"keys":[]}')

        answering = threading.Thread(target=answer)
        answering.start()
        url = f"https://{host}:{listening.getsockname()[1]}/keys"
        if found is not None:
            assert fetch_json(url, 30) == found
            assert {b"Accept: application/json", b"User-Agent: asgisec"} <= set(asked[0].split(b"\r\n"))
        else:
            with pytest.raises(URLError) as failed:
                fetch_json(url, 30)
            assert isinstance(failed.value.reason, ssl.SSLCertVerificationError)
        answering.join(30)
    assert len(asked) == (found is not None)


def test_the_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # where nobody is
    with pytest.raises(URLError) as failed:
        fetch_json("https://id.example.com/keys", 5)
    assert isinstance(failed.value.reason, ConnectionRefusedError)


HEAD = b"HTTP/1.1 200 OK\r\n"
ENDLESS = {
    "a header": (HEAD, b"x"),
    "continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a body": (HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
    "the size of a chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;", b"x"),
    "trailers": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", b"x: y\r\n"),
}


@pytest.mark.parametrize(("begin", "again"), ENDLESS.values(), ids=ENDLESS)
def test_a_fetch_ends_though_the_answer_does_not(begin: bytes, again: bytes) -> None:
    """Each byte comes in time. Whoever waited for the last one would never fetch keys again."""
    ticks = itertools.count(0.0, 10.0)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            asking, _ = listening.accept()
            with asking, suppress(OSError):
                asking.recv(65_536)
                asking.sendall(begin)
                while True:
                    asking.sendall(again)

        answering = threading.Thread(target=answer)
        answering.start()
        with pytest.raises(TimeoutError):
            fetch_json(f"http://127.0.0.1:{listening.getsockname()[1]}/", 30, clock=lambda: next(ticks))
        answering.join(30)
    assert not answering.is_alive()
