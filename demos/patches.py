"""Whitened patches of images, the input of Olshausen & Field's sparse code.

The power of natural images falls with the frequency as f⁻², so that without whitening a reconstruction is all low
frequencies. The filter

    w(f) = f exp(−(f/f₀)⁴),        f₀ = 0.4 cycles per pixel

rises as f, which flattens the spectrum, and falls where pixels, noise and the corners of the grid are. Patches are cut
at random places, and those without structure, such as a plain background, are left out.

Olshausen & Field 1996, "Emergence of simple-cell receptive field properties by learning a sparse code for natural
images", Nature 381; 1997, "Sparse coding with an overcomplete basis set: a strategy employed by V1?", Vision Research
37.
"""

import os
from pathlib import Path

import numpy as np

from npae import mnist

FILE = Path("natural_images", "bsds32_320.npz")  # in $NPAE_DATA
CREDIT = "Photographs: Berkeley Segmentation Dataset (BSDS500)"
FLAT = 0.1  # patches with less than this share of the mean variance are left out


def whiten(images, f0=0.4):
    """Images (n, h, w) filtered by w(f), float64, of mean 0 and variance 1."""
    images = np.asarray(images, np.float64)
    height, width = images.shape[1:]
    f = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    filtered = np.fft.irfft2(np.fft.rfft2(images) * f * np.exp(-((f / f0) ** 4)), s=(height, width))
    return filtered / filtered.std()


def cut(images, n, side, seed=0):
    """n patches (n, side²), float32, from random images and places, none of them nearly flat."""
    rng, found, count = np.random.default_rng(seed), [], 0
    least = FLAT * images.var()
    while count < n:
        which = rng.integers(len(images), size=n)
        i, j = (rng.integers(size - side + 1, size=n) for size in images.shape[1:])
        steps = np.arange(side)
        some = images[which[:, None, None], (i[:, None] + steps)[:, :, None], (j[:, None] + steps)[:, None]]
        some = some.reshape(n, -1)
        found.append(some[some.var(axis=1) > least].astype(np.float32))
        count += len(found[-1])
    return np.concatenate(found)[:n]


def natural():
    """(training images, held-out images) of $NPAE_DATA, (n, 320, 320) uint8; None without them."""
    path = Path(os.environ.get("NPAE_DATA", ""), FILE)
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        images = file["images"]
    return images[:26], images[26:]


def digits(quick=False):
    """(training images, test images) of the embedded digits, (n, 28, 28) uint8."""
    data = mnist(which="sample")
    n, m = (2000, 500) if quick else (10_000, 2000)
    return data.train_images[:n], data.test_images[:m]
