"""Training sparse autoencoders: columns of the history, the early warning, resampling, resumed runs, GPUs, errors."""

import warnings

import numpy as np
import pytest

from npae import Checkpoint, GatedSparseAutoencoder, SparseAutoencoder, dense_autoencoder, fit
from npae.data.minibatches import Minibatches
from npae.evaluate import sparse_health
from npae.layers import BatchTopK, TopK
from npae.optim import Adam
from npae.train import DeadUnitWarning, Resample
from npae.train.step import Step
from tests.contract import inputs
from tests.devices import each_gpu, on

X = inputs((200, 6), 1)
QUICK = {"batch_size": 50, "progress": "none"}


def made(n_units=20, k=3, **more):
    return SparseAutoencoder(6, n_units, TopK(k), **{"dtype": np.float64, "aux_k": 0} | more)


def test_the_history_has_the_health_of_the_code():
    model = made(dead_after=100)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeadUnitWarning)
        history = fit(model, X, epochs=3, **QUICK)
    health = sparse_health(model, X)  # 1000 rows: all of them
    assert history["active_units"][-1] == health.l0 == 3
    np.testing.assert_allclose(history["fvu"][-1], health.fvu, rtol=1e-12)
    assert history["dead_fraction"][-1] == model.dead.mean()
    assert "dead_units" not in history.columns
    np.testing.assert_allclose(history["loss"], history["reconstruction"], rtol=1e-12)  # health is no part of J


def test_many_dead_units_are_named_as_soon_as_there_are_many_and_once():
    with pytest.warns(DeadUnitWarning) as noticed:
        fit(made(n_units=300, k=1, dead_after=400), X, epochs=6, **QUICK)
    (warning,) = noticed
    assert "of the 300 units are dead in epoch 2: 0 on the last 400 samples" in str(warning.message)
    assert "aux_k" in str(warning.message) and "train.Resample()" in str(warning.message)


def test_the_warning_of_a_gated_autoencoder_has_its_own_cure():
    model = GatedSparseAutoencoder(6, 50, 0.1, dead_after=100)
    model.first.b.value[:20] = -100
    with pytest.warns(DeadUnitWarning, match="train.Resample.*smaller strength"):
        fit(model, X, epochs=3, **QUICK)


def test_no_warning_without_dead_units():
    fit(made(n_units=8, dead_after=5000), X, epochs=3, **QUICK)  # any warning would be an error


def test_dead_units_begin_anew_at_the_given_epochs():
    model = made(n_units=300, k=1, dead_after=400)
    history = fit(model, X, epochs=9, callbacks=Resample(every=3, until=7), **QUICK)
    assert [n > 0 for n in history["resampled"]] == [False, False, True, False, False, True, False, False, False]
    assert history["dead_fraction"][2] == 0 < history["dead_fraction"][1]


def test_a_resumed_run_with_resampling_ends_with_the_same_bits(tmp_path):
    thetas = []
    for stops in ((6,), (2, 6)):
        path = tmp_path / f"{len(stops)}.npz"
        for epochs in stops:
            model = made(n_units=100, k=1, dead_after=200)
            callbacks = [Resample(every=2), Checkpoint(path)]
            resume = path if path.exists() else None
            fit(model, X, epochs=epochs, callbacks=callbacks, resume=resume, **QUICK)
        thetas.append((model.theta.value, model.statistics.value))
    for one, two in zip(*thetas, strict=True):
        np.testing.assert_array_equal(one, two)


def test_resampling_is_for_sparse_autoencoders():
    with pytest.raises(TypeError, match="Resample: expected a sparse autoencoder, got Autoencoder"):
        fit(dense_autoencoder([6, 2], loss="mse"), X, epochs=1, callbacks=Resample(), **QUICK)


@each_gpu
def test_a_gpu_gives_the_same_history(device):
    histories = []
    with on(device) as place:
        for name in ("cpu", place.name):
            model = SparseAutoencoder(6, 60, BatchTopK(2), dead_after=200, aux_k=0, dtype=np.float64).to(name)
            histories.append(fit(model, X, epochs=4, callbacks=Resample(every=2), **QUICK))
    for column in ("loss", "active_units", "fvu", "dead_fraction", "resampled"):
        np.testing.assert_allclose(histories[0][column], histories[1][column], rtol=1e-8)


def test_the_steps_are_those_of_a_step():
    """fit adds nothing but the centre and what it records."""
    model, by_hand = made(dead_after=10_000), made(dead_after=10_000)
    fit(model, X, epochs=1, data_init=False, seed=3, **QUICK)
    batches = Minibatches(X, 50, np.float64, "cpu", 3)
    step = Step(by_hand, batches, Adam())
    for rows in batches.rows(0):
        step(rows, lambda terms, size: None)
    np.testing.assert_array_equal(model.theta.value, by_hand.theta.value)
