"""Corruption for denoising autoencoders: noise on the encoder's input, which the decoder has to remove.

    x̃ ~ q(x̃ | x)                 J(θ) = 1/B Σ_i ℓ(g(f(x̃_i)), x_i)

The encoder receives the corrupted x̃, and the reconstruction is compared with the clean x. The network cannot simply
copy its input: it has to use the dependencies between features. A corruption is a layer at the head of the encoder,
Sequential(MaskingNoise(0.3), Dense(784, 500, ReLU)), so that the loss receives x and not x̃. It is active in training
only; at inference it returns x.

Each kind is a function of x and of independent random numbers of x's shape, u uniform in [0, 1) or ε standard normal.
The derivative with respect to x is taken with these numbers fixed. [c] is 1 where the condition c holds, otherwise 0:

    masking            x̃ = x ⊙ [u ≥ p]                               ∂x̃/∂x = [u ≥ p]
    Gaussian           x̃ = x + σ ε                                   ∂x̃/∂x = 1
    salt and pepper    x̃ = x ⊙ [u ≥ p] + [p/2 ≤ u < p]               ∂x̃/∂x = [u ≥ p]

**Why it works.** With squared error the best reconstruction is the conditional mean, g(f(x̃)) = E[x | x̃]. For Gaussian
noise let p(x̃) = ∫ p(x) N(x̃; x, σ²) dx be the density of the corrupted data. Then

    ∇p(x̃) = ∫ p(x) N(x̃; x, σ²) (x − x̃)/σ² dx = p(x̃) (E[x | x̃] − x̃)/σ²     since p(x) N(x̃; x, σ²) = p(x̃) p(x | x̃)

    E[x | x̃] = x̃ + σ² ∇ln p(x̃)                                      (Tweedie's formula)

so the best reconstruction moves x̃ uphill on the corrupted data's log-density: it learns the gradient, the *score*.

Vincent, Larochelle, Bengio & Manzagol 2008, "Extracting and composing robust features with denoising autoencoders";
Vincent et al. 2010, "Stacked denoising autoencoders", JMLR 11, section 3.3; Alain & Bengio 2014, "What regularized
auto-encoders learn from the data-generating distribution", JMLR 15 (the last formula, for small σ).
"""

from npae.backend import Array, Config, as_float, check_floats, elementwise, maximum, minimum
from npae.layers.base import Cache, Gradient
from npae.layers.stochastic import Stochastic


class Corruption(Stochastic):
    """x̃ in training, x at inference.

    Subclasses implement corrupt and gradient, and override draw if the noise is not uniform.

    Example:
        >>> import numpy as np
        >>> from npae.layers import Corruption
        >>> class Fading(Corruption):
        ...     def corrupt(self, x, noise):
        ...         return x * noise
        ...     def gradient(self, dy, noise, y):
        ...         return dy * noise
        >>> y, (noise, _) = Fading().forward(np.ones((2, 3)), training=True)
        >>> np.array_equal(y, noise)
        True
    """

    def draw(self, x: Array) -> Array:
        """The next random numbers of the layer's stream, of x's shape and dtype, on its device."""
        return self.stream.uniform(x)

    def corrupt(self, x: Array, noise: Array) -> Array:
        """x̃.

        Args:
            x: the batch.
            noise: random numbers of its shape.
        """
        raise NotImplementedError

    def gradient(self, dy: Array, noise: Array, y: Array) -> Array:
        """∂J/∂x.

        Args:
            dy: ∂J/∂x̃.
            noise: that of forward.
            y: x̃.
        """
        raise NotImplementedError

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Cache]:
        """x̃ in training, else x. The cache is (noise, x̃), or None at inference."""
        if not training:
            return x, None
        check_floats(self, x)
        noise = self.next(x)
        y = self.corrupt(x, noise)
        return y, (noise, y)

    def backward(self, dy: Array, cache: Cache, needs_dx: bool = True) -> Gradient:
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
    """Each number of x is replaced with probability p = `fraction`, independently. Subclasses implement corrupt."""

    def __init__(self, fraction: float):
        super().__init__()
        self.fraction = as_float(fraction, f"fraction of {type(self).__name__}", least=0, most=1)

    def gradient(self, dy: Array, noise: Array, y: Array) -> Array:
        return _mask(dy, noise, self.fraction)

    def config(self) -> Config:
        return {"fraction": self.fraction}


class MaskingNoise(RandomMask):
    """x̃ = x ⊙ [u ≥ p]: missing inputs, replaced by 0. The others are not scaled up, unlike dropout's.

    Args:
        fraction: p, the probability that a number is replaced.

    Example:
        >>> from npae.layers import Dense, MaskingNoise, Sequential
        >>> Sequential(MaskingNoise(0.3), Dense(784, 500, "relu"))
        Sequential(MaskingNoise(fraction=0.3), Dense(784 -> 500, ReLU()))
    """

    def corrupt(self, x: Array, noise: Array) -> Array:
        return _mask(x, noise, self.fraction)


class SaltAndPepper(RandomMask):
    """x̃ = x ⊙ [u ≥ p] + [p/2 ≤ u < p]: half of the replaced numbers become 0 (black), half 1 (white).

    Args:
        fraction: p, the probability that a number is replaced.

    Example:
        >>> import numpy as np
        >>> from npae.layers import SaltAndPepper
        >>> noisy, cache = SaltAndPepper(0.2).forward(np.full((100, 100), 0.5), training=True)
        >>> np.unique(noisy).tolist()
        [0.0, 0.5, 1.0]
    """

    def corrupt(self, x: Array, noise: Array) -> Array:
        return _salt_and_pepper(x, noise, self.fraction, self.fraction / 2)


@elementwise
def _add_noise(x, eps, std):
    return x + std * eps


@elementwise
def _add_noise_and_clip(x, eps, std, low, high):
    return minimum(maximum(x + std * eps, low), high)


@elementwise
def _inside(dy, y, low, high):
    return dy * (y > low) * (y < high)


class GaussianNoise(Corruption):
    """x̃ = x + σ ε with ε ~ N(0, 1).

    With clip, x̃ = min(max(x + σ ε, low), high) and ∂x̃/∂x = [low < x̃ < high].

    Args:
        std: σ, the standard deviation of the noise.
        clip: (low, high) keeps pixels in this range; None: no limits.

    Example:
        >>> import numpy as np
        >>> from npae.layers import GaussianNoise
        >>> noisy, cache = GaussianNoise(0.3, clip=(0, 1)).forward(np.ones((5, 784)), training=True)
        >>> bool(noisy.max() <= 1)
        True
    """

    def __init__(self, std: float, clip: tuple[float, float] | None = None):
        super().__init__()
        self.std, self.clip = as_float(std, "std of GaussianNoise", least=0), None
        if clip is not None:
            if not (isinstance(clip, (tuple, list)) and len(clip) == 2):
                raise ValueError(f"GaussianNoise: expected clip=(low, high) with low < high, got {clip}.")
            low = as_float(clip[0], "low of GaussianNoise's clip")
            self.clip = low, as_float(clip[1], "high of GaussianNoise's clip", above=low)

    def draw(self, x: Array) -> Array:
        return self.stream.normal(x)

    def corrupt(self, x: Array, noise: Array) -> Array:
        if self.clip is None:
            return _add_noise(x, noise, self.std)
        return _add_noise_and_clip(x, noise, self.std, *self.clip)

    def gradient(self, dy: Array, noise: Array, y: Array) -> Array:
        return dy if self.clip is None else _inside(dy, y, *self.clip)

    def config(self) -> Config:
        return {"std": self.std, "clip": None if self.clip is None else list(self.clip)}
