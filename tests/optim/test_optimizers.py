"""SGD, Adam, AdamW: each update against its textbook form, against PyTorch, and on each device."""

import math

import numpy as np
import pytest

from npae.backend.formulas import on_numpy
from npae.layers import Dense
from npae.optim import SGD, Adam, AdamW, Optimizer
from npae.serialization.architecture import build, describe
from tests.devices import each_device, on

MAKE = {
    "sgd": lambda: SGD(0.1),
    "momentum": lambda: SGD(0.1, momentum=0.9),
    "nesterov": lambda: SGD(0.1, momentum=0.9, nesterov=True),
    "adam": lambda: Adam(0.01),
    "adam_betas": lambda: Adam(0.02, beta1=0.5, beta2=0.9, eps=1e-3),
    "adamw": lambda: AdamW(0.01, weight_decay=0.1),
}
each_optimizer = pytest.mark.parametrize("name", MAKE)


def gradients(steps=6, n=8):
    return np.random.default_rng(1).standard_normal((steps, n)) * np.logspace(-3, 2, n)


def textbook(optimizer, theta, g, memory):
    """The update as the papers write it, in plain arrays; memory: t, and the optimizer's state by its names."""
    t = memory["t"] = memory.get("t", 0) + 1
    if isinstance(optimizer, SGD):
        if not optimizer.momentum:
            return theta - optimizer.lr * g
        u = memory["u"] = optimizer.momentum * memory.get("u", 0) + g
        return theta - optimizer.lr * (g + optimizer.momentum * u if optimizer.nesterov else u)
    b1, b2 = optimizer.beta1, optimizer.beta2
    m = memory["m"] = b1 * memory.get("m", 0) + (1 - b1) * g
    v = memory["v"] = b2 * memory.get("v", 0) + (1 - b2) * g * g
    if isinstance(optimizer, AdamW):
        theta = theta - optimizer.lr * optimizer.weight_decay * theta
    return theta - optimizer.lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + optimizer.eps)


def layer_of(n, dtype="float64", device="cpu"):
    layer = Dense(n // 2 - 1, 2).initialize(dtype=dtype, device=device)
    assert layer.theta.size == n
    return layer


def set_gradient(layer, g):
    layer.theta.grad[...] = g


@each_device
@each_optimizer
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 2e-5)])
def test_the_update_is_the_textbooks(name, device, dtype, tolerance):
    optimizer, memory = MAKE[name](), {}
    with on(device) as place:
        layer = layer_of(8, dtype, place.name)
        theta = place.get(layer.theta.value).astype("float64")
        for g in gradients():
            theta = textbook(optimizer, theta, g, memory)
            set_gradient(layer, place.put(g.astype(dtype)))
            with place.no_waiting():
                optimizer.step(layer.theta)
            np.testing.assert_allclose(place.get(layer.theta.value), theta, rtol=tolerance, atol=tolerance)
            for state in optimizer.state_names:
                np.testing.assert_allclose(place.get(optimizer.state[state]), memory[state], rtol=tolerance)
        assert all(v.dtype == dtype for v in optimizer.state.values())
        assert {"t", *optimizer.state_names} == set(memory) and optimizer.t == memory["t"] == 6


@each_device
@each_optimizer
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_without_a_gradient_the_state_becomes_0_and_never_subnormal(name, device, dtype):
    optimizer, smallest = MAKE[name](), np.finfo(dtype).smallest_normal
    with on(device) as place:
        layer = layer_of(8, dtype, place.name)
        optimizer.prepare(layer.theta.value)
        for vector in optimizer.state.values():
            vector[...] = 1.05 * smallest
        set_gradient(layer, 0)
        for _ in range(60):  # 0.999^60 = 0.94
            optimizer.step(layer.theta)
            for vector in optimizer.state.values():
                found = np.abs(place.get(vector))
                assert np.all((found == 0) | (found >= smallest))
        assert all(not place.get(vector).any() for vector in optimizer.state.values())


def test_the_state_has_the_names_of_the_papers():
    assert Adam.state_names == AdamW.state_names == ("m", "v")
    assert SGD(momentum=0.9).state_names == ("u",) and SGD().state_names == ()


@pytest.mark.parametrize("t", [1, 2, 1000])
def test_the_coefficients_of_a_step(t):
    """What changes from step to step beside the arrays: (η √c₂/c₁, ε √c₂, 1 − ηλ), c₁ = 1 − β₁ᵗ, c₂ = 1 − β₂ᵗ."""
    sgd, adam, adamw = SGD(0.1, momentum=0.9), Adam(0.02, 0.5, 0.9, 1e-3), AdamW(0.02, 0.5, 0.9, 1e-3, weight_decay=0.1)
    sgd.t = adam.t = adamw.t = t
    c1, c2 = 1 - 0.5**t, 1 - 0.9**t
    expected = 0.02 * math.sqrt(c2) / c1, 1e-3 * math.sqrt(c2)
    assert sgd.coefficients() == (0.1,)
    assert adam.coefficients() == pytest.approx(expected, rel=1e-14)
    assert adamw.coefficients() == pytest.approx((*expected, 1 - 0.02 * 0.1), rel=1e-14)
    assert all(type(number) is float for number in (*sgd.coefficients(), *adamw.coefficients()))


