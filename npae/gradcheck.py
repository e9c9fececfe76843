"""Gradient check: hand-written derivatives against finite differences.

Let p be all numbers that J depends on, the input's and the parameters'. If the gradient ∂J/∂p of a backward pass is
right, a short step εu changes J by ε times the inner product ⟨∂J/∂p, u⟩. So take a random u of unit length and compare

    claimed   ⟨∂J/∂p, u⟩            measured   (J(p + εu) − J(p − εu)) / 2ε

The measured quotient is off by ε²/6 · J‴ (derivatives along u) and by rounding, about 10⁻¹⁶ J/ε. In float64 with
ε = 10⁻⁵ the two agree to some nine digits if the gradient is right, and in no digit if it is wrong. One direction moves
all coordinates at once, and so shows an error in any. Only if it fails, single ones are tried, to name the worst.

    npae.gradcheck.check_layer(npae.layers.Dense(5, 3).initialize(seed=0, dtype="float64"), x)    # x: (batch, 5)

At a kink (ReLU) J has no derivative, and a right gradient fails if one lies within ε of p. But where J is smooth,

    (J(p ± εu) − J(p)) / ±ε = J′ ± ε/2 J″ + ε²/6 J‴ ± …              the slope to the right (+) and to the left (−)

so the mean of both, which is the quotient above, stays as ε halves, and their difference halves. Across a kink, one of
these is not so. If a direction fails, both are measured again with ε/2, to name a kink rather than the gradient.
"""

import warnings
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, TypeAlias

import numpy as np

from npae.backend import Array, array_module, as_float, as_int, device_of, to_device

Places: TypeAlias = Mapping[str, tuple[Array, Array]]  # {name: (an array that J depends on, its claimed gradient)}


class GradientError(AssertionError):
    """The gradient of a backward pass differs from finite differences, or J is such that they cannot check it."""


class KinkError(GradientError):
    """J has a kink or a jump where the gradient is to be checked."""


def check_layer(layer: Any, x: Array, *, training: bool = False, seed: int = 0, **how: Any) -> float:
    """Check ∂J/∂x and ∂J/∂θ of J = Σ R ⊙ layer(x), R random. (R = 1 would make J of a softmax constant.)

    Args:
        layer: a Layer with float64 values, or without parameters.
        x: a float64 batch.
        training: run the layer as in training?
        seed: of R and of the directions.
        **how: eps, rtol and directions. These, the result and the errors are those of check_gradient.

    Example:
        >>> import numpy as np
        >>> from npae.gradcheck import check_layer
        >>> from npae.layers import Dense
        >>> layer = Dense(5, 3, "tanh").initialize(seed=0, dtype="float64")
        >>> x = np.random.default_rng(0).normal(size=(4, 5))
        >>> check_layer(layer, x) < 1e-6
        True
    """
    x, theta = x.copy(), layer.theta if layer.parameter_count else None
    y, cache = layer.forward(x, training)
    seed = as_int(seed, "seed of gradcheck", least=0, most=None)
    R = _normal_like(y, np.random.default_rng([seed, 0]))
    if theta is not None:
        theta.zero_grad()
    dx = layer.backward(R, cache)
    if dx.shape != x.shape:
        raise GradientError(f"{layer!r}: ∂J/∂x has shape {dx.shape}, x has {x.shape}.")
    places: Places = {"x": (x, dx)} | ({"θ": (theta.value, theta.grad)} if theta is not None else {})
    return check_gradient(
        lambda: float((R * layer.forward(x, training)[0]).sum()), places, name=repr(layer), seed=seed, **how
    )


def check_loss(loss: Any, prediction: Array, target: Array, **how: Any) -> float:
    """Check ∂J/∂prediction of a loss.

    Args:
        loss: a Loss.
        prediction: a float64 batch of network outputs.
        target: what the loss compares it with.
        **how: eps, rtol, directions and seed. These, the result and the errors are those of check_gradient.

    Example:
        >>> import numpy as np
        >>> from npae.gradcheck import check_loss
        >>> from npae.losses import SquaredError
        >>> prediction, target = np.random.default_rng(0).random((2, 4, 5))
        >>> check_loss(SquaredError(), prediction, target) < 1e-6
        True
    """
    prediction = prediction.copy()
    places = {"prediction": (prediction, loss.value_and_gradient(prediction, target)[1])}
    return check_gradient(lambda: float(loss.value_and_gradient(prediction, target)[0]), places, name=repr(loss), **how)


def check_model(model: Any, x: Any, *, tries: int = 3, **how: Any) -> float:
    """Check ∂J/∂θ of a model, all terms of J. Freeze its noise before.

    At a kink it warns and checks near by, at θ + n/100 with n ~ N(0, 1). θ is put back.

    Args:
        model: a Model of one phase, with float64 values.
        x: a float64 batch, or what else the model is trained on.
        tries: how often to check near by, at most.
        **how: as for check_loss.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder
        >>> from npae.gradcheck import check_model
        >>> model = dense_autoencoder([5, 2], dtype="float64")
        >>> x = np.random.default_rng(0).random((4, 5))
        >>> check_model(model, x) < 1e-6
        True
    """
    theta, before = model.theta, model.theta.value.copy()
    with theta.fresh_grad():
        model.backpropagate(x)
    places = {"θ": (theta.value, theta.grad.copy())}
    try:
        return check_gradient(
            lambda: sum(map(float, model.backpropagate(x).values())), places, name=type(model).__name__, **how
        )
    except KinkError as kink:
        if tries < 1:
            raise
        warnings.warn(f"{kink} Checked near by instead.", stacklevel=2)
        theta.value[...] += _normal_like(before, np.random.default_rng(tries)) / 100
        return check_model(model, x, tries=tries - 1, **how)
    finally:
        theta.value[...] = before


