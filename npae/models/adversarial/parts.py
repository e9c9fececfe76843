"""Codes of several parts: each part has its own columns, prior and discriminator.

    code = [ŷ | h]                          a class of K numbers, and a style of d numbers
    D_Y compares ŷ with one-hot vectors,  D_H compares h with samples of p(z)          see game.py

No column belongs to both parts. So the gradient of the sum of both generator losses is [∂J_G/∂ŷ | ∂J_G/∂h], with one
half from each discriminator.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from npae.backend import Array, Stream, contiguous
from npae.layers import Layer, Sequential, SoftmaxHead
from npae.models.adversarial.game import (
    check_parts,
    diagnostics,
    discriminator_step,
    diversity,
    ends_linear,
    generator_gradient,
)
from npae.models.adversarial.priors import OneHotPrior, Prior
from npae.models.adversarial.sampler import PriorSampler
from npae.models.base import Terms
from npae.models.phases import Phase


@dataclass(frozen=True)
class Part:
    """Some columns of codes (B, n).

    Attributes:
        name: the beginning of the names of their terms of J.
        columns: which.
        sampler: of their prior.
        discriminator: of these columns.
    """

    name: str
    columns: slice
    sampler: PriorSampler
    discriminator: Layer

    def of(self, code: Array) -> Array:
        """This part of the codes, contiguous."""
        return contiguous(code[:, self.columns])

    def phase(self, encode: Callable[[Any], Array]) -> Phase:
        """The Phase that trains the discriminator. encode: a function from a batch to its codes."""
        name = f"{self.name}_discriminator"

        def step(batch):
            fake = self.of(encode(batch))
            return {name: discriminator_step(self.discriminator, self.sampler.next(fake), fake)}

        return Phase(name, self.discriminator, step)

    def generator_gradient(self, code: Array, dcode: Array) -> Terms:
        """Write the gradient of this part's generator loss into its columns of dcode. Returns the loss, by name.

        Args:
            code: the codes, (B, n).
            dcode: ∂J_G/∂code, (B, n), which is written to.
        """
        value, dcode[:, self.columns] = generator_gradient(self.discriminator, self.of(code))
        return {f"{self.name}_generator": value}

    def diagnostics(self, code: Array, logits: Callable[[Layer, Array], Array]) -> dict[str, float]:
        """Losses, accuracies and diversity of this part on codes, numbers by name; samples of the prior have seed 0.

        Args:
            code: the codes, (B, n).
            logits: a function (discriminator, rows) that returns the discriminator's output in inference mode.
        """
        fake = self.of(code)
        real = self.sampler.prior.codes(Stream([0]), fake)
        a, b = (logits(self.discriminator, rows) for rows in (real, fake))
        found = diagnostics(a, b)
        return {f"{self.name}_{key}": v for key, v in (found | {"diversity": diversity(fake, real)}).items()}


def class_and_style(model: Any, encoder: Layer, class_discriminator: Layer, style_discriminator: Layer,
                    prior: Prior) -> tuple[Part, Part]:  # fmt: skip
    """The two Parts of codes [ŷ | h].

    Args:
        model: in whose name the errors are.
        encoder: returns the codes.
        class_discriminator: of ŷ.
        style_discriminator: of h.
        prior: of h.

    Raises ValueError unless the encoder ends in a linear layer of K + d outputs and SoftmaxHead(K), and both
    discriminators in a linear layer; TypeError unless `prior` is a Prior.
    """
    for discriminator in (class_discriminator, style_discriminator):
        check_parts(model, discriminator, prior)
    d, end = prior.size, encoder.layers[-2:] if isinstance(encoder, Sequential) else (encoder,)
    K = end[-1].classes if len(end) == 2 and isinstance(end[-1], SoftmaxHead) else None
    if K is None or not _ends_linear(end[0], K + d):
        raise ValueError(
            f"{type(model).__name__}: expected an encoder Sequential(…, Dense(n, K + {d}), SoftmaxHead(K)), for logits "
            f"of K classes and styles of {d} numbers, got one that ends in {', '.join(map(repr, end)) or 'nothing'}."
        )
    return (Part("class", slice(0, K), PriorSampler(OneHotPrior(K)), class_discriminator),
            Part("style", slice(K, None), PriorSampler(prior), style_discriminator))  # fmt: skip


def _ends_linear(network: Layer, n_out: int) -> bool:
    """Whether a network ends in a linear layer, with n_out outputs if their number is known."""
    *_, (_, layer) = network.leaves()
    return ends_linear(network) and getattr(layer, "n_out", n_out) == n_out
