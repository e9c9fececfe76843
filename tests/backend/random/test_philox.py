"""npae.backend.random, Philox: known answers, the docstring's formulas, and the same bits by NumPy, Numba and CuPy."""

import numpy as np
import pytest

from npae.backend.extras import missing
from npae.backend.formulas import on_numba as compilers
from npae.backend.random import on_cupy, on_numba, on_numpy
from npae.backend.random.philox import Draw, key_of, per_block
from tests.devices import each_gpu, on

# Random123's tests/kat_vectors, the lines "philox4x64 10": counter, key, the four words
KNOWN = [
    ("0000000000000000 0000000000000000 0000000000000000 0000000000000000", "0000000000000000 0000000000000000",
     "16554d9eca36314c db20fe9d672d0fdc d7e772cee186176b 7e68b68aec7ba23b"),
    ("ffffffffffffffff ffffffffffffffff ffffffffffffffff ffffffffffffffff", "ffffffffffffffff ffffffffffffffff",
     "87b092c3013fe90b 438c3c67be8d0224 9cc7d7c69cd777b6 a09caebf594f0ba0"),
    ("243f6a8885a308d3 13198a2e03707344 a4093822299f31d0 082efa98ec4e6c89", "452821e638d01377 be5466cf34e90c6c",
     "a528f45403e61d95 38c72dbd566e9788 a5a1610e72fd18b5 57bd43b5e52b7fe6"),
]  # fmt: skip
PLACES = [Draw(-1, 0), Draw(0, 0), Draw(0, 3), Draw(7, 2), Draw(2**40, 1)]


def words(text):
    return [int(word, 16) for word in text.split()]


def philox(c, k):
    """The rounds as the docstring of philox.py has them, in Python's integers."""
    (c0, c1, c2, c3), (k0, k1), word = c, k, 2**64
    for _ in range(10):
        high, low = divmod(0xCA5A826395121157 * c2, word)
        high0, low0 = divmod(0xD2E7470EE14C6C93 * c0, word)
        c0, c1, c2, c3 = high ^ c1 ^ k0, low, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) % word, (k1 + 0xBB67AE8584CAA73B) % word
    return [c0, c1, c2, c3]


def expected(key, draw, size, dtype):
    """The first numbers of a draw, from the formulas of the docstring."""
    u = []
    for block in range(-(-size // per_block(dtype))):
        for w in philox((block + 1, draw.number, draw.step % 2**64, 0), key.tolist()):
            halves = [w % 2**32, w // 2**32]
            u += [half // 2**8 / 2**24 for half in halves] if dtype == np.float32 else [w // 2**11 / 2**53]
    return np.array(u[:size], dtype)


@pytest.fixture
def loops(monkeypatch):
    if not compilers.available():
        pytest.skip(missing("Numba", "fast"))
    monkeypatch.setattr(on_numba, "PATIENCE", 0)


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_known_answers(counter, key, answer):
    assert philox(words(counter), words(key)) == words(answer)
    before = (sum(w << 64 * k for k, w in enumerate(words(counter))) - 1) % 2**256  # NumPy adds 1
    bits = np.random.Philox(counter=before, key=sum(w << 64 * k for k, w in enumerate(words(key))))
    assert bits.random_raw(4).tolist() == words(answer)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("draw", PLACES)
def test_numpy_computes_the_formulas(draw, dtype):
    key, out = key_of([3, 4]), np.full(21, np.nan, dtype)
    on_numpy.fill_uniform(key, draw, out)
    np.testing.assert_array_equal(out, expected(key, draw, 21, dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("draw", PLACES)
def test_a_compiled_loop_gives_the_same_bits(draw, dtype, loops):
    key, out = key_of([3, 4]), np.full(21, np.nan, dtype)
    assert on_numba.fill_compiled(key, 0, draw, out) == 21 - 21 % per_block(dtype)
    on_numpy.fill_uniform(key, draw, out)
    np.testing.assert_array_equal(out, expected(key, draw, 21, dtype))


@each_gpu
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("draw", PLACES)
@pytest.mark.parametrize("size", [1, 8, 21, 1000])
def test_the_gpu_gives_the_same_bits(device, size, draw, dtype):
    with on(device) as place:
        key, out = key_of([3, 4]), place.put(np.full(size, np.nan, dtype))
        cells, step = place.put(np.zeros(3, np.int64)), place.put(np.array([draw.step]))
        on_cupy.write_key(key, cells)
        on_cupy.fill_on_cupy(cells, None, draw, out, normal=False)
        np.testing.assert_array_equal(place.get(out), expected(key, draw, size, dtype))
        out[...] = np.nan
        on_cupy.fill_on_cupy(cells, step, Draw(0, draw.number), out, normal=False)  # the step from device memory
        np.testing.assert_array_equal(place.get(out), expected(key, draw, size, dtype))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_number_of_threads_does_not_matter(compiled, threads, monkeypatch, request):
    if compiled:
        request.getfixturevalue("loops")
    monkeypatch.setattr(on_numpy, "SHARED", 0)

    def in_pieces(work, n):
        for k in range(threads):
            work(n * k // threads, n * (k + 1) // threads)

    monkeypatch.setattr(on_numpy, "parallel_for", in_pieces)
    key, out = key_of(1), np.full(77, np.nan, np.float32)
    on_numpy.fill_uniform(key, Draw(2, 1), out)
    np.testing.assert_array_equal(out, expected(key, Draw(2, 1), 77, np.float32))


def test_threads_fill_a_long_array():
    key, out = key_of(1), np.full(on_numpy.SHARED + 5, np.nan, np.float32)
    on_numpy.fill_uniform(key, Draw(2, 1), out)
    alone = np.random.Generator(np.random.Philox(counter=[0, 1, 2, 0], key=key))
    np.testing.assert_array_equal(out, alone.random(len(out), np.float32))


def test_a_loop_is_compiled_once_numpy_has_drawn_enough(monkeypatch):
    monkeypatch.setattr(on_numba, "PATIENCE", 20)
    monkeypatch.setattr(on_numba, "_drawn", 0)
    asked = []
    monkeypatch.setattr(on_numba, "available", lambda: asked.append(1))
    for _ in range(4):
        assert on_numba.fill_compiled(key_of(0), 0, Draw(0, 0), np.empty(8, np.float32)) == 0
    assert asked == [1]


def test_without_a_compiler_numpy_goes_on(monkeypatch, loops):
    monkeypatch.setattr(on_numba, "compiler", lambda: None)
    on_numba._loop.cache_clear()
    assert on_numba.fill_compiled(key_of(0), 0, Draw(0, 0), np.empty(8, np.float32)) == 0
    on_numba._loop.cache_clear()


def test_keys_differ_if_a_number_of_the_seed_does():
    seeds = [[a, b, c] for a in range(5) for b in range(5) for c in range(5)]
    assert len({word for seed in seeds for word in key_of(seed).tolist()}) == 250
    np.testing.assert_array_equal(key_of(4), key_of([4, 0]))  # as the docstring has it
