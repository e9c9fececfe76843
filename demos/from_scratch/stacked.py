"""Stacked autoencoder: one layer at a time.

A deep network is trained one layer at a time, then all layers are trained together.

The model is a deep autoencoder with sigmoid layers, 784-128-64-16-64-128-784. f_k encodes, g_k decodes, and h⁰ = x:

    hᵏ = f_k(hᵏ⁻¹) = σ(hᵏ⁻¹ W_k + b_k)                     k = 1, 2, 3
    x → f₁ → f₂ → f₃ → g₃ → g₂ → g₁ → x̂

Why it is hard to train. Let a be the pre-activations of one layer, a⁺ those of the next, and W⁺ its weights. Then

    ∂J/∂a_ij = φ′(a_ij) Σ_l ∂J/∂a⁺_il W⁺_jl                φ′ = h (1 − h) ≤ ¼

From the logits back to the first layer the derivative passes five hidden layers, and is multiplied by a φ′ in each. So
the gradient of the first layers is small, and they learn slowly. The gradient check shows it: compare W₁ with W₆.

Greedy pretraining. Train three small autoencoders, each with one hidden layer. The k-th one learns to reproduce hᵏ⁻¹,
and its derivative passes through one sigmoid only. ℓ is the cross-entropy. Its targets hᵏ⁻¹ lie between 0 and 1, since
they are pixels or come from a sigmoid:

    minimise 1/B Σ_i ℓ(g_k(f_k(hᵏ⁻¹_i)), hᵏ⁻¹_i) over the parameters of f_k and g_k, then compute hᵏ for all images

Fine-tuning. Put the layers together, f₁ f₂ f₃ g₃ g₂ g₁, and train all parameters on the reconstruction of x. No new
derivative is needed, since all layers are dense layers. One detail changes: a small autoencoder ends in logits, because
the sigmoid is part of ℓ. In the deep network this still holds for g₁, but g₃ and g₂ now end in a sigmoid.

python -m demos.from_scratch.stacked        test: 185.0 nats per image without pretraining, 122.2 with; 23 s on one core
Hinton & Salakhutdinov 2006, "Reducing the dimensionality of data with neural networks", Science 313; Bengio, Lamblin,
Popovici & Larochelle 2007, "Greedy layer-wise training of deep networks", section 3
"""

from functools import partial
from itertools import pairwise

from demos.from_scratch.autoencoder import IDENTITY, SIGMOID, Adam, Dense, Network, check, cross_entropy, setup, train

SIZES = (784, 128, 64, 16)


def small_autoencoders(sizes, rng):
    """One autoencoder for each depth: f_k with a sigmoid code, g_k with logits."""
    return [Network([Dense(n, m, SIGMOID, rng), Dense(m, n, IDENTITY, rng)]) for n, m in pairwise(sizes)]


def pretrain(autoencoders, x, epochs, rng):
    h = x  # h⁰ = x
    for k, model in enumerate(autoencoders, start=1):
        train({f"layer {k}, cross-entropy": (reconstruction(model), Adam(model))}, h, epochs, rng)
        h = model[0].forward(h)  # hᵏ = f_k(hᵏ⁻¹)


def unroll(autoencoders):
    """The deep autoencoder f₁, f₂, …, g₂, g₁, with the parameters of the small ones."""
    encoders = [model[0] for model in autoencoders]
    decoders = [model[1] for model in autoencoders]
    for g in decoders[1:]:
        g.phi, g.phi_prime = SIGMOID  # g₂ and g₃ return codes, g₁ returns logits
    return Network([*encoders, *reversed(decoders)])


def reconstruction(model):
    return lambda x: model.backpropagate(x, x)  # the target is the input


def main(argv=None):
    epochs, rng, x, x_test = setup(argv, epochs=10)
    for pretrained in (False, True):
        print("with pretraining" if pretrained else "without pretraining")
        autoencoders = small_autoencoders(SIZES, rng)
        if pretrained:
            pretrain(autoencoders, x, epochs, rng)
        deep = unroll(autoencoders)
        check(partial(deep.backpropagate, x[:16], x[:16]), deep, rng, eps=3e-5)
        train({"all layers, cross-entropy": (reconstruction(deep), Adam(deep))}, x, epochs, rng)
        J, _ = cross_entropy(deep.forward(x_test), x_test)
        print(f"test: cross-entropy {J:.2f} nats per image")


if __name__ == "__main__":
    main()
