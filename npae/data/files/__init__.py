"""Readers of files from outside, none of which is trusted.

Reading order: `idx.py` (the format of MNIST), `npz.py` (arrays out of .npz), `images.py` (folders of pictures),
`download.py` (folders, cache, mirrors).
"""
