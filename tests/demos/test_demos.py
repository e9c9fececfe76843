"""Every demo runs with --quick, writes its files and reports its own models; bad options end with a message."""

import importlib
import json
import math

import numpy as np
import pytest

from npae import load

pytest.importorskip("matplotlib")

DEMOS = {
    "aae": {"maps.png", "styles.png", "gaussian.npz", "ring.npz", "swiss_roll.npz", "metrics.json"},
    "activations": {"filters.png", "frontier.png", "frequencies.png", "top_k.npz", "metrics.json"},
    "anomaly": {"curves.png", "extremes.png", "metrics.json"},
    "cells": {"digits.png", "digits_2.npz", "digits_10.npz", "metrics.json"},
    "conv": {"reconstructions.png", "maps.png", "loss.png", "pooled.npz", "strided.npz", "large.npz", "metrics.json"},
    "conv_denoising": {"cleaned.png", "gaussian_0_5.npz", "gaussian_0_4.npz", "metrics.json"},
    "conv_vae": {"manifold.png", "conv_vae.npz", "metrics.json"},
    "contractive": {"filters.png", "plain.npz", "contractive.npz", "strongly.npz", "metrics.json"},
    "clusters": {"clusters.png", "clusters.npz", "history.csv", "metrics.json"},
    "codes2d": {"maps.png", "codes2d.npz", "metrics.json"},
    "deep": {"reconstructions.png", "loss.png", "codes.png", "deep.npz", "history.csv", "metrics.json"},
    "denoising": {"cleaned.png", "gaussian_0_4.npz", "gaussian_0_5.npz", "masking_50.npz", "salt_and_pepper_40.npz",
                  "metrics.json"},
    "data_parallel": {"reconstructions.png", "loss.png", "codes.png", "deep.npz", "history.csv", "metrics.json"},
    "faces": {"reconstructions.png", "samples.png", "nearest.png", "interpolations.png", "directions.png", "vae.npz",
              "aae.npz", "gan.npz", "vae.csv", "aae.csv", "gan.csv", "metrics.json"},
    "frey": {"map.png", "reconstructions.png", "frey.npz", "metrics.json"},
    "gan": {"samples.png", "nearest.png", "diagnostics.png", "gan.npz", "history.csv", "metrics.json"},
    "semi_supervised": {"styles.png", "semi_supervised.npz", "history.csv", "metrics.json"},
    "sparse": {"filters.png", "relu.npz", "relu_l1.npz", "logistic_kl.npz", "top_k.npz", "metrics.json"},
    "latent": {"reconstructions.png", "vae.html", "autoencoder.html", "denoiser.html", "vae.npz", "autoencoder.npz",
               "denoiser.npz", "metrics.json"},
    "overcomplete": {"filters.png", "copies.png", "nothing_linear.npz", "nothing.npz", "denoising.npz", "sparsity.npz",
                     "contraction.npz", "metrics.json"},
    "reduction": {"reconstructions.png", "loss.png", "reduction.npz", "metrics.json"},
    "pca": {"angles.png", "axes.png", "pca.npz", "metrics.json"},
    "stacked": {"reconstructions.png", "loss.png", "pretrained_fine_tuned.npz", "adam_alone.npz",
                "small_weights_descent.npz", "machines.png", "machine_filters.png", "machines_fine_tuned.npz",
                "no_pretraining.npz", "greedy_pretraining.npz", "greedy_pretraining_adam.npz", "machines.npz",
                "metrics.json"},
    "vae": {"samples.png", "map.png", "traversals.png", "vae.npz", "metrics.json"},
    "interpolation": {"interpolation.png", "samples.png", "plain.npz", "variational.npz", "metrics.json"},
    "simple": {"reconstructions.png", "loss.png", "784_32.npz", "784_128_64_32.npz", "metrics.json"},
}  # fmt: skip
SLOW = {"aae", "contractive", "conv", "data_parallel", "denoising", "faces", "gan", "latent", "overcomplete",
        "semi_supervised", "sparse", "stacked"}  # fmt: skip


def by_demo(names):
    """The names as parameters; those of demos that take long are slow."""
    return [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in names]


def run(name, out, *options):
    return importlib.import_module(f"demos.{name}").main(["--quick", "--device", "cpu", "--out", str(out), *options])


@pytest.mark.parametrize("name", by_demo(DEMOS))
def test_a_quick_run_writes_everything(name, quick):
    result, out = quick(name).result, quick(name).out
    assert {p.name for p in out.iterdir()} == DEMOS[name]
    for png in out.glob("*.png"):
        assert png.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert json.loads((out / "metrics.json").read_text(encoding="utf-8")) == result
    assert {"name", "device", "seed", "epochs", "seconds", "versions"} <= set(result) and result["name"] == name
    assert all(math.isfinite(v) for v in result.values() if isinstance(v, float))
    printed = quick(name).printed
    assert "training digits" in printed and "metrics.json are in" in printed


