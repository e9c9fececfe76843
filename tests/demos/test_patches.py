"""Image patches: the whitening filter by hand, and patches from where they are."""

import numpy as np
import pytest

from demos import patches


def test_whitening_by_hand():
    """A sine of frequency f keeps its phase; two sines keep the ratio of their amplitudes times that of the filter."""
    n, (slow, fast) = 40, (4, 10)
    t = np.arange(n)
    images = np.stack([3 * np.cos(2 * np.pi * slow * t / n) + np.cos(2 * np.pi * fast * t / n)] * n)[None]
    spectrum = np.fft.rfft2(patches.whiten(images + 100)[0])[0].real
    f = np.array([slow, fast]) / n
    gain = f * np.exp(-((f / 0.4) ** 4))
    assert spectrum[slow] / spectrum[fast] == pytest.approx(3 * gain[0] / gain[1])
    assert abs(spectrum[0]) < 1e-9 * spectrum[fast]  # no mean


def test_whitening_flattens_the_spectrum_of_natural_images():
    rng, n = np.random.default_rng(0), 64
    f = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n))
    noise = np.fft.rfft2(rng.standard_normal((20, n, n)))
    pink = np.fft.irfft2(noise / np.maximum(f, 1 / n), s=(n, n))  # the power falls as f⁻²

    def power(images):
        spectrum = np.abs(np.fft.rfft2(images)) ** 2
        return [spectrum[:, (f > low) & (f < low + 0.05)].mean() for low in (0.03, 0.1, 0.2)]

    before, after = power(pink), power(patches.whiten(pink))
    assert before[0] > 8 * before[2] and max(after) < 2 * min(after)
    white = patches.whiten(pink)
    assert white.std() == pytest.approx(1) and abs(white.mean()) < 1e-9


def test_patches_are_parts_of_the_images_and_not_flat():
    rng = np.random.default_rng(0)
    images = rng.standard_normal((3, 20, 24))
    images[:, :, :12] = 0
    found = patches.cut(images, 200, 5, seed=1)
    assert found.shape == (200, 25) and found.dtype == np.float32
    assert found.var(axis=1).min() > patches.FLAT * images.var()
    windows = np.lib.stride_tricks.sliding_window_view(images, (5, 5), axis=(1, 2)).reshape(-1, 25)
    everything = {w.astype(np.float32).tobytes() for w in windows}
    assert all(p.tobytes() in everything for p in found)
    assert np.array_equal(found, patches.cut(images, 200, 5, seed=1))
    assert not np.array_equal(found, patches.cut(images, 200, 5, seed=2))


def test_natural_images_are_divided(tmp_path, monkeypatch):
    monkeypatch.delenv("NPAE_DATA", raising=False)
    assert patches.natural() is None
    images = np.arange(32, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), np.uint8)
    (tmp_path / patches.FILE).parent.mkdir()
    np.savez(tmp_path / patches.FILE, images=images)
    monkeypatch.setenv("NPAE_DATA", str(tmp_path))
    train, held = patches.natural()
    assert train[:, 0, 0].tolist() == list(range(26)) and held[:, 0, 0].tolist() == list(range(26, 32))
