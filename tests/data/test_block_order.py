"""Block shuffling: every row once, blocks read once, [seed, epoch] alone, and as well mixed as its formula states."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npae.data.block_order import BlockOrder

SIZES = {"n": st.integers(1, 200), "block": st.integers(1, 30), "mixed": st.integers(1, 9), "size": st.integers(1, 60)}


def rows_of(order, size, seed=0, epoch=0, first=0):
    return [rows.tolist() for rows, _ in order.batches(size, seed, epoch, first)]


@settings(max_examples=60, deadline=None)
@given(**SIZES, epoch=st.integers(0, 3), first=st.integers(0, 12))
def test_every_row_occurs_once_and_an_epoch_may_begin_at_any_batch(n, block, mixed, size, epoch, first):
    order = BlockOrder(n, block, mixed)
    batches = rows_of(order, size, epoch=epoch)
    assert sorted(row for rows in batches for row in rows) == list(range(n))
    assert [len(rows) for rows in batches[:-1]] == [size] * (len(batches) - 1) and len(batches) == -(-n // size)
    assert all(rows == sorted(rows) for rows in batches)
    assert rows_of(order, size, epoch=epoch, first=first) == batches[first:]


@settings(max_examples=40, deadline=None)
@given(**SIZES)
def test_each_block_belongs_to_one_group_and_groups_follow_one_another(n, block, mixed, size):
    groups = list(BlockOrder(n, block, mixed).groups(3, 1))
    assert sorted(b for _, blocks in groups for b in blocks) == list(range(-(-n // block)))
    for rows, blocks in groups:
        assert (np.unique(rows // block) == blocks).all() and len(blocks) <= mixed


def test_the_order_depends_on_seed_and_epoch():
    order = BlockOrder(300, 7, 5)
    orders = [rows_of(order, 20, seed, epoch) for seed in range(3) for epoch in range(3)]
    assert rows_of(BlockOrder(300, 7, 5), 20, 1, 2) == orders[5]
    assert len({str(one) for one in orders}) == 9
    rows, _ = next(order.groups(0, 0))
    assert (rows != np.sort(rows)).any()


@pytest.mark.parametrize("mixed, size", [(2, 5), (8, 8), (40, 8), (8, 20)])
def test_the_variance_of_a_batch_mean_is_that_of_the_formula(mixed, size):
    """Rows with a part that their block shares, of variance ρ, and one of their own, of variance 1 − ρ."""
    block, blocks, rho, rng = 5, 400, 0.8, np.random.default_rng(0)
    order, means = BlockOrder(block * blocks, block, mixed), []
    for epoch in range(60):
        shared, own = rng.standard_normal(blocks) * rho**0.5, rng.standard_normal(block * blocks) * (1 - rho) ** 0.5
        g = np.repeat(shared, block) + own
        means += [g[rows].mean() for rows, _ in order.batches(size, 0, epoch) if len(rows) == size]
    r = rho * (block - 1) / (mixed * block - 1)
    expected, found = (1 + (size - 1) * r) / size, np.var(means)
    # Batches of one group depend on each other, so the estimate has an error of about 1/√(groups).
    assert abs(found / expected - 1) < 5 / (60 * blocks / mixed) ** 0.5
    assert found < (1 + rho * size / mixed) / size * 1.1


def test_the_formula_is_no_coincidence_of_its_test():
    """The same estimate of an order that is not mixed, one block after the other, is another."""
    block, blocks, size, rng = 5, 400, 5, np.random.default_rng(0)
    g = np.repeat(rng.standard_normal(blocks), block)
    means = [g[rows].mean() for rows, _ in BlockOrder(block * blocks, block, 1).batches(size, 0, 0)]
    mixed = [g[rows].mean() for rows, _ in BlockOrder(block * blocks, block, 50).batches(size, 0, 0)]
    assert 0.8 < np.var(means) < 1.2 and 0.15 < np.var(mixed) < 0.3  # 1 and (1 + 4·4/249)/5


@pytest.mark.parametrize("processes", [2, 4])
def test_the_share_of_a_process_is_of_few_blocks(processes):
    order, size = BlockOrder(20_000, 20, 250), 256
    read = [set() for _ in range(processes)]
    for rows, _ in order.batches(size, 0, 0):
        for k, share in enumerate(np.split(rows, [len(rows) * j // processes for j in range(1, processes)])):
            read[k] |= {int(block) for block in share // 20}
    for blocks in read:
        assert 1000 / processes <= len(blocks) * 1.2 and len(blocks) < 1000 * (1 / processes + 0.3)
