"""Results: faces."""

from benchmarks.published.grid import Grid
from benchmarks.published.measures import SQUARED_ERROR
from benchmarks.published.runs import Run
from benchmarks.published.table import Measure, Row, Table

LFW = Run("faces_full", "demos.faces --epochs 30")
FREY = Run("frey_full", "demos.frey")

MODELS = {  # prefix of the metrics: head
    "VAE": "VAE", "vae_codes_of_the_prior": "VAE, codes of the prior", "AAE": "AAE",
    "aae_codes_of_the_prior": "AAE, codes of the prior", "GAN": "GAN", "training": "photographs",
}  # fmt: skip
MEASURES = {  # metric: (name of the row, format)
    "eigenfaces_two_sample_accuracy": ("two-sample accuracy, eigenfaces", ".3f"),
    "random_network_two_sample_accuracy": ("two-sample accuracy, random network", ".3f"),
    "eigenfaces_frechet_squared": ("squared Fréchet distance, eigenfaces", ".2f"),
    "random_network_frechet_squared": ("squared Fréchet distance, random network", ".2f"),
    "nearest_training_face_grey_levels": ("grey levels to the nearest training face", ".1f"),
    "nearest_over_second_nearest": ("the same over that to the second nearest", ".3f"),
    "diversity": ("diversity", ".2f"),
}


def eigenfaces(key):
    """What the error of strangers is compared with."""
    return {"measured": {"eigenfaces": key}}


def samples(run):
    """{measure: {model: text}}."""
    return {
        name: {head: format(run[f"{model}_{metric}"], form) for model, head in MODELS.items()}
        for metric, (name, form) in MEASURES.items()
    }


ROWS = Table((
    Row("VAE of LFW, 64 numbers, strangers", SQUARED_ERROR, LFW, "VAE_strangers_squared_error_per_image",
        **eigenfaces("eigenfaces_strangers_squared_error_per_image"),
        headline="faces of strangers through 64 numbers, ‖x̂ − x‖²"),
    Row("AAE, the same", SQUARED_ERROR, LFW, "AAE_strangers_squared_error_per_image",
        **eigenfaces("eigenfaces_strangers_squared_error_per_image")),
    Row("VAE of Frey's face, 2 numbers, later frames", SQUARED_ERROR, FREY, "test_squared_error_per_image",
        measured={"PCA": "pca_test_squared_error_per_image"}),
    Row("the same", Measure("−ELBO, nats", ".1f", min), FREY, "test_nats"),
))  # fmt: skip
SAMPLES = Grid("samples beside strangers", LFW, samples)
