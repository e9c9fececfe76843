"""What every layer, loss and penalty must keep, checked in one call each; see "Contracts" in the module docstrings.

A new layer's test is three lines: make it, say what goes in, call check_layer.
"""

import copy
from functools import partial

import numpy as np

from npae import Autoencoder, gradcheck
from npae.layers import Dense
from npae.losses import SquaredError
from npae.serialization.architecture import build, describe
from tests.devices import on


def inputs(shape, seed=0, dtype=np.float64):
    """Random numbers that keep away from 0, where rectifiers have their kink."""
    x = np.random.default_rng(seed).standard_normal(shape)
    return (x + 0.05 * np.sign(x)).astype(dtype)


def made(make, dtype, device="cpu"):
    """A fresh layer with values, biases included (zeros would hide what is wrong with them)."""
    layer = make().initialize(seed=3, dtype=dtype)
    if layer.parameter_count:
        layer.theta.assign(inputs(layer.theta.size, 5, dtype) * 0.3)
    return layer.to(device)


def check_layer(make, shape, device, training=False, defined=()):
    """Everything that the contract says of a layer. make: () -> Layer; shape: of a batch x, its batch at least 2.

    defined: names of parameters whose gradient is defined, since y is piecewise constant in them: 0 is measured.
    """
    with on(device) as place:
        _derivatives(make, shape, place, training, defined)
        _values(make, shape, place, training)
        _reentrance(make, shape, place, training)
        _addition(make, shape, place, training)
        _step_waits_for_nothing(make, shape, place, training)
    _description(make, shape)
    _independence_of_samples(make, shape)


def _derivatives(make, shape, place, training, defined):
    layer = made(make, np.float64, place.name)
    for _, p in layer.named_parameters():
        p.trainable = p.name not in defined  # its gradient stays 0
    gradcheck.check_layer(layer, place.put(inputs(shape)), training=training)


