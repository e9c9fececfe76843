"""Settings of a run: full, quick or limited in time; the devices; the folder of the results.

A run with --minutes is cut into parts, and a part into rows. A row begins only if the longest row so far would still
end before the deadline of its part. After every row the part saves what it has, so that its file is always whole.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from npae.backend import why_no_gpu

NO_TIME = "No time was left: take more --minutes, or only this part."


@dataclass(frozen=True)
class Settings:
    """The settings of a part.

    quick: few and short turns. devices: ("cpu",) or ("cpu", "gpu"). out: the folder of the results. minutes: the limit
    of the whole run, or None. deadline: when this part must end, by time.monotonic(). save: writes the result so far.
    rows: the seconds of each row of the part so far.
    """

    quick: bool
    devices: tuple
    out: Path
    minutes: float | None = None
    deadline: float = math.inf
    save: Callable[[dict], object] = lambda result: None
    rows: list[float] = field(default_factory=list)

    @property
    def short(self):
        """Is the time limited? Then a part measures the most important rows first, each with few turns."""
        return self.minutes is not None

    @property
    def left(self):
        """Seconds until the deadline."""
        return self.deadline - time.monotonic()

    @property
    def no_gpu(self):
        """Why the GPU is not measured, as one sentence; "" if it is."""
        return "" if "gpu" in self.devices else why_no_gpu() or "Only the CPU was requested."

    def missing(self):
        """[] or, without a GPU, [one sentence about it], for the end of a table."""
        return [f"GPU: not yet run. {self.no_gpu}"] if self.no_gpu else []

    def in_time(self, items, leave_out):
        """The items for which time is left, a row each; leave_out(item) is called for the others."""
        for item in items:
            if self.left <= max(self.rows, default=0.0):
                leave_out(item)
                continue
            began = time.monotonic()
            yield item
            self.rows.append(time.monotonic() - began)

    def as_json(self):
        """What a result file records."""
        limit = {"minutes": self.minutes} if self.short else {}
        return {"quick": self.quick, "devices": self.devices, "out": self.out.name} | limit
