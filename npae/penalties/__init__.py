"""Penalties Ω: what J asks for beside reconstruction.

Reading order: `base.py` (the contract).
"""

from npae.penalties.base import Penalty

__all__ = ["Penalty"]
