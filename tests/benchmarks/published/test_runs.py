"""Result files: which can be used, and what is known of how they were made."""

import json

import pytest

from benchmarks.published import runs
from benchmarks.published.runs import Run, Unusable

OLD = {"seed": 0, "seconds": 2471.3, "versions": {"numpy": "2.4.6", "machine": "Linux x86_64"}}
NEW = OLD | {
    "command": "python -m demos.deep --full --seed 2 --epochs 3 --device cpu", "commit": "0123456789ab+",
    "date": "2026-11-30T16:01:02+00:00", "processor": "Deep Thought", "cores": 1,
}  # fmt: skip
RUN = Run("deep_full", "demos.deep --full")


def test_the_command_is_the_recorded_one_without_the_seed():
    assert RUN.command_of([NEW]) == "demos.deep --full --epochs 3"
    assert RUN.command_of([OLD]) == RUN.command_of([]) == "demos.deep --full"


def test_what_is_known_of_a_run():
    made = "2026-11-30, Deep Thought, 1 core, commit 0123456789ab+, NumPy 2.4.6"
    again = NEW | {"seed": 1, "seconds": 12.4}
    assert RUN.rows([NEW, again]) == [["`deep_full`", "`demos.deep --full --epochs 3`", "0, 1", "41 min", made]]
    assert RUN.rows([OLD])[0][1:] == ["`demos.deep --full`", "0", "41 min", "Linux x86_64, NumPy 2.4.6"]
    assert RUN.rows([]) == [["`deep_full`", "`demos.deep --full`", "", "", "not run"]]
    study = {"runs": {"a": {str(k): {} for k in range(10)}, "b": {"0": {}}}, "versions": OLD["versions"]}
    assert RUN.rows([study])[0][2:4] == ["0 to 9", ""]


def test_parts_of_a_demo_in_one_file_have_rows_of_their_own():
    part = NEW | {"command": "python -m demos.deep --only part", "seed": 3, "seconds": 5}
    assert [row[1:4] for row in RUN.rows([NEW, part])] == [
        ["`demos.deep --full --epochs 3`", "0", "41 min"], ["`demos.deep --only part`", "3", "5 s"]
    ]  # fmt: skip
    assert RUN.having([NEW, part | {"error": 1}], "error") == [part | {"error": 1}]


@pytest.mark.parametrize(
    "what, why", [({"quick": True}, "of a --quick run"), ({"stopped": "interrupted"}, "interrupted")]
)
def test_runs_that_are_no_results_are_refused(what, why, tmp_path):
    (tmp_path / "deep_full.json").write_text(json.dumps([OLD, OLD | what]), encoding="utf-8")
    with pytest.raises(Unusable, match=f"deep_full.json is no result: {why}. Run `demos.deep --full` to its end."):
        RUN.load(tmp_path)


def test_one_run_or_several_or_none(tmp_path):
    assert RUN.load(tmp_path) == []
    for content in (OLD, [OLD, NEW]):
        (tmp_path / "deep_full.json").write_text(json.dumps(content), encoding="utf-8")
        assert RUN.load(tmp_path) == (content if isinstance(content, list) else [content])


@pytest.mark.parametrize("seconds, text", [
    (37.7, "38 s"), (99.4, "99 s"), (99.6, "2 min"), (2471, "41 min"), (6118, "1.7 h"), (9000, "2.5 h"),
])  # fmt: skip
def test_times_as_text(seconds, text):
    assert runs.duration(seconds) == text


@pytest.mark.parametrize("seeds, text", [([0], "0"), ([0, 1], "0, 1"), ([0, 1, 2], "0 to 2"), ([0, 1, 5], "0, 1, 5")])
def test_seeds_as_text(seeds, text):
    assert runs.span(seeds) == text
