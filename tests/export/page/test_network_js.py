"""The page computes what npae computes with the same 8-bit weights."""

import numpy as np
import pytest

from npae.export.page import javascript, quantized
from tests.export.page.networks import ACTIVATIONS, networks, samples, text_of

pytestmark = pytest.mark.slow

BOUND = 2e-6  # relative to the largest number


def difference(found, expected):
    """The largest difference, relative to the largest expected number."""
    found = np.array(found).reshape(expected.shape)
    return float(np.abs(found - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize("name", list(networks()))
def test_encoder_and_decoder_are_those_of_npae(name, visit):
    model = networks()[name]
    copy, x = quantized(model), samples(model)
    page = visit(text_of(model))
    codes = copy.encode(x)
    assert difference(page.evaluate("Array.from(arrays.codes)"), codes) < BOUND
    encoded = page.evaluate("Array.from({length: about.samples}, (_, k) => Array.from(encode(sample(k))))")
    assert difference(encoded, codes) < BOUND
    decoded = page.evaluate("codes => codes.map(code => Array.from(decode(code)))", codes.tolist())
    assert difference(decoded, copy.decode(codes)) < BOUND
    assert difference(decoded, model.decode(codes)) > 10 * BOUND  # with the weights before rounding: another network


def test_activations_are_those_of_npae(visit):
    a = np.linspace(-8, 8, 201)
    page = visit("<!DOCTYPE html><title>Activations</title>", ready=False)
    for phi in (cls() for cls in ACTIVATIONS):
        found = page.evaluate(f"a => a.map({javascript(phi)})", a.tolist())
        assert np.abs(np.array(found) - phi(a)).max() < 1e-14, phi


@pytest.mark.parametrize("name", ["variational", "dense", "one number"])
def test_a_place_on_the_map_and_its_code(name, visit):
    page = visit(text_of(networks()[name]))
    code, place, back, moved = page.evaluate("""() => {
        const place = placeOf(present.code), target = [place[0] + 0.3, place[1] - 0.2], code = codeAt(target);
        return [Array.from(present.code), place, Array.from(codeAt(place)), [placeOf(code), target]];
    }""")
    assert np.allclose(back, code, atol=1e-6)
    rows = 1 if name == "one number" else 2
    assert np.allclose(moved[0][:rows], moved[1][:rows], atol=1e-6) and len(place) == 2
