"""Pictures: colours that colour-blind readers can tell apart, badges that cover no other, and no global state."""

import numpy as np
import pytest

from demos.baselines import discriminants
from demos.palette import COLOURS

FORMS = {  # linear RGB as seen: Machado, Oliveira & Fernandes 2009, complete loss of one kind of cone
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
XYZ = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
WHITE = np.array([0.95047, 1.0, 1.08883])


def lab(colours, seen):
    """CIELAB coordinates (n, 3) of sRGB colours "#rrggbb", as seen."""
    s = np.array([[int(c[k : k + 2], 16) / 255 for k in (1, 3, 5)] for c in colours])
    linear = np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)
    xyz = (linear @ np.transpose(seen)).clip(0, 1) @ np.transpose(XYZ) / WHITE
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def least_distance(colours, form):
    points = lab(colours, FORMS[form])
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    return distances[np.triu_indices(len(points), 1)].min()


@pytest.mark.parametrize("form", FORMS)
def test_no_two_digits_look_alike_to_colour_blind_readers(form):
    assert least_distance(COLOURS, form) > 17


def test_the_measure_finds_colours_that_look_alike():
    np.testing.assert_allclose(lab(["#ffffff"], FORMS["normal"]), [[100, 0, 0]], atol=0.02)
    red_green = ["#54a24b", "#e45756"]
    assert least_distance(red_green, "normal") > 90 and least_distance(red_green, "deuteranopia") < 2


def test_the_colours_are_those_of_matplotlib():
    matplotlib = pytest.importorskip("matplotlib")
    if "petroff10" not in matplotlib.color_sequences:
        pytest.skip("matplotlib before 3.10 does not have them")
    to_hex = pytest.importorskip("matplotlib.colors").to_hex
    assert COLOURS == [to_hex(c) for c in matplotlib.color_sequences["petroff10"]]


def test_badges_do_not_cover_each_other():
    codes = pytest.importorskip("demos.figures.codes")
    places = np.random.default_rng(0).uniform(0.45, 0.55, (10, 2))
    moved = codes._apart(places, least=0.06)
    distances = np.linalg.norm(moved[:, None] - moved, axis=2) + np.eye(10)
    assert distances.min() > 0.055 and np.abs(moved.mean(axis=0) - places.mean(axis=0)).max() < 1e-12
    np.testing.assert_array_equal(codes._apart(np.eye(2), least=0.06), np.eye(2))


def test_discriminants_separate_what_principal_components_do_not():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 600)
    x = rng.standard_normal((600, 4)) * [10, 1, 1, 5]
    x[:, 1] += 8 * (labels == 1)
    x[:, 2] += 8 * (labels == 2)
    found = discriminants(x, labels)
    means = np.array([found[labels == k].mean(axis=0) for k in range(3)])
    within = found - means[labels]
    np.testing.assert_allclose(within.T @ within / 600, np.eye(2), atol=1e-6)  # covariance 1 within the classes
    nearest = np.linalg.norm(found[:, None] - means, axis=2).argmin(axis=1)
    assert (nearest == labels).mean() > 0.99
    between = (means[labels]).T @ means[labels] / 600
    assert abs(between[0, 1]) < 1e-9 and between[0, 0] >= between[1, 1]
