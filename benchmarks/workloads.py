"""The networks that are timed, and data for them: the five reference workloads, and the GPU's larger batches.

Each is a mirrored autoencoder with ReLU after every hidden layer and the code; sizes run from the image to the code.
"""

import numpy as np

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
EPOCH_ROWS = 2048  # images in an epoch, where a framework trains by epochs only


def batch_of(n, seed=0):
    """n images that look like digits to the arithmetic: four fifths of the pixels are 0, the rest uniform."""
    rng = np.random.default_rng(seed)
    return (rng.random((n, 784), dtype=np.float32) * (rng.random((n, 784)) < 0.2)).astype(np.float32)
