"""A soak finds what grows, what is left over and what does not add up; and finds nothing where nothing is."""

import asyncio
import json
import subprocess
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bench import load
from bench.harness import WrongAnswer
from bench.scale import clients, held, soak, waves
from bench.scale.accounts import Told, read, unsettled
from bench.scale.clients import GONE, Run
from bench.scale.memory import Sample, slope, trend
from bench.scale.soak import Soaked
from tests.bench.test_load import needs_wrk

MIB = 2**20


def points(held_at: Any, seconds: int = 300) -> list[tuple[float, float]]:
    return [(n / 2, held_at(n / 2)) for n in range(seconds * 2)]


@pytest.mark.parametrize(
    ("held_at", "flat"),
    [
        pytest.param(lambda at: 100 * MIB, True, id="the same all the time"),
        pytest.param(lambda at: min(at, 60) * MIB, True, id="caches that fill in the warm-up"),
        pytest.param(lambda at: 100 * MIB + (50 * MIB if at % 30 < 2 else 0), True, id="bursts"),
        pytest.param(lambda at: (100 + at % 7) * MIB, True, id="a garbage collection now and then"),
        pytest.param(lambda at: (100 - at / 50) * MIB, True, id="less and less"),
        pytest.param(lambda at: 100 * MIB + at * 10_000, True, id="as much as an arena or two of the allocator"),
        pytest.param(lambda at: 100 * MIB + at * 30_000, False, id="ten bytes for each of 3,000 requests a second"),
        pytest.param(lambda at: (100 + at / 20 + at % 7) * MIB, False, id="a leak between collections"),
        pytest.param(lambda at: (100 + at // 40 * 2) * MIB, False, id="a leak in steps"),
    ],
)
def test_what_grows(held_at: Any, *, flat: bool) -> None:
    told = trend(points(held_at), 100)
    assert told.judged
    assert told.flat is flat


def test_noise_does_not_move_the_slope() -> None:
    random = Random(7)  # noqa: S311 - noise
    noisy = points(lambda at: 100 * MIB + at * 100_000 + random.gauss(0, 3 * MIB))
    assert slope(noisy[::4]) == pytest.approx(100_000, rel=0.2)


def test_a_short_run_says_nothing_of_memory() -> None:
    told = trend(points(lambda at: at * MIB, 60), 20)
    assert (told.judged, told.flat) == (False, True)
    assert told.document()["judged"] is False
    assert trend([(1.0, 5.0)], 0).held == 5.0
    assert trend([], 0).held == 0.0


NOTHING = Told(0, {}, {}, 0, [])


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        pytest.param(Told(3, {"authz_fail": 4}, {"a": 1, "b": 1}, 0, []), [], id="all of it"),
        pytest.param(Told(3, {"authz_fail": 14}, {"a": 1, "b": 1}, 0, []), [], id="some were not waited for"),
        pytest.param(
            Told(3, {"authz_fail": 4}, {"a": 1}, 0, []),
            ["1 refused requests lack an event, 0 events are of none"],
            id="an event lacks",
        ),
        pytest.param(
            Told(3, {"authz_fail": 4}, {"a": 1, "b": 2}, 0, []),
            ["0 refused requests lack an event, 1 events are of none"],
            id="two of one",
        ),
        pytest.param(
            Told(3, {"authz_fail": 4}, {"a": 1, "b": 1, "c": 1}, 0, []),
            ["0 refused requests lack an event, 1 events are of none"],
            id="one of nobody",
        ),
        pytest.param(
            Told(3, {"authz_fail": 3}, {"a": 1, "b": 1}, 0, []),
            ["4 answers with 403, but 3 events authz_fail"],
            id="few",
        ),
        pytest.param(
            Told(3, {"authz_fail": 15}, {"a": 1, "b": 1}, 0, []),
            ["4 answers with 403, but 15 events authz_fail"],
            id="many",
        ),
        pytest.param(
            Told(3, {"authz_fail": 4}, {"a": 1, "b": 1}, 2, ["a traceback"]),
            ["logged: a traceback", "2 events of clients that hung up"],
            id="an error, and events of who is gone",
        ),
    ],
)
def test_what_does_not_add_up(told: Told, wrong: list[str]) -> None:
    assert unsettled(told, ["a", "b"], {200: 99, 403: 4}, 10) == wrong


def test_what_the_server_wrote(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"name": "authz_fail", "client": "10.0.0.7", "request_id": "x"},
        {"name": "authz_fail", "client": "192.0.2.20", "request_id": "a"},
        {"name": "token_reuse", "client": None, "request_id": "a"},
        {"name": "authz_fail", "client": GONE, "request_id": "b"},
        {"log": "something failed", "logger": "uvicorn.error"},
    ]
    (tmp_path / "log").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    told = read(tmp_path / "log")
    assert told == Told(4, Counter(authz_fail=1), Counter(a=1), 1, ["something failed"])


