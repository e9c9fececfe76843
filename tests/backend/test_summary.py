"""The summary of a network: the table of layers, shapes and counts."""

import numpy as np
import pytest

from npae import GAN, Autoencoder, Classifier, dense_autoencoder, layers, variational_autoencoder
from npae.models.adversarial import GaussianPrior
from npae.penalties import L1, WeightDecay


def cells(text):
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines()]


def test_layers_shapes_and_counts():
    model = dense_autoencoder([784, 32])
    table = cells(model.summary())
    assert table[0] == ["name", "layer", "output", "parameters"]
    assert table[2:6] == [
        ["input", "(784,)"], ["encoder.0", "Dense(784 -> 32)", "(32,)", "25,120"],
        ["decoder.0", "Dense(32 -> 784)", "(784,)", "25,872"], table[5],
    ]  # fmt: skip
    assert set(table[1][0]) == set(table[5][0]) == {"─"}
    assert table[6:] == [["50,992 parameters, 0.20 MB as float32"], ["loss BinaryCrossEntropy()"]]
    assert 25_120 + 25_872 == model.parameter_count == model.theta.size


def test_all_lines_are_of_one_width():
    lines = dense_autoencoder([784, 32], image_shape=(28, 28), dtype=np.float64).summary((28, 28)).splitlines()
    assert len({len(line) for line in lines[:-2]}) == 1 and "0.41 MB as float64" in lines[-2]


def test_images_are_followed_from_the_input_on():
    table = cells(dense_autoencoder([12, 2], image_shape=(3, 4)).summary((3, 4)))
    assert table[2] == ["input", "(3, 4)"] and table[3][-1] == "(12,)" and table[-4][-1] == "(3, 4)"


def test_a_layer_with_weights_states_its_input_and_without_one_shapes_are_question_marks():
    dense = Autoencoder(layers.Dense(4, 2), layers.Dense(2, 4))
    assert cells(dense.summary())[2] == ["input", "(4,)"] and "?" not in dense.summary()
    images = layers.Sequential(layers.Conv2D(1, 2, 3), layers.Flatten()).initialize()
    assert [row[-1] for row in cells(images.summary())[2:4]] == ["?", "20"] and "?" in images.summary()
    assert "?" not in images.summary((1, 5, 5))


def test_shared_weights_are_counted_once():
    dense = layers.Dense(4, 2)
    table = cells(Autoencoder(dense, layers.TiedDense(dense)).summary())
    assert table[3][-1] == "10" and table[4][-1] == "4" and table[-2][0].startswith("14 parameters")


@pytest.mark.parametrize(("model", "lines"), [
    (dense_autoencoder([4, 2], loss="mse"), ["loss SquaredError()"]),
    (dense_autoencoder([4, 2], penalties=[L1(0.1), WeightDecay(0.01)]),
     ["loss BinaryCrossEntropy()", "penalties L1(strength=0.1), WeightDecay(strength=0.01)"]),
    (Classifier(layers.Dense(4, 3), 3), ["loss SoftmaxCrossEntropy(classes=3)"]),
    (variational_autoencoder([4, 2], beta=2.0), ["loss BinaryCrossEntropy()", "kl GaussianKL(strength=2.0)"]),
    (GAN(layers.Dense(2, 4), layers.Dense(4, 1), GaussianPrior(2)), []),
    (layers.Sequential(layers.Dense(4, 2)).initialize(), []),
])  # fmt: skip
def test_what_the_objective_consists_of_stands_below(model, lines):
    total, *below = model.summary().rpartition("─\n")[2].splitlines()
    assert total.startswith(f"{model.parameter_count} parameters") and below == lines


@pytest.mark.parametrize(
    ("network", "shape", "words"),
    [
        (
            layers.Conv2D(3, 4, 3),
            (8, 8, 3),
            r"Conv2D.*: expected inputs of shape \(3, height, width\), got \(8, 8, 3\)",
        ),
        (layers.ConvTranspose2D(3, 4, 3), (3, 8), r"expected inputs of shape \(3, height, width\), got \(3, 8\)"),
        (layers.Dense(192, 4), (8, 8, 3), r"Dense\(192 -> 4\): expected inputs of shape \(192,\).*layers.Flatten"),
        (layers.Dense(192, 4), (7,), r"Dense\(192 -> 4\): expected inputs of shape \(192,\), got \(7,\)"),
        (
            layers.TiedDense(layers.Dense(4, 2)),
            (3,),
            r"TiedDense\(2 -> 4\): expected inputs of shape \(2,\), got \(3,\)",
        ),
    ],
    ids=str,
)
def test_an_input_that_does_not_fit_is_named(network, shape, words):
    network.initialize()
    with pytest.raises(ValueError, match=words):
        network.summary(shape)
