"""Batch top-k: k units per image on average.

An image is a sum of few directions out of many, a dictionary. A batch x has B rows, one image each. There are more
units than a dense code would have; few are active at a time:

    a = (x − b₂) W₁ᵀ + b₁       pre-activations; W₁ has a row for each unit
    t = the B·k-th largest of all a_ij, or 0 if that is negative;   m_ij = [a_ij ≥ t] [a_ij > 0]
    h = a ⊙ m                   an image that needs more units may have more
    x̂ = h Ŵ + b₂                Ŵ_j = r_j W₂_j,  r_j = 1/‖W₂_j‖: directions of length 1
    J = 1/B Σ_i ½ ‖x̂_i − x_i‖²                    in nats, up to a constant: −ln of a Gaussian density of unit variance

A small change of a does not change m, so by the chain rule

    dx̂ = (x̂ − x)/B              G = hᵀ dx̂ = ∂J/∂Ŵ             dh = dx̂ Ŵᵀ              da = dh ⊙ m
    dW₂_j = r_j (G_j − (G_j · Ŵ_j) Ŵ_j)           because ∂Ŵ_jk/∂W₂_jl = r_j ([k = l] − Ŵ_jk Ŵ_jl)
    dW₁ = daᵀ (x − b₂)          db₁ = Σ_i da_i
    db₂ = Σ_i dx̂_i − (Σ_i da_i) W₁                b₂ is added at the end, and subtracted at the start

**Dead units** are 0 on all of the last N images. J does not depend on them, so they would stay dead. The auxiliary loss
(AuxK) lets the k′ most active of the dead units reconstruct the residual e = x − x̂, which counts as a constant:

    h′_ij = max(a_ij, 0) if unit j is dead and a_ij one of the k′ largest of those of image i, else 0
    J′ = α/B Σ_i ½ ‖h′_i Ŵ − e_i‖²                the same chain rule: d = α/B (h′ Ŵ − e), G += h′ᵀ d, da += d Ŵᵀ ⊙ m′

Images that are alone have no batch: for tests t̄, the mean of the last thresholds, takes the place of t.

python -m demos.from_scratch.batch_top_k        test: 23.2 % unexplained, 19.4 of 400 units; 8 s on one core
Bussmann, Leask & Nanda 2024, "BatchTopK sparse autoencoders"; Gao et al. 2024, "Scaling and evaluating sparse
autoencoders", section 2.4 (AuxK); Makhzani & Frey 2013, "k-sparse autoencoders"
"""

from demos.from_scratch.autoencoder import Adam, check, setup, train, xp


class BatchTopK:
    def __init__(self, n_in, n_units, k, rng, aux_k=32, alpha=1 / 32, dead_after=20_000):
        self.k, self.aux_k, self.alpha, self.dead_after = k, aux_k, alpha, dead_after
        W = xp.asarray(rng.standard_normal((n_units, n_in)))
        self.W2 = W / xp.sqrt((W * W).sum(axis=1, keepdims=True))
        self.W1, self.b1, self.b2 = self.W2.copy(), xp.zeros(n_units), xp.zeros(n_in)
        self.t_mean, self.batches, self.since_active = 0.0, 0, xp.zeros(n_units)

    theta = property(lambda self: [self.W1, self.b1, self.b2, self.W2])
    gradient = property(lambda self: [self.dW1, self.db1, self.db2, self.dW2])

    def directions(self):
        r = 1 / xp.sqrt((self.W2 * self.W2).sum(axis=1, keepdims=True))
        return r * self.W2, r  # Ŵ_j = r_j W₂_j

    def threshold(self, a):
        count = self.k * len(a)
        t = max(float(-xp.partition(-a.ravel(), count - 1)[count - 1]), 0.0)  # the B·k-th largest
        self.t_mean += max(0.1, 1 / (self.batches + 1)) * (t - self.t_mean)
        self.batches = min(self.batches + 1, 100)
        return t

    def auxiliary(self, a, e, unit):
        """(J′, its part of G, its part of da)"""
        dead = self.since_active >= self.dead_after
        if not dead.any():
            return 0.0, 0.0, 0.0
        candidates = xp.where(dead, a, -1e30)
        least = -xp.partition(-candidates, self.aux_k - 1, axis=1)[:, [self.aux_k - 1]]
        m = (candidates >= least) & (candidates > 0)  # m′: the k′ most active of the dead units
        h = a * m
        d = self.alpha / len(a) * (h @ unit - e)  # α/B (h′ Ŵ − e)
        return (d * d).sum() * len(a) / (2 * self.alpha), h.T @ d, d @ unit.T * m

    def backpropagate(self, x, residual=None):
        B, (unit, r) = len(x), self.directions()
        a = (x - self.b2) @ self.W1.T + self.b1
        m = (a >= self.threshold(a)) & (a > 0)
        h = a * m
        error = h @ unit + self.b2 - x  # x̂ − x
        dx_hat = error / B  # dx̂
        J_aux, G_aux, da_aux = self.auxiliary(a, -error if residual is None else residual, unit)
        G = h.T @ dx_hat + G_aux
        self.dW2 = r * (G - (G * unit).sum(axis=1, keepdims=True) * unit)  # r_j (G_j − (G_j · Ŵ_j) Ŵ_j)
        da = dx_hat @ unit.T * m + da_aux
        self.dW1, self.db1 = da.T @ (x - self.b2), da.sum(axis=0)
        self.db2 = dx_hat.sum(axis=0) - self.db1 @ self.W1
        self.since_active = xp.where(m.any(axis=0), 0, self.since_active + B)
        return (error * error).sum() / (2 * B) + J_aux

    def forward(self, x):  # for tests: the mean threshold
        a = (x - self.b2) @ self.W1.T + self.b1
        h = a * ((a >= self.t_mean) & (a > 0))
        return h, h @ self.directions()[0] + self.b2


def main(argv=None):
    epochs, rng, x, x_test = setup(argv, epochs=5)
    model = BatchTopK(784, 400, 20, rng)
    print("without dead units, and as if all units were dead, with a fixed residual:")
    check(lambda: model.backpropagate(x[:16]), model, rng, names="W₁ b₁ b₂ W₂")
    kept, residual = model.since_active, x[:16] - x[:16].mean(axis=0)
    model.dead_after = 0
    check(lambda: model.backpropagate(x[:16], residual), model, rng, eps=1e-7, names="W₁ b₁ b₂ W₂")
    model.dead_after, model.since_active = 20_000, 0 * kept
    model.t_mean, model.batches = 0.0, 0
    model.b2[...] = x.mean(axis=0)
    train({"½ ‖x̂ − x‖² + aux": (model.backpropagate, Adam(model))}, x, epochs, rng)
    h, x_hat = model.forward(x_test)
    fvu = float(((x_hat - x_test) ** 2).sum() / ((x_test - x_test.mean(axis=0)) ** 2).sum())
    dead = float((model.since_active >= model.dead_after).mean())
    print(f"test: {100 * fvu:.1f} % of the variance unexplained, {float((h > 0).sum(axis=1).mean()):.1f} units active, "
          f"{100 * dead:.1f} % of 400 dead")  # fmt: skip


if __name__ == "__main__":
    main()
