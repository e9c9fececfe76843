"""Softmax in the middle of a network: the first numbers of a code become the probabilities of classes.

    [z | h]  ->  [p | h],        p_j = e^{z_j} / Σ_k e^{z_k}              z: K scores, h: whatever else a code says

All p_j share a denominator, so each of them depends on every score. By the quotient rule

    ∂p_j/∂z_k = p_j [j = k] − p_j p_k                                    (K × K, symmetric: the *Jacobian*)

and with dp for ∂J/∂p

    ∂J/∂z_k = Σ_j dp_j ∂p_j/∂z_k = p_k dp_k − p_k Σ_j dp_j p_j           ∂J/∂z = p ⊙ (dp − ⟨dp, p⟩)

Nobody has to write the Jacobian down. What is the same for all classes falls out: with dp = 1 the derivative is 0, as
Σ_j p_j = 1 whatever the scores are. (Behind −ln p_y it all becomes p − t: npae.losses.softmax_cross_entropy.)

Goodfellow, Bengio & Courville 2016, section 6.2.2.3.
"""

from npae.backend import array_module, as_int, contiguous, empty
from npae.layers.base import Layer


def softmax(z):
    """(u, p, s) of scores z (B, K): u = z − max_k z_k, s = Σ_k e^{u_k} of shape (B,), p = e^u / s.

    The same number taken from all scores changes no p, and lets no e^u overflow. No sum waits for the device.
    """
    xp = array_module(z)
    m, s, u, p = empty((len(z),), z), empty((len(z),), z), empty(z.shape, z), empty(z.shape, z)
    xp.max(z, axis=1, out=m)
    xp.subtract(z, m[:, None], out=u)
    xp.exp(u, out=p)
    xp.sum(p, axis=1, out=s)
    xp.divide(p, s[:, None], out=p)
    return u, p, s


class Softmax(Layer):
    """[softmax(z) | h] of rows [z | h] (batch, n), z the first `classes` numbers; ∂J/∂z = p ⊙ (dp − ⟨dp, p⟩).

    classes: K, at least 2; n is K or more. Raises ValueError for fewer classes, and for rows that are too short.
    """

    def __init__(self, classes):
        self.classes = as_int(classes, "classes of Softmax")
        if self.classes < 2:
            raise ValueError(f"Softmax: expected at least 2 classes, got {classes}.")

    def forward(self, x, training=False):
        """The cache is p, (batch, classes)."""
        self._check(x.shape[1:])
        K, y = self.classes, empty(x.shape, x)
        _, p, _ = softmax(contiguous(x[:, :K]))
        y[:, :K], y[:, K:] = p, x[:, K:]
        return y, p

    def backward(self, dy, p, needs_dx=True):
        """∂J/∂[z | h] = [p ⊙ (dp − ⟨dp, p⟩) | dh]."""
        if not needs_dx:
            return None
        K, xp, dx = self.classes, array_module(dy), empty(dy.shape, dy)
        dp, mean = empty(p.shape, p), empty((len(p),), p)
        xp.multiply(dy[:, :K], p, out=dp)
        xp.sum(dp, axis=1, out=mean)
        xp.subtract(dy[:, :K], mean[:, None], out=dp)
        xp.multiply(dp, p, out=dp)
        dx[:, :K], dx[:, K:] = dp, dy[:, K:]
        return dx

    def config(self):
        return {"classes": self.classes}

    def out_shape(self, shape):
        self._check(shape)
        return shape

    def _check(self, shape):
        if len(shape) != 1 or shape[0] < self.classes:
            raise ValueError(
                f"{self!r}: expected rows of {self.classes} scores or more, got inputs of shape {tuple(shape)}. "
                f"Let the layer before it be linear, with {self.classes} outputs and those of the rest of the code."
            )
