"""Serialization: architectures as data, and model files without pickle.

In reading order:

    architecture.py    from objects to JSON and back
    model_files.py     a model as one .npz file
"""

from npae.serialization.architecture import build, describe
from npae.serialization.model_files import ModelFileError, Saved, load, load_all, save

__all__ = ["ModelFileError", "Saved", "build", "describe", "load", "load_all", "save"]
