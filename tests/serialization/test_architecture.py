"""Architectures as data: every layer, loss, optimizer and schedule becomes a tree of JSON values, and back."""

import json

import numpy as np
import pytest

from npae import layers, losses, models, optim, penalties
from npae.serialization.architecture import build, describe, json_text

THINGS = [
    layers.Dense(5, 3), layers.Dense(5, 3, layers.LeakyReLU(0.2), initializer="he_normal"),
    layers.Sequential(layers.Dense(5, 3), layers.ReLU(), layers.Sequential(layers.Dense(3, 2))), layers.Sequential(),
    layers.Flatten(), layers.Reshape((2, 3)),
    layers.Identity(), layers.Sigmoid(), layers.Tanh(), layers.ReLU(), layers.LeakyReLU(0.2), layers.ELU(0.7),
    layers.SiLU(), layers.Softplus(), layers.TiedDense(layers.Dense(5, 3)), layers.TopK(2),
    layers.BatchTopK(2, 0.1), layers.JumpReLU(3, 0.5, 0.1), layers.UnitDense(5, 3),
    layers.CenteredDense(layers.UnitDense(5, 3)), layers.GatedDense(layers.UnitDense(5, 3)),
    layers.Slice(1, 3), layers.SoftmaxHead(3),
    layers.MaskingNoise(0.3), layers.SaltAndPepper(0.2), layers.GaussianNoise(0.4, clip=(0, 1)),
    layers.Dropout(0.4), layers.BatchNorm(3, momentum=0.2, epsilon=0.01),
    layers.Conv2D(2, 3, (3, 2), 2, "same", "elu", "he_normal"), layers.ConvTranspose2D(2, 3, 3),
    layers.MaxPool2D(3, (2, 1)), layers.AveragePool2D(2, padding="same"), layers.Upsample2D((2, 3)),
    layers.GaussianSample(),
    losses.SquaredError(), losses.BinaryCrossEntropy(), losses.SoftmaxCrossEntropy(10),
    losses.MaskedCrossEntropy(10), losses.GaussianNLL(0.3), losses.HeteroscedasticGaussianNLL(0.02),
    optim.SGD(0.3, 0.8, nesterov=True), optim.Adam(0.2, 0.8, 0.99, 1e-6), optim.AdamW(0.2, weight_decay=0.3),
    optim.Constant(), optim.WarmUp(3, optim.Step(2, 0.3)), optim.Step(2, 0.3), optim.Cosine(7, 0.1),
    optim.Plateau(2, 0.3, 0.01), optim.Phased({"discriminator": optim.Adam(0.2), "generator": optim.SGD(0.1)}),
    models.Autoencoder(layers.Dense(5, 3), layers.Dense(3, 5), losses.SquaredError()),
    models.VariationalAutoencoder(layers.Dense(5, 4), layers.Dense(2, 5), losses.GaussianNLL(), samples=2),
    models.RBM(5, 3, "linear", [penalties.WeightDecay(0.1)]),
    models.SparseAutoencoder(5, 9, layers.TopK(2), aux_k=3, dead_after=7),
    models.GatedSparseAutoencoder(5, 9, 0.3),
    models.GAN(layers.Dense(2, 5), layers.Dense(5, 1), models.UniformPrior(2), saturating=True, real=0.9),
]  # fmt: skip


@pytest.mark.parametrize("thing", THINGS, ids=repr)
def test_a_tree_of_json_values_and_back(thing):
    tree = json.loads(json.dumps(describe(thing)))
    again = build(tree)
    assert type(again) is type(thing) and repr(again) == repr(thing)
    assert json.loads(json.dumps(describe(again))) == tree


def test_the_list_above_has_every_class_of_the_package():
    families = (layers.Layer, losses.Loss, optim.Optimizer, optim.Schedule)
    abstract = {"Activation", "Affine", "Convolution", "Corruption", "RandomMask", "Stochastic", "Pooling"}
    rooms = {"npae.layers", "npae.losses", "npae.optim"}
    ours = {
        n for f in families for n, c in f.registry.items() if ".".join(c.__module__.split(".")[:2]) in rooms
    } - abstract  # fmt: skip
    known = {name for thing in THINGS for name in json.dumps(describe(thing)).split('"')}
    assert ours <= known


def test_building_declares_parameters_and_allocates_none():
    model = build({"family": "Layer", "class": "Dense", "config": {"n_in": 10**7, "n_out": 10**7, "initializer": None}})
    assert model.parameter_count == 10**14 + 10**7
    with pytest.raises(RuntimeError, match="no values yet"):
        _ = model.W.value


def test_a_model_in_a_file_cannot_ask_for_memory_by_naming_a_seed():
    tree = describe(models.Autoencoder(layers.Dense(4, 2), layers.Dense(2, 4)))
    tree["config"]["seed"] = 0
    with pytest.raises(TypeError, match="seed"):
        build(tree)


