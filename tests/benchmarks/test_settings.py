"""Settings: the reason why the GPU is not measured, and rows for which time is left."""

import time

from benchmarks import settings
from benchmarks.settings import Settings


def test_a_missing_gpu_is_reported(tmp_path, monkeypatch):
    both, cpu = Settings(True, ("cpu", "gpu"), tmp_path), Settings(True, ("cpu",), tmp_path)
    monkeypatch.setattr(settings, "why_no_gpu", lambda: "There is none.")
    assert cpu.no_gpu == "There is none." and cpu.missing() == ["GPU: not yet run. There is none."]
    monkeypatch.setattr(settings, "why_no_gpu", lambda: None)
    assert cpu.missing() == ["GPU: not yet run. Only the CPU was requested."]
    assert both.no_gpu == "" and both.missing() == []


def test_a_row_begins_only_if_the_longest_so_far_would_end_in_time(tmp_path):
    left_out = []
    limited = Settings(True, ("cpu",), tmp_path, minutes=1.0, deadline=time.monotonic() + 0.5)
    for item in limited.in_time("abcd", left_out.append):
        time.sleep({"a": 0.01, "b": 0.3}[item])
    assert left_out == ["c", "d"] and len(limited.rows) == 2
    assert list(limited.in_time("e", left_out.append)) == [] and left_out[-1] == "e"
    assert list(Settings(True, ("cpu",), tmp_path).in_time("abcd", left_out.append)) == list("abcd")


def test_what_a_result_file_records(tmp_path):
    one = Settings(True, ("cpu",), tmp_path / "new")
    assert one.as_json() == {"quick": True, "devices": ("cpu",), "out": "new"} and not one.short
    limited = Settings(True, ("cpu",), tmp_path / "new", minutes=2.0)
    assert limited.as_json()["minutes"] == 2.0 and limited.short