@pytest.mark.parametrize("lr", [1e-3, 0.5])
def test_the_first_step_of_adam_has_the_length_of_the_learning_rate(lr):
    """m̂ = g and v̂ = g² at t = 1, so that every parameter moves by η, whatever the size of its gradient."""
    layer, optimizer = layer_of(8), Adam(lr, eps=1e-30)
    before = layer.theta.value.copy()
    set_gradient(layer, gradients()[0])
    optimizer.step(layer.theta)
    np.testing.assert_allclose(before - layer.theta.value, lr * np.sign(gradients()[0]), rtol=1e-9)


@each_optimizer
def test_the_update_is_pytorchs(name):
    torch = pytest.importorskip("torch")
    ours = MAKE[name]()
    layer = layer_of(8)
    p = torch.nn.Parameter(torch.from_numpy(layer.theta.value.copy()))
    kind = dict.fromkeys(("sgd", "momentum", "nesterov"), torch.optim.SGD) | {"adamw": torch.optim.AdamW}
    options = {k: v for k, v in ours.config().items() if k not in ("beta1", "beta2")}
    if isinstance(ours, Adam):
        options["betas"] = (ours.beta1, ours.beta2)
    theirs = kind.get(name, torch.optim.Adam)([p], **options)
    for g in gradients():
        set_gradient(layer, g)
        ours.step(layer.theta)
        p.grad = torch.from_numpy(g.copy())
        theirs.step()
        np.testing.assert_allclose(layer.theta.value, p.detach().numpy(), rtol=1e-10, atol=1e-12)


@each_optimizer
def test_large_vectors_go_through_blocks_and_threads_alike(name, monkeypatch):
    """Blocks and threads must not change the result: 600,002 parameters against the textbook."""
    monkeypatch.setattr(on_numpy, "SHARE", 1)
    optimizer, memory, layer = MAKE[name](), {}, layer_of(600_002, "float64")
    theta, rng = layer.theta.value.copy(), np.random.default_rng(0)
    for _ in range(2):
        g = rng.standard_normal(layer.theta.size)
        theta = textbook(optimizer, theta, g, memory)
        set_gradient(layer, g)
        optimizer.step(layer.theta)
    np.testing.assert_allclose(layer.theta.value, theta, rtol=1e-11, atol=1e-13)


@each_optimizer
def test_minimises_a_quadratic(name):
    layer, optimizer = layer_of(8), MAKE[name]()
    layer.theta.value[...] = 1.0
    for _ in range(300):
        set_gradient(layer, layer.theta.value)  # J = ½‖θ‖²
        optimizer.step(layer.theta)
    assert np.abs(layer.theta.value).max() < 0.05


@each_optimizer
def test_described_and_built_again(name):
    optimizer = MAKE[name]()
    again = build(describe(optimizer))
    assert type(again) is type(optimizer) and again.config() == optimizer.config()
    assert isinstance(again, Optimizer) and repr(again) == repr(optimizer)


@each_device
def test_state_follows_theta(device):
    optimizer, layer = Adam(), layer_of(8)
    set_gradient(layer, np.ones(8))
    optimizer.step(layer.theta)
    with on(device) as place:
        layer.to(place.name)
        set_gradient(layer, place.put(np.ones(8)))
        optimizer.step(layer.theta)
        assert all(type(v) is type(layer.theta.value) for v in optimizer.state.values())
    assert optimizer.t == 2


def test_another_network_is_refused():
    optimizer = Adam()
    for n in (8, 10):
        layer = layer_of(n)
        set_gradient(layer, np.ones(n))
        if n == 10:
            with pytest.raises(ValueError, match="1 steps on 8 parameters and cannot go on with 10: make"):
                optimizer.step(layer.theta)
        else:
            optimizer.step(layer.theta)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SGD(0), "lr of SGD: expected a number above 0, got 0"), (lambda: Adam(-1), "lr of Adam: .* got -1"),
        (lambda: Adam(math.nan), "lr of Adam: .* got nan"), (lambda: SGD(momentum=1), "momentum of SGD: .* below 1"),
        (lambda: SGD(nesterov=True), "needs a momentum"), (lambda: Adam(beta1=1), "beta1"),
        (lambda: Adam(eps=0), "eps of Adam"), (lambda: AdamW(weight_decay=-1), "weight_decay of AdamW: .* least 0"),
    ],
)  # fmt: skip
def test_impossible_arguments(make, words):
    with pytest.raises(ValueError, match=words):
        make()
