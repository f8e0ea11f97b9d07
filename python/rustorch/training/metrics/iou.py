"""Confusion matrices, and intersection over union of segmentations."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import numpy as np

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentValueError, ShapeError
from rustorch.training.losses._base import EPSILON, as_tensor
from rustorch.training.losses.crossentropy import class_numbers
from rustorch.training.metrics._base import Metric, as_array


def confusion_matrix(
    y_true: Any, y_pred: Any, num_classes: Optional[int] = None, sample_weight: Any = None, normalize: Optional[str] = None
) -> Tensor:
    """How often a class (row) was taken for another (column).

    Parameters
    ----------
    y_true : (N,) of class numbers, or (N, C) one-hot rows
    y_pred : (N,) of class numbers, or (N, C) of scores
    num_classes : int, optional
        By default the number of scores, or one more than the largest class.
    sample_weight : (N,), optional
    normalize : {"true", "pred", "all"}, optional
        Divide by the sums of rows, of columns or of everything.

    Returns
    -------
    (C, C) of int64, or float64 with weights or ``normalize``

    Example
    -------
    >>> from rustorch.training import metrics
    >>> metrics.confusion_matrix([0, 1, 1], [0, 1, 0])
    tensor([[1, 0],
            [1, 1]])
    """
    if normalize not in (None, "true", "pred", "all"):
        raise ArgumentValueError(f"confusion_matrix: normalize is 'true', 'pred', 'all' or None, not {normalize!r}")
    t, p = (as_array(x) for x in (y_true, y_pred))
    if p.ndim == 2 and p.shape[1] > 1:
        num_classes = num_classes or p.shape[1]
        p = p.argmax(1)
    if t.ndim == 2 and t.shape[1] > 1:
        t = t.argmax(1)
    t, p = t.reshape(-1), p.reshape(-1)
    if t.shape != p.shape:
        raise ShapeError(f"confusion_matrix: {t.size} labels for {p.size} predictions")
    n = num_classes or int(max(t.max(initial=-1), p.max(initial=-1))) + 1
    t, p = (class_numbers("confusion_matrix", as_tensor(x), n).numpy() for x in (t, p))
    w = None if sample_weight is None else np.asarray(as_array(sample_weight), np.float64).reshape(-1)
    matrix = np.bincount(t * n + p, w, n * n).reshape(n, n)
    if normalize:
        total = matrix.sum(axis={"true": 1, "pred": 0, "all": None}[normalize], keepdims=True)
        matrix = matrix / np.where(total == 0, 1, total)
    return rustorch.from_numpy(matrix)


class IoU(Metric):
    """Intersection over union, |A ∩ B| / |A ∪ B|, of what is labelled and what is predicted as a class; the mean over some classes.

    Parameters
    ----------
    num_classes : int
    target_class_ids : sequence of int
        The classes whose mean is taken; those that occur nowhere are left out.
    name : str, optional
    ignore_class : int, optional
        A label that counts for nothing.
    sparse_y_true, sparse_y_pred : bool, default True
        Whether labels and predictions are class numbers; else the largest along ``axis`` is the class.
    axis : int, default -1

    Example
    -------
    >>> from rustorch.training.metrics import IoU
    >>> round(IoU(num_classes=2, target_class_ids=[0])([0, 0, 1, 1], [0, 1, 0, 1]), 4)
    0.3333
    """

    direction = "up"

    def __init__(
        self, num_classes: int, target_class_ids: Sequence[int], name: Optional[str] = None, ignore_class: Optional[int] = None,
        sparse_y_true: bool = True, sparse_y_pred: bool = True, axis: int = -1,
    ) -> None:
        super().__init__(name)
        self.num_classes = num_classes
        self.target_class_ids = list(target_class_ids)
        wrong = [each for each in self.target_class_ids if not 0 <= each < num_classes]
        if wrong:
            raise ArgumentValueError(f"{type(self).__name__}: class {wrong[0]} is not one of {num_classes}, 0 to {num_classes - 1}")
        self.ignore_class = ignore_class
        self.sparse_y_true, self.sparse_y_pred, self.axis = sparse_y_true, sparse_y_pred, axis
        self.total = self.add_variable((num_classes, num_classes))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch into account; what is no class counts for nothing."""
        t, p = as_array(y_true), as_array(y_pred)
        t = (t if self.sparse_y_true else t.argmax(self.axis)).astype(np.int64).reshape(-1)
        p = (p if self.sparse_y_pred else p.argmax(self.axis)).astype(np.int64).reshape(-1)
        if t.shape != p.shape:
            hint = ": for scores of classes say sparse_y_pred=False" if self.sparse_y_pred and p.size == t.size * self.num_classes else ""
            raise ShapeError(f"{self.name}: {t.size} labels for {p.size} predictions{hint}")
        w = np.broadcast_to(np.asarray(1.0 if sample_weight is None else as_array(sample_weight), np.float64).reshape(-1), t.shape)
        n = self.num_classes
        inside = (t >= 0) & (t < n) & (p >= 0) & (p < n)
        if self.ignore_class is not None:
            inside &= t != self.ignore_class
        self.total += np.bincount((t * n + p)[inside], w[inside], n * n).reshape(n, n)

    def result(self) -> float:
        """The mean so far."""
        total = np.asarray(self.total)
        both = np.diag(total)[self.target_class_ids]
        either = (total.sum(0) + total.sum(1) - np.diag(total))[self.target_class_ids]
        seen = either > 1e-9
        return float(np.where(seen, both / (either + EPSILON), 0.0).sum() / (seen.sum() + EPSILON))


