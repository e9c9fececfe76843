"""JumpReLU autoencoder: thresholds are learned.

Each unit is active from a threshold on, and learns it. A batch x has B rows, one image each. H(u) = [u > 0] is
Heaviside's step function.

    a = (x − b₂) W₁ᵀ + b₁       pre-activations; W₁ has a row for each unit
    h_ij = a_ij H(a_ij − θ_j)   JumpReLU; θ_j = e^(τ_j) > 0, and τ is learned
    x̂ = h Ŵ + b₂                Ŵ_j = r_j W₂_j,  r_j = 1/‖W₂_j‖: directions of length 1
    J = 1/B Σ_i [ ½ ‖x̂_i − x_i‖² + λ ‖h_i‖₀ ]     ‖h_i‖₀ = Σ_j H(a_ij − θ_j), the number of active units

The derivatives by W₁, b₁, b₂ and W₂, where the jump is not:

    dx̂ = (x̂ − x)/B              G = hᵀ dx̂ = ∂J/∂Ŵ             dh = dx̂ Ŵᵀ              da_ij = dh_ij H(a_ij − θ_j)
    dW₂_j = r_j (G_j − (G_j · Ŵ_j) Ŵ_j)           because ∂Ŵ_jk/∂W₂_jl = r_j ([k = l] − Ŵ_jk Ŵ_jl)
    dW₁ = daᵀ (x − b₂)          db₁ = Σ_i da_i                db₂ = Σ_i dx̂_i − (Σ_i da_i) W₁

J is piecewise constant in θ: its derivative is 0 almost everywhere, and no step would change θ. So the gradient is
*defined*, not measured, by a kernel K of width ε, K(u) = [|u| < ½] (straight-through estimator):

    ð/ðθ (a H(a − θ)) := −θ/ε K((a − θ)/ε)                ð/ðθ H(a − θ) := −1/ε K((a − θ)/ε)
    dθ_j = −Σ_i (dh_ij θ_j + λ/B) 1/ε K((a_ij − θ_j)/ε)      dτ_j = θ_j dθ_j

It estimates the derivative of the mean of J: if a has the density p, then Σ_i 1/(Bε) K((a_i − θ)/ε) is an estimate of
p(θ) (Parzen's window), the mean of H(a − θ) is the integral of p over a > θ, with the derivative −p(θ), and that of
a H(a − θ) has the derivative −θ p(θ).

python -m demos.from_scratch.jump_relu        test: 19.0 % unexplained, 36.1 of 400 units; 7 s on one core
Rajamanoharan et al. 2024, "Jumping ahead: improving reconstruction fidelity with JumpReLU sparse autoencoders",
equations 9 to 12
"""

from demos.from_scratch.autoencoder import Adam, check, setup, train, xp


class JumpReLU:
    def __init__(self, n_in, n_units, rng, lam=0.05, theta=0.3, eps=0.2):
        self.lam, self.eps = lam, eps
        W = xp.asarray(rng.standard_normal((n_units, n_in)))
        self.W2 = W / xp.sqrt((W * W).sum(axis=1, keepdims=True))
        self.W1, self.b1, self.b2 = self.W2.copy(), xp.zeros(n_units), xp.zeros(n_in)
        self.tau = xp.full(n_units, xp.log(theta))

    theta = property(lambda self: [self.W1, self.b1, self.b2, self.tau, self.W2])
    gradient = property(lambda self: [self.dW1, self.db1, self.db2, self.dtau, self.dW2])

    def directions(self):
        r = 1 / xp.sqrt((self.W2 * self.W2).sum(axis=1, keepdims=True))
        return r * self.W2, r  # Ŵ_j = r_j W₂_j

    def forward(self, x):
        a, theta = (x - self.b2) @ self.W1.T + self.b1, xp.exp(self.tau)
        h = a * (a > theta)  # h_ij = a_ij H(a_ij − θ_j)
        return a, theta, h, h @ self.directions()[0] + self.b2

    def backpropagate(self, x):
        B, (unit, r) = len(x), self.directions()
        a, theta, h, x_hat = self.forward(x)
        dx_hat = (x_hat - x) / B
        G, dh = h.T @ dx_hat, dx_hat @ unit.T
        self.dW2 = r * (G - (G * unit).sum(axis=1, keepdims=True) * unit)  # r_j (G_j − (G_j · Ŵ_j) Ŵ_j)
        self.dtau = self.pseudo_derivative(a, theta, dh)
        da = dh * (a > theta)
        self.dW1, self.db1 = da.T @ (x - self.b2), da.sum(axis=0)
        self.db2 = dx_hat.sum(axis=0) - self.db1 @ self.W1
        return ((x_hat - x) ** 2).sum() / (2 * B) + self.lam / B * (a > theta).sum()

    def pseudo_derivative(self, a, theta, dh):
        K = xp.abs(a - theta) < self.eps / 2
        return -theta / self.eps * (theta * (dh * K).sum(axis=0) + self.lam / len(a) * K.sum(axis=0))  # θ_j dθ_j


def main(argv=None):
    epochs, rng, x, x_test = setup(argv, epochs=5)
    model = JumpReLU(784, 400, rng)
    check(lambda: model.backpropagate(x[:16]), model, rng, eps=1e-7, names="W₁ b₁ b₂ - W₂")  # not τ: it is defined
    model.b2[...] = x.mean(axis=0)
    train({"½ ‖x̂ − x‖² + λ ‖h‖₀": (model.backpropagate, Adam(model))}, x, epochs, rng)
    _, theta, h, x_hat = model.forward(x_test)
    fvu = float(((x_hat - x_test) ** 2).sum() / ((x_test - x_test.mean(axis=0)) ** 2).sum())
    print(f"test: {100 * fvu:.1f} % of the variance unexplained, {float((h > 0).sum(axis=1).mean()):.1f} units active, "
          f"thresholds from {float(theta.min()):.2f} to {float(theta.max()):.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
