"""npae.models.adversarial.semi_supervised: five phases by finite differences, wrong versions, few labels, files."""

import numpy as np
import pytest

from npae import Autoencoder, SemiSupervisedAutoencoder, dense_autoencoder, fit, load, save
from npae.backend import Stream
from npae.data import hide_labels, oversample_labelled
from npae.layers import Dense, Dropout, GaussianNoise, Identity, LeakyReLU, ReLU, Sequential, SoftmaxHead, Tanh
from npae.losses import BinaryCrossEntropy, MaskedCrossEntropy, SoftmaxCrossEntropy, SquaredError
from npae.models import GaussianPrior, RingPrior
from npae.models.adversarial import parts
from npae.models.adversarial.game import generator_gradient
from npae.models.adversarial.parts import Part
from npae.optim import Adam
from npae.penalties import WeightDecay
from npae.train import Checkpoint, prepare
from npae.train.cuda_graph import CapturedStep
from tests.contract import check_layer, inputs
from tests.devices import each_device, each_gpu, on
from tests.models.adversarial.test_gan import discriminator_not_frozen, not_through_the_discriminator
from tests.models.phases import check_phases
from tests.train.parallel.test_process_group import check_that_two_stay_together
from tests.train.test_resume import assert_same_bits
from tests.train.test_step import UINT8, check_that_a_step_allocates_no_arrays, check_that_a_step_does_not_wait

X = np.random.default_rng(0).random((12, 6))
Y = np.array([0, -1, 2, -1, -1, 1, -1, 0, -1, -1, -1, 2])
NONE = np.full(12, -1)
NAMES = ["reconstruction", "class_discriminator", "style_discriminator", "generator", "supervised"]
KEYS = ("real_accuracy", "fake_accuracy", "diversity")
DIAGNOSTICS = {f"{part}_{key}" for part in ("class", "style") for key in KEYS}


def critic(n, m=4):
    return Sequential(Dense(n, m, LeakyReLU(0.2)), Dense(m, 1))


def small(dtype=np.float64, penalties=(), noise=None, seed=1):
    """Samples of 6 numbers, 3 classes, styles of 2 numbers."""
    encoder = Sequential(*([noise] if noise else []), Dense(6, 5, Tanh), Dense(5, 5), SoftmaxHead(3))
    decoder = Sequential(Dense(5, 5, Tanh), Dense(5, 6))
    autoencoder = Autoencoder(encoder, decoder, BinaryCrossEntropy(), None, penalties=penalties)
    model = SemiSupervisedAutoencoder(autoencoder, critic(3), critic(2), GaussianPrior(2), dtype=dtype)
    model.theta.assign(inputs(model.theta.size, seed, dtype) * 0.5)
    return model


def frozen(place=None, **more):
    model = small(**more)
    for part in model.parts:
        part.sampler.freeze(part.sampler.draw(np.empty((12, part.sampler.prior.size))))
    return model.to(place.name) if place else model


@each_device
def test_all_five_phases_are_what_finite_differences_say(device):
    with on(device) as place:
        model = frozen(place, penalties=[WeightDecay(0.3)])
        assert [phase.name for phase in model.phases] == NAMES
        check_phases(model, (place.put(X), place.put(Y)), place)


def test_a_corrupting_encoder_is_checked_under_its_frozen_noise():
    noise = GaussianNoise(0.3)
    noise.freeze(noise.draw(X))
    with on("cpu") as place:
        check_phases(frozen(noise=noise), (X, Y), place)


def by_hand(model):
    """The terms of all phases, from the formulas of the module's docstring."""
    a = model.classifier(X)
    y_hat, h = np.exp(a) / np.exp(a).sum(axis=1, keepdims=True), model.encode(X)[1]
    terms = {"reconstruction": model.autoencoder.reconstruction_error(X).mean()}
    for part, fake in zip(model.parts, (y_hat, h), strict=True):
        real = part.sampler.next(fake)
        p_real, p_fake = (1 / (1 + np.exp(-part.discriminator(v))) for v in (real, fake))
        terms[f"{part.name}_discriminator"] = -(np.log(p_real) + np.log(1 - p_fake)).mean()
        terms[f"{part.name}_generator"] = -np.log(p_fake).mean()
    known = np.flatnonzero(Y >= 0)
    return terms | {"supervised": -np.log(y_hat[known, Y[known]]).mean()}


