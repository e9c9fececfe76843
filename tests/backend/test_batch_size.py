"""The number of samples per forward pass: chosen by the largest output of a layer, unless the caller gives it."""

import tracemalloc

import numpy as np
import pytest

from npae import (
    GAN,
    AdversarialAutoencoder,
    Autoencoder,
    Classifier,
    SparseAutoencoder,
    VariationalAutoencoder,
    convolutional_autoencoder,
    dense_autoencoder,
    evaluate,
    layers,
    variational_autoencoder,
)
from npae.backend import Labelled, as_batch_size, batch_size, batches, in_batches, rows_of, rows_per_pass
from npae.models import GaussianPrior, conv_decoder, conv_encoder, latent, rejection_sample
from npae.models.rbm import RBM
from tests.backend.test_inputs import Stored
from tests.devices import each_device, on

MB = 2**20
F32, F64 = np.ones(1, np.float32), np.ones(1)
RNG = np.random.default_rng(0)
CONV = convolutional_autoencoder([16, 8], (1, 28, 28))
ROWS = 8 * MB // (16 * 28 * 28 * 4)  # 167: the first convolution has 16 channels of 28 x 28 pixels
IMAGES = RNG.random((400, 1, 28, 28), np.float32)
WIDE = 8 * MB // 4 // 100  # units, of which 100 rows of float32 take 8 MB


@pytest.fixture
def passes(monkeypatch):
    """The list of the numbers of rows that the layers Dense and Conv2D have taken, in order."""
    taken = []
    for kind in (layers.Dense, layers.Conv2D):
        forward = kind.forward

        def counted(self, x, training=False, forward=forward):
            taken.append(len(x))
            return forward(self, x, training)

        monkeypatch.setattr(kind, "forward", counted)
    return taken


# ---------------------------------------------------------------------- the rule


