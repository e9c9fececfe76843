"""Processes that share shards: the run of one process, and each reads its own blocks."""

import numpy as np

from npae.data import Shards
from npae.train import prepare
from tests.data.shard_files import write_shards
from tests.train.parallel.test_process_group import network, together

X = np.random.default_rng(3).random((1200, 6))
SIZE = 150


def test_two_processes_take_the_steps_of_one_and_share_the_reading(tmp_path):
    paths = write_shards(tmp_path, X, cuts=(500, 700))

    def run(group):
        shards, read = Shards(paths, block_rows=4, mixed_blocks=75), set()
        for start, file in zip(shards._starts[:-1], shards._files, strict=True):
            file.read = noted(file.read, start, read)
        trainer = prepare(network(), shards, validation=0.1, batch_size=SIZE, group=group, data_init=False,
                          progress="none")  # fmt: skip
        read.clear()  # what was sampled of the data before the first step
        trainer.run(1)
        theta = trainer.model.theta.value.copy()
        read_of_training = {int(row) for row in read}
        trainer.run(3)
        return trainer.history["loss"], trainer.history["val_loss"], theta, read_of_training

    (alone,), shared = together(1, run), together(2, run)
    for loss, val_loss, theta, read in shared:
        np.testing.assert_allclose(loss, alone[0], rtol=1e-10)
        np.testing.assert_allclose(val_loss, alone[1], rtol=1e-10)
        np.testing.assert_allclose(theta, alone[2], rtol=1e-9)
        assert len(read) < 0.75 * len(alone[3])
    assert alone[3] == set(range(1200)) == shared[0][3] | shared[1][3]


def noted(function, start, read):
    def reads(parts):
        parts = list(parts)
        read.update(start + first + k for first, rows in parts for k in range(len(rows)))
        function(parts)

    return reads
