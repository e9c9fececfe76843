"""Benchmarks of npae: results are shown to agree, then timed. Run one with `python -m benchmarks.train_step`."""
