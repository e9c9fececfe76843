"""Softmax cross-entropy: how surprised a classifier is by the right class, in nats.

The network puts out a logit z_j for each of C classes, p = softmax(z) are their probabilities, and y ∈ {0, …, C − 1} is
the right one; t, its *one-hot* row, has t_j = 1 for j = y and 0 elsewhere (or is itself a row of probabilities):

    p_j = e^{z_j} / Σ_k e^{z_k}               ℓ = −Σ_j t_j ln p_j = ln Σ_k e^{z_k} − Σ_j t_j z_j        as Σ_j t_j = 1

No e^z overflows if the same number m = max_k z_k is taken from every logit, which changes neither p nor ℓ: with
u = z − m one term of the sum is e⁰ = 1 and none is larger, so that its logarithm lies between 0 and ln C,

    ℓ = ln s − Σ_j t_j u_j,    s = Σ_k e^{u_k}          p = e^u / s

The derivative: ∂(ln Σ_k e^{z_k})/∂z_j = e^{z_j} / Σ_k e^{z_k} = p_j, and that of the other term is t_j. So

    ∂ℓ/∂z_j = p_j − t_j          ∂J/∂z_ij = (p_ij − t_ij) / B

the error itself, as with the sigmoid, of which this is the relative for C classes instead of two.

Goodfellow, Bengio & Courville 2016, section 6.2.2.3; Blanchard, Higham & Higham 2021, "Accurately computing the
log-sum-exp and softmax functions".
"""

from npae.backend import array_module, device_of, dot, elementwise, empty, ones
from npae.layers.softmax import softmax
from npae.losses.base import Loss, check_pair


@elementwise(out=("p",))
def _scaled_difference(p, t, scale):
    return (p - t) * scale


def one_hot(y, classes, like):
    """The rows t (B, classes) of class numbers y (B,), of the dtype of `like`; zeros where y is none of the classes."""
    xp = array_module(like)
    return xp.equal(y[:, None], xp.arange(classes), out=empty((len(y), classes), like))


class SoftmaxCrossEntropy(Loss):
    """ℓ = −ln softmax(z)_y a sample, in nats, from logits z (B, C); its gradient (p − t)/B. The output is p.

    classes: their number C, at least 2. Targets are integers (B,) from 0 to C − 1, or rows of probabilities (B, C).
    """

    def __init__(self, classes):
        if classes < 2:
            raise ValueError(f"SoftmaxCrossEntropy: expected at least 2 classes, got {classes}.")
        self.classes = int(classes)

    def value_and_gradient(self, z, x):
        """J = 1/B Σ_i ln s_i − Σ_j t_ij u_ij, and ∂J/∂z = (p − t)/B; x are the targets."""
        t, (u, p, s) = self._rows(z, x), softmax(z)
        log_s = array_module(z).log(s, out=s)
        value = (dot(log_s, ones(len(z), z)) - dot(t.reshape(-1), u.reshape(-1))) * (1 / len(z))
        return value, _scaled_difference(p, t, 1 / len(z), out=p)

    def per_sample(self, z, x):
        """ln s_i − Σ_j t_ij u_ij, shape (B,); x are the targets."""
        t, (u, _, s) = self._rows(z, x), softmax(z)
        return array_module(z).log(s) - (t * u).sum(axis=1)

    def output(self, z):
        """p = softmax(z)."""
        return softmax(z)[1]

    def check_targets(self, x):
        """Raise ValueError for class numbers outside 0 … C − 1, and for rows that are no probabilities."""
        xp = array_module(x)
        if x.ndim == 1:
            low, high = int(xp.min(x)), int(xp.max(x))
            if low < 0 or high >= self.classes:
                raise ValueError(f"{self!r}: expected labels from 0 to {self.classes - 1}, got {low} to {high}.")
        elif x.shape[1:] != (self.classes,):
            raise ValueError(f"{self!r}: expected rows of {self.classes} probabilities, got shape {x.shape}.")
        elif float(xp.min(x)) < 0 or float(abs(x.sum(axis=1) - 1).max()) > 1e-3:
            raise ValueError(f"{self!r}: expected rows of probabilities, 0 or more and with sum 1. Divide by the sums.")

    def config(self):
        return {"classes": self.classes}

    def _rows(self, z, x):
        """The targets x as rows t (B, C)."""
        if z.shape[1:] != (self.classes,):
            raise ValueError(f"{self!r}: expected logits of shape (batch, {self.classes}), got {z.shape}.")
        if x.ndim != 1:
            check_pair(self, z, x)
            return x
        if x.dtype.kind not in "iu" or len(x) != len(z) or array_module(x) is not array_module(z):
            raise ValueError(
                f"{self!r}: expected {len(z)} integer labels on the {device_of(z)}, "
                f"got {len(x)} of {x.dtype} on the {device_of(x)}."
            )
        return one_hot(x, self.classes, z)
