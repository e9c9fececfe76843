"""Restricted Boltzmann machines: the density by enumeration, CD-1 as it is defined, and what it does to ln p(v)."""

import itertools

import numpy as np
import pytest

from npae import Checkpoint, fit, gradcheck, load, optim, save
from npae.layers import Identity, Sigmoid
from npae.models import RBM
from npae.penalties import L1, WeightDecay
from tests.devices import each_device, on

N, M = 4, 3
RNG = np.random.default_rng(0)
STATES = np.array(list(itertools.product((0.0, 1.0), repeat=N)))  # all 2⁴ vectors v
HIDDEN_STATES = np.array(list(itertools.product((0.0, 1.0), repeat=M)))
DATA = STATES[[0, 3, 3, 12, 12, 15]]
KINDS = {"binary": "sigmoid", "Gaussian": "linear"}
each_kind = pytest.mark.parametrize("kind", KINDS)


def machine(kind="binary", n=N, m=M, scale=0.8, **arguments):
    model = RBM(n, m, KINDS[kind], dtype="float64", **arguments)
    model.theta.assign(scale * np.random.default_rng(1).standard_normal(model.theta.size))
    return model


def parameters(model):
    return model.encoder.W.value, model.encoder.b.value, model.decoder.b.value


def energy(model, v, h):
    """E(v, h) of the docstring, a number; with ½ ‖h‖² for Gaussian units."""
    W, c, b = parameters(model)
    return -v @ W @ h - b @ v - c @ h + (0.5 * h @ h if isinstance(model.encoder.activation, Identity) else 0.0)


def probabilities(model):
    """p(v) of all states."""
    F = model.free_energy(STATES)
    return np.exp(-F) / np.exp(-F).sum()


def log_likelihood(model, data=DATA):
    """The mean of ln p(v), exact."""
    F = model.free_energy(STATES)
    return float(-model.free_energy(data).mean() - np.log(np.exp(-F).sum()))


# ---------------------------------------------------------------------- the density


