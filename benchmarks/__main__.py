"""`python -m benchmarks [NAME...]`: every story with its ratio against a peer or a limit, in one run.

Times are whole processes or calls, medians of several rounds in which the compared things take turns, so that a slow
moment of the machine hits both. `noise` is the spread of the reference: (max - min) / median.
"""

from __future__ import annotations

import sys

from benchmarks import commands, diff, engine, migration, models, versions

MODULES = (commands, versions, diff, engine, migration, models)


def main(names: list[str]) -> int:
    """Run the stories whose names contain one of `names`, or all; 1 if a limit was missed."""
    missed = 0
    for story in (story for module in MODULES for story in module.stories()):
        if names and not any(name in story.name for name in names):
            continue
        for line in story.run():
            print(line, flush=True)
            missed += line.missed
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
