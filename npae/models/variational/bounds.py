"""Two lower bounds of ln p(x), and their gradients: what a variational autoencoder is trained by.

A code z ~ p(z) = N(0, 1) is drawn and decoded, x ~ p(x | z) = e^{−ℓ}. What an x is worth is the mean over all codes,
p(x) = E_p[p(x | z)], and nearly all of them have nothing to do with x. So let an encoder q(z | x) propose codes, and
weigh each for how it was found:

    w(z) = p(x | z) p(z) / q(z | x)              p(x) = E_q[w]        exactly, whatever q is
    ln w = −ℓ − (ln q(z | x) − ln p(z))

**ELBO.** The logarithm is concave, so E_q[ln w] ≤ ln E_q[w] = ln p(x). Minus this bound is

    J = 1/B Σ_i E_q[ℓ] + β KL(q ‖ p)             β = 1: a bound; KL in closed form, see penalties.gaussian_kl

with the mean over q taken by `samples` codes z = μ + σ ε. Its gradient flows from the loss through the decoder to z,
from z to μ and log σ² (layers.sampling), and there the divergence's is added. Kingma & Welling 2014, equation 7.

**IWAE.** With K codes for each x, L_K = E[ln 1/K Σ_k w_k] ≤ ln p(x) is a bound too, no looser with every further code,
and tight in the end; K = 1 is the ELBO, with KL estimated from the code itself. By the chain rule

    ∂/∂θ ln Σ_k w_k = Σ_k (1/Σ_l w_l) ∂w_k/∂θ = Σ_k w̃_k ∂ ln w_k/∂θ,      w̃_k = w_k / Σ_l w_l

which is equation 14 of Burda, Grosse & Salakhutdinov 2016, "Importance weighted autoencoders": as many ELBO gradients,
weighed. For one code, with ε held fast, z = μ + σ ε and ½ ln 2π cancelling,

    ln q − ln p = ½ Σ_j (z² − ε² − log σ²)       ε² does not depend on θ at all
    ∂/∂z = z,   ∂/∂(log σ²) = −½ besides what comes through z

so, with 1/B in front and the minus of J = −1/B Σ_i L_K: the loss's gradient ∂ℓ/∂x̂ is weighed by w̃_k/B, w̃_k z_k/B joins
∂J/∂z, and −½ w̃_k/B joins ∂J/∂(log σ²). As terms of J, the reconstruction is Σ_k w̃_k ℓ_k, and `kl` is the rest.

Weights are computed from their logarithms, the largest subtracted first: no e^{−ℓ} is ever seen.
"""

from npae.backend import array_module, dot, elementwise, empty, exp, log, matmul, ones, rows
from npae.layers.sampling import copies, tile_adjoint


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
def _log_mean(largest, total, share):
    return largest + log(total * share)


@elementwise(out=("w",))
def _shares(w, total):
    return w / total


def log_ratio(z, noise, log_var):
    """ln q(z_i | x_i) − ln p(z_i) of codes z = μ + σ ε (n, d): (n,), in nats."""
    return _log_ratio(z, noise, log_var).sum(axis=1, out=empty((len(z),), z))


def log_mean_and_shares(log_w, k):
    """(ln 1/k Σ_l w_l, w̃) from log-weights (k B,), copy by copy: of shapes (B,) and (k, B). log_w is used up."""
    w = log_w.reshape(k, -1)
    n = w.shape[1]
    largest = w.max(axis=0, out=empty((n,), w))
    _relative(w, largest, out=w)
    total = matmul(ones(k, w), w, out=empty((n,), w))
    return _log_mean(largest, total, 1 / k), _shares(w, total, out=w)


# ---------------------------------------------------------------------- steps of training


def elbo_step(model, x):
    """Add ∂J/∂θ of the ELBO's J on the batch x to theta.grad. Returns the terms of J by name."""
    k = model.samples
    stats, encoder_cache = model.encoder.forward(x, training=True)
    z, sampler_cache = model.sampler.forward(copies(stats, k), training=True)
    x_hat, decoder_cache = model.decoder.forward(z, training=True)
    reconstruction, dx_hat = model.loss.value_and_gradient(x_hat, copies(x, k))
    kl, dstats = model.kl.value_and_gradient(model, stats, encoder_cache)
    dz = model.decoder.backward(dx_hat, decoder_cache)
    dstats += tile_adjoint(model.sampler.backward(dz, sampler_cache), k)
    model.encoder.backward(dstats, encoder_cache, needs_dx=False)
    return {"reconstruction": reconstruction, "kl": kl}


def iwae_step(model, x):
    """Add ∂J/∂θ of J = −1/B Σ_i L_K on the batch x to theta.grad. Returns the terms of J by name."""
    k, share = model.samples, 1 / len(x)
    stats, encoder_cache = model.encoder.forward(x, training=True)
    stats_k, x_k = copies(stats, k), copies(x, k)
    z, sampler_cache = model.sampler.forward(stats_k, training=True)
    x_hat, decoder_cache = model.decoder.forward(z, training=True)
    _, dx_hat = model.loss.value_and_gradient(x_hat, x_k)  # ∂ℓ/∂x̂ / kB
    cost = model.loss.per_sample(x_hat, x_k)
    ratio = log_ratio(z, sampler_cache[0], model.sampler.split(stats_k)[1])
    log_mean, w = log_mean_and_shares(_minus_sum(cost, ratio), k)
    reconstruction = dot(w.reshape(-1), cost) * share
    objective = dot(log_mean, ones(len(x), x)) * -share

    w = w.reshape(-1, 1)
    dx_hat = rows(dx_hat)
    dx_hat *= array_module(w).multiply(w, k, out=empty(w.shape, w))
    dz = model.decoder.backward(dx_hat.reshape(x_hat.shape), decoder_cache)
    w *= share
    dz += array_module(w).multiply(w, z, out=empty(z.shape, z))
    dstats = model.sampler.backward(dz, sampler_cache)
    w *= 0.5
    _, dlog_var = model.sampler.split(dstats)
    dlog_var -= w
    model.encoder.backward(tile_adjoint(dstats, k), encoder_cache, needs_dx=False)
    return {"reconstruction": reconstruction, "kl": objective - reconstruction}
