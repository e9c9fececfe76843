"""Two-dimensional codes of digits.

A deep autoencoder and PCA, with two numbers per digit.

    784-1000-500-250-2 and back: ELU, a linear code, sigmoid output, J = ½ ‖x̂ − x‖²

The network of Hinton & Salakhutdinov 2006, figure 3, without pretraining. Measures: the reconstruction error, and the
error of a classifier by the five nearest training codes (5-NN). Labels are used for this measure and for colours only.

    python -m demos.codes2d                          the embedded 10,000 digits
    python -m demos.codes2d --full --epochs 25       all 60,000

Expected with --full --epochs 25: ‖x − x̂‖² = 25.9 per image and a 5-NN error of 14.8 %; PCA: 43.6 and 57.6 %. 8 minutes.
Picture: maps.png.
"""

from demos import common, figures
from demos.baselines import CODE, PCA, measure_code
from npae import Autoencoder, dense_autoencoder, save
from npae.layers import Sequential, Sigmoid
from npae.losses import SquaredError
from npae.optim import Adam, Cosine, WarmUp

SIZES, QUICK_SIZES = [784, 1000, 500, 250, 2], [784, 200, 100, 50, 2]


def network(sizes, seed=0):
    """The autoencoder of these sizes: a linear code, and an output in (0, 1)."""
    linear = dense_autoencoder(sizes, "elu", "linear", SquaredError(), seed=seed)
    return Autoencoder(linear.encoder, Sequential(*linear.decoder, Sigmoid()), SquaredError(), seed)


@common.demo("codes2d", __doc__, epochs=40, quick_epochs=6, compared_epochs=25)
def main(settings):
    """Train, compare both codes."""
    data = train, _, test, test_labels = common.digits(settings)

    model = network(QUICK_SIZES if settings.quick else SIZES, settings.seed)
    common.train(settings, model, train, test, batch_size=32 if settings.quick else 64, optimizer=Adam(2e-3),
                 schedule=WarmUp(1, Cosine(max(1, settings.epochs - 1))))  # fmt: skip
    save(settings.out / "codes2d.npz", model)

    table, maps = settings.table("test digits, code size 2", CODE), []
    for name, code, published in (("autoencoder", model, ""), ("PCA", PCA(train, 2), "43.65; 57.6 %")):
        measures = measure_code(code, *data)
        table.add(name, measures, published)
        label = "{}\nsquared error {:.1f}, wrong nearest neighbours {:.0f} %".format(name, *measures.values())
        maps.append((label, code.encode(test)))
    title = "Test digits by their two code numbers (the axes are ranks)"
    figures.code_maps(settings.out / "maps.png", maps, test_labels, title)


if __name__ == "__main__":
    main()
