"""The demo cells: quick runs, tables of cells that are read or refused, folds without leaks, UMAP as an extra."""

import json
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from npae import load
from npae.evaluate import neighbours_kept

pytest.importorskip("matplotlib")

from demos import cells, cells_data, reductions  # noqa: E402
from demos.baselines import PCA, neighbour_error  # noqa: E402


def table(n=120, genes=60, **changes):
    """Counts of n cells of three types, each with twenty genes of its own."""
    rng = np.random.default_rng(0)
    label = np.arange(n) % 3
    rate = 1 + 6.0 * (np.arange(genes) // (genes // 3) == label[:, None])
    found = {
        "counts": rng.poisson(rate * rng.uniform(0.5, 2, (n, 1))).astype(np.uint16), "label": label.astype(np.uint8),
        "label_names": np.array(["left", "middle", "CD19+ B"]),
    }  # fmt: skip
    return {name: value for name, value in (found | changes).items() if value is not None}


def saved(path, **changes):
    np.savez(path, **table(**changes))
    return path


@pytest.fixture
def no_umap(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)


def run(out, *options):
    return cells.main(["--quick", "--device", "cpu", "--out", str(out), *options])


def test_without_cells_it_prints_where_they_come_from_and_takes_digits(quick):
    result, printed = quick("cells").result, quick("cells").printed
    assert "NPAE_DATA is not set" in printed and "pbmc68k_reduced" in printed and "LuyiTian/sc_mixology" in printed
    assert not any(name.startswith(("blood", "cell_lines")) for name in result)
    kept, random = "digits_{}_neighbours_kept_percent", 100 * 15 / 1000
    assert result[kept.format("autoencoder_2")] > 3 * random and result[kept.format("pca_2")] > 3 * random
    assert result[kept.format("pca_10")] > 1.5 * result[kept.format("pca_2")]
    assert result["digits_pca_2_5_nearest_neighbours_accuracy_percent"] < result[
        "digits_data_5_nearest_neighbours_accuracy_percent"]  # fmt: skip


def test_a_table_of_ones_own(tmp_path, capsys, no_umap):
    result = run(tmp_path / "out", "--file", str(saved(tmp_path / "mine.npz")))
    assert json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8")) == result
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"mine.png", "mine_2.npz", "mine_10.npz", "metrics.json"}
    printed = capsys.readouterr().out
    assert "120 mine of 3 types, 60 genes" in printed
    assert "UMAP is left out: umap-learn is not installed: pip install umap-learn" in printed
    assert not any("umap" in name or name.startswith("digits") for name in result)
    for code in ("autoencoder_2", "pca_2", "autoencoder_10", "pca_10"):
        assert result[f"mine_{code}_5_nearest_neighbours_accuracy_percent"] > 95
        assert result[f"mine_{code}_silhouette"] > 0.2


def test_the_measures_are_those_of_held_out_cells(tmp_path, no_umap):
    path = saved(tmp_path / "mine.npz")
    result = run(tmp_path / "out", "--file", str(path), "--epochs", "1")
    found = cells_data._fewer(cells_data.read(path, "mine"), 200)
    assert sorted(np.bincount(found.folds)) == [60, 60]
    kept, right = [], []
    for fold in (0, 1):
        held = found.folds == fold
        x = cells_data.prepared(found.x, found.total, ~held)
        h = PCA(x[~held], 2).encode(x)
        kept.append(neighbours_kept(x[held], h[held], 15, (x[~held], h[~held])).kept)
        right.append(1 - neighbour_error(h[~held], found.label[~held], h[held], found.label[held]))
    assert result["mine_pca_2_neighbours_kept_percent"] == pytest.approx(100 * np.mean(kept))
    assert result["mine_pca_2_5_nearest_neighbours_accuracy_percent"] == pytest.approx(100 * np.mean(right))
    x = cells_data.prepared(found.x, found.total, found.folds != 0)
    assert load(tmp_path / "out" / "mine_2.npz").encode(x).shape == (120, 2)  # the network of the first fold


