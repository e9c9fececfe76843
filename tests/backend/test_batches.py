"""Batches of one call: every public function refuses rows with NaN or Inf, and lazy rows are taken batch by batch."""

import tracemalloc

import numpy as np
import pytest

from npae import (
    GAN,
    AdversarialAutoencoder,
    Classifier,
    SemiSupervisedAutoencoder,
    data,
    dense_autoencoder,
    evaluate,
    fit,
    layers,
    variational_autoencoder,
)
from npae.backend import LazyRows, as_array, batches, in_batches
from npae.models import latent
from npae.models.adversarial.priors import GaussianPrior, RingPrior
from tests.backend.test_inputs import Stored

RNG = np.random.default_rng(0)
X = RNG.random((40, 6), np.float32)
CODES = RNG.random((40, 2), np.float32)
Y = RNG.integers(0, 3, 40)
PARTS = layers.Sequential(layers.Dense(6, 5), layers.SoftmaxHead(3))

AUTOENCODER = dense_autoencoder([6, 2])
VAE = variational_autoencoder([6, 4, 2])
CLASSIFIER = Classifier(layers.Dense(6, 3), 3)
AAE = AdversarialAutoencoder(dense_autoencoder([6, 2]), layers.Dense(2, 1), GaussianPrior(2))
LABELLED = AdversarialAutoencoder(dense_autoencoder([6, 2]), layers.Dense(5, 1), RingPrior(3), labelled=True)
ADVERSARIAL = GAN(layers.Dense(2, 6), layers.Dense(6, 1), GaussianPrior(2))
SEMI = SemiSupervisedAutoencoder(
    type(AUTOENCODER)(PARTS, layers.Dense(5, 6)), layers.Dense(3, 1), layers.Dense(2, 1), GaussianPrior(2)
)

CALLS = {
    **{f"autoencoder.{use}": getattr(AUTOENCODER, use)
       for use in ("encode", "reconstruct", "reconstruction_error", "evaluate")},
    **{f"vae.{use}": getattr(VAE, use)
       for use in ("encode", "posterior", "reconstruct", "evaluate", "elbo", "active_units")},
    "vae.log_likelihood": lambda x: VAE.log_likelihood(x, samples=2),
    "classifier.predict": CLASSIFIER.predict, "classifier.predict_proba": CLASSIFIER.predict_proba,
    "classifier.evaluate": lambda x: CLASSIFIER.evaluate((x, Y)),
    "classifier.error_rate": lambda x: CLASSIFIER.error_rate((x, Y)),
    "aae.evaluate": AAE.evaluate, "labelled.evaluate": lambda x: LABELLED.evaluate((x, Y)),
    "gan.evaluate": ADVERSARIAL.evaluate,
    **{f"semi.{use}": getattr(SEMI, use) for use in ("encode", "reconstruct", "predict", "predict_proba")},
    "semi.evaluate": lambda x: SEMI.evaluate((x, Y)), "semi.error_rate": lambda x: SEMI.error_rate((x, Y)),
    "nearest_neighbour_test": lambda x: evaluate.nearest_neighbour_test(X, x),
    "parzen": lambda x: evaluate.parzen_log_likelihood(X, x, X),
    "jacobian": lambda x: evaluate.jacobian_norm(AUTOENCODER, x),
    "fit": lambda x: fit(dense_autoencoder([6, 2]), x, epochs=1, progress="none"),
    "validation": lambda x: fit(dense_autoencoder([6, 2]), X, validation=x, epochs=1, progress="none"),
    "target": lambda x: fit(dense_autoencoder([6, 2]), X, target=x, epochs=1, progress="none"),
}  # fmt: skip


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", CALLS)
def test_every_call_that_takes_data_refuses_nan_and_inf_with_the_row(name, value):
    broken = X.copy()
    broken[31, 4] = value
    CALLS[name](X)
    with pytest.raises(ValueError, match="row 31 contains NaN or Inf"):
        CALLS[name](broken)


@pytest.mark.parametrize("decode", [AUTOENCODER.decode, VAE.decode, lambda h: SEMI.decode(Y, h),
                                    lambda h: in_batches(lambda x: x, h, 8, like=h)])  # fmt: skip
def test_codes_are_checked_too(decode):
    broken = CODES.copy()
    broken[9, 1] = np.inf
    decode(CODES)
    with pytest.raises(ValueError, match="row 9 contains NaN or Inf"):
        decode(broken)


def test_labels_that_are_probabilities_are_checked():
    y = np.full((40, 3), 1 / 3, np.float32)
    CLASSIFIER.evaluate((X, y))
    y[5, 1] = np.nan
    for call in (lambda: CLASSIFIER.evaluate((X, y)), lambda: fit(CLASSIFIER, (X, y), epochs=1, progress="none")):
        with pytest.raises(ValueError, match="NaN"):
            call()


