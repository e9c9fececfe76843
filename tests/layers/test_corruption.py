"""Corruption: the contract under frozen noise, what the noise is like, its streams, and the clean target."""

import copy
import math

import numpy as np
import pytest

from npae import dense_autoencoder, fit, gradcheck, layers, losses
from npae.data.minibatches import Minibatches
from npae.layers import Corruption, Dense, GaussianNoise, MaskingNoise, SaltAndPepper, Sequential, Tanh
from npae.models import Autoencoder
from npae.optim import Adam
from npae.train import Callback, Checkpoint
from npae.train.step import Step
from tests.contract import check_layer, inputs
from tests.devices import each_device, each_gpu, on
from tests.train.parallel.test_process_group import together
from tests.train.test_step import UINT8, check_that_a_step_allocates_no_arrays

KINDS = [lambda: MaskingNoise(0.3), lambda: SaltAndPepper(0.4), lambda: GaussianNoise(0.5),
         lambda: GaussianNoise(0.5, clip=(-0.5, 0.6))]  # fmt: skip
each_kind = pytest.mark.parametrize("make", KINDS, ids=lambda make: repr(make()))


def numbers(layer, shape, seed=0):
    """Random numbers as the layer draws them, in float64."""
    layer.reseed(seed)
    return layer.draw(np.empty(shape))


def frozen(make, shape=(6, 5)):
    layer = make()
    return layer.freeze(numbers(layer, shape))


# ---------------------------------------------------------------------- the contract


@each_device
@each_kind
def test_contract(make, device):
    check_layer(lambda: frozen(make), (6, 5), device, training=True)
    check_layer(lambda: frozen(make, (4, 2, 3)), (4, 2, 3), device, training=True)
    check_layer(make, (6, 5), device)


@pytest.mark.parametrize("kind, wrong", [
    (MaskingNoise(0.5), lambda self, dy, noise, y: dy),
    (SaltAndPepper(0.5), lambda self, dy, noise, y: dy * (noise >= self.fraction / 2)),
    (GaussianNoise(0.5, clip=(-0.2, 0.2)), lambda self, dy, noise, y: dy),
], ids=["mask forgotten", "salt passes", "clip forgotten"])  # fmt: skip
def test_a_wrong_backward_would_be_found_out(kind, wrong, monkeypatch):
    layer = kind.freeze(numbers(kind, (6, 5)))
    gradcheck.check_layer(layer, inputs((6, 5)), training=True)
    monkeypatch.setattr(type(layer), "gradient", wrong)
    with pytest.raises(gradcheck.GradientError):
        gradcheck.check_layer(layer, inputs((6, 5)), training=True)


def test_noise_that_is_not_frozen_would_be_found_out():
    with pytest.raises(gradcheck.GradientError):
        gradcheck.check_layer(GaussianNoise(0.5), inputs((6, 5)), training=True)


@each_device
@each_kind
def test_a_whole_denoising_autoencoder(make, device):
    with on(device) as place:
        squared_error, noise = losses.SquaredError(), frozen(make)
        model = dense_autoencoder([5, 4, 3], Tanh, loss=squared_error, dtype=np.float64, corruption=noise)
        model.to(place.name)
        gradcheck.check_model(model, place.put(inputs((6, 5))))


@each_device
@each_kind
def test_inference_leaves_x_alone(make, device):
    with on(device) as place:
        layer, x = make(), place.put(inputs((3, 4)))
        y, cache = layer.forward(x)
        assert y is x is layer(x) and layer.backward(y, cache) is y


@each_kind
def test_a_gradient_that_is_not_needed_is_not_computed(make):
    layer = make()
    y, cache = layer.forward(inputs((3, 4)), training=True)
    assert layer.backward(y, cache, needs_dx=False) is None


# ---------------------------------------------------------------------- the formulas


