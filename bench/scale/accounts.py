"""What has to add up when a soak is over: events against refused requests, keys against their lifetimes."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.scale.clients import GONE

__all__ = ["Told", "read", "unsettled"]

_LOAD = "10."  # what addresses of the load generator's clients begin with
# What each status of the load has for an event; another host is no matter of who asks.
_NAMES = {400: "input_validation_fail", 401: "authn_login_fail", 403: "authz_fail"}


@dataclass(frozen=True)
class Told:
    """What the server wrote.

    Attributes:
        events: How many.
        load: How many of each name, of the load's clients.
        ids: How many of each request, of all others that were refused something.
        gone: Those of clients that hung up.
        logged: Warnings and errors.
    """

    events: int
    load: Mapping[str, int]
    ids: Mapping[str, int]
    gone: int
    logged: list[str]


def read(log: Path) -> Told:
    """Read what the server wrote, a line at a time: it is long."""
    load: Counter[str] = Counter()
    ids: Counter[str] = Counter()
    gone, events, logged = 0, 0, []
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            event: dict[str, Any] = json.loads(line)
            if "log" in event:
                logged.append(event["log"])
                continue
            events += 1
            client = event["client"] or ""
            if client.startswith(_LOAD):
                load[event["name"]] += 1
            elif client == GONE:
                gone += 1
            elif client:  # what happened to a session, and not to a request, has none
                ids[event["request_id"]] += 1
    return Told(events, load, ids, gone, logged)


def unsettled(told: Told, refused: Iterable[str], statuses: Mapping[int, int], in_flight: int) -> list[str]:
    """Return what does not add up.

    Args:
        told: What the server wrote.
        refused: The ids of refused requests, of clients that read every answer.
        statuses: How many answers of each status the load got.
        in_flight: How many more it may have asked for, and not waited for the answer.
    """
    wrong = [f"logged: {line}" for line in told.logged[:10]]
    asked = Counter(refused)
    if told.ids != asked:
        lacking, more = asked - Counter(told.ids), Counter(told.ids) - asked
        wrong.append(f"{lacking.total()} refused requests lack an event, {more.total()} events are of none")
    if told.gone:
        wrong.append(f"{told.gone} events of clients that hung up")
    for status, name in _NAMES.items():
        count, events = statuses.get(status, 0), told.load.get(name, 0)
        if not count <= events <= count + in_flight:
            wrong.append(f"{count} answers with {status}, but {events} events {name}")
    return wrong
