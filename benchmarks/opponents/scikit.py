"""scikit-learn's autoencoder: MLPRegressor, fitted to its own input, one epoch at a time.

It has only squared error and trains only by epochs, so it is compared with npae's epoch over the same rows with
SquaredError (`ours.NpaeEpoch`): ReLU, Adam, the same sizes and batches, rows in a new order every epoch, no penalty.
"""

from benchmarks.workloads import EPOCH_ROWS, batch_of
from npae.layers import ReLU
from npae.models import dense_autoencoder


class ScikitEpoch:
    """MLPRegressor.partial_fit over EPOCH_ROWS images: one epoch."""

    package = "sklearn"

    def __init__(self, sizes, batch):
        from sklearn.neural_network import MLPRegressor

        self.x, self.batch, self.steps = batch_of(EPOCH_ROWS), batch, -(-EPOCH_ROWS // batch)
        hidden = sizes[1:] + sizes[-2:0:-1]
        self.network = MLPRegressor(hidden_layer_sizes=hidden, activation="relu", alpha=0.0, batch_size=batch,
                                    random_state=0)  # fmt: skip
        self.sizes = sizes

    def __call__(self):
        self.network.partial_fit(self.x, self.x)

    def first_steps(self):
        """(J on the first batch from npae's initial weights, None, None, None): it returns no gradient."""
        first, model = self.x[: self.batch], dense_autoencoder(self.sizes, ReLU, ReLU, seed=0)
        self.network.partial_fit(first, first)  # allocates the weights, which are then replaced by npae's
        dense = [layer for layer in [*model.encoder, *model.decoder] if layer.parameters]
        for layer, W, b in zip(dense, self.network.coefs_, self.network.intercepts_, strict=True):
            W[...], b[...] = layer.W.value, layer.b.value
        self.network.partial_fit(first, first)
        return self.network.loss_ * first.shape[1], None, None, None  # its loss is also a mean over the features
