"""Tied weights: the contract, one W with two gradients, and the tie through copies, files and devices."""

import copy
import itertools

import numpy as np
import pytest

from npae import dense_autoencoder, gradcheck, load, losses, save
from npae.data.minibatches import Minibatches
from npae.layers import Dense, ReLU, Sequential, Tanh, TiedDense, initializers
from npae.models import Autoencoder, data_dependent_init
from npae.optim import Adam
from npae.train.step import Step
from tests.contract import check_layer, inputs, made
from tests.devices import each_device, on
from tests.layers.test_dense import each_kind
from tests.train.test_step import UINT8, check_that_a_step_allocates_no_arrays


def tied_pair(dtype=np.float64):
    encoder = Dense(5, 3, Tanh)
    return Sequential(encoder, TiedDense(encoder)).initialize(seed=1, dtype=dtype)


@each_device
@each_kind
@pytest.mark.parametrize("sizes", [(5, 3), (1, 4), (4, 1)])
def test_contract(sizes, activation, device):
    check_layer(lambda: TiedDense(Dense(*sizes), activation), (6, sizes[1]), device)


@each_device
def test_contract_of_both_together(device):
    check_layer(lambda: tied_pair(), (6, 5), device)


def test_value_and_gradients_are_the_formulas():
    dense = Dense(2, 3)
    layer = TiedDense(dense).initialize(dtype="float64")
    dense.W.value[...] = [[1, 2, 3], [4, 5, 6]]
    layer.b.value[...] = [10, 20]
    h, dy = np.array([[1.0, 0, 0], [0, 1, 1]]), np.array([[1.0, 0], [2, 3]])
    y, cache = layer.forward(h)
    np.testing.assert_array_equal(y, [[11, 24], [15, 31]])
    dh = layer.backward(dy, cache)
    np.testing.assert_array_equal(dense.W.grad, dy.T @ h)
    np.testing.assert_array_equal(layer.b.grad, [3, 3])
    np.testing.assert_array_equal(dh, [[1, 2, 3], [14, 19, 24]])


@each_device
def test_untied_it_computes_the_same_with_weights_of_its_own(device):
    with on(device) as place:
        pair = made(tied_pair, np.float32, place.name)
        h, tied = place.put(inputs((4, 3), dtype=np.float32)), pair[1]
        own = tied.untied()
        assert type(own) is Dense and repr(own) == "Dense(3 -> 5)" and own.W is not tied.W
        assert own.W.value.dtype == np.float32 and type(own.W.value) is type(tied.W.value)
        expected = place.get(tied(h))
        np.testing.assert_allclose(place.get(own(h)), expected, rtol=1e-6)
        tied.W.value.fill(0)
        np.testing.assert_allclose(place.get(own(h)), expected, rtol=1e-6)


@each_device
@each_kind
def test_the_activation_within_is_the_activation_as_a_layer(device, activation):
    """Bit for bit, forward and backward."""
    with on(device) as place:
        within = made(lambda: TiedDense(Dense(5, 3), activation), np.float64, place.name)
        linear = made(lambda: TiedDense(Dense(5, 3)), np.float64, place.name)
        phi = within.activation
        h, dy = place.put(inputs((4, 3))), place.put(inputs((4, 5), 1))
        y, cache = within.forward(h)
        a, linear_cache = linear.forward(h)
        y_apart, phi_cache = phi.forward(a)
        np.testing.assert_array_equal(place.get(y), place.get(y_apart))
        dh, dh_apart = within.backward(dy, cache), linear.backward(phi.backward(dy, phi_cache), linear_cache)
        np.testing.assert_array_equal(place.get(dh), place.get(dh_apart))
        np.testing.assert_array_equal(place.get(within.theta.grad), place.get(linear.theta.grad))


def test_its_activation_is_its_own():
    dense = Dense(5, 3, "relu")
    assert repr(TiedDense(dense)) == "TiedDense(3 -> 5)"
    assert repr(TiedDense(dense, "sigmoid")) == "TiedDense(3 -> 5, Sigmoid())"
    assert TiedDense(dense, Tanh).W.initializer is initializers.he_uniform  # W is the encoder's, and so are its values


# ---------------------------------------------------------------------- one W


@each_device
def test_the_gradient_of_a_whole_tied_autoencoder(device):
    with on(device) as place:
        model = dense_autoencoder([6, 5, 3], Tanh, tied=True, loss=losses.SquaredError(), seed=2, dtype=np.float64)
        model.to(place.name)
        gradcheck.check_model(model, place.put(inputs((7, 6))))


@pytest.mark.parametrize("loses", ["the encoder's part", "the decoder's part"])
def test_half_of_the_gradient_would_be_found_out(loses, monkeypatch):
    layer = TiedDense if loses == "the decoder's part" else Dense
    backward = layer.backward

    def forgetful(self, dy, cache, needs_dx=True):
        W = self.W.grad.copy() if self.W.grad_is_set else 0
        dx = backward(self, dy, cache, needs_dx)
        self.W.grad[...] = W
        return dx

    monkeypatch.setattr(layer, "backward", forgetful)
    model = dense_autoencoder([6, 3], Tanh, tied=True, loss=losses.SquaredError(), dtype=np.float64)
    with pytest.raises(gradcheck.GradientError):
        gradcheck.check_model(model, inputs((7, 6)))


