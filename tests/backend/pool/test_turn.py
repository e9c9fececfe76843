"""Turns: on within their block alone, one at a time with workers, safe in threads and forks, equal bits."""

import os

import numpy as np
import pytest

from npae.backend import matmul, one_pool
from npae.backend.openblas import openblas
from npae.backend.pool import current, has_pool, turn
from tests.backend.several_threads import needs_a_pool, needs_openblas, run


def test_with_one_thread_on_a_gpu_or_with_another_blas_nothing_is_on(monkeypatch):
    monkeypatch.setattr(turn, "thread_count", lambda: 2)
    with one_pool("an array of the GPU"):
        assert current.turn is None
    monkeypatch.setattr(turn, "openblas", lambda: None)
    with one_pool(np.ones(1)):
        assert current.turn is None
    monkeypatch.setattr(turn, "thread_count", lambda: 1)
    with one_pool(np.ones(1)):
        assert current.turn is None
    assert not has_pool()


@needs_a_pool
def test_a_turn_is_on_in_its_block_and_off_after_it_after_an_error_too():
    assert run("""
try:
    with one_pool(like):
        print(blas.get_threads(), workers())
        with one_pool(like):  # of another model: the workers are taken
            print(blas.get_threads(), workers())
        print(blas.get_threads(), workers())
        raise ZeroDivisionError
except ZeroDivisionError:
    print(blas.get_threads(), workers())
""").split("\n")[:4] == ["1 1", "1 None", "1 1", "2 None"]  # fmt: skip


@needs_a_pool
@pytest.mark.slow
def test_several_python_threads_train_at_once_and_openblas_gets_its_threads_back():
    assert run("""
a, b = pair(256, 784, 256)
with one_pool(like):
    expected = matmul(a, b, out=np.empty((256, 256), np.float32)).copy()
wrong, with_workers = [], set()
def train(k):
    out, mine = np.empty((256, 256), np.float32), one_pool(like)
    for _ in range(200):
        with mine:
            with_workers.add(workers())
            if blas.get_threads() != 1 or not np.array_equal(matmul(a, b, out=out), expected):
                wrong.append(k)
threads = [threading.Thread(target=train, args=(k,)) for k in range(5)]
for t in threads: t.start()
for t in threads: t.join()
print(wrong, with_workers == {None, 1}, blas.get_threads())
""") == "[] True 2\n"  # fmt: skip


FORK = """
a, b = pair(256, 784, 256)
out = np.empty((256, 256), np.float32)
BEFORE
child = os.fork()
signal.alarm(60)  # ends a process that hangs
if child == 0:
    print(blas.get_threads(), flush=True)
    with one_pool(like):
        np.testing.assert_allclose(matmul(a, b, out=out), a @ b, rtol=1e-2, atol=1e-3)
        print(workers(), flush=True)
    print(blas.get_threads(), flush=True)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
AFTER
"""
STEP = "with one_pool(like):\n    matmul(a, b, out=out)\n"
DURING = """
go, done = threading.Event(), threading.Event()
def train():
    with one_pool(like):
        matmul(a, b, out=out)
        go.set()
        done.wait()
thread = threading.Thread(target=train)
thread.start()
go.wait()
"""


@needs_a_pool
@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize("before, after, expected", [
    ("", "", "2 1 2 0"), (STEP, STEP, "2 1 2 0"),
    (DURING, "done.set(); thread.join(); print(blas.get_threads())", "2 1 2 0 2"),
])  # fmt: skip
def test_a_forked_process_makes_a_pool_of_its_own(before, after, expected):
    assert run(FORK.replace("BEFORE", before).replace("AFTER", after)).split() == expected.split()


@needs_a_pool
@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_process_forked_in_a_step_leaves_it():
    assert run("""
a, b = pair(784, 64, 300)
with one_pool(like):
    matmul(a, b, out=np.empty((784, 300), np.float32))
    child = os.fork()
    if child == 0:
        print(workers(), blas.get_threads(), flush=True)
if child == 0:
    with one_pool(like):
        print(workers(), blas.get_threads(), flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(workers(), blas.get_threads())
""").split() == "None 2 1 1 None 2".split()  # fmt: skip


@needs_a_pool
@pytest.mark.parametrize("environment, threads", [
    ({"NPAE_NUMBA": "0"}, "1"), ({"NUMBA_DISABLE_JIT": "1"}, "1"), ({"OPENBLAS_NUM_THREADS": "1"}, "1"),
])  # fmt: skip
def test_without_a_compiler_or_threads_there_are_no_workers(environment, threads):
    program = "with one_pool(like):\n    print(workers(), blas.get_threads())"
    assert run(program, **environment) == f"None {threads}\n"


@needs_a_pool
@pytest.mark.slow
def test_the_number_of_threads_may_change():
    assert run("""
for count in (2, 1, 2):
    os.environ["OMP_NUM_THREADS"] = str(count)
    thread_count.cache_clear()
    with one_pool(like):
        print(workers(), end=" ")
    print(blas.get_threads(), end=" ")
blas.set_threads(1)
with one_pool(like):
    print(workers(), end=" ")
print(blas.get_threads())
""").split() == "1 2 None 2 1 2 None 1".split()  # fmt: skip


@needs_a_pool
@pytest.mark.slow
def test_numpy_computes_products_until_compiling_pays():
    assert run("""
a, b = pair(256, 128, 256)
turn.PATIENCE = a.size * 256 + 1
for _ in range(4):
    with one_pool(like):
        print(workers(), end=" ")
        matmul(a, b, out=np.empty((256, 256), np.float32))
""").split() == ["None", "None", "1", "1"]  # fmt: skip


RUN = """
from npae import dense_autoencoder, fit
from npae.train import Checkpoint
turn.PATIENCE = on_numba.PATIENCE = PATIENT
x = rng.random((1024, 300), np.float32)
model = dense_autoencoder([300, 128, 16])
FIT
print(model.theta.value.tobytes().hex())
"""


def run_fit(fits, patience, **environment):
    return run(RUN.replace("FIT", fits).replace("PATIENT", str(patience)), **environment)


@needs_a_pool
@pytest.mark.slow
def test_a_run_has_the_bits_of_one_that_is_resumed_of_one_without_numba_and_of_one_beside_others(tmp_path):
    call = "fit(model, x, epochs={}, batch_size=256, seed=1, progress='none'{})"
    part = f", callbacks=[Checkpoint({str(tmp_path / 'run')!r})], resume='auto'"
    whole = run_fit(call.format(4, ""), 2**40)
    assert whole == run_fit(call.format(4, ""), 0)  # compiled from the first step on, and never
    assert whole == run_fit(call.format(4, ""), 0, NPAE_NUMBA="0")
    assert whole == run_fit("with one_pool(like):\n    " + call.format(4, ""), 0)  # without the workers
    run_fit(call.format(2, part), 2**25)
    assert run_fit(call.format(4, part), 2**27) == whole


@needs_a_pool
def test_the_configuration_names_the_pool():
    program = "from npae.backend import versions; print(versions()['threads'])"
    shared = "products and formulas of a training step share one pool"
    assert shared in run(program)
    assert shared not in run(program, threads=1) and shared not in run(program, NPAE_NUMBA="0")


@needs_openblas
def test_outside_of_a_step_products_are_numpys():
    before = openblas().get_threads()
    a, b = np.ones((512, 512), np.float32), np.ones((512, 512), np.float32)
    np.testing.assert_array_equal(matmul(a, b, out=np.empty_like(a)), a @ b)
    assert openblas().get_threads() == before and current.turn is None
