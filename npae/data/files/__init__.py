"""File formats: readers of files that are not trusted.

In reading order:

    idx.py         the IDX format of MNIST
    npz.py         arrays from .npz files
    images.py      folders of pictures
    download.py    data folders, the cache, and the mirrors of MNIST
"""
