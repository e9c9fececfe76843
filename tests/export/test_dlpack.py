"""DLPack: arrays of models are taken by other libraries, without a copy."""

import numpy as np
import pytest

from npae import dense_autoencoder
from tests.export.common import normal

MODEL = dense_autoencoder([6, 3])


def test_numpy_takes_codes_and_parameters_as_they_are():
    for array in (MODEL.encode(normal(4, 6)), MODEL.encoder[0].W.value, MODEL.theta.value):
        taken = np.from_dlpack(array)
        assert np.shares_memory(taken, array) and np.array_equal(taken, array)


def test_torch_takes_codes_and_parameters_as_they_are_and_gives_tensors():
    torch = pytest.importorskip("torch")
    W = torch.from_dlpack(MODEL.encoder[0].W.value)
    before = W[0, 0].item()
    MODEL.encoder[0].W.value[0, 0] += 1
    assert W[0, 0].item() == pytest.approx(before + 1)
    x = torch.from_numpy(normal(4, 6))
    assert np.array_equal(MODEL.encode(np.from_dlpack(x)), MODEL.encode(x))
    assert torch.from_dlpack(MODEL.encode(x)).shape == (4, 3)
