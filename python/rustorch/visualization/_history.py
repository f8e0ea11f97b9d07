"""Histories of training, of whatever kind, as one table of curves."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

import numpy as np

from rustorch import _C
from rustorch.visualization._colors import rgba
from rustorch.visualization._data import not_finite, vector
from rustorch.visualization._drawing import Drawing, Size, number
from rustorch.visualization._figure import Description, Path, mark, panel, text


class Curve(NamedTuple):
    """Values of one metric at epochs."""

    epochs: np.ndarray
    values: np.ndarray


class Metric(NamedTuple):
    """What is drawn in one panel."""

    name: str
    train: Optional[Curve]
    validation: Optional[Curve]


_VALIDATION = ("val_", "valid_", "validation_", "test_", "eval_")
_TRAIN = ("train_", "training_")
_RISING = ("acc", "precision", "recall", "auc", "f1", "iou", "dice", "bleu", "r2", "top_k", "score", "psnr", "ssim")
_FALLING = ("loss", "error", "mse", "mae", "rmse", "entropy", "perplexity", "nll", "divergence", "wer", "cer", "hinge", "elbo")
_SPELLED = {"lr": "learning rate", "learning_rate": "learning rate", "mse": "MSE", "mae": "MAE", "rmse": "RMSE", "auc": "AUC", "f1": "F1"}


def is_rising(name: str) -> Optional[bool]:
    """Is more better (True), less (False), or neither known (None)?"""
    lowered = name.lower()
    if any(word in lowered for word in _FALLING):
        return False
    return True if any(word in lowered for word in _RISING) else None


def is_rate(name: str) -> bool:
    """A learning rate, which changes by factors."""
    return name.lower() in ("lr", "learning_rate", "learning rate")


def spelled(name: str) -> str:
    """The name as people write it: ``top_k_accuracy`` is "top k accuracy"."""
    return _SPELLED.get(name.lower(), name.replace("_", " "))


def _split(key: str) -> Tuple[str, bool]:
    """("loss", True) for val_loss."""
    for prefixes, validation in ((_VALIDATION, True), (_TRAIN, False)):
        for prefix in prefixes:
            if key.startswith(prefix) and len(key) > len(prefix):
                return key[len(prefix) :], validation
    return ("loss", key != "train") if key in ("train", "val", "validation", "test") else (key, False)


def _called(history: Any, name: str) -> Any:
    found = getattr(history, name, None)
    return found() if callable(found) else found


def _table(history: Any) -> Dict[str, Any]:
    """{name: values} of a mapping, a Keras-like history, or one with methods train_loss(), val_loss(), metrics()."""
    if isinstance(history, Mapping):
        return dict(history)
    inner = getattr(history, "history", None)
    if isinstance(inner, Mapping):
        return dict(inner)
    if hasattr(history, "train_loss"):
        table = {
            "loss": _called(history, "train_loss"),
            "val_loss": _called(history, "val_loss") or [],
            **(_called(history, "metrics") or {}),
        }
        return {key: values for key, values in table.items() if len(values)}
    raise _C.ArgumentTypeError(
        "plot_training_history: a TrainingHistory, a history with a dict .history, or a dict of lists is needed, "
        f"not {type(history).__name__}"
    )


def metrics_of(history: Any) -> List[Metric]:
    """One entry a metric, the loss first and learning rates last."""
    table = _table(history)
    nested = {key: part for key, part in table.items() if isinstance(part, Mapping)}
    for key, part in nested.items():  # {"train": {"loss": …}, "val": {"loss": …}}
        del table[key]
        prefix = "val_" if key.startswith(("val", "test")) else ""
        table.update({prefix + name: values for name, values in part.items()})
    found: Dict[str, List[Optional[Curve]]] = {}
    longest = max((len(values) for values in table.values()), default=0)
    validated, trained = _called(history, "val_epochs"), getattr(history, "epoch", None)
    for key, values in table.items():
        name, validation = _split(str(key))
        numbers = vector(values, f"plot_training_history: {key}")
        if numbers.size == 0:
            continue
        if validation and validated is not None and len(validated) == len(numbers):
            epochs = np.asarray(validated, float)
        elif validation and len(numbers) < longest and longest % len(numbers) == 0:  # every k-th epoch
            epochs = np.arange(1, len(numbers) + 1) * (longest // len(numbers))
        elif isinstance(trained, (list, tuple)) and len(trained) == len(numbers):
            epochs = np.asarray(trained, float) + 1  # Keras counts from 0; a run may go on where another stopped
        else:
            epochs = np.arange(1.0, len(numbers) + 1)
        found.setdefault(name, [None, None])[validation] = Curve(epochs, numbers)
    if not found:
        raise _C.ArgumentValueError("plot_training_history: the history is empty: train for at least one epoch first")
    order = sorted(found, key=lambda name: (name != "loss", is_rate(name)))
    return [Metric(name, found[name][0], found[name][1]) for name in order]


def spans_decades(metric: Metric) -> bool:
    """Would a linear axis hide most of it: all positive, less is better, over two decades or more?"""
    if not (is_rate(metric.name) or is_rising(metric.name) is False):
        return False
    values = np.concatenate([curve.values for curve in (metric.train, metric.validation) if curve is not None])
    values = values[np.isfinite(values)]
    return bool(values.size and values.min() > 0 and values.max() >= 100 * values.min())


def best(metric: Metric) -> Optional[Tuple[float, float]]:
    """(epoch, value) of the best validation, or of training where nothing was validated; None if unknown."""
    rising = is_rising(metric.name)
    curve = metric.validation if metric.validation is not None else metric.train
    if rising is None or is_rate(metric.name) or curve is None or not np.isfinite(curve.values).any() or len(curve.values) < 2:
        return None
    at = int(
        np.nanargmax(np.where(np.isinf(curve.values), np.nan, curve.values))
        if rising
        else np.nanargmin(np.where(np.isinf(curve.values), np.nan, curve.values))
    )
    return float(curve.epochs[at]), float(curve.values[at])


class HistoryPlots(Drawing):
    """The method of Plotter that draws histories."""

    def plot_training_history(
        self,
        history: Any,
        save_path: Optional[Path] = None,
        show_validation: bool = True,
        *,
        title: Optional[str] = None,
        log_y: Optional[bool] = None,
        mark_best: bool = True,
        x_label: str = "epoch",
        columns: Optional[int] = None,
        figure_size: Optional[Size] = None,
    ) -> Any:
        """The course of training: one panel a metric, training and validation together.

        Parameters
        ----------
        history : TrainingHistory, a history with a dict ``.history`` (Keras), or a dict of lists
            ``val_`` in front of a name means validation.
        save_path : optional
        show_validation : bool, default True
        title : str, optional
        log_y : bool, optional
            Logarithmic axes; by default where a loss or a learning rate spans two decades.
        mark_best : bool, default True
            A line at the best epoch of the validation (else of the training), for metrics whose better direction is known.
        x_label : str, default "epoch"
        columns : int, optional
            Panels in a row.
        figure_size : (width, height) in inches, optional
            By default the plotter's, lower for panels in one row, and larger from five panels on.

        Raises
        ------
        ArgumentTypeError
            It is no history.
        ArgumentValueError
            It is empty.

        Example
        -------
        >>> from rustorch.visualization import Plotter
        >>> history = {"loss": [1.0, 0.5, 0.3], "val_loss": [1.1, 0.7, 0.8], "accuracy": [0.5, 0.7, 0.8]}
        >>> Plotter().plot_training_history(history, save_path="training.png", title="run 1")
        Figure(10 x 4.5 in, 100 dpi, 'run 1')
        """
        metrics = metrics_of(history)
        if not show_validation:
            metrics = [metric._replace(validation=None) for metric in metrics if metric.train is not None] or metrics
        panels = [self._history_panel(metric, log_y, mark_best, x_label) for metric in metrics]
        if len(panels) == 1 and title is None:
            title = panels[0]["title"]
        return self._grid_of(panels, title, save_path, columns, figure_size)

    def _history_panel(self, metric: Metric, log_y: Optional[bool], mark_best: bool, x_label: Any) -> Description:
        log = spans_decades(metric) if log_y is None else bool(log_y)
        width = float(self.style["line_width"])
        curves = [("training", metric.train, "solid", "circle"), ("validation", metric.validation, "dashed", "square")]
        marks, shown = [], []
        for i, (name, curve, dash, marker) in enumerate(curves):
            if curve is None:
                continue
            marks.append(mark("line", name, x=curve.epochs, y=curve.values, colour=self._color(i), width=width, dash=dash, marker=marker))
            shown.append(curve)
        top = best(metric) if mark_best else None
        if top is not None:
            label = f"best {number(top[1])} at {text(x_label) or 'x'} {number(top[0])}"
            marks.append(mark("rules", label, x=[top[0]], colour=rgba(self.style["muted"]), width=1.0, dash="dotted"))
        if is_rate(metric.name) and len(marks) == 1:
            marks[0]["name"] = ""
        values = [curve.values for curve in shown]
        across = self._axis(x_label, False, None, "x_limits", whole=True)
        return panel(
            across,
            self._axis("", log, None, "y_limits"),
            marks,
            spelled(metric.name),
            not_finite(values, values if log else []),
            **self._grid(),
        )
