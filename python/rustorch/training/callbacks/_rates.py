"""Learning rates: read, set, scheduled; and the end of a run whose loss is no number any more."""

from __future__ import annotations

import inspect
import math
from typing import Any, Callable, List, Optional

from rustorch import Tensor
from rustorch._C import ArgumentTypeError, RusTorchError
from rustorch.training.callbacks._base import Callback, Logs, say


def _groups(model: Any) -> List[Any]:
    groups = getattr(getattr(model, "optimizer", None), "param_groups", None)
    if not groups:
        raise RusTorchError("the model has no optimizer whose learning rate could be read or set: compile it first")
    return groups


def rates(model: Any) -> List[float]:
    """The learning rate of each group of parameters."""
    return [float(group["lr"]) for group in _groups(model)]


def set_rates(model: Any, values: List[float]) -> None:
    """Set the learning rate of each group of parameters."""
    for group, value in zip(_groups(model), values):
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(value)
        else:
            group["lr"] = value


class LearningRateScheduler(Callback):
    """Set the learning rate before each epoch.

    Parameters
    ----------
    schedule : callable (epoch, learning_rate) or (epoch)
        Gives the new rate; epochs count from 0. Where the optimiser has several groups, it is asked for each.
    verbose : {0, 1}
        1 says the rate.

    Notes
    -----
    The rate is put into the logs as ``learning_rate``.

    Source: Keras 3, ``keras.callbacks.LearningRateScheduler``.

    Example
    -------
    >>> from rustorch.training.callbacks import LearningRateScheduler
    >>> halve = LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch else rate)
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        if not callable(schedule):
            raise ArgumentTypeError(f"LearningRateScheduler: schedule is a function (epoch, learning_rate), not {schedule!r:.60}")
        self.schedule = schedule
        self.verbose = verbose
        try:
            inspect.signature(schedule).bind(0, 0.0)
            self._asks_rate = True
        except (TypeError, ValueError):
            self._asks_rate = False

    def on_epoch_begin(self, epoch: int, logs: Optional[Logs] = None) -> None:
        found: List[float] = []
        for rate in rates(self.model):
            new: Any = self.schedule(epoch, rate) if self._asks_rate else self.schedule(epoch)
            if isinstance(new, Tensor) and new.numel() == 1:
                new = new.item()
            if isinstance(new, bool) or not hasattr(new, "__float__") or isinstance(new, Tensor):
                raise ArgumentTypeError(f"LearningRateScheduler: the schedule gave {new!r:.60} for epoch {epoch}, not a number")
            found.append(float(new))
        set_rates(self.model, found)
        if self.verbose:
            say(f"Epoch {epoch + 1}: the learning rate is {found[0]:g}.")

    def on_epoch_end(self, epoch: int, logs: Optional[Logs] = None) -> None:
        if logs is not None:
            logs["learning_rate"] = rates(self.model)[0]


class TerminateOnNaN(Callback):
    """Stop when the loss is NaN or infinite.

    Parameters
    ----------
    raise_error : bool, default False
        Raise RusTorchError instead of ending the run.

    Source: Keras 3, ``keras.callbacks.TerminateOnNaN``.

    Example
    -------
    >>> from rustorch.training.callbacks import TerminateOnNaN
    >>> guard = TerminateOnNaN()
    """

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: Optional[Logs] = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return  # the loss is that of all ranks, so all of them stop
        if self.raise_error:
            raise RusTorchError(f"the loss of batch {batch} is {loss}: a smaller learning rate, or clipping of gradients, may help")
        say(f"Batch {batch}: the loss is {loss}, training stops")
        self.model.stop_training = True
