"""Greedy layer-wise pretraining: the stages, their derivatives, their data, and the networks built from them."""

import copy

import numpy as np
import pytest

from npae import dense_autoencoder, fit, gradcheck, load, optim, save
from npae.layers import ELU, Dense, GaussianNoise, Identity, LeakyReLU, MaskingNoise, ReLU, Sequential, Sigmoid, Tanh
from npae.losses import BinaryCrossEntropy, SquaredError
from npae.models import RBM, Classifier, Stacked
from npae.penalties import L1, Contractive, KLSparsity
from tests.devices import each_device, on

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, 60)
X = np.clip(RNG.random((3, 12))[LABELS] + 0.1 * RNG.standard_normal((60, 12)), 0, 1).astype(np.float32)
SIZES = [12, 8, 6, 3]
KINDS = {
    "plain": {},
    "tied": {"tied": True},
    "linear code": {"activation": [Sigmoid, Sigmoid, Identity]},
    "tanh": {"activation": Tanh},
    "elu, tied, squared error": {"activation": ELU, "loss": SquaredError, "tied": True},
    "sparse": {"penalties": lambda: [KLSparsity(0.5, 0.1), L1(0.01)]},
    "contractive": {"penalties": lambda: [Contractive(0.1)]},
    "denoising": {"corruption": lambda: MaskingNoise(0.3)},
    "machines": {"rbm": True, "activation": [Sigmoid, Sigmoid, Identity]},
    "tied machines": {"rbm": True, "tied": True},
    "one of each": {
        "corruption": [lambda: GaussianNoise(0.1), None, lambda: MaskingNoise(0.3)],
        "penalties": [None, lambda: [Contractive(0.1)], lambda: [L1(0.01)]],
        "activation": ["tanh", Sigmoid(), lambda: LeakyReLU(0.2)],
    },
}
each_kind = pytest.mark.parametrize("kind", KINDS)


def pretrained(epochs=1, sizes=SIZES, device="cpu", **arguments):
    stack = Stacked(sizes, **arguments)
    for autoencoder, data in stack.stages(X):
        fit(autoencoder.to(device), data, epochs=epochs, batch_size=20, optimizer=optim.Adam(0.01), progress="none")
    return stack


def values(network):
    return {name: p.value.copy() for name, p in network.named_parameters()}


def structure(model):
    """All layers, the rules of their first weights, the names of all parameters (shared ones once), loss, penalties."""
    layers = [(name, repr(layer), layer.config().get("initializer")) for name, layer in model.leaves()]
    return layers, [name for name, _ in model.named_parameters()], repr(model.loss), repr(model.penalties)


# ---------------------------------------------------------------------- every phase, its derivative


@each_device
@each_kind
def test_the_derivative_of_every_phase(kind, device):
    """Pretraining of every stage, on the codes of the one before; fine-tuning; classification."""
    stack = Stacked(SIZES, dtype="float64", seed=1, **KINDS[kind])
    with on(device) as place:
        for autoencoder, data in stack.stages(place.put(X[:7].astype(float))):
            autoencoder.to(place.name)
            if isinstance(autoencoder, RBM):  # its direction is defined: test_rbm.py
                continue
            head = autoencoder.encoder[0]
            if hasattr(head, "freeze"):
                head.reseed(1)  # numbers for which no unit is at its kink
                head.freeze(head.draw(data))
            assert gradcheck.check_model(autoencoder, data) < 1e-6
        x, y = place.put(X[:7].astype(float)), place.put(LABELS[:7])
        assert gradcheck.check_model(stack.unroll(), x) < 1e-6
        assert gradcheck.check_model(stack.classifier(3), (x, y)) < 1e-6


# ---------------------------------------------------------------------- the stages


def test_a_stage_learns_the_codes_of_the_one_before():
    stack, seen = Stacked(SIZES, seed=3), []
    for autoencoder, data in stack.stages(X):
        fit(autoencoder, data, epochs=2, batch_size=20, progress="none")
        seen.append((autoencoder, data))
    assert [a for a, _ in seen] == stack.autoencoders and seen[0][1] is X
    for (below, data), (_, codes) in zip(seen[:-1], seen[1:], strict=True):
        assert codes.dtype == np.float32
        np.testing.assert_array_equal(codes, below.encode(data))


