"""The pages "Coming from …": the code of npae on them runs, and so does every expression of npae in their tables."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(ROOT.glob("docs/from_*.md"))


def expressions(text):
    """The code in the last column of the tables of a page."""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [code for *_, cell in rows for code in re.findall(r"`([^`]+)`", cell)]


def run(text, name):
    """Run the blocks of a page one after the other, then its tables. Returns the names that the blocks define."""
    names = {}
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(code, name, "exec"), names)
    for code in expressions(text):
        eval(compile(code, f"{name}: {code}", "eval"), names)
    return names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_code_of_the_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    names = run(text, page.name)
    assert len(expressions(text)) >= 10
    if "codes" in names:
        assert names["codes"].shape == (500, 32)
    if "new_labels" in names:
        assert set(names["new_labels"][:90]) == {1, -1} and (names["new_labels"][90:] == -1).mean() > 0.5


def test_there_is_a_page_for_each_library():
    assert [page.stem for page in PAGES] == ["from_keras", "from_pyod", "from_pytorch"]


def test_a_wrong_expression_would_be_found():
    with pytest.raises(NameError):
        run("| old | new |\n|---|---|\n| `a` | `Dence(3)` |\n", "page")
