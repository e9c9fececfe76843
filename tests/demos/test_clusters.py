"""The demo clusters: labels of clusters, measures, and that those of the run are of its saved model."""

import numpy as np
import pytest

from npae import load, mnist

pytest.importorskip("matplotlib")

from demos import clusters  # noqa: E402 (needs matplotlib)

CERTAINTY = np.array([[0.9, 0.1, 0], [0.7, 0.2, 0.1], [0.8, 0.1, 0.1], [0.2, 0.8, 0], [0.3, 0.7, 0]])
LABELS = np.array([4, 7, 7, 2, 2])


def test_a_cluster_has_the_label_of_its_most_certain_digit_or_of_its_majority():
    heads, majority = clusters.labels_of_clusters(CERTAINTY, LABELS)
    assert heads.tolist() == [4, 2, 7]  # of rows 0, 3 and 1
    assert majority.tolist() == [7, 2, 7]  # the last cluster has no digit


def test_errors_by_hand():
    test, y = np.eye(3)[[0, 0, 1, 1]], np.array([7, 4, 2, 3])
    found = clusters.measures(CERTAINTY, LABELS, test, y)
    assert found == {"test_error_percent": 50, "majority_test_error_percent": 50, "clusters_used_count": 2}
    y[:2] = 7
    found = clusters.measures(CERTAINTY, LABELS, test, y)
    assert (found["test_error_percent"], found["majority_test_error_percent"]) == (75, 25)


def test_the_numbers_are_those_of_the_saved_model_and_of_digits_that_training_has_not_seen(quick):
    run, data = quick("clusters"), mnist(which="sample")
    model, result = load(run.out / "clusters.npz"), run.result
    y, test_y = data.train_labels[1800:2000], data.test_labels[:500]
    validation, test = (rows.reshape(-1, 784) for rows in (data.train_images[1800:2000], data.test_images[:500]))
    assert model.class_prior.size == result["clusters"] == 16
    assert result["validation_digits"] == 200
    found = clusters.measures(model.predict_proba(validation), y, model.predict_proba(test), test_y)
    assert {name: result[f"autoencoder_{name}"] for name in found} == found
    assert found["clusters_used_count"] > 8 and found["majority_test_error_percent"] < 75  # guesses: about 89
    assert 20 < result["k_means_majority_test_error_percent"] < 50
    assert "Published numbers are left out" in run.printed and "9.55" not in run.printed


def test_too_few_clusters_end_with_a_message(tmp_path):
    with pytest.raises(SystemExit, match="--clusters: expected 2 to 100, got 1"):
        clusters.main(["--quick", "--device", "cpu", "--clusters", "1", "--out", str(tmp_path)])
    assert not list(tmp_path.iterdir())