def test_codes_are_made_without_corruption_and_by_trained_weights():
    stack = Stacked(SIZES, corruption=lambda: MaskingNoise(0.5))
    stages = stack.stages(X)
    autoencoder, data = next(stages)
    before = autoencoder.encode(data)
    fit(autoencoder, data, epochs=2, batch_size=20, optimizer=optim.Adam(0.05), progress="none")
    _, codes = next(stages)
    clean = Sequential(*autoencoder.encoder[1:])
    np.testing.assert_array_equal(codes, clean(X))
    assert np.abs(codes - before).max() > 0.01


def test_training_a_stage_leaves_the_others_alone():
    stack = Stacked(SIZES)
    first, second, third = stack.autoencoders
    before = values(first) | {f"third {name}": v for name, v in values(third).items()}
    codes = first.encode(X)
    fit(second, codes, epochs=2, batch_size=20, progress="none")
    after = values(first) | {f"third {name}": v for name, v in values(third).items()}
    assert all((before[name] == after[name]).all() for name in before)


@pytest.mark.parametrize(
    ("activation", "given", "losses", "ends"),
    [
        (Sigmoid, None, [BinaryCrossEntropy] * 3, [Identity] * 3),
        ([Sigmoid, Sigmoid, Identity], None, [BinaryCrossEntropy] * 3, [Identity] * 3),
        (Tanh, None, [BinaryCrossEntropy, SquaredError, SquaredError], [Identity, Tanh, Tanh]),
        ([ReLU, Sigmoid, Tanh], None, [BinaryCrossEntropy, SquaredError, BinaryCrossEntropy],
         [Identity, ReLU, Identity]),
        (Identity, SquaredError, [SquaredError] * 3, [Identity] * 3),
        (Sigmoid, SquaredError, [SquaredError] * 3, [Identity, Sigmoid, Sigmoid]),
        (Sigmoid, [SquaredError, None, None], [SquaredError, BinaryCrossEntropy, BinaryCrossEntropy], [Identity] * 3),
    ],
)  # fmt: skip
@pytest.mark.parametrize("tied", [False, True])
def test_the_loss_of_a_stage_and_what_its_decoder_ends_in(activation, given, losses, ends, tied):
    stack = Stacked(SIZES, activation, loss=given, tied=tied)
    assert [type(a.loss) for a in stack.autoencoders] == losses
    assert [type(a.decoder[-1].activation) for a in stack.autoencoders] == ends
    of_codes = activation if isinstance(activation, list) else [activation] * 3
    assert [type(a.encoder[-1].activation) for a in stack.autoencoders] == of_codes
    assert [a.encode(x).shape[1] for a, x in stack.stages(X)] == SIZES[1:]


@pytest.mark.parametrize("activation", [
    "tanh", Tanh, Tanh(), lambda: Tanh(), ["tanh", Tanh, Tanh()], [Tanh()] * 3, (t := Tanh(), t, t),
])  # fmt: skip
def test_an_activation_is_a_name_a_class_an_instance_or_a_function(activation):
    """One instance for all stages is fine: an activation keeps nothing of a call."""
    stack, expected = Stacked(SIZES, activation), Stacked(SIZES, Tanh)
    assert [repr(a) for a in stack.autoencoders] == [repr(a) for a in expected.autoencoders]
    assert structure(stack.unroll()) == structure(expected.unroll())
    np.testing.assert_array_equal(stack.unroll().reconstruct(X), expected.unroll().reconstruct(X))


def test_without_an_activation_the_codes_are_sigmoids():
    assert repr(Stacked(SIZES).autoencoders[1].encoder) == "Sequential(Dense(8 -> 6, Sigmoid()))"


def test_the_seed_decides_and_stages_draw_different_numbers():
    a, b, c = (values(Stacked([8, 8, 8], seed=s).unroll()) for s in (1, 1, 2))
    assert all((a[name] == b[name]).all() for name in a)
    weights = [v for name, v in a.items() if name.endswith("W")] + [c["encoder.0.W"]]
    assert len({w.tobytes() for w in weights}) == len(weights)


# ---------------------------------------------------------------------- unrolled