def test_the_objectives_are_those_of_the_paper():
    model = frozen()
    found = [phase.backpropagate((X, Y)) for phase in model.phases]
    assert {k: v for terms in found for k, v in terms.items()} == pytest.approx(by_hand(model), rel=1e-12)


def test_phases_have_their_own_parts_of_theta():
    model = small()
    reconstruction, of_classes, of_styles, generator, supervised = (phase.theta for phase in model.phases)
    assert reconstruction.size + of_classes.size + of_styles.size == model.theta.size
    assert generator.size == supervised.size == model.autoencoder.encoder.parameter_count
    for theta in (reconstruction, of_classes, of_styles, generator, supervised):
        assert np.shares_memory(theta.value, model.theta.value)


def test_draws_are_the_random_layers_and_both_samplers():
    noise = GaussianNoise(0.3)
    model = small(noise=noise)
    assert model.draws == (noise, *(part.sampler for part in model.parts))
    assert [part.sampler.prior for part in model.parts] == [model.class_prior, model.prior]


def test_without_known_labels_nothing_is_supervised():
    supervised = small().phases[-1]
    supervised.theta.zero_grad()
    assert supervised.backpropagate((X, NONE)) == {"supervised": 0} and not supervised.theta.grad.any()


def test_clusters_without_any_label_are_of_one_class_each():
    x, y = strokes()
    base = dense_autoencoder([6, 32, 7], LeakyReLU, Identity, SquaredError(), seed=None)
    autoencoder = Autoencoder(Sequential(*base.encoder, SoftmaxHead(6)), base.decoder, SquaredError(), seed=None)
    model = SemiSupervisedAutoencoder(autoencoder, critic(6, 32), critic(1, 32), GaussianPrior(1))
    rates = dict.fromkeys(NAMES, Adam(2e-3, beta1=0.5))
    unknown = np.full(len(x), -1)
    fit(model, (x, unknown), validation=0.1, epochs=10, batch_size=50, optimizer=rates, progress="none")
    counts = np.zeros((6, 3))
    np.add.at(counts, (model.predict(x), y), 1)
    assert counts.max(axis=1).sum() > 0.95 * len(x)  # two clusters for each class


# ---------------------------------------------------------------------- wrong versions


def no_jacobian(self, dy, p, needs_dx=True):
    return dy


def styles_only(self, code, dcode):
    """The value of both discriminators, the gradient of one."""
    value, d_part = generator_gradient(self.discriminator, self.of(code))
    dcode[:, self.columns] = d_part if self.name == "style" else 0
    return {f"{self.name}_generator": value}


def by_the_batch(self, logits, y):
    value, dlogits = MaskedCrossEntropy.right(self, logits, y)
    return value, dlogits * ((y >= 0).sum() / len(y))


@pytest.mark.parametrize(
    ("owner", "name", "wrong"),
    [
        (SoftmaxHead, "backward", no_jacobian), (Part, "generator_gradient", styles_only),
        (MaskedCrossEntropy, "value_and_gradient", by_the_batch),
        (parts, "generator_gradient", not_through_the_discriminator),
        (parts, "generator_gradient", discriminator_not_frozen),
    ],
    ids=["no jacobian", "one discriminator", "by the batch", "not through", "not frozen"],
)  # fmt: skip
def test_a_wrong_step_is_found(owner, name, wrong, monkeypatch):
    monkeypatch.setattr(MaskedCrossEntropy, "right", MaskedCrossEntropy.value_and_gradient, raising=False)
    monkeypatch.setattr(owner, name, wrong)
    with on("cpu") as place, pytest.raises(AssertionError, match=r"claims|leaks into"):
        check_phases(frozen(), (X, Y), place)


@pytest.mark.parametrize("wrong", ["one discriminator", "by the batch"])
def test_another_objective_with_the_right_derivative_is_found_by_its_value(wrong, monkeypatch):
    def one_only(self, code, dcode):
        dcode[:, self.columns] = 0
        return {f"{self.name}_generator": 0.0} if self.name == "class" else right(self, code, dcode)

    def divided(self, logits, y):
        value, dlogits = of_known(self, logits, y)
        return value * 5 / 12, dlogits * 5 / 12

    right, of_known = Part.generator_gradient, MaskedCrossEntropy.value_and_gradient
    if wrong == "one discriminator":
        monkeypatch.setattr(Part, "generator_gradient", one_only)
    else:
        monkeypatch.setattr(MaskedCrossEntropy, "value_and_gradient", divided)
    with pytest.raises(AssertionError):
        test_the_objectives_are_those_of_the_paper()


