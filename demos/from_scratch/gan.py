"""Generative adversarial network.

A generator makes images that a discriminator cannot tell from real ones.

The model. z ~ N(0, I) is a code of 32 random numbers. σ is the sigmoid.

    x̂ = G(z)                                      generator: a code becomes an image with pixels between 0 and 1
    a = D(x),   b = D(x̂)                          discriminator: one logit per image; σ(logit) = probability of "real"

The objectives. D is a classifier with the targets 1 (real) and 0 (fake). J_D is its cross-entropy on B real and B fake
images. G is trained with the opposite target: J_G is the cross-entropy of its fake images with the target 1. With the
softplus s(a) = ln(1 + eᵃ), whose derivative is σ:

    J_D = 1/B Σ_i [ −ln σ(a_i) − ln(1 − σ(b_i)) ] = 1/B Σ_i [ s(−a_i) + s(b_i) ]
    J_G = 1/B Σ_i [ −ln σ(b_i) ]                  = 1/B Σ_i s(−b_i)

Each minibatch has two phases. Each phase draws its own codes and has its own Adam:

    1. a step for D     ∂J_D/∂a_i = (σ(a_i) − 1)/B,    ∂J_D/∂b_i = σ(b_i)/B,    then back through D
    2. a step for G     ∂J_G/∂b_i = (σ(b_i) − 1)/B,    then back through D to ∂J_G/∂x̂, then back through G

Why G does not minimise −J_D. The derivative with respect to b_i would be −σ(b_i)/B. At the beginning D recognises all
fake images, b_i ≪ 0, and this derivative is almost 0. The derivative of J_G is almost −1/B there.

What D estimates. Let p be the density of the real images, p_G that of the fake ones. On average J_D is the integral
∫ [ p s(−a) + p_G s(a) ] dx. Set its derivative with respect to a(x) to 0 at each x:

    −p σ(−a) + p_G σ(a) = 0         so eᵃ = σ(a)/σ(−a) = p/p_G
    s(−a) = ln(1 + e⁻ᵃ) = ln((p + p_G)/p),          s(a) = ln(1 + eᵃ) = ln((p + p_G)/p_G)
    J_D = ∫ [ p ln((p + p_G)/p) + p_G ln((p + p_G)/p_G) ] dx = 2 ln 2 − 2 JS(p ‖ p_G)

So the logit of the best D is ln(p/p_G). JS(p ‖ p_G) = ½ KL(p ‖ m) + ½ KL(p_G ‖ m), with m = (p + p_G)/2 and KL(p ‖ m) =
∫ p ln(p/m) dx, is the Jensen-Shannon divergence. It is zero only for p_G = p. Then J_D = 2 ln 2 = 1.39 and J_G = ln 2 =
0.69. Neither objective measures the quality of the images, so we print more: the accuracy of D, and the diversity, the
standard deviation of the fake pixels relative to the real ones. It falls to 0 if G makes the same image for all z.

python -m demos.from_scratch.gan        after 30 epochs J_D = 1.04, J_G = 1.10, diversity 0.89; 27 s on one core
Goodfellow et al. 2014, "Generative adversarial nets", sections 3 and 4, algorithm 1 with one step of D per step of G
"""

from demos.from_scratch.autoencoder import (
    IDENTITY,
    RELU,
    SIGMOID,
    Adam,
    Dense,
    Network,
    check,
    cross_entropy,
    draw,
    setup,
    train,
    xp,
)


class GAN:
    def __init__(self, G, D):
        self.G, self.D = G, D

    def discriminator_phase(self, x, z):
        """J_D. Leaves ∂J_D/∂θ in D."""
        x_hat = self.G.forward(z)
        logits = self.D.forward(xp.concatenate([x, x_hat]))  # B real images, then B fake ones
        J_real, da = cross_entropy(logits[: len(x)], 1)  # s(a) − a = s(−a),  ∂/∂a = σ(a) − 1
        J_fake, db = cross_entropy(logits[len(x) :], 0)  # s(b),   ∂/∂b = σ(b)
        self.D.backward(xp.concatenate([da, db]))
        return J_real + J_fake

    def generator_phase(self, z):
        """J_G. Leaves ∂J_G/∂θ in G."""
        x_hat = self.G.forward(z)
        J, db = cross_entropy(self.D.forward(x_hat), 1)  # s(b) − b = s(−b),  ∂/∂b = σ(b) − 1
        dx_hat = self.D.backward(db)  # D stores ∂J_G/∂θ_D as well; it is not used
        self.G.backward(dx_hat)
        return J


def gan(rng, n=784, hidden=128, d=32):
    G = Network([Dense(d, hidden, RELU, rng), Dense(hidden, n, SIGMOID, rng)])
    D = Network([Dense(n, hidden, RELU, rng), Dense(hidden, 1, IDENTITY, rng)])
    return GAN(G, D)


def main(argv=None):
    epochs, rng, x, x_test = setup(argv, epochs=30)
    model = gan(rng)

    def codes(n):
        return xp.asarray(rng.standard_normal((n, 32)))  # z ~ N(0, I)

    z = codes(4)
    check(lambda: model.discriminator_phase(x[:4], z), model.D, rng, eps=1e-6)
    check(lambda: model.generator_phase(z), model.G, rng, eps=1e-6)
    phases = {
        "J_D": (lambda x: model.discriminator_phase(x, codes(len(x))), Adam(model.D, eta=2e-4, beta1=0.5)),
        "J_G": (lambda x: model.generator_phase(codes(len(x))), Adam(model.G, eta=1e-3, beta1=0.5)),
    }
    train(phases, x, epochs, rng)
    x_hat = model.G.forward(codes(len(x_test)))
    real, fake = (model.D.forward(x_test) > 0).mean(), (model.D.forward(x_hat) < 0).mean()
    diversity = x_hat.std(axis=0).sum() / x_test.std(axis=0).sum()
    print(f"test: D is right on {real:.0%} of the real and {fake:.0%} of the fake images; diversity {diversity:.2f}")
    draw(x_hat[:4])


if __name__ == "__main__":
    main()
