"""Data-parallel training: each process computes the gradient on its share of the minibatch, and all take the same step.

Process k of K takes B_k of the batch's B rows, Σ_k B_k = B. It computes J_k and g_k = ∂J_k/∂θ, means over its own rows.
Split the sum over the rows by shares:

    J = 1/B Σ_i ℓ_i = 1/B Σ_k Σ_{i in share k} ℓ_i = 1/B Σ_k B_k J_k = Σ_k (B_k/B) J_k

The derivative is linear, so for shares of any size

    ∂J/∂θ = Σ_k (B_k/B) g_k

(The plain average of the g_k is right only for equal shares, and K does not divide every batch, least of all the last
one of an epoch.) ∂J/∂θ is one vector, so one all-reduce gives the sum to every process. A second one, of a few numbers,
sums the terms of J. All else is as in one process. All processes clip the same gradient and pass it to the same
optimizer, so θ, which is equal at the start, stays equal without being sent again. NaN stops all of them.

The result is that of one process with the same batch size, up to rounding. Exceptions are random models, and models
whose J is not a mean of one term per sample:

    layers and priors that draw     each process draws from a stream of its own
    BatchNorm                       normalises each share by its own mean and variance, see below
    BatchTopK                       takes the threshold of a share, and the processes average the running threshold
    sparse autoencoders             count the samples since a unit was active per share, and average the counts
    KLSparsity                      uses the mean activity over a share
    MaskedCrossEntropy              uses the mean over the labelled samples of a share

BatchNorm over shares is a different network from BatchNorm over the whole batch, and needs two rows per process. The
running statistics of process k, r_k = r + λ (s_k − r), are linear in the statistics s_k of its share. So Σ_k (B_k/B)
r_k are the running statistics for Σ_k (B_k/B) s_k, which for means is the mean of the whole batch. All processes
continue with this sum after every step, so they evaluate, save and average the same model.

Goyal et al. 2017, "Accurate, large minibatch SGD: training ImageNet in 1 hour", section 3, remark 3: normalize by the
total minibatch size, not by the size of a share.
"""

from typing import TYPE_CHECKING, Any

from npae.backend import FlatParameters
from npae.models.base import Model, Terms
from npae.optim.base import Optimizer
from npae.train.step import Step

if TYPE_CHECKING:
    from npae.data.minibatches import Minibatches
    from npae.models.phases import Phase
    from npae.train.parallel.process_group import ProcessGroup


class DataParallelStep(Step):
    """A Step that the processes of a ProcessGroup take together. Each of them calls it with the same rows.

    Args:
        model: as for Step.
        batches: as for Step; the same in every process.
        optimizer: as for Step.
        clip_norm: upper bound of the norm of the summed gradient; None: no clipping.
        group: the processes.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder, fit
        >>> from npae.train import parallel
        >>> x = np.random.default_rng(0).random((200, 8))
        >>> group = parallel.from_environment()  # all that mpiexec started; here, without mpiexec, this process alone
        >>> history = fit(dense_autoencoder([8, 3]), x, epochs=2, group=group, progress="none")
        >>> group.rank, group.size
        (0, 1)
    """

    def __init__(self, model: Model, batches: "Minibatches", optimizer: Optimizer, clip_norm: float | None,
                 group: "ProcessGroup"):  # fmt: skip
        self.group, self._weight = group, 1.0
        super().__init__(model, batches, optimizer, clip_norm)

    def _smallest_batch(self) -> int:
        return max(1, super()._smallest_batch() // self.group.size)  # the smallest share; all processes raise, or none

    def _take(self, rows: Any) -> Any:
        share, self._weight = self.group.share(len(rows))
        return super()._take(rows[share])

    def _gradient(self, phase: "Model | Phase", theta: FlatParameters, x: Any) -> Terms:
        with theta.fresh_grad():
            terms = phase.backpropagate(x)
        grad = theta.grad
        grad *= self._weight
        self.group.sum_(grad)
        if self.model.statistics.size:
            statistics = self.model.statistics.value
            statistics *= self._weight
            self.group.sum_(statistics)
        self._clip(grad)
        return self.group.weighted_sum(terms, self._weight)
