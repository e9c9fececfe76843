"""Restricted Boltzmann machine: a density of binary vectors with hidden units, trained by contrastive divergence.

Visible units v (a row of n numbers, 0 or 1), hidden units h (a row of m), weights W (n, m), biases b (n,) and c (m,):

    E(v, h) = −v W hᵀ − v bᵀ − h cᵀ             p(v, h) = e^{−E(v, h)}/Z,     Z = Σ_{v, h} e^{−E(v, h)}

**Conditionals.** E has no products of two visible or of two hidden units (hence *restricted*): with a = v W + c it is
−v bᵀ − Σ_j a_j h_j, so that p(h | v) ∝ Π_j e^{a_j h_j}. Given v, the hidden units are independent, and so are the
visible ones given h:

    p(h_j = 1 | v) = e^{a_j}/(1 + e^{a_j}) = σ(a_j)        p(v_k = 1 | h) = σ(t_k),    t = h Wᵀ + b

**Free energy.** The sum over h has a factor for each unit, Σ_h e^{−E(v, h)} = e^{v bᵀ} Π_j (1 + e^{a_j}) = e^{−F(v)}:

    F(v) = −v bᵀ − Σ_j s(a_j)                    p(v) = e^{−F(v)}/Z,     Z = Σ_v e^{−F(v)}

with the softplus s(a) = ln(1 + eᵃ). Gaussian hidden units have the energy E(v, h) + ½ ‖h‖². Then p(h | v) = N(a, 1) and
∫ e^{a h − h²/2} dh = √(2π) e^{a²/2}, so s(a) = ½ a² (the factor √(2π) is also in Z). Let φ = s′. For both kinds it is
the mean of a hidden unit, E[h_j | v] = φ(a_j): σ(a_j) for binary units, a_j for Gaussian ones.

**Gradient of −ln p(v) = F(v) + ln Z.** Since ∂ ln Z/∂θ = 1/Z Σ_v′ e^{−F(v′)} (−∂F(v′)/∂θ), it is a difference of two
expectations, one over the data and one over the model:

    ∂(−ln p(v))/∂θ = ∂F(v)/∂θ − E_{v′ ~ p}[∂F(v′)/∂θ]
    ∂F/∂W_kj = −v_k φ(a_j)                       ∂F/∂b_k = −v_k          ∂F/∂c_j = −φ(a_j)

**Contrastive divergence.** The second expectation has 2ⁿ terms. Gibbs sampling, v → h → v′ → h′ → …, each from its
conditional, would reach p after many steps. CD-1 takes one step, and begins it at the data:

    h_i ~ p(h | v_i),      v′_i = E[v | h_i] = σ(h_i Wᵀ + b)
    g := 1/B Σ_i [ ∂F(v_i)/∂θ − ∂F(v′_i)/∂θ ]                              with v′ as a constant

    ∂W := (v′ᵀ φ(a′) − vᵀ φ(a))/B        ∂b := Σ_i (v′_i − v_i)/B        ∂c := Σ_i (φ(a′_i) − φ(a_i))/B

g lowers the free energy of the data and raises that of what the model makes of them. It is *defined*, not derived: v′
depends on θ, and g leaves that out. No function has g as its gradient (Sutskever & Tieleman 2010), so gradcheck can
check it only with v′ fixed. v′ are means and not samples, which makes g less noisy; h are samples, since a number
between 0 and 1 would transmit more of v than a unit can (Hinton 2012, section 3). The recorded term "reconstruction" is
the cross-entropy −ln p(v | h). It falls in training, but is not what g descends.

σ(v W + c) and σ(h Wᵀ + b) are encoder and decoder of an autoencoder with tied weights, and RBM is one. Stacked trains
RBMs one on the codes of the other and unrolls them (models/stacked.py).

Hinton 2002, "Training products of experts by minimizing contrastive divergence", Neural Computation 14; Hinton &
Salakhutdinov 2006, Science 313:504, with supplement; Welling, Rosen-Zvi & Hinton 2005 (Gaussian units); Hinton 2012, "A
practical guide to training restricted Boltzmann machines"; Sutskever & Tieleman 2010, "On the convergence properties of
contrastive divergence".
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from npae.backend import Array, ArrayLike, Config, DTypeLike, as_int, elementwise, empty, matmul, softplus, sum_rows
from npae.layers import Dense, Identity, Sigmoid, TiedDense
from npae.layers.activations import ActivationLike, as_activation
from npae.layers.stochastic import Stochastic
from npae.models.autoencoder import Autoencoder
from npae.models.base import Terms

if TYPE_CHECKING:
    from npae.penalties import Penalty


@elementwise
def _is_below(u, p):
    return 1.0 * (u < p)


@elementwise
def _plus(mean, eps):
    return mean + eps


@elementwise
def _times(h, scale):
    return h * scale


@elementwise
def _softplus(a, c):
    return softplus(a + c)


@elementwise
def _half_square(a, c):
    return 0.5 * (a + c) * (a + c)


class BinaryUnits(Stochastic):
    """h ∈ {0, 1}, with mean p = σ(a): h = [u < p] for a uniform u."""

    s = staticmethod(_softplus)  # s(a + c)

    def draw(self, x: Array) -> Array:
        """The next u of the stream."""
        return self.stream.uniform(x)

    def sample(self, mean: Array) -> Array:
        """h ~ p(h | v), from E[h | v]."""
        return _is_below(self.next(mean), mean)


class GaussianUnits(Stochastic):
    """h ~ N(a, 1): h = a + ε."""

    s = staticmethod(_half_square)  # s(a + c)

    def draw(self, x: Array) -> Array:
        """The next ε of the stream, standard normal."""
        return self.stream.normal(x)

    def sample(self, mean: Array) -> Array:
        """h ~ p(h | v), from E[h | v]."""
        return _plus(mean, self.next(mean))


class RBM(Autoencoder):
    """A restricted Boltzmann machine, trained by CD-1 with npae.fit.

    Its encoder is Dense, its decoder the TiedDense of it: W = encoder.W, c = encoder.b, b = decoder.b. encode returns
    E[h | v], reconstruct E[v | h] for h = E[h | v]. Data in [0, 1] count as probabilities of visible units.

    Args:
        n_visible: n, the number of visible units.
        n_hidden: m, the number of hidden units.
        hidden: "sigmoid" for binary hidden units, "linear" for Gaussian ones of variance 1, as an activation.
        penalties: terms λΩ, such as WeightDecay, whose gradients are added to g.
        seed: draws the first W; None leaves the parameters without values (to load a file).
        dtype: of the parameters, float32 or float64.

    Raises ValueError for other hidden units and for sizes below 1; TypeError for a target beside the data.

    Example:
        >>> import numpy as np
        >>> from npae import fit
        >>> from npae.models import RBM
        >>> x = np.repeat([[0, 0, 1, 1], [1, 1, 0, 0]], 50, axis=0).astype(bool)  # two of the 16 vectors
        >>> model = RBM(4, 3)
        >>> history = fit(model, x, epochs=100, batch_size=20, progress="none")
        >>> seen, unseen = model.free_energy(np.array([[0, 0, 1, 1], [0, 1, 0, 1]], bool))
        >>> bool(seen < unseen), model.encode(x).shape
        (True, (100, 3))
    """

    def __init__(self, n_visible: int, n_hidden: int, hidden: ActivationLike = "sigmoid",
                 penalties: "Sequence[Penalty]" = (), seed: int | None = 0, dtype: DTypeLike = np.float32):  # fmt: skip
        activation = as_activation(hidden, "RBM")
        if type(activation) not in (Sigmoid, Identity):
            raise ValueError(
                f'RBM: expected hidden units "sigmoid" (binary) or "linear" (Gaussian), got {activation!r}. '
                "For other codes pretrain with an autoencoder: models.Stacked."
            )
        n, m = as_int(n_visible, "n_visible of RBM", least=1), as_int(n_hidden, "n_hidden of RBM", least=1)
        dense = Dense(n, m, activation)
        self.hidden = BinaryUnits() if isinstance(activation, Sigmoid) else GaussianUnits()
        super().__init__(dense, TiedDense(dense), seed=seed, dtype=dtype, penalties=penalties)

    @property
    def draws(self) -> tuple[Any, ...]:
        """The objects that draw random numbers in training: the hidden units."""
        return (*super().draws, self.hidden)

    def backpropagate(self, batch: Array) -> Terms:
        """Add g, defined above, on the batch v to theta.grad. Returns "reconstruction", −ln p(v | h), on the device."""
        if isinstance(batch, tuple):
            raise TypeError("RBM: expected data alone, got a target beside them. Leave it out.")
        v, B = batch, len(batch)
        mean, cache = self.encoder.forward(v, training=True)  # φ(a) = E[h | v]
        t, _ = self.decoder.forward(self.hidden.sample(mean), training=True)  # h Wᵀ + b, h ~ p(h | v)
        v_1 = self.loss.output(t)  # v′ = σ(t) = E[v | h]
        self.add_free_energy_gradient(v, mean, 1 / B)
        self.add_free_energy_gradient(v_1, self.encoder(v_1), -1 / B)
        terms = {"reconstruction": self.loss.value_and_gradient(t, v)[0]}  # −ln p(v | h)
        for penalty in self.penalties:
            terms[penalty.term], through_h = penalty.value_and_gradient(self, mean, cache)
            if through_h is not None:
                self.encoder.backward(through_h, cache, needs_dx=False)
        return terms

    def add_free_energy_gradient(self, v: Array, mean: Array, scale: float) -> None:
        """∂J/∂θ += scale · Σ_i ∂F(v_i)/∂θ.

        Args:
            v: visible units, (B, n).
            mean: E[h | v], (B, m).
            scale: a number.
        """
        self.encoder.W.add_product(v.T, _times(mean, -scale), right_sum=self.encoder.b)  # −vᵀ φ(a), −Σ_i φ(a_i)
        self.decoder.b.add(sum_rows(v), -scale)  # −Σ_i v_i

    def free_energy(self, data: ArrayLike, batch_size: int | None = None) -> Array:
        """F(v) of each sample, (n,): −ln p(v) − ln Z. Differences of it compare samples; Z is not known.

        Args:
            data: samples (n, n_visible) in [0, 1].
            batch_size: samples per forward pass; None: as many as keep every layer's output below 8 MB, 16 to 1,024.
        """
        return self._map(self._free_energy, data, batch_size, check=self.check_targets)

    def _free_energy(self, v: Array) -> Array:
        W, c, b = self.encoder.W.value, self.encoder.b.value, self.decoder.b.value
        a = matmul(v, W, out=empty((len(v), W.shape[1]), v))  # a = v W; s adds c
        return -(v * b).sum(axis=1) - self.hidden.s(a, c).sum(axis=1)

    def config(self) -> Config:
        return {"n_visible": self.encoder.n_in, "n_hidden": self.encoder.n_out, "hidden": self.encoder.activation,
                "penalties": list(self.penalties)}  # fmt: skip

    def __repr__(self) -> str:
        kind = "binary" if isinstance(self.hidden, BinaryUnits) else "Gaussian"
        return f"RBM({self.encoder.n_in} -> {self.encoder.n_out} {kind})"
