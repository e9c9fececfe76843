"""Training on rows: batches of equal size, none of them a single row."""

import numpy as np
import pytest

from npae.anomaly import training


@pytest.fixture
def sizes(monkeypatch):
    """sizes(n, batch_size): the numbers of rows of the batches that `train` takes."""
    chosen = []
    monkeypatch.setattr(training, "fit", lambda model, rows, batch_size, **settings: chosen.append(batch_size))

    def of(n, batch_size, **settings):
        training.train(None, np.zeros((n, 1)), 1, batch_size, **settings)
        n -= round(n * settings.get("validation", 0))
        return [min(chosen[-1], n - k) for k in range(0, n, chosen[-1])]

    return of


@pytest.mark.parametrize("batch_size", [2, 3, 4, 5, 32, 128])
def test_no_batch_is_a_single_row(sizes, batch_size):
    for n in range(2, 1300):
        assert min(sizes(n, batch_size)) > 1, n


def test_batches_have_about_the_size_that_was_asked_for(sizes):
    assert sizes(1000, 128) == [125] * 8 and sizes(300, 128) == [100] * 3 and sizes(20, 128) == [20]
    assert sizes(993, 32) == [30] * 33 + [3]  # not 31: that leaves 1
    for n in range(100, 1300):
        assert max(sizes(n, 32)) <= 32 and len(sizes(n, 32)) <= np.ceil(n / 32) + 3, n


def test_rows_for_validation_are_not_counted(sizes):
    assert min(sizes(1103, 32, validation=0.1)) > 1  # 993 are left
    assert sizes(1000, 100, validation=0.1) == [100] * 9


def test_batches_of_one_row_are_taken_if_they_are_asked_for(sizes):
    assert sizes(7, 1) == [1] * 7
