"""The autoencoder: use, contract, derivative, copies, and what a linear one must learn."""

import copy
import pickle

import numpy as np
import pytest

from npae import Autoencoder, dense_autoencoder, fit, gradcheck, layers, losses, optim

RNG = np.random.default_rng(0)
X = RNG.random((23, 12), np.float32)
LOSSES = [losses.BinaryCrossEntropy(), losses.SquaredError()]
ACTIVATIONS = [layers.Tanh, layers.Sigmoid, layers.ReLU, layers.LeakyReLU, layers.ELU, layers.SiLU, layers.Softplus]


# ---------------------------------------------------------------------- use


@pytest.mark.parametrize("batch_size", [1, 7, 23, 100])
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_results_do_not_depend_on_the_batch_size(batch_size, loss):
    model = dense_autoencoder([12, 8, 3], loss=loss)
    codes = model.encode(X)
    for use, data, shape in (
        (model.encode, X, (23, 3)), (model.decode, codes, (23, 12)), (model.reconstruct, X, (23, 12)),
        (model.reconstruction_error, X, (23,)),
    ):  # fmt: skip
        result = use(data, batch_size=batch_size)
        assert result.shape == shape and result.dtype == np.float32
        np.testing.assert_allclose(result, use(data), rtol=2e-5, atol=1e-6)
    assert model.evaluate(X, batch_size)["reconstruction"] == pytest.approx(model.evaluate(X)["reconstruction"])


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_reconstruct_is_decode_of_encode_and_the_loss_says_what_the_output_is(loss):
    model = dense_autoencoder([12, 8, 3], loss=loss)
    x_hat = model.reconstruct(X)
    np.testing.assert_allclose(model.decode(model.encode(X)), x_hat, rtol=1e-6)
    np.testing.assert_array_equal(loss.output(model(X)), x_hat)
    assert loss.__class__ is losses.SquaredError or ((x_hat > 0) & (x_hat < 1)).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, bool])
def test_input_of_any_type_is_taken(dtype):
    model = dense_autoencoder([12, 8, 3])
    data = RNG.integers(0, 256, (9, 12)).astype(np.uint8) if dtype is np.uint8 else (X[:9] > 0.5).astype(dtype)
    expected = data / np.float32(255) if dtype is np.uint8 else data.astype(np.float32)
    np.testing.assert_allclose(model.encode(data), model.encode(expected), rtol=1e-5, atol=1e-6)
    assert model.encode(data).dtype == np.float32


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_evaluate_is_the_mean_error_is_the_value_that_is_trained(loss):
    model = dense_autoencoder([12, 8, 3], loss=loss, dtype=np.float64)
    x = X.astype(np.float64)
    value = float(model.backpropagate(x)["reconstruction"])
    assert model.evaluate(x) == {"reconstruction": pytest.approx(value, rel=1e-12)}
    assert model.reconstruction_error(x).mean() == pytest.approx(value, rel=1e-12)
    summands = model.reconstruction_error(x, per_feature=True, batch_size=7)
    assert summands.shape == x.shape
    np.testing.assert_allclose(summands.sum(axis=1), model.reconstruction_error(x), rtol=1e-12)


def test_results_belong_to_the_caller_and_the_input_is_not_changed():
    model, before = dense_autoencoder([12, 8, 3]), X.copy()
    first = model.reconstruct(X)
    kept = first.copy()
    model.reconstruct(X[::-1].copy())[...] = 0
    assert (first == kept).all() and (X == before).all()


# ---------------------------------------------------------------------- as a layer


def test_it_is_a_layer_and_its_gradients_add_up():
    model = dense_autoencoder([12, 8, 3], activation=layers.Tanh, dtype=np.float64)
    x, da = X.astype(np.float64), RNG.standard_normal((23, 12))
    assert gradcheck.check_layer(model, x[:5]) < 1e-6
    a, cache = model.forward(x)
    model.theta.zero_grad()
    dx = model.backward(da, cache)
    once = model.theta.grad.copy()
    model.backward(da, cache)
    assert dx.shape == x.shape and a.shape == x.shape
    np.testing.assert_allclose(model.theta.grad, 2 * once)


