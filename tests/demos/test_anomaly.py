"""The anomaly demo on small tables: it finds the anomalies in them, and reports what is missing."""

import gzip

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from demos import anomaly, card_payments, common, detectors  # noqa: E402
from npae.anomaly import AnomalyDetector, roc_auc  # noqa: E402
from npae.data import Table  # noqa: E402

MEASURES = card_payments.MEASURES


def odd_table(n=400, odd=40, d=6):
    """Normal rows on a plane, anomalies off it: a Mahalanobis distance cannot miss them."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 2)) @ rng.standard_normal((2, d)) + 0.05 * rng.standard_normal((n, d))
    y = np.arange(n) < odd
    x[y] += rng.standard_normal((odd, d))
    return x, y


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A folder for NPAE_DATA with one table and a few card payments."""
    x, y = odd_table()
    for name in ("adbench", "creditcard"):
        (tmp_path / "data" / name).mkdir(parents=True)
    np.savez(tmp_path / "data" / "adbench" / "1_planes.npz", X=x, y=y.astype(int))
    x, y = odd_table(d=29)
    head = "Time," + ",".join(f"V{k}" for k in range(1, 29)) + ",Amount,Class\n"
    rows = "".join(f"0,{','.join(map(str, row))},{int(c)}\n" for row, c in zip(x, y, strict=True))
    (tmp_path / "data" / "creditcard" / "creditcard_sample.csv.gz").write_bytes(gzip.compress((head + rows).encode()))
    monkeypatch.setenv("NPAE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def run(out, *options):
    return anomaly.main(["--quick", "--device", "cpu", "--out", str(out), *options])


def test_all_three_parts_are_measured(data, tmp_path, capsys):
    result = run(tmp_path / "out")
    printed = capsys.readouterr().out
    assert "unsup: ROC-AUC" in printed and "beaten" in printed and "planes" in printed
    assert "is a sample: 360 normal payments and 40 frauds are used" in printed and "Left out" not in printed
    assert result["tables_semi_mahalanobis_mean_roc_auc"] > 0.99 > result["tables_semi_npae_latent_mean_roc_auc"]
    assert result["card_semi_mahalanobis_roc_auc"] > 0.99
    rows, opponent = result["tables_semi"]["planes"], "Mahalanobis"
    beaten = rows["npae, joint"][0][0] > rows[opponent][0][0]
    assert result["tables_semi_mahalanobis_beaten_by_joint_count"] == beaten and result["tables_count"] == 1
    assert 0.6 < result["digits_npae_reconstruction_mean_roc_auc"] <= 1
    assert {len(v) for v in result["digits_roc_auc"].values()} == {2}
    assert (tmp_path / "out" / "contributions.png").read_bytes()[:4] == b"\x89PNG"
    assert "new normal rows beyond the threshold after 100 rows, intended 0.05" in printed
    assert 0 < result["threshold_npae_joint_mean_share"] < 0.12


def settings_for(out, csv=None):
    settings = common.parse("anomaly", "", 1, argv=["--quick", "--device", "cpu", "--out", str(out)])
    settings.own.csv = csv
    return settings


def test_a_table_by_its_path(data, tmp_path):
    path = (data / "creditcard" / "creditcard_sample.csv.gz").rename(tmp_path / "mine.csv.gz")
    settings = settings_for(tmp_path, path)
    card_payments.fraud(settings)
    assert settings.metrics["card_semi_mahalanobis_roc_auc"] > 0.99
    with pytest.raises(FileNotFoundError, match="credit_card: expected the file"):
        card_payments.fraud(settings_for(tmp_path))


def test_of_the_larger_sample_of_payments_the_unbiased_part_is_taken(data, tmp_path, monkeypatch):
    x, y = odd_table(d=29)
    x = np.insert(x, 0, 1e6 * np.arange(len(x)), axis=1)
    source, columns = np.where(y, 0, np.arange(len(y)) % 3), ["Time", *(f"V{k}" for k in range(1, 29)), "Amount"]
    np.savez(data / "creditcard" / card_payments.UNION, X=x, y=y, source=source, columns=np.array(columns))
    table = card_payments.payments(settings_for(tmp_path))
    assert table.names == tuple(columns[1:]) and table.y.sum() == 40 and (~table.y).sum() == 120
    np.testing.assert_array_equal(table.x, x[source == 0][:, 1:])


def test_detectors_of_other_libraries_rank_the_same_rows():
    pytest.importorskip("sklearn")
    x, y = odd_table()
    for scores in detectors.others(x[~y], x, 0).values():
        assert roc_auc(y, scores) > 0.8


def test_missing_tables_are_left_out_with_a_message(quick):
    found = quick("anomaly")
    assert not [key for key in found.result if key.startswith(("tables", "card"))]
    for message in ("Left out: adbench: expected .npz files", "Left out: credit_card: expected"):
        assert message in found.printed


def test_all_methods_see_the_same_split_which_the_seed_decides(tmp_path):
    x, y = odd_table()
    settings = settings_for(tmp_path)
    table = Table(x, y, "planes", tmp_path)
    two = detectors.compare(table, "semi", 2, settings, MEASURES)
    assert {v.shape for v in two.values()} == {(2, 3)}
    settings.seed = 1
    for name, v in detectors.compare(table, "semi", 1, settings, MEASURES).items():
        np.testing.assert_array_equal(v[0], two[name][1])
        assert not np.array_equal(two[name][0], two[name][1]) or v[0].min() == 1


def test_all_distances_come_from_one_network():
    x, _ = odd_table()
    detector = AnomalyDetector(epochs=1, folds=0).fit(x)
    four = detectors.four_distances(detector, x, x[:9])
    assert list(four) == ["npae, reconstruction", "npae, residual", "npae, latent", "npae, joint"]
    scaled = (x[:9] - detector.mean) / detector.deviation
    error = 2 * detector.model.reconstruction_error(scaled)
    np.testing.assert_allclose(four["npae, reconstruction"], error, rtol=1e-4)
    np.testing.assert_array_equal(four["npae, joint"], detector.distances(x[:9]))


def test_prepared_digits_are_blurred_and_of_equal_norm():
    dot = np.zeros((1, 28, 28), np.uint8)
    dot[0, 10, 20] = 77
    x = anomaly.prepared(np.repeat(dot.reshape(1, 784), 2, axis=0) * np.array([[1], [3]], np.uint8))
    assert x.shape == (2, 784) and x.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 10, rtol=1e-6)
    np.testing.assert_allclose(x[0], x[1], rtol=1e-5)  # the thickness of strokes does not matter
    spot = x[0].reshape(28, 28)[8:13, 18:23]
    kernel = anomaly.KERNEL / anomaly.KERNEL[2]
    np.testing.assert_allclose(spot / spot[2, 2], np.outer(kernel, kernel), rtol=1e-5)
    assert np.count_nonzero(x[0]) == 25
