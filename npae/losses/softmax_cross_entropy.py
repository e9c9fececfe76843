"""Softmax cross-entropy: −ln p(y) of the right class y, in nats, from logits.

The network's output is a logit a_j for each of C classes, p = softmax(a) are their probabilities, and
y ∈ {0, …, C − 1} is the right one. Its *one-hot* row t has t_j = 1 for j = y and 0 elsewhere (or t is itself a row of
probabilities):

    p_j = e^{a_j} / Σ_k e^{a_k}               ℓ = −Σ_j t_j ln p_j = ln Σ_k e^{a_k} − Σ_j t_j a_j        as Σ_j t_j = 1

Subtracting m = max_k a_k from every logit changes neither p nor ℓ, and no e^a overflows. With u = a − m one term of the
sum is e⁰ = 1 and none is larger, so that its logarithm lies between 0 and ln C:

    ℓ = ln s − Σ_j t_j u_j,    s = Σ_k e^{u_k}          p = e^u / s

The derivative: ∂(ln Σ_k e^{a_k})/∂a_j = e^{a_j} / Σ_k e^{a_k} = p_j, and that of Σ_j t_j a_j is t_j. So

    ∂ℓ/∂a_j = p_j − t_j          ∂J/∂a_ij = (p_ij − t_ij) / B

the error itself, as with the sigmoid, which is the case of two classes.

Goodfellow, Bengio & Courville 2016, "Deep Learning", section 6.2.2.3; Blanchard, Higham & Higham 2021, "Accurately
computing the log-sum-exp and softmax functions".
"""

from npae.backend import (
    Array,
    Config,
    Scalar,
    array_module,
    as_int,
    check_pair,
    device_of,
    dot,
    elementwise,
    empty,
    total,
)
from npae.layers.softmax import softmax
from npae.losses.base import Loss


@elementwise(out=("p",))
def _scaled_difference(p, t, scale):
    return (p - t) * scale


def one_hot(y: Array, classes: int, like: Array) -> Array:
    """The rows t (B, classes) of class numbers y (B,), of the dtype of `like`; zeros where y is not a class."""
    xp = array_module(like)
    return xp.equal(y[:, None], xp.arange(classes), out=empty((len(y), classes), like))


class SoftmaxCrossEntropy(Loss):
    """ℓ = −ln softmax(a)_y per sample, in nats, from logits a (B, C); its gradient (p − t)/B. The output is p.

    Targets are integers (B,) from 0 to C − 1, or rows of probabilities (B, C).

    Args:
        classes: C, the number of classes, at least 2.

    Example:
        >>> import numpy as np
        >>> from npae.losses import SoftmaxCrossEntropy
        >>> logits, y = np.array([[0.0, 0.0], [3.0, 0.0]]), np.array([1, 0])
        >>> SoftmaxCrossEntropy(classes=2).per_sample(logits, y).round(3)
        array([0.693, 0.049])
    """

    def __init__(self, classes: int):
        self.classes = as_int(classes, f"classes of {type(self).__name__}", least=2)

    def value_and_gradient(self, prediction: Array, target: Array) -> tuple[Scalar, Array]:
        """J = 1/B Σ_i [ ln s_i − Σ_j t_ij u_ij ], and ∂J/∂a = (p − t)/B."""
        t, (u, p, s), B = self._rows(prediction, target), softmax(prediction), len(prediction)
        log_s = array_module(p).log(s, out=s)
        value = (total(log_s) - dot(t.reshape(-1), u.reshape(-1))) * (1 / B)
        return value, _scaled_difference(p, t, 1 / B, out=p)

    def per_sample(self, prediction: Array, target: Array) -> Array:
        """ln s_i − Σ_j t_ij u_ij, shape (B,)."""
        t, (u, _, s) = self._rows(prediction, target), softmax(prediction)
        return array_module(s).log(s) - (t * u).sum(axis=1)

    def output(self, prediction: Array) -> Array:
        """p = softmax(a)."""
        return softmax(prediction)[1]

    def check_targets(self, target: Array) -> None:
        """Raise ValueError for class numbers outside 0 … C − 1, and for rows that are not probabilities."""
        xp = array_module(target)
        if target.ndim == 1:
            self._check_integers(target)
            low, high = int(xp.min(target)), int(xp.max(target))
            if low < 0 or high >= self.classes:
                cure = "Number them from 0: names, y = np.unique(y, return_inverse=True)."
                if high - low < self.classes:
                    cure = f"Count the classes from 0: y {'-' if low > 0 else '+'} {abs(low)}."
                raise ValueError(f"{self!r}: expected labels from 0 to {self.classes - 1}, got {low} to {high}. {cure}")
        elif target.shape[1:] != (self.classes,):
            raise ValueError(f"{self!r}: expected rows of {self.classes} probabilities, got shape {target.shape}.")
        elif not (float(xp.min(target)) >= 0 and float(abs(target.sum(axis=1) - 1).max()) <= 1e-3):  # NaN too
            raise ValueError(f"{self!r}: expected rows of probabilities, 0 or more and with sum 1. Divide by the sums.")

    def _check_integers(self, target: Array) -> None:
        if target.dtype.kind not in "iu":
            raise ValueError(
                f"{self!r}: expected integers as class numbers, got {target.dtype}. Remove labels of NaN, and convert "
                "the others: y.astype(int)."
            )

    def config(self) -> Config:
        return {"classes": self.classes}

    def _rows(self, logits: Array, target: Array) -> Array:
        """The targets as rows t (B, C)."""
        if logits.shape[1:] != (self.classes,):
            raise ValueError(f"{self!r}: expected logits of shape (batch, {self.classes}), got {logits.shape}.")
        if target.ndim != 1:
            check_pair(self, logits, target)
            return target
        same_place = array_module(target) is array_module(logits)
        if target.dtype.kind not in "iu" or len(target) != len(logits) or not same_place:
            raise ValueError(
                f"{self!r}: expected {len(logits)} integer labels on the {device_of(logits)}, "
                f"got {len(target)} of {target.dtype} on the {device_of(target)}."
            )
        return one_hot(target, self.classes, logits)
