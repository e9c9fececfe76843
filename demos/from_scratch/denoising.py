"""Denoising autoencoder: noisy in, clean out.

The network reconstructs the clean image from a corrupted one.

The model. Noise turns the image x into x̃. It is drawn anew in each step, independently for each pixel:

    masking noise       x̃ = x ⊙ [u ≥ p]          u uniform in [0, 1): each pixel becomes 0 with probability p = 0.5
    Gaussian noise      x̃ = x + σ ε              ε ~ N(0, 1), σ = 0.5, a standard deviation on this page

⊙ multiplies number by number, and [c] is 1 where the condition c holds, otherwise 0. The network receives x̃. Its
reconstruction is compared with the clean x, ℓ being the cross-entropy:

    h = φ(x̃ W₁ + b₁),   x̂ = sigmoid(t),          t = h W₂ + b₂, the logits; φ is the ReLU, 200 hidden units
    J = 1/B Σ_i ℓ(x̂_i, x_i)

A copy of x̃ is not x, so copying the input does not minimise J, however many hidden units there are.

The derivatives are those of the autoencoder, with x̃ as the input and x as the target:

    ∂J/∂t_ij = (x̂_ij − x_ij)/B
    ∂J/∂W₁   = x̃ᵀ ∂J/∂a                          a = x̃ W₁ + b₁

The noise does not depend on the parameters, so no derivative goes through it.

What the network learns. Fix x̃, and average ℓ over all clean images x that x̃ may come from. The derivative of this mean
with respect to t_j is E[x̂_j − x_j | x̃] = x̂_j − E[x_j | x̃], zero at x̂ = E[x | x̃]. With Gaussian noise x̃ has the
density p(x̃) = ∫ p(x) N(x̃; x, σ²) dx. Differentiate with respect to x̃, using ∇N(x̃; x, σ²) = N(x̃; x, σ²) (x − x̃)/σ²
and Bayes' theorem, p(x) N(x̃; x, σ²) = p(x̃) p(x | x̃):

    ∇p(x̃) = ∫ p(x) N(x̃; x, σ²) (x − x̃)/σ² dx = p(x̃) (E[x | x̃] − x̃)/σ²
    E[x | x̃] = x̃ + σ² ∇ ln p(x̃)

So the correction x̂ − x̃ of the best network points to where the density p(x̃) of the noisy images is larger.

python -m demos.from_scratch.denoising        18 s on one core
Test: masking ½‖x̃ − x‖² = 20.0, ½‖x̂ − x‖² = 7.5; Gaussian 98.1 and 6.6.
Vincent, Larochelle, Bengio & Manzagol 2008, "Extracting and composing robust features with denoising autoencoders",
section 2; Alain & Bengio 2014, "What regularized auto-encoders learn from the data-generating distribution", section 3
"""

from demos.from_scratch.autoencoder import (
    IDENTITY,
    RELU,
    Adam,
    Dense,
    Network,
    check,
    draw,
    setup,
    sigmoid,
    train,
    xp,
)


def masking_noise(x, u, p=0.5):
    return x * (u >= p)  # x̃ = x ⊙ [u ≥ p]


def gaussian_noise(x, epsilon, sigma=0.5):
    return x + sigma * epsilon  # x̃ = x + σ ε


def half_squared_distance(x_hat, x):
    return ((x_hat - x) ** 2).sum() / (2 * len(x))  # mean over the images of ½‖x̂ − x‖²


def denoising_autoencoder(rng, n=784, hidden=200):
    return Network([Dense(n, hidden, RELU, rng), Dense(hidden, n, IDENTITY, rng)])


def run(model, corrupt, x, epochs, rng):
    x_tilde = corrupt(x[:4])  # one draw, so that J is one function of the parameters
    check(lambda: model.backpropagate(x_tilde, x[:4]), model, rng, eps=1e-6)
    # The input is the corrupted image, the target is the clean image.
    train({"cross-entropy": (lambda x: model.backpropagate(corrupt(x), x), Adam(model))}, x, epochs, rng)


def main(argv=None):
    epochs, rng, x, x_test = setup(argv, epochs=10)
    corruptions = {
        "masking": lambda x: masking_noise(x, xp.asarray(rng.random(x.shape))),
        "Gaussian": lambda x: gaussian_noise(x, xp.asarray(rng.standard_normal(x.shape))),
    }
    for name, corrupt in corruptions.items():
        print(f"{name} noise")
        model = denoising_autoencoder(rng)
        run(model, corrupt, x, epochs, rng)
        x_tilde = corrupt(x_test)
        x_hat = sigmoid(model.forward(x_tilde))
        before, after = half_squared_distance(x_tilde, x_test), half_squared_distance(x_hat, x_test)
        print(f"test: ½‖x̃ − x‖² = {before:.2f} before, ½‖x̂ − x‖² = {after:.2f} after denoising, per image; x̃ and x̂:")
        draw(xp.concatenate([x_tilde[:2].clip(0, 1), x_hat[:2]]))


if __name__ == "__main__":
    main()
