"""Description of the machine in result files: read from the system's files, or "unknown"."""

import json

from benchmarks import hardware


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_linux_system(tmp_path):
    write(tmp_path / "proc/cpuinfo", "model name\t: Deep Thought\ncpu MHz\t\t: 2596.1\ncpu MHz\t\t: 1200.0\n")
    write(tmp_path / "proc/meminfo", "MemTotal:       16777216 kB\n")
    folder = tmp_path / "sys/devices/system/cpu/cpu0"
    write(folder / "cpufreq/cpuinfo_max_freq", "3700000\n")
    for name, text in (("level", "2"), ("type", "Unified"), ("size", "1024K")):
        write(folder / "cache/index2" / name, text)
    cpu = hardware.cpu(tmp_path)
    assert cpu.pop("cores") >= 1
    assert cpu == {
        "model": "Deep Thought", "clock_mhz": [2596, 1200], "max_clock_mhz": 3700,
        "caches": ["L2 Unified 1024K"], "memory_gib": 16.0,
    }  # fmt: skip


def test_another_system_is_unknown(tmp_path):
    cpu = hardware.cpu(tmp_path)
    assert cpu["model"] and {cpu[k] for k in ("clock_mhz", "max_clock_mhz", "caches", "memory_gib")} == {"unknown"}


def test_everything_is_there_and_goes_into_json(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("NPAE_DATA", "/somewhere/private")
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/somewhere/private")
    found = hardware.hardware()
    assert "private" not in json.dumps(found)  # results are published: no paths
    assert found["environment"]["OMP_NUM_THREADS"] == "2"
    assert found["config"]["numpy"] and set(found["packages"]) == set(hardware.PACKAGES)
    assert hardware.load() == "unknown" or len(hardware.load()) == 3


def test_without_git_and_nvidia_smi(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert hardware.commit() == "unknown" and hardware.gpu_clocks() == "none"