def test_two_calls_may_be_differentiated_in_any_order():
    model = dense_autoencoder([12, 8, 3], activation=layers.Tanh, dtype=np.float64)
    first, second, da = X[:4].astype(float), X[4:9].astype(float), RNG.standard_normal((9, 12))
    (_, cache_1), (_, cache_2) = model.forward(first), model.forward(second)
    dx_2, dx_1 = model.backward(da[4:], cache_2), model.backward(da[:4], cache_1)
    _, cache = model.forward(X[:9].astype(float))
    np.testing.assert_allclose(np.concatenate([dx_1, dx_2]), model.backward(da, cache), atol=1e-14)


def test_backpropagate_adds_to_the_gradient():
    model = dense_autoencoder([12, 8, 3])
    model.theta.zero_grad()
    model.backpropagate(X)
    once = model.theta.grad.copy()
    model.backpropagate(X)
    np.testing.assert_allclose(model.theta.grad, 2 * once, rtol=1e-6)
    assert once.any()


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: a.__name__)
@pytest.mark.parametrize("sizes", [[12, 5], [12, 9, 7, 4]], ids=str)
def test_the_gradient_of_whole_autoencoders(loss, activation, sizes):
    model = dense_autoencoder(sizes, activation, loss=loss, dtype=np.float64, seed=2)
    model.theta.value[...] += 0.1 * np.random.default_rng(3).standard_normal(model.theta.size)  # biases off the kinks
    assert gradcheck.check_model(model, X[:6].astype(np.float64)) < 1e-6


def test_the_gradient_of_an_autoencoder_of_images():
    model = dense_autoencoder([12, 5], layers.Tanh, image_shape=(3, 4), dtype=np.float64)
    assert gradcheck.check_model(model, X[:6].reshape(-1, 3, 4).astype(np.float64)) < 1e-6


def test_a_wrong_decoder_derivative_is_found():
    class Wrong(layers.Tanh):
        def backward(self, dy, cache, needs_dx=True):
            return 1.01 * super().backward(dy, cache, needs_dx)

    del layers.Layer.registry["Wrong"]
    model = Autoencoder(layers.Dense(12, 4), layers.Sequential(Wrong(), layers.Dense(4, 12)), dtype=np.float64)
    with pytest.raises(gradcheck.GradientError):
        gradcheck.check_model(model, X[:6].astype(np.float64))


# ---------------------------------------------------------------------- θ, copies, parts


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_are_independent_and_whole(duplicate):
    model = dense_autoencoder([12, 8, 3])
    fit(model, X, epochs=1, batch_size=8, progress="none")  # everything lazy has been made
    twin = duplicate(model)
    before, expected = model.theta.value.copy(), model.reconstruct(X)
    assert (twin.reconstruct(X) == expected).all()
    fit(twin, X, epochs=2, batch_size=8, progress="none")
    assert (model.theta.value == before).all() and (twin.theta.value != before).any()
    W = twin.encoder[0].W
    assert np.shares_memory(W.value, twin.theta.value) and np.shares_memory(W.grad, twin.theta.grad)
    twin.theta.value[...] = 0
    assert not W.value.any() and (model.reconstruct(X) == expected).all()
    fit(model, X, epochs=2, batch_size=8, progress="none")
    again = duplicate(model)
    assert (again.theta.value == model.theta.value).all()


def test_training_a_copy_goes_as_training_the_original():
    model = dense_autoencoder([12, 8, 3])
    twin = copy.deepcopy(model)
    for m in (model, twin):
        fit(m, X, epochs=2, batch_size=8, progress="none")
    assert (model.theta.value == twin.theta.value).all()


