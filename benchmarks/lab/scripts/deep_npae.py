"""The deep autoencoder 784-…-4-…-784 by npae: 20 epochs of batch 32."""

import sys
from pathlib import Path

from npae import data, dense_autoencoder, fit

folder, epochs = sys.argv[1:]
digits = data.idx_folder(Path(folder))
train, test = (images.reshape(-1, 784) for images in (digits.train_images, digits.test_images))
model = dense_autoencoder([784, 256, 128, 64, 32, 16, 8, 4], code_activation="relu", seed=0)
fit(model, train, epochs=int(epochs), batch_size=32, progress="none")
print(model.evaluate(test)["reconstruction"] / 784)
