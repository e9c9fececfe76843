"""The proof: hand-written derivatives against finite differences.

A backward pass claims that a small step moves the objective by its inner product with the gradient. So take a random
direction u of unit length, over the input and all parameters *jointly*, and compare

    claimed   ⟨∂J/∂p, u⟩            measured   (J(p + εu) − J(p − εu)) / 2ε

The measured one is off by ε²/6 · J‴ and by rounding, about 10⁻¹⁶ J/ε: in float64 with ε = 10⁻⁵ they agree to some
nine digits where the derivative is right, and in no digit where it is wrong. A direction sees an error in any
coordinate at once; only if one fails are single coordinates tried, to name the worst.

    from npae import gradcheck, layers
    gradcheck.check_layer(layers.Dense(5, 3).initialize(seed=0, dtype="float64"), x)      # x: (batch, 5), float64

A function with a kink (ReLU) has no derivative at the kink: a measurement across one fails honestly. Take another x.
"""

import math

import numpy as np

from npae.backend import array_module, device_of, to_device


class GradientError(AssertionError):
    """A claimed derivative is not the measured one."""


def check_layer(layer, x, *, training=False, seed=0, eps=1e-5, rtol=1e-6, directions=5):
    """Check ∂J/∂x and ∂J/∂θ of J = Σ R ⊙ layer(x), with R random (not ones: a wrong softmax passes with ones).

    layer: a Layer with float64 values, or without parameters; x: a float64 batch. Returns the largest relative error.
    Raises GradientError, naming the worst coordinate, if it is above rtol; TypeError if anything is not float64.
    """
    x = x.copy()
    y, cache = layer.forward(x, training)
    R = _normal_like(y, np.random.default_rng([seed, 0]))
    theta = layer.theta if layer.parameter_count else None
    if theta is not None:
        theta.zero_grad()
    dx = layer.backward(R, cache)
    if dx.shape != x.shape:
        raise GradientError(f"{layer!r}: ∂J/∂x has shape {dx.shape}, x has {x.shape}.")
    places = {"x": (x, dx)} | ({"θ": (theta.value, theta.grad)} if theta is not None else {})
    return check_gradient(
        lambda: float((R * layer.forward(x, training)[0]).sum()),
        places, name=repr(layer), seed=seed, eps=eps, rtol=rtol, directions=directions,
    )  # fmt: skip


def check_loss(loss, z, x, *, seed=0, eps=1e-5, rtol=1e-6, directions=5):
    """Check ∂J/∂z of a Loss on float64 outputs z and targets x. Returns and raises as check_layer."""
    z = z.copy()
    _, dz = loss.value_and_gradient(z, x)
    return check_gradient(
        lambda: float(loss.value_and_gradient(z, x)[0]),
        {"z": (z, dz)}, name=repr(loss), seed=seed, eps=eps, rtol=rtol, directions=directions,
    )  # fmt: skip


def check_model(model, x, *, seed=0, eps=1e-5, rtol=1e-6, directions=5):
    """Check ∂J/∂θ of a whole model, every term of J included, on the float64 batch x. As check_layer.

    model.backpropagate(x) must give the same J each time: noise has to be frozen.
    """
    theta = model.theta

    def objective():
        theta.zero_grad()
        return sum(float(term) for term in model.backpropagate(x).values())

    objective()
    gradient = theta.grad.copy()
    return check_gradient(
        objective, {"θ": (theta.value, gradient)},
        name=type(model).__name__, seed=seed, eps=eps, rtol=rtol, directions=directions,
    )  # fmt: skip


def check_gradient(objective, places, *, name="objective", seed=0, eps=1e-5, rtol=1e-6, directions=5):
    """Check claimed gradients of any function.

    objective: () -> float, read from the arrays in `places`; places: {name: (array, claimed gradient)}, float64. The
    arrays are moved in place and put back. The error of a direction is |claimed − measured|, relative to the larger
    of |claimed| and ‖gradient‖/√n, the size that ⟨gradient, u⟩ has on average.
    """
    for place, (array, gradient) in places.items():
        if array.dtype != np.float64 or gradient.dtype != np.float64:
            raise TypeError(
                f"{name}: finite differences need float64, {place} is {array.dtype}, its gradient {gradient.dtype}. "
                "Use x.astype('float64') and initialize(dtype='float64')."
            )
    rng = np.random.default_rng([seed, 1])
    n = sum(array.size for array, _ in places.values())
    length = math.sqrt(sum(float((g * g).sum()) for _, g in places.values()))
    worst = 0.0
    for _ in range(directions):
        steps = {place: _normal_like(array, rng) for place, (array, _) in places.items()}
        norm = math.sqrt(sum(float((u * u).sum()) for u in steps.values()))
        steps = {place: u / norm for place, u in steps.items()}
        claimed = sum(float((g * steps[place]).sum()) for place, (_, g) in places.items())
        measured = _difference_quotient(objective, places, steps, eps)
        error = abs(claimed - measured) / (max(abs(claimed), length / math.sqrt(n)) or 1.0)
        if not error <= rtol:
            raise GradientError(
                f"{name}: along a random direction the gradient claims {claimed:.10g}, finite differences measure "
                f"{measured:.10g} (relative error {error:.2g} > {rtol:g}). " + _worst_coordinate(objective, places, eps)
            )
        worst = max(worst, error)
    return worst


def _difference_quotient(objective, places, steps, eps):
    before = {place: places[place][0].copy() for place in steps}
    values = []
    try:
        for sign in (+1, -1):
            for place, u in steps.items():
                places[place][0][...] = before[place] + sign * eps * u
            values.append(objective())
    finally:
        for place in steps:
            places[place][0][...] = before[place]
    return (values[0] - values[1]) / (2 * eps)


def _worst_coordinate(objective, places, eps, at_most=2000):
    """A sentence about the coordinate in which claim and measurement differ most (of the first `at_most` of each)."""
    worst = (-1.0, "")
    for place, (array, gradient) in places.items():
        for k in range(min(array.size, at_most)):
            index = np.unravel_index(k, array.shape)
            u = array_module(array).zeros_like(array)
            u[index] = 1.0
            claimed = float(gradient[index])
            measured = _difference_quotient(objective, {place: places[place]}, {place: u}, eps)
            where = f"{place}[{', '.join(map(str, index))}]"
            text = f"Worst coordinate: {where}, claimed {claimed:.10g}, measured {measured:.10g}."
            worst = max(worst, (abs(claimed - measured), text), key=lambda pair: pair[0])
    return worst[1]


def _normal_like(array, rng):
    return to_device(rng.standard_normal(array.shape), device_of(array))
