"""Results: anomaly detection."""

from statistics import mean

from benchmarks.published.grid import Grid
from benchmarks.published.measures import ROC_AUC
from benchmarks.published.runs import Run
from benchmarks.published.sources import RUFF, TENSORFLOW
from benchmarks.published.table import Measure, Row, Table

ANOMALY = Run("anomaly_full", "demos.anomaly --full")
HEARTBEATS = Run("heartbeats_full", "demos.heartbeats")


RIVALS = {  # name in a table: in the metrics
    "Mahalanobis": "mahalanobis", "IsolationForest": "isolationforest", "PyOD's AutoEncoder": "pyod_autoencoder",
    "PCA": "pca_residual",
}  # fmt: skip
WON = Measure("tables won against PyOD's AutoEncoder", ".0f", max)
FALSE_ALARMS = Measure("new normal rows beyond a threshold for 5 %, %", ".1f",
                       lambda shares: min(shares, key=lambda share: abs(share - 5)))  # fmt: skip


def compared(key):
    """Our number and those of all rivals, whose metrics have the name of the method at {}."""
    return {
        "ours": key.format("npae_joint"),
        "measured": {name: key.format(method) for name, method in RIVALS.items()},
        "epochs": "",  # those of the detector, not of the demo
    }


def won(kind):
    """On how many of the tables our number is better than PyOD's."""
    return {
        "ours": f"tables_{kind}_pyod_autoencoder_beaten_by_joint_count",
        "beside": {"tables in all": "tables_count"}, "epochs": "",
    }  # fmt: skip


def percent(key):
    """A share in percent."""
    return lambda run: 100 * run[key]


def one_by_one(kind):
    """{table: {method: ROC-AUC, the mean over splits}}, and the mean over tables below."""

    def read(run):
        rows = {
            table: {head(method): mean(auc for auc, *_ in splits) for method, splits in methods.items()}
            for table, methods in run[f"tables_{kind}"].items()
        }
        methods = next(iter(rows.values()))
        return rows | {"mean": {method: mean(row[method] for row in rows.values()) for method in methods}}

    return read


def digits(run):
    """{digit: {method: ROC-AUC}}."""
    return {digit: {head(m): v[digit] for m, v in run["digits_roc_auc"].items()} for digit in range(10)}


def head(method):
    """A method's name as the head of a column: a distance of npae's by its name alone."""
    return method.removeprefix("npae, ").removesuffix(" residual").removesuffix(" AutoEncoder")


def heartbeats(measure):
    """A measure of heartbeats: of ours, and of what it is compared with."""
    return {
        "ours": f"npae_joint_distance_{measure}",
        "measured": {
            "the tutorial's network": f"the_tutorial_s_network_and_threshold_{measure}",
            "PCA": f"pca_8_residual_the_tutorial_s_threshold_{measure}",
            "Mahalanobis": f"mahalanobis_the_tutorial_s_threshold_{measure}",
        },
        "epochs": "",
    }


ROWS = Table((
    Row("one digit against the rest, by reconstruction", ROC_AUC._replace(form=".4f"), ANOMALY,
        "digits_npae_reconstruction_mean_roc_auc",
        {RUFF: "0.948"}, {"PCA on the same prepared images": "digits_pca_16_residual_same_images_mean_roc_auc",
                          "PCA on raw pixels": "digits_pca_24_residual_raw_pixels_mean_roc_auc"},
        headline="one digit against the rest, mean ROC-AUC"),
    Row("sixteen ADBench tables, fitted on half of the normal rows", ROC_AUC, ANOMALY,
        **compared("tables_semi_{}_mean_roc_auc"),
        headline="sixteen ADBench tables, fitted on half of the normal rows, mean ROC-AUC"),
    Row("the same", WON, ANOMALY, **won("semi")),
    Row("sixteen ADBench tables, fitted on everything", ROC_AUC, ANOMALY, **compared("tables_unsup_{}_mean_roc_auc")),
    Row("the same", WON, ANOMALY, **won("unsup")),
    Row("generated tables, fitted on half of the normal rows", ROC_AUC, ANOMALY,
        **compared("synthetic_semi_{}_mean_roc_auc")),
    Row("generated tables, fitted on everything", ROC_AUC, ANOMALY, **compared("synthetic_unsup_{}_mean_roc_auc")),
    Row("ADBench tables, fitted on 100 normal rows", FALSE_ALARMS, ANOMALY, percent("threshold_npae_joint_mean_share"),
        measured={"PyOD's AutoEncoder": percent("threshold_pyod_autoencoder_mean_share")}, epochs=""),
    Row("card payments, frauds among 8,074 normal ones", ROC_AUC, ANOMALY, **compared("card_semi_{}_roc_auc")),
    Row("the same", Measure("average precision at 0.17 % frauds", ".3f", max), ANOMALY,
        **compared("card_semi_{}_the_same_at_0_17_frauds")),
    Row("ECG5000, abnormal heartbeats", ROC_AUC, HEARTBEATS, **heartbeats("roc_auc")),
    Row("the same", Measure("accuracy", ".3f", max), HEARTBEATS, **heartbeats("accuracy"),
        published={TENSORFLOW: "0.944"}),
))  # fmt: skip
SEMI = Grid("fitted on half of the normal rows", ANOMALY, one_by_one("semi"), ROC_AUC)
UNSUP = Grid("fitted on everything", ANOMALY, one_by_one("unsup"), ROC_AUC)
DIGITS = Grid("digit", ANOMALY, digits, ROC_AUC)
