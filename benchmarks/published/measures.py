"""What the tables of results measure, with units and formats."""

from benchmarks.published.table import Measure

CROSS_ENTROPY = Measure("cross-entropy", ".4f", min)
SQUARED_ERROR = Measure("‖x̂ − x‖²", ".2f", min)
TEST_ERROR = Measure("test error, %", ".2f", min)
NEIGHBOURS_ERROR = Measure("5-NN error, %", ".1f", min)
NATS = Measure("−ELBO, nats", ".2f", min)
NEGATIVE_LOG_LIKELIHOOD = Measure("−ln p(x), nats", ".2f", min)
PARZEN = Measure("Parzen, nats", ".0f", max)
TWO_SAMPLE = Measure("two-sample accuracy", ".3f", min)
ROC_AUC = Measure("ROC-AUC", ".3f", max)
