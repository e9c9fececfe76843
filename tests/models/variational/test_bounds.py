"""ELBO and IWAE: gradients end to end, and the values in a linear model whose ln p(x) is known in closed form."""

import numpy as np
import pytest

from npae import VariationalAutoencoder, gradcheck, variational_autoencoder
from npae.layers import Conv2D, ConvTranspose2D, Dense, Flatten, GaussianSample, Layer, Reshape, Sequential, Tanh
from npae.losses import BinaryCrossEntropy, GaussianNLL, HeteroscedasticGaussianNLL
from npae.models.variational import bounds
from npae.penalties import GaussianKL, Penalty
from tests.contract import inputs
from tests.devices import each_device, on

LOSSES = [BinaryCrossEntropy(), GaussianNLL(0.3), HeteroscedasticGaussianNLL(0.1)]
each_bound = pytest.mark.parametrize(("objective", "samples"), [("elbo", 1), ("elbo", 3), ("iwae", 1), ("iwae", 4)])
X = np.random.default_rng(0).random((5, 8))


def model_of(loss=None, samples=1, objective="elbo", beta=1.0, frozen=True, device="cpu"):
    """8-6-3 with tanh units and biases that are not zero; `frozen`: with fixed noise for a batch of 5."""
    settings = {"samples": samples, "objective": objective, "beta": beta, "dtype": np.float64}
    model = variational_autoencoder([8, 6, 3], Tanh, loss, **settings)
    model.theta.assign(inputs(model.theta.size, 5) * 0.5)
    if frozen:
        model.sampler.freeze(model.sampler.draw(np.zeros((5 * samples, 6))))
    return model.to(device)


# ---------------------------------------------------------------------- gradients, end to end


@each_device
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@each_bound
def test_the_gradient_of_a_bound_by_finite_differences(objective, samples, loss, device):
    with on(device) as place:
        model = model_of(loss, samples, objective, device=place.name)
        gradcheck.check_model(model, place.put(X))


@pytest.mark.parametrize(
    ("loss", "channels"), [(BinaryCrossEntropy(), 1), (HeteroscedasticGaussianNLL(0.1), 2)], ids=["one", "two"]
)
@pytest.mark.parametrize(("objective", "samples"), [("elbo", 2), ("iwae", 3)])
def test_the_gradient_of_a_convolutional_model(objective, samples, loss, channels):
    encoder = Sequential(Conv2D(1, 3, 3, 2, "same", Tanh), Flatten(), Dense(27, 4))
    decoder = Sequential(Dense(2, 27, Tanh), Reshape((3, 3, 3)),
                         ConvTranspose2D(3, channels, 3, stride=2, padding="same"))  # fmt: skip
    model = VariationalAutoencoder(encoder, decoder, loss, samples=samples, objective=objective, dtype=np.float64)
    model.sampler.freeze(model.sampler.draw(np.zeros((3 * samples, 4))))
    images = np.random.default_rng(1).random((3, 1, 6, 6))
    gradcheck.check_model(model, images)
    assert model.sample(2).shape == (2, 1, 6, 6) and model.log_likelihood(images, 5).shape == (3,)


def test_the_gradient_with_another_beta():
    gradcheck.check_model(model_of(beta=4.0), X)
    kl, twice = (model_of(beta=b).backpropagate(X)["kl"] for b in (2.0, 4.0))
    assert twice == pytest.approx(2 * kl, rel=1e-13)


@each_bound
def test_all_parameters_have_a_gradient_at_default_arguments(objective, samples):
    model = model_of(None, samples, objective, frozen=False)
    model.theta.zero_grad()
    terms = model.backpropagate(X)
    assert terms["reconstruction"] > 0 and terms["kl"] != 0
    for name, p in model.named_parameters():
        assert np.abs(p.grad).min() > 0, name
    assert np.abs(model.encoder[-1].W.grad[:, 3:]).min() > 0  # of log σ²


def test_backpropagation_adds():
    model = model_of(None, 2, "iwae")
    model.theta.zero_grad()
    model.backpropagate(X)
    once = model.theta.grad.copy()
    model.backpropagate(X)
    np.testing.assert_allclose(model.theta.grad, 2 * once, rtol=1e-12)


def test_the_iwae_gradient_is_the_weighted_mean_of_those_of_its_codes():
    """Equation 14 of Burda et al., from K models of one code each."""
    model = model_of(None, 3, "iwae")
    noise = model.sampler._noise.reshape(3, 5, 3)
    gradients, log_w = [], []
    for k in range(3):
        for i in range(5):
            single = model_of(None, 1, "iwae")
            single.sampler.freeze(noise[k, i : i + 1])
            single.theta.zero_grad()
            log_w.append(-sum(single.backpropagate(X[i : i + 1]).values()))
            gradients.append(single.theta.grad.copy())
    w = np.exp(np.reshape(log_w, (3, 5)))
    weights = (w / w.sum(axis=0)).reshape(-1, 1)
    model.theta.zero_grad()
    terms = model.backpropagate(X)
    assert sum(terms.values()) == pytest.approx(-np.log(w.mean(axis=0)).mean(), rel=1e-12)
    np.testing.assert_allclose(model.theta.grad, (weights * gradients).sum(axis=0) / 5, rtol=1e-9, atol=1e-12)