# ---------------------------------------------------------------------- as a model


@each_device
def test_as_a_layer_it_is_the_autoencoder(device):
    def make():
        autoencoder = Autoencoder(Sequential(Dense(6, 5), SoftmaxHead(3)), Dense(5, 6), SquaredError(), seed=None)
        return SemiSupervisedAutoencoder(autoencoder, critic(3), critic(2), RingPrior(4), seed=None)

    check_layer(make, (4, 6), device)


def test_evaluation_has_all_terms_and_diagnostics():
    model = small(np.float32)
    found = model.evaluate((X, Y))
    terms = {k: v for phase in model.phases for k, v in phase.backpropagate((X.astype(np.float32), Y)).items()}
    assert set(found) == set(terms) | DIAGNOSTICS and found == model.evaluate((X, Y))
    for name in ("reconstruction", "class_generator", "style_generator", "supervised"):  # no priors
        assert found[name] == pytest.approx(terms[name], rel=1e-5)
    y_hat, h = model.encode(X)
    assert found["class_fake_accuracy"] == (model.class_discriminator(y_hat) < 0).mean()
    z = GaussianPrior(2).codes(Stream([0]), h)
    assert found["style_diversity"] == pytest.approx(np.sqrt(h.var(axis=0).sum() / z.var(axis=0).sum()), rel=1e-5)
    assert model.evaluate((X, NONE))["supervised"] == 0


@each_device
def test_use_on_every_device(device):
    here = small()
    with on(device) as place:
        there, x, y = small().to(place.name), place.put(X), place.put(Y)
        for data in ((X, Y), (x, y)):
            assert there.evaluate(data) == pytest.approx(here.evaluate((X, Y)), rel=1e-9)
        assert there.error_rate((x, y % 3)) == here.error_rate((X, Y % 3))
        np.testing.assert_array_equal(place.get(there.predict(x)), here.predict(X))
        y_hat, h = there.encode(x)
        for x_hat in (there.decode(y_hat, h), there.reconstruct(x)):
            np.testing.assert_allclose(place.get(x_hat), here.reconstruct(X), rtol=1e-9)
        styles = place.put(np.ones((3, 2)))
        for classes in ([0, 1, 2], place.put(np.arange(3)), place.put(np.eye(3))):
            decoded = place.get(there.decode(classes, styles))
            np.testing.assert_allclose(decoded, here.decode([0, 1, 2], np.ones((3, 2))), rtol=1e-9)
        assert place.get(there.sample(5, y=[0, 1, 2, 0, 1])).shape == place.get(there.sample(5)).shape == (5, 6)


def test_classes_are_those_of_the_classifier_inside():
    model = small()
    p = model.predict_proba(X, batch_size=5)
    np.testing.assert_allclose(p, model.encode(X)[0], rtol=1e-12)
    np.testing.assert_array_equal(model.predict(X), p.argmax(axis=1))
    assert model.error_rate((X, Y % 3)) == (p.argmax(axis=1) != Y % 3).mean()


def test_samples_are_decoded_codes_and_styles_do_not_depend_on_classes():
    model = small()
    stream = Stream([5])
    styles = model.prior.codes(stream, np.empty((40, 2)))
    classes = model.class_prior.codes(stream, np.empty((40, 3)))
    np.testing.assert_array_equal(model.sample(40, seed=5), model.decode(classes, styles))
    y = np.arange(40) % 3
    np.testing.assert_array_equal(model.sample(40, seed=5, y=y), model.decode(y, styles))


def strokes(n=2000):
    """Samples of three classes in six dimensions whose style is a shift along one direction, and their classes."""
    rng, y = np.random.default_rng(3), np.arange(n) % 3
    along = np.array([0, 0, 0, 1, 1, 1]) / 2 * rng.standard_normal((n, 1))
    return (2 * np.eye(3, 6)[y] + along + 0.1 * rng.standard_normal((n, 6))).astype(np.float32), y


