"""The importance-weighted bound (IWAE): a tighter lower bound of ln p(x) than the ELBO.

The density of x is the mean of p(x | z) = e^{−ℓ} over all codes z ~ p(z) = N(0, 1), but almost all codes have a
negligible p(x | z). So sample codes from the encoder's q(z | x) instead, with importance weights:

    w(z) = p(x | z) p(z) / q(z | x)              E_q[w] = ∫ p(x | z) p(z) dz = p(x)          for any q
    ln w = −ℓ − (ln q(z | x) − ln p(z))

The logarithm is concave. By Jensen's inequality, for K independent codes z_k ~ q(z | x) (K = `samples`),

    L_K = E_q[ln 1/K Σ_k w_k] ≤ ln E_q[1/K Σ_k w_k] = ln p(x)

L_1 is the ELBO, with the gap ln p(x) − E_q[ln w] = KL(q(z | x) ‖ p(z | x)) ≥ 0 (see model.py). With more codes the gap
shrinks: L_K ≤ L_{K+1}, and L_K → ln p(x) for bounded weights. The objective is J = −1/B Σ_i L_K(x_i).

**Its gradient.** By the chain rule, with normalised weights w̃,

    ∂/∂θ ln Σ_k w_k = Σ_k (1/Σ_l w_l) ∂w_k/∂θ = Σ_k w̃_k ∂ ln w_k/∂θ,      w̃_k = w_k / Σ_l w_l

a weighted mean of the gradients of single codes (Burda et al., equation 14). For one code z = μ + σ ε with fixed ε, the
terms ½ ln 2π cancel:

    ln q − ln p = ½ Σ_j (z_j² − ε_j² − log σ_j²)         ε does not depend on θ
    ∂/∂z_j = z_j,   ∂/∂(log σ_j²) = −½, besides its influence through z_j

Since J contains −1/B Σ_i ln Σ_k w_k, and −ln w = ℓ + (ln q − ln p):

    ∂J/∂a_k = w̃_k/B · ∂ℓ/∂a_k                                      a_k = g(z_k), the decoder's output
    ∂J/∂z_k = (∂a_k/∂z_k)ᵀ ∂J/∂a_k + w̃_k/B · z_k
    ∂J/∂μ = Σ_k ∂J/∂z_k,    ∂J/∂(log σ²) = Σ_k [ ∂J/∂z_k ⊙ ½ σ ε_k − ½ w̃_k/B ]

The history lists J as two terms, the reconstruction 1/B Σ_i Σ_k w̃_k ℓ_k, and `kl`, the rest.

The weights are computed from ln w after subtracting the largest, so that none overflows and not all are rounded to 0.

Burda, Grosse & Salakhutdinov 2016, "Importance weighted autoencoders".
"""

from typing import TYPE_CHECKING

from npae.backend import Array, array_module, dot, elementwise, empty, exp, log, rows, sum_rows, total
from npae.layers.sampling import tile, tile_adjoint
from npae.models.base import Terms

if TYPE_CHECKING:
    from npae.models.variational.model import VariationalAutoencoder


@elementwise
def _log_ratio(z, noise, log_var):
    return 0.5 * (z * z - noise * noise - log_var)


@elementwise
def _minus_sum(a, b):
    return -(a + b)


@elementwise(out=("log_w",))
def _relative(log_w, largest):
    return exp(log_w - largest)


@elementwise
def _log_mean(largest, total, scale):
    return largest + log(total * scale)


@elementwise(out=("w",))
def _normalised(w, total):
    return w / total


def log_ratio(z: Array, noise: Array, log_var: Array) -> Array:
    """ln q(z_i | x_i) − ln p(z_i) of codes z = μ + σ ε: (n,), in nats.

    Args:
        z: codes, (n, d).
        noise: ε, (n, d).
        log_var: log σ², (n, d).
    """
    return _log_ratio(z, noise, log_var).sum(axis=1, out=empty((len(z),), z))


def log_mean_and_weights(log_w: Array, k: int) -> tuple[Array, Array]:
    """(ln 1/k Σ_l w_l, w̃) of every sample: (B,) and (k, B).

    Args:
        log_w: k log-weights per sample, (k B,), copy by copy. They are overwritten.
        k: the number of codes per sample.
    """
    w = log_w.reshape(k, -1)
    n = w.shape[1]
    largest = w.max(axis=0, out=empty((n,), w))
    _relative(w, largest, out=w)
    total = sum_rows(w)
    return _log_mean(largest, total, 1 / k), _normalised(w, total, out=w)


def iwae_step(model: "VariationalAutoencoder", x: Array) -> Terms:
    """Add ∂J/∂θ of J = −1/B Σ_i L_K on the batch x to theta.grad. Returns the terms of J by name."""
    k, scale = model.samples, 1 / len(x)
    stats, encoder_cache = model.encoder.forward(x, training=True)
    stats_k, x_k = tile(stats, k), tile(x, k)
    z, sampler_cache = model.sampler.forward(stats_k, training=True)
    a, decoder_cache = model.decoder.forward(z, training=True)
    _, da = model.loss.value_and_gradient(a, x_k)  # ∂ℓ/∂a / kB
    loss = model.loss.per_sample(a, x_k)
    ratio = log_ratio(z, sampler_cache[0], model.sampler.split(stats_k)[1])
    log_mean, w = log_mean_and_weights(_minus_sum(loss, ratio), k)
    reconstruction = dot(w.reshape(-1), loss) * scale
    objective = total(log_mean, -scale)

    w = w.reshape(-1, 1)
    da = rows(da)
    da *= array_module(w).multiply(w, k, out=empty(w.shape, w))  # ∂J/∂a = w̃/B ∂ℓ/∂a
    dz = model.decoder.backward(da.reshape(a.shape), decoder_cache)
    w *= scale
    dz += array_module(w).multiply(w, z, out=empty(z.shape, z))  # + w̃/B z
    dstats = model.sampler.backward(dz, sampler_cache)
    w *= 0.5
    _, dlog_var = model.sampler.split(dstats)
    dlog_var -= w  # − ½ w̃/B
    model.encoder.backward(tile_adjoint(dstats, k), encoder_cache, needs_dx=False)
    return {"reconstruction": reconstruction, "kl": objective - reconstruction}
