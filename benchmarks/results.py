"""The tables of results in README.md and docs/results.md, from the files of benchmarks/results.

    python -m benchmarks.results              write them
    python -m benchmarks.results --check      only compare: status 1 if a page is not up to date

The rows are in benchmarks/published. A page has pairs of lines such as `<!-- reduction -->` and `<!-- /reduction -->`,
between which its tables stand. `python -m benchmarks.page` does the same for benchmarks of time.
"""

from pathlib import Path

from benchmarks.published import PAGES
from benchmarks.published.runs import Unusable
from benchmarks.report import fill_marked, marked
from npae.backend import CommandParser, atomic_write, command_line, fit_text

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
COMMAND = "python -m benchmarks.results"


def filled(page, text, results=RESULTS, pages=PAGES):
    """The text of a page with its tables as the result files have them."""
    tables = pages[page]
    for name in tables.keys() - marked(text):
        raise Unusable(f"{page} has no lines <!-- {name} --> and <!-- /{name} -->: add them where that table belongs.")
    for name in marked(text) - tables.keys():
        raise Unusable(f"{page} has the lines <!-- {name} -->, but benchmarks/published has no table of that name.")
    return fill_marked(text, lambda name: tables[name].markdown(results))


def main(argv=None, root=ROOT, results=RESULTS, pages=PAGES):
    """Write the pages whose tables have changed, or with --check only name them."""
    parser = CommandParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 if a page is not up to date")
    check, changed = parser.parse_args(argv).check, {}
    for page in pages:
        text = (root / page).read_text(encoding="utf-8")
        try:
            new = filled(page, text, results, pages)
        except Unusable as error:
            raise SystemExit(fit_text(str(error))) from None
        if new != text:
            changed[page] = new
    if check and changed:
        raise SystemExit(fit_text(f"Not up to date: {', '.join(changed)}. Run `{COMMAND}`."))
    for page, new in changed.items():
        with atomic_write(root / page) as temporary:
            temporary.write_text(new, encoding="utf-8")
    print(fit_text(f"Written: {', '.join(changed)}." if changed else "Everything is up to date."))


if __name__ == "__main__":
    with command_line():
        main()
