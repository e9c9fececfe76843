"""npae.models.latent.mixture: it finds the Gaussians of the codes and samples from them; errors."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from npae import dense_autoencoder
from npae.models import CodeMixture
from tests.devices import each_device, on


class Codes:
    """A model on the CPU whose encoder and decoder are the identity."""

    theta = SimpleNamespace(value=np.zeros(0, np.float32))

    def encode(self, data):
        return data

    def decode(self, codes, batch_size):
        return codes


def two_clouds(n=4000):
    rng = np.random.default_rng(0)
    left = rng.standard_normal((n, 2)) @ np.array([[1.0, 0.8], [0, 0.3]]) + [-4, 1]
    right = 0.5 * rng.standard_normal((3 * n, 2)) + [4, 0]
    return np.concatenate([left, right]).astype(np.float32)


def test_the_error_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.mixture", None)
    words = r"CodeMixture: scikit-learn is not installed: pip install .*\[sklearn\]"
    with pytest.raises(ModuleNotFoundError, match=words):
        CodeMixture(Codes(), two_clouds(10), components=2)


class TestWithScikitLearn:
    """Tests that need the extra `sample`."""

    @pytest.fixture(autouse=True)
    def _sklearn(self):
        pytest.importorskip("sklearn")

    def test_samples_have_the_distribution_of_the_codes(self):
        data = two_clouds()
        mixture = CodeMixture(Codes(), data, components=2)
        new = mixture.draw(len(data), seed=1)
        assert new.shape == data.shape and new.dtype == np.float32
        for real, found in ((data[data[:, 0] < 0], new[new[:, 0] < 0]), (data[data[:, 0] > 0], new[new[:, 0] > 0])):
            assert len(found) == pytest.approx(len(real), rel=0.05)
            np.testing.assert_allclose(found.mean(axis=0), real.mean(axis=0), atol=0.06)
            np.testing.assert_allclose(np.cov(found.T), np.cov(real.T), atol=0.06)

    def test_a_seed_fixes_the_samples(self):
        mixture = CodeMixture(Codes(), two_clouds(), components=2)
        np.testing.assert_array_equal(mixture.sample(5, 1), mixture.draw(5, 1))
        assert (mixture.sample(5, 1) != mixture.sample(5, 2)).any()

    def test_samples_of_an_autoencoder_have_the_shape_of_its_data(self):
        images = np.random.default_rng(0).integers(0, 256, (60, 4, 5), dtype=np.uint8)
        model = dense_autoencoder([20, 3], image_shape=(4, 5))
        new = CodeMixture(model, images, components=3).sample(7)
        assert new.shape == (7, 4, 5) and 0 <= new.min() <= new.max() <= 1

    @each_device
    def test_samples_lie_where_the_model_is(self, device):
        data = np.random.default_rng(0).random((60, 6), np.float32)
        here = CodeMixture(dense_autoencoder([6, 3]), data, components=3).sample(7, 1)
        with on(device) as place:
            model = dense_autoencoder([6, 3]).to(place.name)
            new = CodeMixture(model, data, components=3).sample(7, 1, batch_size=2)
            assert type(new) is type(place.put(data))
            np.testing.assert_allclose(place.get(new), here, rtol=1e-4)

    @pytest.mark.parametrize("data, components, words", [
        (np.zeros((3, 2), np.float32), 5, r"n at least 5 \(components\), got \(3, 2\)"),
        (np.zeros((30, 2, 2), np.float32), 5, r"codes of shape \(n, d\), .* got \(30, 2, 2\)"),
        (np.full((30, 2), np.nan, np.float32), 5, "CodeMixture: codes: row 0 contains NaN or Inf"),
        (np.zeros((30, 2), np.float32), 0, "components: expected 1 or more, got 0"),
    ])  # fmt: skip
    def test_bad_arguments_are_named(self, data, components, words):
        with pytest.raises(ValueError, match=words):
            CodeMixture(Codes(), data, components)


def test_its_repr_states_components_and_size():
    pytest.importorskip("sklearn")
    x = np.random.default_rng(0).random((50, 6))
    assert repr(CodeMixture(dense_autoencoder([6, 2]), x, components=3)) == "CodeMixture(3 Gaussians in 2 dimensions)"
