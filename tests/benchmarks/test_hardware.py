"""Description of the machine in result files: from psutil and the system, or "unknown"."""

import json
from types import SimpleNamespace

import pytest

from benchmarks import hardware


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


class System:
    """In place of psutil."""

    def __init__(self, clocks):
        self.clocks = clocks

    def cpu_freq(self, percpu):
        if isinstance(self.clocks, Exception):
            raise self.clocks
        return [SimpleNamespace(current=now, max=most) for now, most in self.clocks]

    def virtual_memory(self):
        return SimpleNamespace(total=2**34)

    def getloadavg(self):
        return 0.123, 1, 2


def test_a_linux_system(tmp_path, monkeypatch):
    monkeypatch.setattr(hardware, "psutil", System([(2596.1, 3700.0), (1200.0, 3600.0)]))
    write(tmp_path / "proc/cpuinfo", "model name\t: Deep Thought\ncpu MHz\t\t: 2596.1\n")
    folder = tmp_path / "sys/devices/system/cpu/cpu0"
    for name, text in (("level", "2"), ("type", "Unified"), ("size", "1024K")):
        write(folder / "cache/index2" / name, text)
    cpu = hardware.cpu(tmp_path)
    assert cpu.pop("cores") >= 1
    assert cpu == {
        "model": "Deep Thought", "clock_mhz": [2596, 1200], "max_clock_mhz": 3700,
        "caches": ["L2 Unified 1024K"], "memory_gib": 16.0,
    }  # fmt: skip

    assert hardware.load() == [0.12, 1, 2]


@pytest.mark.parametrize("clocks", [[], [(0, 0.0)], OSError("no such file"), RuntimeError("not on this machine")])
def test_what_the_system_does_not_tell_is_unknown(clocks, tmp_path, monkeypatch):
    monkeypatch.setattr(hardware, "psutil", System(clocks))
    cpu = hardware.cpu(tmp_path)
    assert cpu["model"] and cpu["max_clock_mhz"] == cpu["caches"] == "unknown" and cpu["memory_gib"] == 16


def test_without_psutil_it_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(hardware, "psutil", None)
    cpu = hardware.cpu(tmp_path)
    assert cpu["model"] and {cpu[k] for k in ("clock_mhz", "max_clock_mhz", "caches", "memory_gib")} == {"unknown"}
    assert hardware.load() == "unknown"


def test_psutil_is_understood():
    psutil = pytest.importorskip("psutil")
    assert hardware.cpu()["memory_gib"] == round(psutil.virtual_memory().total / 2**30, 1) > 0
    assert len(hardware.load()) == 3


def test_everything_is_there_and_goes_into_json(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("NPAE_DATA", "/somewhere/private")
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/somewhere/private")
    found = hardware.hardware()
    assert "private" not in json.dumps(found)  # results are published: no paths
    assert found["environment"]["OMP_NUM_THREADS"] == "2"
    assert found["config"]["numpy"] and set(found["packages"]) == set(hardware.PACKAGES)
    assert hardware.load() == "unknown" or len(hardware.load()) == 3


def test_without_nvidia_smi(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert hardware.gpu_clocks() == "none"
