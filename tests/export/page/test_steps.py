"""Steps of a network, and the refusal of layers that a page cannot compute."""

import numpy as np
import pytest

from npae.export.page.steps import Parts, steps
from npae.layers import (
    Conv2D,
    Dense,
    Flatten,
    GaussianNoise,
    Layer,
    MaxPool2D,
    ReLU,
    Sequential,
    TiedDense,
    TopK,
)
from tests.export.common import disturbed
from tests.export.page.networks import networks


def test_layers_that_change_no_number_need_no_step():
    network = Sequential(GaussianNoise(0.3), Flatten(), Dense(4, 2, "relu"), ReLU()).initialize(seed=0)
    assert [step["do"] for step in steps(Parts(), network)] == ["dense", "activation"]


def test_tied_weights_are_stored_once():
    encoder, parts = Dense(5, 3), Parts()
    found = steps(parts, Sequential(encoder, TiedDense(encoder)).initialize(seed=0))
    assert [(step["W"], step["transposed"]) for step in found] == [("W0", False), ("W0", True)]
    assert parts.arrays["W0"].shape == (5, 3) and parts.arrays["W0"].dtype == np.int8
    assert found[0]["scale"] == found[1]["scale"]


def test_equal_activations_are_one_function():
    parts = Parts()
    steps(parts, Sequential(Dense(5, 3, "relu"), Dense(3, 3, "relu"), Dense(3, 2)).initialize(seed=0))
    assert len(parts.activations) == 2


def test_batch_norm_is_affine():
    encoder = networks()["batch norm"].encoder
    parts = Parts()
    step = next(step for step in steps(parts, encoder) if step["do"] == "affine")
    layer = next(layer for _, layer in encoder.leaves() if type(layer).__name__ == "BatchNorm")
    x = np.random.default_rng(0).normal(size=(8, layer.features)).astype(np.float32)
    np.testing.assert_allclose(x * parts.arrays[step["scale"]] + parts.arrays[step["shift"]], layer(x), atol=1e-5)


@pytest.mark.parametrize("layer", [Conv2D(1, 2, 3), MaxPool2D(2), TopK(2)], ids=lambda layer: type(layer).__name__)
def test_other_layers_are_refused_with_a_cure(layer):
    network = disturbed(Sequential(layer, Flatten(), Dense(8, 2)))
    with pytest.raises(ValueError, match=rf"save_page: expected .*, got {type(layer).__name__}.*Train a dense network"):
        steps(Parts(), network)


def test_a_subclass_with_a_forward_of_its_own_is_refused():
    class Own(Dense):
        pass

    class Odd(ReLU):
        def forward(self, x, training=False):
            return 2 * x, None

    networks = Own(3, 2), Sequential(Odd()), Dense(3, 2, Odd())
    for name in ("Own", "Odd"):
        del Layer.registry[name]
    for network in networks:
        with pytest.raises(ValueError, match="save_page: "):
            steps(Parts(), network.initialize(seed=0))
