"""Estimators of scikit-learn: an autoencoder as a transformer, and as an outlier detector.

    network.py       the network that their parameters describe
    base.py          what both have in common
    transformer.py   AutoencoderTransformer: codes as features
    detector.py      AutoencoderDetector: outliers

They need scikit-learn 1.6 or newer (the extra "sklearn"), which is imported at the first use of `npae.estimators`.
Their names follow scikit-learn's own: a class that turns rows into other rows ends in Transformer (PowerTransformer),
and npae.Autoencoder is the network inside. docs/estimators.md has a short guide.
"""

from npae.backend import missing

try:
    from sklearn.utils.validation import validate_data as _needed  # noqa: F401  new in scikit-learn 1.6
except ImportError:
    raise ModuleNotFoundError(f"npae.estimators: {missing('scikit-learn 1.6 or newer', 'sklearn')}") from None

from npae.estimators.detector import AutoencoderDetector
from npae.estimators.transformer import AutoencoderTransformer

__all__ = ["AutoencoderDetector", "AutoencoderTransformer"]
