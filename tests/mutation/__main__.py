"""Mutate the code that everything hangs on, and see whether the tests notice: `python -m tests.mutation [PART ...]`.

A mutant that no test notices is a survivor. Each is either argued in `survivors.toml`, or it fails the run: a row is
missing, or a line does nothing. The work is kept in `.mutants`: a second run tries what changed, and what lived.
"""

import argparse
import json
import os
import sys

from tests.mutation import modules, scripts
from tests.mutation.argued import RESULTS, ROOT, Mutant, argued, counted, recorded
from tests.mutation.parts import MUTATED, PARTS, SCRIPTS

_WORK = ROOT / ".mutants"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(MUTATED)}; default: all")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="how many at once (default: %(default)s)")
    options = parser.parse_args()
    names = options.parts or list(MUTATED)
    if unknown := set(names) - set(MUTATED):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    reasons, results, unargued = argued(), recorded(), list[Mutant]()
    for name in names:
        if name == "scripts":
            verdicts, survivors = scripts.tried(SCRIPTS, _WORK, options.processes)
        else:
            verdicts, survivors = modules.tried(name, PARTS[name], _WORK, options.processes)
        open_ones = [mutant for mutant in survivors if not any(reason.covers(mutant) for reason in reasons)]
        results[name] = counted(verdicts, len(survivors) - len(open_ones))
        unargued += open_ones
        print(name, *(f"{count} {verdict}" for verdict, count in results[name].items()), sep=", ")
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    for mutant in unargued:
        print(f"\n{mutant.function}: no test notices, and nothing says why")
        print(f"- {mutant.was}\n+ {mutant.becomes}")
    sys.exit(bool(unargued))


if __name__ == "__main__":
    main()
