"""`import npae` does not load npae.export, and npae.export loads no optional package."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def loaded(program):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import sys\n{program}\nprint(*sys.modules)"],
        capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_import_npae_does_not_load_it():
    assert not any(name.startswith("npae.export") for name in loaded("import npae"))


def test_no_optional_package_is_imported_before_it_is_needed():
    names = loaded("from npae import export, dense_autoencoder\nexport.to_torch(dense_autoencoder([6, 3]))")
    assert "npae.export" in names and not {"onnx", "onnxruntime", "safetensors", "torch", "sklearn"} & names
