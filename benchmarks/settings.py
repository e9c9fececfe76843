"""Settings of a run: full or quick, the devices, the folder of the results."""

from dataclasses import dataclass
from pathlib import Path

from npae.backend import why_no_gpu


@dataclass(frozen=True)
class Settings:
    """quick: few and short turns. devices: ("cpu",) or ("cpu", "gpu"). out: the folder of the results."""

    quick: bool
    devices: tuple
    out: Path

    @property
    def no_gpu(self):
        """Why the GPU is not measured, as one sentence; "" if it is."""
        return "" if "gpu" in self.devices else why_no_gpu() or "Only the CPU was requested."

    def missing(self):
        """[] or, without a GPU, [one sentence about it], for the end of a table."""
        return [f"GPU: not yet run. {self.no_gpu}"] if self.no_gpu else []
