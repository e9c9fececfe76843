"""Data: where the vectors x that an autoencoder learns from come from, and how they reach the training loop.

Reading order: `idx.py` (the file format), `download.py` (folders, cache, mirrors), `mnist.py` (the digits),
`sources.py` (what is accepted), `minibatches.py` (from the caller's arrays to a network's batches), `gather.py` (the
same on a GPU, for bytes), `augment.py` and `warp.py` (fresh variants of samples); `few_labels.py` (most of them
hidden); `images.py` (folders of pictures), `npz.py` (arrays out of files), `faces.py` (the Olivetti faces), `tables.py`
(tables with anomalies).

    digits = mnist()                # the full set if there is one, else the embedded sample
    digits.train_images             # (n, 28, 28) uint8
"""

from npae.data.augment import Augmentation, Binarize
from npae.data.files.download import DownloadError, cache_folder, data_folder, fetch_mnist
from npae.data.files.idx import IDXError, read_idx, write_idx
from npae.data.files.images import ImageError, image_folder
from npae.data.minibatches import Minibatches
from npae.data.sets.faces import olivetti
from npae.data.sets.few_labels import hide_labels, oversample_labelled
from npae.data.sets.mnist import Images, idx_folder, mnist
from npae.data.sets.tables import Table, TableError, adbench, credit_card, read_csv, read_npz
from npae.data.warp import Warp

__all__ = [
    "Augmentation",
    "Binarize",
    "DownloadError",
    "IDXError",
    "ImageError",
    "Images",
    "Minibatches",
    "Table",
    "TableError",
    "Warp",
    "adbench",
    "cache_folder",
    "credit_card",
    "data_folder",
    "fetch_mnist",
    "hide_labels",
    "idx_folder",
    "image_folder",
    "mnist",
    "olivetti",
    "read_csv",
    "read_idx",
    "read_npz",
    "oversample_labelled",
    "write_idx",
]
