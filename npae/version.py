"""The version of npae: stated here once, for setup.cfg, for `npae.__version__` and for result files."""

__version__ = "0.1.0"