def test_the_elbo_of_several_codes_is_the_mean_over_them():
    model = model_of(None, 3)
    noise = model.sampler._noise.reshape(3, 5, 3)
    model.theta.zero_grad()
    together = model.backpropagate(X)
    gradient, singles = model.theta.grad.copy(), []
    for k in range(3):
        single = model_of()
        single.sampler.freeze(noise[k])
        single.theta.zero_grad()
        singles.append((single.backpropagate(X)["reconstruction"], single.theta.grad.copy()))
    assert together["reconstruction"] == pytest.approx(np.mean([s[0] for s in singles]), rel=1e-12)
    np.testing.assert_allclose(gradient, np.mean([s[1] for s in singles], axis=0), rtol=1e-9, atol=1e-13)


def test_the_log_mean_is_stable_and_the_weights_sum_to_1():
    for dtype in (np.float32, np.float64):
        log_w = np.array([[-2000, 900], [-2000, -900], [-2001, 0]], dtype)
        log_mean, w = bounds.log_mean_and_weights(log_w.reshape(-1).copy(), 3)
        exact = [-2000 + np.log((2 + np.exp(-1)) / 3), 900 - np.log(3)]
        np.testing.assert_allclose(log_mean, exact, rtol=1e-6)
        np.testing.assert_allclose(w.sum(axis=0), 1, rtol=1e-6)
        np.testing.assert_allclose(w[:, 1], [1, 0, 0], atol=1e-30)


# ---------------------------------------------------------------------- a model with known ln p(x)


N, D, STD = 6, 2, 0.4


def linear_gaussian(wrong_by=0.0, sampler=None, kl=None, **settings):
    """(model, x, ln p(x)): probabilistic PCA, x = z W + b + s ε with z, ε ~ N(0, 1) (Tipping & Bishop 1999).

    x ~ N(b, Wᵀ W + s²). The rows of W are orthogonal, so that the posterior has the diagonal covariance
    C = (1 + W Wᵀ/s²)⁻¹ and the mean (x − b) Wᵀ C/s², and the linear encoder computes it exactly. wrong_by: added to the
    encoder's mean and log-variance. sampler, kl: replace the model's.
    """
    rng = np.random.default_rng(3)
    axes, _ = np.linalg.qr(rng.standard_normal((N, N)))
    W, b = axes[:D] * np.array([[1.5], [0.6]]), rng.standard_normal(N)
    C = 1 / (1 + (W**2).sum(axis=1) / STD**2)
    encoder, decoder = Dense(N, 2 * D), Dense(D, N)
    model = VariationalAutoencoder(encoder, decoder, GaussianNLL(STD), dtype=np.float64, **settings)
    model.sampler, model.kl = sampler or model.sampler, kl or model.kl
    encoder.W.value[...] = np.concatenate([W.T * C / STD**2, np.zeros((N, D))], axis=1)
    encoder.b.value[...] = np.concatenate([-(b @ W.T) * C / STD**2 + wrong_by, np.log(C) + wrong_by])
    decoder.W.value[...], decoder.b.value[...] = W, b
    x = rng.standard_normal((40, D)) @ W + b + STD * rng.standard_normal((40, N))
    covariance = W.T @ W + STD**2 * np.eye(N)
    distance = ((x - b) @ np.linalg.inv(covariance) * (x - b)).sum(axis=1)
    return model, x, -0.5 * (distance + np.linalg.slogdet(covariance)[1] + N * np.log(2 * np.pi))


def objective(model, x):
    """−J on x, as training computes it: a bound of the mean of ln p(x)."""
    model.theta.zero_grad()
    return -float(sum(model.backpropagate(x).values()))


def check_reaches_the_likelihood(**settings):
    """With the exact posterior −J is ln p(x): every weight w(z) is p(x), for every code z."""
    model, x, exact = linear_gaussian(**settings)
    value = objective(model, x)
    tolerance = 1e-9 if settings["objective"] == "iwae" else 0.02  # the ELBO estimates E_q[ℓ], not KL
    assert value == pytest.approx(exact.mean(), abs=tolerance), "the bound is not ln p(x)"


@pytest.mark.parametrize("settings", [dict(objective="iwae", samples=1), dict(objective="iwae", samples=5),
                                      dict(objective="elbo", samples=4000)])  # fmt: skip
def test_the_bound_is_the_likelihood_if_the_posterior_is_exact(settings):
    check_reaches_the_likelihood(**settings)


