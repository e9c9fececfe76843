"""Synthetic tables with anomalies of known kinds: on them the default distance of npae.anomaly was chosen.

Four kinds of normal rows x = s + noise, where k factors v decide the d features of s, k about d/3:

    gaussian    s = vA, v normal: correlated features                 curved      s_j = sin(2.5 vᵀa_j + c_j), k = 2 or 3
    clusters    four of these, with means of their own                skewed      half exponentials, some rounded

The noise has 5, 10 or 30 % of a feature's standard deviation. Five kinds of anomalies (those of Han, Hu, Huang, Jiang &
Zhao 2022, "ADBench: anomaly detection benchmark", and faulty features):

    local         normal rows with twice the noise                    cluster     a small cloud away from all others
    global        every feature uniform over its usual range          feature     one feature 1.5 to 4 deviations off
    dependency    a third of the features shuffled among the anomalies

Each of the twenty pairs comes in three sizes, with 3, 10 or 30 % anomalies.
"""

import numpy as np

from demos import results
from demos.detectors import compare
from npae.anomaly import roc_auc
from npae.data import Table

NORMAL = ("gaussian", "clusters", "curved", "skewed")
ODD = ("local", "global", "dependency", "cluster", "feature")
SIZES = ((250, 8), (1000, 20), (3000, 40))  # normal rows, features
SHARES = (0.03, 0.1, 0.3)  # anomalies per normal row


def synthetic_tables(settings):
    """Mean ROC-AUC of every distance over the tables with each kind of anomaly, "unsup" and "semi"."""
    tables = list(suite(settings.seed, SIZES[:1] if settings.quick else SIZES))
    for kind in ("unsup", "semi"):
        found = {name: compare(table, kind, 1, settings, {"ROC-AUC": roc_auc}) for name, table in tables}
        shown = settings.table(f"synthetic tables, {kind}: ROC-AUC", [*ODD, "mean"], published=None)
        for method in found[tables[0][0]]:
            auc = {name: float(v[method].mean()) for name, v in found.items()}
            of_kind = (np.mean([a for name, a in auc.items() if name.split()[1] == odd]) for odd in ODD)
            mean = float(np.mean(list(auc.values())))
            shown.row(method, *(f"{a:.3f}" for a in of_kind), f"{mean:.4f}")
            settings.metrics[f"synthetic_{kind}_{results.key(method)}_mean_roc_auc"] = mean
        settings.metrics[f"synthetic_{kind}"] = {t: {m: v.tolist() for m, v in r.items()} for t, r in found.items()}


def suite(seed=0, sizes=SIZES):
    """Yield (name, Table), such as "curved local 1000"."""
    for i, normal in enumerate(NORMAL):
        for j, odd in enumerate(ODD):
            for k, (n, d) in enumerate(sizes):
                name, share = f"{normal} {odd} {n}", SHARES[(i + j + k) % 3]
                yield name, table(name, normal, odd, n, d, share, np.random.default_rng([seed, i, j, k]))


def table(name, normal, odd, n, d, share, rng):
    """A Table of n normal rows of d features, and `share` times as many anomalies."""
    m = max(5, int(n * share))
    s = signal(normal, n + m, d, rng)
    noise = rng.choice([0.05, 0.1, 0.3], size=d) * s[:n].std(axis=0)
    x = s + noise * rng.normal(size=s.shape)
    deviation, a = x[:n].std(axis=0), x[n:]
    if odd == "local":
        a[:] = s[n:] + 2 * noise * rng.normal(size=a.shape)
    elif odd == "global":
        a[:] = rng.uniform(*np.quantile(x[:n], [0.02, 0.98], axis=0), size=a.shape)
    elif odd == "dependency":
        for j in rng.permutation(d)[: max(2, d // 3)]:
            a[:, j] = rng.permutation(a[:, j])
    elif odd == "cluster":
        a[:] = a[0] + 0.3 * (a - a.mean(axis=0)) + 1.2 * deviation * rng.normal(size=d)
    else:
        j = rng.integers(d, size=m)
        a[np.arange(m), j] += rng.choice([-1, 1], m) * rng.uniform(1.5, 4, m) * deviation[j]
    return Table(x, np.arange(n + m) >= n, name, None)


def signal(kind, n, d, rng):
    """s: n rows of d features without noise."""
    k = max(2, d // 3)
    if kind == "clusters":
        s, which = np.empty((n, d)), rng.integers(4, size=n)
        for c in range(4):
            mean, rows = 1.5 * rng.normal(size=d), which == c
            s[rows] = mean + 0.6 * rng.normal(size=(rows.sum(), k)) @ mixing(k, d, rng)
        return s
    if kind == "curved":
        k = 2 if d < 20 else 3
        v = rng.uniform(-1, 1, size=(n, k))
        return np.sin(2.5 * v @ rng.normal(size=(k, d)) + rng.uniform(0, 2 * np.pi, d))
    s = rng.normal(size=(n, k)) @ mixing(k, d, rng)
    if kind == "skewed":
        s[:, ::2] = np.exp(s[:, ::2])
        s[:, 1::4] = np.round(3 * s[:, 1::4] / s[:, 1::4].std(axis=0))
    return s


def mixing(k, d, rng):
    """A (k, d), its rows of falling size."""
    return rng.normal(size=(k, d)) * np.geomspace(1, 0.3, k)[:, None] / np.sqrt(k)
