"""Autoencoder: from input to short code and back.

The model. A batch x has B rows, one image each, with d = 784 pixels x_ij between 0 and 1. The code has 32 numbers.

    h = φ(x W₁ + b₁)           code, (B, 32); φ(a) = max(a, 0) is the ReLU
    x̂ = σ(logits)              reconstruction, (B, d); logits = h W₂ + b₂; σ(a) = 1/(1 + e⁻ᵃ) is the sigmoid

The objective is the cross-entropy of x̂ in nats, the unit of the natural logarithm: a sum over the pixels, a mean over
the batch. Let t be one logit and s(t) = ln(1 + eᵗ) the softplus. Then ln σ(t) = t − s(t) and ln(1 − σ(t)) = −s(t), so

    J = 1/B Σ_i Σ_j [ −x_ij ln x̂_ij − (1 − x_ij) ln(1 − x̂_ij) ] = 1/B Σ_i Σ_j [ s(t_ij) − x_ij t_ij ]
    ∂J/∂t_ij = (x̂_ij − x_ij)/B                               because s′ = σ

The derivatives. We write dy for ∂J/∂y. A layer h = φ(a), a = x W + b, x its input, receives dh from the next one or J:

    da_ij = dh_ij φ′(a_ij)                                   h_ij depends on a_ij only
    dW_pj = Σ_i da_ij ∂a_ij/∂W_pj = Σ_i x_ip da_ij           dW = xᵀ da
    db_j  = Σ_i da_ij ∂a_ij/∂b_j  = Σ_i da_ij
    dx_ip = Σ_j da_ij ∂a_ij/∂x_ip = Σ_j da_ij W_pj           dx = da Wᵀ, which is the dh of the layer before it

python -m demos.from_scratch.autoencoder        test: 101.1 nats per image; 3 s on one core
Goodfellow, Bengio & Courville 2016, "Deep Learning", sections 6.5 (backpropagation) and 14.1 (autoencoders)
"""

import argparse
import gzip
import sys
from pathlib import Path

import numpy as np

xp = __import__("cupy" if "--gpu" in sys.argv else "numpy")  # CuPy has the functions of NumPy, on a GPU


def sigmoid(a):
    return 0.5 + 0.5 * xp.tanh(0.5 * a)  # σ(a) = 1/(1 + e⁻ᵃ), in a form that cannot overflow


IDENTITY = (lambda a: a, lambda h: 1.0)  # a pair: φ as a function of a, φ′ as a function of h = φ(a)
RELU = (lambda a: xp.maximum(a, 0), lambda h: h > 0)
SIGMOID = (sigmoid, lambda h: h * (1 - h))


class Dense:  # h = φ(a),  a = x W + b
    def __init__(self, n_in, n_out, activation, rng):
        r = (6 / (n_in + n_out)) ** 0.5  # Glorot & Bengio 2010, equation 16: initial weights
        self.W, self.b = xp.asarray(rng.uniform(-r, r, (n_in, n_out))), xp.zeros(n_out)
        self.phi, self.phi_prime = activation

    def forward(self, x):
        self.x, self.h = x, self.phi(x @ self.W + self.b)  # h = φ(x W + b)
        return self.h

    def backward(self, dh):
        da = dh * self.phi_prime(self.h)  # da_ij = dh_ij φ′(a_ij)
        self.dW = self.x.T @ da  # dW_pj = Σ_i x_ip da_ij
        self.db = da.sum(axis=0)  # db_j = Σ_i da_ij
        return da @ self.W.T  # dx_ip = Σ_j da_ij W_pj

    theta = property(lambda self: [self.W, self.b])
    gradient = property(lambda self: [self.dW, self.db])


class Network(list):  # layers, one after the other
    def forward(self, x):
        for layer in self:
            x = layer.forward(x)
        return x

    def backward(self, dy):
        for layer in reversed(self):
            dy = layer.backward(dy)
        return dy

    def backpropagate(self, x, target):  # an autoencoder has target = x
        J, dlogits = cross_entropy(self.forward(x), target)
        self.backward(dlogits)
        return J

    theta = property(lambda self: [p for layer in self for p in layer.theta])
    gradient = property(lambda self: [g for layer in self for g in layer.gradient])


def cross_entropy(logits, x):
    J = (xp.logaddexp(0, logits) - x * logits).sum() / len(logits)  # 1/B Σ_ij [s(t_ij) − x_ij t_ij]
    return J, (sigmoid(logits) - x) / len(logits)  # ∂J/∂t_ij = (x̂_ij − x_ij)/B


