"""The parts of every model are what its methods compute."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from npae import (  # noqa: E402
    GAN,
    AdversarialAutoencoder,
    Autoencoder,
    Classifier,
    SemiSupervisedAutoencoder,
    convolutional_autoencoder,
    dense_autoencoder,
    fit,
    variational_autoencoder,
)
from npae.export import to_onnx  # noqa: E402
from npae.export.onnx_graph import PARTS, part_of, shape_of  # noqa: E402
from npae.layers import Dense, Flatten, Reshape, Sequential, SoftmaxHead  # noqa: E402
from npae.models import GaussianPrior  # noqa: E402
from tests.export.common import disturbed, normal, overriding, relative, run  # noqa: E402

PIXELS = np.random.default_rng(0).integers(0, 256, (9, 6)).astype(np.uint8)


def semi_supervised():
    autoencoder = Autoencoder(Sequential(Dense(6, 5), SoftmaxHead(3)), Dense(5, 6), seed=None)
    return SemiSupervisedAutoencoder(autoencoder, Dense(3, 1), Dense(2, 1), GaussianPrior(2), seed=None)


MODELS = {
    "plain": (lambda: dense_autoencoder([6, 4, 3], seed=None), ()),
    "variational": (lambda: variational_autoencoder([6, 4, 3], seed=None), ()),
    "adversarial": (lambda: AdversarialAutoencoder(dense_autoencoder([6, 3], seed=None), Dense(3, 1),
                                                   GaussianPrior(3), seed=None), ("autoencoder",)),
    "semi-supervised": (semi_supervised, ("autoencoder",)),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_reconstruct_encode_and_decode(name):
    make, inner = MODELS[name]
    model = disturbed(make())
    own = getattr(model, inner[0]) if inner else model
    assert relative(run(to_onnx(model, input_dtype="uint8"), PIXELS), own.reconstruct(PIXELS)) <= 1e-6
    assert relative(run(to_onnx(model, "encode", input_dtype="uint8"), PIXELS), own.encode(PIXELS)) <= 1e-6
    h = own.encode(PIXELS)
    assert relative(run(to_onnx(model, "decode"), h), own.decode(h)) <= 1e-6


@pytest.mark.parametrize("make", [semi_supervised, lambda: Classifier(Dense(6, 3), 3, seed=None)])
def test_classes(make):
    model = disturbed(make())
    p = run(to_onnx(model, "predict_proba", input_dtype="uint8"), PIXELS)
    assert relative(p, model.predict_proba(PIXELS)) <= 1e-6
    assert np.array_equal(p.argmax(axis=1), model.predict(PIXELS))


def test_a_gan_is_its_generator_and_its_networks_can_be_taken():
    model, codes = disturbed(GAN(Dense(2, 6, "sigmoid"), Dense(6, 1), GaussianPrior(2), seed=None)), normal(5, 2)
    graph = to_onnx(model).graph
    assert (graph.input[0].name, graph.output[0].name) == ("z", "samples")
    with pytest.raises(ValueError, match="codes have the dtype of the parameters. Leave out input_dtype"):
        to_onnx(model, input_dtype="uint8")
    assert relative(run(to_onnx(model), codes), model(codes)) <= 1e-6
    assert relative(run(to_onnx(model.discriminator), normal(5, 6)), model.discriminator(normal(5, 6))) <= 1e-6
    fit(model, normal(20, 6), epochs=1, progress="none")  # it remembers the shape of images, not of codes
    assert relative(run(to_onnx(model), codes), model(codes)) <= 1e-6


@pytest.mark.parametrize("dtype", ["float32", "float64", "bool", "uint8"])
def test_inputs_of_every_dtype_are_converted_as_the_model_converts_them(dtype):
    model = disturbed(dense_autoencoder([6, 3], seed=None))
    x = PIXELS if dtype == "uint8" else (PIXELS / 255).round().astype(dtype)
    assert relative(run(to_onnx(model, input_dtype=dtype), x), model.reconstruct(x)) <= 1e-6


def test_names_of_inputs_and_outputs():
    model = dense_autoencoder([6, 3])
    for part, names in (("reconstruct", ("x", "reconstruction")), ("encode", ("x", "code")),
                        ("decode", ("code", "reconstruction"))):  # fmt: skip
        graph = to_onnx(model, part).graph
        assert (graph.input[0].name, graph.output[0].name) == names
        assert [d.dim_param or d.dim_value for d in graph.input[0].type.tensor_type.shape.dim][0] == "batch"


def test_the_shape_is_that_of_the_training_data_or_of_the_first_layer():
    model = convolutional_autoencoder([2, 2], image_shape=(1, 8, 8))
    with pytest.raises(ValueError, match=r"to_onnx: expected input_shape, .* this Autoencoder takes several"):
        to_onnx(model)
    images = normal(20, 1, 8, 8) > 0
    fit(model, images, epochs=1, progress="none")
    assert relative(run(to_onnx(model, input_dtype="bool"), images), model.reconstruct(images)) <= 1e-6
    assert shape_of(model, part_of(model, "decode")) == (2, 2, 2)
    h = model.encode(images)
    assert relative(run(to_onnx(model, "decode"), h), model.decode(h)) <= 1e-6
    flat = dense_autoencoder([64, 3], image_shape=(8, 8))
    with pytest.raises(ValueError, match="expected input_shape"):
        to_onnx(flat)
    assert to_onnx(flat, input_shape=(8, 8)).graph.output[0].type.tensor_type.shape.dim[2].dim_value == 8
    assert to_onnx(flat, "decode").graph.input[0].type.tensor_type.shape.dim[1].dim_value == 3


def test_a_generator_that_states_no_shape_takes_codes_of_the_priors_size():
    model = GAN(Sequential(Flatten(), Dense(2, 6)), Dense(6, 1), GaussianPrior(2))
    assert shape_of(model, part_of(model, None)) == (2,)
    model = GAN(Sequential(Reshape((2,)), Dense(2, 6)), Dense(6, 1), GaussianPrior(2))
    assert shape_of(model, part_of(model, None)) == (2,)


def test_other_parts_are_refused_with_those_that_there_are():
    with pytest.raises(
        ValueError, match="expected a part of Autoencoder, 'reconstruct' or 'encode' or 'decode', got 'f"
    ):
        to_onnx(dense_autoencoder([6, 3]), "fit")
    for part in (["encode"], 3, ""):
        with pytest.raises(ValueError, match="expected a part of Autoencoder, 'reconstruct' .* got"):
            to_onnx(dense_autoencoder([6, 3]), part)
    with pytest.raises(ValueError, match=r"expected a part of Dense, 'forward', got 'encode'"):
        to_onnx(Dense(6, 3).initialize(seed=0), "encode")
    with pytest.raises(ValueError, match="codes have the dtype of the parameters"):
        to_onnx(dense_autoencoder([6, 3]), "decode", input_dtype="uint8")


def test_a_method_that_a_subclass_overrides_is_not_a_part():
    class Rounded(Autoencoder):
        def encode(self, data, batch_size=1024):
            return super().encode(data, batch_size).round()

    model = Rounded(Dense(6, 3), Dense(3, 6))
    assert "encode" in PARTS[Autoencoder] and part_of(model, None).output == "reconstruction"
    with pytest.raises(ValueError, match="expected a part of Rounded, 'reconstruct' or 'decode', got 'encode'"):
        to_onnx(model, "encode")


def test_a_forward_that_a_subclass_overrides_is_not_exported_as_that_of_its_base():
    Doubled, Scaled = (overriding(base, name, lambda y: 2 * y) for base, name in
                       ((Autoencoder, "Doubled"), (Classifier, "Scaled")))  # fmt: skip
    Shifted, Masked = overriding(Sequential, "Shifted", lambda y: y + 1), overriding(GAN, "Masked", lambda y: y * 0)

    model = disturbed(Doubled(Dense(6, 3), Dense(3, 6), seed=None))
    for part in (None, "reconstruct"):
        with pytest.raises(ValueError, match="expected a part of Doubled, 'encode' or 'decode', got 'reconstruct'"):
            to_onnx(model, part)
    x = normal(4, 6)
    assert relative(run(to_onnx(model, "encode"), x), model.encode(x)) <= 1e-6  # it does not call forward
    for other in (Scaled(Dense(6, 3), 3), Masked(Dense(2, 6), Dense(6, 1), GaussianPrior(2))):
        with pytest.raises(ValueError, match=rf"a part of {type(other).__name__}, which overrides them all, got"):
            to_onnx(other)
    for network in (Shifted(Dense(6, 3)), Sequential(Shifted(Dense(6, 3)))):
        with pytest.raises(TypeError, match="Shifted has no translation into ONNX"):
            to_onnx(network.initialize(seed=0))
    with pytest.raises(TypeError, match="Doubled has no translation into ONNX"):
        to_onnx(Sequential(model))
