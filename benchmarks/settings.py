"""What the parts of the suite are told: how long they may take, which devices there are, where results go."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """quick: a few turns, noisier. devices: ("cpu",) or ("cpu", "gpu"). out: the folder of the results."""

    quick: bool
    devices: tuple
    out: Path