def _values(make, shape, place, training):
    for dtype, tolerance in ((np.float64, 1e-13), (np.float32, 2e-6)):
        x = inputs(shape, 1, dtype)
        reference, here = made(make, dtype), made(make, dtype, place.name)
        y, cache = here.forward(place.put(x), training)
        y_cpu, cache_cpu = reference.forward(x, training)
        R = inputs(y_cpu.shape, 2, dtype)
        dx, dx_cpu = here.backward(place.put(R), cache), reference.backward(R, cache_cpu)
        assert (y.dtype, dx.dtype) == (dtype, dtype), "a layer upcasts silently"
        assert dx.shape == x.shape
        assert y_cpu.shape[1:] == reference.out_shape(shape[1:]), "out_shape is not the shape that comes out"
        np.testing.assert_allclose(place.get(y), y_cpu, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(place.get(dx), dx_cpu, rtol=tolerance, atol=tolerance)
        np.testing.assert_array_equal(x, inputs(shape, 1, dtype), "a layer modifies its input")


def _reentrance(make, shape, place, training):
    layer = made(make, np.float64, place.name)
    xs = [place.put(inputs(shape, seed)) for seed in (1, 2)]
    calls = [layer.forward(x, training) for x in xs]
    Rs = [place.put(inputs(calls[0][0].shape, seed)) for seed in (3, 4)]
    together = [place.get(layer.backward(R, cache)) for R, (_, cache) in zip(Rs, calls, strict=True)]
    for x, R, dx in zip(xs, Rs, together, strict=True):
        _, cache = layer.forward(x, training)
        np.testing.assert_array_equal(place.get(layer.backward(R, cache)), dx, "calls in one step disturb each other")


def _addition(make, shape, place, training):
    layer = made(make, np.float64, place.name)
    if not layer.parameter_count:
        return
    x = place.put(inputs(shape))
    y, cache = layer.forward(x, training)
    R = place.put(inputs(y.shape, 7))
    layer.theta.zero_grad()
    layer.backward(R, cache)
    once = place.get(layer.theta.grad).copy()
    assert np.abs(once).max() > 0, "no gradient reaches the parameters"
    layer.backward(R, cache)
    np.testing.assert_allclose(place.get(layer.theta.grad), 2 * once, rtol=1e-12, err_msg="backward must add")
    dx = layer.backward(R, cache, needs_dx=False)
    assert dx is None or dx.shape == x.shape
    layer.theta.zero_grad()
    layer.backward(R, cache, needs_dx=False)
    np.testing.assert_array_equal(place.get(layer.theta.grad), once)
    _fresh_gradients(layer, R, cache, once, place)


def _fresh_gradients(layer, R, cache, once, place):
    """Within theta.fresh_grad() backward passes add up to what they add to zeros, whatever was in theta.grad before."""
    for passes in (0, 1, 2):
        layer.theta.grad.fill(np.nan)
        with layer.theta.fresh_grad():
            for _ in range(passes):
                layer.backward(R, cache)
        fresh = place.get(layer.theta.grad)
        compare = np.testing.assert_array_equal if passes < 2 else partial(np.testing.assert_allclose, rtol=1e-12)
        compare(fresh, passes * once, err_msg="fresh_grad() does not begin at zero")
    layer.backward(R, cache)  # after the block, backward adds as before
    np.testing.assert_allclose(place.get(layer.theta.grad), 3 * once, rtol=1e-12, err_msg="backward must add")


def _step_waits_for_nothing(make, shape, place, training):
    layer = made(make, np.float32, place.name)
    x = place.put(inputs(shape, 1, np.float32))
    y, _ = layer.forward(x, training)
    R = place.put(inputs(y.shape, 2, np.float32))
    with place.no_waiting():
        _, cache = layer.forward(x, training)
        layer.backward(R, cache)


def _description(make, shape):
    layer = made(make, np.float64)
    again = build(describe(layer)).initialize(seed=9, dtype=np.float64)
    assert [n for n, _ in again.named_parameters()] == [n for n, _ in layer.named_parameters()]
    if layer.parameter_count:
        again.theta.assign(layer.theta.value)
    x = inputs(shape)
    np.testing.assert_array_equal(again(x), layer(x), "config() does not describe the layer")
    twin = copy.deepcopy(layer)
    np.testing.assert_array_equal(twin(x), layer(x))
    assert repr(layer).startswith(type(layer).__name__)


def _independence_of_samples(make, shape):
    layer, x = made(make, np.float64), inputs(shape)
    y = layer(x)
    np.testing.assert_allclose(np.concatenate([layer(x[:1]), layer(x[1:])]), y, rtol=1e-12, atol=1e-15)


def check_loss(loss, prediction, target, device, floor=0.0):
    """Everything that the contract says of a loss. prediction, target: float64 arrays of one shape (batch, features).

    floor: what the loss cannot be below for this target.
    """
    pair = prediction, target
    with on(device) as place:
        p, t = (place.put(array) for array in pair)
        gradcheck.check_loss(loss, p, t)
        value, gradient = loss.value_and_gradient(p, t)
        rows = place.get(loss.per_sample(p, t))
        assert rows.shape == (len(target),) and gradient.shape == prediction.shape
        np.testing.assert_allclose(float(value), rows.mean(), rtol=1e-12)
        assert np.abs(place.get(gradient)).max() > 0, "the loss has no gradient at default arguments"
        assert float(value) >= floor
        doubled, gradient2 = loss.value_and_gradient(*(place.put(np.concatenate([array] * 2)) for array in pair))
        np.testing.assert_allclose(float(doubled), float(value), rtol=1e-12, err_msg="not a mean over the batch")
        np.testing.assert_allclose(place.get(gradient2)[: len(target)] * 2, place.get(gradient), rtol=1e-12)
        twice, _ = loss.value_and_gradient(*(place.put(np.concatenate([array] * 2, axis=1)) for array in pair))
        np.testing.assert_allclose(float(twice), 2 * float(value), rtol=1e-12, err_msg="not a sum over features")
        p32, t32 = (place.put(array.astype(np.float32)) for array in pair)
        with place.no_waiting():
            value32, gradient32 = loss.value_and_gradient(p32, t32)
        assert gradient32.dtype == np.float32 and value32.dtype == np.float32
        np.testing.assert_allclose(float(value32), float(value), rtol=1e-5)
        for wrong in (target[:1], target[:, :1], target[0]):
            _raises(ValueError, "shape", lambda wrong=wrong: loss.value_and_gradient(p, place.put(wrong)))
        _raises(TypeError, "float32", lambda: loss.value_and_gradient(p, t32))
    again = build(describe(loss))
    assert type(again) is type(loss) and again.config() == loss.config()


def penalised(encoder, *penalties, dtype=np.float64, device="cpu"):
    """An autoencoder 6-4-6 with penalties. encoder: () -> Layer, from (B, 6) to codes (B, 4)."""
    model = Autoencoder(encoder(), Dense(4, 6), SquaredError(), penalties=penalties, dtype=dtype)
    model.theta.assign(inputs(model.theta.size, 5, dtype) * 0.3)
    return model.to(device)


def check_penalty(make, encoder, plain, device, measured=True):
    """Everything that the contract says of a penalty.

    make: λ -> Penalty; encoder: as for penalised; plain: (model, x) -> Ω, by NumPy, from values on the CPU; measured:
    False if its gradient is defined otherwise than by finite differences.
    """
    x = inputs((7, 6), 1)
    expected = 0.7 * plain(penalised(encoder), x)
    with on(device) as place:
        model, xd = penalised(encoder, make(0.7), device=place.name), place.put(x)
        value, gradient = _penalty_alone(model, xd, place)
        np.testing.assert_allclose(value, expected, rtol=1e-12, err_msg="not the value of the formula")
        term = model.penalties[0].term
        np.testing.assert_allclose(model.evaluate(xd)[term], expected, rtol=1e-12)
        np.testing.assert_allclose(float(model.backpropagate(xd)[term]), expected, rtol=1e-12)
        assert np.abs(gradient).max() > 0, "the penalty has no gradient at default arguments"
        if measured:
            gradcheck.check_gradient(
                lambda: float(model.penalties[0].value(model, *model.encoder.forward(xd))),
                {"θ": (model.theta.value, place.put(gradient))}, name=repr(model.penalties[0]),
            )  # fmt: skip
            gradcheck.check_model(model, xd)
        twice = penalised(encoder, make(1.4), device=place.name)
        for scale, m, batch, text in (
            (2, twice, x, "not λ times Ω"), (1, model, np.concatenate([x, x]), "not a mean over the batch"),
        ):  # fmt: skip
            v, g = _penalty_alone(m, place.put(batch), place)
            np.testing.assert_allclose(v, scale * value, rtol=1e-12, err_msg=text)
            np.testing.assert_allclose(g, scale * gradient, rtol=1e-9, atol=1e-14, err_msg=text)
        _penalty_adds(model, xd, place)
        _penalty_in_float32(penalised(encoder, make(0.7), dtype=np.float32, device=place.name), x, expected, place)
    again = build(describe(make(0.7)))
    assert type(again) is type(make(0.7)) and again.config() == make(0.7).config()


def _penalty_alone(model, x, place):
    """λΩ and ∂λΩ/∂θ of the model's first penalty, without the loss."""
    model.theta.zero_grad()
    h, cache = model.encoder.forward(x)
    before = place.get(h).copy()
    value, dh = model.penalties[0].value_and_gradient(model, h, cache)
    np.testing.assert_array_equal(place.get(h), before, "a penalty modifies the codes")
    if dh is not None:
        assert dh.shape == h.shape, "the gradient is not of the codes' shape"
        model.encoder.backward(dh, cache, needs_dx=False)
    return float(value), place.get(model.theta.grad).copy()


def _penalty_adds(model, x, place):
    model.theta.zero_grad()
    h, cache = model.encoder.forward(x)
    model.penalties[0].value_and_gradient(model, h, cache)
    once = place.get(model.theta.grad).copy()
    model.penalties[0].value(model, h, cache)
    np.testing.assert_array_equal(place.get(model.theta.grad), once, "value must leave gradients alone")
    model.penalties[0].value_and_gradient(model, h, cache)
    np.testing.assert_allclose(place.get(model.theta.grad), 2 * once, rtol=1e-12, err_msg="a penalty must add")
    model.theta.grad.fill(np.nan)
    with model.theta.fresh_grad():
        model.penalties[0].value_and_gradient(model, h, cache)
    np.testing.assert_array_equal(place.get(model.theta.grad), once, "fresh_grad() does not begin at zero")


def _penalty_in_float32(model, x, expected, place):
    x32 = place.put(x.astype(np.float32))
    h, cache = model.encoder.forward(x32)
    model.penalties[0].value_and_gradient(model, h, cache)
    with place.no_waiting():
        value, dh = model.penalties[0].value_and_gradient(model, h, cache)
    assert value.dtype == np.float32 and (dh is None or dh.dtype == np.float32), "a penalty upcasts silently"
    np.testing.assert_allclose(float(value), expected, rtol=1e-5)


def _raises(error, words, call):
    try:
        call()
    except error as raised:
        assert words in str(raised), f"expected a message with {words!r}, got {raised}"
    else:
        raise AssertionError(f"expected {error.__name__}: something broadcasts by accident")
