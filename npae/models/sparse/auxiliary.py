"""The auxiliary loss of sparse autoencoders (AuxK): dead units learn to reconstruct what the others leave over.

A dead unit gets no gradient from the reconstruction. So let the dead units have a task of their own. Let D be the set
of dead units, a the pre-activations, and e the residual, which counts as a constant (no gradient passes through it):

    e = x − x̂
    h̃_ij = a_ij if a_ij > 0 is among the k_aux largest of the a_ij of sample i with j ∈ D, else 0
    ê = h̃ Ŵ                                       the directions of dead units alone, without c
    J_aux = α/B Σ_i ½ ‖ê_i − e_i‖²                added to J

    ∂J_aux/∂ê = α/B (ê − e)
    ∂J_aux/∂a_ij = m_ij ∂J_aux/∂ê_i · Ŵ_j         m_ij = 1 for the chosen units, else 0
    ∂J_aux/∂Ŵ = h̃ᵀ ∂J_aux/∂ê                      and to W as in layers.UnitDense

As soon as a unit of D is active, it belongs to the others. If no unit is dead, J_aux = 0. On the CPU only the columns
of dead units are computed, mostly none. On a GPU the number of dead units is not read, since the step would have to
wait: there J_aux is computed for all columns, and multiplied by 0 if no unit is dead. Gao et al. take k_aux near
n_in/2, α = 1/32, and dead units as those not active on the last 10 million tokens. Their code, too, uses positive
a_ij only: a unit that learnt to be negative could not become active by that.

Gao, Dupré la Tour, Tillman, Goh, Troll, Radford, Sutskever, Leike & Wu 2024, "Scaling and evaluating sparse
autoencoders", arXiv 2406.04093, section 2.4 and appendix A.2.
"""

import numpy as np

from npae.backend import Array, Scalar, array_module, device_of, elementwise, empty, kth_largest, maximum
from npae.layers import UnitDense
from npae.layers.base import Cache
from npae.layers.sparse.centered_dense import minus
from npae.layers.top_k import masked
from npae.losses import SquaredError

NEVER = -1e30  # stands for −∞, which times 0 would be NaN


@elementwise
def _is_dead(since_active, dead_after):
    return since_active >= dead_after


@elementwise
def _candidates(a, dead):
    return a * dead + NEVER * (1 - dead)


@elementwise(out=("a", "t"))
def _keep(a, t, dead):
    mask = (a >= t) * dead * (a > 0)
    return maximum(a, 0) * mask, mask


@elementwise(out=("gradient",))
def _times(gradient, strength):
    return gradient * strength


def auxiliary_loss(decoder: UnitDense, decoder_cache: Cache, a: Array, da: Array, since_active: Array, x: Array,
                   x_hat: Array, *, k: int, strength: float, dead_after: int) -> Scalar:  # fmt: skip
    """J_aux, adding to the gradient of the decoder's W and to da.

    Args:
        decoder: the layer that returned x̂.
        decoder_cache: what it returned beside x̂.
        a: the pre-activations, (B, n_units).
        da: ∂J/∂a, to which ∂J_aux/∂a is added.
        since_active: the samples since each unit was last active, (n_units,).
        x: the target.
        x_hat: x̂.
        k: k_aux.
        strength: α.
        dead_after: a unit is dead that was 0 on so many samples.
    """
    dead, unit = _is_dead(since_active, float(dead_after)), decoder_cache[2:4]
    columns = slice(None)
    if on_cpu := device_of(a) == "cpu":
        columns = np.flatnonzero(dead)
        if not len(columns):
            return a.dtype.type(0)
        a, dead = np.take(a, columns, axis=1), dead[columns]
    candidates = _candidates(a, dead)
    t = empty(a.shape, a)
    t[...] = kth_largest(candidates, min(k, a.shape[1]))
    h, mask = _keep(candidates, t, dead, out=(candidates, t))
    e_hat, cache = decoder.combine(h, unit, columns)  # ê = h̃ Ŵ
    value, d = SquaredError().value_and_gradient(e_hat, minus(x, x_hat))  # ½ 1/B Σ_i ‖ê_i − e_i‖²
    da[:, columns] += masked(decoder.combine_backward(_times(d, strength, out=d), cache), mask)
    return value * strength if on_cpu else value * strength * array_module(dead).max(dead)
