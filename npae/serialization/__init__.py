"""Serialization: architectures as data, and model files without pickle.

In reading order:

    architecture.py    from objects to JSON and back
    places.py          the names of model files
    archive.py         the arrays in a file
    model_files.py     a model as one .npz file
"""

from npae.serialization.architecture import build, describe
from npae.serialization.archive import ModelFileError
from npae.serialization.model_files import Saved, load, load_all, save

__all__ = ["ModelFileError", "Saved", "build", "describe", "load", "load_all", "save"]
