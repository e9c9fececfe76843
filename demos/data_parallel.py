"""Data-parallel training by several processes.

K processes train the deep autoencoder of demos/deep.py.

    ∂J/∂θ = Σ_k (B_k / B) ∂J_k/∂θ        process k takes B_k of the B rows of a minibatch

    mpiexec -n 2 python -m demos.data_parallel             the embedded 10,000 digits
    mpiexec -n 2 python -m demos.data_parallel --full      all 60,000

One all-reduce per step sums the gradients. The processes share the cores. mpiexec comes with the extra "mpi"; without
mpiexec there is one process. With several GPUs start a process for each: they sum by NCCL (not yet run on real GPUs).

Expected: the numbers of demos/deep.py, up to rounding, for any number of processes.
Pictures: reconstructions.png, loss.png, codes.png.
"""

import io
import sys
from contextlib import suppress

from demos import common, deep
from npae.train.parallel import from_environment


def main(argv=None):
    """Train in every process; process 0 writes, draws and prints. Returns what metrics.json holds, None elsewhere."""
    try:
        group = from_environment()
    except (ModuleNotFoundError, RuntimeError) as error:
        raise SystemExit(str(error)) from error
    if group.rank:
        sys.stdout = io.StringIO()
    settings = common.parse("data_parallel", __doc__, epochs=20, quick_epochs=12, argv=argv)
    if group.rank:
        with suppress(KeyboardInterrupt):  # process 0 reports it
            fit(settings, group)
        return None
    return common.run(lambda settings: deep.report(settings, *fit(settings, group)), settings)


def fit(settings, group):
    """Train with the other processes. Returns (model, history, training digits, test digits, their labels)."""
    train, _, test, test_labels = common.digits(settings)
    model = deep.network(train, settings.seed)
    history = common.train(settings, model, train, test, group=group, **deep.recipe(settings.epochs))
    settings.metrics["workers"] = group.size
    return model, history, train, test, test_labels


if __name__ == "__main__":
    main()
