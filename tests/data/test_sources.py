"""Data sources: fingerprints, and the split into training and validation rows."""

import numpy as np
import pytest

from npae.data.sources import fingerprint, split

X = np.random.default_rng(0).random((100, 4))


def test_a_fingerprint_depends_on_shape_dtype_and_values():
    same = fingerprint(X)
    assert fingerprint(X.copy()) == same and same[:2] == [[100, 4], "float64"]
    others = (X[:99], X.astype("float32"), X.reshape(100, 2, 2), X + 1e-9, X[::-1])
    assert all(fingerprint(other) != same for other in others)


def test_a_fingerprint_of_a_file_is_that_of_its_array(tmp_path):
    file = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", shape=(100, 4))
    file[...] = X
    assert fingerprint(file) == fingerprint(X)
    assert fingerprint(X[:3]) == fingerprint(X[:3].copy())


def test_the_last_rows_are_for_validation():
    train, validation = split(X, 0.25)
    np.testing.assert_array_equal(np.concatenate([train, validation]), X)
    assert len(validation) == 25


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5, 1.5, 0.001, float("nan")])
def test_an_empty_part_raises(fraction):
    with pytest.raises(ValueError, match="fraction"):
        split(X, fraction)
