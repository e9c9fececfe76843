"""Convolutional autoencoders: the tutorials' networks by their counts, sizes that come back, derivatives end to end."""

import numpy as np
import pytest

from npae import Autoencoder, convolutional_autoencoder, gradcheck, layers, load, save
from npae.backend import Stream
from npae.backend.formulas import on_numba
from npae.data.minibatches import Minibatches
from npae.losses import BinaryCrossEntropy, SquaredError
from npae.models import GAN, GaussianPrior, VariationalAutoencoder, conv_decoder, conv_encoder
from npae.optim import Adam
from npae.penalties import L1, KLSparsity
from npae.train.step import Step
from tests.train.test_step import peak_of_a_step


def names(network):
    """The kinds of layers in order, each with its activation, such as "Conv/ReLU Flatten Dense"."""

    def name(layer):
        activation = getattr(layer, "activation", layers.Identity())
        kind = type(layer).__name__.removesuffix("2D")
        return kind if isinstance(activation, layers.Identity) else f"{kind}/{type(activation).__name__}"

    return " ".join(map(name, network))


@pytest.mark.parametrize(
    "channels, kind, count, code",
    [
        ([16, 8, 8], {}, 4385, (8, 4, 4)),
        ([16, 8, 8], {"pooled": 2}, 4385, (8, 4, 4)),
        ([32, 32], {}, 28353, (32, 7, 7)),
        ([32, 32], {"transposed": True}, 28353, (32, 7, 7)),
    ],
)
def test_the_networks_of_the_tutorials(channels, kind, count, code):
    model = convolutional_autoencoder(channels, **kind)
    assert model.parameter_count == count
    assert model.encoder.out_shape((1, 28, 28)) == code and model.decoder.out_shape(code) == (1, 28, 28)
    x = np.random.default_rng(0).integers(0, 256, (3, 1, 28, 28), dtype=np.uint8)
    assert model.encode(x).shape == (3, *code) and model.reconstruct(x).shape == x.shape


def test_the_variational_network_of_the_tutorial():
    encoder, decoder = conv_encoder([32, 64], [16, 4]), conv_decoder(2, [64, 32])
    model = VariationalAutoencoder(encoder, decoder)
    assert (encoder.parameter_count, decoder.parameter_count) == (69_076, 65_089)
    assert names(encoder) == "Conv/ReLU Conv/ReLU Flatten Dense/ReLU Dense"
    assert names(decoder) == "Dense/ReLU Reshape ConvTranspose/ReLU ConvTranspose/ReLU Conv"
    assert model.sample(2).shape == (2, 1, 28, 28)


def test_a_convolution_cuts_off_what_doubling_gave_too_much():
    model = convolutional_autoencoder([16, 8, 8])
    assert names(model.encoder) == " ".join(["Conv/ReLU MaxPool"] * 3)
    assert names(model.decoder) == " ".join(["Conv/ReLU Upsample"] * 3) + " Conv"
    convolutions = [layer for layer in model.decoder if isinstance(layer, layers.Conv2D)]
    assert [(a.c_out, a.padding) for a in convolutions] == [(8, "same"), (8, "same"), (16, "valid"), (1, "same")]
    last = convolutional_autoencoder([4, 2, 2], image_shape=(3, 30, 30)).decoder  # 30 → 15 → 8 → 4, 4 → 8 → 16 → 32
    assert [a.padding for a in last if isinstance(a, layers.Conv2D)] == ["same", "same", "same", "valid"]
    assert last.out_shape((2, 4, 4)) == (3, 30, 30)


def test_stages_that_are_not_pooled_are_halved_by_a_stride():
    model = convolutional_autoencoder([16, 8, 8], pooled=2)
    assert names(model.encoder) == "Conv/ReLU MaxPool Conv/ReLU MaxPool Conv/ReLU"
    assert [layer.stride for layer in model.encoder if isinstance(layer, layers.Conv2D)] == [(1, 1), (1, 1), (2, 2)]
    for pooled in (-1, 4):
        with pytest.raises(ValueError, match=f"expected pooled from 0 to the number of stages, 3, got {pooled}"):
            convolutional_autoencoder([16, 8, 8], pooled=pooled)


@pytest.mark.parametrize("transposed", [False, True])
def test_sizes_that_do_not_come_back_raise(transposed):
    with pytest.raises(ValueError, match=r"\(9, 9\) come back as \(12, 12\). Crop or pad them to a multiple of 4"):
        convolutional_autoencoder([4, 4], image_shape=(1, 9, 9), transposed=transposed)


@pytest.mark.parametrize("shape", [(28, 28, 1), (64, 64, 4)])
def test_channels_at_the_end_raise(shape):
    size, channels = shape[0], shape[2]
    with pytest.raises(ValueError, match=rf"last. Give \({channels}, {size}, {size}\), and .*np.moveaxis\(x, -1, 1\)"):
        convolutional_autoencoder([4, 4], image_shape=shape)


@pytest.mark.parametrize("make", [conv_encoder, conv_decoder])
def test_sizes_that_cannot_be_halved_raise(make):
    first, second = ([4, 4], [3]) if make is conv_encoder else (3, [4, 4])
    with pytest.raises(ValueError, match="halved 2 times, got 8 x 6. Crop or pad them to a multiple of 4"):
        make(first, second, (1, 8, 6))


