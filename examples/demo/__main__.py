"""Start a secured application, ask it what it allows and what it refuses, and show each exchange.

python -m examples.demo             walk through every step; exit status 0 only if each was as announced
python -m examples.demo --serve     leave the application running
"""

import argparse
import importlib.util
import re
import sys
from collections.abc import Sequence
from http.client import HTTPException

from examples.demo.client import Answer, ask
from examples.demo.screen import Screen
from examples.demo.server import NotStartedError, Server
from examples.demo.steps import STEPS, Expected, Step

_NEEDED = ("fastapi", "httptools", "uvicorn", "websockets")
_MAX_PORT = 65535
_INTERRUPTED = 130  # what shells report for Ctrl-C


def main(arguments: Sequence[str] | None = None, steps: Sequence[Step] = STEPS) -> int:
    """Run the demo; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description="See a secured application at work.")
    parser.add_argument("--serve", action="store_true", help="leave the application running, to be asked by hand")
    parser.add_argument("--port", type=_port, help="the port; 8000 with --serve, else a free one")
    options = parser.parse_args(arguments)
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(f"The demo needs {', '.join(missing)}. `make demo` installs it all.", file=sys.stderr)
        return 1
    screen = Screen(sys.stdout)
    try:
        if options.serve:
            return _serve(screen, 8000 if options.port is None else options.port)
        return _walk(screen, options.port or 0, steps)
    except NotStartedError as error:
        print(f"The application did not start: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print()
        return _INTERRUPTED


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= _MAX_PORT:
        raise argparse.ArgumentTypeError(f"a port is a number up to {_MAX_PORT}")
    return port


def _walk(screen: Screen, port: int, steps: Sequence[Step]) -> int:
    failed = 0
    with Server(port) as server:
        screen.begin(server.port)
        for number, step in enumerate(steps, 1):
            try:
                answer = ask(server.port, step.request)
            except (OSError, HTTPException) as error:
                screen.lost(number, step, error)
                failed += 1
                continue
            line = _log_line(server, step.expected, answer)
            deviations = list(_deviations(step.expected, answer, line))
            screen.exchange(number, server.port, step, answer, line)
            screen.verdict(step, deviations)
            failed += bool(deviations)
    screen.end(len(steps), failed)
    return 1 if failed else 0


def _serve(screen: Screen, port: int) -> int:
    with Server(port) as server:
        screen.serving(server.port)
        for line in server.log():
            print(line, flush=True)
    return 0


def _log_line(server: Server, expected: Expected, answer: Answer) -> str | None:
    if not expected.log:
        return None
    made = "".join(answer.values("X-Request-ID"))
    return server.log_line(expected.log.replace("{id}", re.escape(made)))


def _deviations(expected: Expected, answer: Answer, line: str | None) -> list[str]:
    found = [] if answer.status == expected.status else [f"the status is {answer.status}, not {expected.status}"]
    for name, pattern in expected.headers.items():
        values = answer.values(name)
        if pattern is None and values:
            found.append(f"{name} is there")
        if pattern is not None and (len(values) != 1 or not re.fullmatch(pattern, values[0])):
            found.append(f"{name} is {values or 'missing'}, not {pattern}")
    if expected.body and not re.search(expected.body, answer.body):
        found.append(f"the body does not say {expected.body}")
    everything = "\n".join([answer.body, *(value for _, value in answer.headers)])
    if expected.unsaid and (said := re.search(expected.unsaid, everything)):
        found.append(f"the answer says {said[0]}")
    if expected.log and line is None:
        found.append("the server's log has no line with the id")
    return found


if __name__ == "__main__":
    sys.exit(main())
