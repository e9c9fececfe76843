"""Whole programs, as a user of each framework would write them. Each reads MNIST by itself and prints its test error.

    python -m benchmarks.lab.scripts.deep_npae FOLDER EPOCHS          deep_pytorch, deep_jax
"""