def test_values_are_the_formulas():
    x, dy = np.array([[0.5, 2, 3, 4]]), np.array([[10.0, 20, 30, 40]])
    u, z = np.array([[0.0, 0.1, 0.2, 0.9]]), np.array([[1.0, -1, 0, -40]])
    for layer, noise, expected, dx in [
        (MaskingNoise(0.2), u, [[0, 0, 3, 4]], [[0, 0, 30, 40]]),
        (SaltAndPepper(0.2), u, [[0, 1, 3, 4]], [[0, 0, 30, 40]]),
        (GaussianNoise(0.1), z, [[0.6, 1.9, 3, 0]], dy),
        (GaussianNoise(0.1, clip=(0.0, 2.5)), z - [[0, 0, 0, 1]], [[0.6, 1.9, 2.5, 0]], [[10, 20, 0, 0]]),
    ]:
        y, cache = layer.freeze(noise).forward(x, training=True)
        np.testing.assert_allclose(y, expected, rtol=1e-14, atol=1e-14)
        np.testing.assert_array_equal(layer.backward(dy, cache), dx)


def test_the_extremes():
    x = inputs((50, 40))
    for layer in (MaskingNoise(0), SaltAndPepper(0), GaussianNoise(0)):
        np.testing.assert_array_equal(layer.forward(x, training=True)[0], x)
    assert (MaskingNoise(1).forward(x, training=True)[0] == 0).all()
    assert set(np.unique(SaltAndPepper(1).forward(x, training=True)[0])) == {0, 1}


def within(value, expected, variance, n):
    """Is the mean of n draws of this variance where it should be, to five standard errors?"""
    return abs(value - expected) < 5 * math.sqrt(variance / n)


@each_device
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_noise_has_the_moments_it_should_have(device, dtype):
    n, x = 200 * 300, np.full((200, 300), 0.5, dtype)
    with on(device) as place:

        def corrupted(layer):
            layer.reseed([1, 2])
            y = place.get(layer.forward(place.put(x), training=True)[0])
            assert y.dtype == dtype
            return y.astype(np.float64)

        for p in (0.1, 0.5):
            y = corrupted(MaskingNoise(p))
            assert set(np.unique(y)) == {0, 0.5} and within((y == 0).mean(), p, p * (1 - p), n)
            y = corrupted(SaltAndPepper(p))
            assert set(np.unique(y)) == {0, 0.5, 1}
            for extreme in (0, 1):
                assert within((y == extreme).mean(), p / 2, p / 2 * (1 - p / 2), n)
        for std in (0.3, 2.0):  # std² would be 0.09 and 4
            z = (corrupted(GaussianNoise(std)) - 0.5) / std
            assert within(z.mean(), 0, 1, n) and within((z**2).mean(), 1, 2, n)
            assert within((z**3).mean(), 0, 15, n) and within((z**4).mean(), 3, 96, n)
        y = corrupted(GaussianNoise(0.4, clip=(0, 1)))
        outside = math.erfc(0.5 / 0.4 / math.sqrt(2)) / 2
        assert y.min() == 0 and y.max() == 1
        assert within((y == 0).mean(), outside, outside, n) and within((y == 1).mean(), outside, outside, n)


def test_the_variance_in_the_place_of_the_deviation_would_be_found_out():
    z = GaussianNoise(0.3**2).forward(np.zeros((200, 300)), training=True)[0] / 0.3
    assert not within((z**2).mean(), 1, 2, z.size)


@each_device
@each_kind
def test_pixels_and_samples_have_numbers_of_their_own(make, device):
    with on(device) as place:
        u = place.get(make().draw(place.put(np.zeros((100, 90)))))
    assert len(np.unique(u)) == u.size
    assert abs(np.corrcoef(u.T) - np.eye(90)).max() < 0.6 and abs(np.corrcoef(u) - np.eye(100)).max() < 0.6


# ---------------------------------------------------------------------- streams


@each_device
@each_kind
def test_a_seed_means_the_same_numbers_and_they_go_on(make, device):
    x = np.zeros((20, 30), np.float32)
    with on(device) as place:

        def draws(layer, seed, count=2):
            layer.reseed(seed)
            return [place.get(layer.draw(place.put(x))).copy() for _ in range(count)]

        one, other = make(), make()
        first, second = draws(one, [5, 0, 1, 0])
        assert (first != second).mean() > 0.99
        np.testing.assert_array_equal(draws(other, [5, 0, 1, 0]), [first, second])
        for seed in ([6, 0, 1, 0], [5, 1, 1, 0], [5, 0, 2, 0], [5, 0, 1, 1]):  # run, epoch, layer, process
            assert (draws(one, seed)[0] != first).mean() > 0.99
        one.reseed([5, 0, 1, 0])
        np.testing.assert_array_equal(place.get(copy.deepcopy(one).draw(place.put(x))), first)


