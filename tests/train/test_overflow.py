"""Overflow of an optimizer's state ends training, with the parameter's name."""

from contextlib import nullcontext

import numpy as np
import pytest

from npae import dense_autoencoder, fit
from npae.optim import Adam
from npae.train import Callback, Diverged
from npae.train.overflow import overflowed


@pytest.mark.parametrize(("size", "fails"), [(2e19, False), (1e21, True)])
def test_a_gradient_whose_square_overflows_ends_training_with_the_parameters_name(size, fails):
    class Kick(Callback):
        """Gives Adam one gradient that leaves the parameter finite, and may leave v infinite."""

        def on_step(self, trainer):
            grad = np.zeros_like(trainer.model.theta.value)
            grad[-1] = size
            trainer.optimizer.update(trainer.model.theta.value, grad, *trainer.optimizer.coefficients())
            assert np.isfinite(trainer.model.theta.value).all()

    x, words = np.random.default_rng(0).random((8, 5), np.float32), "v of Adam at decoder.0.b became .* never move"
    with pytest.raises(Diverged, match=words) if fails else nullcontext():
        fit(dense_autoencoder([5, 2]), x, epochs=1, callbacks=Kick(), progress="none")


def test_the_parameter_of_an_infinite_moment_is_named():
    theta, optimizer = dense_autoencoder([5, 2]).theta, Adam()
    optimizer.step(theta)
    assert overflowed(optimizer, theta) is None
    places = ((0, "encoder.0.W"), (9, "encoder.0.W"), (10, "encoder.0.b"), (12, "decoder.0.W"), (26, "decoder.0.b"))
    for k, name in places:
        optimizer.state["v"][k] = np.inf
        assert overflowed(optimizer, theta) == f"v of Adam at {name}"
        optimizer.state["v"][k] = 0
    optimizer.state["m"][11] = np.nan
    assert overflowed(optimizer, theta) == "m of Adam at encoder.0.b"