def test_three_labels_per_class_are_enough():
    x, y = strokes()
    few = hide_labels(y, 9)
    base = dense_autoencoder([6, 32, 4], LeakyReLU, Identity, SquaredError(), seed=None)
    autoencoder = Autoencoder(Sequential(*base.encoder, SoftmaxHead(3)), base.decoder, SquaredError(), seed=None)
    model = SemiSupervisedAutoencoder(autoencoder, critic(3, 32), critic(1, 32), GaussianPrior(1))
    game = Adam(2e-3, beta1=0.5)
    rates = dict.fromkeys(NAMES, game) | {"reconstruction": Adam(2e-3), "supervised": Adam(2e-3)}
    data = oversample_labelled(x, few, 0.1)
    history = fit(model, data, validation=(x, y), epochs=8, batch_size=50, optimizer=rates, progress="none")
    assert model.error_rate((x, y)) < 0.02
    assert history["val_reconstruction"][-1] < 0.5 * history["val_reconstruction"][0]
    assert 0.7 < history["val_style_diversity"][-1] < 1.4 and 0.8 < history["val_class_diversity"][-1] < 1.1
    fake = model.sample(300, y=np.arange(300) % 3)
    assert (fake[:, :3].argmax(axis=1) == np.arange(300) % 3).mean() > 0.95
    assert fake[:, 3:].std(axis=0).min() > 0.3  # that of the data is ½: styles are used


def test_a_file_brings_it_back(tmp_path):
    model = small(noise=Dropout(0.2))
    fit(model, (X, Y), epochs=1, batch_size=4, progress="none")
    save(tmp_path / "model.npz", model)
    again = load(tmp_path / "model.npz")
    for a, b in zip([*again.encode(X), again.sample(9)], [*model.encode(X), model.sample(9)], strict=True):
        np.testing.assert_array_equal(a, b)
    assert repr(again) == repr(model) and repr(again.class_prior) == "OneHotPrior(classes=3)"
    assert np.shares_memory(again.classifier.theta.value, again.theta.value)


# ---------------------------------------------------------------------- in training


def run(model, epochs=3, **more):
    settings = {"batch_size": 5, "progress": "none"} | more
    rates = {name: Adam(0.002 * k, beta1=0.5) for k, name in enumerate(NAMES, 1)}
    return fit(model, (X, Y), validation=(X, Y), epochs=epochs, optimizer=rates, **settings)


def test_a_resumed_run_ends_with_the_same_bits(tmp_path):
    whole, path = tmp_path / "whole.npz", tmp_path / "parts.npz"
    run(small(), 4, callbacks=Checkpoint(whole))
    run(small(), 2, callbacks=Checkpoint(path))
    run(small(seed=9), 4, callbacks=Checkpoint(path), resume=path)
    assert_same_bits(whole, path)


def test_processes_stay_together():
    def work(group):
        model = small()
        history = run(model, group=group)
        return model.theta.value, history["val_style_diversity"]

    check_that_two_stay_together(work, epochs=3)


@each_gpu
@pytest.mark.parametrize("graph", [False, True], ids=["steps", "captured"])
def test_a_gpu_gives_the_numbers_of_the_cpu(device, graph):
    with on(device) as place:
        thetas = []
        for where in ("cpu", place.name):
            model = small()
            for part in model.parts:  # the devices' own random numbers differ
                part.sampler.freeze(part.sampler.draw(np.empty((6, part.sampler.prior.size))))
            trainer = prepare(model.to(where), (X, Y), batch_size=6, progress="none", graph=graph and where != "cpu")
            trainer.run(3)
            thetas.append(place.get(model.theta.value))
        assert not graph or isinstance(trainer.step, CapturedStep) and trainer.step._graph is not None
        np.testing.assert_allclose(*thetas, rtol=1e-8, atol=1e-11)


@each_gpu
def test_a_step_neither_waits_nor_uploads(device):
    with on(device) as place:
        trainer = prepare(small(np.float32).to(place.name), (X, Y), batch_size=4, progress="none")
        check_that_a_step_does_not_wait(trainer, place)


