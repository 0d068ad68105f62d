"""Drive an application as a server does, and keep all it sends, also what no server would take."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from bench.compare.row import Seen
from tests.asgi import App, Message, scope_of

__all__ = ["CLIENT", "HOST", "Answer", "ask", "handshake", "standing", "statuses", "told"]

HOST = "api.example.com"
CLIENT = "203.0.113.7"

Lines = Iterable[tuple[str | bytes, str | bytes]]


@dataclass
class Answer:
    """What came of one request; an exception that was raised to the server is kept."""

    messages: list[Message] = field(default_factory=list)
    error: Exception | None = None

    @property
    def starts(self) -> list[Message]:
        return [message for message in self.messages if message["type"] == "http.response.start"]

    @property
    def status(self) -> int:
        """The status; a server answers 500 for an application that raises."""
        return self.starts[0]["status"] if self.starts else 500

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The header lines; a server adds none to the 500 that it makes."""
        pairs = self.starts[0]["headers"] if self.starts else ()
        return [(bytes(name).lower().decode("latin-1"), bytes(value).decode("latin-1")) for name, value in pairs]

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    def values(self, name: str) -> list[str]:
        """The values of every line of a header."""
        return [value for key, value in self.headers if key == name]


async def ask(
    app: App,
    method: str = "GET",
    path: str = "/",
    headers: Lines = (),
    *,
    host: str | None = HOST,
    body: Sequence[bytes] = (b"",),
    client: str = CLIENT,
    scheme: str = "http",
) -> Answer:
    """Send one request."""
    named = [] if host is None else [("host", host)]
    scope = scope_of("http", method, path, [*named, *headers], client=(client, 50123), scheme=scheme)
    more = [*(True for _ in body[1:]), False]
    waiting = deque(
        {"type": "http.request", "body": chunk, "more_body": rest} for chunk, rest in zip(body, more, strict=True)
    )
    answer = Answer()

    async def receive() -> Message:
        return waiting.popleft() if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        answer.messages.append(message)

    try:
        await app(scope, receive, send)
    except Exception as error:  # noqa: BLE001 - a server goes on, whatever it is
        answer.error = error
    return answer


async def statuses(app: App, path: str = "/", count: int = 4) -> list[int]:
    """Send the same request several times."""
    return [(await ask(app, path=path)).status for _ in range(count)]


async def handshake(app: App, path: str = "/ws", headers: Lines = ()) -> str:
    """Ask for a WebSocket: `accepted`, `refused`, or what was raised."""
    scope = scope_of("websocket", path=path, headers=[("host", HOST), *headers], client=(CLIENT, 50123))
    scope["extensions"] = {"websocket.http.response": {}}
    waiting = deque[Message]([{"type": "websocket.connect"}])
    sent: list[str] = []

    async def receive() -> Message:
        return waiting.popleft() if waiting else {"type": "websocket.disconnect", "code": 1000}

    async def send(message: Message) -> None:
        sent.append(message["type"])

    try:
        await app(scope, receive, send)
    except Exception as error:  # noqa: BLE001 - a server goes on, whatever it is
        if not sent:
            return type(error).__name__
    return "accepted" if "websocket.accept" in sent else "refused"


def told(values: Iterable[object]) -> str:
    """Write values one after the other; a run of the same is counted."""
    runs: list[tuple[str, int]] = []
    for text in map(str, values):
        if runs and runs[-1][0] == text:
            runs[-1] = (text, runs[-1][1] + 1)
        else:
            runs.append((text, 1))
    return ", ".join(text if count == 1 else f"{count}x {text}" for text, count in runs)


async def _standstill(work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Return for how many milliseconds at most the event loop stood still during some work, and how many it took."""
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        last = time.monotonic()
        while True:
            await asyncio.sleep(0.001)
            now = time.monotonic()
            longest = max(longest, now - last)
            last = now

    beating = asyncio.create_task(beat())
    await asyncio.sleep(0.01)
    begin = time.monotonic()
    await work()
    taken = time.monotonic() - begin
    await asyncio.sleep(0.002)
    beating.cancel()
    return longest * 1000, taken * 1000


async def standing(work: Callable[[], Awaitable[object]]) -> Seen:
    """Tell whether others were served during some work: a loop that stands still for half of it serves nobody.

    A share, and no time: a busy machine makes every loop late.
    """
    still, taken = await _standstill(work)
    return Seen(f"stood still for {still:.0f} of {taken:.0f} ms", still < taken / 2)