def test_an_answer_that_is_wrong_ends_the_run() -> None:
    run: Any = Run(0, None, None, "")  # type: ignore[arg-type]  # not asked for

    class Wrong:
        async def ask(self, path: str, **options: Any) -> Any:
            return type("Answer", (), {"status": 500, "body": b"oops"})

    with pytest.raises(WrongAnswer, match=r"/orders/7: answered 500, not \(200,\): b'oops'"):
        asyncio.run(run.ask(Wrong(), "/orders/7", 200))


def test_memory_of_a_process_where_there_is_no_proc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[list[str]] = []

    def run(words: list[str], **options: Any) -> Any:
        asked.append(words)
        return subprocess.CompletedProcess(words, 0, " 4096\n", "")

    monkeypatch.setattr(subprocess, "run", run)
    assert held.resident(7, tmp_path) == 4 * MIB
    assert asked == [["ps", "-o", "rss=", "-p", "7"]]


def test_what_is_said_of_a_run_that_grew(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    grown = [Sample(float(n), (100 + n) * MIB, 5 * MIB, 1000) for n in range(0, 300, 2)]
    came = Soaked(300.0, 100.0, "clients of its own", Counter({200: 900, 401: 100}), Counter(sessions=7), 100)
    came.samples = grown
    came.cpu, came.held, came.wrong = {"server": 0.5, "valkey": 0.1}, {"tasks": (3, 4)}, ["tasks: 3 before, 4 after"]
    soak.report(came)
    told = capsys.readouterr().out
    assert "1,000 requests in 300 s, 3 a second, by clients of its own: 900 of 200, 100 of 401" in told
    assert "+61440.0 KiB a minute: GROWS" in told
    assert "+0.0 KiB a minute: flat" in told
    assert "WRONG: tasks: 3 before, 4 after" in told
    assert f"left out: full load. {load.MISSING}" in told
    document = came.document()
    assert (document["server"]["flat"], document["valkey"]["flat"]) == (False, True)
    assert document["cpu_us_per_request"] == {"server": 500.0, "valkey": 100.0}
    assert [sample[0] for sample in document["samples"][:3]] == [0.0, 6.0, 12.0]


@pytest.mark.parametrize(
    ("raised", "raises"),
    [([WrongAnswer("answered 500")], False), ([WrongAnswer("answered 500"), OSError("gone")], True)],
)
def test_a_wrong_answer_is_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], raised: list[Exception], *, raises: bool
) -> None:
    async def fail(seconds: float) -> None:
        raise ExceptionGroup("of the load", [ExceptionGroup("of the clients", raised)])

    monkeypatch.setattr(soak, "soak", fail)
    if raises:
        with pytest.raises(ExceptionGroup):
            soak.main(["--no-write"])
    else:
        assert soak.main(["--no-write"]) == 1
        assert capsys.readouterr().out == "WRONG: answered 500\n"


@pytest.mark.slow
def test_a_short_soak(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    needs_wrk()
    monkeypatch.setattr(waves, "SECONDS", 1)
    monkeypatch.setattr(waves, "TOKENS", 100)
    status, said = soak.main(["--seconds", "2", "--write", str(tmp_path / "soak.json")]), capsys.readouterr().out
    assert "all of it adds up" in said, said
    assert status == 0
    told = json.loads((tmp_path / "soak.json").read_text("utf-8"))
    assert (told["load"], told["wrong"]) == ("wrk", [])
    assert {*told["statuses"]} >= {"200", "400", "401", "403", "413"}
    names = ("WebSockets", "distinct clients", "hang-ups", "refreshes", "sessions", "uses of a key")
    assert all(told["done"][name] > 0 for name in names)
    assert all(before >= after for before, after in told["before_and_after"].values())
    assert told["events"] >= sum(count for status, count in told["statuses"].items() if status >= "400")


@pytest.mark.slow
def test_what_leaks_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without wrk, as clients alone suffice; on an application that loses a task and says an event twice."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(soak, "_PATIENCE", 0.5)
    # Not those that wait for the other half of a refresh: what is found does not depend on them.
    monkeypatch.setattr(soak, "CLIENTS", {clients.refused: 1, clients.keys: 1})
    came = asyncio.run(soak.soak(1, quiet=True, factory="tests.bench.leaking:application"))
    assert came.generator == "clients of its own"
    assert came.done["distinct clients"] > 0
    assert any(line.startswith("tasks: ") for line in came.wrong), came.wrong
    assert any("events are of none" in line for line in came.wrong), came.wrong
    assert not any("grew" in line for line in came.wrong), "it was too short to tell"
