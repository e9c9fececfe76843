"""Pictures of sparse codes: lines with their names, histograms of frequencies, directions as grey images."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from demos.figures import sparse  # noqa: E402

LINES = {"PCA": [(8, 0.8), (16, 0.7)], "top-k": [(16, 0.3), (8, 0.4)], "batch top-k": [(8, 0.39), (16, 0.299)]}


@pytest.fixture
def drawn(monkeypatch):
    """The figures that a function would have saved."""
    figures = []
    monkeypatch.setattr(sparse, "save_figure", lambda figure, path: figures.append(figure))
    return figures


def test_every_line_of_the_frontier_has_its_name_beside_it(drawn):
    sparse.frontier("path", LINES, "A title")
    (axes,) = drawn[0].axes
    assert {text.get_text() for text in axes.texts} == set(LINES)
    for line, points in zip(axes.lines, LINES.values(), strict=True):
        active, error = zip(*sorted(points), strict=True)
        np.testing.assert_allclose(line.get_xydata(), np.stack([active, 100 * np.array(error)], axis=1))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["8", "16"]
    heights = sorted(text.xyann[1] for text in axes.texts)
    assert np.diff(heights).min() > 0.05 * axes.get_ylim()[1] * 0.99  # no name covers another


def test_names_that_are_apart_stay_where_they_are():
    np.testing.assert_array_equal(sparse._apart([5, 1, 9], 2), [5, 1, 9])
    np.testing.assert_array_equal(sparse._apart([5, 4, 5.5], 2), [6, 4, 8])


def test_histograms_of_frequencies(drawn):
    f = np.array([0, 0, 0.1, 0.01, 0.01, 0.001])
    sparse.frequencies("path", {"top-k": f, "JumpReLU": np.full(6, 0.05)}, "A title")
    first, second = drawn[0].axes
    assert first.get_title() == "top-k: 2 of 6 never active" and second.get_title().startswith("JumpReLU: 0 of 6")
    heights = [bar.get_height() for bar in first.patches]
    assert sum(heights) == 4 and max(heights) == 2
    middle = first.patches[int(np.argmax(heights))]
    assert middle.get_x() <= -2 <= middle.get_x() + middle.get_width()


def test_directions_are_grey_where_they_are_0(drawn):
    images = np.zeros((14, 4, 4))
    images[0, 1, 2], images[1, 0, 0] = 7, -0.5
    sparse.basis("path", images, "A title", caption="A source", columns=12)
    (axes,) = drawn[0].axes
    sheet = axes.images[0].get_array()
    assert sheet.shape == (2 * 5 + 1, 12 * 5 + 1)
    assert sheet[2, 3] == 1 and sheet[1, 6] == -1  # each has its own scale
    assert axes.images[0].get_clim() == (-1, 1) and axes.images[0].cmap.name == "gray"
    assert sheet[3, 3] == 0 and sheet[0, 0] == -1 and axes.get_xlabel() == "A source"
