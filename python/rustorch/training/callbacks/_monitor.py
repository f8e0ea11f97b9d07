"""Callbacks that watch a number in the logs: stop, save the best, lower the learning rate."""

from __future__ import annotations

import math
import os
from typing import Dict, List, Optional, Union

from rustorch import Tensor
from rustorch._C import ArgumentTypeError, ArgumentValueError, RusTorchError, SerializationError
from rustorch.training import _ranks
from rustorch.training._names import did_you_mean
from rustorch.training.callbacks._base import Callback, Logs, say
from rustorch.training.callbacks._rates import rates, set_rates
from rustorch.training.losses._base import warn


class MonitorCallback(Callback):
    """Tells whether a number in the logs has become better.

    Parameters
    ----------
    monitor : str, default "val_loss"
        Its name in the logs.
    mode : {"auto", "min", "max"}
        Whether less or more is better; ``"auto"`` asks the metric.
    baseline : float, optional
        What the first value has to beat.
    min_delta : float, default 0
        By how much a value must be better to count.

    Example
    -------
    >>> from rustorch.training.callbacks import MonitorCallback
    >>> watch = MonitorCallback("val_accuracy", min_delta=0.01)
    >>> watch.current({"val_accuracy": 0.75}), watch.better(0.75, than=0.7), watch.better(0.75, than=0.745)
    (0.75, True, False)
    """

    state_names = ("best",)

    def __init__(self, monitor: str = "val_loss", mode: str = "auto", baseline: Optional[float] = None, min_delta: float = 0) -> None:
        if mode not in ("auto", "min", "max"):
            raise ArgumentValueError(f"{type(self).__name__}: mode is 'auto', 'min' or 'max', not {mode!r}")
        self.monitor = monitor
        self.mode = mode
        self.best = baseline
        self.min_delta = abs(min_delta)
        self._sign = {"min": -1.0, "max": 1.0}.get(mode, 0.0)
        self._told = False

    def _direction(self) -> float:
        """1 where more is better, −1 where less is."""
        name = self.monitor[4:] if self.monitor.startswith("val_") else self.monitor
        if name == "loss" or name.endswith("_loss"):
            return -1.0
        from rustorch.training import metrics

        known = [each for each in getattr(self.model, "_metrics", ()) if each.name == name]
        if not known:
            try:
                known = [metrics.get(name)]
            except RusTorchError:
                known = []
        found = getattr(known[0], "direction", None) if known else None
        if found is None:
            raise ArgumentValueError(
                f"{type(self).__name__}: nobody knows whether more or less of '{self.monitor}' is better: say mode='max' or mode='min'"
            )
        return 1.0 if found == "up" else -1.0

    def current(self, logs: Optional[Logs]) -> Optional[float]:
        """The number that is watched; None, after a warning, where it is not in the logs."""
        logs = logs or {}
        if not self._sign:
            self._sign = self._direction()
        if self.monitor not in logs:
            if not self._told:
                self._told = True
                why = ": fit needs validation_data or validation_split" if self.monitor.startswith("val_") and not any(
                    key.startswith("val_") for key in logs
                ) else did_you_mean(self.monitor, logs)
                warn(f"{type(self).__name__} watches '{self.monitor}', but the logs have {', '.join(logs) or 'nothing'}{why}")
            return None
        try:
            return float(logs[self.monitor])
        except (TypeError, ValueError):
            raise ArgumentTypeError(
                f"{type(self).__name__} watches '{self.monitor}', which is not one number but {logs[self.monitor]!r:.60}"
            ) from None

    def better(self, value: float, than: Optional[float]) -> bool:
        """Is a value better by more than ``min_delta``? Anything is better than nothing, but for NaN."""
        if than is None or math.isnan(than):
            return not math.isnan(value)
        return self._sign * (value - than) > self.min_delta


