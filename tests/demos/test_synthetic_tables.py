"""Synthetic tables: their sizes, and that each kind of anomaly is what it is called."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from demos import anomaly, synthetic_tables  # noqa: E402
from demos.synthetic_tables import NORMAL, ODD, SIZES, suite, table  # noqa: E402


def test_the_suite_has_every_pair_in_every_size():
    tables = dict(suite())
    assert len(tables) == len(NORMAL) * len(ODD) * len(SIZES) == 60
    for name, t in tables.items():
        normal, odd, n = name.split()
        assert normal in NORMAL and odd in ODD and (~t.y).sum() == int(n) and np.isfinite(t.x).all()
        assert t.x.shape[1] == dict(SIZES)[int(n)]
        assert round(t.y.sum() / int(n), 1) in (0, 0.1, 0.3)
    again, other = dict(suite()), dict(suite(1, SIZES[:1]))
    name = "curved local 250"
    assert np.array_equal(again[name].x, tables[name].x) and not np.array_equal(other[name].x, tables[name].x)


def kind(odd, normal="gaussian"):
    """(normal rows, anomalies), in standard deviations of the normal rows."""
    t = table("t", normal, odd, 2000, 12, 0.3, np.random.default_rng(0))
    x = (t.x - t.x[~t.y].mean(axis=0)) / t.x[~t.y].std(axis=0)
    return x[~t.y], x[t.y]


def test_anomalies_of_each_kind_differ_from_normal_rows_as_described():
    normal, local = kind("local")
    assert np.abs(local.std(axis=0) - 1).max() < 0.15  # their size is usual
    assert (np.linalg.eigvalsh(np.cov(local.T))[:6] > 2 * np.linalg.eigvalsh(np.cov(normal.T))[:6]).all()
    _, shuffled = kind("dependency")
    assert np.abs(shuffled.std(axis=0) - 1).max() < 0.15
    change = np.abs(np.corrcoef(shuffled.T) - np.corrcoef(normal.T))
    assert (change.max(axis=1) > 0.2).sum() >= 4
    _, cluster = kind("cluster")
    assert cluster.std(axis=0).max() < 0.5 < np.linalg.norm(cluster.mean(axis=0))
    _, spread = kind("global")
    correlations = np.corrcoef(spread.T)[np.triu_indices(12, 1)]
    assert np.abs(correlations).max() < 0.2
    _, faulty = kind("feature")
    assert np.abs(faulty).max(axis=1).mean() > np.abs(normal).max(axis=1).mean() + 0.5


def test_curved_rows_lie_on_a_surface_of_few_dimensions():
    s = synthetic_tables.signal("curved", 4000, 12, np.random.default_rng(0))
    distance = np.linalg.norm(s - s[0], axis=1)
    near = s[np.argsort(distance)[:60]]
    local, whole = (np.linalg.svd(x - x.mean(axis=0), compute_uv=False) ** 2 for x in (near, s))
    assert local[:2].sum() > 0.9 * local.sum() and whole[:2].sum() < 0.7 * whole.sum()


def test_the_joint_distance_is_the_best_of_the_four_even_in_a_quick_run(tmp_path):
    result = anomaly.main(["--quick", "--only", "synthetic", "--device", "cpu", "--out", str(tmp_path)])
    assert not [key for key in result if key.startswith(("digits", "tables", "card"))]
    for how in ("unsup", "semi"):
        auc = {name: result[f"synthetic_{how}_npae_{name}_mean_roc_auc"]
               for name in ("reconstruction", "residual", "latent", "joint")}  # fmt: skip
        assert max(auc, key=auc.get) == "joint"
        assert len(result[f"synthetic_{how}"]) == 20
