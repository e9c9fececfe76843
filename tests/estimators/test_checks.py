"""scikit-learn's own checks of estimators: all of them pass, none is expected to fail."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sklearn")
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

from npae.estimators import AutoencoderDetector, AutoencoderTransformer  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
CHECKS = parametrize_with_checks([AutoencoderTransformer(epochs=2), AutoencoderDetector(epochs=2, folds=2)])


@pytest.mark.parametrize(CHECKS.args[0], list(CHECKS.args[1]), **CHECKS.kwargs)  # pytest 9 refuses 1.6's generator
def test_scikit_learns_check(estimator, check):
    check(estimator)


@pytest.mark.slow
def test_none_is_skipped_where_scipy_takes_other_arrays_too():
    """SciPy reads this variable when it is imported. Without it, scikit-learn skips the check of other arrays."""
    program = (
        "from sklearn.utils.estimator_checks import check_estimator\n"
        "from npae.estimators import AutoencoderDetector, AutoencoderTransformer\n"
        "for estimator in AutoencoderTransformer(epochs=1), AutoencoderDetector(epochs=1, folds=2):\n"
        "    results = check_estimator(estimator, on_fail='raise')\n"
        "    print(len(results), *{result['status'] for result in results})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=120,
        env=os.environ | {"PYTHONPATH": str(ROOT), "SCIPY_ARRAY_API": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines()[-2:]:
        count, *statuses = line.split()
        assert int(count) >= 46 and statuses == ["passed"]
