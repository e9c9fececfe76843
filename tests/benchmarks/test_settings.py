"""Settings: the reason why the GPU is not measured."""

from benchmarks import settings
from benchmarks.settings import Settings


def test_a_missing_gpu_is_reported(tmp_path, monkeypatch):
    both, cpu = Settings(True, ("cpu", "gpu"), tmp_path), Settings(True, ("cpu",), tmp_path)
    monkeypatch.setattr(settings, "why_no_gpu", lambda: "There is none.")
    assert cpu.no_gpu == "There is none." and cpu.missing() == ["GPU: not yet run. There is none."]
    monkeypatch.setattr(settings, "why_no_gpu", lambda: None)
    assert cpu.missing() == ["GPU: not yet run. Only the CPU was requested."]
    assert both.no_gpu == "" and both.missing() == []