def test_held_out_cells_have_no_effect_on_the_preparation():
    rng = np.random.default_rng(0)
    x, total, train = rng.poisson(3.0, (50, 30)).astype(float), rng.uniform(50, 150, 50), np.arange(50) < 40
    before = cells_data.prepared(x, total, train, genes=10)
    x[45], total[46] = 1000, 1
    after = cells_data.prepared(x, total, train, genes=10)
    assert np.array_equal(before[train], after[train]) and not np.array_equal(before[45:47], after[45:47])
    assert before.shape == (50, 10) and np.abs(after).max() == cells_data.LIMIT
    np.testing.assert_allclose(before[train].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(before[train].std(axis=0), 1, rtol=1e-5)


def test_the_preparation_is_its_formula():
    x, total = np.array([[1.0, 0.0, 5.0], [2.0, 0.0, 1.0], [6.0, 0.0, 6.0]]), np.array([10.0, 20.0, 40.0])
    logs = np.log(1 + 20 * x / total[:, None])
    expected = (logs - logs.mean(axis=0)) / np.where(logs.std(axis=0) > 0, logs.std(axis=0), 1)
    np.testing.assert_allclose(cells_data.prepared(x, total, np.ones(3, bool)), expected, rtol=1e-6)
    most = np.sort(logs.var(axis=0).argsort()[::-1][:1])
    np.testing.assert_allclose(cells_data.prepared(x, total, np.ones(3, bool), genes=1), expected[:, most], rtol=1e-6)


def test_each_class_is_spread_over_all_folds():
    label = np.repeat([0, 1, 2], [50, 13, 3])
    found = cells_data.folds(label)
    for kind, n in enumerate((50, 13, 3)):
        counts = np.bincount(found[label == kind], minlength=5)
        assert counts.sum() == n and np.ptp(counts) <= 1
    assert np.array_equal(found, cells_data.folds(label)) and not np.array_equal(found, cells_data.folds(label, seed=1))


@pytest.mark.parametrize("changes, words", [
    ({"counts": None}, "expected the arrays counts or X, label and label_names, got label, label_names. Blood"),
    ({"label": np.zeros(119, int)}, r"(n, genes) numbers and (n,) labels, got (120, 60), (119,), total (120,)"),
    ({"n": 60}, "at least 100 cells, got 60"),
    ({"label": np.arange(120) % 4}, "integer labels from 0 to 2, the last of label_names, got int64 up to 3"),
    ({"label": np.ones(120, int)}, "cells of two types or more, got one"),
    ({"counts": -np.ones((120, 60))}, "counts of 0 or more and totals above 0, got counts from -1, totals from -60"),
    ({"total": np.zeros(120)}, "totals from 0. Leave such cells out"),
    ({"counts": None, "X": np.where(np.arange(7200).reshape(120, 60) == 125, np.nan, 1)}, "NaN or Inf in cell 2."),
])  # fmt: skip
def test_files_that_are_refused(changes, words, tmp_path):
    path = saved(tmp_path / "mine.npz", **changes)
    with pytest.raises(ValueError, match=re.escape(words)):
        cells_data.read(path, "mine")
    with pytest.raises(SystemExit, match="^--file: "):
        run(tmp_path / "out", "--file", str(path))


def test_what_is_no_archive_and_no_file(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 not an archive")
    with pytest.raises(ValueError, match="expected an .npz file of arrays, got: "):
        cells_data.read(tmp_path / "a.npz", "a")
    with pytest.raises(SystemExit, match="--file: .*No such file"):
        run(tmp_path / "out", "--file", str(tmp_path / "b.npz"))


def test_the_tables_of_the_folder_of_data(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "data" / cells_data.FOLDER
    folder.mkdir(parents=True)
    saved(folder / "pbmc68k_reduced.npz", X=np.log1p(table()["counts"].astype(np.float32)), counts=None)
    monkeypatch.setenv("NPAE_DATA", str(tmp_path / "data"))
    settings = SimpleNamespace(quick=True, full=False, own=SimpleNamespace(file=None))
    blood, digits = cells_data.all_samples(settings)
    assert blood.total is None and blood.names == ["left", "middle", "B"] and "10x Genomics, CC BY 4.0" in blood.credit
    assert digits.x.shape == (1200, 784) and digits.folds.tolist() == [-1] * 1000 + [0] * 200
    assert f"No cells: no file {folder / 'sc_mixology_5cl.npz'}" in capsys.readouterr().out


def test_umap_is_taken_where_it_is_installed(monkeypatch, capsys):
    class UMAP:
        def __init__(self, n_components=2, **options):
            self.k = n_components

        def fit(self, x):
            self.embedding_ = x[:, : self.k]
            return self

        def transform(self, new):
            return new[:, : self.k]

    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=UMAP))
    methods = reductions.reductions(None)
    assert list(methods) == ["autoencoder", "PCA", "UMAP"] and capsys.readouterr().out == ""
    x = np.random.default_rng(0).random((9, 4))
    h, new_h = methods["UMAP"](SimpleNamespace(seed=0), None, x, x[:3], 2, None)
    assert np.array_equal(h, x[:, :2]) and np.array_equal(new_h, x[:3, :2])


def test_the_silhouette_of_new_codes():
    codes, labels = np.array([[0.0], [2.0], [10.0], [14.0], [20.0]]), np.array([0, 0, 1, 1, 3])
    new, new_labels = np.array([[1.0], [11.0]]), np.array([0, 1])
    expected = np.mean([(11 - 1) / 11, (9 - 2) / 9])  # a = 1, b = (9 + 13)/2; a = (1 + 3)/2, b = 9 to the class 3
    assert reductions.silhouette(codes, labels, new, new_labels) == pytest.approx(expected)
    without_2 = reductions.silhouette(codes, labels, np.array([[1.0], [5.0]]), np.array([0, 2]))
    assert without_2 == pytest.approx(10 / 11)


def test_names_of_classes_do_not_overlap():
    from demos.figures.classes import _apart

    centres, sizes = np.array([[0.0, 0.0], [10.0, 2.0], [200.0, 0.0], [10.0, 2.0]]), np.full((4, 2), (50.0, 12.0))
    moved = _apart(centres.copy(), sizes)
    assert np.array_equal(moved[:, 0], centres[:, 0]) and np.array_equal(moved[2], centres[2])
    heights = np.sort(moved[[0, 1, 3], 1])
    assert np.diff(heights).min() > 11
