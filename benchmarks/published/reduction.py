"""Results: dimension reduction."""

from benchmarks.lab.seeds import COLLAPSED
from benchmarks.published.measures import CROSS_ENTROPY, NEIGHBOURS_ERROR, SQUARED_ERROR
from benchmarks.published.runs import Run
from benchmarks.published.sources import HINTON, KERAS_IO, KERAS_LOGS
from benchmarks.published.table import Measure, Row, Table

SIMPLE = Run("simple_full", "demos.simple --full")
SEEDS = Run("seeds", "benchmarks.lab.seeds")
REDUCTION = Run("reduction_full", "demos.reduction --full")
CODES = Run("codes2d_full", "demos.codes2d --full --epochs 25")
LINEAR = Run("pca_full", "demos.pca --full")
LARGE = Run("conv_large_full", "demos.conv --full --only large")
LARGE_50 = Run("conv_large_50_full", "demos.conv --full --only large --epochs 50")
STRIDED_24 = Run("conv_strided_24_full", "demos.conv --full --only strided --epochs 24")
STRIDED = Run("conv_strided_full", "demos.conv --full --only strided --epochs 100")
POOLED = Run("conv_pooled_full", "demos.conv --full --only pooled --epochs 100")

NPAE, ELU, PYTORCH = (
    "data-dependent init, warm-up, cosine, ReLU", "data-dependent init, cosine, ELU", "PyTorch's defaults, ReLU",
)  # fmt: skip
DEEP = "784-256-128-64-32-16-8-4-…-784"


def over_seeds(recipe):
    """The cross-entropies of a recipe of benchmarks.lab.seeds."""
    return lambda study: [run["test_cross_entropy_nats_per_pixel"] for run in study["runs"][recipe].values()]


def with_dead_units(recipe):
    """The number of its runs with dead code units."""
    return lambda study: sum(run["dead_code_units"] > 0 for run in study["runs"][recipe].values())


def collapsed(recipe):
    """The number of its runs that collapsed to the mean digit."""
    return lambda study: sum(value > COLLAPSED for value in over_seeds(recipe)(study))


ROWS = Table((
    Row("784-32-784", CROSS_ENTROPY, SIMPLE, "784_32_test_cross_entropy_nats_per_pixel", {KERAS_LOGS: "0.0914"},
        headline="784-32-784, cross-entropy"),
    Row("784-128-64-32-…-784", CROSS_ENTROPY, SIMPLE, "784_128_64_32_test_cross_entropy_nats_per_pixel",
        {KERAS_LOGS: "0.0845"}),
    Row(f"{DEEP}, ReLU", CROSS_ENTROPY, SEEDS, over_seeds(NPAE),
        measured={"PyTorch with its tutorials' settings": over_seeds(PYTORCH)},
        headline=f"{DEEP}, cross-entropy, median of ten seeds"),
    Row("the same", Measure("runs with dead code units", ".0f", min), SEEDS, with_dead_units(NPAE),
        measured={"PyTorch": with_dead_units(PYTORCH)}),
    Row("the same", Measure("runs that collapsed to the mean digit", ".0f", min), SEEDS, collapsed(NPAE),
        measured={"PyTorch": collapsed(PYTORCH)}),
    Row("the same with ELU, without warm-up", CROSS_ENTROPY, SEEDS, over_seeds(ELU)),
    Row("784-1000-500-250-30-…-784", SQUARED_ERROR, REDUCTION, "autoencoder_squared_error_per_image", {HINTON: "3.00"},
        {"PCA": "pca_squared_error_per_image"}),
    Row("784-1000-500-250-2-…-784", SQUARED_ERROR, CODES, "autoencoder_squared_error_per_image",
        measured={"PCA": "pca_squared_error_per_image"}),
    Row("the same", NEIGHBOURS_ERROR, CODES, "autoencoder_5_nearest_neighbours_error_percent",
        measured={"PCA": "pca_5_nearest_neighbours_error_percent"}),
    Row("linear 784-30-784", SQUARED_ERROR._replace(form=".3f"), LINEAR, "autoencoder_test_squared_error_per_image",
        measured={"PCA": "pca_test_squared_error_per_image"}),
    Row("the same", Measure("largest angle to PCA's subspace, °", ".2f", min), LINEAR, "largest_angle_degrees"),
    Row("convolutional, 28,353 parameters, overcomplete code 32 × 7 × 7", CROSS_ENTROPY, LARGE,
        "large_test_cross_entropy_nats_per_pixel", {KERAS_IO.noted("after 10 epochs"): "0.0648"}),
    Row("the same", CROSS_ENTROPY, LARGE_50, "large_test_cross_entropy_nats_per_pixel",
        {KERAS_IO.noted("after 50 epochs"): "0.0622"}),
    Row("convolutional, 4,385 parameters, strides where the log has one", CROSS_ENTROPY, STRIDED_24,
        "strided_test_cross_entropy_nats_per_pixel", {KERAS_LOGS.noted("after 100 epochs"): "0.0798"}),
    Row("the same", CROSS_ENTROPY, STRIDED, "strided_test_cross_entropy_nats_per_pixel",
        {KERAS_LOGS.noted("after 100 epochs"): "0.0798"}),
    Row("the same, pooling throughout, as in the blog", CROSS_ENTROPY, POOLED,
        "pooled_test_cross_entropy_nats_per_pixel"),
))  # fmt: skip
