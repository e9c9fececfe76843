"""NCCL's sums over GPUs, on the stand-in: those of the processes, and errors with the cure."""

import numpy as np
import pytest

from npae import backend
from npae.train.parallel.gpus import take_gpu
from npae.train.parallel.nccl import Nccl
from tests.fake_gpu import current
from tests.fake_gpu.fake_cupy import fake_cupy
from tests.train.parallel.test_process_group import together


@pytest.fixture(autouse=True)
def at_exit(monkeypatch):
    """Three GPUs; the functions that are registered for the exit."""
    registered = []
    monkeypatch.setattr("npae.train.parallel.nccl.atexit.register", registered.append)
    with backend.replace_gpu_module(fake_cupy), current.several(3):
        yield registered


def on_gpus(size, work):
    """[work(communicator, rank) of each process]."""

    def one(group):
        take_gpu(group)
        return work(Nccl(group), group.rank)

    return together(size, one)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sum_and_broadcast_are_in_place_and_the_same_in_all(dtype):
    def work(communicator, rank):
        x, y = fake_cupy.arange(5, dtype=dtype) * (rank + 0.1), fake_cupy.full((2, 2), rank + 7, dtype)
        communicator.sum_(x)
        communicator.broadcast_(y)
        return x.get(), y.get()

    expected = sum(np.arange(5, dtype=dtype) * dtype(rank + 0.1) for rank in range(3))
    results = on_gpus(3, work)
    for x, y in results:
        np.testing.assert_allclose(x, expected, rtol=1e-6)
        assert (x == results[0][0]).all() and (y == 7).all()


def test_arrays_with_gaps_are_refused():
    def work(communicator, rank):
        with pytest.raises(ValueError, match=r"expected a contiguous array, got strides \(16,\) of shape \(3,\)"):
            communicator.sum_(fake_cupy.zeros(6)[::2])
        return "done"

    assert on_gpus(2, work) == ["done"] * 2


def test_an_error_of_nccl_names_the_process_and_the_cure():
    def work(communicator, rank):
        communicator._communicator.destroy()
        communicator.sum_(fake_cupy.zeros(3))

    for rank, error in enumerate(on_gpus(2, work)):
        words = rf"NCCL failed in process {rank} \(NCCL_ERROR.*\). Set NCCL_DEBUG=INFO .*, or NPAE_NCCL=0"
        with pytest.raises(RuntimeError, match=words):
            raise error


def test_two_processes_on_one_gpu_are_an_error_of_nccl():
    for error in together(2, Nccl):  # take_gpu was not called
        with pytest.raises(RuntimeError, match="NCCL_ERROR_INVALID_USAGE.*NCCL_DEBUG=INFO"):
            raise error


def test_the_exit_ends_the_communicators(at_exit):
    communicators = on_gpus(2, lambda communicator, rank: communicator)
    assert len(at_exit) == 2
    for end in at_exit:
        end()
    assert all(c._communicator._meeting is None for c in communicators)
