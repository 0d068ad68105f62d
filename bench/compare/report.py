"""What a run observed, as JSON to keep, and as the tables of the page that shows it."""

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from bench.compare.row import Outcome, Row
from bench.compare.running import Peer
from bench.report import machine

__all__ = ["PAGE", "RESULTS", "as_json", "described", "tables", "written"]

_ROOT = Path(__file__).parents[2]
RESULTS = _ROOT / "bench" / "results" / "compare.json"
PAGE = _ROOT / "docs" / "comparison.md"

_BEGIN = "<!-- written by python -m bench.compare -->\n"
_END = "<!-- until here -->\n"
_ALSO = ("starlette", "uvicorn", "redis")  # what peers run on


def as_json(outcomes: Sequence[Outcome], peers: Sequence[Peer]) -> str:
    """Return all that was observed, and what was left out, as a JSON document."""
    names = [peer.name for peer in peers if not peer.missing]
    document = {
        "machine": machine([*names, *(name for name in _ALSO if name not in names)]),
        "rows": [_row(outcome) for outcome in outcomes],
        "left_out": {peer.name: peer.missing for peer in peers if peer.missing},
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def described(row: Row) -> dict[str, str]:
    """Return what a row says before it is run."""
    return {
        "name": row.name,
        "case": row.case,
        "ought": row.ought,
        "note": row.note,
        "thread": row.thread,
    }


def _row(outcome: Outcome) -> dict[str, Any]:
    theirs, ours = outcome.theirs, outcome.ours
    return {
        "peer": outcome.peer,
        "version": outcome.version,
        **described(outcome.row),
        "verdict": outcome.verdict,
        "theirs": theirs.text if theirs else outcome.missing,
        "ours": ours.text if ours else outcome.missing,
        "ours_right": ours.right if ours else None,
    }


def tables(document: Mapping[str, Any]) -> str:
    """Return the tables of the page: one for each peer, with its version."""
    machine_ = document["machine"]
    rows = document["rows"]
    counts = {verdict: sum(row["verdict"] == verdict for row in rows) for verdict in ("wrong", "mended", "not run")}
    summary = (
        f"Run on {machine_['python']}, with uvicorn {machine_['versions']['uvicorn']}: {len(rows)} rows, of which "
        f"{counts['wrong']} go wrong in the other package, and {counts['mended']} did once and are mended there."
    )
    lines = [summary, ""]
    for (peer, version), own in groupby(rows, key=lambda row: (row["peer"], row["version"])):
        lines += [f"### {peer} {version}", "", f"| what is done | what ought to come | {peer} | asgisec |"]
        lines += ["| --- | --- | --- | --- |", *(_line(row) for row in own), ""]
    return "\n".join(lines)


def _line(row: Mapping[str, Any]) -> str:
    case = row["case"]
    if row["note"]:
        case += f" ({row['note']})"
    if row["thread"]:
        repository, _, number = row["thread"].partition("#")
        case += f" [{row['thread']}](https://github.com/{repository}/issues/{number})"
    theirs = row["theirs"]
    if row["verdict"] == "mended":
        theirs += f" (mended: right in {row['version']})"
    if row["verdict"] == "not run":
        theirs = f"not run: {theirs}"
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in (case, row["ought"], theirs, row["ours"])) + " |"


def written(page: str, document: Mapping[str, Any]) -> str:
    """Return the page with the tables of a run in their place."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    assert begin, f"no {_BEGIN!r} in the page"
    assert end, f"no {_END!r} in the page"
    return f"{before}{begin}\n{tables(document)}{end}{after}"