def test_a_step_allocates_no_arrays():
    base = dense_autoencoder([100, 60, 40], ReLU, Identity, seed=None)
    autoencoder = Autoencoder(Sequential(*base.encoder, SoftmaxHead(10)), base.decoder, seed=None)
    model = SemiSupervisedAutoencoder(autoencoder, critic(10, 30), critic(30, 30), GaussianPrior(30))
    trainer = prepare(model, (UINT8, np.arange(2000) % 11 - 1), batch_size=1000, progress="none")
    check_that_a_step_allocates_no_arrays(trainer.step)


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (X, TypeError, r"expected a pair \(samples, labels\)"),
        ((X, Y + 1), ValueError, "expected labels from 0 to 2, or -1 where not known, got 0 to 3"),
        ((X, Y - 1), ValueError, "got -2 to 1"),
        ((X, np.eye(3)[Y]), ValueError, "class numbers as labels, got rows"),
        ((X + 1, Y), ValueError, r"expected targets in \[0, 1\]"),
    ],
)
def test_data_that_cannot_be_right(data, error, words):
    for use in (lambda model: fit(model, data, epochs=1, progress="none"), lambda model: model.evaluate(data)):
        with pytest.raises(error, match=words):
            use(small())


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([0, 1], r"decode: expected labels of shape \(3,\) for 3 samples"),
        ([0, 1, 3], "expected labels from 0 to 2, got 0 to 3"),
        ([0, 1, -1], "expected labels from 0 to 2, got -1 to 1"),
        (np.eye(4)[:3], "rows of 3 probabilities"),
    ],
)
def test_classes_that_cannot_be_decoded(y, words):
    for use in (lambda model: model.sample(3, y=y), lambda model: model.decode(y, np.ones((3, 2)))):
        with pytest.raises(ValueError, match=words):
            use(small())


def test_styles_of_another_size_and_an_error_rate_without_labels():
    with pytest.raises(ValueError, match=r"expected x of shape \(batch, 5\), got \(3, 7\)"):
        small().decode([0, 1, 2], np.ones((3, 4)))
    with pytest.raises(ValueError, match="expected labels from 0 to 2, got -1 to 2"):
        small().error_rate((X, Y))
    with pytest.raises(TypeError, match="n: expected an integer, got 2.5"):
        small().sample(2.5)


@pytest.mark.parametrize(
    "encoder",
    [
        Dense(6, 5), Sequential(Dense(6, 5)), Sequential(SoftmaxHead(3)), Sequential(Dense(6, 6), SoftmaxHead(3)),
        Sequential(), Sequential(Dense(6, 5, Tanh), SoftmaxHead(3)), Sequential(Dense(6, 5), Tanh(), SoftmaxHead(3)),
        Sequential(Dense(6, 5), Sequential(Identity(), SoftmaxHead(3))),
    ],
    ids=repr,
)  # fmt: skip
def test_an_encoder_with_another_end(encoder):
    words = r"Sequential\(…, Dense\(n, K \+ 2\), SoftmaxHead\(K\)\), for logits of K classes and styles of 2 num"
    with pytest.raises(ValueError, match=words):
        SemiSupervisedAutoencoder(Autoencoder(encoder, Dense(5, 6), seed=None), critic(3), critic(2), GaussianPrior(2))


def test_discriminators_and_priors_are_checked():
    autoencoder = Autoencoder(Sequential(Dense(6, 5), SoftmaxHead(3)), Dense(5, 6), seed=None)
    for wrong in ((Sequential(critic(3), Tanh()), critic(2)), (critic(3), Sequential(critic(2), Tanh()))):
        with pytest.raises(ValueError, match=r"SemiSupervisedAuto.*discriminator that ends .*, got Tanh\(\) at"):
            SemiSupervisedAutoencoder(autoencoder, *wrong, GaussianPrior(2))
    with pytest.raises(TypeError, match="SemiSupervisedAutoencoder: expected a prior of codes such as .*, got None"):
        SemiSupervisedAutoencoder(autoencoder, critic(3), critic(2), None)
    model = SemiSupervisedAutoencoder(autoencoder, critic(3), critic(4), GaussianPrior(2))
    with pytest.raises(ValueError, match=r"Dense\(4 -> 4, .*expected x of shape \(batch, 4\), got \(12, 2\)"):
        fit(model, (X, Y), epochs=1, progress="none")
    assert isinstance(model.classifier.loss, SoftmaxCrossEntropy)
