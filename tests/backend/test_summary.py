"""The summary of a network: the table of layers, shapes and counts."""

from html.parser import HTMLParser

import numpy as np
import pytest

from npae import (
    GAN,
    Autoencoder,
    Classifier,
    convolutional_autoencoder,
    dense_autoencoder,
    layers,
    variational_autoencoder,
)
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
    assert set(table[1][0]) == set(table[5][0]) == {"-"}
    assert table[6:] == [["50,992 parameters, 0.20 MB as float32"], ["loss BinaryCrossEntropy()"]]
    assert 25_120 + 25_872 == model.parameter_count == model.theta.size


def test_columns_are_aligned_and_the_dtype_is_that_of_the_values():
    lines = dense_autoencoder([784, 32], image_shape=(28, 28), dtype=np.float64).summary((28, 28)).splitlines()
    assert {line.index("(") for line in lines[2:3]} == {lines[0].index("output")}
    assert {len(line) for line in lines if line.endswith(("parameters", "25,120", "25,872"))} == {len(lines[1])}
    assert "0.41 MB as float64" in lines[-2]


def test_any_console_can_show_it():
    assert convolutional_autoencoder([4], (1, 8, 8)).summary((1, 8, 8)).isascii()
    assert variational_autoencoder([4, 2], "leaky_relu").summary().isascii()


def test_a_network_without_values_or_parameters_has_a_summary():
    model = Autoencoder(layers.Dense(4, 2), layers.Dense(2, 4), seed=None)
    assert model.summary().splitlines()[-2] == "22 parameters"
    assert layers.Sequential(layers.ReLU()).summary().splitlines()[-1] == "0 parameters"


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
    total, *below = model.summary().rpartition("-\n")[2].splitlines()
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


class Cells(HTMLParser):
    """The text of every cell of a table, row by row, its tags and its attributes."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.open, self.attributes = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        self.attributes += attributes
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def test_a_notebook_shows_the_same_cells():
    model = dense_autoencoder([784, 32], penalties=[L1(0.1), WeightDecay(0.01)])
    text, html = cells(model.summary()), Cells(model._repr_html_())
    assert not html.open  # every tag is closed
    shown = [[cell for cell in row if cell] for row in html.rows]
    assert shown[:-3] == [row for row in text[:-3] if set(row[0]) != {"-"}]
    assert [" ".join(row) for row in shown[-3:]] == [" ".join(row) for row in text[-3:]]


def test_a_notebook_shows_repr_for_a_layer_and_for_layers_that_do_not_fit():
    assert layers.Dense(4, 2).initialize()._repr_html_() is None
    wrong = layers.Sequential(layers.Dense(4, 2), layers.Dense(3, 1)).initialize()
    assert wrong._repr_html_() is None
    with pytest.raises(ValueError, match="expected inputs of shape"):
        wrong.summary()


def test_names_are_escaped_in_html():
    class Marked(layers.ReLU):
        def __repr__(self):
            return "<script>alert('a & b')</script>"

    try:
        html = layers.Sequential(layers.Dense(4, 2), Marked()).initialize()._repr_html_()
    finally:
        del layers.Layer.registry["Marked"]
    assert "<script" not in html and "&lt;script&gt;alert(&#x27;a &amp; b&#x27;)&lt;/script&gt;" in html
    assert ["1", "<script>alert('a & b')</script>", "(2,)", ""] in Cells(html).rows


def test_light_and_dark_pages_keep_their_colours():
    styles = [value for _, value in Cells(dense_autoencoder([4, 2])._repr_html_()).attributes if ":" in value]
    set_here = {part.split(":")[0].strip(): part.split(":")[1].strip() for style in styles for part in style.split(";")}
    assert set(set_here) == {"text-align", "border-top", "color"}
    assert set_here["color"] == "inherit" and set_here["border-top"] == "1px solid"  # of the colour of the text
