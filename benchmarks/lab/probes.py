"""What single GPU calls cost the host and the device.  python -m benchmarks.lab probes --device gpu

Each probe answers a question about the design of npae: what a launch costs, whether npae's products are as fast as
CuPy's, what a matrix costs whose first number is not at a multiple of 16 bytes, whether a bias gradient is faster as a
product with ones or as a sum, how fast random numbers are drawn, and how near a kernel comes to a copy of memory.
"""

from functools import partial

import numpy as np

from benchmarks import report
from benchmarks.clock import clock
from npae.backend import Cublas, Stream, fit_text, gpu_module, tf32

LAYER = (1000, 784)  # of W in the last layer of 784-1000-500-250-30
BATCHES, QUICK_BATCHES = (512, 4096, 16384), (64,)
TINY = 90  # kernels in a graph


def run(settings):
    """Time every probe on the GPU. Returns the contents of the JSON file."""
    result = {"what": __doc__, "not_measured": settings.missing(), "rows": {}}
    if "gpu" in settings.devices:
        xp = gpu_module()
        blas, seconds = Cublas(xp).on(xp.cuda.get_current_stream()), 0.02 if settings.quick else 0.1
        for group in (calls, in_a_graph, alignment, sums, draws, copies):
            rows = {}
            for name, call in group(xp, blas, QUICK_BATCHES if settings.quick else BATCHES):
                report.progress(name)
                rows[name] = result["rows"][name] = clock(call, "gpu", seconds).summary()
                settings.save(result)
            head = [group.__doc__.partition(".")[0], "host, µs", "device, µs"]
            report.table(
                head, [(n, *(f"{1e6 * r[k]:.2f}" for k in ("host_seconds", "seconds"))) for n, r in rows.items()]
            )
            settings.save(result)
    print("\n".join(map(fit_text, result["not_measured"])))
    return result


def calls(xp, blas, batches):
    """Calls on small arrays. They cost the host more than the device."""
    x, y, out = (xp.ones(256, np.float32) for _ in range(3))
    a, b, c = (xp.ones((64, 64), np.float32) for _ in range(3))
    yield "ElementwiseKernel", partial(_kernel(xp), x, 0.5, y)
    yield "ufunc add(out=)", lambda: xp.add(x, y, out=out)
    yield "CuPy's matmul(out=)", lambda: xp.matmul(a, b, out=c)
    yield "npae's matmul(out=)", lambda: blas.matmul(a, b, out=c)
    yield "CuPy's dot of vectors", lambda: xp.dot(x, y)
    yield "copy of one number", xp.ones((), np.float32).copy
    yield "float(one number)", partial(float, xp.ones((), np.float32))
    yield "view x[:128]", lambda: x[:128]


def _kernel(xp):
    return xp.ElementwiseKernel("T x, float64 a", "T y", "y = T(a) * x", "npae_probe")


def in_a_graph(xp, blas, batches):
    """The same small kernel, captured many times. Each waits for the one before."""
    x, y, kernel = xp.ones(256, np.float32), xp.ones(256, np.float32), _kernel(xp)
    kernel(x, 0.5, y)
    stream = xp.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        for _ in range(TINY):
            kernel(x, 0.5, y)
        graph = stream.end_capture()
    yield f"CUDA graph of {TINY} kernels", graph.launch


def alignment(xp, blas, batches):
    """Products with a W that begins some bytes after a multiple of 16. All three of a layer."""
    n_in, n_out = LAYER
    memory = xp.ones(n_in * n_out + 64, np.float32)
    for batch in batches:
        h, y = xp.ones((batch, n_in), np.float32), xp.ones((batch, n_out), np.float32)
        for on in (False, True):
            for offset in (0, 1, 2, 4):
                W = memory[offset : offset + n_in * n_out].reshape(LAYER)
                name = f"{'TF32' if on else 'float32'}, batch {batch:,}, {4 * offset} bytes off"
                yield f"{name}: h W", partial(_product, blas, on, h, W, y)
                yield f"{name}: hᵀ ∂J/∂y", partial(_product, blas, on, h.T, y, W)
                yield f"{name}: ∂J/∂y Wᵀ", partial(_product, blas, on, y, W.T, h)


def _product(blas, on, a, b, out):
    with tf32(on):
        blas.matmul(a, b, out=out)


def sums(xp, blas, batches):
    """Sums over the batch, as for the gradient of a bias. A product with ones, or CuPy's sum."""
    for batch in batches:
        for n in (16, 784):
            dy, ones, total = xp.ones((batch, n), np.float32), xp.ones(batch, np.float32), xp.empty(n, np.float32)
            yield f"({batch:,}, {n}): 1ᵀ ∂J/∂y", partial(blas.matmul, ones, dy, out=total)
            yield f"({batch:,}, {n}): sum(axis=0)", partial(xp.sum, dy, axis=0, out=total)


def draws(xp, blas, batches):
    """Random numbers for a batch of 784 pixels. From npae's stream."""
    stream = Stream()
    stream.reseed(1)
    for batch in batches:
        like = xp.empty((batch, 784), np.float32)
        yield f"({batch:,}, 784): uniform", partial(stream.uniform, like)
        yield f"({batch:,}, 784): normal", partial(stream.normal, like)


def copies(xp, blas, batches):
    """Reading and writing memory. A kernel beside a copy."""
    for batch in batches:
        x, y = (xp.ones((batch, 1000), np.float32) for _ in range(2))
        yield f"({batch:,}, 1000): kernel", partial(_kernel(xp), x, 0.5, y)
        yield f"({batch:,}, 1000): copy", partial(xp.copyto, y, x)


def verdict(result):
    """What was found, in one line."""
    rows = result["rows"]
    if not rows:
        return "GPU: not yet run"
    launch = 1e6 * rows["ElementwiseKernel"]["host_seconds"]
    node = 1e6 * rows[f"CUDA graph of {TINY} kernels"]["seconds"] / TINY
    return f"a launch costs the host {launch:.1f} µs; a kernel in a CUDA graph takes {node:.2f} µs"


def draw(result, folder):
    """No pictures."""
    return []
