"""The shape of the samples that a network takes."""

import numpy as np
import pytest

from npae import dense_autoencoder, fit
from npae.export.shapes import checked_shape, sample_shape, stated_shape
from npae.layers import Conv2D, Dense, Dropout, Flatten, Sequential
from tests.export.common import normal


def test_the_first_layer_states_it_unless_one_before_it_changes_shapes():
    assert stated_shape(Sequential(Dropout(0.5), Dense(6, 3))) == (6,)
    assert stated_shape(Sequential(Flatten(), Dense(6, 3))) is None
    assert stated_shape(Conv2D(1, 2, 3)) is None and stated_shape(Dropout(0.5)) is None


def test_a_trained_model_knows_it():
    model = dense_autoencoder([6, 3], image_shape=(2, 3), loss="mse")
    with pytest.raises(ValueError, match="f: expected input_shape, the shape of one sample, .* this Autoencoder"):
        sample_shape(model, "f")
    fit(model, normal(20, 2, 3), epochs=1, progress="none")
    assert sample_shape(model, "f") == (2, 3)


def test_a_shape_of_the_caller_is_checked():
    assert checked_shape([np.int64(1), 28, 28], "f") == (1, 28, 28)
    for shape, kind in (((-1,), ValueError), ((3, 0), ValueError), ((), ValueError), (3, TypeError), ("ab", TypeError),
                        ((1.5,), TypeError)):  # fmt: skip
        with pytest.raises(kind, match="^f: "):
            checked_shape(shape, "f")
