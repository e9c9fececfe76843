"""The lab: benchmarks of single layers, for the development of npae. `python -m benchmarks.lab`."""
