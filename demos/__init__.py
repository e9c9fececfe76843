"""Demos of npae: one file per model. Run one with `python -m demos.NAME`."""
