"""npae.backend.gather: the same bits as a batch made on the CPU, by one kernel launch."""

import numpy as np
import pytest

from npae.backend import gather_bytes
from npae.data.minibatches import Minibatches
from tests.devices import each_gpu, on, with_fake
from tests.fake_gpu.fake_cupy import fake_cupy


@each_gpu
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(7,), (2, 3, 5)], ids=["rows", "images"])
def test_a_batch_of_bytes_is_that_of_the_cpu(device, shape, dtype):
    x = np.random.default_rng(0).integers(0, 256, (300, *shape), dtype=np.uint8)
    x[:256].reshape(256, -1)[:, 0] = np.arange(256)  # all values of a byte
    with on(device) as place:
        on_cpu, on_gpu = (Minibatches(x, 90, dtype, name, seed=3) for name in ("cpu", place.name))
        for rows, gpu_rows in zip(on_cpu.rows(1), on_gpu.rows(1), strict=True):
            batch = on_gpu.take(gpu_rows)
            assert batch.dtype == dtype and batch.shape == (len(rows), *shape)
            np.testing.assert_array_equal(place.get(batch), on_cpu.take(rows))


@with_fake
def test_it_is_one_launch():
    x = np.random.default_rng(0).integers(0, 256, (30, 7), dtype=np.uint8)
    with on("fake") as place:
        source, rows = place.put(x), place.put(np.array([3, 29, 0, 3]))
        with fake_cupy.count() as counted:
            batch = gather_bytes(source, rows, np.float32)
        assert (counted.kernels, counted.allocations, counted.syncs, counted.uploads) == (1, 1, 0, 0)
        np.testing.assert_array_equal(place.get(batch), x[[3, 29, 0, 3]] * np.float32(1 / 255))
