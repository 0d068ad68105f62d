"""Run the benchmarks: `python -m bench`.

Prints a table per group, and writes the figures to `bench/results`, one file per part, and into `docs/benchmarks.md`
with its charts. A missed goal is printed and fails nothing: machines differ. A variant that answers wrongly stops the
run. What needs a tool that is not there is left out, and said so at the end.
"""

import argparse
import logging
import time
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

from bench import one_pass, pages
from bench.calls import CallOutcome
from bench.chart import DARK, LIGHT, draw
from bench.harness import Group, Outcome, measure
from bench.imports import time_imports
from bench.report import as_json, calls_as_json, calls_table, imports_line, machine, table

# The parts that measure calls: each has `measured(rounds)`, which yields outcomes, and names its `PEERS`.
PARTS = (
    "api_keys",
    "auth",
    "fastapi",
    "inputs",
    "limited_routes",
    "oauth2",
    "passwords",
    "rate_limits",
    "scale",
    "stores",
    "tokens",
    "whole",
)

_ROOT = Path(__file__).parent.parent
_RESULTS = _ROOT / "bench" / "results"
_IMAGES = _ROOT / "docs" / "images"


def main() -> None:
    options = _options()
    # Answers are checked with requests that must be refused; these are nobody's news.
    logging.getLogger("asgisec.events").addHandler(logging.NullHandler())
    begin = time.monotonic()
    missed, documents = (0, {}) if options.parts else _policies(options)
    for name in options.parts or PARTS:
        calls = _part(name, options)
        missed += sum(ratio.missed for outcome in calls for ratio in outcome.ratios)
        documents[name] = calls_as_json(calls, import_module(f"bench.{name}").PEERS)
    print(f"{missed} goals missed; {time.monotonic() - begin:.0f} s, seed {options.seed}")
    for left_out in (one for name in documents for one in getattr(import_module(f"bench.{name}"), "LEFT_OUT", ())):
        print(f"left out: {left_out}")
    if options.write:
        _RESULTS.mkdir(parents=True, exist_ok=True)
        for name, document in documents.items():
            (_RESULTS / f"{name}.json").write_text(document, encoding="utf-8")
        print(f"wrote {_RESULTS.relative_to(_ROOT)}/{{{','.join(documents)}}}.json")
        for path in pages.write():
            print(f"wrote {path.relative_to(_ROOT)}")


def _policies(options: argparse.Namespace) -> tuple[int, dict[str, str]]:
    """Measure what policies add to a request; return how many goals were missed, and the figures."""
    outcomes = _measured(one_pass.GROUPS, options)
    print(f"  one more policy adds {one_pass.per_policy(outcomes):.2f} µs\n")
    imports = time_imports(options.imports)
    print(f"{imports_line(imports)}\n")
    more = _more_policies(options)
    missed = sum(not ratio.met for outcome in (*outcomes, *more) for ratio in outcome.ratios) + (not imports.met)
    if options.write:
        _IMAGES.mkdir(parents=True, exist_ok=True)
        chart = one_pass.chart(outcomes, machine())
        for theme, name in ((LIGHT, "light"), (DARK, "dark")):
            (_IMAGES / f"one-pass-{name}.svg").write_text(draw(chart, theme), encoding="utf-8")
    return missed, {"one_pass": as_json(outcomes, imports), "more_policies": as_json(more, None)}


def _measured(groups: Iterable[Group], options: argparse.Namespace) -> list[Outcome]:
    outcomes = []
    for group in groups:
        outcomes.append(measure(group, rounds=options.rounds, seed=options.seed))
        print(table(outcomes[-1]))
    return outcomes


def _more_policies(options: argparse.Namespace) -> list[Outcome]:
    # Imported here, so that the one pass was timed in the process it had before.
    from bench import more_policies  # noqa: PLC0415

    return _measured(more_policies.GROUPS, options)


def _part(name: str, options: argparse.Namespace) -> list[CallOutcome]:
    # Imported here, likewise.
    outcomes: list[CallOutcome] = []
    for outcome in import_module(f"bench.{name}").measured(options.rounds):
        outcomes.append(outcome)
        print(calls_table(outcome))
    return outcomes


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure what asgisec adds to a request, and what its parts cost.",
    )
    parser.add_argument("--rounds", type=int, default=200, help="rounds per group and request (default: %(default)s)")
    parser.add_argument("--imports", type=int, default=15, help="fresh interpreters per module (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="decides the first order of variants")
    parser.add_argument("--parts", nargs="+", choices=PARTS, metavar="PART", help=f"only these: {', '.join(PARTS)}")
    parser.add_argument("--no-write", dest="write", action="store_false", help="only print")
    return parser.parse_args()


if __name__ == "__main__":
    main()
