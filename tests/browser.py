"""A headless Chromium for tests, driven over the DevTools protocol.

`found()` is the browser of this machine; without one, its tests are skipped, or fail where `ASGISEC_REQUIRE_BROWSER` is
set, so that nobody takes silence for success. A page reports to the test by calling `fired(text)`, a function
that every frame of it has; what was reported is in `Page.fired`, and every URL that it asked the network for in
`Page.requests`.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_SECONDS = 30.0

# --no-sandbox because tests run as root in containers; the rest keeps the browser from talking to anybody.
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)


def found() -> str:
    """Return the Chromium of this machine: `ASGISEC_TEST_CHROMIUM`, or one on the path; else skip, or fail."""
    named = os.environ.get("ASGISEC_TEST_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if named:
        return named
    missing = "no Chromium here: `apt install chromium`, or name one in ASGISEC_TEST_CHROMIUM"
    if os.environ.get("ASGISEC_REQUIRE_BROWSER"):
        pytest.fail(missing, pytrace=False)
    pytest.skip(missing)


class Page:
    """One tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self.fired: list[str] = []
        self.requests: list[str] = []
        self._socket = socket
        self._last = 0
        self._session: str | None = None
        self._loads = 0
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for method in ("Page.enable", "Runtime.enable", "Network.enable"):
            self.call(method)
        self.call("Runtime.addBinding", name="fired")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and return its result; events that come in between are noted."""
        self._last += 1
        self._send(self._last, method, params)
        while True:
            answer = self._receive()
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result

    def evaluate(self, script: str) -> Any:
        """Return what a script comes to, once its promise is kept."""
        answer = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"].get("description", "the script failed"))
        return answer["result"].get("value")

    def show(self, html: str) -> None:
        """Load a page of its own, as a server would send it."""
        self.go("data:text/html;charset=utf-8;base64," + b64encode(html.encode()).decode())

    def go(self, url: str) -> None:
        """Go to a page, and wait until it is there."""
        seen = self._loads
        self.call("Page.navigate", url=url)
        while self._loads == seen:
            self._receive()

    def _send(self, number: int, method: str, params: dict[str, Any]) -> None:
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        self._socket.send(json.dumps(message | ({"sessionId": self._session} if self._session else {})))

    def _receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._socket.recv(timeout=_SECONDS))
        match message.get("method"):
            case "Runtime.bindingCalled":
                self.fired.append(message["params"]["payload"])
            case "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
            case "Page.loadEventFired":
                self._loads += 1
            case "Page.javascriptDialogOpening":
                self.fired.append("dialog")
                self._send(0, "Page.handleJavaScriptDialog", {"accept": True})
        return message


@contextmanager
def page(browser: str) -> Iterator[Page]:
    """Start a browser with a profile of its own, and give a page of it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [browser, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:  # noqa: S603
            try:
                # Its keep-alive would draw on `random` from a thread, in the middle of what hypothesis draws.
                with connect(_address(process), max_size=None, ping_interval=None) as socket:
                    yield Page(socket)
                    socket.send(json.dumps({"id": 0, "method": "Browser.close"}))
                process.communicate(timeout=_SECONDS)
            finally:
                process.kill()


def _address(process: subprocess.Popen[bytes]) -> str:
    """Wait for the line in which the browser says where it listens."""
    for line in process.stderr or ():
        if (found := re.search(rb"DevTools listening on (ws://\S+)", line)) is not None:
            return found[1].decode()
    raise RuntimeError(f"the browser ended with {process.wait(_SECONDS)}")
