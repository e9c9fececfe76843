"""File formats: readers of files that are not trusted.

In reading order:

    limits.py       how much memory a file may cost
    idx.py          the IDX format of MNIST
    idx_parts.py    the four files of a data set in this format
    npz.py          arrays from .npz files
    array_file.py   rows of an array in a file
    safetensors_header.py   its tensors
    int8_scale.py   numbers of 8 bits
    open_array.py   .npy and .safetensors, from all of these
    text.py         text files of any packing and encoding
    delimited.py    the separator and the names of the columns
    columns.py      features and label by name
    cells.py        numbers and labels, by pandas
    table.py        tables, from all of these
    folder.py       the files in a folder
    picture.py      one picture
    images.py       folders of pictures
    places.py       where data files are looked for: a folder of the user's, and the cache
    opener.py       opening addresses: proxies, redirects
    transfer.py     one request to a server that is not trusted
    download.py     files from mirrors, checked by their checksums
"""
