"""Masked cross-entropy: softmax cross-entropy of the samples whose label is known.

    y_i ∈ {0, …, C − 1},  or −1: not known               L = the number of known labels in the batch

    J = 1/L Σ_{i: y_i ≥ 0} −ln p_{i y_i}                 ∂J/∂a_i = w_i (p_i − t_i),   w_i = [y_i ≥ 0] / max(L, 1)

with p = softmax(a) and the one-hot row t of y, see `softmax_cross_entropy.py`. The mean is over the samples that have a
label, not over the batch, so that a label has the same weight however many samples around it have none. If no label is
known, L = 0, J and its derivative are exactly 0. The other rows are multiplied by w_i = 0 and not left out: so every
batch has the same shapes, and the host need not wait for the device to count the labels.
"""

from npae.backend import Array, Scalar, array_module, dot, empty
from npae.layers.softmax import softmax
from npae.losses.softmax_cross_entropy import SoftmaxCrossEntropy


class MaskedCrossEntropy(SoftmaxCrossEntropy):
    """ℓ = −ln softmax(a)_y of the samples whose label is known, in nats, from logits a (B, C); 0 for the others.

    Targets are integers (B,) from 0 to C − 1, or −1 for a label that is not known (ignore_index = −1 elsewhere).

    Args:
        classes: C, the number of classes, at least 2.

    Example:
        >>> import numpy as np
        >>> from npae.losses import MaskedCrossEntropy
        >>> logits, y = np.array([[0.0, 0.0], [3.0, 0.0]]), np.array([1, -1])
        >>> J, dlogits = MaskedCrossEntropy(classes=2).value_and_gradient(logits, y)
        >>> dlogits
        array([[ 0.5, -0.5],
               [ 0. ,  0. ]])
    """

    def value_and_gradient(self, prediction: Array, target: Array) -> tuple[Scalar, Array]:
        """J = Σ_i w_i (ln s_i − u_{i y_i}), and ∂J/∂a = w (p − t)."""
        xp = array_module(prediction)
        t, (u, p, s) = self._rows(prediction, target), softmax(prediction)
        w = xp.sum(t, axis=1, out=empty((len(t),), t))  # 1 where a label is known
        xp.divide(w, xp.maximum(dot(w, w), 1), out=w)  # 1² = 1: the product is L
        xp.multiply(p, w[:, None], out=p)
        xp.multiply(t, w[:, None], out=t)
        value = dot(xp.log(s, out=s), w) - dot(t.reshape(-1), u.reshape(-1))
        return value, xp.subtract(p, t, out=p)

    def per_sample(self, prediction: Array, target: Array) -> Array:
        """ln s_i − u_{i y_i} where y_i is known, else 0, shape (B,)."""
        return super().per_sample(prediction, target) * (target >= 0)

    def check_targets(self, target: Array) -> None:
        """Raise ValueError for anything but class numbers from 0 to C − 1, and −1."""
        if target.ndim != 1:
            raise ValueError(f"{self!r}: expected class numbers as labels, got rows: rows.argmax(axis=1).")
        self._check_integers(target)
        low, high = int(target.min()), int(target.max())
        if low < -1 or high >= self.classes:
            raise ValueError(
                f"{self!r}: expected labels from 0 to {self.classes - 1}, or -1 where not known, got {low} to {high}."
            )

    def _rows(self, logits: Array, target: Array) -> Array:
        """Rows t, of zeros where no label is known: −1 is not a class."""
        if target.ndim != 1:
            self.check_targets(target)
        return super()._rows(logits, target)
