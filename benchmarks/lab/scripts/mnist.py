"""MNIST's images from their IDX files, without npae: what programs of other frameworks read."""

import gzip
import sys
from pathlib import Path

import numpy as np


def arguments():
    """(training images, test images, epochs) from the command line: rows of 784 numbers in [0, 1]."""
    folder, epochs = sys.argv[1:]
    train, test = (images(Path(folder) / f"{name}-images-idx3-ubyte.gz") for name in ("train", "t10k"))
    return train, test, int(epochs)


def images(path):
    """Rows of 784 numbers in [0, 1]."""
    pixels = np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=16)
    return pixels.reshape(-1, 784).astype(np.float32) / 255
