"""Restricted Boltzmann machine.

Contrastive divergence, and pretraining with it. A Boltzmann machine gives every image a probability. Stacked machines
are the first weights of a deep autoencoder.

The model. Visible units v (784 pixels, 0 or 1) and binary hidden units h have an energy. A vector is a row, as in x:

    E(v, h) = −v W hᵀ − v b₂ᵀ − h b₁ᵀ           p(v, h) = e^(−E(v, h))/Z,      Z = Σ_v,h e^(−E(v, h))

Given v, E is a sum over the hidden units, with a = v W + b₁: E = −v b₂ᵀ − Σ_j a_j h_j. So they are independent, and the
sum over h is a product of a factor 1 + e^(a_j) for each unit. Let s(t) = ln(1 + eᵗ) be the softplus, with s′ = σ:

    p(h_j = 1 | v) = σ(a_j)                     p(v_k = 1 | h) = σ(t_k),       t = h Wᵀ + b₂, in the same way
    p(v) = Σ_h p(v, h) = e^(−F(v))/Z            F(v) = −v b₂ᵀ − Σ_j s(a_j), the free energy

The derivative. Since −∂ ln p(v)/∂θ = ∂F(v)/∂θ + ∂ ln Z/∂θ, and Z = Σ_v e^(−F(v)),

    −∂ ln p(v)/∂θ = ∂F(v)/∂θ − E[∂F(v′)/∂θ], v′ ~ p         −∂F/∂W_kj = v_k σ(a_j)    −∂F/∂b₁ = σ(a)    −∂F/∂b₂ = v

The mean over p has 2⁷⁸⁴ terms. Contrastive divergence (CD-1) replaces it: v′ is what the machine makes of the data v.

    h ~ p(h | v), as h_j = [u_j < σ(a_j)] with uniform u         v′ = E[v | h] = σ(h Wᵀ + b₂)
    g = 1/B Σ_i [∂F(v_i)/∂θ − ∂F(v′_i)/∂θ]      v′ as a constant

g is *defined*, not derived: v′ depends on θ. With v′ fixed, g is the derivative of J = 1/B Σ_i [F(v_i) − F(v′_i)]; the
gradient check compares this. No function has g as its derivative. Training prints the cross-entropy −ln p(v | h).

Pretraining. Train three machines, 784-128-64-16, each on the probabilities σ(a) of the one below. Then *unroll* them:
σ(v W + b₁) are the encoders, σ(h Wᵀ + b₂) the decoders of a deep autoencoder; fine-tune all of it (see stacked.py).

python -m demos.from_scratch.rbm        test: 119.7 nats per image; 15 s on one core (stacked.py: 122.2)
Hinton 2002, "Training products of experts by minimizing contrastive divergence", Neural Computation 14; Hinton &
Salakhutdinov 2006, "Reducing the dimensionality of data with neural networks", Science 313
"""

from itertools import pairwise

from demos.from_scratch.autoencoder import (
    IDENTITY,
    SIGMOID,
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

SIZES = (784, 128, 64, 16)


class RBM:
    def __init__(self, n, m, rng):
        self.W, self.b1, self.b2 = xp.asarray(0.1 * rng.standard_normal((n, m))), xp.zeros(m), xp.zeros(n)

    theta = property(lambda self: [self.W, self.b1, self.b2])
    gradient = property(lambda self: [self.dW, self.db1, self.db2])

    def free_energy(self, v):
        return -v @ self.b2 - xp.logaddexp(0, v @ self.W + self.b1).sum(axis=1)  # F(v) = −v b₂ᵀ − Σ_j s(a_j)

    def hidden(self, v):
        return sigmoid(v @ self.W + self.b1)  # p(h = 1 | v) = σ(a)

    def visible(self, h):
        return sigmoid(h @ self.W.T + self.b2)  # p(v = 1 | h) = σ(t)

    def difference(self, v, v_1):
        """J = 1/B Σ_i [F(v_i) − F(v′_i)], and its derivatives with v′ fixed."""
        B, p, p_1 = len(v), self.hidden(v), self.hidden(v_1)
        self.dW = (v_1.T @ p_1 - v.T @ p) / B
        self.db1 = (p_1 - p).sum(axis=0) / B
        self.db2 = (v_1 - v).sum(axis=0) / B
        return (self.free_energy(v) - self.free_energy(v_1)).sum() / B

    def contrast(self, v, u):  # one step of Gibbs sampling: v → h → v′
        h = u < self.hidden(v)
        self.difference(v, self.visible(h))
        return cross_entropy(h @ self.W.T + self.b2, v)[0]  # −ln p(v | h)


def uniform(rng, *shape):
    return xp.asarray(rng.random(shape))


def pretrain(machines, x, epochs, rng):
    h = x
    for k, model in enumerate(machines, start=1):
        step = lambda v, model=model: model.contrast(v, uniform(rng, len(v), len(model.b1)))  # noqa: E731
        train({f"machine {k}, cross-entropy": (step, Adam(model))}, h, epochs, rng)
        h = model.hidden(h)


def unroll(machines, rng):
    """The deep autoencoder that begins with the weights of the machines; its decoders have copies of them."""
    encoders = [Dense(*model.W.shape, SIGMOID, rng) for model in machines]
    decoders = [Dense(*model.W.T.shape, SIGMOID if k else IDENTITY, rng) for k, model in enumerate(machines)]
    for f, g, model in zip(encoders, decoders, machines, strict=True):
        f.W, f.b, g.W, g.b = model.W.copy(), model.b1.copy(), model.W.T.copy(), model.b2.copy()
    return Network([*encoders, *reversed(decoders)])


def main(argv=None):
    epochs, rng, x, x_test = setup(argv, epochs=10)
    machines = [RBM(n, m, rng) for n, m in pairwise(SIZES)]
    first = machines[0]
    v_1 = first.visible(uniform(rng, 16, SIZES[1]) < first.hidden(x[:16]))
    check(lambda: first.difference(x[:16], v_1), first, rng, names="W₁ b₁ b₂")
    pretrain(machines, x, epochs, rng)
    F, F_noise = (float(first.free_energy(v).mean()) for v in (x_test, uniform(rng, *x_test.shape)))
    print(f"test: free energy of the first machine {F:.1f}, of uniform noise {F_noise:.1f} (less is likelier)")
    deep = unroll(machines, rng)
    train({"all layers, cross-entropy": (lambda x: deep.backpropagate(x, x), Adam(deep))}, x, epochs, rng)
    print(f"test: cross-entropy {cross_entropy(deep.forward(x_test), x_test)[0]:.2f} nats per image; x and x̂:")
    draw(xp.concatenate([x_test[:2], sigmoid(deep.forward(x_test[:2]))]))


if __name__ == "__main__":
    main()
