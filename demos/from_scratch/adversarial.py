"""Adversarial autoencoder: codes follow a prior.

A discriminator of codes makes the codes of all images normally distributed.

The model is an autoencoder and a discriminator D. A code has 8 numbers, and each code gets one logit from D:

    h = encoder(x),   x̂ = σ(decoder(h))
    z ~ N(0, I)                                   codes drawn from the prior p(z)
    a = D(z),    b = D(h)                         σ(logit) = probability of "from the prior"

The objectives. ℓ is the cross-entropy of the pixels. J_D is the cross-entropy of D as a classifier, with the targets 1
(from the prior) and 0 (from the encoder). J_G is the cross-entropy of the encoder's codes with the opposite target, 1.
With the softplus s(a) = ln(1 + eᵃ) we have −ln σ(a) = s(−a) and −ln(1 − σ(b)) = s(b). The three phases of each
minibatch are

    1. reconstruction, a step for encoder and decoder     J_R = 1/B Σ_i ℓ(x̂_i, x_i)
    2. discriminator, a step for D                        J_D = 1/B Σ_i [ s(−a_i) + s(b_i) ]
    3. generator, a step for the encoder                  J_G = 1/B Σ_i s(−b_i)

Each phase has its own Adam. The derivatives of phase 1 are those of the autoencoder. For the other two, since s′ = σ:

    ∂J_D/∂a_i = (σ(a_i) − 1)/B,    ∂J_D/∂b_i = σ(b_i)/B,    then back through D
    ∂J_G/∂b_i = (σ(b_i) − 1)/B,    then back through D to ∂J_G/∂h, then back through the encoder

In phase 3 the parameters of D stay as they are. Only ∂J_G/∂h is used.

What phase 3 does. Let q be the density of the codes h of all images together. The best D has the logit ln(p/q), as
gan.py derives. So J_G moves codes to where p is larger than q, until q = p. A variational autoencoder instead brings
each single q(z | x) close to p, and needs the formulas of both densities. Here samples from p are enough.

After training, a code drawn from the prior can be decoded to a new image.

python -m demos.from_scratch.adversarial        26 s on one core
Test: 121.1 nats per image; the codes have mean −0.10 and standard deviation 1.06.
Makhzani, Shlens, Jaitly, Goodfellow & Frey 2015, "Adversarial autoencoders", section 2
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


class AdversarialAutoencoder:
    def __init__(self, encoder, decoder, D):
        self.encoder, self.D = encoder, D
        self.autoencoder = Network([encoder, decoder])

    def reconstruction_phase(self, x):
        """J_R. Leaves ∂J_R/∂θ in encoder and decoder."""
        return self.autoencoder.backpropagate(x, x)

    def discriminator_phase(self, x, z):
        """J_D. Leaves ∂J_D/∂θ in D."""
        h = self.encoder.forward(x)
        logits = self.D.forward(xp.concatenate([z, h]))  # B codes from the prior, then B from the encoder
        J_prior, da = cross_entropy(logits[: len(x)], 1)  # s(a) − a = s(−a),  ∂/∂a = σ(a) − 1
        J_encoder, db = cross_entropy(logits[len(x) :], 0)  # s(b),   ∂/∂b = σ(b)
        self.D.backward(xp.concatenate([da, db]))
        return J_prior + J_encoder

    def generator_phase(self, x):
        """J_G. Leaves ∂J_G/∂θ in the encoder."""
        h = self.encoder.forward(x)
        J, db = cross_entropy(self.D.forward(h), 1)  # s(b) − b = s(−b),  ∂/∂b = σ(b) − 1
        dh = self.D.backward(db)  # D stores ∂J_G/∂θ_D as well; it is not used
        self.encoder.backward(dh)
        return J


def adversarial_autoencoder(rng, n=784, hidden=256, d=8):
    encoder = Network([Dense(n, hidden, RELU, rng), Dense(hidden, d, IDENTITY, rng)])
    decoder = Network([Dense(d, hidden, RELU, rng), Dense(hidden, n, IDENTITY, rng)])
    D = Network([Dense(d, hidden, RELU, rng), Dense(hidden, 1, IDENTITY, rng)])
    return AdversarialAutoencoder(encoder, decoder, D)


def main(argv=None):
    epochs, rng, x, x_test = setup(argv, epochs=15)
    model = adversarial_autoencoder(rng)

    def prior(n):
        return xp.asarray(rng.standard_normal((n, 8)))  # z ~ N(0, I)

    z = prior(4)
    check(lambda: model.reconstruction_phase(x[:4]), model.autoencoder, rng, eps=1e-6)
    check(lambda: model.discriminator_phase(x[:4], z), model.D, rng, eps=1e-6)
    check(lambda: model.generator_phase(x[:4]), model.encoder, rng, eps=1e-6)
    phases = {
        "J_R": (model.reconstruction_phase, Adam(model.autoencoder)),
        "J_D": (lambda x: model.discriminator_phase(x, prior(len(x))), Adam(model.D)),
        "J_G": (model.generator_phase, Adam(model.encoder)),
    }
    train(phases, x, epochs, rng)
    h = model.encoder.forward(x_test)
    J, _ = cross_entropy(model.autoencoder.forward(x_test), x_test)
    print(f"test: cross-entropy {J:.2f} nats per image")
    print(f"codes of the test images: mean {h.mean():.2f}, standard deviation {h.std(axis=0).mean():.2f}")
    print("new images, decoded from z ~ N(0, I):")
    draw(sigmoid(model.autoencoder[1].forward(prior(4))))


if __name__ == "__main__":
    main()
