"""Gated autoencoder: which units, how much.

A gate decides whether a unit is active, a magnitude how active it is. A penalty on the size of h also lowers those
activations that x needs. Here it lowers the gates only. A batch x has B rows, one image each; H(u) = [u > 0] is
Heaviside's step function:

    π = (x − b₂) W₁ᵀ            W₁ has a row for each unit
    g = π + b₁                  gates
    m = e^ρ ⊙ π + d             magnitudes: the same linear map, with a scale for each unit
    h = H(g) ⊙ max(m, 0)        x̂ = h Ŵ + b₂,  with directions of length 1: Ŵ_j = r_j W₂_j,  r_j = 1/‖W₂_j‖

H passes no gradient to g. So the gates have terms of their own, in which g⁺ = max(g, 0) is the code: an L1 norm closes
them, and a reconstruction of x opens them. Its decoder Ŵ′, b₂′ has the values of Ŵ, b₂, but counts as a constant:

    J = 1/B Σ_i [ ½ ‖x̂_i − x_i‖²  +  λ Σ_j g⁺_ij  +  ½ ‖g⁺_i Ŵ′ + b₂′ − x_i‖² ]

By the chain rule, with dx̂ = (x̂ − x)/B and dx̃ = (g⁺ Ŵ′ + b₂′ − x)/B:

    dm = (dx̂ Ŵᵀ) ⊙ H(g) ⊙ H(m)                    dg = (dx̃ Ŵᵀ + λ/B) ⊙ H(g)
    dd = Σ_i dm_i               dρ_j = Σ_i dm_ij e^(ρ_j) π_ij               db₁ = Σ_i dg_i
    dπ = e^ρ ⊙ dm + dg          dW₁ = dπᵀ (x − b₂)
    db₂ = Σ_i dx̂_i − (Σ_i dπ_i) W₁                b₂ is added at the end, and subtracted at the start
    G = hᵀ dx̂ = ∂J/∂Ŵ           dW₂_j = r_j (G_j − (G_j · Ŵ_j) Ŵ_j)

The third term has no part in dW₂, nor its end in db₂. So these are the derivatives of J with Ŵ′ and b₂′ fixed.

python -m demos.from_scratch.gated        test: 14.3 % unexplained, 79.8 of 400 units; 10 s on one core
Rajamanoharan et al. 2024, "Improving dictionary learning with gated sparse autoencoders", equations 6 to 8
"""

from demos.from_scratch.autoencoder import Adam, check, setup, train, xp


class Gated:
    def __init__(self, n_in, n_units, rng, lam=0.3):
        self.lam = lam
        W = xp.asarray(rng.standard_normal((n_units, n_in)))
        self.W2 = W / xp.sqrt((W * W).sum(axis=1, keepdims=True))
        self.W1, self.b1, self.b2 = self.W2.copy(), xp.zeros(n_units), xp.zeros(n_in)
        self.rho, self.d = xp.zeros(n_units), xp.zeros(n_units)

    theta = property(lambda self: [self.W1, self.b1, self.rho, self.d, self.b2, self.W2])
    gradient = property(lambda self: [self.dW1, self.db1, self.drho, self.dd, self.db2, self.dW2])

    def directions(self):
        r = 1 / xp.sqrt((self.W2 * self.W2).sum(axis=1, keepdims=True))
        return r * self.W2, r  # Ŵ_j = r_j W₂_j

    def forward(self, x):
        pi = (x - self.b2) @ self.W1.T
        g, m = pi + self.b1, xp.exp(self.rho) * pi + self.d
        h = (g > 0) * xp.maximum(m, 0)  # H(g) max(m, 0)
        return pi, g, m, h, h @ self.directions()[0] + self.b2

    def backpropagate(self, x, constants=None):
        B, (unit, r) = len(x), self.directions()
        pi, g, m, h, x_hat = self.forward(x)
        fixed, b2 = (unit, self.b2) if constants is None else constants  # Ŵ′, b₂′
        positive = xp.maximum(g, 0)  # g⁺
        dx_hat, dx_tilde = (x_hat - x) / B, (positive @ fixed + b2 - x) / B
        dm = dx_hat @ unit.T * (g > 0) * (m > 0)
        dg = (dx_tilde @ fixed.T + self.lam / B) * (g > 0)
        dpi = xp.exp(self.rho) * dm + dg
        self.dd, self.drho, self.db1 = dm.sum(axis=0), (dm * xp.exp(self.rho) * pi).sum(axis=0), dg.sum(axis=0)
        self.dW1 = dpi.T @ (x - self.b2)
        self.db2 = dx_hat.sum(axis=0) - dpi.sum(axis=0) @ self.W1
        G = h.T @ dx_hat
        self.dW2 = r * (G - (G * unit).sum(axis=1, keepdims=True) * unit)  # r_j (G_j − (G_j · Ŵ_j) Ŵ_j)
        return B / 2 * ((dx_hat**2).sum() + (dx_tilde**2).sum()) + self.lam / B * positive.sum()


def main(argv=None):
    epochs, rng, x, x_test = setup(argv, epochs=5)
    model = Gated(784, 400, rng)
    model.rho += 0.1
    constants = model.directions()[0], model.b2.copy()
    check(lambda: model.backpropagate(x[:16], constants), model, rng, eps=1e-7, names="W₁ b₁ ρ d b₂ W₂")
    model.rho[...], model.b2[...] = 0, x.mean(axis=0)
    train({"J": (model.backpropagate, Adam(model))}, x, epochs, rng)
    *_, h, x_hat = model.forward(x_test)
    fvu = float(((x_hat - x_test) ** 2).sum() / ((x_test - x_test.mean(axis=0)) ** 2).sum())
    print(f"test: {100 * fvu:.1f} % of the variance unexplained, {float((h > 0).sum(axis=1).mean()):.1f} units active")


if __name__ == "__main__":
    main()
