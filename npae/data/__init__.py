"""Data: where the vectors x come from, and how they reach the training loop as batches.

    digits = mnist()                # the full set if it is found, else the embedded sample
    digits.train_images             # (n, 28, 28) uint8

In reading order:

    sources.py        which data are accepted: arrays, labelled arrays, memory-mapped files
    block_order.py    a random order in which disks read sequentially
    block_buffer.py   blocks of rows in memory
    shards.py         rows from many files, more than memory holds
    minibatches.py    from the caller's arrays to batches, in an order that a seed determines
    augment.py        augmentation: a new variant of each sample in every epoch
    warp.py           augmentation by small rotations, shears and stretches
    files/            readers: idx.py, npz.py, open_array.py (.npy and safetensors), table.py, images.py (folders of
                      pictures); places.py, download.py
    sets/             data sets: mnist.py, faces.py, tables.py (anomalies), few_labels.py (most labels hidden)
"""

from npae.data.augment import Augmentation, Binarize
from npae.data.files.array_file import ShardError
from npae.data.files.download import DownloadError
from npae.data.files.idx import IDXError, read_idx, write_idx
from npae.data.files.images import Pictures, image_folder
from npae.data.files.picture import ImageError
from npae.data.files.places import cache_folder, data_folder
from npae.data.files.table import Table, read_table
from npae.data.files.text import TableError
from npae.data.minibatches import Minibatches
from npae.data.sets.faces import frey, lfw, olivetti
from npae.data.sets.few_labels import hide_labels, oversample_labelled
from npae.data.sets.mnist import Images, fetch_mnist, idx_folder, mnist
from npae.data.sets.tables import adbench, credit_card, read_npz
from npae.data.shards import Shards
from npae.data.warp import Warp

__all__ = [
    "Augmentation",
    "Binarize",
    "DownloadError",
    "IDXError",
    "ImageError",
    "Images",
    "Minibatches",
    "Pictures",
    "ShardError",
    "Shards",
    "Table",
    "TableError",
    "Warp",
    "adbench",
    "cache_folder",
    "credit_card",
    "data_folder",
    "fetch_mnist",
    "frey",
    "hide_labels",
    "idx_folder",
    "image_folder",
    "lfw",
    "mnist",
    "olivetti",
    "oversample_labelled",
    "read_idx",
    "read_npz",
    "read_table",
    "write_idx",
]
