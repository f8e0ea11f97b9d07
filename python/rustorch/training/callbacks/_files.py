"""Callbacks that write logs into files."""

from __future__ import annotations

import csv
import os
import time
from typing import Any, Dict, List, Optional, Union

import numpy as np

from rustorch._C import ArgumentValueError, SerializationError
from rustorch._commit import file_error
from rustorch.training import _ranks
from rustorch.training.callbacks._base import Callback, Logs
from rustorch.training.callbacks._rates import rates
from rustorch.training.metrics._base import as_array

_Path = Union[str, "os.PathLike[str]"]


class CSVLogger(Callback):
    """A table of the logs, one line an epoch, written as training goes on; by the first rank.

    Parameters
    ----------
    filename : str or path
    separator : str, default ","
    append : bool, default False
        Go on in the file that is there, with its columns. Where training goes on from a later epoch, its lines from that
        epoch on (of a run that was killed) are replaced.

    Notes
    -----
    The columns are ``epoch`` and the names of the first epoch's logs, sorted; a validation that comes only in later epochs has
    its columns from the beginning. What an epoch lacks is ``NA``.

    Source: Keras 3, ``keras.callbacks.CSVLogger``.

    Example
    -------
    >>> from rustorch.training.callbacks import CSVLogger
    >>> log = CSVLogger("training.csv")
    >>> log.on_train_begin(); log.on_epoch_end(0, {"loss": 0.5, "accuracy": 0.75}); log.on_train_end()
    >>> print(open("training.csv").read())
    epoch,accuracy,loss,val_accuracy,val_loss
    0,0.75,0.5,NA,NA
    """

    def __init__(self, filename: _Path, separator: str = ",", append: bool = False) -> None:
        if not isinstance(separator, str) or len(separator) != 1:
            raise ArgumentValueError(f"CSVLogger: separator is one character, not {separator!r}")
        self.filename = os.fspath(filename)
        self.separator = separator
        self.append = append
        self._keys: Optional[List[str]] = None
        self._file: Any = None

    def on_train_begin(self, logs: Optional[Logs] = None) -> None:
        self._close()
        self._keys = None

    def _kept(self, epoch: int) -> List[List[str]]:
        """The lines of the file that stay, its header first."""
        if not self.append or not os.path.exists(self.filename):
            return []
        with open(self.filename, newline="", encoding="utf-8") as file:
            lines = [line for line in csv.reader(file, delimiter=self.separator) if line]
        if lines and lines[0][0] != "epoch":
            raise SerializationError(f"CSVLogger: {self.filename} is no table of this callback: it begins with {lines[0][0]!r:.40}")

        def stays(line: List[str]) -> bool:
            return epoch == 0 or not line[0].isdigit() or int(line[0]) < epoch

        return lines[:1] + [line for line in lines[1:] if stays(line) and len(line) == len(lines[0])]

    def _open(self, epoch: int, logs: Logs) -> None:
        lines = self._kept(epoch)
        if lines:
            self._keys = lines[0][1:]
        else:
            keys = sorted(logs)
            if not any(key.startswith("val_") for key in keys):
                keys += ["val_" + key for key in keys if key != "learning_rate"]
            self._keys = keys
            lines = [["epoch", *keys]]
        folder = os.path.dirname(self.filename)
        if folder:
            os.makedirs(folder, exist_ok=True)
        self._file = open(self.filename, "w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file, delimiter=self.separator, lineterminator="\n")
        self._writer.writerows(lines)

    def on_epoch_end(self, epoch: int, logs: Optional[Logs] = None) -> None:
        logs = logs or {}
        if _ranks.rank() != 0:
            return

        def text(value: Any) -> Any:
            return f"[{', '.join(map(str, np.ravel(value).tolist()))}]" if np.ndim(value) else value

        try:
            if self._file is None:
                self._open(epoch, logs)
            self._writer.writerow([epoch, *(text(logs.get(key, "NA")) for key in self._keys or ())])
            self._file.flush()
        except OSError as error:
            raise file_error(self.filename, error, "written") from error

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def on_train_end(self, logs: Optional[Logs] = None) -> None:
        self._close()


class TensorBoard(Callback):
    """Event files for TensorBoard: ``tensorboard --logdir logs``; written by the first rank.

    Parameters
    ----------
    log_dir : str or path, default "logs"
        Training goes into its folder ``train``, validation into ``validation``.
    histogram_freq : int, default 0
        Every how many epochs histograms of the weights are written; 0: never.
    write_graph : bool, default True
        Whether the layers are written for the tab Graphs.
    write_images : bool, default False
        Whether weights are drawn as images as well, where there are histograms.
    write_steps_per_second : bool, default False
    update_freq : "epoch", "batch" or int
        ``"batch"``, or a number of batches, writes the logs of batches as well.

    Notes
    -----
    Tags are Keras's: ``epoch_loss``, ``epoch_learning_rate``, ``batch_loss``, ``evaluation_loss_vs_iterations``. There is no
    profile: see ``rustorch.utils`` for a profiler with a trace of its own.

    Example
    -------
    >>> from rustorch.training.callbacks import TensorBoard
    >>> board = TensorBoard("logs", histogram_freq=1)
    """

    state_names = ("_batches", "_test_batches")

    def __init__(
        self, log_dir: _Path = "logs", histogram_freq: int = 0, write_graph: bool = True, write_images: bool = False,
        write_steps_per_second: bool = False, update_freq: Union[str, int] = "epoch",
    ) -> None:
        if update_freq not in ("epoch", "batch") and (isinstance(update_freq, (bool, str)) or update_freq < 1):
            raise ArgumentValueError(f"TensorBoard: update_freq is 'epoch', 'batch' or a number of batches, not {update_freq!r}")
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self._writers: Dict[str, Any] = {}
        self._batches = self._test_batches = self._before = 0
        self._began = 0.0
        self._drawn = False

    def _writer(self, name: str) -> Any:
        if name not in self._writers:
            from rustorch.utils.tensorboard import SummaryWriter

            self._writers[name] = SummaryWriter(os.path.join(self.log_dir, name))
        return self._writers[name]

    def _scalars(self, name: str, prefix: str, values: Logs, step: int, suffix: str = "") -> None:
        for key, value in values.items():
            if np.ndim(value) == 0:
                self._writer(name).add_scalar(f"{prefix}_{key}{suffix}", float(value), step)

    def on_train_begin(self, logs: Optional[Logs] = None) -> None:
        self._batches = self._test_batches = 0

    def on_epoch_begin(self, epoch: int, logs: Optional[Logs] = None) -> None:
        self._began, self._before = time.monotonic(), self._batches

    def on_train_batch_end(self, batch: int, logs: Optional[Logs] = None) -> None:
        self._batches += 1
        if self.update_freq != "epoch" and self._batches % int(self.update_freq) == 0 and _ranks.rank() == 0:
            self._scalars("train", "batch", logs or {}, self._batches)

    def on_test_end(self, logs: Optional[Logs] = None) -> None:
        if _ranks.rank() == 0 and self._batches:
            self._scalars("validation", "evaluation", logs or {}, self._batches, "_vs_iterations")

    def on_epoch_end(self, epoch: int, logs: Optional[Logs] = None) -> None:
        if _ranks.rank() != 0:
            return
        logs = dict(logs or {})
        train = {key: value for key, value in logs.items() if not key.startswith("val_")}
        if hasattr(getattr(self.model, "optimizer", None), "param_groups"):
            train["learning_rate"] = rates(self.model)[0]
        if self.write_steps_per_second:
            train["steps_per_second"] = (self._batches - self._before) / max(time.monotonic() - self._began, 1e-9)
        self._scalars("train", "epoch", train, epoch)
        self._scalars("validation", "epoch", {key[4:]: value for key, value in logs.items() if key.startswith("val_")}, epoch)
        if self.write_graph and not self._drawn:
            self._drawn = True
            self._writer("train").add_layers(self.model)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._weights(epoch)
        for writer in self._writers.values():
            writer.flush()

    def _weights(self, epoch: int) -> None:
        writer = self._writer("train")
        for name, weight in self.model.named_parameters():
            tag = name.replace(".", "/")
            writer.add_histogram(f"{tag}/histogram", weight, epoch)
            image = np.squeeze(as_array(weight))
            if self.write_images and 1 <= image.ndim <= 3:
                if image.ndim == 1:
                    image = image[None, :]
                elif image.ndim == 2 and image.shape[0] > image.shape[1]:
                    image = image.T
                spread = float(image.max() - image.min()) or 1.0
                image = (image - image.min()) / spread
                for i, each in enumerate(image if image.ndim == 3 else [image]):
                    writer.add_image(f"{tag}/image" + (f"/{i}" if image.ndim == 3 else ""), each, epoch, dataformats="HW")

    def on_train_end(self, logs: Optional[Logs] = None) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}
