"""Block shuffling: an order of rows in which disks read sequentially.

A random order of n rows reads each row from another place: slow, where rows are smaller than what a disk reads at once.
So n rows are cut into blocks of b consecutive rows. In each epoch

    the blocks are put in random order, and divided into groups of m blocks
    the m b rows of a group are put in random order; then those of the next group

Each block is read once per epoch, as a whole, and a buffer of m blocks is all the memory that is needed. The order
depends on [seed, epoch] alone, and any place in it can be found without the rows before it.

How well is it mixed? Neighbouring rows are alike: tokens of one passage, frames of one film. Let each row have a number
g, such as a component of its gradient, of variance σ² over all rows. Let ρ be the correlation of two rows of one block,
and 0 that of rows of different blocks, as for blocks that are drawn at random from very many. Two different rows of a
batch are two of the m b rows of a group. Given one of them, b − 1 of the m b − 1 others are of its block, so the
correlation of the two is

    r = ρ (b − 1)/(m b − 1) ≤ ρ/m

and the mean over a batch of B rows has the variance

    Var(1/B Σ_i g_i) = 1/B² (B σ² + B (B − 1) r σ²) = σ²/B · (1 + (B − 1) r)

This factor is the design effect of cluster sampling (Kish 1965, "Survey sampling", section 5.4). Independent rows have
the factor 1, an unshuffled batch of one block 1 + (B − 1) ρ, and block shuffling at most 1 + ρ B/m. So m ≥ B blocks are
enough: then the variance is at most 1 + ρ times that of independent rows. (A batch whose rows are of two groups has
less.) What is not mixed: the rows of a group follow one another for m b/B steps.

Within a batch the rows are sorted. J, a mean over the batch, does not depend on their order (up to rounding, and to
which row gets which noise). If K processes share a batch, the k-th takes the k-th part of the sorted rows. A share of a
fraction 1/K of B random rows covers the fraction 1/K of the group's blocks, up to the deviation √(q (1 − q)/B) of the
quantile q = k/K at each end. So each process reads its own blocks, and besides them only a few at the ends.
"""

from collections.abc import Iterator

import numpy as np

from npae.backend import Array


class BlockOrder:
    """Orders of n rows that are read in blocks.

    Args:
        n: how many rows.
        block_rows: b, the rows of a block; the last one may be shorter.
        mixed_blocks: m, how many blocks are mixed.

    Example:
        >>> from npae.data.block_order import BlockOrder
        >>> order = BlockOrder(n=10, block_rows=3, mixed_blocks=2)
        >>> [rows.tolist() for rows, blocks in order.batches(4, seed=0, epoch=0)]
        [[3, 5, 6, 8], [0, 1, 4, 7], [2, 9]]
    """

    def __init__(self, n: int, block_rows: int, mixed_blocks: int) -> None:
        self.n, self.block_rows, self.mixed_blocks = n, block_rows, mixed_blocks
        self.blocks = -(-n // block_rows)

    def groups(self, seed: int, epoch: int, skip: int = 0) -> Iterator[tuple[Array, Array]]:
        """Yield (rows in their order, the numbers of their blocks, increasing) of each group of blocks.

        Args:
            seed, epoch: they determine the order.
            skip: how many rows of the epoch are left out at its beginning.
        """
        order = np.random.default_rng([seed, epoch]).permutation(self.blocks)
        for g, start in enumerate(range(0, self.blocks, self.mixed_blocks)):
            blocks = np.sort(order[start : start + self.mixed_blocks])
            short = self.blocks * self.block_rows - self.n if blocks[-1] == self.blocks - 1 else 0
            size = len(blocks) * self.block_rows - short
            if skip >= size:
                skip -= size
                continue
            rows = (blocks[:, None] * self.block_rows + np.arange(self.block_rows)).reshape(-1)[:size]
            # A group's number is counted from 1: zeros at the end of a seed do not count.
            yield np.random.default_rng([seed, epoch, g + 1]).permutation(rows)[skip:], blocks
            skip = 0

    def batches(self, batch_size: int, seed: int, epoch: int, first: int = 0) -> Iterator[tuple[Array, Array]]:
        """Yield (increasing row numbers, the blocks of the group under way) of each batch of an epoch.

        Args:
            batch_size: rows per batch; the last one may be shorter.
            seed, epoch: they determine the order.
            first: the number of the first batch.
        """
        left = np.empty(0, np.int64)  # rows of the group before, fewer than a batch
        for rows, blocks in self.groups(seed, epoch, first * batch_size):
            rows = np.concatenate([left, rows])
            whole = len(rows) - len(rows) % batch_size
            for start in range(0, whole, batch_size):
                yield np.sort(rows[start : start + batch_size]), blocks
            left = rows[whole:]
        if len(left):
            yield np.sort(left), blocks