@pytest.mark.parametrize("channels, shape", [([], (1, 8, 8)), ([4, 0], (1, 8, 8)), ([4], (8, 8)), ([4], (0, 8, 8))])
def test_what_makes_no_network_raises(channels, shape):
    for make in (convolutional_autoencoder, lambda c, s: conv_encoder(c, [2], s), lambda c, s: conv_decoder(2, c, s)):
        with pytest.raises(ValueError, match="channels of at least one stage"):
            make(channels, shape)


def test_an_encoder_needs_a_layer_that_makes_rows():
    with pytest.raises(ValueError, match="conv_encoder: expected sizes of at least one Dense layer"):
        conv_encoder([4], [])


@pytest.mark.parametrize("loss", [SquaredError(), BinaryCrossEntropy()])
@pytest.mark.parametrize("penalty", [L1(0.1), KLSparsity(0.1)])
def test_a_step_of_coloured_images_allocates_no_arrays(loss, penalty, monkeypatch):
    """Not where channels are last in memory either, where a sum over features would copy in order to reshape."""
    monkeypatch.setattr(on_numba, "PATIENCE", float("inf"))  # compiling allocates
    x = np.random.default_rng(0).integers(0, 256, (512, 3, 16, 16), dtype=np.uint8)
    encoder = layers.Conv2D(3, 4, 3, 2, "same", layers.Sigmoid)
    model = Autoencoder(encoder, layers.ConvTranspose2D(4, 3, 3, 2, "same"), loss, penalties=[penalty])
    peak = peak_of_a_step(Step(model, Minibatches(x, 512, seed=0), Adam()), np.arange(512))
    assert peak < 2**18 < 512 * 4 * 8 * 8 * 4  # bytes of the codes


def test_a_corruption_stands_at_the_head_of_the_encoder():
    clean = convolutional_autoencoder([4], (1, 6, 6))
    model = convolutional_autoencoder([4], (1, 6, 6), corruption=layers.GaussianNoise(0.4, clip=(0, 1)))
    assert isinstance(model.encoder[0], layers.GaussianNoise) and (model.theta.value == clean.theta.value).all()
    x = np.random.default_rng(0).random((5, 1, 6, 6), np.float32)
    assert model.evaluate(x) == clean.evaluate(x)  # no noise in inference
    assert model.backpropagate(x)["reconstruction"] != clean.backpropagate(x)["reconstruction"]


@pytest.mark.parametrize(
    "options",
    [
        {"channels": [3, 2, 2], "image_shape": (1, 12, 12)},
        {"channels": [3, 2, 2], "image_shape": (1, 12, 12), "pooled": 1},
        {"channels": [3, 2], "transposed": True},
    ],
)
def test_the_whole_derivative(options):
    options = {"image_shape": (1, 8, 8)} | options
    model = convolutional_autoencoder(**options, activation=layers.Tanh, dtype=np.float64)
    x = np.random.default_rng(0).random((4, *options["image_shape"]))
    assert gradcheck.check_model(model, x) < 1e-6


@pytest.mark.parametrize("normalised, transposed", [(False, True), (True, True), (True, False)])
def test_the_whole_derivative_of_the_halves(normalised, transposed):
    shape = (2, 8, 4)
    encoder = conv_encoder([3, 4], [5, 6], shape, layers.Tanh, normalised)
    decoder = conv_decoder(3, [4, 3], shape, layers.Tanh, normalised, transposed)
    kinds = names([*encoder, *decoder])
    assert kinds.count("BatchNorm") == (4 if normalised else 0)
    assert (kinds.count("Upsample"), kinds.count("Transpose")) == ((0, 2) if transposed else (2, 0))
    model = VariationalAutoencoder(encoder, decoder, dtype=np.float64)
    x = np.random.default_rng(0).random((6, *shape))
    model.sampler.freeze(Stream(0).normal(np.empty((6, 3))))
    assert gradcheck.check_model(model, x) < 1e-6


def test_a_gan_of_the_halves_can_be_kept(tmp_path):
    generator = layers.Sequential(*conv_decoder(4, [6, 4], normalised=True), layers.Sigmoid())
    discriminator = conv_encoder([4, 6], [1], activation=layers.LeakyReLU(0.2), normalised=True)
    gan = GAN(generator, discriminator, GaussianPrior(4))
    save(tmp_path / "gan.npz", gan)
    images = gan.sample(3)
    assert images.shape == (3, 1, 28, 28) and (load(tmp_path / "gan.npz").sample(3) == images).all()


@pytest.mark.parametrize(("call", "name"), [
    (lambda: convolutional_autoencoder(4), "convolutional_autoencoder"),
    (lambda: convolutional_autoencoder([4], image_shape=28), "convolutional_autoencoder"),
    (lambda: conv_encoder(4, [2]), "conv_encoder"),
    (lambda: conv_decoder(2, 4), "conv_decoder"),
])  # fmt: skip
def test_what_is_not_a_list_is_named(call, name):
    with pytest.raises(TypeError, match=rf"^{name}: expected channels as a list, such as \[16, 8\]"):
        call()


@pytest.mark.parametrize("make", [
    lambda a: convolutional_autoencoder([4], activation=a), lambda a: conv_encoder([4], [2], activation=a),
    lambda a: conv_decoder(2, [4], activation=a), lambda a: conv_decoder(2, [4], activation=a, normalised=True),
])  # fmt: skip
def test_what_is_not_an_activation_raises(make):
    with pytest.raises(ValueError, match="unknown activation 'rlu'"):
        make("rlu")
    with pytest.raises(TypeError, match="expected an activation such as .*, got 3"):
        make(3)
    make("leaky_relu"), make(layers.ELU), make(layers.ELU(0.5))
