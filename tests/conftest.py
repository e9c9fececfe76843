"""One run of the tests: a process per core, one BLAS thread per process, and one line about what does not run."""

import os

# Two processes with two BLAS threads each would wait for each other's cores. NumPy's libraries read these variables
# when NumPy is imported, and worker processes inherit them.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ.setdefault(name, "1")

import re  # noqa: E402
from collections import Counter  # noqa: E402
from pathlib import Path  # noqa: E402

import pytest  # noqa: E402

LIBRARIES = {  # what tests compare with: module -> (name, extra that brings it)
    "torch": ("PyTorch", "bench"), "pyod": ("PyOD", "bench"), "jax": ("JAX", "bench"),
    "sklearn": ("scikit-learn", "sklearn"), "scipy": ("SciPy", "sklearn"), "mpi4py": ("MPI", "mpi"),
    "cupy": ("CuPy", "cuda13"), "cuda": ("CUDA", "cuda13"),
    "matplotlib": ("Matplotlib", "demos"), "tqdm": ("tqdm", "demos"), "tensorboardX": ("tensorboardX", "tensorboard"),
    "onnx": ("ONNX", "onnx"), "onnxruntime": ("onnxruntime", "onnx"), "safetensors": ("safetensors", "safetensors"),
    "PIL": ("Pillow", "images"), "pandas": ("pandas", "tables"), "numba": ("Numba", "fast"),
    "playwright": ("Playwright", "docs"), "sphinx_gallery": ("Sphinx-Gallery", "docs"),
}  # fmt: skip
NOT_HERE = pytest.StashKey[Counter]()  # how many tests were taken out, by reason


def pytest_addoption(parser):
    """Declare the option that runs the slow tests too."""
    parser.addoption("--slow", action="store_true", help="run the tests that are marked slow, too")


def pytest_configure(config):
    """Declare our marks: `slow`, and the one that tests/devices.py puts on tests for a device that is missing."""
    os.environ.pop("COLUMNS", None)  # the window's width, which worker processes inherit: tables would follow it
    config.addinivalue_line("markers", "not_here(reason): cannot run on this machine; counted in the summary")
    config.addinivalue_line("markers", "slow: runs with --slow, or if its file is named on the command line")
    config.stash[NOT_HERE] = Counter()


def pytest_xdist_auto_num_workers(config):
    """`pytest` uses every core. `pytest tests/layers/test_dense.py` stays in one process, which starts at once."""
    return 0 if len(_named_files(config)) == len(config.args) else None


def _named_files(config):
    """The files of the arguments that name a file or a test in it."""
    paths = [Path(arg.partition("::")[0]) for arg in config.args]
    return [path.resolve() for path in paths if path.is_file()]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Take out the tests that are marked not_here or slow, and count them. Refuse names that differ by process."""
    here, slow, named = [], config.getoption("slow"), set(_named_files(config))
    for item in items:
        if re.search(r"\bat 0x[0-9a-f]+", item.nodeid):
            raise pytest.UsageError(f"{item.nodeid}: expected a name without an address. Give parametrize other ids.")
        mark = item.get_closest_marker("not_here")
        if mark is not None:
            config.stash[NOT_HERE][mark.kwargs["reason"]] += 1
        elif item.get_closest_marker("slow") and not slow and item.path not in named:
            config.stash[NOT_HERE]["slow (pytest --slow)"] += 1
        else:
            here.append(item)
    items[:] = here


def pytest_sessionfinish(session):
    """In a worker process: hand the counts to the process that prints."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["not_here"] = dict(session.config.stash[NOT_HERE])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """In the process that prints: take a worker's counts. Every worker collects all tests, so all have the same."""
    node.config.stash[NOT_HERE] |= Counter(getattr(node, "workeroutput", {}).get("not_here"))


def pytest_terminal_summary(terminalreporter, config):
    """One line: how many tests did not run, for which reasons."""
    counts = Counter(config.stash[NOT_HERE])
    counts.update(_reason(report) for report in terminalreporter.stats.get("skipped", ()))
    if counts:
        parts = [f"{n} {reason}" for reason, n in counts.most_common()]
        terminalreporter.write_line(f"not run here: {'; '.join(parts)}")


def _reason(report):
    """Why a test was skipped: the library that it needs, with the cure, or the sentence that it gives."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    missing = re.search(r"could not import '(\w+)", text)
    if not missing:
        return text.removeprefix("Skipped: ").rstrip(".")
    name, extra = LIBRARIES.get(missing[1], (missing[1], None))
    return f'with {name} (pip install -e ".[{extra}]")' if extra else f"with {name} (not installed)"
