"""npae.backend.window_loops: the bits of the passes of npae.layers.windows; when loops are used, and when not."""

import numpy as np
import pytest

from npae.backend import fast_windows, missing, threads, window_loops
from npae.backend.formulas import on_numba
from npae.backend.window_loops import WindowLoops
from npae.layers.patches import Axis
from npae.layers.windows import maxima, maxima_backward, sums, sums_adjoint

needs_numba = pytest.mark.skipif(not on_numba.available(), reason=missing("Numba", "fast"))
WINDOWS = [  # of the height, of the width; few numbers of columns, since each is compiled
    (Axis.of(7, 2, 2, "same"), Axis.of(6, 2, 2, "valid")),  # side by side
    (Axis.of(5, 2, 2, "valid"), Axis.of(7, 2, 2, "same")),  # pixels that no window reads; a window at the border
    (Axis.of(6, 3, 2, "same"), Axis.of(7, 3, 2, "same")),  # overlapping
    (Axis.of(5, 3, 1, "same"), Axis.of(7, 3, 1, "valid")),  # three windows per pixel and axis
    (Axis.of(7, 3, 3, "same"), Axis.of(7, 3, 3, "same")),  # side by side, with padding before the image
    (Axis.of(4, 1, 3, "valid"), Axis.of(6, 2, 3, "valid")),  # with gaps
    (Axis.of(1, 5, 1, "same"), Axis.of(2, 3, 2, "same")),  # windows larger than the image
]
SLOW = pytest.param("float64", 5, marks=pytest.mark.slow)  # compiling takes seconds
each_window = pytest.mark.parametrize(("rows", "columns"), WINDOWS)


@pytest.fixture(autouse=True)
def nothing_has_been_swept(monkeypatch):
    loops = {}
    monkeypatch.setattr(window_loops, "_loops_of", lambda kernel: loops.setdefault(kernel, WindowLoops(kernel)))


def by_both(monkeypatch, function, *args):
    """function(*args) by the passes and by the loops."""
    monkeypatch.setattr(on_numba, "PATIENCE", float("inf"))
    with np.errstate(invalid="ignore"):
        by_passes = function(*args)
    monkeypatch.setattr(on_numba, "PATIENCE", 0)
    return by_passes, function(*args)


def assert_same_bits(a, b):
    """The signs of zeros included; one NaN is as good as another."""
    assert a.dtype == b.dtype
    np.testing.assert_array_equal(a, b)
    known = ~np.isnan(a)
    np.testing.assert_array_equal(np.signbit(a[known]), np.signbit(b[known]))


def numbers(shape, dtype, kind):
    """Normal numbers; or few different ones, zeros of both signs among them; or these with NaN and infinities."""
    rng = np.random.default_rng(0)
    if kind == "normal":
        return rng.standard_normal(shape).astype(dtype)
    values = [-0.3, -0.0, 0.0, 0.1, 0.7] + [np.nan, np.inf, -np.inf, -np.inf] * (kind == "not finite")
    return rng.choice(np.array(values, dtype), shape)


@needs_numba
@each_window
@pytest.mark.parametrize("kind", ["normal", "ties", "not finite"])
@pytest.mark.parametrize(("dtype", "channels"), [("float32", 3), ("float32", 16), SLOW])
def test_the_bits_are_those_of_the_passes(rows, columns, kind, dtype, channels, monkeypatch):
    x = numbers((3, rows.size, columns.size, channels), dtype, kind)
    (y, cache), (y_loops, loops_cache) = by_both(monkeypatch, maxima, x, rows, columns)
    assert cache[0] is None and isinstance(loops_cache[0], WindowLoops)
    assert_same_bits(y, y_loops)
    dy = numbers(y.shape, dtype, kind)
    with np.errstate(invalid="ignore"):
        assert_same_bits(maxima_backward(dy, cache), maxima_backward(dy, loops_cache))
    for mean in (False, True):
        assert_same_bits(*by_both(monkeypatch, sums, x, rows, columns, mean))
        assert_same_bits(*by_both(monkeypatch, sums_adjoint, dy, rows, columns, mean))


@needs_numba
@pytest.mark.parametrize("count", [1, 2])
def test_threads_share_the_images(count, monkeypatch):
    monkeypatch.setattr(window_loops, "SHARE", 1)
    monkeypatch.setattr(threads, "thread_count", lambda: count)
    rows, columns = WINDOWS[0]
    for images in (0, 1, 7):
        x = numbers((images, 7, 6, 3), "float32", "normal")
        (y, cache), (y_loops, loops_cache) = by_both(monkeypatch, maxima, x, rows, columns)
        assert_same_bits(y, y_loops)
        assert_same_bits(maxima_backward(y, cache), maxima_backward(y, loops_cache))


@needs_numba
def test_loops_are_compiled_only_after_some_work(monkeypatch):
    rows, columns = WINDOWS[0]
    x = numbers((2, 7, 6, 3), "float32", "normal")
    monkeypatch.setattr(on_numba, "PATIENCE", 2 * x.size * (2 + 2))
    assert [fast_windows(x, rows, columns) is not None for _ in range(4)] == [False, False, True, True]
    assert fast_windows(x, rows, Axis.of(6, 3, 3, "valid")) is None  # another number of columns


@needs_numba
def test_what_loops_cannot_do_is_left_to_the_passes(monkeypatch):
    monkeypatch.setattr(on_numba, "PATIENCE", 0)
    rows, columns = WINDOWS[0]
    x = numbers((2, 7, 6, 3), "float32", "normal")
    assert fast_windows(x, rows, columns) is not None
    assert fast_windows(x[..., :1].copy(), rows, columns) is None  # one channel: the passes are faster
    assert fast_windows(x.astype(np.float16), rows, columns) is None
    assert fast_windows(x[:, :, ::-1], rows, columns) is None  # not contiguous
    assert fast_windows(x, Axis(7, 2, 2, -1, 3), columns) is None
    assert fast_windows(x, rows, Axis.of(6, 300, 1, "same")) is None  # more taps than a byte has numbers


def test_without_numba_the_passes_compute(monkeypatch):
    monkeypatch.setattr(on_numba, "PATIENCE", 0)
    monkeypatch.setattr(on_numba, "available", lambda: False)
    rows, columns = WINDOWS[0]
    assert fast_windows(numbers((2, 7, 6, 3), "float32", "normal"), rows, columns) is None
    monkeypatch.setattr(on_numba, "available", lambda: True)
    monkeypatch.setattr(on_numba, "compiler", lambda: None)
    assert fast_windows(numbers((2, 7, 6, 3), "float32", "normal"), rows, columns) is None
