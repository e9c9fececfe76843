"""The demo activations: hidden states, natural patches or those of digits; it reports what its saved model does."""

import json
import re

import numpy as np
import pytest

from npae import load

pytest.importorskip("matplotlib")

from demos import activations, hidden_states, patches, sparse_data  # noqa: E402
from demos.baselines import PCA  # noqa: E402
from npae.evaluate import fraction_of_variance_unexplained  # noqa: E402


def states_file(path, n=4000, d=40, seed=0):
    """Hidden states made of 60 directions, few of them active; which ones depends on the token."""
    rng = np.random.default_rng(seed)
    token = rng.integers(0, 30, n)
    h = rng.exponential(size=(n, 60)) * (rng.random((n, 60)) < 0.03)
    h[np.arange(n), token] += 2  # a direction for each word
    x = h @ rng.standard_normal((60, d)) + 5
    vocab = np.array([f"word{t}" if t % 2 else f"##<{t}>" for t in range(30)])
    np.savez(path, x=x.astype(np.float32), token=token, vocab=vocab, passage=np.arange(n) // 40)
    return path


@pytest.fixture(autouse=True)
def no_data(tmp_path, monkeypatch):
    monkeypatch.delenv("NPAE_DATA", raising=False)
    monkeypatch.setenv("NPAE_CACHE", str(tmp_path / "cache"))


def run(out, *options):
    return activations.main(["--quick", "--device", "cpu", "--out", str(out), *options])


@pytest.fixture(scope="module")
def language(tmp_path_factory):
    """A quick run on hidden states: (its result, its folder, its file)."""
    folder = tmp_path_factory.mktemp("language")
    file = states_file(folder / "states.npz")
    return run(folder / "out", "--file", str(file)), folder / "out", file


def test_without_hidden_states_it_prints_how_to_make_them_and_takes_digits(quick):
    result, printed = quick("activations").result, quick("activations").printed
    assert "NPAE_DATA is not set. Make a file with x (n, d)" in printed
    assert re.search(r"Data: 3,000 patches of 2,000 training digits, 1,000 of 500 held-out digits, 12 × 12", printed)
    for kind in ("top_k", "batch_top_k"):
        assert result[f"{kind}_k_16_unexplained_percent"] < result[f"{kind}_k_4_unexplained_percent"]
    assert result["top_k_k_16_active_units"] == 16 and result["pca_16_components_active_units"] == 16
    assert 0 < result["jumprelu_θ_1_5_active_units"] < 144


def test_files_of_hidden_states(language):
    result, out, file = language
    assert {p.name for p in out.iterdir()} == {"features.html", "frontier.png", "frequencies.png", "top_k.npz",
                                               "metrics.json"}  # fmt: skip
    states = hidden_states.read(file)
    held = states.held_out()
    train, x = sparse_data.scaled(states.x[~held], states.x[held])
    assert len(x) == 800
    model = load(out / "top_k.npz")
    label = "top_k_k_32" if model.activation.k == 32 else "top_k_k_8"
    x_hat, h = model.reconstruct(x), model.encode(x)
    error = 100 * ((x - x_hat) ** 2).sum() / ((x - x.mean(axis=0)) ** 2).sum()
    assert result[f"{label}_unexplained_percent"] == pytest.approx(error, rel=1e-4)
    assert result[f"{label}_active_units"] == pytest.approx((h != 0).sum(axis=1).mean())
    assert result[f"{label}_dead_percent"] == pytest.approx(100 * (h == 0).all(axis=0).mean())
    pca = 100 * fraction_of_variance_unexplained(x, PCA(train, 8).reconstruct(x).astype(np.float32))
    assert result["pca_8_components_unexplained_percent"] == pytest.approx(pca, rel=1e-4)
    assert result["page_kilobytes"] == (out / "features.html").stat().st_size / 1000


def test_the_page_has_the_words_of_the_file(language):
    text = (language[1] / "features.html").read_text(encoding="utf-8")
    about = json.loads(re.search(r'<script type="application/json" id="about">(.*?)</script>', text)[1])
    assert set(about["words"]) == {f" word{t}" if t % 2 else f"<{t}>" for t in range(30)}
    assert "of the hidden states of 4,000 tokens" in about["summary"]


def test_the_page_of_many_tokens_has_the_first_passages(tmp_path, monkeypatch):
    monkeypatch.setattr(activations, "PAGE_TOKENS", 1000)
    monkeypatch.setattr(activations, "models", first)
    pages = []
    monkeypatch.setattr(activations, "save_features", lambda path, codes, states, held, *text: (
        pages.append((np.concatenate(list(codes)), states, held)), path.write_text(""))[0] or path)  # fmt: skip
    file = states_file(tmp_path / "states.npz")
    run(tmp_path / "out", "--file", str(file), "--epochs", "1")
    ((codes, states, held),) = pages
    every = hidden_states.read(file)
    assert len(codes) == len(states.x) == len(held) == 1000 and np.array_equal(held, every.held_out()[:1000])
    train, test = sparse_data.scaled(every.x[~every.held_out()], every.x[every.held_out()])
    expected = load(tmp_path / "out" / "top_k.npz").encode(test[: held.sum()])
    np.testing.assert_allclose(codes[held], expected, atol=1e-5)


def test_rows_are_scaled_by_the_training_rows_alone():
    rng = np.random.default_rng(0)
    train, test = rng.normal(3, 2, (50, 4)), rng.normal(0, 1, (20, 4))
    a, b = sparse_data.scaled(train, test)
    assert np.abs(a.mean(axis=0)).max() < 1e-6 and (a**2).mean() == pytest.approx(1) and a.dtype == np.float32
    scale = (train[0] - train[1]) / (a[0] - a[1])
    assert np.ptp(scale) < 1e-4  # one number for all features
    np.testing.assert_allclose(b, (test - train.mean(axis=0)) / scale.mean(), atol=1e-5)


def test_natural_images_are_taken_where_there_are_some(tmp_path, monkeypatch, capsys):
    images = np.random.default_rng(0).integers(0, 256, (32, 40, 40), np.uint8)
    (tmp_path / patches.FILE).parent.mkdir()
    np.savez(tmp_path / patches.FILE, images=images)
    monkeypatch.setenv("NPAE_DATA", str(tmp_path))
    captions = []
    monkeypatch.setattr(activations.figures, "basis", lambda path, images, title, caption: captions.append(caption))
    monkeypatch.setattr(activations, "models", first)
    run(tmp_path / "out", "--patches", "--epochs", "1")
    assert "3,000 patches of 26 training images, 1,000 of 6 held-out images, 16 × 16" in capsys.readouterr().out
    assert captions == [patches.CREDIT] and "BSDS500" in patches.CREDIT


MODELS = activations.models


def first(settings, data):
    """The model that is shown, alone."""
    return [point for point in MODELS(settings, data) if point[:2] == ("top-k", data.k)]


@pytest.mark.parametrize("content, words", [
    (None, "--file: No hidden states: no file"), (b"nothing", "expected an .npz file of arrays"),
])  # fmt: skip
def test_files_that_are_missing_or_wrong(content, words, tmp_path, capsys):
    path = tmp_path / "states.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SystemExit) as end:
        run(tmp_path / "out", "--file", str(path))
    assert words in str(end.value.code) and not (tmp_path / "out" / "metrics.json").exists()


def test_what_there_is_after_an_interruption_is_measured(tmp_path, monkeypatch, capsys):
    train = activations.common.train

    def interrupted(settings, *arguments, **options):
        history = train(settings, *arguments, **options)
        settings.stopped = "interrupted after 2 of 3 epochs"
        return history

    monkeypatch.setattr(activations.common, "train", interrupted)
    with pytest.raises(SystemExit) as end:
        run(tmp_path / "out", "--file", str(states_file(tmp_path / "states.npz")))
    assert end.value.code == 130 and "Training was interrupted after 2 of 3 epochs." in capsys.readouterr().out
    found = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))
    assert 0 < found["top_k_k_8_unexplained_percent"] < 100 and "top_k_k_32_unexplained_percent" not in found
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"frontier.png", "metrics.json"}


def test_narrow_states_are_refused(tmp_path):
    with pytest.raises(SystemExit, match="expected hidden states of more than 8 numbers, got 5"):
        run(tmp_path / "out", "--file", str(states_file(tmp_path / "states.npz", n=400, d=5)))


def test_pytorch_takes_the_same_steps(tmp_path):
    pytest.importorskip("torch")
    file = states_file(tmp_path / "states.npz", n=1000)
    result = run(tmp_path / "out", "--file", str(file), "--pytorch")
    for k in (8, 32):
        ours, theirs = (result[f"{name}top_k_k_{k}_unexplained_percent"] for name in ("", "pytorch_"))
        assert ours == pytest.approx(theirs, rel=0.02)


def test_pytorch_that_is_missing_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(activations.importlib.util, "find_spec", lambda name: None if name == "torch" else True)
    with pytest.raises(SystemExit, match="--pytorch: "):
        run(tmp_path / "out", "--pytorch")
