"""Contractive autoencoder: a penalty on ∂h/∂x.

The penalty makes the code insensitive to small changes of the input.

The model is an autoencoder with a sigmoid code, h = φ(a), a = x W + b. W and b belong to the encoder.

    J = 1/B Σ_i ℓ(x̂_i, x_i) + λ Ω                          ℓ the cross-entropy
    Ω = 1/B Σ_i ‖A_i‖²_F                                   A_i = ∂h_i/∂x_i, the Jacobian matrix of the encoder

The closed form of Ω. For one image, without its index i, h_j = φ(a_j) and a_j = Σ_p x_p W_pj + b_j:

    A_jp   = ∂h_j/∂x_p = φ′(a_j) W_pj
    ‖A‖²_F = Σ_j Σ_p φ′(a_j)² W_pj² = Σ_j φ′(a_j)² n_j     n_j = Σ_p W_pj²

The derivative of Ω. W acts on Ω in two ways: directly through n, and through a. First n, with a fixed:

    ∂Ω/∂n_j = 1/B Σ_i φ′(a_ij)² = m_j,    ∂n_j/∂W_pj = 2 W_pj,    so the direct part of ∂Ω/∂W_pj is 2 m_j W_pj

Then a, with n fixed. Here the second derivative φ″ enters:

    ∂Ω/∂a_ij = 1/B · 2 φ′(a_ij) φ″(a_ij) n_j

The backward pass of the encoder starts from ∂J/∂h, and its first step is ∂J/∂a_ij = ∂J/∂h_ij φ′(a_ij). So divide by
φ′(a_ij), which leaves

    ∂Ω/∂h_ij = 2/B φ″(a_ij) n_j

and add λ ∂Ω/∂h to ∂J/∂h. The backward pass then computes this part of the gradients of W and b.

For the sigmoid φ′ = h (1 − h). Differentiate h − h² once more: φ″ = φ′ − 2 h φ′ = h (1 − h)(1 − 2h).

python -m demos.from_scratch.contractive        20 s on one core
Test: λ = 0 gives 96.1 nats per image and Ω = 49.1; λ = 1 gives 112.5 and 7.2.
Rifai, Vincent, Muller, Glorot & Bengio 2011, "Contractive auto-encoders: explicit invariance during feature
extraction", section 2; Goodfellow, Bengio & Courville 2016, "Deep Learning", section 14.7
"""

from functools import partial

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
)


class ContractiveAutoencoder(Network):
    def __init__(self, encoder, decoder, lam):
        super().__init__([encoder, decoder])
        self.encoder, self.decoder, self.lam = encoder, decoder, lam

    def penalty(self, h):
        """Ω, its part of ∂J/∂h, and its direct part of ∂J/∂W."""
        W, B = self.encoder.W, len(h)
        phi1 = h * (1 - h)  # φ′ = h (1 − h)
        phi2 = phi1 * (1 - 2 * h)  # φ″ = h (1 − h)(1 − 2h)
        n = (W**2).sum(axis=0)  # n_j = Σ_p W_pj²
        m = (phi1**2).sum(axis=0) / B  # m_j = 1/B Σ_i φ′(a_ij)²
        omega = (m * n).sum()  # Ω = 1/B Σ_i Σ_j φ′(a_ij)² n_j
        return omega, 2 / B * phi2 * n, 2 * m * W  # ∂Ω/∂h_ij = 2/B φ″(a_ij) n_j, and the direct part 2 m_j W_pj

    def backpropagate(self, x):
        h = self.encoder.forward(x)
        J, dlogits = cross_entropy(self.decoder.forward(h), x)
        omega, dh, dW = self.penalty(h)
        self.encoder.backward(self.decoder.backward(dlogits) + self.lam * dh)
        self.encoder.dW += self.lam * dW  # after backward, which sets dW
        return J + self.lam * omega  # J = 1/B Σ_i ℓ(x̂_i, x_i) + λ Ω


def main(argv=None):
    epochs, rng, x, x_test = setup(argv, epochs=10)
    for lam in (0.0, 1.0):
        print(f"λ = {lam}")
        model = ContractiveAutoencoder(Dense(784, 200, SIGMOID, rng), Dense(200, 784, IDENTITY, rng), lam)
        check(partial(model.backpropagate, x[:16]), model, rng)
        train({"cross-entropy + λ Ω": (model.backpropagate, Adam(model))}, x, epochs, rng)
        J, _ = cross_entropy(model.forward(x_test), x_test)
        omega, *_ = model.penalty(model.encoder.forward(x_test))
        print(f"test: cross-entropy {J:.2f} nats per image, Ω = {omega:.2f}")


if __name__ == "__main__":
    main()