def test_deep_beats_the_mean_image_and_pca_and_reports_its_own_model(quick):
    result = quick("deep").result
    loss = result["test_cross_entropy_nats_per_pixel"]
    assert result["floor_nats_per_pixel"] < loss < 0.9 * result["mean_image_nats_per_pixel"]
    digits = importlib.import_module("demos.common").mnist(which="sample").test_images[:500].reshape(-1, 784)
    model = load(quick("deep").out / "deep.npz")
    assert model.evaluate(digits)["reconstruction"] / 784 == pytest.approx(loss, rel=1e-6)
    assert result["test_squared_error_per_image"] < 0.95 * result["pca_squared_error_per_image"]
    dead = (np.ptp(model.encode(digits), axis=0) == 0).sum()
    assert result["dead_code_units_count"] == dead < 4


def test_a_single_epoch_has_something_to_show(tmp_path):
    assert run("reduction", tmp_path, "--epochs", "1")["epochs"] == 1  # too few to end without augmentation


@pytest.mark.slow
def test_stacked_leaves_the_mean_image_by_pretraining_only(quick):
    result = quick("stacked").result
    mean = result["mean_image_squared_error_per_image"]
    assert result["small_weights_descent_squared_error_per_image"] > 0.95 * mean
    assert result["pretrained_fine_tuned_squared_error_per_image"] < 0.6 * mean
    alone, tuned = (result[f"machines_{when}_squared_error_per_image"] for when in ("alone", "fine_tuned"))
    assert tuned < alone < 0.7 * mean
    wrong = [result[f"classifier_{arm}_test_error_percent"] for arm in
             ("no_pretraining", "greedy_pretraining", "greedy_pretraining_adam", "machines")]  # fmt: skip
    assert max(wrong[1:]) < wrong[0]
    digits = importlib.import_module("demos.common").mnist(which="sample")
    classifier = load(quick("stacked").out / "greedy_pretraining_adam.npz")
    test = digits.test_images[:500].reshape(-1, 784), digits.test_labels[:500]
    assert 100 * classifier.error_rate(test) == pytest.approx(wrong[2])


def test_a_linear_autoencoder_finds_the_subspace_of_pca(quick):
    result = quick("pca").result
    assert result["principal_angles_degrees"] == sorted(result["principal_angles_degrees"])
    assert 0 <= result["largest_angle_degrees"] < 5
    ours, least = (result[f"{name}_train_squared_error_per_image"] for name in ("autoencoder", "pca"))
    assert least < ours < least + 0.02


@pytest.mark.slow
def test_an_overcomplete_autoencoder_copies_scrambled_images_unless_it_is_regularised(quick):
    result = quick("overcomplete").result
    error = {name: result[f"{name}_scrambled_squared_error_per_image"]
             for name in ("nothing_linear", "nothing", "denoising", "sparsity", "contraction")}  # fmt: skip
    assert error["nothing_linear"] < error["nothing"] < min(list(error.values())[2:])
    assert result["nothing_linear_digits_squared_error_per_image"] < 0.1 * result["mean_image_squared_error_per_image"]
    digits = importlib.import_module("demos.common").mnist(which="sample").test_images[:500].reshape(-1, 784)
    scrambled = np.random.default_rng(0).permuted(digits, axis=0)
    ours = 2 * load(quick("overcomplete").out / "sparsity.npz").reconstruction_error(scrambled).mean(dtype=np.float64)
    assert error["sparsity"] == pytest.approx(ours, rel=1e-5)


def test_a_two_dimensional_code_is_better_than_that_of_pca(quick):
    result = quick("codes2d").result
    for measure in ("squared_error_per_image", "5_nearest_neighbours_error_percent"):
        assert 0 < result[f"autoencoder_{measure}"] < result[f"pca_{measure}"]


def test_the_seed_decides(tmp_path):
    runs = ("a", "1"), ("b", "1"), ("c", "2")
    a, b, c = (run("codes2d", tmp_path / folder, "--epochs", "1", "--seed", seed) for folder, seed in runs)
    key = "autoencoder_squared_error_per_image"
    assert a[key] == b[key] != c[key]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--epochs", "0"], "at least 1, got 0"),
        (["--epochs", "-3"], "at least 1, got -3"),
        (["--seed", "-1"], "0 or more, got -1"),
        (["--full"], "exclude each other"),
        (["--device", "tpu"], "invalid choice: 'tpu'"),
    ],
)
def test_bad_options(options, words, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run("deep", tmp_path, *options)
    assert words in capsys.readouterr().err


def test_a_missing_gpu_is_reported(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("npae.backend.arrays.why_no_gpu", lambda: "None here.")
    with pytest.raises(SystemExit):
        run("deep", tmp_path, "--device", "gpu")
    assert '"gpu" cannot be used. None here.' in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_reported_before_training(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit):
        run("deep", tmp_path / "file" / "out")
    assert "Cannot write" in capsys.readouterr().err


def test_pca_is_the_best_linear_code():
    from demos.baselines import PCA, pixel_entropy, squared_error_per_image

    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 6)) @ rng.standard_normal((6, 6)) + 5
    variances = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1]
    for k in range(7):
        assert squared_error_per_image(PCA(x, k).reconstruct(x), x) == pytest.approx(variances[k:].sum(), abs=1e-9)
    assert pixel_entropy(np.array([[0, 255]], np.uint8)) == 0
    assert pixel_entropy(np.array([[51]], np.uint8)) == pytest.approx(-(0.2 * math.log(0.2) + 0.8 * math.log(0.8)))
