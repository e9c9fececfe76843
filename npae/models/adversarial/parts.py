"""The parts of a code: each its own columns, a prior that it should be distributed as, and a discriminator that tells.

    code = [ŷ | h]                          a class, K numbers, and a style, d numbers
    D_Y against one-hot rows,  D_H against draws of p(h)         two duels (npae.models.adversarial.game), each with its own part

Side by side the derivatives of two generators' objectives are that of their sum: no column belongs to both.
"""

from dataclasses import dataclass

from npae.backend import Stream, contiguous
from npae.layers import Layer, Sequential, Softmax
from npae.models.adversarial.game import (
    check_parts,
    diagnostics,
    discriminator_step,
    diversity,
    ends_linear,
    generator_gradient,
    last,
)
from npae.models.adversarial.priors import OneHotPrior, Prior
from npae.models.phases import Phase


@dataclass(frozen=True)
class Part:
    """Some columns of codes (B, n), and the duel about them; its terms are called after its name."""

    name: str
    columns: slice
    prior: Prior
    discriminator: Layer

    def of(self, code):
        """This part of codes, contiguous."""
        return contiguous(code[:, self.columns])

    def phase(self, encode):
        """The Phase of the discriminator. encode: the codes of a batch."""

        def step(batch):
            made = self.of(encode(batch))
            return {f"{self.name}_discriminator": discriminator_step(self.discriminator, self.prior.next(made), made)}

        return Phase(f"{self.name}_discriminator", self.discriminator, step)

    def generator_gradient(self, code, dcode):
        """Write the derivative of the generator's objective by this part into dcode. Returns the objective, by name."""
        value, dcode[:, self.columns] = generator_gradient(self.discriminator, self.of(code))
        return {f"{self.name}_generator": value}

    def signs(self, code, opinion):
        """How the duel stands on codes, by name, numbers; draws of the prior are of seed 0.

        opinion(discriminator, rows): its logits, as in inference.
        """
        made = self.of(code)
        real = self.prior.codes(Stream([0]), made)
        found = diagnostics(*(opinion(self.discriminator, rows) for rows in (real, made)))
        return {f"{self.name}_{sign}": v for sign, v in (found | {"diversity": diversity(made, real)}).items()}


def class_and_style(model, encoder, class_discriminator, style_discriminator, prior):
    """The two Parts of codes [ŷ | h]. Raises, in the name of `model`, unless encoder and discriminators end as they
    should: ValueError, or TypeError for a prior that is none.
    """
    for discriminator in (class_discriminator, style_discriminator):
        check_parts(model, discriminator, prior)
    d, end = prior.size, encoder[-2:] if isinstance(encoder, Sequential) else (encoder,)
    K = end[-1].classes if len(end) == 2 and isinstance(end[-1], Softmax) else None
    if K is None or not ends_linear(end[0]) or getattr(last(end[0]), "n_out", K + d) != K + d:
        raise ValueError(
            f"{type(model).__name__}: expected an encoder Sequential(…, Dense(n, K + {d}), Softmax(K)), for scores of "
            f"K classes and styles of {d} numbers, got one that ends in {', '.join(map(repr, end)) or 'nothing'}."
        )
    return (Part("class", slice(0, K), OneHotPrior(K), class_discriminator),
            Part("style", slice(K, None), prior, style_discriminator))  # fmt: skip