@each_kind
def test_the_unrolled_network_does_what_the_stages_do_one_after_the_other(kind):
    stack = pretrained(**KINDS[kind])
    codes = X
    for autoencoder in stack.autoencoders:
        codes = autoencoder.encode(codes)
    back = codes
    for autoencoder in reversed(stack.autoencoders):
        back = autoencoder.decode(back)
    deep = stack.unroll()
    np.testing.assert_allclose(deep.encode(X), codes, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(deep.reconstruct(X), back, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("tied", [False, True])
def test_it_is_the_dense_autoencoder(tied):
    stack = Stacked(SIZES, [Tanh, Tanh, Identity], corruption=lambda: MaskingNoise(0.3), tied=tied)
    assert structure(stack.unroll()) == structure(dense_autoencoder(SIZES, Tanh, Identity, tied=tied))
    noisy = dense_autoencoder(SIZES, Tanh, Identity, tied=tied, corruption=MaskingNoise(0.1))
    assert structure(stack.unroll(corruption=MaskingNoise(0.1))) == structure(noisy)


def test_unrolled_machines_have_weights_of_their_own_unless_they_are_tied():
    for tied in (False, True):
        deep = pretrained(rbm=True, tied=tied).unroll()
        for f, g in zip(deep.encoder, reversed(tuple(deep.decoder)), strict=True):
            np.testing.assert_array_equal(f.W.value, g.W.value if tied else g.W.value.T)
            assert (f.W is g.W) == tied
    plain = pretrained(rbm=True).unroll()
    assert structure(plain) == structure(dense_autoencoder(SIZES, Sigmoid, Sigmoid))
    fit(plain, X, epochs=1, batch_size=20, optimizer=optim.Adam(0.01), progress="none")
    assert (plain.encoder[0].W.value != plain.decoder[-1].W.value.T).any()


@pytest.mark.parametrize("tied", [False, True])
def test_fine_tuning_changes_all_of_it_and_none_of_the_stages(tied):
    stack = pretrained(tied=tied)
    before = [values(a) for a in stack.autoencoders]
    deep = stack.unroll()
    start, error = values(deep), deep.evaluate(X)["reconstruction"]
    fit(deep, X, epochs=3, batch_size=20, optimizer=optim.Adam(0.01), progress="none")
    assert all((start[name] != p.value).any() for name, p in deep.named_parameters())
    assert deep.evaluate(X)["reconstruction"] < error
    for a, was in zip(stack.autoencoders, before, strict=True):
        assert all((v == was[name]).all() for name, v in values(a).items())
    assert all((start[name] == v).all() for name, v in values(stack.unroll()).items())


def test_it_is_saved_and_loaded_as_any_autoencoder(tmp_path):
    deep = pretrained().unroll()
    save(tmp_path / "deep.npz", deep)
    np.testing.assert_array_equal(load(tmp_path / "deep.npz").reconstruct(X), deep.reconstruct(X))


@pytest.mark.parametrize("rbm", [False, True])
def test_pretraining_trains_deep_logistic_units_that_stay_at_the_mean_without_it(rbm):
    """The same network, first weights, optimizer and passes over the data."""

    def train(network, data, epochs):
        fit(network, data, epochs=epochs, batch_size=20, optimizer=optim.SGD(0.1, 0.9), progress="none")

    stack = Stacked([12, 16, 16, 16, 2], rbm=rbm)
    naive = stack.unroll()
    for autoencoder, data in stack.stages(X):
        train(autoencoder, data, 30)
    deep = stack.unroll()
    train(deep, X, 10)
    train(naive, X, 40)

    def squared_error(x_hat):
        return ((x_hat - X) ** 2).sum(axis=1).mean()

    mean = squared_error(X.mean(axis=0))
    assert squared_error(naive.reconstruct(X)) > 0.99 * mean
    assert squared_error(deep.reconstruct(X)) < 0.5 * mean


# ---------------------------------------------------------------------- the classifier


def test_a_classifier_begins_with_the_trained_encoder_and_is_a_network_of_its_own():
    stack = pretrained(corruption=lambda: MaskingNoise(0.3))
    model = stack.classifier(3)
    assert isinstance(model, Classifier)
    np.testing.assert_allclose(Sequential(*model.network[:-1])(X), stack.unroll().encode(X), rtol=1e-6)
    before = stack.unroll().theta.value.copy()
    fit(model, (X, LABELS), epochs=40, batch_size=20, optimizer=optim.Adam(0.02), progress="none")
    assert model.error_rate((X, LABELS)) < 0.1
    np.testing.assert_array_equal(stack.unroll().theta.value, before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_is_that_of_all_networks(dtype):
    stack = Stacked(SIZES, dtype=dtype)
    for network in (*stack.autoencoders, stack.unroll(), stack.classifier(3)):
        assert network.theta.value.dtype == dtype


@each_device
def test_networks_are_where_the_stages_were_trained(device):
    with on(device) as place:
        stack = pretrained(device=place.name, corruption=lambda: MaskingNoise(0.3))
        deep, model = stack.unroll(), stack.classifier(3)
        for network, data in ((deep, X), (model, (X, LABELS))):
            assert type(network.theta.value) is type(stack.autoencoders[-1].theta.value)
            history = fit(network, data, epochs=1, batch_size=20, progress="none")
            assert np.isfinite(history["loss"]).all()


# ---------------------------------------------------------------------- what cannot be right


@pytest.mark.parametrize(
    ("sizes", "arguments", "error", "words"),
    [
        ([12], {}, ValueError, r"at least an input and a code size, got \[12\]"),
        ([12, 0], {}, ValueError, "sizes of Stacked: expected 1 or more, got 0"),
        ([12, 2.5], {}, TypeError, "sizes of Stacked: expected an integer, got 2.5"),
        (SIZES, {"activation": "tahn"}, ValueError, "Stacked: unknown activation 'tahn'. Expected one of"),
        (SIZES, {"activation": 3}, TypeError, 'Stacked: expected an activation such as layers.ReLU or "relu", got 3'),
        (SIZES, {"activation": lambda: Dense(3, 2)}, TypeError, "Stacked: expected an activation"),
        (SIZES, {"activation": [Tanh, Dense(3, 2), Tanh]}, TypeError, r"Stacked: .* got Dense\(3 -> 2\)"),
        (SIZES, {"activation": [Tanh, Tanh]}, ValueError, "expected 3 entries in activation, one .* got 2"),
        (SIZES, {"corruption": MaskingNoise(0.2)}, TypeError, "expected corruption to be a function that makes it"),
        (SIZES, {"penalties": [L1(0.1)]}, ValueError, "expected 3 entries in penalties"),
        (SIZES, {"penalties": [L1(0.1)] * 3}, TypeError, "expected penalties to be a function that makes it"),
        (SIZES, {"loss": BinaryCrossEntropy(), "activation": Tanh}, TypeError, "expected loss to be a function that"),
        (SIZES, {"loss": "mse"}, TypeError, "expected loss to be a function that .*got 'mse'. Every stage needs its"),
        (SIZES, {"rbm": True, "loss": BinaryCrossEntropy}, ValueError, "no corruption and no loss with rbm=True"),
        (SIZES, {"rbm": True, "corruption": lambda: MaskingNoise(0.1)}, ValueError, "no corruption and no loss with"),
        (SIZES, {"rbm": True, "activation": "tanh"}, ValueError, r'RBM: expected hidden units "sigmoid"'),
        (SIZES, {"rbm": True, "activation": ["sigmoid", "linear", "sigmoid"]}, ValueError,
         r"stage 3 is an RBM of codes 'linear', and its visible units need data in \[0, 1\]. Take \"sigmoid\" for the"),
        (SIZES, {"loss": BinaryCrossEntropy, "activation": Tanh}, ValueError,
         r"stage 2 learns codes of Tanh\(\), and BinaryCrossEntropy needs targets in \[0, 1\]. Give it losses.Squared"),
    ],
)  # fmt: skip
def test_what_makes_no_stack_raises(sizes, arguments, error, words):
    with pytest.raises(error, match=words):
        Stacked(sizes, **arguments)


def test_data_beyond_0_and_1_are_refused_by_the_first_stage():
    autoencoder, data = next(Stacked(SIZES).stages(3 * X))
    with pytest.raises(ValueError, match=r"BinaryCrossEntropy: expected targets in \[0, 1\].*take squared error"):
        fit(autoencoder, data, epochs=1, progress="none")


def test_a_stack_can_be_copied():
    stack = pretrained()
    np.testing.assert_array_equal(copy.deepcopy(stack).unroll().theta.value, stack.unroll().theta.value)


def test_its_repr_states_the_sizes():
    assert repr(Stacked([6, 4, 2])) == "Stacked([6, 4, 2])"
