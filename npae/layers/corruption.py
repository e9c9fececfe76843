"""Corruption: noise on the input of the encoder, which the decoder has to undo.

    x̃ ~ q(x̃ | x)                 J(θ) = 1/B Σ_i ℓ(g(f(x̃_i)), x_i)

A denoising autoencoder sees x̃ and is compared with the clean x, so that it cannot simply copy: it has to learn what
belongs together. A corruption is therefore a layer at the head of the encoder, Sequential(MaskingNoise(0.3), Dense(…),
…): the loss gets x and not x̃ by construction. It works in training only; inference passes x through.

Each kind is a function of x and of random numbers of x's shape: z normal or u uniform in [0, 1), independent. Its
derivative is taken with these held fast:

    masking            x̃ = x ⊙ [u ≥ p]                               ∂x̃/∂x = [u ≥ p]
    Gaussian           x̃ = x + σ z                                   ∂x̃/∂x = 1
    salt and pepper    x̃ = x ⊙ [u ≥ p] + [p/2 ≤ u < p]               ∂x̃/∂x = [u ≥ p]

Vincent, Larochelle, Bengio & Manzagol 2008, "Extracting and composing robust features with denoising autoencoders";
Vincent et al. 2010, "Stacked denoising autoencoders", JMLR 11, section 3.3.
"""

import math

from npae.backend import check_floats, elementwise, maximum, minimum
from npae.layers.stochastic import Stochastic


class Corruption(Stochastic):
    """x̃ from x in training, x itself in inference. A new one defines corrupt and gradient, and draw, unless it needs u.
    """

    def draw(self, x):
        """The next random numbers of the layer's stream, of x's shape and dtype, on its device."""
        return self.stream.uniform(x)

    def corrupt(self, x, noise):
        """x̃."""
        raise NotImplementedError

    def gradient(self, dy, noise, y):
        """∂J/∂x from dy = ∂J/∂x̃, where y = x̃."""
        raise NotImplementedError

    def forward(self, x, training=False):
        """x̃ in training, else x. The cache is (numbers, x̃), or None where nothing was done."""
        if not training:
            return x, None
        check_floats(self, x)
        noise = self.next(x)
        y = self.corrupt(x, noise)
        return y, (noise, y)

    def backward(self, dy, cache, needs_dx=True):
        """∂J/∂x = dy ⊙ ∂x̃/∂x."""
        if needs_dx:
            return dy if cache is None else self.gradient(dy, *cache)


@elementwise
def _mask(x, u, p):
    return x * (u >= p)


@elementwise
def _salt_and_pepper(x, u, p, half):
    return x * (u >= p) + (u >= half) * (u < p)


class RandomMask(Corruption):
    """Every number of x is lost with probability `fraction`, p above; what stands in its place says corrupt."""

    def __init__(self, fraction):
        super().__init__()
        if not 0 <= fraction <= 1:
            raise ValueError(f"{type(self).__name__}: expected a probability 0 <= fraction <= 1, got {fraction}.")
        self.fraction = float(fraction)

    def gradient(self, dy, noise, y):
        return _mask(dy, noise, self.fraction)

    def config(self):
        return {"fraction": self.fraction}


class MaskingNoise(RandomMask):
    """Missing inputs: what is lost becomes 0. Nothing is scaled up in return, unlike dropout."""

    def corrupt(self, x, noise):
        return _mask(x, noise, self.fraction)


class SaltAndPepper(RandomMask):
    """Of what is lost, half becomes 0 and half 1, the darkest and the brightest pixel."""

    def corrupt(self, x, noise):
        return _salt_and_pepper(x, noise, self.fraction, self.fraction / 2)


@elementwise
def _shift(x, z, std):
    return x + std * z


@elementwise
def _shift_and_clip(x, z, std, low, high):
    return minimum(maximum(x + std * z, low), high)


@elementwise
def _inside(dy, y, low, high):
    return dy * (y > low) * (y < high)


class GaussianNoise(Corruption):
    """x̃ = x + σz, with the standard deviation σ = `std`; z ~ N(0, 1).

    clip: (low, high), to keep images images: x̃ = min(max(x + σz, low), high), whose derivative is [low < x̃ < high].
    """

    def __init__(self, std, clip=None):
        super().__init__()
        if not 0 <= std < math.inf:
            raise ValueError(f"GaussianNoise: expected a standard deviation of 0 or more, got {std}.")
        if clip is not None and not (isinstance(clip, (tuple, list)) and len(clip) == 2 and clip[0] < clip[1]):
            raise ValueError(f"GaussianNoise: expected clip=(low, high) with low < high, got {clip}.")
        self.std, self.clip = float(std), None if clip is None else tuple(map(float, clip))

    def draw(self, x):
        return self.stream.normal(x)

    def corrupt(self, x, noise):
        if self.clip is None:
            return _shift(x, noise, self.std)
        return _shift_and_clip(x, noise, self.std, *self.clip)

    def gradient(self, dy, noise, y):
        return dy if self.clip is None else _inside(dy, y, *self.clip)

    def config(self):
        return {"std": self.std, "clip": None if self.clip is None else list(self.clip)}
