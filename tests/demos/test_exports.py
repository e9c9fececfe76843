"""Every model that a demo trains and saves runs in onnxruntime, and gives the same numbers there."""

import copy

import pytest

from npae import GAN, load

pytest.importorskip("matplotlib")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from tests.demos.test_demos import DEMOS, by_demo  # noqa: E402
from tests.export.common import relative  # noqa: E402
from tests.export.onnx_graph.demo_networks import differences, inputs, methods  # noqa: E402

SAVING = [name for name, files in DEMOS.items() if any(file.endswith(".npz") for file in files)]
BOUND = 1e-5  # of the largest output
ILL_CONDITIONED = {("small_weights_descent.npz", "encode")}  # the codes of all digits are nearly the same


def test_all_demos_but_those_of_detectors_save_their_models():
    assert set(DEMOS) - set(SAVING) == {"anomaly"}


def rounding(model, x):
    """How much npae's own codes in float32 differ from those in float64."""
    exact = methods(copy.deepcopy(model).astype("float64"))["encode"](x)
    return relative(methods(model)["encode"](x), exact.astype("float32"))


@pytest.mark.parametrize("name", by_demo(SAVING))
def test_the_models_of_a_demo_agree(name, quick):
    found, beyond = set(), set()
    for path in sorted(quick(name).out.glob("*.npz")):
        model = load(path)
        shape = (model.prior.size,) if isinstance(model, GAN) else model.seen.shape if model.seen else (784,)
        found.add(path.name)
        for part, difference in differences(model, shape).items():
            if (path.name, part) in ILL_CONDITIONED:
                assert difference <= max(BOUND, 3 * rounding(model, inputs(shape)))
            elif difference > BOUND:
                beyond.add((path.name, part, difference))
    assert {file for file in DEMOS[name] if file.endswith(".npz")} == found and beyond == set()
