"""NCCL or CPU memory: all processes agree, and process 0 names what stands in the way of NCCL."""

import warnings

import numpy as np
import pytest

from npae import backend
from npae.train.parallel import connect as module
from npae.train.parallel.connect import connect
from npae.train.parallel.gpus import take_gpu
from npae.train.parallel.nccl import Nccl
from tests.fake_gpu import current, nccl
from tests.fake_gpu.fake_cupy import fake_cupy
from tests.train.parallel.test_process_group import together


@pytest.fixture(autouse=True)
def gpus(monkeypatch):
    """Two GPUs; what is registered for the exit is dropped."""
    monkeypatch.setattr("npae.train.parallel.nccl.atexit.register", lambda function: None)
    with backend.replace_gpu_module(fake_cupy), current.several(2):
        yield


def connected(size, cpu=()):
    """(what each process got, the warnings). The array is on the CPU in the processes `cpu`."""

    def work(group):
        take_gpu(group)
        return connect(group, np.zeros(3) if group.rank in cpu else fake_cupy.zeros(3))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        return together(size, work), [str(w.message) for w in caught]


def test_with_a_gpu_each_they_use_nccl():
    found, caught = connected(2)
    assert [type(f) for f in found] == [Nccl, Nccl] and caught == []


@pytest.mark.parametrize("size", [3, 4])
def test_those_who_share_a_gpu_use_cpu_memory_and_process_0_warns(size):
    found, (text,) = connected(size)
    assert found == [None] * size
    assert "in CPU memory, which is slow: processes 0 and 2 share a GPU, which NCCL refuses. Start as many" in text
    assert text.endswith("as there are GPUs (2).")


def test_without_nccl_process_0_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(nccl, "available", False)
    found, (text,) = connected(2)
    assert found == [None, None] and "CuPy finds no NCCL (to install it: pip install nvidia-nccl-cu13)" in text


def test_one_process_on_the_cpu_keeps_all_in_cpu_memory():
    found, (text,) = connected(2, cpu={1})
    assert found == [None, None] and "θ is on the CPU in process 1" in text


def test_all_on_the_cpu_is_nothing_to_warn_of():
    assert connected(2, cpu={0, 1}) == ([None, None], [])


def test_the_switch_in_one_process_turns_nccl_off_for_all_without_a_word(monkeypatch):
    switched = iter([True, False])
    monkeypatch.setattr(module.os.environ, "get", lambda name: "0" if name == "NPAE_NCCL" and next(switched) else None)
    assert connected(2) == ([None, None], [])


def test_the_communicator_of_the_run_before_is_used_again():
    def work(group):
        take_gpu(group)
        first = connect(group, fake_cupy.zeros(3))
        return connect(group, fake_cupy.zeros(2), first) is first

    assert together(2, work) == [True, True]


def test_a_model_that_was_moved_too_early_is_an_error_in_every_process():
    def work(group):
        theta = fake_cupy.zeros(3)  # on GPU 0, in both
        take_gpu(group)
        connect(group, theta)

    errors = together(2, work)
    assert [type(e) for e in errors] == [ValueError] * 2 and len({str(e) for e in errors}) == 1
    words = "in process 1, θ is on GPU 0, but the process computes on GPU 1. Call train.parallel.from_environment()"
    assert words in str(errors[0])
