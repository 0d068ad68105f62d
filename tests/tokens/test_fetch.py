"""One fetch: by whom it is answered, and that it ends."""

import itertools
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError

import pytest

from asgisec.tokens._fetch import MAX_ANSWER, fetch_json
from tests.certificates import certificate
from tests.tokens.providing import Provider


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


def test_this_machine_is_asked_without_a_proxy(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # where nobody is
    assert fetch_json(f"{provider.url}/keys", 5) == provider.answers["/keys"]


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        pytest.param(500, OSError, "the answer has status 500", id="500"),
        pytest.param(204, OSError, "the answer has status 204", id="204"),
        pytest.param(b"{}".ljust(MAX_ANSWER + 1), ValueError, "the answer is too large", id="too large"),
    ],
)
def test_what_is_wrong_with_an_answer_is_said(
    provider: Provider, answer: object, error: type[Exception], message: str
) -> None:
    provider.answers["/keys"] = answer
    with pytest.raises(error, match=f"^{message}$"):
        fetch_json(f"{provider.url}/keys", 5)


def test_an_answer_in_the_last_second_is_in_time(provider: Provider) -> None:
    assert fetch_json(f"{provider.url}/keys", 1, clock=lambda: 0.0) == provider.answers["/keys"]


@pytest.mark.parametrize(
    ("scheme", "begin"),
    [
        pytest.param("https", b"", id="no handshake"),
        pytest.param("http", b"", id="no answer"),
        pytest.param("http", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{", id="half an answer"),
    ],
)
def test_nobody_waits_for_one_who_is_silent(scheme: str, begin: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            asking, _ = listening.accept()
            with asking, suppress(OSError):
                asking.settimeout(2)
                asking.recv(65_536)
                asking.sendall(begin)
                asking.recv(65_536)

        answering = threading.Thread(target=answer)
        answering.start()
        with pytest.raises(OSError) as failed:  # noqa: PT011 - one of two, which wrap one another
            fetch_json(f"{scheme}://127.0.0.1:{listening.getsockname()[1]}/", 0.02)
        answering.join(30)
    assert isinstance(getattr(failed.value, "reason", failed.value), TimeoutError)


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
        with pytest.raises(TimeoutError, match=r"^the answer took too long$"):
            fetch_json(f"http://127.0.0.1:{listening.getsockname()[1]}/", 30, clock=lambda: next(ticks))
        answering.join(30)
    assert not answering.is_alive()
