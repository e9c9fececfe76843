"""The demos gan, aae and semi_supervised: they report what the saved models do, and training makes progress."""

import numpy as np
import pytest

from npae import load, mnist
from npae.evaluate import nearest_neighbour_test, parzen_log_likelihood
from npae.models import RingPrior, rejection_sample

pytest.importorskip("matplotlib")

from demos import gan, semi_supervised  # noqa: E402


@pytest.fixture(scope="module")
def digits():
    data = mnist(which="sample")
    train = data.train_images[:2000].reshape(-1, 784)
    return train[:1800], train[1800:], data.test_images[:500].reshape(-1, 784), data.test_labels[:500]


@pytest.mark.slow
def test_a_generator_comes_nearer_to_digits_and_its_metrics_are_those_of_its_samples(quick, digits):
    run = quick("gan")
    result = run.result
    _, validation, test, _ = digits
    model = load(run.out / "gan.npz")
    samples = model.sample(1800, seed=1)
    two = nearest_neighbour_test(samples[:500], test)
    assert result["gan_two_sample_accuracy"] == pytest.approx(two.accuracy, abs=0.005)
    accepted = nearest_neighbour_test(rejection_sample(model, 1800, seed=2)[:500], test)
    assert result["accepted_two_sample_accuracy"] == pytest.approx(accepted.accuracy, abs=0.005)
    assert result["last_parzen_nats"] != result["gan_parzen_nats"]  # the model has the average of θ
    parzen = parzen_log_likelihood(samples, test, validation)
    assert result["gan_parzen_sigma"] == parzen.sigma
    assert result["gan_parzen_nats"] == pytest.approx(parzen.mean, rel=1e-3)
    untrained = gan.network(width=128).sample(1800)
    assert result["gan_parzen_nats"] > parzen_log_likelihood(untrained, test, validation).mean + 50
    assert 0.3 < result["gan_diversity"] < 1.3
    assert result["real_parzen_nats"] > result["gan_parzen_nats"]
    assert result["real_two_sample_accuracy"] < result["gan_two_sample_accuracy"]


@pytest.mark.slow
def test_a_convolutional_generator_comes_nearer_to_digits_too(quick, digits):
    run = quick("gan", "--convolutional", "--epochs", "1")
    _, validation, test, _ = digits
    model = load(run.out / "gan.npz")
    assert model.sample(2).shape == (2, 1, 28, 28)
    assert run.result["gan_diversity"] > 0.1
    untrained = gan.convolutional_network(channels=(8, 4)).sample(1800)
    assert run.result["gan_parzen_nats"] > parzen_log_likelihood(untrained, test, validation).mean + 50


@pytest.mark.slow
def test_codes_follow_the_prior_and_classes_have_parts_of_their_own(quick, digits):
    run = quick("aae")
    result = run.result
    *_, test, labels = digits
    assert result["gaussian_codes_two_sample_accuracy"] < 0.75
    assert result["ring_5_nearest_neighbours_error_percent"] < result["gaussian_5_nearest_neighbours_error_percent"]
    model = load(run.out / "ring.npz")
    assert isinstance(model.prior, RingPrior) and model.labelled
    own = model.autoencoder.evaluate(test)["reconstruction"] / 784
    assert result["ring_cross_entropy_nats_per_pixel"] == pytest.approx(own, rel=1e-6)
    part = np.round(np.arctan2(*model.autoencoder.encode(test).T[::-1]) / (2 * np.pi) * 10) % 10
    assert (part == labels).mean() > 0.5


@pytest.mark.slow
def test_classes_are_learned_from_few_labels_and_errors_are_those_of_the_saved_model(quick, digits):
    run = quick("semi_supervised")
    result = run.result
    *_, test, labels = digits
    model = load(run.out / "semi_supervised.npz")
    error = result["semi_supervised_test_error_percent"]
    assert error == pytest.approx(100 * model.error_rate((test, labels))) and result["labels"] == 100
    assert error < 60 and 10 < result["supervised_test_error_percent"] < 60  # guesses: 90; 5 epochs are no contest
    assert "100 labels, test digits" in run.printed and "1.90 ± 0.10" not in run.printed
    assert "Published numbers are left out" in run.printed and result["published_numbers"].startswith("not comparable")


def test_more_labels_than_digits_end_with_a_message(tmp_path):
    with pytest.raises(SystemExit, match="--labels: expected 10 to 2000 of these digits, got 5000"):
        semi_supervised.main(["--quick", "--device", "cpu", "--labels", "5000", "--out", str(tmp_path)])
    assert not list(tmp_path.iterdir())
