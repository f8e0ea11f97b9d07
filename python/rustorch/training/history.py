"""What a training run leaves behind: losses and metrics, epoch by epoch."""

from __future__ import annotations

import time
from typing import Any, Dict, List, Optional, Tuple

from rustorch._C import ArgumentValueError
from rustorch.training.summary import width

__all__ = ["TrainingHistory"]


class TrainingHistory:
    """Losses and metrics of a run; what :meth:`rustorch.Model.fit` and :meth:`Trainer.train` return.

    Attributes
    ----------
    history : dict of lists
        Keras's: ``"loss"``, the metrics' names, and with ``val_`` before them those of the validations. A list has one value an
        epoch; those of validations have one for each validation.
    epoch : list of int
        The epochs, counted from 0.
    params : dict
        ``epochs``, ``steps``, ``verbose``.
    model : Model or None

    Example
    -------
    >>> from rustorch.training import TrainingHistory
    >>> history = TrainingHistory()
    >>> history.add_epoch(0.9, val_loss=1.0, metrics={"accuracy": 0.5})
    >>> history.add_epoch(0.4, val_loss=0.6, metrics={"accuracy": 0.8})
    >>> history.train_loss(), history.metrics(), history.best_epoch()
    ([0.9, 0.4], {'accuracy': [0.5, 0.8]}, 1)
    """

    def __init__(self) -> None:
        self.history: Dict[str, List[float]] = {}
        self.epoch: List[int] = []
        self.params: Dict[str, Any] = {}
        self.model: Any = None
        self._validated: List[int] = []
        self._seconds = 0.0
        self._began: Optional[float] = None

    # ------------------------------------------------------------------------------------------ filling

    def add_epoch(self, train_loss: float, val_loss: Optional[float] = None, metrics: Optional[Dict[str, float]] = None) -> None:
        """Append an epoch.

        Parameters
        ----------
        train_loss : float
        val_loss : float, optional
            Left out in an epoch without a validation.
        metrics : dict of floats, optional
        """
        logs = {"loss": train_loss, **(metrics or {})}
        if val_loss is not None:
            logs["val_loss"] = val_loss
        self._append(self.epoch[-1] + 1 if self.epoch else 0, logs)

    def _append(self, epoch: int, logs: Dict[str, float]) -> None:
        self.epoch.append(epoch)
        if "val_loss" in logs:
            self._validated.append(epoch)
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)

    def _start(self) -> None:
        self._began = time.monotonic()

    def _stop(self) -> None:
        if self._began is not None:
            self._seconds += time.monotonic() - self._began
            self._began = None

    # ------------------------------------------------------------------------------------------ asking

    def train_loss(self) -> List[float]:
        """The training loss of each epoch."""
        return list(self.history.get("loss", []))

    def val_loss(self) -> List[float]:
        """The loss of each validation; :meth:`val_epochs` says after which epochs they were."""
        return list(self.history.get("val_loss", []))

    def val_epochs(self) -> List[int]:
        """The epochs that were followed by a validation, counted from 1 as the lines of ``fit`` and :meth:`plot_data` count them."""
        return [n + 1 for n in self._validated]

    def metrics(self) -> Dict[str, List[float]]:
        """All but the losses, by name."""
        return {name: list(values) for name, values in self.history.items() if name not in ("loss", "val_loss")}

    def plot_data(self) -> Tuple[List[int], List[float], List[float]]:
        """Epochs counted from 1, training losses, validation losses; not a number in epochs without a validation.

        Without any validation the last list is empty.
        """
        found = dict(zip(self._validated, self.val_loss()))
        return [n + 1 for n in self.epoch], self.train_loss(), [found.get(n, float("nan")) for n in self.epoch] if found else []

    def training_time(self) -> float:
        """Seconds, validations included."""
        return self._seconds + (time.monotonic() - self._began if self._began is not None else 0.0)

    def best_val_loss(self) -> Optional[float]:
        """The lowest loss of a validation; None without any."""
        return min(self.val_loss(), default=None)

    def best_epoch(self) -> Optional[int]:
        """The epoch, counted from 0, of the lowest validation loss, or training loss without validations; None before the first."""
        if self._validated:
            return min(zip(self.val_loss(), self._validated))[1]
        return min(zip(self.train_loss(), self.epoch))[1] if self.epoch else None

    def summary(self) -> str:
        """A table: first, last and best value of each loss and metric."""
        if not self.epoch:
            return "no epochs yet"
        head = ["", "first", "last", "best", "epoch"]
        rows = []
        for name, values in self.history.items():
            epochs = self._validated if name.startswith("val_") else self.epoch
            lower = name.split("val_")[-1] == "loss" or _falls(values)
            best = (min if lower else max)(range(len(values)), key=values.__getitem__)
            at = epochs[best] + 1 if len(epochs) == len(values) else best + 1
            rows.append([name, f"{values[0]:.4f}", f"{values[-1]:.4f}", f"{values[best]:.4f}", str(at)])
        widths = [max(width(row[i]) for row in [head, *rows]) for i in range(len(head))]

        def line(cells: List[str]) -> str:
            first = cells[0] + " " * (widths[0] - width(cells[0]))
            return "  ".join([first] + [" " * (n - width(cell)) + cell for cell, n in zip(cells[1:], widths[1:])]).rstrip()

        n = len(self.epoch)
        best = self.best_epoch()
        lines = [f"{n} epoch{'s' if n != 1 else ''} in {self.training_time():.1f} s", line(head), *map(line, rows)]
        if best is not None:
            lines.append(f"best epoch: {best + 1} (by {'val_loss' if self._validated else 'loss'})")
        return "\n".join(lines)

    def plot(self, save_path: Any = None, **options: Any) -> Any:
        """The curves, one panel a metric: :meth:`rustorch.visualization.Plotter.plot_training_history`, with its options.

        Returns
        -------
        Figure
            Shows itself in a notebook; ``save_path`` writes it (PNG, SVG or PDF).

        Example
        -------
        >>> history = TrainingHistory()
        >>> history.add_epoch(0.9, val_loss=1.0)
        >>> history.add_epoch(0.4, val_loss=0.6)
        >>> figure = history.plot(title="two epochs")
        >>> type(figure).__name__
        'Figure'
        """
        if not self.epoch:
            raise ArgumentValueError("plot: the history has no epochs yet: train first")
        from rustorch.visualization import Plotter

        return Plotter().plot_training_history(self, save_path, **options)

    # ------------------------------------------------------------------------------------------ keeping

    def state_dict(self) -> Dict[str, Any]:
        """As plain data."""
        return {
            "history": {name: list(values) for name, values in self.history.items()},
            "epoch": list(self.epoch), "validated": list(self._validated), "seconds": self.training_time(),
        }  # fmt: skip

    def load_state_dict(self, state: Dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` gave."""
        lists = ("epoch", "validated")
        if not all(isinstance(state.get(name), list) for name in lists) or not isinstance(state.get("history"), dict):
            raise ArgumentValueError("this is not the state of a TrainingHistory")
        self.history = {name: list(values) for name, values in state["history"].items()}
        self.epoch, self._validated = (list(map(int, state[name])) for name in lists)
        self._seconds = float(state["seconds"])

    def __len__(self) -> int:
        return len(self.epoch)

    def __repr__(self) -> str:
        last = ", ".join(f"{name}={values[-1]:.4f}" for name, values in self.history.items() if values)
        return f"TrainingHistory({len(self.epoch)} epochs{': ' + last if last else ''})"


def _falls(values: List[float]) -> bool:
    return len(values) > 1 and values[-1] < values[0]