class EarlyStopping(MonitorCallback):
    """Stop when a number has not become better for some epochs.

    Parameters
    ----------
    monitor, min_delta, mode
        What is watched, and what better means: by more than ``min_delta``, in the direction ``mode``.
    patience : int, default 0
        How many epochs without getting better are borne.
    verbose : {0, 1}
        1 says when training stops.
    baseline : float, optional
        Only values better than this reset the patience.
    restore_best_weights : bool, default False
        Whether the model gets the weights of the best epoch at the end.
    start_from_epoch : int, default 0
        Earlier epochs are not watched.

    Attributes
    ----------
    stopped_epoch : int
        The epoch in which it stopped; 0 if it did not.
    best, best_epoch

    Source: Keras 3, ``keras.callbacks.EarlyStopping``.

    Example
    -------
    >>> from rustorch.training.callbacks import EarlyStopping
    >>> stop = EarlyStopping(monitor="loss", patience=3, restore_best_weights=True)
    """

    state_names = ("best", "wait", "stopped_epoch", "best_epoch", "best_weights")

    def __init__(
        self, monitor: str = "val_loss", min_delta: float = 0, patience: int = 0, verbose: int = 0, mode: str = "auto",
        baseline: Optional[float] = None, restore_best_weights: bool = False, start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, None, min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best_weights: Optional[Dict[str, Tensor]] = None

    def on_train_begin(self, logs: Optional[Logs] = None) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = self.best_weights = None

    def _keep(self, epoch: int) -> None:
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = {
                key: value.detach().clone() if isinstance(value, Tensor) else value for key, value in self.model.state_dict().items()
            }

    def on_epoch_end(self, epoch: int, logs: Optional[Logs] = None) -> None:
        value = self.current(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self._keep(epoch)
        self.wait += 1
        if self.better(value, self.best):
            self.best = value
            self._keep(epoch)
            if self.baseline is None or self.better(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Optional[Logs] = None) -> None:
        if self.stopped_epoch > 0 and self.verbose:
            say(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose:
                say(f"The model gets the weights of its best epoch, {self.best_epoch + 1}.")
            self.model.load_state_dict(self.best_weights)


class ModelCheckpoint(MonitorCallback):
    """Save the model, or its weights, after epochs or every so many batches.

    Parameters
    ----------
    filepath : str or path
        May hold ``{epoch}`` (counted from 1), ``{batch}`` and names of the logs, such as ``"best-{epoch:02d}-{val_loss:.3f}.rustorch"``.
    monitor, mode
        What is watched where ``save_best_only``.
    verbose : {0, 1}
        1 says what is saved.
    save_best_only : bool, default False
        Only where the number is better than all before.
    save_weights_only : bool, default False
        ``model.save_weights`` in place of ``model.save``.
    save_freq : "epoch" or int
        After each epoch, or after so many batches.
    initial_value_threshold : float, optional
        What the first value has to beat.
    keep_last : int, optional
        Of the files it wrote, keep only the newest so many.

    Notes
    -----
    Under several ranks the first one writes, and the others wait for it.

    Source: Keras 3, ``keras.callbacks.ModelCheckpoint``; ``keep_last`` is an addition.

    Example
    -------
    >>> from rustorch.training.callbacks import ModelCheckpoint
    >>> best = ModelCheckpoint("best.rustorch", monitor="val_accuracy", save_best_only=True)
    """

    state_names = ("best", "_since", "_written")

    def __init__(
        self, filepath: Union[str, "os.PathLike[str]"], monitor: str = "val_loss", verbose: int = 0, save_best_only: bool = False,
        save_weights_only: bool = False, mode: str = "auto", save_freq: Union[str, int] = "epoch",
        initial_value_threshold: Optional[float] = None, keep_last: Optional[int] = None,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        if save_freq != "epoch" and (isinstance(save_freq, bool) or not isinstance(save_freq, int) or save_freq < 1):
            raise ArgumentValueError(f"ModelCheckpoint: save_freq is 'epoch' or a number of batches, not {save_freq!r}")
        if keep_last is not None and keep_last < 1:
            raise ArgumentValueError(f"ModelCheckpoint: keep_last is a number of files from 1, not {keep_last!r}")
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self.keep_last = keep_last
        self._epoch = self._since = 0
        self._written: List[str] = []

    def on_epoch_begin(self, epoch: int, logs: Optional[Logs] = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Optional[Logs] = None) -> None:
        if self.save_freq == "epoch":
            return
        self._since += 1
        if self._since >= int(self.save_freq):
            self._since = 0
            self._save(self._epoch, batch, logs or {})

    def on_epoch_end(self, epoch: int, logs: Optional[Logs] = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch, None, logs or {})

    def _path(self, epoch: int, batch: Optional[int], logs: Logs) -> str:
        values = {"epoch": epoch + 1, **({} if batch is None else {"batch": batch + 1}), **logs}
        try:
            return self.filepath.format(**values)
        except KeyError as error:
            name = str(error.args[0])
            found = ", ".join(values) + did_you_mean(name, values)
            raise ArgumentValueError(f"ModelCheckpoint: the path {self.filepath!r} asks for {name}, but there are {found}") from None
        except (ValueError, IndexError, TypeError) as error:
            raise ArgumentValueError(f"ModelCheckpoint: the path {self.filepath!r} cannot be filled in: {error}") from None

    def _due(self, epoch: int, logs: Logs, path: str) -> bool:
        if not self.save_best_only:
            if self.verbose:
                say(f"Epoch {epoch + 1}: saving the model to {path}")
            return True
        value = self.current(logs)
        if value is None:
            return True  # as Keras: better a file too many
        best = "none" if self.best is None else f"{self.best:.5f}"
        if not self.better(value, self.best):
            if self.verbose:
                say(f"Epoch {epoch + 1}: {self.monitor} {value:.5f} is not better than {best}")
            return False
        if self.verbose:
            say(f"Epoch {epoch + 1}: {self.monitor} went from {best} to {value:.5f}, saving the model to {path}")
        self.best = value
        return True

    def _save(self, epoch: int, batch: Optional[int], logs: Logs) -> None:
        path = self._path(epoch, batch, logs)
        if not self._due(epoch, logs, path):
            return
        if _ranks.rank() == 0:
            if os.path.isdir(path):
                raise SerializationError(f"ModelCheckpoint: {path} is a folder; the path of a file is needed")
            folder = os.path.dirname(path)
            if folder:
                os.makedirs(folder, exist_ok=True)
            (self.model.save_weights if self.save_weights_only else self.model.save)(path)
        self._written = [each for each in self._written if each != path] + [path]
        if self.keep_last is not None:
            while len(self._written) > self.keep_last:
                old = self._written.pop(0)
                if _ranks.rank() == 0 and os.path.exists(old):
                    os.remove(old)
        _ranks.barrier()


class ReduceLROnPlateau(MonitorCallback):
    """Multiply the learning rate by a factor when a number has not become better for some epochs.

    Parameters
    ----------
    monitor, mode, min_delta
        What is watched, and what better means; ``min_delta`` is 0.0001 by default.
    factor : float less than 1, default 0.1
    patience : int, default 10
        How many epochs without getting better are borne.
    verbose : {0, 1}
        1 says when the rate changes.
    cooldown : int, default 0
        How many epochs are not counted after a change.
    min_lr : float, default 0
        The rate gets no lower.

    Notes
    -----
    The rate is put into the logs as ``learning_rate``.

    Source: Keras 3, ``keras.callbacks.ReduceLROnPlateau``.

    Example
    -------
    >>> from rustorch.training.callbacks import ReduceLROnPlateau
    >>> lower = ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=2)
    """

    state_names = ("best", "wait", "cooldown_counter")

    def __init__(
        self, monitor: str = "val_loss", factor: float = 0.1, patience: int = 10, verbose: int = 0, mode: str = "auto",
        min_delta: float = 1e-4, cooldown: int = 0, min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, None, min_delta)
        if not 0 < factor < 1:
            raise ArgumentValueError(f"ReduceLROnPlateau: factor is between 0 and 1, not {factor!r}")
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self.wait = self.cooldown_counter = 0

    def on_train_begin(self, logs: Optional[Logs] = None) -> None:
        self.best = None
        self.wait = self.cooldown_counter = 0

    def in_cooldown(self) -> bool:
        """Whether epochs are not counted at the moment."""
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch: int, logs: Optional[Logs] = None) -> None:
        logs = {} if logs is None else logs
        before = rates(self.model)
        logs["learning_rate"] = before[0]
        value = self.current(logs)
        if value is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.better(value, self.best):
            self.best = value
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience and any(rate > self.min_lr for rate in before):
                after = [max(rate * self.factor, min(rate, self.min_lr)) for rate in before]
                set_rates(self.model, after)
                if self.verbose:
                    say(f"Epoch {epoch + 1}: the learning rate goes from {before[0]:g} to {after[0]:g}.")
                self.cooldown_counter = self.cooldown
                self.wait = 0
