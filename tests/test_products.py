"""Matrix products: NumPy's on the CPU, CuPy's on the GPU, written where they are wanted."""

import numpy as np

from npae.products import dot, matmul
from tests.devices import each_device, on

A = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
B = np.random.default_rng(1).standard_normal((4, 5)).astype(np.float32)


@each_device
def test_products(device):
    with on(device) as place:
        a, b, out = place.put(A), place.put(B), place.put(np.zeros((3, 5), np.float32))
        assert matmul(a, b, out=out) is out
        np.testing.assert_allclose(place.get(out), A @ B, rtol=1e-6)
        np.testing.assert_allclose(place.get(matmul(b.T, a.T)), (A @ B).T, rtol=1e-6)
        np.testing.assert_allclose(place.get(matmul(a[0], b)), A[0] @ B, rtol=1e-6)
        np.testing.assert_allclose(place.get(dot(a[0], a[1])), A[0] @ A[1], rtol=1e-6)
