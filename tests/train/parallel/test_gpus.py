"""GPUs of several processes: one for each process of a machine, as far as there are any."""

import threading

import numpy as np
import pytest

from npae import backend
from npae.train.parallel import gpus
from tests.fake_gpu import current
from tests.fake_gpu.fake_cupy import fake_cupy
from tests.train.parallel.test_process_group import together


@pytest.fixture
def machine(monkeypatch):
    """The name of each thread's machine, to be set as `.name`."""
    place = threading.local()
    monkeypatch.setattr(gpus.platform, "node", lambda: getattr(place, "name", "here"))
    return place


def taken(machine, names):
    """The GPU that each process takes, where process k is on machine names[k]."""

    def work(group):
        machine.name = names[group.rank]
        gpus.take_gpu(group)
        return gpus.address(fake_cupy.zeros(1))

    return together(len(names), work)


@pytest.mark.parametrize(
    ("names", "n", "numbers"),
    [("aaa", 3, [0, 1, 2]), ("aa", 4, [0, 1]), ("aabb", 2, [0, 1, 0, 1]), ("abab", 2, [0, 0, 1, 1]),
     ("aaaaa", 2, [0, 1, 0, 1, 0]), ("aa", 1, [0, 0])],
)  # fmt: skip
def test_the_local_rank_chooses_among_the_gpus_of_the_machine(names, n, numbers, machine):
    with backend.replace_gpu_module(fake_cupy), current.several(n):
        found = taken(machine, names)
    expected = [(name, f"0000:{number + 1:02X}:00.0") for name, number in zip(names, numbers, strict=True)]
    assert found == expected


def test_without_a_gpu_nothing_is_taken(monkeypatch, machine):
    monkeypatch.setattr(gpus, "why_no_gpu", lambda: "CuPy is not installed.")
    assert together(2, gpus.take_gpu) == [None, None]
    assert gpus.address(np.zeros(1)) is None and gpus.misplaced(np.zeros(1)) is None


def test_an_array_on_another_gpu_is_misplaced():
    with backend.replace_gpu_module(fake_cupy), current.several(2):
        x = fake_cupy.zeros(1)
        assert gpus.misplaced(x) is None
        fake_cupy.cuda.Device(1).use()
        assert gpus.misplaced(x) == "on GPU 0, but the process computes on GPU 1"
