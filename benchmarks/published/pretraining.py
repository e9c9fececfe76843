"""Results: greedy pretraining, few labels, and none."""

from benchmarks.published.measures import SQUARED_ERROR, TEST_ERROR
from benchmarks.published.runs import Run
from benchmarks.published.sources import BENGIO, HINTON, MAKHZANI_2015, VINCENT
from benchmarks.published.table import Row, Table

STACKED = Run("stacked_full", "demos.stacked --full")
MACHINES = Run("stacked_machines_full", "demos.stacked --full --only machines --epochs 60")
CLASSIFIER = Run("stacked_classifier_full", "demos.stacked --full --only classifier --epochs 9")
FEW_LABELS = Run("semi_supervised_full", "demos.semi_supervised --full")
FEW_LABELS_SAMPLE = Run("semi_supervised_sample", "demos.semi_supervised")
CLUSTERS = Run("clusters_full", "demos.clusters --full")

ROWS = Table((
    Row("logistic 784-1000-500-250-30-…-784, greedily pretrained", SQUARED_ERROR, STACKED,
        "pretrained_fine_tuned_squared_error_per_image", {HINTON: "3.00"},
        {"not pretrained": "Adam_alone_squared_error_per_image"},
        {"small weights and gradient descent": "small_weights_descent_squared_error_per_image",
         "the mean digit": "mean_image_squared_error_per_image"}),
    Row("the same, pretrained by restricted Boltzmann machines", SQUARED_ERROR, MACHINES,
        "machines_fine_tuned_squared_error_per_image", {HINTON: "3.00"},
        headline="784-1000-500-250-30-…-784, pretrained by Boltzmann machines, ‖x̂ − x‖²"),
    Row("logistic 784-1000-1000-1000-10, pretrained by denoising, fine-tuned by Adam", TEST_ERROR, CLASSIFIER,
        "classifier_greedy_pretraining_adam_test_error_percent", {VINCENT: "1.28"},
        headline="pretrained by denoising, then fine-tuned: test error, %"),
    Row("the same, fine-tuned by gradient descent", TEST_ERROR, STACKED,
        "classifier_greedy_pretraining_test_error_percent", {BENGIO.noted("(2.4 not pretrained)"): "1.4"},
        {"not pretrained": "classifier_none_pretraining_test_error_percent"}),
    Row("the same, pretrained by restricted Boltzmann machines", TEST_ERROR, CLASSIFIER,
        "classifier_machines_test_error_percent", {BENGIO.noted("(deep belief network)"): "1.2"},
        {"not pretrained": "classifier_no_pretraining_test_error_percent"}),
    Row("100 labels among 60,000 digits", TEST_ERROR, FEW_LABELS, "semi_supervised_test_error_percent",
        {MAKHZANI_2015: "1.90"}, {"the labelled digits alone": "supervised_test_error_percent"}),
    Row("100 labels among the 10,000 embedded digits", TEST_ERROR, FEW_LABELS_SAMPLE,
        "semi_supervised_test_error_percent", {MAKHZANI_2015.noted("among 60,000"): "1.90"},
        {"the labelled digits alone": "supervised_test_error_percent"}),
    Row("16 clusters without labels, named by their most certain digits", TEST_ERROR, CLUSTERS,
        "autoencoder_test_error_percent", {MAKHZANI_2015: "9.55"}, {"k-means of pixels": "k_means_test_error_percent"}),
    Row("the same, named by the majority of 5,000 digits", TEST_ERROR, CLUSTERS,
        "autoencoder_majority_test_error_percent",
        measured={"k-means of pixels": "k_means_majority_test_error_percent"}),
))  # fmt: skip
