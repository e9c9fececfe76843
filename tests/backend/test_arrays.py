"""Arrays and devices: names of devices, moves between them, and the errors if there is no GPU."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from npae import backend
from tests.devices import each_device, on


@each_device
def test_arrays_move_to_a_device_and_back(device):
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    with on(device) as place:
        moved = place.put(x)
        assert backend.device_of(moved) == place.name
        assert backend.to_device(moved, place.name) is moved
        np.testing.assert_array_equal(backend.to_device(moved, "cpu"), x)
        assert backend.array_module(moved) is backend.module_for(place.name)
        backend.synchronize(place.name)


def test_views_of_files_are_numpy_arrays(tmp_path):
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", shape=(2, 2))
    assert backend.array_module(x) is np and backend.device_of(np.float32(1)) == "cpu"


def test_other_types_than_arrays_are_refused():
    with pytest.raises(TypeError, match="got list. Convert it first"):
        backend.array_module([1, 2])


def test_unknown_device():
    with pytest.raises(ValueError, match=r"'tpu': expected \"cpu\", \"gpu\" or \"auto\""):
        backend.resolve_device("tpu")


def test_without_cupy_the_error_names_what_to_install(monkeypatch):
    monkeypatch.setattr("npae.backend.arrays._gpu", None)
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert backend.resolve_device("auto") == "cpu"
    with pytest.raises(RuntimeError, match=r"CuPy is not installed: pip install .*\[cuda13\].*Everything works"):
        backend.resolve_device("gpu")


def test_without_a_driver_the_error_names_the_driver():
    with backend.replace_gpu_module(SimpleNamespace(__version__="14.2.0", is_available=lambda: False)):
        assert backend.resolve_device("auto") == "cpu"
        with pytest.raises(RuntimeError, match="14.2.0 is installed but finds no usable NVIDIA GPU.*nvidia-smi"):
            backend.resolve_device("gpu")


@each_device
def test_auto_takes_the_gpu_if_there_is_one(device):
    if device == "cpu":
        return
    with on(device):
        assert backend.resolve_device("auto") == "gpu"
