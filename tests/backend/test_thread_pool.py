"""One pool for products and formulas: on within its block alone, safe in threads and forks, equal bits."""

import os

import numpy as np
import pytest

from npae.backend import matmul, one_pool, thread_pool
from npae.backend.openblas import openblas
from tests.backend.several_threads import needs_a_pool, run


def pool_is_on():
    return thread_pool.current.turn is not None


def test_with_one_thread_there_is_no_pool(monkeypatch):
    monkeypatch.setattr(thread_pool, "thread_count", lambda: 1)
    with one_pool(np.ones(1)):
        assert not pool_is_on()
    assert not thread_pool.has_pool()


def test_arrays_of_a_gpu_have_no_pool(monkeypatch):
    monkeypatch.setattr(thread_pool, "thread_count", lambda: 2)
    with one_pool("an array of the GPU"):
        assert not pool_is_on()


@pytest.mark.parametrize("missing", ["openblas", "numba", "compiler"])
def test_without_openblas_or_numba_there_is_none(missing, monkeypatch):
    if missing == "openblas":
        monkeypatch.setattr(thread_pool, "openblas", lambda: None)
    elif missing == "numba":
        monkeypatch.setattr("npae.backend.formulas.on_numba.available", lambda: False)
    else:
        monkeypatch.setattr("npae.backend.formulas.on_numba.compiler", lambda: None)
    assert thread_pool.Once()() is None


@needs_a_pool
def test_the_pool_is_on_in_the_block_and_off_after_it_after_an_error_too():
    assert run("""
import numba
numba.set_num_threads(1)  # the caller's own setting
try:
    with one_pool(like):
        print(blas.get_threads(), pool_is_on(), numba.get_num_threads())
        with one_pool(like):
            print(blas.get_threads(), pool_is_on())
        print(blas.get_threads(), pool_is_on())
        raise ZeroDivisionError
except ZeroDivisionError:
    print(blas.get_threads(), pool_is_on(), numba.get_num_threads())
""").split("\n")[:4] == ["1 True 2", "1 True", "1 True", "2 False 1"]  # fmt: skip


@needs_a_pool
def test_errors_and_results_of_products_are_those_of_numpy():
    assert run("""
def result(a, b, out):
    try:
        return matmul(a, b, out=out)
    except ValueError as error:
        return str(error)
zeros = lambda m, n: np.full((m, n), np.nan, np.float32)
read_only = zeros(256, 256)
read_only.flags.writeable = False
a, b = pair(256, 256, 256)
cases = [(a, b[:100], zeros(256, 256)), (a, b, zeros(256, 255)), (a, b, read_only), (a[0], b, zeros(1, 256)[0]),
         (a[:, :0], b[:0], zeros(256, 256)), (a[:0], b, zeros(0, 256)), (a, b[:, :0], zeros(256, 0)), (a, b, None),
         (a[:, ::-1], b, zeros(256, 256)), (a, a.T, zeros(256, 256)), (a[None], b[None], zeros(256, 256)[None])]
for case in cases:
    expected = result(*case)
    with one_pool(like):
        found = result(*case)
    assert type(found) is type(expected)
    if isinstance(expected, str):
        assert found == expected
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
with one_pool(like):
    expected = a @ b
    matmul(a, b, out=a)
np.testing.assert_allclose(a, expected, rtol=1e-3, atol=1e-3)
print("ok")
""") == "ok\n"  # fmt: skip


@needs_a_pool
def test_several_python_threads_train_at_once_and_openblas_gets_its_threads_back():
    assert run("""
a, b = pair(256, 784, 256)
with one_pool(like):
    expected = matmul(a, b, out=np.empty((256, 256), np.float32)).copy()
wrong = []
def train(k):
    out = np.empty((256, 256), np.float32)
    for _ in range(200):
        with one_pool(like):
            if blas.get_threads() != 1 or not np.array_equal(matmul(a, b, out=out), expected):
                wrong.append(k)
threads = [threading.Thread(target=train, args=(k,)) for k in range(5)]
for t in threads: t.start()
for t in threads: t.join()
print(wrong, blas.get_threads())
""") == "[] 2\n"  # fmt: skip


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
        print(pool_is_on(), flush=True)
    print(blas.get_threads(), flush=True)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
AFTER
"""
OUR_STEP = "with one_pool(like):\n    matmul(a, b, out=out)\n"
THEIR_LOOP = """
import numba
@numba.njit(parallel=True)
def loop(x):
    for i in numba.prange(x.size):
        x[i] += 1
loop(np.zeros(1000))
"""
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
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize("before, after, expected", [
    ("", "", "2 True 2 0"), (OUR_STEP, OUR_STEP, "2 False 2 0"), (THEIR_LOOP, OUR_STEP, "2 False 2 0"),
    (DURING, "done.set(); thread.join(); print(blas.get_threads())", "2 False 2 0 2"),
])  # fmt: skip
def test_a_forked_process_does_without_the_threads_of_its_parent(before, after, expected):
    assert run(FORK.replace("BEFORE", before).replace("AFTER", after)).split() == expected.split()


@needs_a_pool
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_process_forked_in_a_step_leaves_it_without_the_pool():
    assert run("""
with one_pool(like):
    child = os.fork()
    if child == 0:
        print(pool_is_on(), blas.get_threads(), flush=True)
