"""Workloads: the networks that are timed, five dense and two convolutional ones, their batches and data.

The dense ones are symmetric autoencoders with ReLU after every hidden layer and the code; `sizes` goes from the image
to the code. The convolutional ones are networks of Keras' tutorials, given as arguments of convolutional_autoencoder.
"""

import numpy as np

from npae.models import convolutional_autoencoder, dense_autoencoder

SMALL = [784, 32]
DEEP = [784, 256, 128, 64, 32, 16, 8, 4]
LARGE = [784, 1000, 500, 250, 30]
WORKLOADS = {  # name: (sizes to the code, batch)
    "784-32, batch 256": (SMALL, 256),
    "deep 784-…-4, batch 32": (DEEP, 32),
    "deep 784-…-4, batch 256": (DEEP, 256),
    "784-1000-500-250-30, batch 128": (LARGE, 128),
    "784-1000-500-250-30, batch 512": (LARGE, 512),
}
GPU_WORKLOADS = WORKLOADS | {
    f"784-1000-500-250-30, batch {batch:,}": (LARGE, batch) for batch in (1024, 2048, 4096, 8192, 16384)
}
ON_CPU = (  # the most important ones, which a run with --minutes times first
    "784-32, batch 256", "deep 784-…-4, batch 32", "784-1000-500-250-30, batch 128", "deep 784-…-4, batch 256",
)  # fmt: skip
ON_GPU = (
    "deep 784-…-4, batch 256", "784-1000-500-250-30, batch 4,096", "784-32, batch 256", "deep 784-…-4, batch 32",
    "784-1000-500-250-30, batch 512", "784-1000-500-250-30, batch 16,384",
)  # fmt: skip
CONVOLUTIONAL = {  # name: (arguments, batch)
    "pooled 16, 8, 8, batch 128": ({"channels": [16, 8, 8]}, 128),
    "transposed 32, 32, batch 128": ({"channels": [32, 32], "transposed": True}, 128),
}
ON_CPU_CONV = ("pooled 16, 8, 8, batch 128",)
EPOCH_ROWS = 2048  # images in an epoch, for frameworks that train by epochs only


def batch_of(n, seed=0):
    """n random images, as sparse as digits: four fifths of the pixels are 0, the others uniform in [0, 1)."""
    rng = np.random.default_rng(seed)
    return (rng.random((n, 784), dtype=np.float32) * (rng.random((n, 784)) < 0.2)).astype(np.float32)


def network(sizes):
    """npae's model of a workload, with the initial weights of seed 0."""
    if isinstance(sizes, dict):
        return convolutional_autoencoder(**sizes)
    return dense_autoencoder(sizes, code_activation="relu")


def batch_for(sizes, n):
    """n images for the network of a workload: rows (n, 784), or (n, 1, 28, 28) for a convolutional one."""
    return batch_of(n).reshape(n, 1, 28, 28) if isinstance(sizes, dict) else batch_of(n)
