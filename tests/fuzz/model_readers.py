"""The readers of models: model files, checkpoints, detectors, safetensors files."""

import numpy as np

from npae import save
from npae.anomaly import AnomalyDetector, load_detector, save_detector
from npae.serialization import ModelFileError, file_info, load_all
from npae.train import prepare, resume_run, save_run
from tests.fuzz import archive_edits, bytes_edits, json_edits
from tests.fuzz.models import IMAGES, KINDS, RNG, X
from tests.fuzz.reader import Reader, Wrong, check_finite

ARCHIVE = (*bytes_edits.EDITS, *archive_edits.EDITS, *(json_edits.edit_about,) * 8)
LARGEST = 1e9  # parameters beyond it may overflow; edits of archives make any, with the right checksums
CODES = RNG.standard_normal((5, 4)).astype(np.float32)


def inputs(kind):
    """What a model of this kind takes."""
    return {"conv": IMAGES[:5] / np.float32(255), "gan": CODES}.get(kind, X[:5])


def evaluate(model, kind):
    """Raise Wrong unless the model computes finite numbers, or refuses rows of another shape."""
    values = [p.value for _, p in model.named_parameters()]
    if not values:
        return
    try:
        with np.errstate(all="ignore"):
            result = model(inputs(kind).astype(values[0].dtype))
    except ValueError as error:
        if "expected" not in str(error):
            raise
        return
    check_finite("a prediction", result)


class Models(Reader):
    """npae.load, serialization.load_all and file_info."""

    edits, refusals = ARCHIVE, (ModelFileError,)

    def valid(self, folder):
        found = {}
        for kind, make in KINDS.items():
            model = make()[0]
            found[kind] = save(folder / kind, model, extra={"note": [1, "a"]}, arrays={"more": np.ones(3)}).read_bytes()
        return found

    def read(self, path):
        return load_all(path)

    def use(self, content, path):
        if max((np.abs(p.value).max(initial=0) for _, p in content.model.named_parameters()), default=0) <= LARGEST:
            evaluate(content.model, path.name.partition(".")[0])
        for name, array in content.arrays.items():
            if array.dtype.hasobject:
                raise Wrong(f"loaded, but the array {name} holds Python objects")
        try:
            text = file_info(path)
        except ModelFileError:
            return
        if not text.startswith(str(path)):
            raise Wrong(f"file_info returns {text[:100]!r}")


class Checkpoints(Reader):
    """npae.train.resume_run: a refused file changes nothing in the trainer, a loaded one lets it take steps."""

    edits, refusals = ARCHIVE, (ValueError, ModelFileError)

    def __init__(self):
        self.trainers = {}

    def valid(self, folder):
        found = {}
        for kind in KINDS:
            trainer = self._trainer(kind)
            trainer.run(2)
            save_run(trainer, folder / f"{kind}.npz")
            found[kind] = (folder / f"{kind}.npz").read_bytes()
        return found

    @staticmethod
    def _trainer(kind):
        model, data, settings = KINDS[kind]()
        trainer = prepare(model, data, batch_size=32, progress="none", **settings)
        trainer.run(1)
        return trainer

    def read(self, path):
        kind = path.name.partition(".")[0]
        if kind not in self.trainers:
            self.trainers[kind] = self._trainer(kind)
        self.kind, self.trainer = kind, self.trainers[kind]
        self.before = state(self.trainer)
        try:
            resume_run(self.trainer, path)
        except BaseException:
            if state(self.trainer) != self.before:
                del self.trainers[kind]
                raise Wrong(f"half changed by a refused file: {changes(self.before, state(self.trainer))}") from None
            raise
        return self.trainer

    def use(self, content, path):
        del self.trainers[self.kind]
        content.run(content.epoch + 1)
        content.run(content.epoch + 1)  # the first may have stopped at once, as the file demands
        check_finite("θ after an epoch", content.model.theta.value)


def state(trainer):
    """{name: value that can be compared} of all that a run depends on."""
    optimizer = trainer.optimizer
    vectors = {f"optimizer.{name}": vector.tobytes() for name, vector in optimizer.state.items()}
    arrays = {f"{k}.{n}": a.tobytes() for k, c in enumerate(trainer.callbacks) for n, a in c.arrays().items()}
    return {
        "theta": trainer.model.theta.value.tobytes(), "statistics": trainer.model.statistics.value.tobytes(),
        "t": optimizer.t, "lr": optimizer.lr, "base_lr": trainer.base_lr, "epoch": trainer.epoch, "seed": trainer.seed,
        "stopped": trainer.stopped, "history": repr(trainer.history.rows), "terms": repr(trainer.history.terms),
        "schedule": repr(trainer.schedule.state()), "callbacks": repr([c.state() for c in trainer.callbacks]),
        "means": repr(trainer.means.state()), "whole": trainer.last_step.is_whole, "identity": repr(trainer.identity),
        **vectors, **arrays,
    }  # fmt: skip


def changes(before, after):
    """The names of what differs between two states."""
    return ", ".join(sorted(k for k in before.keys() | after.keys() if before.get(k) != after.get(k)))


class Detectors(Reader):
    """npae.anomaly.load_detector."""

    edits, refusals = ARCHIVE, (ModelFileError,)
    settings = {"plain": {}, "both": {"distance": "reconstruction", "standardize": False}}

    def valid(self, folder):
        found = {}
        for name, settings in self.settings.items():
            detector = AnomalyDetector(epochs=2, **settings).fit(X.astype(np.float64))
            found[name] = save_detector(folder / name, detector).read_bytes()
        return found

    def read(self, path):
        return load_detector(path)

    def use(self, content, path):
        try:
            scores = content.distances(X.astype(np.float64))
        except ValueError as error:
            if "expected" not in str(error):
                raise
            return
        check_finite("a score", scores)
        check_finite("the threshold", content.threshold)


class Safetensors(Reader):
    """npae.export.load_safetensors."""

    suffix, refusals = ".safetensors", (ModelFileError,)
    edits = (*bytes_edits.EDITS, *(json_edits.edit_safetensors,) * 8)

    def valid(self, folder):
        from npae.export import save_safetensors

        return {kind: save_safetensors(folder / kind, make()[0]).read_bytes() for kind, make in KINDS.items()}

    def read(self, path):
        from npae.export import load_safetensors

        return load_safetensors(path)

    def use(self, content, path):
        evaluate(content, path.name.partition(".")[0])