if child == 0:
    with one_pool(like):
        print(pool_is_on(), blas.get_threads(), flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(pool_is_on(), blas.get_threads())
""").split() == "False 2 False 2 False 2".split()  # fmt: skip


@needs_a_pool
@pytest.mark.parametrize("environment", [{"NUMBA_THREADING_LAYER": "workqueue"}, {"NPAE_NUMBA": "0"},
                                         {"NUMBA_DISABLE_JIT": "1"}, {"NUMBA_NUM_THREADS": "1"},
                                         {"OPENBLAS_NUM_THREADS": "1"}])  # fmt: skip
def test_without_a_pool_for_several_callers_openblas_keeps_its_threads(environment):
    blas_threads = environment.get("OPENBLAS_NUM_THREADS", "2")
    program = "with one_pool(like):\n    print(pool_is_on(), blas.get_threads())"
    assert run(program, **environment) == f"False {blas_threads}\n"


@needs_a_pool
def test_the_number_of_threads_may_change():
    assert run("""
for count in (2, 1, 2):
    os.environ["OMP_NUM_THREADS"] = str(count)
    thread_count.cache_clear()
    with one_pool(like):
        print(pool_is_on(), end=" ")
    print(blas.get_threads(), end=" ")
blas.set_threads(1)
with one_pool(like):
    print(pool_is_on(), end=" ")
print(blas.get_threads())
""").split() == "True 2 False 2 True 2 False 1".split()  # fmt: skip


@needs_a_pool
def test_formulas_have_the_same_bits_with_the_pool_and_without():
    assert run("""
from npae.backend import absolute, elementwise, sqrt
from npae.backend.formulas import on_numba
on_numba.PATIENCE = 0
@elementwise
def many(x, y):
    return x * y + sqrt(absolute(x)) / (y * y + 1)
@elementwise
def rows(x, b):
    return (x + b) * (x > 0)
@elementwise(out="x")
def step(x, y):
    return x - y / (sqrt(absolute(x)) + 1)
for n in (1, 7, 513):
    for m in (0, 1, 3, 8192, 8193):
        x, y, b = (rng.standard_normal(s).astype(np.float32) for s in ((m, n), (m, n), n))
        if m: x[0, 0] = np.nan
        pairs = []
        for on in (False, True):
            with one_pool(like if on else None):
                assert pool_is_on() == on
                in_place = x.copy()
                step(in_place, y, out=in_place)
                pairs.append([many(x, y), rows(x, b), in_place])
        for alone, shared in zip(*pairs): np.testing.assert_array_equal(shared.view(np.int32), alone.view(np.int32))
print("ok")
""") == "ok\n"  # fmt: skip


RUN = """
from npae import dense_autoencoder, fit
from npae.backend.formulas import on_numba
from npae.train import Checkpoint
shared_product.PATIENCE = on_numba.PATIENCE = int(float(sys.argv[1]) if len(sys.argv) > 1 else PATIENCE)
x = rng.random((1024, 300), np.float32)
model = dense_autoencoder([300, 128, 16])
FIT
print(model.theta.value.tobytes().hex())
"""


def run_fit(fits, patience, **environment):
    return run(RUN.replace("FIT", fits).replace("PATIENCE)", f"{patience})"), **environment)


@needs_a_pool
def test_a_run_resumed_in_another_process_has_the_bits_of_a_whole_one(tmp_path):
    call = "fit(model, x, epochs={}, batch_size=256, seed=1, progress='none'{})"
    part = f", callbacks=[Checkpoint({str(tmp_path / 'run')!r})], resume='auto'"
    whole = run_fit(call.format(4, ""), 2**40)
    assert whole == run_fit(call.format(4, ""), 0)  # compiled from the first step on, and never
    run_fit(call.format(2, part), 2**25)
    assert run_fit(call.format(4, part), 2**27) == whole


@needs_a_pool
def test_the_configuration_names_the_pool():
    program = "from npae.backend import versions; print(versions()['threads'])"
    shared = "products and formulas of a training step share one pool"
    assert shared in run(program)
    assert shared not in run(program, threads=1) and shared not in run(program, NPAE_NUMBA="0")


@needs_a_pool
def test_outside_of_a_step_products_are_numpys():
    before = openblas().get_threads()
    a, b = np.ones((512, 512), np.float32), np.ones((512, 512), np.float32)
    np.testing.assert_array_equal(matmul(a, b, out=np.empty_like(a)), a @ b)
    assert openblas().get_threads() == before and not pool_is_on()


@needs_a_pool
def test_one_thread_computes_the_bits_of_several():
    """A Turn whose Pace chooses one thread has the same pieces: products and formulas are equal to the bit."""
    assert run("""
from npae.backend.formulas import on_numba
on_numba.PATIENCE = 0
from npae.backend import sigmoid
turn, found = one_pool(like), {}
for shared in (True, False):
    turn._pace.shared, results = shared, []
    with turn:
        at_work = turn.at_work
        for m, k, n in ((32, 784, 256), (784, 32, 256), (256, 32, 784), (512, 100, 70)):
            rng = np.random.default_rng(0)
            a, b = pair(m, k, n)
            results.append(matmul(a, b, out=np.empty((m, n), np.float32)))
            results.append(sigmoid(results[-1]))
    found[at_work] = results
print(sorted(found), all(map(np.array_equal, found[1], found[2])))
""") == "[1, 2] True\n"
