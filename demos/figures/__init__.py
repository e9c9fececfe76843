"""The pictures of the demos. Each function writes one file, in the format of --format.

canvas.py      figures, and files           images.py      rows and sheets of digits, weights, feature maps
curves.py      learning and ROC curves      codes.py       codes as points, coloured by digit
sparse.py      sparse codes                 classes.py     maps with the names of classes
"""

from demos.figures.classes import class_maps
from demos.figures.codes import code_map, code_maps, codes_below_priors, manifold
from demos.figures.curves import beats, contributions, detection_curves, learning_curves, losses, subspace
from demos.figures.images import digit_rows, feature_maps, filters, one_of_each, sheets
from demos.figures.sparse import basis, frequencies, frontier

__all__ = [
    "basis", "beats", "class_maps", "code_map", "code_maps", "codes_below_priors", "contributions", "detection_curves",
    "digit_rows", "feature_maps", "filters", "frequencies", "frontier", "learning_curves", "losses", "manifold",
    "one_of_each", "sheets", "subspace",
]  # fmt: skip
