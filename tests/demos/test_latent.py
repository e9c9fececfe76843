"""The demo latent: the numbers of its table are those of the saved networks and of their pages, which are small."""

import numpy as np
import pytest

from npae import load
from npae.export.page import quantized

pytest.importorskip("matplotlib")

from demos import latent  # noqa: E402
from demos.denoising import corrupted, cross_entropy  # noqa: E402
from tests.export.page.networks import embedded  # noqa: E402


@pytest.mark.parametrize("name", latent.TITLES)
@pytest.mark.slow
def test_it_reports_its_own_networks_and_pages(name, quick, digits):
    result, out = quick("latent").result, quick("latent").out
    model = load(out / f"{name}.npz")
    x = corrupted(latent.NOISE, digits, [0, 1]) if name == "denoiser" else digits
    for prefix, network in (("", model), ("page_", quantized(model))):
        if name == "vae":
            nats = -network.elbo(digits).mean()
        else:
            nats = 784 * cross_entropy(network.reconstruct(x), digits / 255)
        assert result[f"{name}_{prefix}test_nats"] == pytest.approx(nats, rel=1e-5)
    text = (out / f"{name}.html").read_text(encoding="utf-8")
    assert result[f"{name}_page_kilobytes"] == len(text.encode()) / 1000 < 700
    assert f"<title>{latent.TITLES[name]} of digits</title>" in text and len(embedded(text, "data")) > 300_000


@pytest.mark.slow
def test_8_bits_cost_little_and_the_networks_have_learnt(quick, digits):
    result = quick("latent").result
    mean = 784 * cross_entropy(np.broadcast_to(digits.mean(axis=0) / 255, digits.shape), digits / 255)
    for name in latent.TITLES:
        before, after = result[f"{name}_test_nats"], result[f"{name}_page_test_nats"]
        assert abs(after - before) < 0.01 * before < 0.01 * 0.9 * mean
