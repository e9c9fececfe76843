"""The buffer of blocks: each expected block is read once, and memory is that of the expected blocks."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from npae.data.block_buffer import BlockBuffer
from npae.data.block_order import BlockOrder

X = np.random.default_rng(0).random((103, 3))


class Reader:
    def __init__(self):
        self.read = []

    def __call__(self, rows):
        self.read.append(rows.tolist())
        return X[rows]


@settings(max_examples=40, deadline=None)
@given(block=st.integers(1, 20), mixed=st.integers(1, 8), size=st.integers(1, 50))
def test_rows_are_those_of_the_file_and_expected_blocks_are_read_once(block, mixed, size):
    reader = Reader()
    buffer, order = BlockBuffer(len(X), (3,), X.dtype), BlockOrder(len(X), block, mixed)
    for epoch in range(2):
        reader.read.clear()
        for rows, blocks in order.batches(size, 0, epoch):
            buffer.expect(blocks, block)
            assert (buffer.take(rows, reader) == X[rows]).all()
        read = [row for rows in reader.read for row in rows]
        whole = [rows for rows in reader.read if rows[0] % block == 0 and len(rows) == min(block, len(X) - rows[0])]
        assert len({rows[0] for rows in whole}) <= order.blocks and len(buffer._rows) <= mixed * block
        if mixed >= order.blocks:  # all fits: read once, in the first epoch
            assert len(read) == (len(X) if epoch == 0 else 0)
        elif size <= block * mixed:  # in a batch of two groups, rows of the first one may be read alone
            assert len(read) <= len(X) + (len(X) // (block * mixed) + 1) * size


def test_without_expected_blocks_rows_are_read_alone():
    reader = Reader()
    buffer = BlockBuffer(len(X), (3,), X.dtype)
    assert (buffer.take(np.array([3, 50]), reader) == X[[3, 50]]).all() and reader.read == [[3, 50]]


def test_rows_of_other_blocks_are_read_alone_and_not_kept():
    reader = Reader()
    buffer = BlockBuffer(len(X), (3,), X.dtype)
    buffer.expect(np.array([0, 2]), 10)
    rows = np.array([1, 15, 25, 27])
    assert (buffer.take(rows, reader) == X[rows]).all()
    assert reader.read == [[*range(10)], [*range(20, 30)], [15]]
    reader.read.clear()
    assert (buffer.take(rows, reader) == X[rows]).all() and reader.read == [[15]]
