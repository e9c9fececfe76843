"""The tables of README.md and docs/results.md: filled from result files, and up to date."""

import json
import re
import shlex

import pytest

from benchmarks import results
from benchmarks.published import PAGES, TABLES
from benchmarks.published.runs import Run, Unusable
from benchmarks.published.summary import Headlines, RunsTable, Sources
from benchmarks.published.table import Measure, Row, Source, Table
from demos import __main__ as demos

MARKS = "before\n<!-- errors -->\n<!-- /errors -->\nbetween\n<!-- runs -->\nold\n<!-- /runs -->\nafter\n"
BOOK, PAPER = Source("Book", "B: a book."), Source("Paper", "A: a paper.")
ERRORS = Table((
    Row("784-4", Measure("error", ".1f", min), Run("deep", "demos.deep"), "ours", {BOOK: "3.0"}, headline="deep"),
    Row("784-2", Measure("error", ".1f", min), Run("later", "demos.later"), "ours", {PAPER: "2.0"}, headline="later"),
    Row("784-1", Measure("error", ".1f", min), Run("deep", "demos.deep"), "ours", {BOOK: "3.0"}),
))  # fmt: skip
SMALL = {"page.md": {"errors": ERRORS, "runs": RunsTable({"errors": ERRORS})}}


@pytest.fixture
def folder(tmp_path):
    """A page, and one result file of two."""
    run = {"seed": 0, "epochs": 3, "seconds": 9, "ours": 1.25, "versions": {"numpy": "2.4", "machine": "Linux"}}
    (tmp_path / "deep.json").write_text(json.dumps(run), encoding="utf-8")
    (tmp_path / "page.md").write_text(MARKS, encoding="utf-8")
    return tmp_path


def test_a_page_is_filled_between_its_marks(folder):
    text = results.filled("page.md", MARKS, folder, SMALL)
    assert results.filled("page.md", text, folder, SMALL) == text, "filling twice is filling once"
    assert text.startswith("before\n<!-- errors -->\n| network |") and text.endswith("<!-- /runs -->\nafter\n")
    assert "| 784-4 | error | **1.2** | 3.0 Book | 3 | [deep](#runs) |" in text and "old" not in text
    assert "| 784-2 | error | not run | 2.0 Paper |  | [later](#runs) |" in text
    assert text.count("| `deep` | `demos.deep` | 0 | 9 s |") == 1
    assert text.count("| `later` | `demos.later` |  |  | not run |") == 1


def test_headlines_are_the_rows_that_have_one_and_were_run(folder):
    lines = Headlines({"errors": ERRORS}).markdown(folder).splitlines()
    assert lines[2:] == ["| deep | **1.2** | 3.0 Book | `demos.deep`, 9 s |"]


def test_sources_are_sorted_and_named_once(folder):
    assert Sources({"errors": ERRORS}).markdown(folder) == "- A: a paper.\n- B: a book."


@pytest.mark.parametrize("text, sentence", [
    (MARKS.replace("<!-- /errors -->\n", ""), "page.md has no lines <!-- errors --> and <!-- /errors -->: add them"),
    (MARKS + "<!-- other -->\n<!-- /other -->", "page.md has the lines <!-- other -->, but benchmarks/published"),
])  # fmt: skip
def test_marks_that_do_not_fit_are_named(text, sentence, folder):
    with pytest.raises(Unusable, match=re.escape(sentence)):
        results.filled("page.md", text, folder, SMALL)
    (folder / "page.md").write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit, match=re.escape(sentence)):
        results.main([], folder, folder, SMALL)


def test_check_writes_nothing_and_fails_until_the_tables_are_written(folder, capsys):
    with pytest.raises(SystemExit, match=r"Not up to date: page.md. Run `python -m benchmarks.results`."):
        results.main(["--check"], folder, folder, SMALL)
    assert (folder / "page.md").read_text(encoding="utf-8") == MARKS
    results.main([], folder, folder, SMALL)
    results.main(["--check"], folder, folder, SMALL)
    assert capsys.readouterr().out == "Written: page.md.\nEverything is up to date.\n"
    page = folder / "page.md"
    page.write_text(page.read_text(encoding="utf-8").replace("**1.2**", "**1.1**"), encoding="utf-8")
    with pytest.raises(SystemExit):
        results.main(["--check"], folder, folder, SMALL)


def test_the_pages_are_up_to_date():
    results.main(["--check"])


def test_the_readme_has_180_lines_at_most():
    assert len((results.ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 180


def test_every_result_file_of_a_demo_is_in_a_table():
    used = {run.file for table in TABLES.values() for run in table.runs()}
    files = {path.stem for path in results.RESULTS.glob("*.json")}
    contents = {name: json.loads((results.RESULTS / f"{name}.json").read_text(encoding="utf-8")) for name in files}
    of_demos = {name for name, content in contents.items() if isinstance(content, list) or "part" not in content}
    assert of_demos - used == set()


@pytest.mark.parametrize("run", dict.fromkeys(run for table in TABLES.values() for run in table.runs()))
def test_commands_exist_and_fit_their_files(run):
    loaded = run.load(results.RESULTS)
    program, *options = shlex.split(run.command_of(loaded))
    package, _, name = program.partition(".")
    assert name in demos.names() if package == "demos" else (results.ROOT / f"{program.replace('.', '/')}.py").is_file()
    for one in loaded:
        assert one.get("name", name) == name
        if "--full" in options:
            assert one["data"] == "full"
        if "--epochs" in options:
            assert one["epochs"] == int(options[options.index("--epochs") + 1])


def test_published_numbers_are_numbers():
    rows = [row for table in TABLES.values() if isinstance(table, Table) for row in table.rows]
    assert len(rows) > 40 and all(float(text) >= 0 for row in rows for text in row.published.values())
    assert {"README.md", "docs/results.md"} == set(PAGES)