def test_conditionals_and_free_energy_of_binary_units_follow_from_the_energy():
    model = machine()
    joint = np.exp([[-energy(model, v, h) for h in HIDDEN_STATES] for v in STATES])  # (16, 8)
    np.testing.assert_allclose(np.exp(-model.free_energy(STATES)), joint.sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(model.encode(STATES), joint @ HIDDEN_STATES / joint.sum(axis=1)[:, None], rtol=1e-12)
    np.testing.assert_allclose(
        model.decode(HIDDEN_STATES), joint.T @ STATES / joint.sum(axis=0)[:, None], rtol=1e-12, atol=1e-15
    )


def test_conditionals_and_free_energy_of_gaussian_units_follow_from_the_energy():
    model = machine("Gaussian", m=1)
    h, step = np.linspace(-20, 20, 4001, retstep=True)
    joint = np.exp([[-energy(model, v, np.array([x])) for x in h] for v in STATES])  # the integral over h as a sum
    total = joint.sum(axis=1)
    np.testing.assert_allclose(np.exp(-model.free_energy(STATES)), total * step / np.sqrt(2 * np.pi), rtol=1e-10)
    np.testing.assert_allclose(model.encode(STATES)[:, 0], joint @ h / total, rtol=1e-8)
    spread = joint @ h**2 / total - (joint @ h / total) ** 2
    np.testing.assert_allclose(spread, 1, rtol=1e-8)


@each_kind
def test_hidden_units_are_samples_of_their_conditional(kind):
    model = machine(kind)
    mean = np.tile(model.encode(STATES[5:6]), (40_000, 1))
    h = model.hidden.sample(mean)
    np.testing.assert_allclose(h.mean(axis=0), mean[0], atol=0.02)
    if kind == "binary":
        assert set(np.unique(h)) == {0.0, 1.0}
    else:
        np.testing.assert_allclose(h.var(axis=0), 1, atol=0.03)


# ---------------------------------------------------------------------- the gradient of ln p, and CD-1


@each_kind
def test_the_gradient_of_the_likelihood_is_a_difference_of_two_expectations(kind):
    """The engine's ∂F/∂θ of the data, minus its mean under the exact p(v), against finite differences of ln p."""
    model = machine(kind)
    with model.theta.fresh_grad():
        model.add_free_energy_gradient(DATA, model.encode(DATA), 1 / len(DATA))
        for v, p in zip(STATES, probabilities(model), strict=True):
            model.add_free_energy_gradient(v[None], model.encode(v[None]), -p)
    places = {"θ": (model.theta.value, model.theta.grad.copy())}
    assert gradcheck.check_gradient(lambda: -log_likelihood(model), places) < 1e-6


def reconstructed(model, v, numbers):
    """(h, v′) of CD-1, by NumPy."""
    W, c, b = parameters(model)
    a = v @ W + c
    binary = isinstance(model.encoder.activation, Sigmoid)
    h = (numbers < 1 / (1 + np.exp(-a))).astype(float) if binary else a + numbers
    return h, 1 / (1 + np.exp(-(h @ W.T + b)))


def by_loops(model, v, numbers):
    """(∂W, ∂c, ∂b) of the docstring, number by number."""
    W, c, _ = parameters(model)
    phi = (lambda a: 1 / (1 + np.exp(-a))) if isinstance(model.encoder.activation, Sigmoid) else (lambda a: a)
    _, v_1 = reconstructed(model, v, numbers)
    dW, dc, db = np.zeros_like(W), np.zeros(W.shape[1]), np.zeros(len(W))
    for rows, sign in ((v, -1), (v_1, 1)):
        for row in rows:
            mean = phi(row @ W + c)
            for k, j in np.ndindex(W.shape):
                dW[k, j] += sign * row[k] * mean[j] / len(v)
            dc += sign * mean / len(v)
            db += sign * row / len(v)
    return dW, dc, db


@each_device
@each_kind
def test_cd_1_is_what_its_definition_says(kind, device):
    model, v = machine(kind), RNG.random((6, N))
    numbers = model.hidden.draw(model.encode(v)).copy()
    expected = by_loops(model, v, numbers)
    _, v_1 = reconstructed(model, v, numbers)
    entropy = -(v * np.log(v_1) + (1 - v) * np.log(1 - v_1)).sum(axis=1).mean()
    with on(device) as place:
        model.to(place.name)
        model.hidden.freeze(place.put(numbers))
        model.theta.grad.fill(np.nan)
        with model.theta.fresh_grad():
            terms = model.backpropagate(place.put(v))
        grads = [place.get(p.grad) for p in (model.encoder.W, model.encoder.b, model.decoder.b)]
    for grad, by_hand in zip(grads, expected, strict=True):
        np.testing.assert_allclose(grad, by_hand, rtol=1e-12, atol=1e-15)
    assert {name: float(value) for name, value in terms.items()} == {"reconstruction": pytest.approx(entropy)}


@each_kind
def test_with_v_1_fixed_cd_1_is_the_gradient_of_a_difference_of_free_energies(kind):
    model, v = machine(kind), RNG.random((6, N))
    numbers = model.hidden.draw(model.encode(v)).copy()
    _, v_1 = reconstructed(model, v, numbers)
    model.hidden.freeze(numbers)
    with model.theta.fresh_grad():
        model.backpropagate(v)
    places = {"θ": (model.theta.value, model.theta.grad.copy())}
    J = lambda: float((model.free_energy(v) - model.free_energy(v_1)).mean())  # noqa: E731
    assert gradcheck.check_gradient(J, places) < 1e-6


def test_cd_1_is_not_the_gradient_of_what_is_recorded():
    model = machine()
    model.hidden.freeze(model.hidden.draw(model.encode(DATA)))
    with pytest.raises(AssertionError, match="RBM"):
        gradcheck.check_model(model, DATA)


@each_kind
def test_cd_1_points_down_hill_of_the_likelihood(kind):
    """Its mean over many samples has a positive product with the exact gradient, though it is another vector."""
    model = machine(kind, scale=0.3)
    with model.theta.fresh_grad():
        model.add_free_energy_gradient(DATA, model.encode(DATA), 1 / len(DATA))
        for v, p in zip(STATES, probabilities(model), strict=True):
            model.add_free_energy_gradient(v[None], model.encode(v[None]), -p)
    exact = model.theta.grad.copy()
    with model.theta.fresh_grad():
        model.backpropagate(np.tile(DATA, (2000, 1)))
    cosine = model.theta.grad @ exact / np.linalg.norm(exact) / np.linalg.norm(model.theta.grad)
    assert 0.5 < cosine < 0.9999


def test_the_gradients_of_penalties_are_added():
    plain, penalised = machine(), machine(penalties=[WeightDecay(0.1), L1(0.2)])
    gradients = []
    for model in (plain, penalised):
        model.hidden.freeze(model.hidden.draw(model.encode(DATA)) * 0 + 0.5)
        with model.theta.fresh_grad():
            terms = model.backpropagate(DATA)
        gradients.append(model.theta.grad.copy())
    assert list(terms) == ["reconstruction", "weight_decay", "l1"]
    W, c, _ = parameters(plain)
    h = plain.encode(DATA)
    da = 0.2 * h * (1 - h) / len(DATA)
    expected = np.concatenate([(0.1 * W + DATA.T @ da).ravel(), da.sum(axis=0), np.zeros(N)])
    np.testing.assert_allclose(gradients[1] - gradients[0], expected, rtol=1e-10, atol=1e-14)


# ---------------------------------------------------------------------- training


@each_kind
def test_the_likelihood_rises_when_cd_1_trains(kind):
    """Four vectors of 16, two of them twice as often: the best ln p is minus the entropy, −1.33."""
    model, data = RBM(N, 8, KINDS[kind], dtype="float64"), np.tile(DATA, (20, 1))
    before = log_likelihood(model)
    fit(model, data, epochs=150, batch_size=20, optimizer=optim.SGD(0.1, momentum=0.5), progress="none")
    assert before < -2.7 and log_likelihood(model) > before + 0.9
    assert probabilities(model)[[0, 3, 12, 15]].sum() > 0.7


@each_device
def test_it_trains_on_every_device_and_the_reconstruction_improves(device):
    x = np.repeat(np.eye(8, dtype=np.uint8) * 255, 25, axis=0)
    with on(device) as place:
        model = RBM(8, 6).to(place.name)
        history = fit(model, x, validation=x[::9], epochs=20, batch_size=20, optimizer=optim.Adam(0.02),
                      progress="none")  # fmt: skip
    assert history["loss"][-1] < 0.7 * history["loss"][0] and history["val_loss"][-1] < 0.7 * history["val_loss"][0]


def test_a_resumed_run_ends_with_the_same_bits(tmp_path):
    x = RNG.random((50, N), np.float32)
    whole, resumed, file = RBM(N, M), RBM(N, M), tmp_path / "run.npz"
    for model, epochs, more in ((whole, 4, {}), (RBM(N, M), 2, {"callbacks": Checkpoint(file)}),
                                (resumed, 4, {"callbacks": Checkpoint(file), "resume": file})):  # fmt: skip
        fit(model, x, epochs=epochs, batch_size=20, optimizer=optim.SGD(0.1, 0.9), progress="none", **more)
    np.testing.assert_array_equal(resumed.theta.value, whole.theta.value)


def test_each_epoch_draws_other_hidden_units_and_the_seed_decides():
    x = RNG.random((50, N), np.float32)
    a, b, c = (RBM(N, M) for _ in range(3))
    for model, seed in ((a, 1), (b, 1), (c, 2)):
        fit(model, x, epochs=2, batch_size=50, seed=seed, progress="none")  # one batch of all rows
    assert a.draws == (a.hidden,)
    np.testing.assert_array_equal(a.theta.value, b.theta.value)
    assert (a.theta.value != c.theta.value).any()


@each_kind
def test_it_is_saved_and_loaded(kind, tmp_path):
    model = machine(kind)
    save(tmp_path / "rbm.npz", model)
    again = load(tmp_path / "rbm.npz")
    assert repr(again) == repr(model) == f"RBM(4 -> 3 {kind})"
    np.testing.assert_array_equal(again.free_energy(STATES), model.free_energy(STATES))
    np.testing.assert_array_equal(again.reconstruct(STATES), model.reconstruct(STATES))


# ---------------------------------------------------------------------- what cannot be right


def test_other_hidden_units_are_refused():
    with pytest.raises(ValueError, match=r'RBM: expected hidden units "sigmoid" \(binary\) or "linear".*Tanh'):
        RBM(4, 3, "tanh")
    with pytest.raises(ValueError, match="unknown activation"):
        RBM(4, 3, "sigmoidal")


def test_data_beyond_0_and_1_are_refused():
    for use in (lambda x: fit(RBM(N, M), x, epochs=1, progress="none"), RBM(N, M).free_energy):
        with pytest.raises(ValueError, match=r"expected targets in \[0, 1\]"):
            use(3.0 * DATA)


def test_a_target_is_refused():
    with pytest.raises(TypeError, match="RBM: expected data alone, got a target beside them"):
        fit(RBM(N, M), DATA, target=DATA, epochs=1, progress="none")
