"""The demos vae and interpolation: they report what the saved models do; their options."""

import json
import sys

import numpy as np
import pytest

from npae import load, mnist

pytest.importorskip("matplotlib")

from demos import interpolation, vae  # noqa: E402


def run(demo, out, *options):
    return demo.main(["--quick", "--device", "cpu", "--out", str(out), *options])


def test_vae_reports_its_own_model_and_beats_the_mean_image(quick, digits):
    result = quick("vae").result
    terms = load(quick("vae").out / "vae.npz").evaluate(digits)
    assert result["test_kl_nats"] == pytest.approx(terms["kl"], rel=1e-6)
    assert result["test_nats"] == pytest.approx(sum(terms.values()), rel=1e-6)
    assert result["test_nats"] < result["test_nats_of_two_numbers"] < 200  # 205.8: the mean image
    assert result["test_nats"] > 45.5 + 5  # at least the entropy of the pixels and some KL divergence
    assert 5 < result["active_units_count"] <= 20


def test_vae_with_the_bound_of_several_codes_and_the_likelihood(tmp_path, capsys):
    result = run(vae, tmp_path, "--epochs", "1", "--iwae", "3", "--likelihood", "1")
    model = load(tmp_path / "vae.npz")
    assert (model.objective, model.samples) == ("iwae", 3)
    assert 50 < result["test_minus_ln_p_nats"] < result["test_minus_elbo_binary_nats"]
    printed = capsys.readouterr().out
    assert "784-200-200-50, binary digits: −ln p(x)" in printed and "86.76 after 3280" not in printed
    x = np.random.default_rng(0).random((64, 784)) < mnist(which="sample").test_images[:64].reshape(64, 784) / 255
    again = -load(tmp_path / "binary.npz").log_likelihood(x.astype(np.float32), 50, seed=0).mean()
    assert result["test_minus_ln_p_nats"] == pytest.approx(again, rel=1e-6)


def test_impossible_options_end_with_a_message(tmp_path):
    with pytest.raises(SystemExit, match="expected --iwae and --likelihood of 0 or more, got -2 and 0"):
        run(vae, tmp_path, "--iwae", "-2")


def test_interpolation_without_scikit_learn_leaves_the_mixture_out(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.mixture", None)
    result = run(interpolation, tmp_path, "--epochs", "1")
    assert "Left out: CodeMixture: scikit-learn is not installed" in capsys.readouterr().out
    shares = {k: v for k, v in result.items() if k.endswith("_percent")}
    assert "drawn_variational_codes_percent" in shares and not any("mixture" in k for k in shares)
    assert all(0 <= v <= 100 for v in shares.values())
    assert json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8")) == result


def test_pairs_are_of_different_digits():
    labels = np.array([3, 3, 3, 7])
    a, b = interpolation.pairs(labels, 40, 0)
    assert 10 < len(a) == len(b) <= 40 and (labels[a] != labels[b]).all()


def test_gaussian_codes_have_the_moments_of_the_codes():
    codes = np.random.default_rng(0).standard_normal((2000, 2)) @ np.array([[1, 0.5], [0, 2]]) + 3
    new = interpolation.gaussian_codes(codes, 5000, 1)
    np.testing.assert_allclose(new.mean(axis=0), codes.mean(axis=0), atol=0.15)
    np.testing.assert_allclose(np.cov(new.T), np.cov(codes.T), atol=0.3)
