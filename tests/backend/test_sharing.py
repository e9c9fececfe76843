"""Sharing: every item once, by a thread of its own with one BLAS thread; convolutions are the same with several."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from npae.backend import openblas, run_shares, share_count, shares, sharing, threads
from npae.layers import Conv2D, ConvTranspose2D, patches

ROOT = Path(__file__).resolve().parents[2]
needs_openblas = pytest.mark.skipif(openblas.openblas() is None, reason="NumPy has another BLAS.")


@pytest.fixture
def three(monkeypatch):
    """Three threads, whatever the machine has."""
    for place in (threads, sharing):
        monkeypatch.setattr(place, "thread_count", lambda: 3)
    threads._pool.cache_clear()
    yield
    threads._pool.cache_clear()


@needs_openblas
@pytest.mark.parametrize("n, expected", [
    (1, [[0]]), (2, [[0], [1]]), (3, [[0], [1], [2]]), (7, [[0, 1], [2, 3], [4, 5, 6]]),
])  # fmt: skip
def test_parts_are_consecutive_and_not_empty(n, expected, three):
    assert share_count() == 3 and shares(list(range(n))) == expected


def test_with_one_thread_or_another_blas_there_is_one_part(monkeypatch):
    monkeypatch.setattr(sharing, "thread_count", lambda: 1)
    assert share_count() == 1 and shares([3, 4]) == [[3, 4]]
    monkeypatch.setattr(sharing, "thread_count", lambda: 3)
    monkeypatch.setattr(sharing, "openblas", lambda: None)
    assert share_count() == 1 and shares([3, 4]) == [[3, 4]]


@needs_openblas
def test_every_part_has_a_thread_and_every_product_one(three):
    blas, met, all_there = openblas.openblas(), {}, threading.Barrier(3, timeout=20)
    before = blas.get_threads()
    try:
        blas.set_threads(2)

        def work(k, part):
            all_there.wait()  # so that no thread takes two parts
            met[k] = part, threading.get_ident(), blas.get_threads()

        run_shares(work, ["a", "b", "c"])
        assert [met[k][0] for k in range(3)] == ["a", "b", "c"]
        assert len({ident for _, ident, _ in met.values()}) == 3 and {n for *_, n in met.values()} == {1}
        run_shares(lambda k, part: met.update({k: blas.get_threads()}), ["all"])
        assert met[0] == 2 == blas.get_threads()  # a single part leaves products their threads
        with pytest.raises(ZeroDivisionError):
            run_shares(lambda k, part: 1 / k, ["a", "b", "c"])
        assert blas.get_threads() == 2
    finally:
        blas.set_threads(before)


@needs_openblas
@pytest.mark.parametrize("layer", [
    Conv2D(3, 5, 3, padding="same"), Conv2D(3, 5, 3, 2), Conv2D(16, 1, 3, padding="same"),
    Conv2D(2, 20, (3, 2), (1, 2)), ConvTranspose2D(3, 5, 3, 2, "same"), ConvTranspose2D(1, 9, 3, 2, "same"),
], ids=repr)  # fmt: skip
def test_convolutions_are_the_same_with_several_threads(layer, three, monkeypatch):
    layer.initialize(seed=0, dtype=np.float64)
    x = np.random.default_rng(0).standard_normal((7, layer.c_in, 6, 5))
    monkeypatch.setattr(patches, "SHARE", 1)
    found, counts = [], []

    def counting(work, parts):
        counts.append(len(parts))
        run_shares(work, parts)

    monkeypatch.setattr("npae.layers.convolve.run_shares", counting)
    for block in (2**19, 100):
        monkeypatch.setattr(patches, "BLOCK", block)
        for count in (3, 1):
            for place in (threads, sharing):
                monkeypatch.setattr(place, "thread_count", lambda count=count: count)
            y, cache = layer.forward(x)
            layer.theta.grad.fill(0)
            dx = layer.backward(np.cos(y), cache)
            found.append((y, dx, layer.theta.grad.copy()))
            assert set(counts) == {count}
            counts.clear()
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@needs_openblas
@pytest.mark.slow
def test_a_resumed_run_has_the_bits_of_a_whole_one_with_several_threads(tmp_path):
    """Each run is a process of its own. What a thread computes does not depend on how fast the others are."""
    program = (
        "import sys\n"
        "import numpy as np\n"
        "from npae import convolutional_autoencoder, fit\n"
        "from npae.backend import share_count\n"
        "from npae.train import Checkpoint\n"
        "x = np.random.default_rng(0).random((256, 1, 28, 28), np.float32)\n"
        "model = convolutional_autoencoder([8, 8], seed=0)\n"
        "file, epochs = sys.argv[1], int(sys.argv[2])\n"
        "fit(model, x, epochs=epochs, batch_size=64, progress='none', callbacks=[Checkpoint(file)], resume='auto')\n"
        "print(share_count(), model.theta.value.tobytes().hex())\n"
    )

    def run(name, epochs):
        command = [sys.executable, "-c", program, str(tmp_path / name), str(epochs)]
        environment = os.environ | {"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "3"}
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    whole = run("whole", 3)
    assert whole.startswith("3 ")
    run("parts", 1)
    assert run("parts", 3) == whole == run("again", 3)
