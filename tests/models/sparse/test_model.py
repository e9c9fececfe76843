"""Sparse autoencoders: gradients, terms, the count of dead units, training, files, resuming, GPUs, errors."""

import copy
import warnings

import numpy as np
import pytest

from npae import Checkpoint, SparseAutoencoder, fit, gradcheck, load, save
from npae.layers import BatchTopK, CenteredDense, Dense, JumpReLU, TopK, UnitDense
from npae.losses import SquaredError
from npae.models import Autoencoder, frozen
from npae.models.sparse.dictionary import Dictionary
from npae.penalties import L0, L1
from npae.train import DeadUnitWarning, prepare
from tests.contract import inputs
from tests.devices import each_device, each_gpu, on

KINDS = {
    "top k": lambda **more: SparseAutoencoder(6, 20, TopK(3), **more),
    "batch top k": lambda **more: SparseAutoencoder(6, 20, BatchTopK(3), **more),
    "relu, l1": lambda **more: SparseAutoencoder(6, 20, "relu", penalties=[L1(0.03)], **more),
    "jump relu, l0": lambda **more: SparseAutoencoder(6, 20, JumpReLU(20, 0.3, 0.5), penalties=[L0(0.02)], **more),
}
each_kind = pytest.mark.parametrize("kind", KINDS)
measured = pytest.mark.parametrize("kind", [kind for kind in KINDS if "jump" not in kind])
QUICK = {"progress": "none", "batch_size": 50}


def mixtures(n=400, d=6, n_parts=12, k=2, seed=0):
    """Sums of k of the n_parts random directions, with a mean that is not 0."""
    rng = np.random.default_rng(seed)
    parts = rng.standard_normal((n_parts, d))
    return 2 + np.stack([rng.random(k) @ parts[rng.choice(n_parts, k, replace=False)] for _ in range(n)])


def made(kind, dead=(), dtype=np.float64, **more):
    model = KINDS[kind](dtype=dtype, **more)
    model.theta.value[...] += (0.1 * inputs(model.theta.size, 5)).astype(dtype)
    model.since_active.value[list(dead)] = model.dead_after
    return model


# ---------------------------------------------------------------------- gradients


@each_device
@measured
def test_the_gradient(kind, device):
    with on(device) as place:
        assert gradcheck.check_model(made(kind).to(place.name), place.put(inputs((5, 6)))) < 1e-6


@each_device
@each_kind
def test_the_steps_are_those_of_a_plain_autoencoder_of_these_layers(kind, device):
    """Where h is 0, ∂J/∂h is not needed: the shortcut changes nothing."""
    with on(device) as place:
        model, x = made(kind, aux_k=0).to(place.name), place.put(inputs((9, 6), 1))
        plain = Autoencoder(model.encoder, model.decoder, SquaredError(), seed=None, penalties=model.penalties)
        gradients, terms = [], []
        for either in (plain, model):
            with model.theta.fresh_grad():
                terms.append({name: float(value) for name, value in either.backpropagate(x).items()})
            gradients.append(place.get(model.theta.grad).copy())
        np.testing.assert_allclose(*gradients, rtol=1e-12, atol=1e-15)
        assert terms[0] == terms[1] and len(terms[0]) == 1 + len(model.penalties)


@each_device
@pytest.mark.parametrize("kind", [kind for kind in KINDS if "relu, l1" not in kind])
def test_dead_units_learn_through_the_auxiliary_loss(kind, device):
    dead = [1, 4, 5, 17]
    with on(device) as place:
        grads = []
        for aux_k in (0, 2):
            model = made(kind, dead, aux_k=aux_k, aux_strength=0.5)
            model.first.W.value[dead] *= 0.01  # they are not active
            model.first.b.value[dead] = 0.01
            model.to(place.name)
            with model.theta.fresh_grad():
                terms = model.backpropagate(place.put(inputs((9, 6), 1)))
            grads.append(place.get(model.first.W.grad).copy())
        assert float(terms["aux"]) > 0 and not grads[0][dead].any()
        assert np.abs(grads[1][dead]).max() > 0
        np.testing.assert_allclose(np.delete(grads[0], dead, 0), np.delete(grads[1], dead, 0), rtol=1e-12, atol=1e-15)


