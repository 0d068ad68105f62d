"""Run the comparison: `python -m bench.compare`.

Exit status 1 says that asgisec is wrong in a row; what other packages do decides nothing.
"""

import argparse
import json
import logging
import sys
import time
import warnings
from itertools import groupby

from bench.compare.report import PAGE, RESULTS, as_json, written
from bench.compare.room import Room
from bench.compare.row import Outcome
from bench.compare.running import MODULES, Peer, found_peers, run
from bench.compare.screen import Screen


def main() -> int:
    options = _options()
    # Other packages log, and warn about, what is done to them; the table says it.
    warnings.simplefilter("ignore")
    logging.disable()
    begin = time.monotonic()
    peers = [peer for peer in found_peers() if not options.peers or peer.name in options.peers]
    screen = None if options.json else Screen(sys.stdout)
    outcomes = _run(peers, screen)
    if screen is None:
        sys.stdout.write(as_json(outcomes, peers))
    else:
        screen.end(outcomes, peers, time.monotonic() - begin)
    if options.write:
        RESULTS.write_text(as_json(outcomes, peers), encoding="utf-8")
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(written(page, json.loads(as_json(outcomes, peers))), encoding="utf-8")
    return int(any(outcome.failed for outcome in outcomes))


def _run(peers: list[Peer], screen: Screen | None) -> list[Outcome]:
    outcomes: list[Outcome] = []
    if screen is not None:
        screen.begin(peers)
    with Room() as room:
        for (name, version), own in groupby(run(peers, room), key=lambda outcome: (outcome.peer, outcome.version)):
            if screen is not None:
                screen.peer(name, version)
            for outcome in own:
                outcomes.append(outcome)
                if screen is not None:
                    screen.row(outcome)
    return outcomes


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.compare",
        description="Show what other packages do with requests that asgisec answers, side by side.",
    )
    parser.add_argument("peers", nargs="*", metavar="peer", help=f"only these, of {', '.join(MODULES)}")
    parser.add_argument("--json", action="store_true", help="print a JSON document instead of the table")
    parser.add_argument(
        "--write", action="store_true", help=f"write {RESULTS.name}, and the tables of {PAGE.name}, by this run"
    )
    options = parser.parse_args()
    unknown = {*options.peers} - MODULES.keys()
    if unknown:
        parser.error(f"no such package: {', '.join(sorted(unknown))}; there are {', '.join(MODULES)}")
    if options.peers and options.write:
        parser.error("--write takes all of them")
    return options


if __name__ == "__main__":
    sys.exit(main())
