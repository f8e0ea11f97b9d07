"""Resuming ``fit`` after a kill, in the same bits."""

from __future__ import annotations

import os
from typing import Any, List

from rustorch import checkpoint
from rustorch._C import ArgumentTypeError, ArgumentValueError, SerializationError, UnsupportedError
from rustorch.training import _ranks
from rustorch.training.callbacks._base import Callback

__all__ = ["BackupAndRestore"]


class BackupAndRestore(Callback):
    """A callback that writes a checkpoint after each epoch, and lets the next ``fit`` go on from it.

    A run that was killed and is started again ends in the same bits as one that was not: weights, optimiser, history, the other
    callbacks, the loader and all random numbers go on where they were. Under ``rustorch-launch --max-restarts`` nothing else is
    needed. An epoch that was interrupted is done again from its beginning.

    Parameters
    ----------
    backup_dir : str or path
        A folder for this run alone.
    save_freq : int or "epoch", default "epoch"
        How many epochs lie between two checkpoints; "epoch" is 1. (Keras counts batches here.)
    delete_checkpoint : bool, default True
        Delete the checkpoints when the run has ended well, so that the next one begins anew.

    Raises
    ------
    SerializationError
        The folder holds checkpoints of another model, or cannot be written.

    Example
    -------
    >>> import tempfile
    >>> from rustorch.training.callbacks import BackupAndRestore
    >>> folder = tempfile.mkdtemp()
    >>> model = rustorch.Model(["Dense(1)"])
    >>> model.compile("adam", "mse")
    >>> _ = model.fit(rustorch.ones(8, 2), rustorch.ones(8, 1), epochs=2, verbose=0, callbacks=[BackupAndRestore(folder)])
    """

    def __init__(self, backup_dir: Any, save_freq: Any = "epoch", delete_checkpoint: bool = True, double_checkpoint: bool = False) -> None:
        try:
            self.backup_dir = os.fspath(backup_dir)
        except TypeError:
            raise ArgumentTypeError(f"BackupAndRestore: backup_dir must be the name of a folder, not {backup_dir!r}") from None
        if not self.backup_dir:
            raise ArgumentValueError("BackupAndRestore: backup_dir is empty")
        every = 1 if save_freq == "epoch" else save_freq
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise ArgumentValueError(f"BackupAndRestore: save_freq must be 'epoch' or a whole number of epochs, not {save_freq!r}")
        if double_checkpoint:
            raise UnsupportedError(
                "BackupAndRestore: double_checkpoint is not needed: a checkpoint that exists is whole, and the last two are kept"
            )
        self.every = every
        self.delete_checkpoint = delete_checkpoint
        self._callbacks: Any = None

    # ------------------------------------------------------------------------------------------ what fit calls

    def restore_run(self, callbacks: Any) -> int:
        """Go on from the newest checkpoint; the epoch to begin with, 0 without one."""
        self._callbacks = callbacks
        found = _ranks.from_first(checkpoint.latest(self._folder()) if _ranks.rank() == 0 else None)
        if found is None:
            return 0
        model = self.model
        loader = {} if model._feed.loader is None else {"loader": model._feed.loader}
        try:
            state = checkpoint.load(found, model=model, optimizer=model.optimizer, generators=self._generators(), **loader)
        except SerializationError:
            raise
        except (ValueError, RuntimeError) as error:
            raise SerializationError(
                f"{found} is no checkpoint of this model: {error}\nBackupAndRestore needs a folder for each run; delete this one to begin "
                "anew"
            ) from error
        extra = state.extra
        model.history.load_state_dict(extra["history"])
        if hasattr(callbacks, "load_state_dict"):
            callbacks.load_state_dict(extra["callbacks"])
        model.stop_training = bool(extra["stop"])
        return state.epoch

    def on_epoch_recorded(self, epoch: int) -> None:
        """After an epoch, when the history has it."""
        if (epoch + 1) % self.every and epoch + 1 != (self.params or {}).get("epochs") and not self.model.stop_training:
            return
        model = self.model
        states = self._callbacks.state_dict() if hasattr(self._callbacks, "state_dict") else {}
        loader = {} if model._feed.loader is None else {"loader": model._feed.loader}
        checkpoint.save(
            self._folder(), model=model, optimizer=model.optimizer, generators=self._generators(), **loader,
            step=epoch + 1, epoch=epoch + 1,
            extra={"history": model.history.state_dict(), "callbacks": states, "stop": bool(model.stop_training)},
        )  # fmt: skip

    def on_train_end(self, logs: Any = None) -> None:
        """The run has ended well."""
        if not self.delete_checkpoint:
            return
        if _ranks.rank() == 0 and os.path.isdir(self._folder()):
            for _, path in checkpoint._numbers_in(self._folder()):
                os.remove(path)
            if not os.listdir(self._folder()):
                os.rmdir(self._folder())
        _ranks.barrier()

    def _folder(self) -> str:
        return self.backup_dir if self.backup_dir.endswith(os.sep) else self.backup_dir + os.sep

    def _generators(self) -> List[Any]:
        """Those of the user's loader; the default one is saved in any case."""
        loader = self.model._feed.loader
        found = [getattr(loader, "generator", None), getattr(getattr(loader, "sampler", None), "generator", None)]
        unique: List[Any] = []
        for each in found:
            if each is not None and not any(each is other for other in unique):
                unique.append(each)
        return unique
