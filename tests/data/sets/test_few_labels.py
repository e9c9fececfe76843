"""Few labels: equally many of every class, chosen by the seed; labelled rows repeated up to the given share."""

import numpy as np
import pytest

from npae.data import hide_labels, oversample_labelled

Y = np.random.default_rng(0).integers(0, 5, 400)
X = np.arange(400.0)[:, None]


@pytest.mark.parametrize("n", [1, 10, 13, 50, 400])
def test_equally_many_labels_of_every_class_are_kept(n):
    y = hide_labels(Y, n, seed=3)
    known = y >= 0
    assert y.shape == Y.shape and known.sum() == n and set(y[~known]) <= {-1}
    np.testing.assert_array_equal(y[known], Y[known])
    counts = np.bincount(y[known], minlength=5)
    assert n == 400 or counts.max() - counts.min() <= 1
    np.testing.assert_array_equal(y, hide_labels(Y, n, seed=3))
    assert n == 400 or (y != hide_labels(Y, n, seed=4)).any()


def test_labels_of_any_integers_and_lists():
    for labels in (Y.astype(np.uint8), list(Y)):
        np.testing.assert_array_equal(hide_labels(labels, 10), hide_labels(Y, 10))


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.9])
def test_labelled_rows_are_the_given_share_of_all(share):
    y = hide_labels(Y, 10)
    again, labels = oversample_labelled(X, y, share)
    known = labels >= 0
    assert share <= known.mean() < share + 10 / len(labels)  # and not repeated once too often
    rows = again[:, 0].astype(int)
    np.testing.assert_array_equal(labels, y[rows])
    times = np.bincount(rows, minlength=400)
    assert (times[y < 0] == 1).all() and len(set(times[y >= 0])) == 1


@pytest.mark.parametrize("y", [Y, np.full(400, -1), hide_labels(Y, 300)], ids=["all", "none", "enough"])
def test_rows_are_repeated_only_if_needed(y):
    again, labels = oversample_labelled(X, y)
    np.testing.assert_array_equal(again, X)
    np.testing.assert_array_equal(labels, y)


def test_wrong_arguments_raise():
    with pytest.raises(ValueError, match="n of at most 400, the number of labels, got 401"):
        hide_labels(Y, 401)
    with pytest.raises(ValueError, match="n of hide_labels: expected 1 or more, got 0"):
        hide_labels(Y, 0)
    for share in (0, 1, -1):
        with pytest.raises(ValueError, match="share of oversample_labelled: expected a number above 0"):
            oversample_labelled(X, Y, share)
    with pytest.raises(ValueError, match="expected labels of shape"):
        oversample_labelled(X, Y[:5])