def test_paths_through_codes_refuse_nan():
    bad = np.array([0.0, np.nan])
    for path, *arguments in ((latent.lerp, bad, CODES[0]), (latent.slerp, CODES[0], bad), (latent.traversal, bad, 0)):
        with pytest.raises(ValueError, match="finite numbers, got NaN or Inf"):
            path(*arguments)


@pytest.mark.parametrize("view", [
    np.asfortranarray, lambda a: a[::-1], lambda a: a[:, ::2], lambda a: a.reshape(-1, 3, 2),
])  # fmt: skip
@pytest.mark.parametrize("size", [1, 7, 64])
def test_rows_in_any_memory_order_are_checked(view, size):
    x = view(X.copy())
    assert (np.concatenate(list(batches(x, size, like=X))) == x).all()
    x[11] = np.nan
    with pytest.raises(ValueError, match="row 11 contains NaN"):
        list(batches(x, size, like=X))


@pytest.mark.filterwarnings("error")
def test_values_too_large_for_the_network_are_no_infinity():
    x = X.astype(np.float64)
    x[3, 2] = 1e300
    with pytest.raises(ValueError, match=r"x: row \d+ contains .* in column \d+, too large for .* float32"):
        list(batches(x, 10, like=X))
    assert (np.concatenate(list(batches(x, 10, like=x))) == x).all()  # a network of float64
    x[3, 2] = 1e25  # its square is above float32's range
    assert np.isfinite(np.concatenate(list(batches(x, 10, like=X)))).all()


def test_bool_and_uint8_cannot_be_nan():
    for x in (X > 0.5, (X * 255).astype(np.uint8)):
        assert len(list(batches(x, 16, like=X))) == 3


# ---------------------------------------------------------------------- lazy rows


def test_training_on_stored_rows_equals_training_on_the_array():
    stored, models = Stored(X), [dense_autoencoder([6, 2]) for _ in range(2)]
    for model, x in zip(models, (X, stored), strict=True):
        fit(model, x, epochs=2, batch_size=7, progress="none", validation=X, data_init=False)
    assert (models[0].theta.value == models[1].theta.value).all()
    for use in ("encode", "reconstruct", "reconstruction_error"):
        assert (getattr(models[0], use)(X) == getattr(models[0], use)(stored)).all()
    assert models[0].evaluate(X) == models[0].evaluate(stored)


def test_stored_rows_are_never_read_as_a_whole(monkeypatch):
    stored, model = Stored(RNG.random((40_000, 20)).astype(np.float32)), dense_autoencoder([20, 2])
    largest, take = [], Stored.__getitem__

    def counted(self, rows):
        taken = take(self, rows)
        largest.append(len(taken))
        return taken

    monkeypatch.setattr(Stored, "__getitem__", counted)
    fit(model, stored, epochs=1, batch_size=256, progress="none", data_init=False)
    model.encode(stored, batch_size=128)
    assert max(largest) < 20_000  # a sample, by which range and fill values are judged


def test_a_nan_in_stored_rows_is_found_when_it_is_read():
    broken = X.copy()
    broken[23, 0] = np.nan
    for call in (lambda x: fit(dense_autoencoder([6, 2]), x, epochs=1, progress="none", data_init=False),
                 AUTOENCODER.encode):  # fmt: skip
        with pytest.raises(ValueError, match="row 23 contains NaN"):
            call(Stored(broken))


def test_sparse_rows_are_expanded_batch_by_batch():
    sparse = pytest.importorskip("scipy.sparse")
    rng, n = np.random.default_rng(0), 30_000  # three values per row
    values = rng.random(n, np.float32), rng.integers(3000, size=n), np.arange(0, n + 1, 3)
    x = sparse.csr_matrix(values, shape=(10_000, 3000))  # 120 MB expanded
    x.sum_duplicates()
    model = dense_autoencoder([3000, 3], loss="mse")
    tracemalloc.start()
    try:
        fit(model, x, epochs=1, batch_size=200, progress="none", data_init=False)
        codes = model.encode(x, batch_size=20)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 50_000_000
    np.testing.assert_array_equal(codes, model.encode(x.toarray(), batch_size=20))


def test_labelled_sparse_rows():
    sparse = pytest.importorskip("scipy.sparse")
    x = sparse.csr_array(X * (X > 0.5))
    fit(CLASSIFIER, (x, Y), epochs=1, progress="none")
    assert (CLASSIFIER.predict(x) == CLASSIFIER.predict(x.toarray())).all()
    assert CLASSIFIER.error_rate((x, Y)) == CLASSIFIER.error_rate((x.toarray(), Y))


def test_lazy_rows_are_on_the_cpu():
    rows = LazyRows(Stored(X))
    assert as_array(rows) is rows and data.Minibatches(rows, 8).take(np.array([3, 1])).tolist() == X[[3, 1]].tolist()
