"""The fuzzer from the command line.

    python -m tests.fuzz --minutes 30 --seed 7      mutated files of every reader
    python -m tests.fuzz kills --count 200          training processes that are killed and resumed
    python -m tests.fuzz read READER FILE           one file again

The status is 1 if anything went wrong.
"""

import argparse
import sys
from contextlib import closing
from pathlib import Path

from tests.fuzz import campaign, kills
from tests.fuzz.readers import PLANTED, READERS


def main(arguments=None):
    """Run the command; returns the status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("command", nargs="?", default="files", choices=("files", "kills", "read"))
    parser.add_argument("reader", nargs="?", choices=list(READERS | PLANTED), help="of the file to read again")
    parser.add_argument("file", nargs="?", help="kept by an earlier run")
    parser.add_argument("--seed", type=int, default=0, help="of the mutants, or of the moments of the kills")
    parser.add_argument("--minutes", type=float, help="how long files are mutated")
    parser.add_argument("--count", type=int, help="mutants per reader, or kills")
    parser.add_argument("--readers", help="their names, separated by commas; all by default")
    parser.add_argument("--keep", default="fuzz-wrong", help="the folder for files that go wrong")
    given = parser.parse_args(arguments)
    if given.command == "read":
        with closing(campaign.Worker()) as worker:
            verdict = worker.judge(given.reader, Path(given.file).resolve())
        print(*verdict)
        return verdict[0] == "wrong"
    if given.command == "kills":
        return kills.main(given.count or 20, given.seed)
    if given.minutes is None and given.count is None:
        parser.error("expected --minutes or --count: how long, or how many mutants per reader")
    names = given.readers.split(",") if given.readers else None
    counts = campaign.run(given.seed, names, given.minutes, given.count, given.keep)
    print(campaign.table(counts))
    return any(count.verdicts["wrong"] for count in counts.values())


if __name__ == "__main__":
    sys.exit(main())
