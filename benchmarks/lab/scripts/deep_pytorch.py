"""The deep autoencoder 784-…-4-…-784 by PyTorch: 20 epochs of batch 32, fused Adam.

Batches are rows of one tensor: a DataLoader, which tutorials use, takes longer than the training step.
"""

import torch
from torch import nn

from benchmarks.lab.scripts.mnist import arguments

train, test, epochs = arguments()
train, test = torch.from_numpy(train), torch.from_numpy(test)
torch.manual_seed(0)
sizes = [784, 256, 128, 64, 32, 16, 8, 4, 8, 16, 32, 64, 128, 256, 784]
layers = []
for n_in, n_out in zip(sizes, sizes[1:], strict=False):
    layers += [nn.Linear(n_in, n_out), nn.ReLU()]
model = nn.Sequential(*layers[:-1])
loss = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), fused=True)
for _ in range(epochs):
    for rows in torch.randperm(len(train)).split(32):
        x = train[rows]
        optimizer.zero_grad()
        loss(model(x), x).backward()
        optimizer.step()
with torch.no_grad():
    print(loss(model(test), test).item())
