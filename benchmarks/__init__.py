"""Benchmarks of npae beside other frameworks: results are shown to agree, then timed. `python -m benchmarks`."""

from demos import ends

ends.in_programs()
