"""Variational autoencoder: a random code.

A code is a random variable; decoding a random code gives a new image.

The model. First a code z of d = 20 numbers is drawn from the prior p(z), then an image x, pixel by pixel:

    p(z) = N(0, I),      p(x | z) = Π_j x̂_j^x_j (1 − x̂_j)^(1 − x_j),   x̂ = sigmoid(decoder(z))
    p(x) = ∫ p(x | z) p(z) dz                                          has no closed form

The encoder estimates which codes may have produced x: q(z | x) = N(μ, σ²), with [μ | log σ²] = encoder(x), 2d numbers.
σ is a standard deviation on this page, and log the natural logarithm.

The objective. Let E_q be the mean over z ~ q(z | x). ln is concave, so Jensen's inequality gives a lower bound of
ln p(x), the evidence lower bound (ELBO):

    p(x) = ∫ q(z | x) [ p(x | z) p(z)/q(z | x) ] dz = E_q[ p(x | z) p(z)/q(z | x) ]
    ln p(x) = ln E_q[ p(x | z) p(z)/q(z | x) ] ≥ E_q[ ln p(x | z) ] − KL(q ‖ p) = ELBO
    KL(q ‖ p) = E_q[ ln q(z | x) − ln p(z) ]                           the Kullback-Leibler divergence, ≥ 0
    J = 1/B Σ_i ( E_q[ℓ_i] + KL_i ) = −ELBO, averaged over the batch

ℓ = −ln p(x | z) is the cross-entropy. The gap in the inequality is KL(q(z | x) ‖ p(z | x)), so minimising J also brings
q close to the true posterior p(z | x). (A grey pixel x_j is read as a probability. Then −J bounds the mean of ln p over
binary images whose pixels are 1 with probability x_j.)

The divergence. For one number z = μ + σ ε, ε ~ N(0, 1), we have ln q = −½ ln 2π − ½ log σ² − ½ ε² and
ln p = −½ ln 2π − ½ z². A code has d such numbers, and their divergences add:

    KL = E[ln q − ln p] = ½ (E[z²] − E[ε²] − log σ²) = ½ (μ² + σ² − 1 − log σ²)      since E[z²] = μ² + σ², E[ε²] = 1
    ∂KL/∂μ = μ,          ∂KL/∂(log σ²) = ½ (σ² − 1)                    since ∂σ²/∂(log σ²) = σ²

Reparameterisation. E_q[ℓ] is estimated with one z per image and step. For a given ε, z is a smooth function of μ and
log σ²:

    z = μ + σ ε,           σ = e^(½ log σ²)
    ∂z/∂μ        = 1       so ∂J/∂μ = ∂J/∂z + ∂KL/∂μ
    ∂z/∂(log σ²) = ½ σ ε   so ∂J/∂(log σ²) = ∂J/∂z ½ σ ε + ∂KL/∂(log σ²)

∂J/∂z comes from the decoder. In J, KL has the factor 1/B, and so have its derivatives. Averaged over ε, ∂J/∂μ and
∂J/∂(log σ²) are the derivatives of J with the exact E_q[ℓ].

python -m demos.from_scratch.variational        test: −ELBO = 117.6 nats per image, of which KL 23.6; 16 s on one core
Kingma & Welling 2014, "Auto-encoding variational Bayes", sections 2.2 to 2.4, 3 and appendix B
"""

from demos.from_scratch.autoencoder import (
    IDENTITY,
    RELU,
    Adam,
    Dense,
    Network,
    check,
    cross_entropy,
    draw,
    setup,
    sigmoid,
    train,
    xp,
)


def divergence(mu, log_var):
    """KL and its derivatives with respect to μ and log σ²."""
    B, var = len(mu), xp.exp(log_var)
    kl = 0.5 * (mu**2 + var - 1 - log_var).sum() / B  # KL = 1/B Σ_i ½ Σ_j (μ² + σ² − 1 − log σ²)_ij
    return kl, mu / B, 0.5 * (var - 1) / B  # ∂KL/∂μ = μ/B,  ∂KL/∂(log σ²) = ½ (σ² − 1)/B


class VariationalAutoencoder(Network):
    def __init__(self, encoder, decoder):
        super().__init__([encoder, decoder])
        self.encoder, self.decoder = encoder, decoder

    def posterior(self, x):
        return xp.split(self.encoder.forward(x), 2, axis=1)  # [μ | log σ²] = encoder(x)

    def backpropagate(self, x, epsilon):
        mu, log_var = self.posterior(x)
        spread = xp.exp(0.5 * log_var) * epsilon  # σ ε
        z = mu + spread  # z = μ + σ ε
        reconstruction, dlogits = cross_entropy(self.decoder.forward(z), x)
        kl, dmu, dlog_var = divergence(mu, log_var)
        dz = self.decoder.backward(dlogits)
        dmu = dmu + dz  # ∂z/∂μ = 1
        dlog_var = dlog_var + dz * 0.5 * spread  # ∂z/∂(log σ²) = ½ σ ε
        self.encoder.backward(xp.concatenate([dmu, dlog_var], axis=1))
        return reconstruction + kl  # J = 1/B Σ_i (ℓ_i + KL_i)


def variational_autoencoder(rng, n=784, hidden=400, d=20):
    encoder = Network([Dense(n, hidden, RELU, rng), Dense(hidden, 2 * d, IDENTITY, rng)])
    decoder = Network([Dense(d, hidden, RELU, rng), Dense(hidden, n, IDENTITY, rng)])
    return VariationalAutoencoder(encoder, decoder)


def main(argv=None):
    epochs, rng, x, x_test = setup(argv, epochs=10)
    model = variational_autoencoder(rng)

    def normal(n):
        return xp.asarray(rng.standard_normal((n, 20)))  # n rows of N(0, I): ε, or z from the prior

    epsilon = normal(4)  # one draw, so that J is one function of the parameters
    check(lambda: model.backpropagate(x[:4], epsilon), model, rng, eps=1e-6)
    train({"-ELBO": (lambda x: model.backpropagate(x, normal(len(x))), Adam(model))}, x, epochs, rng)
    J = model.backpropagate(x_test, normal(len(x_test)))  # no step follows
    kl, *_ = divergence(*model.posterior(x_test))
    print(f"test: -ELBO {J:.2f} nats per image, of which KL {kl:.2f}; new images, decoded from z ~ N(0, I):")
    draw(sigmoid(model.decoder.forward(normal(4))))


if __name__ == "__main__":
    main()