@each_device
def test_a_layer_follows_the_data_to_another_device(device):
    layer, x = MaskingNoise(0.5), np.ones((20, 30), np.float32)
    with on(device) as place:
        at_home = layer.forward(x, training=True)[0]
        away = layer.forward(place.put(x), training=True)[0]
        assert type(away) is type(place.put(x)) and isinstance(at_home, np.ndarray)
        assert 0.3 < place.get(away).mean() < 0.7


@each_device
@each_kind
def test_a_step_neither_waits_nor_uploads(make, device):
    with on(device) as place:
        layer, x = make(), place.put(np.ones((6, 5), np.float32))
        layer.forward(x, training=True)
        with place.no_waiting():
            y, cache = layer.forward(x, training=True)
            layer.backward(y, cache)


@each_gpu
def test_a_captured_step_draws_anew_at_every_launch(device):
    with on(device) as place:
        thetas = []
        for graph in (False, True):
            model = noisy(dtype=np.float64).to(place.name)
            fit(model, X, epochs=3, batch_size=16, graph=graph, progress="none")  # giving up the graph would warn
            thetas.append(place.get(model.theta.value))
    np.testing.assert_allclose(*thetas, rtol=1e-9)


@each_kind
def test_a_step_allocates_no_arrays(make):
    step = Step(dense_autoencoder([100, 60, 30], corruption=make()), Minibatches(UINT8, 1024, seed=0), Adam())
    check_that_a_step_allocates_no_arrays(step)


X = np.random.default_rng(0).random((50, 6), np.float32)


def noisy(seed=0, **arguments):
    encoder = Sequential(MaskingNoise(0.3), GaussianNoise(0.1, clip=(0, 1)), Dense(6, 4, Tanh))
    return Autoencoder(encoder, Sequential(SaltAndPepper(0.1), Dense(4, 6)), seed=seed, **arguments)


def run(path, epochs, seed=0, run_seed=3, resume=None, callbacks=()):
    model = noisy(seed)
    fit(model, X, epochs=epochs, batch_size=16, seed=run_seed, resume=resume, progress="none",
        callbacks=[Checkpoint(path), *callbacks])  # fmt: skip
    return model.theta.value


def test_a_run_that_was_resumed_ends_with_the_bits_of_one_that_was_not(tmp_path):
    whole = run(tmp_path / "whole.npz", 5)
    run(tmp_path / "c.npz", 2)
    np.testing.assert_array_equal(run(tmp_path / "c.npz", 5, seed=9, resume=tmp_path / "c.npz"), whole)
    assert (run(tmp_path / "other.npz", 5, run_seed=4) != whole).any()


def test_a_run_that_fell_in_the_middle_of_an_epoch_repeats_it_from_its_beginning(tmp_path):
    class Fall(Callback):
        steps = 0

        def __init__(self, at):
            self.at = at

        def on_step(self, trainer):
            self.steps += 1
            if self.steps == self.at:
                raise InterruptedError

    whole = run(tmp_path / "whole.npz", 4, callbacks=[Fall(None)])
    with pytest.raises(InterruptedError):
        run(tmp_path / "c.npz", 4, callbacks=[Fall(4 * 2 + 2)])
    resumed = run(tmp_path / "c.npz", 4, resume=tmp_path / "c.npz", callbacks=[Fall(None)])
    np.testing.assert_array_equal(resumed, whole)


def test_two_processes_draw_different_noise():
    kept = {}

    class Keep(MaskingNoise):
        def draw(self, x):
            u = super().draw(x)
            kept.setdefault(self.rank, []).append(u.copy())
            return u

    def work(group):
        layer = Keep(0.5)
        layer.rank = group.rank
        model = Autoencoder(Sequential(layer, Dense(6, 3)), Dense(3, 6))
        fit(model, X, epochs=2, batch_size=50, group=group, progress="none")
        return model.theta.value

    try:
        a, b = together(2, work)
    finally:
        del layers.Layer.registry["Keep"]
    np.testing.assert_array_equal(a, b)
    noise = [u for rank in (0, 1) for u in kept[rank]]
    assert [u.shape for u in noise] == [(25, 6)] * 4
    assert all((u != v).all() for k, u in enumerate(noise) for v in noise[:k])


