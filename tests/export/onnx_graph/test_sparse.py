"""Sparse autoencoders in ONNX: the runtime computes the same codes and reconstructions."""

import numpy as np
import pytest

pytest.importorskip("onnx", reason='pip install "npae[onnx]"')
pytest.importorskip("onnxruntime", reason='pip install "npae[onnx]"')

from npae import GatedSparseAutoencoder, SparseAutoencoder, fit  # noqa: E402
from npae.export import to_onnx  # noqa: E402
from npae.layers import BatchTopK, JumpReLU, TopK  # noqa: E402
from tests.export.common import normal, run  # noqa: E402

MODELS = {
    "top k": lambda dtype: SparseAutoencoder(6, 20, TopK(3), dtype=dtype),
    "batch top k": lambda dtype: SparseAutoencoder(6, 20, BatchTopK(3), dtype=dtype),
    "jump relu": lambda dtype: SparseAutoencoder(6, 20, JumpReLU(20, 0.5), dtype=dtype),
    "relu": lambda dtype: SparseAutoencoder(6, 20, "relu", dtype=dtype),
    "gated": lambda dtype: GatedSparseAutoencoder(6, 20, 0.1, dtype=dtype),
}


@pytest.mark.parametrize("dtype, bound", [("float32", 1e-5), ("float64", 1e-13)])
@pytest.mark.parametrize("name", MODELS)
def test_codes_and_reconstructions_are_the_models(name, dtype, bound):
    model, x = MODELS[name](dtype), normal(50, 6, dtype=dtype)
    fit(model, x, epochs=2, batch_size=10, progress="none")
    codes = model.encode(x)
    assert 0 < (codes != 0).mean() < 0.7
    np.testing.assert_allclose(run(to_onnx(model, part="encode"), x), codes, rtol=bound, atol=bound)
    np.testing.assert_allclose(run(to_onnx(model), x), model.reconstruct(x), rtol=bound, atol=bound)
    np.testing.assert_allclose(run(to_onnx(model, part="decode"), codes), model.decode(codes), rtol=bound, atol=bound)
