"""Results: regularised autoencoders, sparse, contractive and denoising."""

from benchmarks.published.measures import CROSS_ENTROPY, SQUARED_ERROR, TEST_ERROR
from benchmarks.published.runs import Run
from benchmarks.published.sources import KERAS_BLOG, KERAS_IO, KERAS_LOGS, MAKHZANI_2013, RIFAI, UFLDL
from benchmarks.published.table import Measure, Row, Table

SPARSE = Run("sparse_full", "demos.sparse --full")
TOP_K = Run("sparse_top_k_full", "demos.sparse --full --only top-k")
TOP_K = Run("sparse_top_k_full", "demos.sparse --full --only top-k")
CONTRACTIVE = Run("contractive_full", "demos.contractive --full --epochs 12")
DENOISING = Run("denoising_full", "demos.denoising --full")
CONV_DENOISING = Run("conv_denoising_full", "demos.conv_denoising --full --epochs 16")

JACOBIAN_RATIO = Measure("‖∂h/∂x‖ relative to a plain autoencoder's", ".3f", min)
DENOISED = SQUARED_ERROR._replace(form=".1f")


def denoised(noise):
    """What a result file of demos.denoising has of a noise: our error, and those of what it is compared with."""
    return {
        "ours": f"{noise}_squared_error_per_image",
        "measured": {"the best linear map": f"{noise}_linear_squared_error_per_image"},
        "beside": {"the noisy input": f"{noise}_noisy_squared_error_per_image"},
    }


ROWS = Table((
    Row("784-32-784, L1", CROSS_ENTROPY, SPARSE, "relu_l1_test_cross_entropy_nats_per_pixel", {KERAS_BLOG: "0.10"}),
    Row("the same", Measure("mean of h", ".2f", min), SPARSE, "relu_l1_mean_code", {KERAS_BLOG: "3.33"}),
    Row("784-200-200 pretrained with KL sparsity, linear classifier on top", TEST_ERROR, SPARSE,
        "stacked_before_fine_tuning_test_error_percent", {UFLDL: "12.3"}),
    Row("the same, fine-tuned", TEST_ERROR, SPARSE, "stacked_after_fine_tuning_test_error_percent", {UFLDL: "2.4"}),
    Row("the 25 largest of 1000 units, linear classifier on top", TEST_ERROR, TOP_K,
        "top_k_linear_classifier_test_error_percent", {MAKHZANI_2013: "1.35"}, epochs="",
        headline="the 25 largest of 1000 units, linear classifier on top: test error, %"),
    Row("784-1000-784, contractive, λ = 3", JACOBIAN_RATIO, CONTRACTIVE, "contractive_jacobian_norm_ratio",
        {RIFAI: "0.042"}),
    Row("the same, fine-tuned", TEST_ERROR, CONTRACTIVE, "contractive_fine_tuned_test_error_percent", {RIFAI: "1.14"},
        {"without contraction": "plain_fine_tuned_test_error_percent"}),
    Row("784-1000-784, contractive, λ = 10", JACOBIAN_RATIO, CONTRACTIVE, "strongly_jacobian_norm_ratio",
        {RIFAI: "0.042"}),
    Row("the same, fine-tuned", TEST_ERROR, CONTRACTIVE, "strongly_fine_tuned_test_error_percent", {RIFAI: "1.14"},
        {"without contraction": "plain_fine_tuned_test_error_percent"}),
    Row("denoising, Gaussian noise 0.4", DENOISED, DENOISING, **denoised("gaussian_0_4"),
        headline="denoising: Gaussian noise 0.4, ‖x̂ − x‖²"),
    Row("denoising, Gaussian noise 0.5", DENOISED, DENOISING, **denoised("gaussian_0_5")),
    Row("denoising, half of the pixels missing", DENOISED, DENOISING, **denoised("masking_50")),
    Row("denoising, salt and pepper on 40 % of the pixels", DENOISED, DENOISING, **denoised("salt_and_pepper_40")),
    Row("convolutional, Gaussian noise 0.4", CROSS_ENTROPY, CONV_DENOISING, "gaussian_0_4_cross_entropy_nats_per_pixel",
        {KERAS_IO.noted("after 100 epochs"): "0.0837"}),
    Row("convolutional, Gaussian noise 0.5", CROSS_ENTROPY, CONV_DENOISING, "gaussian_0_5_cross_entropy_nats_per_pixel",
        {KERAS_LOGS.noted("after 100 epochs"): "0.0928"}),
))  # fmt: skip
