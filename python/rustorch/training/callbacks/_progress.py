"""A bar for each epoch."""

from __future__ import annotations

import itertools
from typing import Any, Dict, Iterator, Optional

from rustorch import progress
from rustorch.training import _ranks
from rustorch.training.callbacks._base import Callback, Logs


class ProgressBar(Callback):
    """A bar on a terminal, a plain line an epoch elsewhere; on the first rank only.

    ``fit`` shows its own unless ``verbose=0``; this one is for loops of one's own, or another stream.

    Parameters
    ----------
    stream : text stream, default standard output

    Example
    -------
    >>> from rustorch.training.callbacks import CallbackList, ProgressBar
    >>> bar = CallbackList([ProgressBar()], epochs=1, steps=2, verbose=0)  # verbose=0: nothing is shown
    >>> bar.on_epoch_begin(0); bar.on_train_batch_end(0, {"loss": 1.0}); bar.on_epoch_end(0, {"loss": 1.0})
    """

    def __init__(self, stream: Any = None) -> None:
        self.stream = stream
        self._bar: Optional[progress.ProgressBar] = None
        self._steps: Iterator[Any] = iter(())
        self._in_fit = False

    def _begin(self, text: str) -> None:
        params: Dict[str, Any] = self.params or {}
        total = params.get("steps")
        shown = bool(params.get("verbose", 1)) and _ranks.rank() == 0
        self._bar = progress.ProgressBar(itertools.count(), total, text, shown, self.stream)
        self._steps = iter(self._bar)
        next(self._steps)

    def _step(self, logs: Optional[Logs]) -> None:
        if self._bar is not None:
            self._bar.set(**(logs or {}))
            next(self._steps)

    def _end(self, logs: Optional[Logs]) -> None:
        if self._bar is not None:
            self._bar.set(**(logs or {}))
            self._bar.close()
            self._bar = None

    def on_train_begin(self, logs: Optional[Logs] = None) -> None:
        self._in_fit = True

    def on_train_end(self, logs: Optional[Logs] = None) -> None:
        self._in_fit = False

    def on_epoch_begin(self, epoch: int, logs: Optional[Logs] = None) -> None:
        epochs = (self.params or {}).get("epochs")
        self._begin(f"Epoch {epoch + 1}/{epochs}" if epochs else f"Epoch {epoch + 1}")

    def on_train_batch_end(self, batch: int, logs: Optional[Logs] = None) -> None:
        self._step(logs)

    def on_epoch_end(self, epoch: int, logs: Optional[Logs] = None) -> None:
        self._end(logs)

    def on_test_begin(self, logs: Optional[Logs] = None) -> None:
        if not self._in_fit:
            self._begin("Evaluate")

    def on_test_batch_end(self, batch: int, logs: Optional[Logs] = None) -> None:
        if not self._in_fit:
            self._step(logs)

    def on_test_end(self, logs: Optional[Logs] = None) -> None:
        if not self._in_fit:
            self._end(logs)

    def on_predict_begin(self, logs: Optional[Logs] = None) -> None:
        self._begin("Predict")

    def on_predict_batch_end(self, batch: int, logs: Optional[Logs] = None) -> None:
        self._step(None)

    def on_predict_end(self, logs: Optional[Logs] = None) -> None:
        self._end(None)


ProgbarLogger = ProgressBar
