"""Benchmarks of npae: results are shown to agree, then timed. `python -m benchmarks` runs them."""
