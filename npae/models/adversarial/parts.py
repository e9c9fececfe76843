"""Codes of several parts: each part has its own columns, prior and discriminator.

    code = [ŷ | h]                          a class of K numbers, and a style of d numbers
    D_Y compares ŷ with one-hot vectors,  D_H compares h with samples of p(z)          see game.py

No column belongs to both parts. So the gradient of the sum of both generator losses is [∂J_G/∂ŷ | ∂J_G/∂h], with one
half from each discriminator.
"""

from dataclasses import dataclass

from npae.backend import Stream, contiguous
from npae.layers import Layer, Sequential, SoftmaxHead
from npae.models.adversarial.game import (
    check_parts,
    diagnostics,
    discriminator_step,
    diversity,
    ends_linear,
    generator_gradient,
)
from npae.models.adversarial.priors import OneHotPrior
from npae.models.adversarial.sampler import PriorSampler
from npae.models.phases import Phase


@dataclass(frozen=True)
class Part:
    """Some columns of codes (B, n), with the sampler of their prior and their discriminator.

    name: the beginning of the names of their terms of J.
    """

    name: str
    columns: slice
    sampler: PriorSampler
    discriminator: Layer

    def of(self, code):
        """This part of the codes, contiguous."""
        return contiguous(code[:, self.columns])

    def phase(self, encode):
        """The Phase that trains the discriminator. encode: a function from a batch to its codes."""
        name = f"{self.name}_discriminator"

        def step(batch):
            fake = self.of(encode(batch))
            return {name: discriminator_step(self.discriminator, self.sampler.next(fake), fake)}

        return Phase(name, self.discriminator, step)

    def generator_gradient(self, code, dcode):
        """Write the gradient of this part's generator loss into its columns of dcode. Returns the loss, by name."""
        value, dcode[:, self.columns] = generator_gradient(self.discriminator, self.of(code))
        return {f"{self.name}_generator": value}

    def diagnostics(self, code, logits):
        """Losses, accuracies and diversity of this part on codes, numbers by name; samples of the prior have seed 0.

        logits(discriminator, rows): the discriminator's output in inference mode.
        """
        fake = self.of(code)
        real = self.sampler.prior.codes(Stream([0]), fake)
        found = diagnostics(*(logits(self.discriminator, rows) for rows in (real, fake)))
        return {f"{self.name}_{key}": v for key, v in (found | {"diversity": diversity(fake, real)}).items()}


def class_and_style(model, encoder, class_discriminator, style_discriminator, prior):
    """The two Parts of codes [ŷ | h].

    Raises, naming `model`: ValueError unless the encoder ends in a linear layer of K + d outputs and SoftmaxHead(K),
    and both discriminators in a linear layer; TypeError unless `prior` is a Prior.
    """
    for discriminator in (class_discriminator, style_discriminator):
        check_parts(model, discriminator, prior)
    d, end = prior.size, encoder[-2:] if isinstance(encoder, Sequential) else (encoder,)
    K = end[-1].classes if len(end) == 2 and isinstance(end[-1], SoftmaxHead) else None
    if K is None or not _ends_linear(end[0], K + d):
        raise ValueError(
            f"{type(model).__name__}: expected an encoder Sequential(…, Dense(n, K + {d}), SoftmaxHead(K)), for logits "
            f"of K classes and styles of {d} numbers, got one that ends in {', '.join(map(repr, end)) or 'nothing'}."
        )
    return (Part("class", slice(0, K), PriorSampler(OneHotPrior(K)), class_discriminator),
            Part("style", slice(K, None), PriorSampler(prior), style_discriminator))  # fmt: skip


def _ends_linear(network, n_out):
    """Whether a network ends in a linear layer, with n_out outputs if their number is known."""
    *_, (_, layer) = network.leaves()
    return ends_linear(network) and getattr(layer, "n_out", n_out) == n_out