class Adam:  # Kingma & Ba 2015, "Adam: a method for stochastic optimization", algorithm 1
    def __init__(self, network, eta=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.network, self.eta, self.beta1, self.beta2, self.eps, self.t = network, eta, beta1, beta2, eps, 0
        self.m, self.v = ([xp.zeros_like(p) for p in network.theta] for _ in range(2))  # running means of g and g²

    def step(self):
        self.t += 1
        for p, g, m, v in zip(self.network.theta, self.network.gradient, self.m, self.v, strict=True):
            m[...] = self.beta1 * m + (1 - self.beta1) * g  # m ← β₁ m + (1 − β₁) g
            v[...] = self.beta2 * v + (1 - self.beta2) * g**2  # v ← β₂ v + (1 − β₂) g²
            m_hat = m / (1 - self.beta1**self.t)  # m̂ = m/(1 − β₁ᵗ), since m starts at 0
            v_hat = v / (1 - self.beta2**self.t)  # v̂ = v/(1 − β₂ᵗ), for the same reason
            p -= self.eta * m_hat / (xp.sqrt(v_hat) + self.eps)  # θ ← θ − η m̂/(√v̂ + ε)


def digits(part, n):
    """The first n MNIST digits of npae's sample, as rows. part: "train" (10,000) or "t10k" (2,000, for tests)."""
    file = gzip.open(Path(__file__).parents[2] / f"npae/data/sample/{part}-images-idx3-ubyte.gz")  # 16 bytes of header
    return xp.asarray(np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784)[:n] / 255)


def train(phases, x, epochs, rng, B=100):
    """phases: {name of J: (backpropagate, Adam)}; each takes one step per minibatch of B rows. Prints the mean J."""
    for epoch in range(1, epochs + 1):
        means, order = dict.fromkeys(phases, 0.0), xp.asarray(rng.permutation(len(x)))
        for rows in (order[k : k + B] for k in range(0, len(x), B)):
            for name, (backpropagate, adam) in phases.items():
                means[name] += float(backpropagate(x[rows])) * len(rows) / len(x)
                adam.step()
        print(f"epoch {epoch}: " + ", ".join(f"{name} {J:.2f} nats per image" for name, J in means.items()))


def check(backpropagate, network, rng, eps=1e-5, names="W₁ b₁ W₂ b₂ W₃ b₃ W₄ b₄ W₅ b₅ W₆ b₆"):
    """Compare ⟨∂J/∂p, u⟩ with (J(p + εu) − J(p − εu))/2ε, for each parameter p (but "-") and a random direction u."""
    backpropagate()
    for name, p, g in (t for t in zip(names.split(), network.theta, network.gradient, strict=False) if t[0] != "-"):
        u = xp.asarray(rng.standard_normal(p.shape))
        p += eps * u
        J_plus = backpropagate()
        p -= 2 * eps * u
        claimed, measured = float((g * u).sum()), float(J_plus - backpropagate()) / (2 * eps)
        p += eps * u
        print(f"∂J/∂{name}: claimed {claimed:.9}, measured {measured:.9}, relative error {claimed / measured - 1:.0e}")


def draw(images):  # as text: one character per pixel, every second row, since characters are twice as high as wide
    rows = xp.hstack(list(images.reshape(-1, 28, 28)))[::2].tolist()
    print("\n".join("".join(" .:-=+*#%@"[int(9.99 * pixel)] for pixel in row) for row in rows))


def setup(argv, epochs):
    """The settings on the command line, as (epochs, random generator, training digits, test digits)."""
    parser = argparse.ArgumentParser()
    for flag, default in (("--epochs", epochs), ("--images", 10000), ("--seed", 0)):
        parser.add_argument(flag, type=int, default=default)
    parser.add_argument("--gpu", action="store_true")
    args = parser.parse_args(argv)
    hasattr(sys.stdout, "reconfigure") and sys.stdout.reconfigure(errors="replace")  # "?" where a console lacks ∂ or ₁
    return args.epochs, np.random.default_rng(args.seed), digits("train", args.images), digits("t10k", args.images)


def main(argv=None):
    epochs, rng, x, x_test = setup(argv, epochs=10)
    model = Network([Dense(784, 32, RELU, rng), Dense(32, 784, IDENTITY, rng)])
    check(lambda: model.backpropagate(x[:16], x[:16]), model, rng)
    train({"cross-entropy": (lambda x: model.backpropagate(x, x), Adam(model))}, x, epochs, rng)
    print(f"test: cross-entropy {cross_entropy(model.forward(x_test), x_test)[0]:.2f} nats per image; x and x̂:")
    draw(xp.concatenate([x_test[:2], sigmoid(model.forward(x_test[:2]))]))


if __name__ == "__main__":
    main()