def test_large_batches_take_sparse_products_and_the_same_steps(monkeypatch):
    x, models = inputs((1050, 40), 1, np.float32), []
    for compiled in (True, False):
        if not compiled:
            for room in ("sparse", "selection"):
                monkeypatch.setattr(f"npae.backend.{room}.available", lambda: False)
        model = SparseAutoencoder(40, 1000, BatchTopK(9), dead_after=50)
        model.since_active.value[::3] = 100
        fit(model, x, epochs=2, batch_size=1050, **{"progress": "none"})
        models.append(model)
    np.testing.assert_allclose(models[0].theta.value, models[1].theta.value, atol=2e-4)
    np.testing.assert_allclose(models[0].statistics.value, models[1].statistics.value, rtol=1e-4)


# ---------------------------------------------------------------------- the count of dead units


@each_device
def test_samples_since_a_unit_was_active_are_counted(device):
    with on(device) as place:
        model, expected = made("top k", dead_after=12).to(place.name), np.zeros(20)
        for seed in range(4):
            x = place.put(inputs((5, 6), seed))
            active = (place.get(model.encoder(x)) != 0).any(axis=0)
            model.backpropagate(x)
            expected = np.where(active, 0, expected + 5)
            np.testing.assert_array_equal(place.get(model.since_active.value), expected)
        np.testing.assert_array_equal(place.get(model.dead), expected >= 12)
        assert 0 < expected.max() and not model.dead.all()


def test_a_frozen_model_counts_nothing():
    model = made("batch top k")
    with frozen(model):
        model.backpropagate(inputs((5, 6)))
    assert not model.since_active.value.any() and not model.activation.batches.value.any()


# ---------------------------------------------------------------------- first values


def test_the_encoder_begins_with_the_directions_of_the_decoder():
    model = SparseAutoencoder(6, 20, TopK(3), seed=4)
    np.testing.assert_array_equal(model.first.W.value, model.decoder.W.value)
    np.testing.assert_allclose(np.linalg.norm(model.decoder.directions, axis=1), 1, rtol=1e-6)
    other = SparseAutoencoder(6, 20, TopK(3), seed=5)
    assert np.abs(other.first.W.value - model.first.W.value).max() > 0.1
    assert model.has_first_values


@pytest.mark.parametrize("data_init", [True, False])
def test_fit_centres_the_model_on_the_mean_of_the_data(data_init):
    x = mixtures()
    model = KINDS["top k"](dtype=np.float64)
    model.center([x[:100], x[100:]])
    np.testing.assert_allclose(model.decoder.c.value, x.mean(axis=0), rtol=1e-12)
    trainer = prepare(KINDS["top k"](dtype=np.float64), x, data_init=data_init, progress="none")
    for callback in trainer.callbacks:
        callback.on_start(trainer)
    np.testing.assert_allclose(trainer.model.decoder.c.value, x.mean(axis=0) * data_init, rtol=1e-12)


# ---------------------------------------------------------------------- training


@each_kind
def test_it_learns_with_few_active_units(kind):
    model, x = KINDS[kind](dead_after=2000), mixtures()
    history = fit(model, x, epochs=60, **QUICK)
    assert history["fvu"][-1] < 0.2 < history["fvu"][0]
    assert history["active_units"][-1] < 9
    auxiliary = {"aux"} - ({"aux"} if kind == "relu, l1" else set())
    assert set(history.terms) == {"reconstruction", *auxiliary, *(p.term for p in model.penalties)}
    assert history["dead_fraction"][-1] <= 0.2


def test_the_auxiliary_loss_revives_units():
    """Eight clusters; the units of four of them begin with small weights, and the others with large biases."""
    rng, dead = np.random.default_rng(0), {}
    x = np.eye(8)[rng.integers(0, 8, 400)] + 0.01 * rng.standard_normal((400, 8))
    for aux_k in (0, 2):
        model = SparseAutoencoder(8, 8, TopK(1), aux_k=aux_k, aux_strength=1.0, dead_after=400, dtype=np.float64)
        model.first.W.value[...] = model.decoder.W.value[...] = np.eye(8)
        model.first.W.value[4:] *= 0.01
        model.first.b.value[:4] = 1
        with pytest.warns(DeadUnitWarning, match="50% of the 8 units are dead in epoch"):
            history = fit(model, x, epochs=60, data_init=False, **QUICK)
        dead[aux_k] = history["dead_fraction"][-1]
    assert dead[2] == 0 < 0.5 <= dead[0]


def test_evaluation_has_the_terms_without_the_auxiliary_loss():
    model, x = made("relu, l1"), inputs((30, 6), 1)
    terms = model.evaluate(x)
    assert list(terms) == ["reconstruction", "l1"]
    np.testing.assert_allclose(terms["reconstruction"], 0.5 * ((model.reconstruct(x) - x) ** 2).sum(axis=1).mean())
    np.testing.assert_allclose(terms["l1"], 0.03 * np.abs(model.encode(x)).sum(axis=1).mean())


