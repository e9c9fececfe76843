"""All readers of files that are not trusted, by name."""

import importlib.util

from tests.fuzz.model_readers import Checkpoints, Detectors, Models, Safetensors
from tests.fuzz.picture_readers import Folders, Pictures
from tests.fuzz.planted import PLANTED
from tests.fuzz.shard_readers import NpyShards, SafetensorsShards
from tests.fuzz.table_readers import IDX, Faces, Frames, Strangers, Tables, Texts

NEEDS = {Safetensors: "safetensors", Pictures: "PIL", Folders: "PIL", Texts: "pandas"}  # what is tried only with it
READERS = {
    cls.__name__.lower(): cls()
    for cls in (Models, Checkpoints, Detectors, Safetensors, Tables, Texts, IDX, Faces, Strangers, Frames, Pictures,
                Folders, NpyShards, SafetensorsShards)  # fmt: skip
    if cls not in NEEDS or importlib.util.find_spec(NEEDS[cls])
}


def reader(name):
    """The reader of this name, with a planted fault or without."""
    return (READERS | PLANTED)[name]
