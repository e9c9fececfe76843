"""The matrix products of a training step alone: a lower bound for the time of every step.

On a GPU the products are captured once as a CUDA graph. Launched one by one, each costs the CPU 10 to 20 microseconds,
which for small networks is more than the GPU needs for it, so that the sum would be no lower bound.
"""

import numpy as np

from benchmarks.opponents.ours import switched
from npae.backend import Cublas, gpu_module, matmul, synchronize, to_device, use_blas


class MatmulStep:
    """Only the matrix products of the step, one after the other. graph: as one CUDA graph."""

    package = "numpy"

    def __init__(self, sizes, batch, device="cpu", tf32=False, graph=False):
        rng, self.switches, self.device = np.random.default_rng(0), switched(tf32), device
        sizes = sizes + sizes[-2::-1]

        def matrix(*shape):
            return to_device(rng.random(shape, dtype=np.float32), device)

        self.h, self.y = ([matrix(batch, n) for n in sizes] for _ in range(2))
        self.W, self.dW = ([matrix(*shape) for shape in zip(sizes[:-1], sizes[1:], strict=True)] for _ in range(2))
        self.launch = self._captured() if graph else self.products

    def products(self):
        """y = h W forward; backward hᵀ ∂J/∂y and, but for the first layer, ∂J/∂y Wᵀ."""
        for k, W in enumerate(self.W):
            matmul(self.h[k], W, out=self.y[k + 1])
        for k in reversed(range(len(self.W))):
            matmul(self.h[k].T, self.h[k + 1], out=self.dW[k])
            if k:
                matmul(self.h[k + 1], self.W[k].T, out=self.y[k])

    def _captured(self):
        """The launch of a CUDA graph of the products. They are run once before, so that cuBLAS is ready."""
        cuda = gpu_module().cuda
        self.blas, stream = Cublas(gpu_module()), cuda.Stream(non_blocking=True)  # the graph uses its workspace
        with use_blas(self.blas.on(cuda.get_current_stream())):
            self.products()
        synchronize(self.device)
        with stream, use_blas(self.blas.on(stream)):
            stream.begin_capture()
            self.products()
            graph = stream.end_capture()
        return graph.launch

    def __call__(self):
        self.launch()

    def wait(self):
        """Return when the device is done."""
        synchronize(self.device)