# ---------------------------------------------------------------------- in a model


def test_the_target_stays_clean():
    seen = {}

    class Watching(losses.SquaredError):
        def value_and_gradient(self, z, x):
            seen["target"] = x
            return super().value_and_gradient(z, x)

    try:
        dense = Dense(6, 3)
        model = Autoencoder(Sequential(MaskingNoise(1.0), dense), Dense(3, 6), Watching())
        dense.b.value[...] = 1
        model.backpropagate(X)
        assert seen["target"] is X
        assert (dense.W.grad == 0).all() and (dense.b.grad != 0).any()  # what it saw was all zero
    finally:
        del losses.Loss.registry["Watching"]


def test_every_epoch_sees_other_noise_and_evaluation_none():
    model = dense_autoencoder([6, 3], corruption=GaussianNoise(0.5))
    one, other = (float(model.backpropagate(X)["reconstruction"]) for _ in range(2))
    assert one != other
    assert model.evaluate(X) == model.evaluate(X)
    plain = dense_autoencoder([6, 3])
    plain.theta.assign(model.theta.value)
    np.testing.assert_array_equal(model.reconstruct(X), plain.reconstruct(X))


def test_denoising_learns_what_belongs_together():
    """Six copies of one number, one of them missing: the others tell it, to a model that has seen missing ones."""
    rng = np.random.default_rng(1)
    x = np.repeat(rng.random((400, 1), np.float32), 6, axis=1)
    missing = x * (np.arange(6) > 0)
    errors = {}
    for corruption in (None, MaskingNoise(0.3)):
        model = dense_autoencoder([6, 6], Tanh, loss=losses.SquaredError(), corruption=corruption)
        fit(model, x, epochs=60, batch_size=50, optimizer=Adam(0.02), progress="none")
        errors[corruption is None] = np.abs(model.reconstruct(missing) - x).mean()
    assert errors[False] < 0.6 * errors[True]


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize("call, error, words", [
    (lambda: MaskingNoise(1.1), ValueError, "fraction of MaskingNoise: expected .* at most 1, got 1.1"),
    (lambda: SaltAndPepper(-0.1), ValueError, "fraction of SaltAndPepper: expected .* least 0 .* got -0.1"),
    (lambda: MaskingNoise(math.nan), ValueError, "got nan"),
    (lambda: GaussianNoise(-1), ValueError, "std of GaussianNoise: expected a number of at least 0, got -1"),
    (lambda: GaussianNoise(math.inf), ValueError, "got inf"),
    (lambda: GaussianNoise(1, clip=(1, 0)), ValueError, "high of GaussianNoise's clip: .* above 1, got 0"),
    (lambda: GaussianNoise(1, clip=(0, 1, 2)), ValueError, "expected clip="),
    (lambda: GaussianNoise(1, clip=True), ValueError, "expected clip=.*got True"),
    (lambda: MaskingNoise(0.5).forward(np.zeros((2, 3), np.uint8), True), TypeError,
     r"MaskingNoise\(fraction=0.5\): expected x of float32 or float64, got uint8. Scale it first"),
    (lambda: dense_autoencoder([6, 3], corruption=MaskingNoise), TypeError,
     "expected a corruption such as .*, got <class"),
    (lambda: dense_autoencoder([6, 3], corruption=0.3), TypeError, "expected a corruption such as .*, got 0.3"),
])  # fmt: skip
def test_bad_arguments_are_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_new_kind_states_a_formula_and_its_derivative():
    class Speckle(Corruption):
        def draw(self, x):
            return self.stream.normal(x)

        def corrupt(self, x, noise):
            return x * (1 + noise)

        def gradient(self, dy, noise, y):
            return dy * (1 + noise)

    try:
        check_layer(lambda: frozen(Speckle), (6, 5), "cpu", training=True)
    finally:
        del layers.Layer.registry["Speckle"]