def test_at_the_exact_posterior_the_encoder_s_gradient_is_zero():
    model, x, _ = linear_gaussian(objective="elbo", samples=4000)
    objective(model, x)
    assert np.abs(model.encoder.b.grad).max() < 0.05  # five standard errors
    model, x, _ = linear_gaussian(wrong_by=0.3, objective="elbo", samples=4000)
    objective(model, x)
    assert np.abs(model.encoder.b.grad).min() > 0.1


@pytest.mark.parametrize("wrong_by", [-0.5, 0.3, 0.6])
def test_the_gap_of_the_elbo_is_the_divergence_from_the_posterior(wrong_by):
    """ln p(x) − E_q[ln w] = KL(q ‖ p(z | x)) with q = N(m + δ, C e^δ), p(z | x) = N(m, C): ½ Σ (e^δ + δ²/C − 1 − δ)."""
    model, x, exact = linear_gaussian(wrong_by=wrong_by, objective="elbo", samples=20_000)
    C = np.exp(model.encoder(x)[0, D:] - wrong_by)
    gap = 0.5 * (np.exp(wrong_by) + wrong_by**2 / C - 1 - wrong_by).sum()
    assert exact.mean() - objective(model, x) == pytest.approx(gap, abs=0.01) and gap > 0.5


def test_more_codes_give_a_tighter_bound():
    values = []
    for kind, k in (("elbo", 1000), ("iwae", 2), ("iwae", 10), ("iwae", 100)):
        model, x, exact = linear_gaussian(wrong_by=0.4, objective=kind, samples=k)
        values.append(np.mean([objective(model, x) for _ in range(1000 // k)]))
    assert values == sorted(values) and values[-1] < exact.mean()
    gaps = exact.mean() - np.array(values)
    assert gaps[0] > 0.2 and gaps[1] < 0.8 * gaps[0] and gaps[-1] < 0.05 * gaps[0]


# ---------------------------------------------------------------------- wrong versions are found


class FromTheVariance(GaussianSample):
    """σ² in place of σ, with its own correct derivative."""

    def at(self, stats, noise):
        mean, log_var = self.split(stats)
        deviation = np.exp(log_var) * noise
        return mean + deviation, (noise, deviation)


class Clamped(GaussianKL):
    """A KL of zero."""

    def value_and_gradient(self, model, h, cache):
        return np.float64(0), np.zeros_like(h)


class WrongSign(GaussianKL):
    """−KL, with its own correct derivative."""

    def value_and_gradient(self, model, h, cache):
        value, dh = super().value_and_gradient(model, h, cache)
        return -value, -dh


del Layer.registry["FromTheVariance"], Penalty.registry["Clamped"], Penalty.registry["WrongSign"]


@pytest.mark.parametrize("kind", ["elbo", "iwae"])
def test_sampling_with_the_variance_as_deviation_is_found(kind):
    if kind == "elbo":  # finite differences do not find it
        model = model_of()
        model.sampler = FromTheVariance().freeze(model.sampler._noise)
        gradcheck.check_model(model, X)
    with pytest.raises(AssertionError, match="not ln p"):
        check_reaches_the_likelihood(sampler=FromTheVariance(), objective=kind, samples=4000 if kind == "elbo" else 1)


@pytest.mark.parametrize("wrong", [Clamped, WrongSign])
def test_a_wrong_divergence_exceeds_the_likelihood(wrong):
    model = model_of()
    model.kl = wrong()
    gradcheck.check_model(model, X)  # finite differences do not find it
    model, x, exact = linear_gaussian(kl=wrong(), objective="elbo", samples=200)
    assert objective(model, x) > exact.mean() + 1
    with pytest.raises(AssertionError, match="not ln p"):
        check_reaches_the_likelihood(kl=wrong(), objective="elbo", samples=4000)


def test_weights_that_are_not_normalised_are_found(monkeypatch):
    right = bounds.log_mean_and_weights

    def uniform(log_w, k):
        log_mean, w = right(log_w, k)
        return log_mean, np.full_like(w, 1 / k)

    monkeypatch.setattr(bounds, "log_mean_and_weights", uniform)
    with pytest.raises(gradcheck.GradientError):
        gradcheck.check_model(model_of(None, 4, "iwae"), X)


@pytest.mark.parametrize("part", ["prior", "entropy"])
def test_a_forgotten_part_of_the_ratio_is_found(part, monkeypatch):
    """Without ½ Σ z² (the prior), or without −½ Σ log σ² (the entropy of q), the value is not that of the gradient."""
    right = bounds.log_ratio

    def log_ratio(z, noise, log_var):
        return right(0 * z, noise, log_var) if part == "prior" else right(z, noise, 0 * log_var)

    monkeypatch.setattr(bounds, "log_ratio", log_ratio)
    with pytest.raises(gradcheck.GradientError):
        gradcheck.check_model(model_of(None, 4, "iwae"), X)