def test_the_gradient_is_the_same_in_whatever_order_the_parts_are_called():
    x, h = inputs((4, 5), 1), inputs((4, 3), 2)
    dense = Dense(5, 3)
    tied = TiedDense(dense)
    theta = Sequential(dense, tied).initialize(dtype=np.float64).theta
    gradients = []
    for order in itertools.permutations([(dense, x, h), (tied, h, x), (tied, -h, x)]):
        theta.zero_grad()
        calls = [(layer, dy, layer.forward(given)[1]) for layer, given, dy in order]
        for layer, dy, cache in calls:
            layer.backward(dy, cache)
        gradients.append(theta.grad.copy())
    assert np.abs(gradients[0]).max() > 0
    for g in gradients:
        np.testing.assert_allclose(g, gradients[0], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(dense.W.grad, x.T @ h + x.T @ h - x.T @ h, rtol=1e-12, atol=1e-14)


def test_W_lies_once_in_theta_wherever_it_is_met_first():
    dense = Dense(5, 3)
    for network, names in [
        (Sequential(dense, TiedDense(dense)), ["0.W", "0.b", "1.b"]),
        (Sequential(TiedDense(dense), dense), ["0.W", "0.b", "1.b"]),
        (Sequential(TiedDense(dense), TiedDense(dense)), ["0.W", "0.b", "1.b"]),
    ]:
        assert [name for name, _ in network.named_parameters()] == names
        assert network.parameter_count == network.initialize().theta.size
        network[0].W.value[...] = 7
        assert (network[1].W.value == 7).all()


# ---------------------------------------------------------------------- the tie holds


def assert_tied(model):
    encoder = [layer for layer in model.encoder if isinstance(layer, Dense)]
    decoder = [layer for layer in model.decoder if isinstance(layer, TiedDense)]
    assert [layer.dense for layer in decoder] == encoder[::-1]
    for dense, tied in zip(encoder, decoder[::-1], strict=True):
        before = tied.W.value.copy()
        dense.W.value[...] += 1
        assert (tied.W.value != before).all()
        dense.W.value[...] = before


def test_a_dense_autoencoder_ties_every_layer_to_its_mirror_image():
    model = dense_autoencoder([6, 4, 2], Tanh, tied=True)
    assert repr(model.decoder) == "Sequential(TiedDense(2 -> 4, Tanh()), TiedDense(4 -> 6))"
    assert [name for name, _ in model.named_parameters()] == [
        "encoder.0.W", "encoder.0.b", "encoder.1.W", "encoder.1.b", "decoder.0.b", "decoder.1.b",
    ]  # fmt: skip
    assert model.parameter_count == 6 * 4 + 4 * 2 + (4 + 2) + (4 + 6)
    assert_tied(model)
    *table, total, _ = model.summary().splitlines()
    assert f"{model.parameter_count} parameters" in total
    assert sum(int(line.split()[-1]) for line in table[3:-1] if line.split()[-1].isdecimal()) == model.parameter_count


@each_device
def test_a_file_a_copy_a_device_and_a_dtype_keep_the_tie(device, tmp_path):
    x = inputs((5, 6), dtype=np.float32)
    with on(device) as place:
        model = dense_autoencoder([6, 4, 2], Tanh, tied=True, seed=3).to(place.name)
        save(tmp_path / "m.npz", model)
        for other in (load(tmp_path / "m.npz", place.name), copy.deepcopy(model), model):
            np.testing.assert_array_equal(place.get(other(place.put(x))), place.get(model(place.put(x))))
            assert other.theta.size == model.theta.size
            assert_tied(other.to("cpu"))
            assert_tied(other.astype("float64"))
            other.astype("float32").to(place.name)
        clone = copy.deepcopy(model)
        clone.theta.value[...] = 0
        assert float(abs(model.theta.value).max()) > 0, "a copy shares its weights with the model"


def test_a_decoder_alone_is_a_network_too():
    dense = Dense(6, 4)
    decoder = Sequential(TiedDense(dense, ReLU)).initialize(seed=1)
    assert decoder.parameter_count == 6 * 4 + 6 and decoder(np.ones((2, 4), np.float32)).shape == (2, 6)


def test_data_dependent_init_scales_W_for_the_encoder_only():
    model = dense_autoencoder([8, 6, 3], Tanh, Tanh, tied=True, dtype=np.float64)
    x = np.random.default_rng(0).random((200, 8)) * 3
    data_dependent_init(model, x)
    np.testing.assert_allclose(np.arctanh(model.encoder(x)).std(axis=0), 1, rtol=1e-9)  # of the pre-activations
    assert (model.decoder[0].b.value == 0).all() and (model.decoder[1].b.value == 0).all()


def test_a_tied_step_allocates_no_arrays():
    step = Step(dense_autoencoder([100, 60, 30], tied=True), Minibatches(UINT8, 1024, seed=0), Adam())
    check_that_a_step_allocates_no_arrays(step)


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize("what", [Tanh(), "encoder", None, TiedDense(Dense(3, 2))])
def test_only_a_dense_layer_can_be_tied_to(what):
    with pytest.raises(TypeError, match="TiedDense: expected the Dense layer whose weights it shares, got"):
        TiedDense(what)


def test_codes_of_another_size_are_named():
    layer = TiedDense(Dense(5, 3)).initialize()
    with pytest.raises(ValueError, match=r"TiedDense\(3 -> 5\): expected x of shape \(batch, 3\), got \(2, 5\)"):
        layer.forward(np.zeros((2, 5), np.float32))


def test_an_autoencoder_of_one_shared_layer_still_learns():
    dense = Dense(6, 3)
    model = Autoencoder(Sequential(dense), Sequential(TiedDense(dense)), losses.SquaredError(), dtype=np.float64)
    x = np.random.default_rng(1).random((20, 6))
    before, optimizer = model.evaluate(x)["reconstruction"], Adam(0.02)
    for _ in range(100):
        with model.theta.fresh_grad():
            model.backpropagate(x)
        optimizer.step(model.theta)
    assert model.evaluate(x)["reconstruction"] < 0.5 * before
