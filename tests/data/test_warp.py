"""Warp: bilinear interpolation at the positions of the formula, the border continued outside, contrast."""

import numpy as np
import pytest

from npae import mnist
from npae.data import Warp
from tests.devices import each_device, on


def plainly(x, A, contrast):
    """y(p) = x(c + A(p − c)) by loops, bilinear, with the border continued outside; then the contrast."""
    height, width = x.shape
    c = np.array([(height - 1) / 2, (width - 1) / 2])
    y = np.zeros_like(x)
    for p in np.ndindex(height, width):
        row, column = c + A @ (np.array(p) - c)
        i, j = int(np.floor(row)), int(np.floor(column))
        for a, weight in ((i, i + 1 - row), (i + 1, row - i)):
            for b, other in ((j, j + 1 - column), (j + 1, column - j)):
                y[p] += weight * other * x[min(max(a, 0), height - 1), min(max(b, 0), width - 1)]
    return np.clip(0.5 + contrast * (y - 0.5), 0, 1)


def matrices(seed, n, std, share):
    """A of each sample, as a product of its factors, from the numbers that Warp draws."""
    twin = Warp(std, share)
    twin.reseed(seed)
    t, s, a, b = std * twin.stream.normal(np.empty((4, n)))
    chosen = twin.stream.uniform(np.empty(n)) < share
    for k in range(n):
        rotation = np.array([[np.cos(t[k]), -np.sin(t[k])], [np.sin(t[k]), np.cos(t[k])]])
        A = rotation @ np.array([[1, s[k]], [0, 1]]) @ np.diag(np.exp([a[k], b[k]]))
        yield A if chosen[k] else np.eye(2)


@each_device
@pytest.mark.parametrize("shape", [(6, 35), (6, 5, 7), (6, 2, 5, 7)])
def test_every_image_is_interpolated_at_the_positions_of_its_matrix(device, shape):
    x = np.random.default_rng(1).random(shape)
    warp = Warp(0.4, share=0.7, contrast=1.3, image=(5, 7))
    warp.reseed(3)
    with on(device) as place:
        y = place.get(warp(place.put(x)))
        if place.name == "gpu":  # a GPU draws other numbers than the CPU, which are compared below
            assert y.shape == x.shape and np.isfinite(y).all()
            return
    planes, warped = x.reshape(6, -1, 5, 7), y.reshape(6, -1, 5, 7)
    changed = 0
    for k, A in enumerate(matrices(3, 6, 0.4, 0.7)):
        warped_too = not np.array_equal(A, np.eye(2))
        changed += warped_too
        for image, result in zip(planes[k], warped[k], strict=True):
            np.testing.assert_allclose(result, plainly(image, A, 1.3 if warped_too else 1), rtol=1e-9, atol=1e-12)
    assert 0 < changed < 6


def test_no_warp_is_the_identity_and_the_border_continues_outside():
    x = np.random.default_rng(2).random((50, 784)).astype(np.float32)
    np.testing.assert_array_equal(Warp(0.5, share=0)(x), x)
    np.testing.assert_allclose(Warp(0.0, share=1, contrast=1)(x), x, atol=1e-6)
    halves = np.repeat(np.float32([[0.2, 0.7]]), 14, axis=1).repeat(28, axis=0).reshape(1, 784).repeat(50, axis=0)
    wild = Warp(4.0, share=1, contrast=1)(halves)
    assert abs(wild.min() - 0.2) < 1e-6 and abs(wild.max() - 0.7) < 1e-6


def test_small_warps_keep_the_ink():
    y, x = np.mgrid[:28, :28] - 13.5
    blob = np.exp(-(x**2 + (y / 2) ** 2) / 18).reshape(1, -1).repeat(400, 0)
    warped = Warp(0.06, share=1, contrast=1)(blob)
    assert abs(warped.sum() / blob.sum() - 1) < 0.02
    distance = np.sqrt(((warped - blob) ** 2).sum(axis=1)).mean()
    assert 0.2 < distance < 3


def test_errors():
    with pytest.raises(ValueError, match=r"Warp.*expected images \(batch, …, 28, 28\) or rows .*784.* got \(3, 100\)"):
        Warp(0.1)(np.zeros((3, 100), np.float32))
    with pytest.raises(ValueError, match=r"got \(28, 28\)"):  # 28 rows of 28 pixels are no images
        Warp(0.1)(np.zeros((28, 28), np.float32))
    with pytest.raises(ValueError, match=r"expected image=\(height, width\), both at least 2, got \(1, 28, 28\)"):
        Warp(0.1, image=(1, 28, 28))
    with pytest.raises(ValueError, match="size of Warp's image: expected 2 or more, got 1"):
        Warp(0.1, image=(28, 1))
    for wrong in ({"std": -1}, {"std": 0.1, "share": 2}, {"std": 0.1, "contrast": 0}):
        with pytest.raises(ValueError, match="of Warp: expected"):
            Warp(**wrong)


def test_contrast_restores_the_steepness_of_edges():
    digits = mnist(which="sample").train_images[:1000] / 255

    def steepness(x):
        return (np.diff(x, axis=1) ** 2).sum() + (np.diff(x, axis=2) ** 2).sum()

    blurred, sharp = Warp(0.06, share=1, contrast=1)(digits), Warp(0.06, share=1)(digits)
    assert steepness(blurred) < 0.75 * steepness(digits)
    assert abs(steepness(sharp) / steepness(digits) - 1) < 0.05