@pytest.mark.parametrize(("network", "sample", "like", "rows"), [
    (dense_autoencoder([784, 1000, 30]), (784,), F32, 1024),  # no more than 1,024
    (dense_autoencoder([784, 4096, 30]), (784,), F32, 512),
    (dense_autoencoder([784, 4096, 30]), (784,), F64, 256),
    (dense_autoencoder([8192, 32]), (8192,), F32, 256),  # the samples count too
    (dense_autoencoder([8192, 32]).encoder, (8192,), F32, 256),
    (dense_autoencoder([8192, 32]).decoder, (32,), F32, 256),
    (CONV, (1, 28, 28), F32, ROWS), (CONV, (1, 56, 56), F32, ROWS // 4), (CONV, (1, 512, 512), F32, 16),
    (CONV.decoder, (8, 7, 7), F32, ROWS),
    (variational_autoencoder([784, 4096, 2]), (784,), F32, 512),
    (layers.Sequential(layers.Flatten(), layers.Dense(784, 10)), (28, 28), F32, 1024),
])  # fmt: skip
def test_the_largest_output_takes_8_megabytes(network, sample, like, rows):
    assert rows_per_pass(network, (10_000, *sample), like) == rows


def test_every_part_of_a_model_has_its_own():
    autoencoder = dense_autoencoder([784, 4096, 2])
    aae = AdversarialAutoencoder(autoencoder, layers.Dense(2, 1), GaussianPrior(2))
    gan = GAN(layers.Dense(2, 784), layers.Sequential(layers.Dense(784, 8192), layers.Dense(8192, 1)), GaussianPrior(2))
    networks = (aae, 784), (aae.discriminator, 2), (gan.reads, 784), (gan.generator, 2)
    assert [rows_per_pass(network, (10_000, n), F32) for network, n in networks] == [512, 1024, 256, 1024]


def test_copies_share_the_pass():
    network = dense_autoencoder([784, 4096, 2])
    assert [rows_per_pass(network, (10_000, 784), F32, copies) for copies in (1, 5, 512, 5000)] == [512, 102, 1, 1]
    assert rows_per_pass(dense_autoencoder([8, 2]), (10_000, 8), F32, copies=50) == 1024
    assert rows_per_pass(CONV, (10_000, 1, 512, 512), F32, copies=4) == 4


def test_few_rows_are_one_pass_whatever_the_layers_are():
    class Unknown(layers.ReLU):
        def out_shape(self, shape):
            raise AssertionError("the layers are not asked")

    try:
        assert rows_per_pass(Unknown(), (16, 10**9), F32) == 16
        assert rows_per_pass(Unknown(), (4, 10**9), F32, copies=4) == 16
        with pytest.raises(AssertionError, match="not asked"):
            rows_per_pass(Unknown(), (17, 3), F32)
    finally:
        del layers.Layer.registry["Unknown"]


def test_layers_that_do_not_fit_end_the_walk():
    network = layers.Sequential(layers.Dense(100, 4096), layers.Dense(3, 10**6))
    assert rows_per_pass(network, (10_000, 100), F32) == 512  # as far as shapes are known
    with pytest.raises(ValueError, match=r"expected x of shape \(batch, 100\)"):
        dense_autoencoder([100, 2]).encode(np.ones((50, 4, 3), np.float32))


def test_the_bound_is_larger_on_a_gpu(monkeypatch):
    monkeypatch.setattr(batch_size, "device_of", lambda array: "gpu")
    assert rows_per_pass(CONV, (10_000, 1, 112, 112), F32) == 256 * MB // (16 * 112 * 112 * 4)


# ---------------------------------------------------------------------- numbers of the caller


@pytest.mark.parametrize("use", ["encode", "reconstruct", "reconstruction_error", "evaluate", "decode"])
def test_an_explicit_batch_size_is_kept(use, passes):
    model, x = dense_autoencoder([6, 2]), np.ones((40, 2 if use == "decode" else 6), np.float32)
    getattr(model, use)(x, 7)
    assert set(passes) == {7, 5}
    for wrong, error in ((0, ValueError), (-1, ValueError), (True, TypeError), (2.5, TypeError), (len, TypeError)):
        with pytest.raises(error, match="batch_size: expected"):
            getattr(model, use)(x, batch_size=wrong)
    getattr(model, use)(x, batch_size=2000)
    assert passes[-1] == 40


def test_rows_of_checks_numbers():
    assert rows_of(7, (40, 6), F32) == as_batch_size(7, CONV) == 7
    assert rows_of(as_batch_size(None, CONV), (10_000, 1, 28, 28), F32) == ROWS
    for wrong, error in ((0, ValueError), (True, TypeError), (2.5, TypeError)):
        for call in (lambda: rows_of(wrong, (40, 6), F32), lambda: as_batch_size(wrong, CONV)):  # noqa: B023
            with pytest.raises(error, match="batch_size: expected"):
                call()


# ---------------------------------------------------------------------- calls


@each_device
def test_images_pass_in_several_batches_with_the_same_results(device, monkeypatch, passes):
    monkeypatch.setitem(batch_size.BYTES, "gpu", batch_size.BYTES["cpu"])
    with on(device) as place:
        model = convolutional_autoencoder([16, 8], (1, 28, 28)).to(place.name)
        found = model.evaluate(IMAGES)
        assert set(passes) == {ROWS, len(IMAGES) - 2 * ROWS} and passes.count(ROWS) == 2 * len(passes) // 3
        assert found == pytest.approx(model.evaluate(IMAGES, batch_size=1024), rel=1e-6)
        codes = model.encode(IMAGES)
        np.testing.assert_allclose(codes, model.encode(IMAGES, batch_size=1024), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(model.decode(codes), model.reconstruct(IMAGES), rtol=1e-5, atol=1e-6)
        assert (model.encode(IMAGES) == codes).all()


@pytest.mark.parametrize("given", [list, Stored, lambda x: x], ids=["list", "stored", "array"])
def test_data_of_any_kind_pass_in_the_same_batches(given, passes):
    model = dense_autoencoder([6, WIDE, 2])
    x = RNG.random((230, 6))
    codes = model.encode(given(x))
    assert passes == [100, 100, 100, 100, 30, 30] and codes.shape == (230, 2)


def test_frames_pass_in_the_same_batches(passes):
    pandas = pytest.importorskip("pandas")
    dense_autoencoder([3, WIDE, 2]).encode(pandas.DataFrame(RNG.random((150, 3)), columns=list("abc")))
    assert passes == [100, 100, 50, 50]


def test_pairs_are_cut_at_the_same_rows():
    model, data = dense_autoencoder([6, WIDE, 2]), Labelled(np.ones((230, 6)), np.ones((230, 2)))
    pairs = batches(data, as_batch_size(None, model), model.theta.value)
    assert [(x.shape, y.shape) for x, y in pairs] == [((n, 6), (n, 2)) for n in (100, 100, 30)]


@pytest.mark.parametrize(("call", "rows"), [
    (lambda x: Classifier(layers.Sequential(layers.Dense(6, WIDE), layers.Dense(WIDE, 3)), 3).predict(x), 100),
    (lambda x: RBM(6, WIDE).encode(x), 100),
    (lambda x: evaluate.sparse_health(dense_autoencoder([6, WIDE, 2]), x), 100),
    (lambda x: dense_autoencoder([6, WIDE, 2]).decode(x[:, :2]), 100),
    (lambda x: variational_autoencoder([6, WIDE, 2]).sample(150), 100),
    (lambda x: variational_autoencoder([6, WIDE, 2]).posterior(x), 100),
    (lambda x: GAN(layers.Sequential(layers.Dense(2, WIDE), layers.Dense(WIDE, 6)), layers.Dense(6, 1),
                   GaussianPrior(2)).sample(150), 100),
    (lambda x: AdversarialAutoencoder(dense_autoencoder([6, WIDE, 2]), layers.Dense(2, 1),
                                      GaussianPrior(2)).sample(150), 100),
])  # fmt: skip
def test_every_model_chooses_by_the_layers_that_the_data_enter(call, rows, passes):
    call(RNG.random((150, 6), np.float32))
    assert max(passes) == rows


def test_free_energy_and_sparse_codes(monkeypatch):
    sizes, of = [], batches.__globals__["rows_of"]
    monkeypatch.setitem(batches.__globals__, "rows_of", lambda *a: sizes.append(of(*a)) or sizes[-1])
    x = RNG.random((150, 6), np.float32)
    RBM(6, WIDE).free_energy(x)
    SparseAutoencoder(6, WIDE, "relu").evaluate(x)
    assert sizes == [100, 100]


def test_a_mixture_decodes_by_the_same_rule(passes):
    pytest.importorskip("sklearn")
    model = dense_autoencoder([6, WIDE, 2])
    mixture = latent.CodeMixture(model, RNG.random((150, 6)), components=2)
    passes.clear()
    mixture.sample(150)
    assert passes == [100, 100, 50, 50]


@each_device
def test_codes_of_a_sample_count_as_rows(device, passes, monkeypatch):
    monkeypatch.setitem(batch_size.BYTES, "gpu", batch_size.BYTES["cpu"])
    with on(device) as place:
        model = variational_autoencoder([6, WIDE, 2]).to(place.name)
        x = RNG.random((60, 6), np.float32)
        bound = model.elbo(x, samples=4, seed=3)
        assert max(passes) == 100 and bound.shape == (60,)  # 25 samples with 4 codes each
        assert (bound == model.elbo(x, samples=4, seed=3)).all()
        assert (bound == model.elbo(x, samples=4, seed=3, batch_size=25)).all()
        passes.clear()
        estimate = model.log_likelihood(x, samples=40)
        assert max(passes) == 96 and (estimate == model.log_likelihood(x, samples=40)).all()  # 6 samples, 16 codes each
        assert (estimate == model.log_likelihood(x, samples=40, batch_size=100)).all()


def test_rejection_draws_1024_codes_in_smaller_passes(passes):
    discriminator = layers.Sequential(layers.Dense(6, WIDE), layers.Dense(WIDE, 1))
    model = GAN(layers.Sequential(layers.Dense(2, WIDE), layers.Dense(WIDE, 6)), discriminator, GaussianPrior(2))
    x = rejection_sample(model, 5, seed=2)
    assert max(passes) == 100 and sum(passes) % (4 * 1024) == 0
    np.testing.assert_allclose(x, rejection_sample(model, 5, seed=2, batch_size=1024), rtol=1e-4, atol=1e-5)


def test_a_decoder_of_images_passes_few_codes(passes):
    encoder, decoder = conv_encoder([4, 16], [6], (3, 128, 128)), conv_decoder(3, [16, 4], (3, 128, 128))
    model = VariationalAutoencoder(encoder, decoder)
    model.sample(100)  # 4 channels of 128 x 128 pixels
    assert max(passes) == 8 * MB // (4 * 128 * 128 * 4) == 32


# ---------------------------------------------------------------------- memory


def test_large_images_need_less_memory():
    encoder = layers.Sequential(layers.Conv2D(1, 32, 3, 1, "same", "relu"), layers.MaxPool2D(2))
    decoder = layers.Sequential(layers.Upsample2D(2), layers.Conv2D(32, 1, 3, padding="same"))
    model, x, peaks = Autoencoder(encoder, decoder), RNG.random((256, 1, 64, 64), np.float32), {}
    for size in (None, 256):
        tracemalloc.start()
        try:
            model.reconstruction_error(x, size)
            peaks[size] = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peaks[256] > 8 * peaks[None]  # 256 against 16 rows


def test_in_batches_takes_the_function_too():
    x, sizes = np.ones((300, 1, 28, 28), np.float32), []
    in_batches(lambda b: sizes.append(len(b)) or b[:, 0, 0, 0], x, as_batch_size(None, CONV), like=x)
    assert sizes == [ROWS, 300 - ROWS]
