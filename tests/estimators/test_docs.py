"""The code of docs/estimators.md runs, and gives what the page promises."""

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")
from sklearn.decomposition import PCA  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

PAGE = Path(__file__).resolve().parents[2] / "docs" / "estimators.md"
CODE = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def run(blocks):
    names = {"__name__": "page"}
    exec(compile("\n".join(blocks), str(PAGE), "exec"), names)
    return names


def test_the_code_of_the_guide_runs():
    pytest.importorskip("pandas")
    blocks = [code for code in CODE if "pyod" not in code]
    assert len(blocks) == len(CODE) - 1 >= 5
    names = run(blocks)
    accuracy = names["chain"].score(names["X_test"], names["y_test"])
    assert f"# {accuracy:.2f}\n" in CODE[0]
    pca = make_pipeline(StandardScaler(), PCA(5), LogisticRegression()).fit(names["X_train"], names["y_train"])
    pca = pca.score(names["X_test"], names["y_test"])
    assert f"the accuracy is {pca:.3f}" in PAGE.read_text(encoding="utf-8") and pca > accuracy
    assert list(names["codes"].columns)[0] == "autoencodertransformer0" and 0.75 < names["r2"] < 0.95
    assert len(names["curve"]) == names["encode"].n_iter_ == 200
    assert names["search"].best_params_ == {"autoencodertransformer__n_components": 5}
    malignant = (names["y_test"] == 0).to_numpy()
    assert (names["flags"][malignant] == -1).mean() > 0.7 > 0.2 > (names["flags"][~malignant] == -1).mean()
    np.testing.assert_array_equal(names["again"].predict(names["X_test"]), names["chain"].predict(names["X_test"]))


def test_the_adapter_for_pyod_is_a_detector_of_pyod():
    pytest.importorskip("pyod")
    from sklearn.base import clone

    (code,) = [code for code in CODE if "pyod" in code]
    adapter = run([code])["NpaeDetector"]
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 3)) @ rng.standard_normal((3, 8)) + 0.1 * rng.standard_normal((200, 8))
    odd = x[:20] + 3 * rng.standard_normal((20, 8))
    detector = adapter(contamination=0.1, epochs=10).fit(x)
    assert detector.labels_.sum() == 20 and detector.decision_scores_.shape == (200,)
    assert (detector.predict(odd) == 1).mean() > 0.9
    assert detector.predict_proba(odd).shape == (20, 2)
    assert detector.decision_function(odd).min() > np.median(detector.decision_scores_)
    assert clone(detector).get_params() == {"contamination": 0.1, "distance": "joint", "epochs": 10, "seed": 0}
