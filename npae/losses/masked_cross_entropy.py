"""Softmax cross-entropy where few labels are known: the others neither cost anything nor teach anything.

    y_i ∈ {0, …, C − 1},  or −1: not known               L = the number of those that are known in the batch

    J = 1/L Σ_{i: y_i ≥ 0} −ln p_{i y_i}                 ∂J/∂z_i = w_i (p_i − t_i),   w_i = [y_i ≥ 0] / max(L, 1)

p = softmax(z), t the one-hot row of y_i: npae.losses.softmax_cross_entropy. The mean is over those who have a label, not over the
batch, so that a label weighs the same however many samples around it have none. Where none is known, L = 0, J and its
derivative are exactly 0. The rows of the others are multiplied by w_i = 0, and not left out: so every batch has the
same shapes, and nobody waits for the device to say how many there are.
"""

from npae.backend import array_module, dot, empty
from npae.layers.softmax import softmax
from npae.losses.softmax_cross_entropy import SoftmaxCrossEntropy


class MaskedCrossEntropy(SoftmaxCrossEntropy):
    """ℓ = −ln softmax(z)_y of those samples whose label is known, in nats, from logits z (B, C); 0 of the others.

    classes: their number C, at least 2. Targets are integers (B,) from 0 to C − 1, or −1 for a label that is not known.
    """

    def value_and_gradient(self, z, x):
        """J = Σ_i w_i (ln s_i − u_{i y_i}), and ∂J/∂z = w (p − t); x are the targets."""
        xp = array_module(z)
        t, (u, p, s) = self._rows(z, x), softmax(z)
        w = xp.sum(t, axis=1, out=empty((len(z),), z))  # 1 where a label is known
        xp.divide(w, xp.maximum(dot(w, w), 1), out=w)  # 1² = 1: the product is L
        xp.multiply(p, w[:, None], out=p)
        xp.multiply(t, w[:, None], out=t)
        value = dot(xp.log(s, out=s), w) - dot(t.reshape(-1), u.reshape(-1))
        return value, xp.subtract(p, t, out=p)

    def per_sample(self, z, x):
        """ln s_i − u_{i y_i} where y_i is known, else 0, shape (B,); x are the targets."""
        return super().per_sample(z, x) * (x >= 0)

    def check_targets(self, x):
        """Raise ValueError for what is no class number from 0 to C − 1 nor −1."""
        if x.ndim != 1:
            raise ValueError(f"{self!r}: expected class numbers as labels, got rows: rows.argmax(axis=1).")
        low, high = int(x.min()), int(x.max())
        if low < -1 or high >= self.classes:
            raise ValueError(
                f"{self!r}: expected labels from 0 to {self.classes - 1}, or -1 where not known, got {low} to {high}."
            )

    def _rows(self, z, x):
        """Rows t, of zeros where nothing is known: no class has the number −1."""
        if x.ndim != 1:
            self.check_targets(x)
        return super()._rows(z, x)
