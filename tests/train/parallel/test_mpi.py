"""The group of several processes: gradients on GPUs by NCCL or through CPU memory, with the numbers of one process."""

import numpy as np
import pytest

from npae import backend, losses, optim, penalties
from npae.data.minibatches import Minibatches
from npae.train import Diverged, prepare
from npae.train.parallel.data_parallel import DataParallelStep
from npae.train.parallel.gpus import take_gpu
from npae.train.parallel.mpi import MPIProcessGroup
from tests.devices import each_gpu, on, with_fake
from tests.fake_gpu import current
from tests.fake_gpu.fake_cupy import fake_cupy
from tests.train.parallel.fake_mpi import Comm
from tests.train.parallel.test_process_group import V, X, network, together


@pytest.fixture
def two_gpus(fake_mpi, monkeypatch):
    """Two fake GPUs; what is registered for the exit is dropped."""
    monkeypatch.setattr("npae.train.parallel.nccl.atexit.register", lambda function: None)
    with on("fake"), current.several(2):
        yield


def run(group):
    """(history, θ, MPI's communicator) of a run on the GPU, from other first weights in each process."""
    group = MPIProcessGroup(Comm(group))
    take_gpu(group)
    model = network(seed=group.rank).to("gpu")
    optimizer = optim.Adam(0.02)
    trainer = prepare(model, X, validation=V, batch_size=15, optimizer=optimizer, group=group, progress="none")
    trainer.run(3)
    return trainer.history, backend.to_device(trainer.model.theta.value, "cpu"), group.comm


def check(runs):
    """The runs have the numbers of one process on the CPU."""
    alone = prepare(network(), X, validation=V, batch_size=15, optimizer=optim.Adam(0.02), progress="none")
    alone.run(3)
    for history, theta, _ in runs:
        for column in ("loss", "val_loss"):
            np.testing.assert_allclose(history[column], alone.history[column], rtol=1e-10)
        np.testing.assert_allclose(theta, alone.model.theta.value, rtol=1e-9)
        assert (theta == runs[0][1]).all()


@each_gpu
def test_without_nccl_the_gradient_goes_through_cpu_memory(device, fake_mpi, monkeypatch):
    monkeypatch.setenv("NPAE_NCCL", "0")
    with on(device):
        runs = together(2, run)
        check(runs)
    assert all(theta.shape in comm.reduced for _, theta, comm in runs)


@with_fake
def test_with_nccl_the_gradient_stays_on_the_gpus(two_gpus):
    runs = together(2, run)
    check(runs)
    assert all(set(comm.reduced) == {(1,)} and len(comm.reduced) == 3 for *_, comm in runs), "validation's J alone"


@with_fake
def test_a_step_with_nccl_neither_waits_nor_uploads(two_gpus):
    steps = {}

    def make(group):
        group = MPIProcessGroup(Comm(group))
        take_gpu(group)
        model = network(penalties=[penalties.L1(1e-3)], batch_norm=True).to("gpu")
        group.begin(model, {})
        step = DataParallelStep(model, Minibatches(X, 25, np.float64, "gpu", seed=0), optim.Adam(), 1.0, group)
        rows, noted = next(step.batches.rows()), []
        step(rows, lambda terms, n: noted.append(terms))
        steps[group.rank] = group, lambda: step(rows, lambda terms, n: noted.append(terms)), noted

    def again(group):
        take_gpu(steps[group.rank][0])
        steps[group.rank][1]()

    assert together(2, make) == [None, None]
    with fake_cupy.count() as counted:
        assert together(2, again) == [None, None]
    assert (counted.syncs, counted.uploads) == (0, 0)
    noted = [[{name: float(value.get()) for name, value in terms.items()} for terms in steps[k][2]] for k in (0, 1)]
    assert noted[0] == noted[1] and len(noted[0]) == 2 and len(noted[0][0]) == 2


@with_fake
def test_a_step_without_nccl_goes_through_the_host_once(fake_mpi):
    with on("fake"):
        model = network().to("gpu")
        batches = Minibatches(X, 25, np.float64, "gpu", seed=0)
        step = DataParallelStep(model, batches, optim.Adam(), 1.0, MPIProcessGroup())
        rows = next(batches.rows())
        step(rows, lambda terms, n: None)
        with fake_cupy.count() as counted:
            step(rows, lambda terms, n: None)
        assert (counted.syncs, counted.uploads) == (2, 1), "the gradient down and up, and the one term of J"


@with_fake
def test_terms_are_weighted_in_float64_and_may_be_numbers(two_gpus):
    def work(group):
        group = MPIProcessGroup(Comm(group))
        take_gpu(group)
        group.begin(network().to("gpu"), {})
        terms = {"a": fake_cupy.full((), 1 / 3, np.float32), "b": 0.1}
        summed = group.weighted_sum(terms, 0.25 + 0.5 * group.rank)
        assert all(value.dtype == np.float64 for value in summed.values())
        return {name: float(value) for name, value in summed.items()}

    third = float(np.float32(1 / 3))
    assert together(2, work) == [{"a": 0.25 * third + 0.75 * third, "b": 0.25 * 0.1 + 0.75 * 0.1}] * 2


@pytest.mark.filterwarnings("ignore::npae.DataWarning")
@with_fake
def test_nan_in_one_share_stops_all_with_the_same_words(two_gpus):
    data = X.copy()
    data[33] = 1e200

    def work(group):
        group = MPIProcessGroup(Comm(group))
        take_gpu(group)
        model = network(loss=losses.SquaredError()).to("gpu")
        prepare(model, data, batch_size=25, group=group, progress="none", data_init=False).run(2)

    errors = together(2, work)
    assert {type(e) for e in errors} == {Diverged} and len({str(e) for e in errors}) == 1
