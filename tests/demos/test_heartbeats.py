"""The demo of heartbeats: its loss, its thresholds, and what it finds in artificial and in given beats."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from demos import heartbeat_data, heartbeats  # noqa: E402
from npae.gradcheck import check_loss  # noqa: E402


def settings(quick=False, seed=0):
    return SimpleNamespace(quick=quick, seed=seed)


def test_artificial_beats_are_judged_without_any_file(quick):
    found = quick("heartbeats")
    assert "there is no ecg5000/ecg5000.npz in $NPAE_DATA" in found.printed and "published" not in found.printed.lower()
    assert {p.name for p in found.out.iterdir()} == {"beats.png", "metrics.json"}
    assert json.loads((found.out / "metrics.json").read_text(encoding="utf-8")) == found.result
    ours = {measure: found.result[f"npae_joint_distance_{measure}"] for measure in heartbeats.COLUMNS}
    assert min(ours.values()) > 0.9
    theirs = found.result["the_tutorial_s_network_and_threshold_roc_auc"]
    assert theirs > 0.9 and len(found.result["npae_joint_distance_splits"]) == 2


def test_given_beats_are_taken_in_random_order(tmp_path, monkeypatch, capsys):
    (tmp_path / "ecg5000").mkdir()
    made = heartbeat_data.artificial(1200, 1)
    order = np.argsort(made.y, kind="stable")
    np.savez(tmp_path / "ecg5000" / "ecg5000.npz", X=made.x[order], y=made.y[order])
    monkeypatch.setenv("NPAE_DATA", str(tmp_path))
    table = heartbeat_data.heartbeats(settings(quick=True))
    assert len(table.x) == 1000 and 0.35 < table.y.mean() < 0.45
    assert f"{(~table.y).sum()} normal and {table.y.sum()} abnormal heartbeats" in capsys.readouterr().out
    np.savez(tmp_path / "ecg5000" / "ecg5000.npz", X=made.x[:, :100], y=made.y)
    with pytest.raises(ValueError, match=r"ecg5000\.npz: expected beats of 140 numbers, got 100"):
        heartbeat_data.heartbeats(settings())


def test_artificial_beats_are_standardised_and_of_two_classes():
    table = heartbeat_data.artificial(500, 0)
    np.testing.assert_allclose([table.x.mean(axis=1), table.x.std(axis=1)], [np.zeros(500), np.ones(500)], atol=1e-9)
    assert table.y.sum() == 200
    again, other = (heartbeat_data.artificial(500, seed).x for seed in (0, 1))
    assert np.array_equal(again, table.x) and not np.array_equal(other, table.x)
    early = table.x[:, 47:60].max(axis=1)  # the R wave of normal beats
    assert np.median(early[~table.y]) > 3


def test_no_abnormal_beat_is_trained_on_and_none_is_judged_twice():
    beats = heartbeat_data.artificial(500, 0)
    normal, test, odd = heartbeats.split(beats, 3)
    rows = {tuple(row): k for k, row in enumerate(beats.x)}
    trained, judged = ([rows[tuple(row)] for row in part] for part in (normal, test))
    assert not beats.y[trained].any() and not set(trained) & set(judged)
    assert len(test) == 100 == len(set(judged)) and np.array_equal(beats.y[judged], odd)
    assert len(normal) == 300 - (~odd).sum()


def test_the_absolute_error_is_its_formula_and_its_derivative():
    rng = np.random.default_rng(0)
    a, x = rng.normal(size=(3, 5)), rng.random((3, 5))
    loss = heartbeats.AbsoluteError()
    assert check_loss(loss, a, x) < 1e-6
    x_hat = 1 / (1 + np.exp(-a))
    assert loss.value_and_gradient(a, x)[0] == pytest.approx(np.abs(x_hat - x).sum(axis=1).mean(), rel=1e-12)
    np.testing.assert_allclose(loss.output(a), x_hat, rtol=1e-12)


def test_measures_by_hand():
    odd = np.array([False, False, False, True, True])
    scores = np.array([1.0, 2, 5, 4, 6])
    assert heartbeats.measures(odd, scores, 3) == {
        "roc_auc": pytest.approx(5 / 6), "accuracy": 0.8, "precision": 1, "recall": pytest.approx(2 / 3), "found": 1,
    }  # fmt: skip
    assert heartbeats.measures(odd, scores, 0)["precision"] == 0  # no beat passes
    assert heartbeats.beyond(np.array([1.0, 3.0])) == 3
