"""Start the reference API, ask it what it allows and what it refuses, and show each exchange.

python -m examples.demo             walk through every step; exit status 0 only if each was as announced
python -m examples.demo --serve     leave the application running
"""

import argparse
import importlib.util
import json
import re
import sys
from collections.abc import Mapping, Sequence
from http.client import HTTPException

from examples.demo.client import Answer, ask
from examples.demo.screen import Screen
from examples.demo.server import NotStartedError, Server
from examples.demo.steps import Expected, Step, filled

_NEEDED = ("aiosqlite", "email_validator", "fastapi", "httptools", "sqlalchemy", "uvicorn", "websockets", "zxcvbn")
_MAX_PORT = 65535
_INTERRUPTED = 130  # what shells report for Ctrl-C


Tour = Mapping[str, Sequence[Step]]


def main(arguments: Sequence[str] | None = None) -> int:
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
        from examples.demo.tour import TOUR  # noqa: PLC0415 - needs what was looked for above

        with Server(options.port or 0) as server:
            return walk(screen, server, TOUR)
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


def walk(screen: Screen, server: Server, tour: Tour) -> int:
    """Walk through a tour; return 0 if every exchange was as announced, else 1."""
    failed = number = 0
    keys = server.seeded("key")
    # The id of a key stands in it; it is no secret.
    kept = {**keys, **{f"{name}_id": key.split("_")[1] for name, key in keys.items()}}
    screen.begin(server.port, kept)
    for part, steps in tour.items():
        screen.part(part)
        for step in steps:
            number += 1
            failed += not _is_as_announced(screen, server, number, step, kept)
    screen.end(number, failed)
    return 1 if failed else 0


def _is_as_announced(screen: Screen, server: Server, number: int, step: Step, kept: dict[str, str]) -> bool:
    request = filled(step.request, kept)
    times, pattern = step.before or (0, "")
    try:
        before = [str(ask(server.port, request).status) for _ in range(times)]
        answer = ask(server.port, request)
    except (OSError, HTTPException) as error:
        screen.lost(number, step, error)
        return False
    line = _log_line(server, step.expected, answer)
    deviations = [*_deviations(step.expected, answer, line), *_keep(step, answer, kept)]
    if not all(re.fullmatch(pattern, status) for status in before):
        deviations.append(f"the {times} before were not all answered with {pattern}")
    screen.exchange(number, server.port, step, answer, line, before)
    screen.verdict(step, deviations)
    return not deviations


def _keep(step: Step, answer: Answer, kept: dict[str, str]) -> list[str]:
    """Keep what later steps need; return what is not there."""
    try:
        document = json.loads(answer.body) if step.keeps else {}
    except ValueError:
        document = {}
    missing = [member for member in step.keeps.values() if not isinstance(document.get(member), str)]
    if not missing:
        kept.update({name: document[member] for name, member in step.keeps.items()})
    return [f"the answer has no {member}" for member in missing]


def _serve(screen: Screen, port: int) -> int:
    with Server(port) as server:
        screen.serving(server.port, server.seeded("user"), server.seeded("key"))
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