class BinaryIoU(IoU):
    """:class:`IoU` of two classes, outputs of at least ``threshold`` being class 1.

    >>> from rustorch.training.metrics import BinaryIoU
    >>> round(BinaryIoU(threshold=0.3)([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7]), 4)
    0.3333
    """

    def __init__(self, target_class_ids: Sequence[int] = (0, 1), threshold: float = 0.5, name: Optional[str] = None) -> None:
        super().__init__(2, target_class_ids, name)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch into account."""
        p = as_array(y_pred)
        super().update_state(y_true, p >= np.asarray(self.threshold, p.dtype if p.dtype.kind == "f" else np.float64), sample_weight)


class MeanIoU(IoU):
    """:class:`IoU` over all classes.

    >>> from rustorch.training.metrics import MeanIoU
    >>> round(MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1]), 4)
    0.3333
    """

    def __init__(
        self, num_classes: int, name: Optional[str] = None, ignore_class: Optional[int] = None, sparse_y_true: bool = True,
        sparse_y_pred: bool = True, axis: int = -1,
    ) -> None:
        super().__init__(num_classes, range(num_classes), name, ignore_class, sparse_y_true, sparse_y_pred, axis)


class OneHotIoU(IoU):
    """:class:`IoU` of one-hot labels and of scores (or, with ``sparse_y_pred``, class numbers).

    >>> from rustorch.training import metrics
    >>> metrics.OneHotIoU(num_classes=2, target_class_ids=[0])([[0.0, 1.0], [1.0, 0.0]], [[0.25, 0.75], [0.5, 0.5]])
    0.9999...
    """

    def __init__(
        self, num_classes: int, target_class_ids: Sequence[int], name: Optional[str] = None, ignore_class: Optional[int] = None,
        sparse_y_pred: bool = False, axis: int = -1,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, ignore_class, False, sparse_y_pred, axis)


class OneHotMeanIoU(MeanIoU):
    """:class:`MeanIoU` of one-hot labels and of scores (or, with ``sparse_y_pred``, class numbers).

    >>> from rustorch.training import metrics
    >>> metrics.OneHotMeanIoU(num_classes=2)([[0.0, 1.0], [1.0, 0.0]], [[0.25, 0.75], [0.5, 0.5]])
    0.9999...
    """

    def __init__(
        self, num_classes: int, name: Optional[str] = None, ignore_class: Optional[int] = None, sparse_y_pred: bool = False, axis: int = -1
    ) -> None:
        super().__init__(num_classes, name, ignore_class, False, sparse_y_pred, axis)
