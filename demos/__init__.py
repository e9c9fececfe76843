"""Demos of npae: one model a file, one figure a file. Run one with `python -m demos.NAME`."""
