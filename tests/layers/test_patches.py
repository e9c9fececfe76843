"""Patches: all small axes one by one, their residues, the examples in the docstring, blocks."""

import itertools

import numpy as np
import pytest

from npae.layers import patches as patches_module
from npae.layers.patches import Axis, blocks, pair, patches

AXES = [
    Axis.of(size, kernel, stride, padding)
    for size, kernel, stride, padding in itertools.product(range(1, 8), range(1, 5), range(1, 5), ("valid", "same"))
    if kernel <= size or padding == "same"
]


def looks(axis):
    """M[p, q, t] = 1 where output p sees input q through the tap t: the definition."""
    M = np.zeros((axis.out_size, axis.size, axis.kernel))
    for p, t in np.ndindex(axis.out_size, axis.kernel):
        q = axis.stride * p - axis.pad + t
        if 0 <= q < axis.size:
            M[p, q, t] = 1
    return M


def test_taps_are_the_definition():
    inner = [axis for outer in AXES for _, _, axis in outer.residues()]  # some begin beyond the first input
    assert min(axis.pad for axis in inner) < 0
    for axis in AXES + inner:
        M = np.zeros_like(looks(axis))
        for t, (inputs, outputs) in enumerate(axis.taps()):
            p, q = np.arange(axis.out_size)[outputs], np.arange(axis.size)[inputs]
            assert len(p) == len(q)
            M[p, q, t] = 1
        np.testing.assert_array_equal(M, looks(axis))


def test_residues_are_the_same_relation_from_the_inputs():
    for axis in AXES:
        M = np.zeros_like(looks(axis))
        for r, taps, residue in axis.residues():
            t = np.arange(axis.kernel)[taps][::-1]
            assert len(t) == residue.kernel and residue.stride == 1
            for m, p, v in np.argwhere(looks(residue)):
                M[p, r + m * axis.stride, t[v]] = 1
        np.testing.assert_array_equal(M, looks(axis))


@pytest.mark.parametrize(("size", "stride", "count"), [(28, 2, 14), (7, 2, 4), (8, 3, 3), (5, 1, 5)])
def test_same_rounds_up_and_pads_more_at_the_end(size, stride, count):
    axis = Axis.of(size, 3, stride, "same")
    after = axis.span - axis.pad - size
    assert axis.out_size == count and axis.pad <= max(after, 0) <= axis.pad + 1


def all_patches(x, rows, columns):
    """The blocks of all threads, one after the other."""
    return itertools.chain(*patches(x, rows, columns))


def test_the_picture():
    x = np.array([[ord(c) for c in row] for row in ("ABCD", "EFGH", "IJKL", "MNOP")], float)[None, :, :, None]
    axis = Axis.of(4, 3, 1, "same")
    ((part, matrix),) = all_patches(x, axis, axis)
    words = ["".join(chr(int(v)) if v else "0" for v in row) for row in matrix]
    assert part == slice(0, 1) and len(words) == 16
    assert (words[0], words[1], words[-1]) == ("0000AB0EF", "000ABCEFG", "KL0OP0000")


def test_the_example_of_the_adjoint():
    axis = Axis.of(5, 3, 2, "same")
    receives = {q: [(t, p) for p, t in np.argwhere(looks(axis)[:, q]).tolist()] for q in range(5)}
    assert receives == {0: [(1, 0)], 1: [(2, 0), (0, 1)], 2: [(1, 1)], 3: [(2, 1), (0, 2)], 4: [(1, 2)]}
    windows = [(r, [0, 1, 2][taps], inner.kernel) for r, taps, inner in axis.residues()]
    assert windows == [(0, [1], 1), (1, [0, 2], 2)]


@pytest.mark.parametrize("channels", [1, 5])
@pytest.mark.parametrize("numbers", [1, 200, 2**19])
def test_blocks_are_parts_of_one_matrix(channels, numbers, monkeypatch):
    x = np.random.default_rng(0).standard_normal((7, 5, 6, channels))
    rows, columns = Axis.of(5, 3, 2, "same"), Axis.of(6, 2, 1, "valid")
    ((_, whole),) = all_patches(x, rows, columns)
    whole = whole.copy()
    monkeypatch.setattr(patches_module, "BLOCK", numbers)
    met = [(part, matrix.copy()) for part, matrix in all_patches(x, rows, columns)]
    np.testing.assert_array_equal(np.concatenate([matrix for _, matrix in met]), whole)
    assert [i for part, _ in met for i in range(part.start, part.stop)] == list(range(7))
    assert (len(met) > 1) == (numbers < 2**19)


@pytest.mark.parametrize("images, threads, expected", [(7, 2, 2), (7, 4, 4), (1, 2, 1), (7, 1, 1), (3, 8, 3)])
def test_each_thread_has_a_block_if_there_is_enough_to_do(images, threads, expected, monkeypatch):
    monkeypatch.setattr(patches_module, "share_count", lambda: threads)
    monkeypatch.setattr(patches_module, "SHARE", images * 50)
    assert len(blocks(images, 49)) == 1
    found = blocks(images, 50)
    assert len(found) == expected
    assert [i for part in found for i in range(part.start, part.stop)] == list(range(images))
    assert max(part.stop - part.start for part in found) == found[0].stop


def test_pairs():
    assert pair(3) == (3, 3) and pair([2, 5]) == (2, 5)
    for wrong in (2.5, "3", (1, 2.5), (1, 2, 3), None):
        with pytest.raises(TypeError, match="an integer, or a pair"):
            pair(wrong)
