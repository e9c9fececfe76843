"""What a loss makes of a network's output is part of the graph."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from npae import Autoencoder  # noqa: E402
from npae.export import to_onnx  # noqa: E402
from npae.layers import Conv2D, Dense  # noqa: E402
from npae.losses import BinaryCrossEntropy, GaussianNLL, HeteroscedasticGaussianNLL, SquaredError  # noqa: E402
from tests.export.common import disturbed, normal, relative, run  # noqa: E402


class Own(SquaredError):
    """A loss of the caller's that inherits its output."""


class Doubled(SquaredError):
    """A loss of the caller's with an output of its own."""

    def output(self, prediction):
        return 2 * prediction


@pytest.mark.parametrize("loss", [BinaryCrossEntropy(), GaussianNLL(0.5), SquaredError(), Own()], ids=repr)
def test_the_output_is_the_reconstruction(loss):
    model, x = disturbed(Autoencoder(Dense(5, 3, "relu"), Dense(3, 5), loss, seed=None)), normal(4, 5)
    assert relative(run(to_onnx(model), x), model.reconstruct(x)) <= 1e-6
    h = model.encode(x)
    assert relative(run(to_onnx(model, "decode"), h), model.decode(h)) <= 1e-6


@pytest.mark.parametrize("encoder, decoder, shape", [
    (Dense(5, 3), Dense(3, 10), (5,)), (Conv2D(2, 3, 3, padding="same"), Conv2D(3, 4, 3, padding="same"), (2, 6, 6)),
])  # fmt: skip
def test_variances_are_left_out(encoder, decoder, shape):
    model = disturbed(Autoencoder(encoder, decoder, HeteroscedasticGaussianNLL(), seed=None))
    x = normal(4, *shape)
    assert relative(run(to_onnx(model, input_shape=shape), x), model.reconstruct(x)) <= 1e-6


def test_an_output_of_ones_own_is_refused_with_the_way_to_translate_it():
    model = Autoencoder(Dense(5, 3), Dense(3, 5), Doubled())
    with pytest.raises(TypeError, match=r"Doubled has no translation into ONNX\. Write one: .*translator\(Doubled\)"):
        to_onnx(model)
    assert np.array_equal(model.reconstruct(normal(2, 5)), 2 * model(normal(2, 5)))
