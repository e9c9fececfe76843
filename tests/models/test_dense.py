"""The dense autoencoder of a list of sizes."""

import numpy as np
import pytest

from npae import dense_autoencoder, layers, losses, variational_autoencoder


def test_the_decoder_is_the_encoder_in_a_mirror():
    model = dense_autoencoder([6, 4, 2])
    assert repr(model.encoder) == "Sequential(Dense(6 -> 4, ReLU()), Dense(4 -> 2))"
    assert repr(model.decoder) == "Sequential(Dense(2 -> 4, ReLU()), Dense(4 -> 6))"
    assert isinstance(model.loss, losses.BinaryCrossEntropy) and model.theta.value.dtype == np.float32


@pytest.mark.parametrize("loss", [None, "bce", "mse", losses.SquaredError, losses.GaussianNLL()])
def test_the_code_is_linear_by_default_whatever_the_loss(loss):
    """A rectified code loses every negative number."""
    model = dense_autoencoder([6, 4, 2], layers.Tanh, loss=loss)
    assert repr(model.encoder) == "Sequential(Dense(6 -> 4, Tanh()), Dense(4 -> 2))"
    assert repr(dense_autoencoder([6, 2], loss=loss).encoder) == "Sequential(Dense(6 -> 2))"
    x = np.random.default_rng(0).random((20, 6), np.float32)
    np.testing.assert_allclose(model.encode(-x), -model.encode(x), rtol=1e-5)  # tanh is odd, and the biases are 0


@pytest.mark.parametrize(("loss", "expected"), [
    (None, "BinaryCrossEntropy()"), ("bce", "BinaryCrossEntropy()"), ("mse", "SquaredError()"),
    ("squared_error", "SquaredError()"), (losses.SquaredError, "SquaredError()"),
    (losses.GaussianNLL(0.5), "GaussianNLL(std=0.5)"),
])  # fmt: skip
def test_a_loss_is_a_name_a_class_or_an_instance(loss, expected):
    assert repr(dense_autoencoder([6, 2], loss=loss).loss) == expected


def test_the_code_may_have_its_own_activation():
    model = dense_autoencoder([6, 4, 2], layers.Tanh, code_activation=layers.Identity)
    assert repr(model.encoder) == "Sequential(Dense(6 -> 4, Tanh()), Dense(4 -> 2))"
    assert repr(dense_autoencoder([6, 4, 2], "tanh", "linear").encoder) == repr(model.encoder)
    model = dense_autoencoder([6, 4, 2], layers.Tanh, layers.Sigmoid)
    assert repr(model.encoder[-1]) == "Dense(4 -> 2, Sigmoid())" and repr(model.decoder[0]) == "Dense(2 -> 4, Tanh())"


@pytest.mark.parametrize("shape", [(3, 4), (1, 3, 4), [12]])
def test_images_in_and_images_out(shape):
    model = dense_autoencoder([12, 5, 2], image_shape=shape)
    images = np.random.default_rng(0).integers(0, 256, (7, *shape)).astype(np.uint8)
    assert model.reconstruct(images).shape == images.shape and model.encode(images).shape == (7, 2)
    assert model.decode(model.encode(images)).shape == images.shape
    assert model.reconstruction_error(images).shape == (7,)
    rows = dense_autoencoder([12, 5, 2])
    np.testing.assert_allclose(
        rows.reconstruct(images.reshape(7, 12)), model.reconstruct(images).reshape(7, 12), rtol=1e-6
    )  # fmt: skip


@pytest.mark.parametrize("sizes, error, words", [
    ([], ValueError, r"expected at least an input and a code size, got \[\]"),
    ([6], ValueError, r"expected at least an input and a code size, got \[6\]"),
    ([6, 0], ValueError, "expected 1 or more, got 0"), ([6, -2, 1], ValueError, "expected 1 or more, got -2"),
    ([6, 2.5], TypeError, "expected an integer, got 2.5"), (["6", 2], TypeError, "expected an integer, got '6'"),
])  # fmt: skip
@pytest.mark.parametrize("make", [dense_autoencoder, variational_autoencoder])
def test_sizes_that_make_no_network_raise(make, sizes, error, words):
    with pytest.raises(error, match=f"{make.__name__}: {words}"):
        make(sizes)


