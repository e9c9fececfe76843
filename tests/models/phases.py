"""What every phase of a model must keep, checked in one call: see npae.models.phases."""

import numpy as np

from npae import gradcheck


def check_phases(model, batch, place):
    """Each phase's ∂J/∂θ is the measured one, and no phase writes the gradient of a part that is not its own.

    model: float64, noise frozen, on the Place; batch: what backpropagate gets.
    """
    for phase in model.phases:
        gradcheck.check_model(phase, batch)
        with phase.theta.fresh_grad():
            phase.backpropagate(batch)
        gradient = place.get(phase.theta.grad).copy()
        assert np.abs(gradient).max() > 0, f"the phase {phase.name} has no gradient at default arguments"
        mark = np.full(model.theta.size, 7.0)
        model.theta.grad[...] = place.put(mark)
        with phase.theta.fresh_grad():
            phase.backpropagate(batch)
        start = phase.theta.start - model.theta.start
        mark[start : start + phase.theta.size] = gradient
        np.testing.assert_array_equal(
            place.get(model.theta.grad), mark, f"the phase {phase.name} leaks into a part that is not its own"
        )
