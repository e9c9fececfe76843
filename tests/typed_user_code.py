"""Typical programs of users, for the type checker: `basedpyright` reads this file and must find no error in it.

It has what README.md and docs/ show. Two calls are wrong: the checker must find them, since a comment that ignores
nothing is an error here. The file is not run.
"""
# pyright: basic, reportUnnecessaryTypeIgnoreComment=true

from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse

import npae
from npae import Autoencoder, anomaly, dense_autoencoder, fit, layers, losses, mnist, optim, penalties, train
from npae.estimators import AutoencoderDetector, AutoencoderTransformer


def digits() -> float:
    images = mnist(which="sample")
    x, x_test = (data.reshape(-1, 784) for data in (images.train_images, images.test_images))
    model = dense_autoencoder([784, 128, 32], penalties=[penalties.L1(1e-3)])
    history = fit(model, x, validation=x_test, epochs=10, progress="none", callbacks=train.EarlyStopping())
    npae.save(Path("model.npz"), model)
    first = model.encoder[0].W.value
    weights = [layer.W.value for layer in model.encoder if isinstance(layer, layers.Dense)]
    return history["loss"][-1] + history.best("val_loss")["val_loss"] + first.sum() + weights[0].sum()


def wrong_calls(x: np.ndarray) -> None:
    dense_autoencoder([784, 32], optimizer="adam")  # pyright: ignore[reportCallIssue]
    fit(dense_autoencoder([784, 32]), x, epochs=1, progress="line")  # pyright: ignore[reportArgumentType]


def own_network(noisy: np.ndarray, clean: np.ndarray) -> np.ndarray:
    encoder = layers.Sequential(layers.Dense(12, 8, "relu"), layers.Dense(8, 3))
    decoder = layers.Sequential(layers.Dense(3, 8, "relu"), layers.Dense(8, 12))
    model = Autoencoder(encoder, decoder, losses.SquaredError())
    fit(model, noisy, target=clean, epochs=5, optimizer=optim.Adam(1e-3), schedule="cosine", progress=False)
    return model.reconstruct(noisy) - encoder[0].b.value.mean()


def tables(frame: pd.DataFrame, path: str) -> tuple[np.ndarray, float]:
    model = dense_autoencoder([12, 3], loss="mse")
    fit(model, frame, validation=0.1, epochs=5)
    fit(model, np.memmap(path), epochs=5)
    fit(model, [[0.0] * 12] * 3, epochs=5)
    table = npae.data.read_table(path, label="diagnosis")
    fit(model, table.x, epochs=5)
    fit(model, scipy.sparse.coo_array(frame.to_numpy()), epochs=5)
    counts = scipy.sparse.csr_matrix(frame.to_numpy())
    detector = anomaly.AnomalyDetector(contamination=0.05).fit(counts)
    return detector.fit_predict(frame), detector.history["loss"][-1]


def exports(path: Path, rows: np.ndarray) -> np.ndarray:
    state = npae.export.to_torch(dense_autoencoder([8, 2]))
    own = npae.export.from_torch(dense_autoencoder([8, 2]), state)
    npae.export.to_onnx(npae.export.from_torch(layers.Dense(8, 2), state), input_shape=[8])
    linear = npae.export.twin(layers.Dense)(lambda layer: [npae.export.Twin(lambda shape: ("Linear", {}))])
    return own.encode(rows) + npae.export.load_safetensors(path).encode(rows) + len(linear(layers.Dense(8, 2)))


def other_libraries(table: np.ndarray, path: Path) -> np.ndarray:
    codes = AutoencoderTransformer(n_components=3, epochs=20, random_state=0).fit_transform(table)
    detector = npae.estimators.AutoencoderDetector(epochs=20).fit(table)
    npae.export.save_onnx(path, detector.model_)
    npae.export.save_safetensors(path, npae.load("model.npz"))
    return codes + AutoencoderDetector(epochs=20, random_state=0).fit_predict(table) + detector.history_["loss"][-1]