def check_gradient(objective: Callable[[], float], places: Places, *, name: str = "objective", seed: int = 0,
                   eps: float = 1e-5, rtol: float = 1e-6, directions: int = 5) -> float:  # fmt: skip
    """Check claimed gradients of any function. Returns the largest error.

    The error of a direction is |claimed − measured|, relative to the larger of |claimed| and ‖gradient‖/√n, the root
    mean square of ⟨gradient, u⟩ over u.

    Args:
        objective: J, a function without arguments, computed from the arrays in `places`.
        places: {name: (array, claimed gradient)}, float64. The arrays are moved in place and put back.
        name: of the objective, for messages.
        seed: of the directions.
        eps: ε, the length of a step.
        rtol: the largest error that is allowed.
        directions: how many are tried.

    Raises GradientError, naming the worst coordinate, if the error is above rtol; KinkError at a kink; TypeError if
    anything is not float64.

    Example:
        >>> import numpy as np
        >>> from npae.gradcheck import check_gradient
        >>> x = np.array([1.0, 2.0, 3.0])
        >>> check_gradient(lambda: float((x**3).sum()), {"x": (x, 3 * x**2)}) < 1e-6
        True
    """
    eps, rtol = as_float(eps, "eps of gradcheck", above=0), as_float(rtol, "rtol of gradcheck", least=0)
    directions = as_int(directions, "directions of gradcheck", least=1)
    seed = as_int(seed, "seed of gradcheck", least=0, most=None)
    for place, (array, gradient) in places.items():
        if array.dtype != np.float64 or gradient.dtype != np.float64:
            raise TypeError(
                f"{name}: finite differences need float64, {place} is {array.dtype}, its gradient {gradient.dtype}. "
                "Use x.astype('float64') and initialize(dtype='float64')."
            )
    rng, worst, n = np.random.default_rng([seed, 1]), 0.0, sum(array.size for array, _ in places.values())
    usual = (sum(float((g * g).sum()) for _, g in places.values()) / n) ** 0.5  # ‖gradient‖/√n
    for _ in range(directions):
        u = {place: _normal_like(array, rng) for place, (array, _) in places.items()}
        norm = sum(float((v * v).sum()) for v in u.values()) ** 0.5
        u = {place: v / norm for place, v in u.items()}
        claimed = sum(float((g * u[place]).sum()) for place, (_, g) in places.items())
        measured, _ = _on_both_sides(objective, places, u, eps)
        error = abs(claimed - measured) / (max(abs(claimed), usual) or 1.0)
        if not error <= rtol:
            _check_smoothness(objective, places, u, eps, abs(claimed - measured), name)
            raise GradientError(
                f"{name}: along a random direction the gradient claims {claimed:.10g}, finite differences measure "
                f"{measured:.10g} (relative error {error:.2g} > {rtol:g}). " + _worst_coordinate(objective, places, eps)
            )
        worst = max(worst, error)
    return worst


def _on_both_sides(objective, places, u, eps):
    """The difference quotient of J along u, and J(p + εu) + J(p − εu)."""
    before, values = {place: places[place][0].copy() for place in u}, []
    try:
        for sign in (+1, -1):
            for place, v in u.items():
                places[place][0][...] = before[place] + sign * eps * v
            values.append(objective())
    finally:
        for place in u:
            places[place][0][...] = before[place]
    return (values[0] - values[1]) / (2 * eps), values[0] + values[1]


def _check_smoothness(objective, places, u, eps, error, name):
    """Raise GradientError if J is random, or a kink accounts for a quarter or more of error = |claimed − measured|."""
    J = objective()
    if abs(objective() - J) > 1e-12 * abs(J):
        raise GradientError(f"{name}: J differs between two calls. Freeze its noise: layer.freeze(layer.draw(x)).")
    (q, total), (q_half, total_half) = [_on_both_sides(objective, places, u, h) for h in (eps, eps / 2)]
    bend, bend_half = (total - 2 * J) / eps, (total_half - 2 * J) / (eps / 2)  # slope to the right − to the left
    if max(abs(q - q_half), abs(bend - 2 * bend_half)) > error / 4:
        raise KinkError(
            f"{name}: J has a kink or a jump within ε = {eps:g} of here: along a random direction its slope is "
            f"{q + bend / 2:.7g} to the right and {q - bend / 2:.7g} to the left, and does not settle as ε halves. "
            "Take another x or seed. (Biases of 0 can keep units at a kink: add small random numbers to theta.value.)"
        )


def _worst_coordinate(objective, places, eps, at_most=2000):
    """A sentence about the coordinate where claim and measurement differ most (of `at_most` of each, spread evenly)."""
    found = []
    for place, (array, gradient) in places.items():
        for index in islice(np.ndindex(array.shape), 0, None, max(1, -(-array.size // at_most))):
            u = array_module(array).zeros_like(array)
            u[index] = 1.0
            claimed = float(gradient[index])
            measured, _ = _on_both_sides(objective, {place: places[place]}, {place: u}, eps)
            text = f"Worst coordinate: {place}{list(index)}, claimed {claimed:.10g}, measured {measured:.10g}."
            found.append((abs(claimed - measured), text))
    return max(found)[1]


def _normal_like(array, rng):
    return to_device(rng.standard_normal(array.shape), device_of(array))
