"""Sparse autoencoder: few active hidden units.

Only few hidden units are active for each image.

The model is an autoencoder with 200 hidden units: h = φ(a), a = x W₁ + b₁, logits = h W₂ + b₂. There are two ways to
make h sparse.

1. A penalty Ω on sigmoid units. Let ρ̂_j be the mean activity of unit j over the batch. It should be near ρ = 0.1:

    ρ̂_j = 1/B Σ_i h_ij
    Ω   = Σ_j KL(ρ ‖ ρ̂_j) = Σ_j [ ρ ln(ρ/ρ̂_j) + (1 − ρ) ln((1 − ρ)/(1 − ρ̂_j)) ]
    J   = 1/B Σ_i ℓ(x̂_i, x_i) + λ Ω                          ℓ the cross-entropy

KL(ρ ‖ ρ̂_j) is the Kullback-Leibler divergence between Bernoulli distributions with means ρ and ρ̂_j. It is zero at
ρ̂_j = ρ, and it goes to infinity as ρ̂_j → 0, so that no unit stays inactive on all images. By the chain rule:

    ∂Ω/∂ρ̂_j    = −ρ/ρ̂_j + (1 − ρ)/(1 − ρ̂_j)
    ∂ρ̂_j/∂h_ij = 1/B
    ∂Ω/∂h_ij   = 1/B [ −ρ/ρ̂_j + (1 − ρ)/(1 − ρ̂_j) ]          the same for all images i

The decoder returns the part of ∂J/∂h that comes from ℓ. Add λ ∂Ω/∂h, and pass the sum back through the encoder.

2. Top-k. For each image keep the k = 20 largest pre-activations and set the others to 0. No penalty is needed:

    t_i  = the k-th largest of the a_ij,      m_ij = [a_ij ≥ t_i], 1 where this holds, otherwise 0
    h_ij = a_ij m_ij
    ∂J/∂a_ij = ∂J/∂h_ij m_ij                                 because a small change of a does not change m

Beside λ = 0, the penalty with λ = 10 lowers the mean activity from 0.62 to 0.13 and raises the cross-entropy from 96.3
to 120.9 nats.

python -m demos.from_scratch.sparse        test: 120.9 nats per image (KL), 95.8 (top-k); 18 s on one core
Ng 2011, "Sparse autoencoder", CS294A lecture notes, section 3; Makhzani & Frey 2013, "k-sparse autoencoders", section 2
"""

from demos.from_scratch.autoencoder import (
    IDENTITY,
    SIGMOID,
    Adam,
    Dense,
    Network,
    check,
    cross_entropy,
    setup,
    train,
    xp,
)


class SparseAutoencoder(Network):
    def __init__(self, encoder, decoder, rho=0.1, lam=10.0):
        super().__init__([encoder, decoder])
        self.encoder, self.decoder, self.rho, self.lam = encoder, decoder, rho, lam

    def penalty(self, h):
        rho, rho_hat = self.rho, h.mean(axis=0)  # ρ̂_j = 1/B Σ_i h_ij
        # Ω = Σ_j [ ρ ln(ρ/ρ̂_j) + (1 − ρ) ln((1 − ρ)/(1 − ρ̂_j)) ]
        omega = (rho * xp.log(rho / rho_hat) + (1 - rho) * xp.log((1 - rho) / (1 - rho_hat))).sum()
        # ∂Ω/∂h_ij = 1/B [ −ρ/ρ̂_j + (1 − ρ)/(1 − ρ̂_j) ]
        return omega, (-rho / rho_hat + (1 - rho) / (1 - rho_hat)) / len(h)

    def backpropagate(self, x):
        h = self.encoder.forward(x)
        J, dlogits = cross_entropy(self.decoder.forward(h), x)
        omega, domega = self.penalty(h)
        self.encoder.backward(self.decoder.backward(dlogits) + self.lam * domega)  # dh = ∂ℓ/∂h + λ ∂Ω/∂h
        return J + self.lam * omega  # J = 1/B Σ_i ℓ(x̂_i, x_i) + λ Ω


class TopK:
    theta = gradient = ()  # no parameters

    def __init__(self, k):
        self.k = k

    def forward(self, a):
        t = xp.partition(a, -self.k, axis=1)[:, [-self.k]]  # t_i: the k-th largest a_ij
        self.mask = a >= t  # m_ij = [a_ij ≥ t_i]
        return a * self.mask  # h_ij = a_ij m_ij

    def backward(self, dh):
        return dh * self.mask  # da_ij = dh_ij m_ij


def main(argv=None):
    epochs, rng, x, x_test = setup(argv, epochs=10)
    print("KL penalty")
    model = SparseAutoencoder(Dense(784, 200, SIGMOID, rng), Dense(200, 784, IDENTITY, rng))
    check(lambda: model.backpropagate(x[:16]), model, rng)
    train({"cross-entropy + penalty": (model.backpropagate, Adam(model))}, x, epochs, rng)
    J, _ = cross_entropy(model.forward(x_test), x_test)
    print(f"test: cross-entropy {J:.2f} nats per image, mean activity {model.encoder.forward(x_test).mean():.3f}")

    print("top-k")
    model = Network([Dense(784, 200, IDENTITY, rng), TopK(20), Dense(200, 784, IDENTITY, rng)])
    check(lambda: model.backpropagate(x[:4], x[:4]), model, rng, eps=1e-6)
    train({"cross-entropy": (lambda x: model.backpropagate(x, x), Adam(model))}, x, epochs, rng)
    J, _ = cross_entropy(model.forward(x_test), x_test)
    print(f"test: cross-entropy {J:.2f} nats per image, 20 of 200 units active")


if __name__ == "__main__":
    main()