# ---------------------------------------------------------------------- files


@each_kind
def test_saved_and_loaded(kind, tmp_path):
    model, x = KINDS[kind](dead_after=77, aux_k=4, aux_strength=0.25), mixtures().astype(np.float32)
    fit(model, x, epochs=2, **QUICK)
    save(tmp_path / "model.npz", model)
    again = load(tmp_path / "model.npz")
    np.testing.assert_array_equal(again.encode(x), model.encode(x))
    np.testing.assert_array_equal(again.statistics.value, model.statistics.value)
    assert again.config() | {"activation": 0, "penalties": 0} == model.config() | {"activation": 0, "penalties": 0}
    assert again.first.c is again.decoder.c and repr(again) == repr(model)


@each_kind
def test_a_resumed_run_ends_with_the_same_bits(kind, tmp_path):
    x, path = mixtures(), tmp_path / "run.npz"
    settings = QUICK | {"callbacks": Checkpoint(path)}
    whole, part = KINDS[kind](dead_after=60), KINDS[kind](dead_after=60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeadUnitWarning)
        fit(whole, x, epochs=5, **QUICK | {"callbacks": Checkpoint(tmp_path / "other.npz")})
        fit(part, x, epochs=2, **settings)
        again = KINDS[kind](dead_after=60)
        fit(again, x, epochs=5, resume=path, **settings)
    np.testing.assert_array_equal(again.theta.value, whole.theta.value)
    np.testing.assert_array_equal(again.statistics.value, whole.statistics.value)


def test_a_copy_is_independent():
    model = made("batch top k")
    twin = copy.deepcopy(model)
    twin.backpropagate(inputs((5, 6)))
    assert twin.first.c is twin.decoder.c is not model.first.c
    assert not model.since_active.value.any() and twin.since_active.value.any()


@each_gpu
@each_kind
def test_training_on_a_gpu_gives_what_the_cpu_gives(kind, device):
    x, models = mixtures(100), []
    with on(device) as place:
        for name in ("cpu", place.name):
            model = made(kind, dead=[2, 3], dead_after=10**6).to(name)
            fit(model, x, epochs=2, data_init=False, **QUICK)
            models.append(model.to("cpu"))
    np.testing.assert_allclose(models[0].theta.value, models[1].theta.value, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(models[0].statistics.value, models[1].statistics.value, rtol=1e-9)


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ((6, 20, TopK(21)), r"k of TopK\(k=21.*\) in SparseAutoencoder: expected .*20.*got 21"),
        ((6, 20, BatchTopK(21)), r"k of BatchTopK\(k=21.*\) in SparseAutoencoder: expected .*20.*got 21"),
        ((6, 20, JumpReLU(19)), r"expected JumpReLU\(20\), a threshold for each unit, got JumpReLU\(19"),
        ((6, 20, "relu", (), 21), "aux_k of SparseAutoencoder: expected .*20.*got 21"),
        ((0, 20, "relu"), "n_in of SparseAutoencoder: expected .*got 0"),
        ((6, 20, "reul"), "SparseAutoencoder.*relu"),
    ],
)
def test_impossible_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        SparseAutoencoder(*settings)


def test_a_layer_that_is_no_activation():
    with pytest.raises(TypeError, match=r"SparseAutoencoder.*got Dense\(6 -> 20\)"):
        SparseAutoencoder(6, 20, Dense(6, 20))


def test_nan_in_one_token_is_named_before_training():
    x = mixtures()
    x[17, 3] = np.nan
    with pytest.raises(ValueError, match=r"row 17 contains NaN or Inf \(nan in column 3\)"):
        fit(KINDS["batch top k"](), x, epochs=1, **QUICK)


def test_rows_of_another_width():
    with pytest.raises(ValueError, match="this model was made for 6 features, got 7"):
        fit(KINDS["top k"](), np.ones((50, 7)), epochs=1, **QUICK)


def test_a_first_layer_of_ones_own_dictionary():
    """Dictionary is what another encoder needs: its decoder, counts and centre."""
    first = CenteredDense(UnitDense(9, 4))
    model = Dictionary(first, first, 10, (), 0, np.float64)
    assert model.decoder is first.decoder and not model.dead.any() and model.encode(inputs((3, 4))).shape == (3, 9)