def test_sizes_may_be_integers_of_any_kind():
    assert repr(dense_autoencoder(np.array([6, 4, 2])).encoder[0]) == "Dense(6 -> 4, ReLU())"


@pytest.mark.parametrize("activation", ["leaky_relu", layers.LeakyReLU, layers.LeakyReLU(), lambda: layers.LeakyReLU()])
def test_an_activation_is_a_name_a_class_an_instance_or_a_function(activation):
    model = dense_autoencoder([6, 4, 2], activation, activation)
    assert {repr(layer.activation) for layer in (*model.encoder, model.decoder[0])} == {"LeakyReLU(alpha=0.01)"}
    other = dense_autoencoder([6, 4, 2], layers.LeakyReLU, layers.LeakyReLU)
    assert (model.theta.value == other.theta.value).all()


def test_first_weights_follow_from_the_activations():
    model = dense_autoencoder([6, 4, 2], "relu", "tanh")
    for part in (model.encoder, model.decoder):
        assert [layer.config()["initializer"] for layer in part] == ["he_uniform", "glorot_uniform"]


@pytest.mark.parametrize(("arguments", "error", "words"), [
    ({"activation": "rlu"}, ValueError, "dense_autoencoder: unknown activation 'rlu'. Expected one of .*elu, "),
    ({"activation": layers.Flatten}, TypeError, "dense_autoencoder: expected an activation such as .*, got <class"),
    ({"code_activation": layers.Flatten()}, TypeError, r"dense_autoencoder: expected an activation .*got Flatten\(\)"),
    ({"activation": 3}, TypeError, "dense_autoencoder: expected an activation such as layers.ReLU .*, got 3"),
])  # fmt: skip
def test_what_is_not_an_activation_raises(arguments, error, words):
    with pytest.raises(error, match=words):
        dense_autoencoder([6, 2], **arguments)


def test_a_corruption_stands_at_the_head_of_the_encoder():
    model = dense_autoencoder([12, 5, 2], corruption=layers.MaskingNoise(0.3))
    assert repr(model.encoder[:2]) == "(MaskingNoise(fraction=0.3), Dense(12 -> 5, ReLU()))" and len(model.decoder) == 2
    assert (model.theta.value == dense_autoencoder([12, 5, 2]).theta.value).all()
    images = dense_autoencoder([12, 5, 2], corruption=layers.GaussianNoise(0.4), image_shape=(3, 4))
    x = np.random.default_rng(0).random((7, 3, 4), np.float32)
    assert np.isfinite(images.backpropagate(x)["reconstruction"]) and images.reconstruct(x).shape == (7, 3, 4)


@pytest.mark.parametrize("code_activation", [None, layers.Identity])
def test_tied_weights_are_the_encoders(code_activation):
    model = dense_autoencoder([12, 5, 2], layers.Tanh, code_activation, tied=True, image_shape=(3, 4))
    assert [repr(layer) for layer in model.decoder] == [
        "TiedDense(2 -> 5, Tanh())", "TiedDense(5 -> 12)", "Reshape(3, 4)",
    ]  # fmt: skip
    assert model.decoder[1].W is model.encoder[1].W


def test_images_of_another_size_raise():
    with pytest.raises(ValueError, match=r"images of shape \(3, 3\) have 9 pixels, not 12"):
        dense_autoencoder([12, 2], image_shape=(3, 3))


def test_other_types_of_parameters_raise():
    with pytest.raises(TypeError, match="float32 or float64, got int32"):
        dense_autoencoder([6, 2], dtype=np.int32)
