"""The training step of several workers: each takes its share of the minibatch, all take the same step.

Worker k of K takes B_k of the batch's B rows, Σ_k B_k = B, and finds J_k and g_k = ∂J_k/∂θ, means over its own rows. A
sum over rows is a sum over shares, so

    J = 1/B Σ_i ℓ_i = 1/B Σ_k Σ_{i in share k} ℓ_i = 1/B Σ_k B_k J_k = Σ_k (B_k/B) J_k

and, since the derivative is linear,

    ∂J/∂θ = Σ_k (B_k/B) g_k

for shares of any size. (The plain average of the g_k is right only where all shares are equal, and K does not divide
every batch, the last one least of all.) Because ∂J/∂θ is one vector, one all-reduce gives the sum to every worker, and
another, of a number or two, the terms of J. All else is as with one worker: they clip the same gradient and feed it to
the same optimizer, so that θ, equal at the start, stays equal without ever being sent again, and NaN stops them all.
The result is that of one worker with the same batch size, up to rounding: sums are taken in another order.

Layers with running statistics (BatchNorm) see their own share only: that is another network than the one that sees the
whole batch, and needs two rows for every worker. Its statistics r ← r + λ (s_k − r) are linear in what a share says,
so that Σ_k (B_k/B) of them are those of the mean Σ_k (B_k/B) s_k (for means, that of the batch); every worker takes
them after every step, and so all evaluate, save and average the same.

Goyal et al. 2017, "Accurate, large minibatch SGD: training ImageNet in 1 hour", section 3, remark 3: normalize by the
total minibatch size, not by the worker's.
"""

from npae.train.step import Step


class DataParallelStep(Step):
    """Step, shared among `workers`: every one of them calls it with the same rows."""

    def __init__(self, model, batches, optimizer, clip_norm, workers):
        self.workers, self._weight = workers, None
        super().__init__(model, batches, optimizer, clip_norm)

    def _least_rows(self):
        return max(1, super()._least_rows() // self.workers.size)  # the smallest share, the same for all: all stop

    def _take(self, rows):
        share, self._weight = self.workers.share(len(rows))
        return super()._take(rows[share])

    def _backpropagate(self, phase, batch):
        terms = super()._backpropagate(phase, batch)
        grad = phase.theta.grad
        grad *= self._weight
        self.workers.sum_(grad)
        if self.model.statistics.size:
            statistics = self.model.statistics.value
            statistics *= self._weight
            self.workers.sum_(statistics)
        return self.workers.weighted_sum(terms, self._weight)
