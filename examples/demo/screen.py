"""How the demo looks: 80 columns, coloured where the terminal allows."""

import json
import os
import textwrap
from collections.abc import Sequence
from http import HTTPStatus
from typing import TextIO

from examples.demo.client import Answer, lines
from examples.demo.steps import Step, filled

WIDTH = 80
_MARGIN = "     "
_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_REFUSED = 400
_FAILED = 500
_SHOWN = (9, 4)  # characters of a credential, at its begin and its end; what is between tells a reader nothing
_CREDENTIALS = ("access_token", "refresh_token", "key")


def wants_colour(stream: TextIO, environ: dict[str, str]) -> bool:
    """Tell whether to colour: NO_COLOR forbids, FORCE_COLOR demands (no-color.org, force-color.org)."""
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and environ.get("TERM") != "dumb"


class Screen:
    """Prints the demo."""

    def __init__(self, stream: TextIO, environ: dict[str, str] | None = None) -> None:
        self._stream = stream
        self._colour = wants_colour(stream, dict(os.environ) if environ is None else environ)
        # A terminal of another encoding gets plain signs.
        plain = not (stream.encoding or "").lower().startswith("utf")
        self._sent, self._got, self._good, self._bad = (">", "<", "ok", "!!") if plain else ("→", "←", "✓", "✗")
        self._more = "..." if plain else "…"
        self._kept: dict[str, str] = {}

    def begin(self, port: int, kept: dict[str, str]) -> None:
        """Say what is running; what is kept for later steps is shown short."""
        self._kept = kept
        self._print("")
        self._print(self._in("bold", "asgisec: a tour of the reference API"))
        self._print(self._in("dim", "  examples/reference_api: FastAPI, SQLAlchemy, users with roles, API keys"))
        self._print(self._in("dim", f"  uvicorn serves it on http://127.0.0.1:{port}, with a database of its own"))

    def part(self, title: str) -> None:
        """Begin a part of the tour."""
        self._print("")
        self._print(self._in("bold", f"{title}\n{'=' * len(title)}"))

    def exchange(
        self, number: int, port: int, step: Step, answer: Answer, log: str | None, before: Sequence[str] = ()
    ) -> None:
        """Show what was sent and what came back."""
        self._title(number, step)
        short = {name: self._short(value) for name, value in self._kept.items()}
        request = filled(step.request, short)
        if before:
            self._wrapped(f"{self._sent} the same, {len(before)} times before: {' '.join(before)}", "dim")
        self._wrapped(f"{self._sent} {request.method} {request.path}", "cyan")
        for name, value in lines(port, request):
            self._header(name, value)
        if request.body:
            self._wrapped(f"  {request.body}", "dim")
        self._wrapped(f"{self._got} {answer.status} {_phrase(answer)}", _status_colour(answer.status))
        for name, pattern in step.expected.headers.items():
            for value in answer.values(name):
                self._header(name, value)
            if pattern is None and not answer.values(name):
                self._wrapped(f"  no {name}", "dim")
        if answer.body:
            self._wrapped(f"  {self._readable(answer.body)}", "dim")
        for part in (log or "").splitlines():
            self._wrapped(f"  log: {part}", "yellow")

    def lost(self, number: int, step: Step, error: Exception) -> None:
        """Say that no answer came."""
        self._title(number, step)
        self._wrapped(f"{self._bad} no answer: {error}", "red")

    def verdict(self, step: Step, deviations: list[str]) -> None:
        """Say why it is so, or in what it is not."""
        for deviation in deviations:
            self._wrapped(f"{self._bad} {deviation}", "red")
        if not deviations:
            self._wrapped(f"{self._good} {step.why}", "green")

    def end(self, steps: int, failed: int) -> None:
        """Say how it went."""
        self._print("")
        if failed:
            self._print(self._in("red", f"{failed} of {steps} exchanges were not as announced."))
        else:
            self._print(self._in("bold", f"All {steps} exchanges were as announced."))
            self._print("`make serve` leaves the application running, for requests of your own.")

    def serving(self, port: int, users: dict[str, str], keys: dict[str, str]) -> None:
        """Say where the application is, who can log in, and what to try."""
        url = f"http://127.0.0.1:{port}"
        self._print(self._in("bold", f"The reference API runs on {url}; Ctrl-C ends it."))
        self._print(f"Its documentation, with an Authorize button: {url}/docs")
        self._print("")
        for title, named in {"user": users, "API key": keys}.items():
            self._print(self._in("bold", f"  {title:<18} {'password' if named is users else 'X-API-Key'}"))
            for name, secret in named.items():
                self._print(f"  {name:<18} {secret}")
            self._print("")
        form = "-d grant_type=password -d username=vera -d 'password=vera views the goods'"
        for comment, options in {
            "a login": f"{form} {url}/auth/token",
            "with an API key": f"-H 'X-API-Key: {keys.get('warehouse', '')}' {url}/orders",
            "nobody": f"{url}/products",
        }.items():
            self._print(self._in("dim", f"  # {comment}"))
            self._print(f"  curl -i {options}")

    def _readable(self, body: str) -> str:
        try:
            document = json.loads(body)
        except ValueError:
            return body
        if isinstance(document, dict):
            document |= {name: self._short(document[name]) for name in _CREDENTIALS if name in document}
        return json.dumps(document, ensure_ascii=False)  # with spaces, where a line can be broken

    def _short(self, value: str) -> str:
        begin, end = _SHOWN
        return value if len(value) <= 2 * (begin + end) else f"{value[:begin]}{self._more}{value[-end:]}"

    def _title(self, number: int, step: Step) -> None:
        self._print("")
        self._print(self._in("bold", f"{number:>3}. {step.title}"))

    def _header(self, name: str, value: str) -> None:
        self._wrapped(f"  {name}: {value}", "")

    def _wrapped(self, text: str, colour: str) -> None:
        for part in textwrap.wrap(text, WIDTH, initial_indent=_MARGIN, subsequent_indent=_MARGIN + "    "):
            self._print(self._in(colour, part))

    def _in(self, colour: str, text: str) -> str:
        return f"\033[{_CODES[colour]}m{text}\033[0m" if self._colour and colour else text

    def _print(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


def _phrase(answer: Answer) -> str:
    return HTTPStatus(answer.status).phrase


def _status_colour(status: int) -> str:
    if status >= _FAILED:
        return "red"
    return "yellow" if status >= _REFUSED else "green"
