"""Estimates of ln p(x): against the exact value, in chunks of any size, on every device, at extreme values."""

import numpy as np
import pytest

from npae import variational_autoencoder
from npae.backend import Stream
from npae.losses import GaussianNLL
from npae.models.variational import likelihood
from tests.devices import each_device, on
from tests.models.variational.test_bounds import linear_gaussian

X = np.random.default_rng(0).random((30, 6), np.float32)


def test_it_is_exact_with_the_exact_posterior():
    model, x, exact = linear_gaussian()
    for samples in (1, 7):
        np.testing.assert_allclose(model.log_likelihood(x, samples), exact, rtol=1e-10)


def test_it_is_close_with_another_posterior_and_bounds_are_below():
    model, x, exact = linear_gaussian(wrong_by=0.4)
    estimate = model.log_likelihood(x, 5000)
    assert estimate.shape == (40,) and estimate.dtype == np.float64
    np.testing.assert_allclose(estimate, exact, atol=0.2)
    assert estimate.mean() == pytest.approx(exact.mean(), abs=0.02)
    few = np.mean([model.log_likelihood(x, 5, seed).mean() for seed in range(50)])
    elbo = model.elbo(x, samples=2000).mean()
    assert elbo < few < exact.mean() and few - elbo > 0.1


def test_evaluated_bounds_are_those_of_training():
    for kind, k in (("elbo", 500), ("iwae", 500)):
        model, x, _ = linear_gaussian(wrong_by=0.4, objective=kind, samples=k)
        in_training = {name: float(v) for name, v in model.backpropagate(x).items()}
        evaluated = model.evaluate(x)
        assert list(evaluated) == list(in_training) == ["reconstruction", "kl"]
        assert sum(evaluated.values()) == pytest.approx(sum(in_training.values()), abs=0.1)
        assert evaluated["kl"] == pytest.approx(in_training["kl"], abs=0.1)


def test_the_elbo_does_not_depend_on_beta():
    for beta in (1.0, 3.0):
        model = variational_autoencoder([6, 5, 2], beta=beta)
        terms = model.evaluate(X, seed=4)
        assert -model.elbo(X, seed=4).mean() == pytest.approx(terms["reconstruction"] + terms["kl"] / beta, rel=1e-5)


@pytest.mark.parametrize("at_once", [1, 29, 30, 64, 10_000])
def test_chunks_of_any_size_give_the_same_sum(at_once, monkeypatch):
    """One code per chunk or all: with the same noise for every code, only the order of the sum differs."""
    rows = np.random.default_rng(1).standard_normal((40, 30, 2))
    taken = []

    def normal(self, like):
        k = len(like) // 30
        taken.append(k)
        return rows[sum(taken) - k : sum(taken)].reshape(-1, 2)

    monkeypatch.setattr(Stream, "normal", normal)
    model = variational_autoencoder([6, 5, 2], dtype=np.float64)
    found = likelihood.log_mean_weight(model, X.astype(np.float64), Stream(0), 40, at_once)
    assert sum(taken) == 40 and max(taken) <= max(1, at_once // 30)
    stats = model.encoder(X.astype(np.float64))
    log_w = []
    for noise in rows:
        z = stats[:, :2] + np.exp(stats[:, 2:] / 2) * noise
        log_q = -(noise**2 + stats[:, 2:]).sum(axis=1) / 2
        log_w.append(-model.loss.per_sample(model.decoder(z), X.astype(np.float64)) - (z**2).sum(axis=1) / 2 - log_q)
    np.testing.assert_allclose(found, np.log(np.mean(np.exp(log_w), axis=0)), rtol=1e-10)


def test_likelihoods_too_small_for_floats():
    model = variational_autoencoder([6, 5, 2], loss=GaussianNLL(1e-3))
    estimate = model.log_likelihood(X, 50)
    assert (estimate < -1e5).all() and np.isfinite(estimate).all()


def test_a_seed_fixes_the_estimate():
    model = variational_autoencoder([6, 5, 2])
    one, again, other = (model.log_likelihood(X, 20, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).all()


def test_memory_does_not_grow_with_the_number_of_codes(monkeypatch):
    most = []
    right = likelihood._sampled

    def watched(model, x, stats, stream):
        most.append(len(x))
        return right(model, x, stats, stream)

    monkeypatch.setattr(likelihood, "_sampled", watched)
    variational_autoencoder([6, 5, 2]).log_likelihood(X, 5000, batch_size=320)
    assert max(most) <= 320 and sum(most) == 5000 * 30


@each_device
def test_on_every_device(device):
    model, x, exact = linear_gaussian()
    with on(device) as place:
        model.to(place.name)
        np.testing.assert_allclose(place.get(model.log_likelihood(place.put(x), 30)), exact, rtol=1e-10)
        np.testing.assert_allclose(model.log_likelihood(x, 30), exact, rtol=1e-10)  # data may be elsewhere
        assert place.get(model.elbo(place.put(x))).shape == (40,)


@pytest.mark.parametrize("call, error, words", [
    (lambda m: m.log_likelihood(X, 0), ValueError, "samples: expected 1 or more, got 0"),
    (lambda m: m.log_likelihood(X, 1.5), TypeError, "samples: expected an integer, got 1.5"),
    (lambda m: m.log_likelihood(X, batch_size=0), ValueError, "batch_size: expected 1 or more"),
    (lambda m: m.elbo(X, samples=0), ValueError, "samples: expected 1 or more"),
    (lambda m: m.log_likelihood(X[:, :5], 2), ValueError, "this model was made for 6 features, got 5"),
])  # fmt: skip
def test_bad_arguments_are_named(call, error, words):
    with pytest.raises(error, match=words):
        call(variational_autoencoder([6, 5, 2]))
