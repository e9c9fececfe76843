"""The demo data_parallel: the numbers of demos/deep.py, by one process and by two."""

import json
import sys

import pytest

pytest.importorskip("matplotlib")

from demos import data_parallel  # noqa: E402
from npae.train.parallel.process_group import ProcessGroup  # noqa: E402
from tests.train.parallel.test_process_group import mpiexec, needs_mpi  # noqa: E402


@pytest.mark.slow
def test_one_process_finds_the_numbers_of_deep(quick):
    alone, deep = quick("data_parallel").result, quick("deep").result
    assert alone["workers"] == 1
    differ = {name for name in deep if alone[name] != deep[name]}
    assert differ - {"seconds", "date"} == {"name", "command"}


def test_only_process_0_prints_and_writes(tmp_path, monkeypatch, capsys):
    class Second(ProcessGroup):
        rank, size = 1, 2

    monkeypatch.setattr(sys, "stdout", sys.stdout)  # the demo replaces it in this process
    monkeypatch.setattr(data_parallel, "from_environment", Second)
    options = ["--quick", "--epochs", "1", "--device", "cpu", "--out", str(tmp_path)]
    assert data_parallel.main(options) is None
    assert not list(tmp_path.iterdir()) and not capsys.readouterr().out


def test_processes_that_cannot_communicate_end_with_a_message(tmp_path, monkeypatch):
    def failing():
        raise RuntimeError('pip install "npae[mpi]"')

    monkeypatch.setattr(data_parallel, "from_environment", failing)
    with pytest.raises(SystemExit, match=r"npae\[mpi\]"):
        data_parallel.main(["--quick", "--out", str(tmp_path)])


@needs_mpi
def test_two_processes_print_and_write_once(tmp_path, quick):
    done = mpiexec("-m", "demos.data_parallel", "--quick", "--device", "cpu", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("training digits") == done.stdout.count("metrics.json are in") == 1
    metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["workers"] == 2 and metrics["epochs"] == 6
    loss, alone = (m["test_cross_entropy_nats_per_pixel"] for m in (metrics, quick("deep").result))
    assert loss == pytest.approx(alone, rel=2e-3)  # rounding errors grow over the steps
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]
