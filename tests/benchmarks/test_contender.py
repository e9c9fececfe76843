"""Contenders in processes: shared processes, errors of a GPU, processes that end or do not answer."""

import os
import time

import pytest

from benchmarks.alternate import NotMeasured
from benchmarks.contender import Contender, Worker, Workers
from benchmarks.opponents.floor import MatmulStep
from benchmarks.settings import Settings


class Step:
    """A step that does what it was made with: returns the number of its process, sleeps, raises."""

    def __init__(self, what="pid", value=None):
        self.what, self.value = what, value
        if what == "sleep":
            time.sleep(value)
        if what == "raise":
            raise RuntimeError(value)
        if what == "exit":
            os._exit(value)

    def __call__(self):
        return os.getpid()


def test_a_contender_takes_steps_in_its_process():
    contender = Contender(MatmulStep)
    try:
        contender.make([8, 4], 16)
        contender.warm_up(0.001)
        turn = contender.turn(0.001)
        assert contender.first is None and 0 < turn.seconds < 1 and 0 < turn.host < 1
        with pytest.raises(NotMeasured, match="^TypeError: "):
            contender.make("no sizes")
        contender.make([8, 4], 16)  # an error does not end the process
    finally:
        contender.close()


@pytest.fixture(scope="module")
def worker():
    worker = Worker()
    yield worker
    worker.close()


def pid(contender):
    contender.make()
    return contender.first


def test_contenders_share_a_process(worker):
    one, two = (Contender(Step, worker) for _ in range(2))
    assert pid(one) == pid(two) != os.getpid() and not one.lost
    one.close()  # frees the step, and leaves the process
    with pytest.raises(NotMeasured, match="the process in which it was made has ended"):
        one.turn(0.0)
    assert two.turn(0.0).seconds > 0


def test_the_exit_status_of_a_process_that_ends_is_reported_and_another_starts(worker):
    one, two = (Contender(Step, worker) for _ in range(2))
    before = pid(two)
    with pytest.raises(NotMeasured, match="its process ended, with exit status 3"):
        one.make("exit", 3)
    assert pid(one) != before
    assert two.lost and not one.lost
    with pytest.raises(NotMeasured, match="has ended"):
        two.turn(0.0)


def test_after_an_error_of_the_gpu_the_process_is_replaced(worker):
    one = Contender(Step, worker)
    before = pid(one)
    with pytest.raises(NotMeasured, match="no memory"):
        one.make("raise", "no memory")
    assert pid(one) == before
    with pytest.raises(NotMeasured, match="cudaErrorIllegalAddress"):
        one.make("raise", "cudaErrorIllegalAddress: an illegal memory access was encountered")
    assert pid(one) != before


def test_a_process_that_does_not_answer_is_ended():
    worker = Worker(patience=0.5)
    worker.start()
    one = Contender(Step, worker)
    worker.patience = 30.0  # the process starts
    before = pid(one)
    worker.patience, began = 0.2, time.monotonic()
    with pytest.raises(NotMeasured, match="no answer within 0 seconds"):
        one.make("sleep", 60)
    assert time.monotonic() - began < 5
    worker.patience = 30.0
    assert pid(one) != before
    worker.deadline = time.monotonic() - 1
    with pytest.raises(NotMeasured, match="no time was left"):
        one.make()
    worker.close()
    assert worker._process is None


def test_there_is_one_worker_per_package(tmp_path):
    with Workers(Settings(False, ("cpu",), tmp_path, minutes=1.0, deadline=5.0)) as workers:
        assert workers.of("numpy") is workers.of("numpy") is not workers.of("torch")
        assert workers.of("torch").deadline == 5.0 and workers.of("torch").patience == 60.0
        workers.end_by(7.0)
        assert workers.of("torch").deadline == workers.of("jax").deadline == 7.0
    assert Workers(Settings(False, ("cpu",), tmp_path)).of("numpy").patience == float("inf")
