"""Ctrl-C: the first ends training after the current step, the second at once."""

import signal
import threading

import numpy as np
import pytest

from npae import dense_autoencoder, fit, optim
from npae.train import Callback, EarlyStopping
from npae.train.interrupt import Interrupt

X = np.random.default_rng(0).random((40, 6), np.float32)


class CtrlC(Callback):
    """Presses Ctrl-C after step `at` of the run, `times` times."""

    def __init__(self, at, times=1):
        self.at, self.times, self.steps, self.thetas = at, times, 0, []

    def on_step(self, trainer):
        self.steps += 1
        self.thetas.append(trainer.model.theta.value.copy())
        if self.steps == self.at:
            for _ in range(self.times):
                signal.raise_signal(signal.SIGINT)


@pytest.fixture
def own_handler():
    def handler(signum, frame):
        raise AssertionError("the handler from before training was called during it")

    before = signal.signal(signal.SIGINT, handler)
    yield handler
    signal.signal(signal.SIGINT, before)


def test_the_step_under_way_is_finished_and_history_and_model_are_usable(own_handler):
    model, press = dense_autoencoder([6, 3]), CtrlC(at=7)
    history = fit(model, X, epochs=50, batch_size=8, callbacks=[press], progress="none")
    assert history.stopped == "interrupted in epoch 2 after 2 of 5 steps"
    assert len(history) == 1 and press.steps == 7
    assert np.isfinite(model.theta.value).all()
    assert (model.theta.value == press.thetas[-1]).all()
    assert signal.getsignal(signal.SIGINT) is own_handler


def test_the_reason_is_printed_and_the_history_has_it(own_handler, capfd):
    history = fit(dense_autoencoder([6, 3]), X, epochs=50, batch_size=8, callbacks=[CtrlC(at=7)], progress="lines")
    out, err = capfd.readouterr()
    epoch, reason = out.splitlines()
    assert epoch.startswith("epoch 1/50 ") and reason == f"Training stopped: {history.stopped}." and err == ""
    assert history.stopped.startswith("interrupted")  # demos recognise it by this word


def test_a_handler_that_python_has_not_set_stays(monkeypatch):
    monkeypatch.setattr(signal, "getsignal", lambda number: None)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with Interrupt() as interrupt, pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert not interrupt.requested
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_was_done_until_then_is_what_an_uninterrupted_run_does(own_handler):
    interrupted, whole, press, watch = dense_autoencoder([6, 3]), dense_autoencoder([6, 3]), CtrlC(at=7), CtrlC(at=-1)
    fit(interrupted, X, epochs=3, batch_size=8, callbacks=[press], progress="none")
    fit(whole, X, epochs=3, batch_size=8, callbacks=[watch], progress="none")
    assert (interrupted.theta.value == watch.thetas[6]).all()


def test_early_stopping_gives_back_the_best_theta_after_an_interruption_too(own_handler):
    model, press, stop = dense_autoencoder([6, 3]), CtrlC(at=12), EarlyStopping()
    history = fit(model, X, epochs=50, batch_size=8, callbacks=[press, stop], progress="none")
    assert "interrupted" in history.stopped and stop.best_epoch == 2
    assert (model.theta.value == press.thetas[9]).all()


def test_a_press_during_validation_stops_after_that_epoch(own_handler):
    class PressAtEpochEnd(Callback):
        def on_epoch_end(self, trainer, row):
            signal.raise_signal(signal.SIGINT)

    history = fit(dense_autoencoder([6, 3]), X, epochs=5, batch_size=8, callbacks=[PressAtEpochEnd()], progress="none")
    assert history.stopped == "interrupted after epoch 1" and len(history) == 1


def test_a_second_press_interrupts_at_once_and_everything_is_put_back(own_handler):
    optimizer = optim.Adam(0.5)
    with pytest.raises(KeyboardInterrupt):
        fit(dense_autoencoder([6, 3]), X, epochs=5, batch_size=8, optimizer=optimizer, schedule=optim.Step(1, 0.5),
            callbacks=[CtrlC(at=7, times=2)], progress="none")  # fmt: skip
    assert signal.getsignal(signal.SIGINT) is own_handler
    assert optimizer.lr == 0.5


def test_the_handler_is_put_back_after_an_ordinary_run_and_after_an_error(own_handler):
    fit(dense_autoencoder([6, 3]), X, epochs=1, batch_size=8, progress="none")
    assert signal.getsignal(signal.SIGINT) is own_handler
    with pytest.raises(ValueError):
        fit(dense_autoencoder([5, 3]), X, epochs=1, batch_size=8, progress="none")
    assert signal.getsignal(signal.SIGINT) is own_handler


def test_training_in_another_thread_leaves_signals_alone(own_handler):
    done = []
    thread = threading.Thread(
        target=lambda: done.append(fit(dense_autoencoder([6, 3]), X, epochs=1, batch_size=8, progress="none"))
    )
    thread.start()
    thread.join()
    assert len(done[0]) == 1 and signal.getsignal(signal.SIGINT) is own_handler


def test_by_itself_it_only_remembers_the_request(own_handler):
    with Interrupt() as interrupt:
        assert not interrupt.requested
        signal.raise_signal(signal.SIGINT)
        assert interrupt.requested
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