def test_pretrained_parts_keep_their_values_in_a_bigger_network():
    small = dense_autoencoder([12, 3], activation=layers.Tanh)
    fit(small, X, epochs=1, batch_size=8, progress="none")
    before, codes = small.theta.value.copy(), small.encode(X)
    bigger = Autoencoder(
        layers.Sequential(*small.encoder, layers.Dense(3, 2)), layers.Sequential(layers.Dense(2, 3), *small.decoder)
    )
    assert (small.encoder(X) == codes).all()
    named = dict(bigger.named_parameters())
    assert (named["encoder.0.W"].value.ravel() == before[:36]).all() and named["encoder.1.W"].value.any()
    fit(bigger, X, epochs=1, batch_size=8, progress="none")
    assert (small.encoder(X) != codes).any()  # the parts are shared, not copied


def test_a_seed_means_a_network():
    assert (dense_autoencoder([12, 3], seed=4).theta.value == dense_autoencoder([12, 3], seed=4).theta.value).all()
    assert (dense_autoencoder([12, 3], seed=4).theta.value != dense_autoencoder([12, 3], seed=5).theta.value).any()


def test_a_model_without_values_says_what_to_call():
    model = Autoencoder(layers.Dense(4, 2), layers.Dense(2, 4), seed=None)
    with pytest.raises(RuntimeError, match="has no values yet: call initialize"):
        model.encode(np.zeros((2, 4), np.float32))


def test_what_is_not_a_loss_is_named():
    with pytest.raises(TypeError, match="dense_autoencoder: expected a loss such as losses.Binary.*, got 3"):
        dense_autoencoder([12, 3], loss=3)


@pytest.mark.parametrize("use", ["evaluate", "reconstruction_error"])
def test_targets_that_training_refuses_are_refused_after_it(use):
    with pytest.raises(ValueError, match=r"BinaryCrossEntropy: expected targets in \[0, 1\], got values from 2 to 2"):
        getattr(dense_autoencoder([12, 3]), use)(np.full((5, 12), 2.0))
    getattr(dense_autoencoder([12, 3], loss=losses.SquaredError()), use)(np.full((5, 12), 2.0))


def test_scipy_can_drive_theta():
    minimize = pytest.importorskip("scipy.optimize").minimize
    model = dense_autoencoder([12, 3], activation=layers.Tanh, loss=losses.SquaredError(), dtype=np.float64)
    x = X.astype(np.float64)

    def objective(vector):
        model.theta.assign(vector)
        with model.theta.fresh_grad():
            value = float(model.backpropagate(x)["reconstruction"])
        return value, model.theta.grad.copy()

    start = model.evaluate(x)["reconstruction"]
    result = minimize(objective, model.theta.value.copy(), jac=True, method="L-BFGS-B", options={"maxiter": 60})
    model.theta.assign(result.x)
    assert model.evaluate(x)["reconstruction"] == pytest.approx(result.fun) and result.fun < 0.5 * start


# ---------------------------------------------------------------------- what it learns


def test_a_linear_autoencoder_reaches_the_error_of_pca():
    """Baldi & Hornik 1989: the minimum of the squared error is that of the projection on the first components."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((60, 3)) @ rng.standard_normal((3, 6)) * 0.5 + 0.1 * rng.standard_normal((60, 6)) + 0.3
    smallest = 0.5 * (np.linalg.svd(x - x.mean(axis=0), compute_uv=False)[2:] ** 2).sum() / len(x)
    model = dense_autoencoder([6, 2], layers.Identity, loss=losses.SquaredError(), dtype=np.float64, seed=1)
    fit(model, x, epochs=1500, batch_size=60, optimizer=optim.Adam(0.03), schedule=optim.Cosine(1500), progress="none")
    error = model.evaluate(x)["reconstruction"]
    assert smallest <= error * (1 + 1e-9) and error == pytest.approx(smallest, rel=1e-4)
