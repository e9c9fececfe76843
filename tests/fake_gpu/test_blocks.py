"""Kernels of blocks of threads: sums by shared memory, barriers, atomics and warps; and what must fail does fail."""

import numpy as np
import pytest

from tests.devices import NO_FAKE, not_here
from tests.fake_gpu.block_text import falling_blocks
from tests.fake_gpu.fake_cupy import fake_cupy

pytestmark = not_here(NO_FAKE)

# Σ x in blocks of 128 threads, by a tree in shared memory; each block adds its sum to y.
TREE = """
    part[threadIdx.x] = sum;
    __syncthreads();
    for (int s = 64; s > 0; s /= 2) {
        if (threadIdx.x < s && threadIdx.x + s < blockDim.x) part[threadIdx.x] += part[threadIdx.x + s];
        %s
    }
    if (threadIdx.x == 0) atomicAdd(&y[0], part[0]);
"""


def tree_sum(cp, barrier="__syncthreads();"):
    """An ElementwiseKernel that adds Σ x to y[0]."""
    return cp.ElementwiseKernel(
        "T x", "raw T y", "sum += x", "tree_sum" if barrier else "tree_sum_without",
        loop_prep="__shared__ T part[128]; T sum = 0;", after_loop=TREE % barrier,
    )  # fmt: skip


@pytest.mark.parametrize("n", [1, 5, 100, 128, 129, 1000])
def test_the_threads_of_a_block_add_their_numbers(cp, n):
    x, y = cp.arange(1, n + 1, dtype="f"), cp.zeros(1, "f")
    tree_sum(cp)(x, y)
    assert float(y[0]) == n * (n + 1) / 2


def test_a_missing_barrier_shows():
    x, y = fake_cupy.arange(128, dtype="f"), fake_cupy.zeros(1, "f")
    tree_sum(fake_cupy, barrier="")(x, y)
    assert float(y[0]) != 128 * 127 / 2


def test_a_kernel_of_blocks_is_captured(cp):
    x, y = cp.ones(300, "f"), cp.zeros(1, "f")
    kernel = tree_sum(cp)
    kernel(x, y)
    stream, pool = cp.cuda.Stream(non_blocking=True), cp.cuda.MemoryPool()
    with stream, cp.cuda.using_allocator(pool.malloc):
        stream.begin_capture()
        kernel(x, y)
        graph = stream.end_capture()
    for _ in range(2):
        graph.launch()
    assert float(y[0]) == 900


def test_shared_memory_is_nan_until_it_is_written():
    read = fake_cupy.ElementwiseKernel(
        "T x", "T y", "y = s[i]; s[i] = x", "unwritten", loop_prep="__shared__ T s[4];"
    )  # fmt: skip
    for _ in range(2):
        assert np.isnan(read(fake_cupy.ones(4, "f")).get()).all()


def test_blocks_run_in_any_order():
    order = fake_cupy.ElementwiseKernel(
        "raw int32 x", "raw int32 count, int32 y", "y = atomicAdd(&count[0], 1)", "order"
    )  # fmt: skip
    x = fake_cupy.zeros(1, "i4")

    def numbers():
        y = fake_cupy.empty(300, "i4")
        order(x, fake_cupy.zeros(1, "i4"), y)
        return y.get()

    assert sorted(numbers()[:128]) == list(range(128))
    with falling_blocks():
        falling = numbers()  # the last block of 300 = 128 + 128 + 44 is the first
    assert sorted(falling[-44:]) == list(range(44))
    assert (falling[:128] != np.sort(falling[:128])).any()  # nor do threads come in the order of their numbers


RAW = r"""
extern "C" __global__ void row_sums(const float *x, float *y, int rows, int columns, float scale) {
    extern __shared__ float part[];
    int row = blockIdx.x, t = threadIdx.x;
    part[t] = 0;
    for (int j = t; j < columns; j += blockDim.x) part[t] += x[row * columns + j];
    __syncthreads();
    for (int s = blockDim.x / 2; s > 0; s /= 2) {
        if (t < s) part[t] += part[t + s];
        __syncthreads();
    }
    if (t == 0) y[row] = scale * part[0];
}
extern "C" __global__ void warp_sums(const float *x, float *y) {
    float v = x[blockIdx.x * blockDim.x + threadIdx.x];
    for (int n = 16; n > 0; n /= 2) v += __shfl_down_sync(0xffffffff, v, n);
    if (threadIdx.x % 32 == 0) y[(blockIdx.x * blockDim.x + threadIdx.x) / 32] = v;
}
extern "C" __global__ void places(int *y) {
    int block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    int thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    y[block * blockDim.x * blockDim.y * blockDim.z + thread] = block * 1000 + thread;
}
extern "C" __global__ void last_block_adds(const float *x, float *parts, unsigned int *done, float *y) {
    __shared__ bool last;
    parts[blockIdx.x] = x[blockIdx.x];
    __threadfence();
    if (threadIdx.x == 0) last = atomicInc(done, gridDim.x - 1) == gridDim.x - 1;
    __syncthreads();
    if (last && threadIdx.x == 0) {
        float sum = 0;
        for (int b = 0; b < gridDim.x; ++b) sum += parts[b];
        *y = sum;
    }
}
"""


