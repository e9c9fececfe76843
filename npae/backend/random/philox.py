"""Philox: a function from a counter to random bits.

An ordinary generator has a state, and every number depends on the one before it. A *counter-based* generator computes
the number of place n directly, as a function of n. So thousands of GPU threads compute their numbers independently, no
state has to be kept, copied or recorded, and a number depends neither on the device nor on how the work is divided.

Philox 4×64-10 takes a counter c of four 64-bit words and a key k of two, and returns four words. It repeats a *round*
ten times. A product of two 64-bit words has 128 bits; let ⌊·⌋ be their upper half and (·) mod 2⁶⁴ their lower half:

    c₀ ← ⌊M₁ c₂/2⁶⁴⌋ ⊕ c₁ ⊕ k₀            M₀ = D2E7470EE14C6C93₁₆
    c₁ ← M₁ c₂ mod 2⁶⁴                     M₁ = CA5A826395121157₁₆
    c₂ ← ⌊M₀ c₀/2⁶⁴⌋ ⊕ c₃ ⊕ k₁            (the right sides are the words before the round)
    c₃ ← M₀ c₀ mod 2⁶⁴

and after each round k₀ ← k₀ + W₀, k₁ ← k₁ + W₁ mod 2⁶⁴, with W₀ = 9E3779B97F4A7C15₁₆ (the golden ratio's fraction) and
W₁ = BB67AE8584CAA73B₁₆ (that of √3). M is odd, so c ↦ M c mod 2⁶⁴ is a bijection. The words that enter by ⊕ are known
too, when one goes backwards, so a round is a bijection, and so is Philox: for one key, no two counters have the same
four words. The multiplications mix the bits. Ten rounds pass all tests of TestU01's BigCrush.

This is numpy.random.Philox, which computes the numbers on the CPU (on_numpy.py). on_numba.py has the rounds as a
compiled loop, and on_cupy.py for the GPU. All three give the same bits.

**Counters in npae.** Number i of draw d in training step s is in block b = ⌊i/n⌋, where n is how many numbers the four
words have bits for. The words of the block are Philox(b + 1, d, s, 0). (NumPy adds 1 before it computes.)

    float32    n = 8    u = ⌊w/2⁸⌋/2²⁴  of a 32-bit half w of a word, the lower half first
    float64    n = 4    u = ⌊w/2¹¹⌋/2⁵³ of a word w

Each u is a multiple of 2⁻²⁴ or 2⁻⁵³ in [0, 1), as many binary digits as its type has, and all are equally likely.

Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3", section 3.3.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from npae.backend.typing import Array, DTypeLike

BLOCK_BYTES = 32  # of the four words that one counter gives


class Draw(NamedTuple):
    """Where random numbers are in the sequence of a key: step s, and draw d within the step."""

    step: int
    number: int


def key_of(seed: int | Sequence[int]) -> Array:
    """The key of a seed, two words of uint64. Two seeds have unrelated keys, but [1] and [1, 0] have the same.

    Args:
        seed: an integer of 0 or more, or a list of them.
    """
    return np.random.SeedSequence(seed).generate_state(2, np.uint64)


def per_block(dtype: DTypeLike) -> int:
    """n, how many numbers one counter gives: 8 in float32, 4 in float64."""
    return BLOCK_BYTES // np.dtype(dtype).itemsize
