"""Demos of npae: one file per model. Run one with `python -m demos.NAME`."""

from demos import ends

ends.in_programs()
