"""Numbers that describe a tensor."""

from __future__ import annotations

from typing import Any, Dict, Optional

import numpy as np

from rustorch import _C
from rustorch.visualization._data import array


class TensorStats:
    """Count, mean, deviation, extremes and quartiles of a tensor.

    Parameters
    ----------
    tensor : Tensor or array, optional
        Its numbers are computed at once.

    Example
    -------
    >>> from rustorch.visualization import TensorStats
    >>> stats = TensorStats([1.0, 2.0, 3.0, 4.0])
    >>> stats.get_stats()["median"], stats.get_stats()["q25"]
    (2.5, 1.75)
    """

    def __init__(self, tensor: Any = None) -> None:
        self._stats: Optional[Dict[str, float]] = None
        if tensor is not None:
            self.compute_stats(tensor)

    def compute_stats(self, tensor: Any) -> Dict[str, float]:
        """The numbers of a tensor of any shape and dtype, computed in float64 and kept for :meth:`get_stats`.

        Returns
        -------
        dict
            ``count`` (an int), ``mean``, ``std`` (of a sample, as :meth:`Tensor.std`: NaN for one element), ``min``, ``max``,
            ``median``, ``q25`` and ``q75`` (interpolated, as ``quantile``). NaN in the tensor gives NaN.

        Raises
        ------
        ArgumentValueError
            The tensor is empty.
        """
        values = array(tensor, "compute_stats").astype(np.float64).reshape(-1)
        if values.size == 0:
            raise _C.ArgumentValueError("compute_stats: the tensor is empty")
        with np.errstate(all="ignore"):
            q25, median, q75 = (float(value) for value in np.quantile(values, [0.25, 0.5, 0.75]))
            self._stats = {
                "count": int(values.size), "mean": float(values.mean()),
                "std": float(values.std(ddof=1)) if values.size > 1 else float("nan"),
                "min": float(values.min()), "max": float(values.max()), "median": median, "q25": q25, "q75": q75,
            }  # fmt: skip
        return dict(self._stats)

    def get_stats(self) -> Dict[str, float]:
        """What was computed last.

        Raises
        ------
        RusTorchError
            Nothing was computed yet.
        """
        if self._stats is None:
            raise _C.RusTorchError("get_stats: nothing has been computed yet: call compute_stats(tensor) first")
        return dict(self._stats)

    def __repr__(self) -> str:
        inside = "" if self._stats is None else ", ".join(f"{name}={value:.6g}" for name, value in self._stats.items())
        return f"TensorStats({inside})"
