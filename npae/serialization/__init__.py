"""Serialization: architectures as data, and model files without pickle.

Reading order: `architecture.py` (objects to JSON and back), `model_files.py` (one .npz file).
"""

from npae.serialization.architecture import build, describe
from npae.serialization.model_files import ModelFileError, Saved, load, load_all, save

__all__ = ["ModelFileError", "Saved", "build", "describe", "load", "load_all", "save"]
