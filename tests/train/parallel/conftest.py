"""Fixtures of data-parallel training."""

import sys
import types

import pytest

from tests.train.parallel.fake_mpi import World


@pytest.fixture
def fake_mpi(monkeypatch):
    """The MPI of threads, in place of mpi4py.MPI."""
    mpi = types.SimpleNamespace(IN_PLACE="in place", COMM_WORLD=World())
    monkeypatch.setitem(sys.modules, "mpi4py", types.SimpleNamespace(MPI=mpi))
    return mpi