@pytest.mark.parametrize("name", ["Path", "os.system", "Layer", "", "dense", None])
def test_only_registered_classes_can_be_built(name):
    with pytest.raises(ValueError, match="there is no Layer .*; import the module"):
        build({"family": "Layer", "class": name, "config": {}})


def test_arguments_that_do_not_fit_raise():
    with pytest.raises(TypeError, match="surprise"):
        build({"family": "Layer", "class": "Dense", "config": {"n_in": 2, "n_out": 3, "surprise": 1}})


def test_defining_a_class_registers_it():
    class Doubling(layers.Layer):
        def config(self):
            return {}

    try:
        assert isinstance(build(describe(Doubling())), Doubling)
    finally:
        del layers.Layer.registry["Doubling"]


# ---------------------------------------------------------------------- objects that occur twice


def test_an_object_that_occurs_twice_is_one_object_again():
    dense, activation = layers.Dense(5, 3), layers.Tanh()
    network = layers.Sequential(layers.Sequential(dense, activation), layers.TiedDense(dense), activation, dense)
    tree = json.loads(json.dumps(describe(network)))
    assert tree["config"]["layers"][1]["config"]["dense"] == {"same": "layers.0.layers.0"}
    assert tree["config"]["layers"][2] == {"same": "layers.0.layers.1"}
    again = build(tree)
    assert again[1].dense is again[0][0] is again[3] and again[2] is again[0][1]
    assert again.parameter_count == network.parameter_count == 5 * 3 + 3 + 5
    assert describe(again) == tree


def test_equal_objects_are_not_the_same():
    again = build(describe(layers.Sequential(layers.Dense(3, 3), layers.Dense(3, 3))))
    assert again[0] is not again[1] and again.parameter_count == 2 * 12


def test_objects_made_while_describing_are_different():
    class Making(layers.Layer):
        def config(self):
            return {"layers": layers.Dense(2, 2), "n": 1}

    try:
        trees = describe([Making() for _ in range(50)])
        assert not any("same" in json.dumps(tree) for tree in trees)
    finally:
        del layers.Layer.registry["Making"]


@pytest.mark.parametrize("path", ["layers.1", "layers.7", "", None, 0])
def test_a_path_that_does_not_exist_raises(path):
    tree = describe(layers.Sequential(layers.Dense(3, 3), layers.ReLU()))
    tree["config"]["layers"][1] = {"same": path}
    with pytest.raises(ValueError, match="layers.1 is the same as .*, but that is not described before it"):
        build(tree)


# ---------------------------------------------------------------------- work that is bounded


def network(levels, layer):
    """A Sequential in a Sequential in …, `levels` deep, of which each has the one below it twice."""
    for _ in range(levels):
        layer = layers.Sequential(layer, layer)
    return layer


@pytest.mark.parametrize("levels", [14, 20, 30])
def test_parts_that_are_repeated_without_end_are_refused_at_once(levels):
    def level(k, prefix):
        if k == 0:
            return describe(layers.Dense(2, 2))
        path = f"{prefix}.layers.0" if prefix else "layers.0"
        config = {"layers": [level(k - 1, path), {"same": path}]}
        return {"family": "Layer", "class": "Sequential", "config": config}

    with pytest.raises(ValueError, match="with which more than 10000 parts are repeated"):
        build(level(levels, ""))


def test_a_layer_may_be_used_often():
    cell = layers.Sequential(layers.Dense(3, 3), layers.Tanh())
    unrolled = layers.Sequential(*[cell] * 1000)
    again = build(describe(unrolled))
    assert len(again) == 1000 and again[0] is again[999] and again.parameter_count == 12
    assert repr(again) == repr(unrolled)


def test_a_tree_that_is_too_deep_and_a_path_that_is_too_long_are_refused():
    deep = layers.Dense(2, 2)
    for _ in range(33):
        deep = layers.Sequential(deep)
    with pytest.raises(ValueError, match="nested more than 100 levels deep"):
        build(describe(deep))
    tree = {"x" * 1001: [describe(layers.ReLU())]}
    with pytest.raises(ValueError, match=r"the path x{60}… has more than 1000 characters"):
        build(tree)


def test_names_of_a_network_that_shares_layers_take_linear_time():
    shared = network(30, layers.Dense(2, 2))  # 2³⁰ places of one layer
    assert [name for name, _ in shared.named_parameters()] == ["0." * 30 + "W", "0." * 30 + "b"]


@pytest.mark.parametrize("value", [np.longdouble(1), np.complex64(1), np.datetime64("2020-01-01"), b"a", {(1, 2): 3}])
def test_values_that_json_does_not_have_raise_one_sentence(value):
    with pytest.raises(TypeError, match="^save: "):
        json_text({"a": value}, "save")
