"""Tables of results: numbers of made-up result files beside published ones, and which of them are in bold."""

import json

import pytest

from benchmarks.published.grid import Grid
from benchmarks.published.runs import Run, Unusable
from benchmarks.published.table import Measure, Number, Row, Source, Table, in_bold

ERROR, AUC = Measure("error, %", ".2f", min), Measure("ROC-AUC", ".3f", max)
PAPER, BLOG = Source("Paper", "A paper 2006."), Source("Blog", "A blog.")
RUN = Run("deep_full", "demos.deep --full")


@pytest.fixture
def results(tmp_path):
    """A folder of result files, and a function that writes one."""

    def write(content, name="deep_full"):
        (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
        return tmp_path

    return write


def run(seed=0, **metrics):
    return {"seed": seed, "epochs": 20, "seconds": 61.0, "quick": False, "stopped": None} | metrics


def test_a_row_by_hand(results):
    row = Row("784-4", ERROR, RUN, "ours", {PAPER.noted("after 9 epochs"): "3.0"}, {"PCA": "pca"}, {"noise": "noise"})
    folder = results(run(ours=2.514, pca=13.87, noise=60))
    theirs = "3.0 Paper after 9 epochs; 13.87 PCA; 60.00 noise"
    assert row.cells(folder) == ["784-4", "error, %", "**2.51**", theirs, 20, "[deep_full](#runs)"]
    assert (
        Table((row,)).markdown(folder).splitlines()[2].startswith("| 784-4 | error, % | **2.51** | 3.0 Paper after 9 ")
    )
    assert Table((row,)).sources()[0].reference == "A paper 2006."


@pytest.mark.parametrize("measure, ours, theirs, cells", [
    (ERROR, 1.184, "1.28", ("**1.18**", "1.28 Paper")), (ERROR, 2.5, "1.35", ("2.50", "**1.35** Paper")),
    (AUC, 0.961, "0.95", ("**0.961**", "0.95 Paper")), (AUC, 0.9, "0.964", ("0.900", "**0.964** Paper")),
    (ERROR, 1.404, "1.4", ("**1.40**", "**1.4** Paper")),  # equal as printed
    (AUC, 0.9, "0.90", ("**0.900**", "**0.90** Paper")),
])  # fmt: skip
def test_the_better_number_is_in_bold(measure, ours, theirs, cells, results):
    row = Row("a", measure, RUN, "ours", {PAPER: theirs})
    assert tuple(row.cells(results(run(ours=ours)))[2:4]) == cells


def test_of_several_rivals_the_best_is_in_bold_and_what_is_no_rival_never(results):
    row = Row("a", ERROR, RUN, "ours", {PAPER: "3.0", BLOG: "2.0"}, {"PCA": "pca"}, {"the floor": "floor"})
    assert row.cells(results(run(ours=2.5, pca=4, floor=0.1)))[2:4] == [
        "2.50", "3.0 Paper; **2.0** Blog; 4.00 PCA; 0.10 the floor"
    ]  # fmt: skip
    assert Row("a", ERROR, RUN, "ours", beside={"the floor": "floor"}).cells(results(run(ours=2, floor=1)))[2] == "2.00"


def test_several_runs_have_a_median_and_a_range(results):
    row = Row("a", ERROR, RUN, "ours", {PAPER: "3.0"}, {"PCA": "pca"})
    folder = results([run(k, ours=v, pca=10, seconds=50 + k) for k, v in enumerate((2.0, 9.0, 2.5))])
    assert row.cells(folder)[2:] == [
        "**2.50** (2.00 to 9.00, 3 seeds)", "3.0 Paper; 10.00 PCA", 20, "[deep_full](#runs)"
    ]  # fmt: skip


def test_where_ranges_overlap_neither_is_better(results):
    def within(name):
        return lambda study: study["runs"][name]

    row = Row("a", ERROR, RUN, within("npae"), measured={"torch": within("torch")})
    assert row.cells(results(run(runs={"npae": [1, 3], "torch": [2.5, 4]})))[2:4] == [
        "**2.00** (1.00 to 3.00, 2 seeds)", "**3.25** (2.50 to 4.00) torch"
    ]  # fmt: skip
    assert row.cells(results(run(runs={"npae": [1, 2], "torch": [2.5, 4]})))[3] == "3.25 (2.50 to 4.00) torch"


def test_a_number_of_some_of_the_runs_only(results):
    folder = results([run(0, ours=1.5, tables=2), run(1, ours=2.5)])
    assert Row("a", ERROR, RUN, "tables").cells(folder)[2] == "2.00"


def test_a_standard_error_and_epochs_of_its_own(results):
    row = Row("a", ERROR, RUN, "ours", {PAPER: "86"}, error="error", epochs=400)
    assert row.cells(results(run(ours=88.26, error=0.24)))[2:5] == ["88.26 ± 0.24", "**86** Paper", 400]


def test_without_its_file_a_row_is_not_run(tmp_path):
    row = Row("a", ERROR, RUN, "ours", {PAPER: "3.0"}, {"PCA": "pca"})
    assert row.cells(tmp_path) == ["a", "error, %", "not run", "3.0 Paper", "", "[deep_full](#runs)"]
    assert Grid("digit", RUN, lambda run: {}).markdown(tmp_path) == "Not run: `demos.deep --full`."


def test_a_missing_key_is_named_with_its_cure(results):
    wanted = r"deep_full.json has no 'theirs'. If the name has changed, .*run `demos.deep --full` again\."
    with pytest.raises(Unusable, match=wanted):
        Row("a", ERROR, RUN, "ours", measured={"PCA": "theirs"}).cells(results(run(ours=1)))


def test_a_grid_by_hand(results):
    folder = results(run(tables={"cardio": {"npae": 0.9, "PCA": 0.9501}, "wine": {"npae": 0.9, "Mahalanobis": 0.8}}))
    text = Grid("table", RUN, lambda run: run["tables"], AUC).markdown(folder)
    assert text.splitlines() == [
        "| table | npae | PCA | Mahalanobis |",
        "| --- | --- | --- | --- |",
        "| cardio | 0.900 | **0.950** |  |",
        "| wine | **0.900** |  | 0.800 |",
    ]
    texts = Grid("k", RUN, lambda run: {8: {"top-k": "29.3 (40)"}}).markdown(folder)
    assert texts.splitlines()[2] == "| 8 | 29.3 (40) |"
    with pytest.raises(Unusable, match="has no 'cells'"):
        Grid("table", RUN, lambda run: run["cells"], AUC).markdown(folder)


def test_a_grid_of_several_runs_has_the_medians(results):
    tables = [{"wine": {"npae": npae, "PCA": 0.5}} for npae in (0.4, 0.9, 0.6)]
    folder = results([run(k, tables=table) for k, table in enumerate(tables)] + [run(3)])
    text = Grid("table", RUN, lambda run: run["tables"], AUC).markdown(folder)
    assert text.splitlines()[2] == "| wine | **0.600** | 0.500 |"


def test_a_single_number_is_compared_with_nothing():
    assert in_bold([Number("1.0")], min) == [Number("1.0")]
