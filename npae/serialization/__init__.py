"""Serialization: architectures as data, and model files without pickle.

In reading order:

    architecture.py    from objects to JSON and back
    places.py          the names of model files
    archive.py         the arrays in a file
    checks.py          what is checked after reading
    foreign.py         files of other formats
    content.py         what a file describes, and its values
    model_files.py     a model as one .npz file
    info.py            what is in such a file, as text
"""

from npae.serialization.architecture import build, describe
from npae.serialization.archive import ModelFileError
from npae.serialization.content import Saved
from npae.serialization.info import file_info
from npae.serialization.model_files import load, load_all, save

__all__ = ["ModelFileError", "Saved", "build", "describe", "file_info", "load", "load_all", "save"]