def test_a_raw_kernel_adds_rows(cp):
    x = np.arange(5 * 70, dtype=np.float32).reshape(5, 70)
    y = cp.zeros(5, "f")
    kernel = cp.RawKernel(RAW, "row_sums")
    kernel((5,), (32,), (cp.asarray(x), y, np.int32(5), 70, np.float32(2)), shared_mem=32 * 4)
    np.testing.assert_array_equal(cp.asnumpy(y), 2 * x.sum(1))


def test_the_threads_of_a_warp_exchange_numbers(cp):
    x = np.arange(2 * 64, dtype=np.float32)
    y = cp.zeros(4, "f")
    cp.RawKernel(RAW, "warp_sums")((2,), (64,), (cp.asarray(x), y))
    np.testing.assert_array_equal(cp.asnumpy(y), x.reshape(4, 32).sum(1))


def test_three_dimensions(cp):
    y = cp.zeros(12 * 24, "i4")
    cp.RawKernel(RAW, "places")((2, 3, 2), (4, 3, 2), (y,))
    np.testing.assert_array_equal(cp.asnumpy(y).reshape(12, 24), np.arange(12)[:, None] * 1000 + np.arange(24))


def test_the_last_block_can_use_what_all_have_written(cp):
    x, parts, done, y = cp.arange(9, dtype="f"), cp.empty(9, "f"), cp.zeros(1, "u4"), cp.zeros(1, "f")
    kernel = cp.RawKernel(RAW, "last_block_adds")
    for _ in range(2):  # atomicInc is back at 0 after the last block
        kernel((9,), (32,), (x, parts, done, y))
        assert float(y[0]) == 36


DIVERGES = """
extern "C" __global__ void diverges(float *y) {
    if (threadIdx.x < 5) { __syncthreads(); y[0] = 1; } else { y[0] = 2;
        __syncthreads(); }
}
extern "C" __global__ void %s(float *y) { if (threadIdx.x < 5) return; __syncthreads(); y[threadIdx.x] = 1; }
"""


def test_threads_at_different_barriers_are_refused_and_leave_nothing_behind():
    y, code = fake_cupy.zeros(8, "f"), DIVERGES % "some_end"
    for _ in range(2):
        with pytest.raises(RuntimeError, match="'diverges'.*different barriers"):
            fake_cupy.RawKernel(code, "diverges")((1,), (8,), (y,))
    y = fake_cupy.zeros(8, "f")
    fake_cupy.RawKernel(code, "some_end")((1,), (8,), (y,))  # threads that have ended are not waited for
    np.testing.assert_array_equal(y.get(), [0] * 5 + [1] * 3)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (lambda x: (x, x, 1, 1), "has 5 parameters, got 4"),
        (lambda x: (x, x, 1, 1, 2.0), "parameter 4: expected 4 bytes, got 8 of 2.0"),
        (lambda x: (x, x, np.float64(1), 1, np.float32(2)), "parameter 2: expected 4 bytes, got 8"),
        (lambda x: (x, np.zeros(3), 1, 1, np.float32(2)), r"numpy.ndarray of shape \(3,\)"),
        (lambda x: (x, "y", 1, 1, np.float32(2)), "Unsupported type"),
    ],
)
def test_arguments_that_a_gpu_would_misread_are_refused(args, words):
    with pytest.raises(TypeError, match=words):
        fake_cupy.RawKernel(RAW, "row_sums")((1,), (32,), args(fake_cupy.zeros(3, "f")))


def test_a_name_without_extern_c_is_not_found(cp):
    with pytest.raises(RuntimeError, match="NOT_FOUND"):
        cp.RawKernel("__global__ void f(float *y) { *y = 1; }", "f")((1,), (1,), (cp.zeros(1, "f"),))
