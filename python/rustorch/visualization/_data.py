"""What users hand over, as arrays."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional, Sequence, Tuple

import numpy as np

import rustorch
from rustorch import _C


def array(values: Any, what: str) -> np.ndarray:
    """Numbers of any kind as a NumPy array: bool, an integer dtype, float32 or float64."""
    if isinstance(values, rustorch.Tensor):
        values = values.detach()
        if values.dtype in (rustorch.bfloat16, rustorch.float16):
            values = values.float()
        return values.cpu().numpy()
    if hasattr(values, "detach") and hasattr(values, "cpu"):  # PyTorch's
        values = values.detach().cpu()
        values = (values.float() if values.is_floating_point() and values.element_size() < 4 else values).numpy()
    elif isinstance(values, (list, tuple)) and any(isinstance(value, rustorch.Tensor) for value in values):
        values = [array(value, what) for value in values]
    try:
        found = np.asarray(values)
        if found.dtype == object:  # None is no number: a gap
            found = np.array([np.nan if value is None else value for value in found.ravel()], float).reshape(found.shape)
    except (TypeError, ValueError) as error:
        raise _C.ArgumentTypeError(f"{what}: numbers are needed, in rows of one length; {error}") from None
    if found.dtype.kind not in "biuf":
        raise _C.ArgumentTypeError(f"{what}: numbers are needed, not {found.dtype} ({type(values).__name__})")
    return found.astype(np.float32) if found.dtype == np.float16 else found


def vector(values: Any, what: str) -> np.ndarray:
    """A flat float64 array of numbers in one dimension."""
    found = array(values, what)
    if found.ndim != 1:
        squeezed = found.reshape(-1)
        if found.ndim == 0 or squeezed.size != max(found.shape):
            raise _C.ArgumentValueError(f"{what}: one dimension is needed, not the shape {tuple(found.shape)}")
        found = squeezed
    return found.astype(np.float64)


def names_of(values: Any) -> Optional[List[str]]:
    """The values as texts, if they are texts."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "US":
        return [str(value) for value in values]
    if isinstance(values, (list, tuple)) and values and all(isinstance(value, str) for value in values):
        return list(values)
    return None


def is_number(value: Any) -> bool:
    """A single number, or None for a gap."""
    if value is None or isinstance(value, (int, float, np.generic)):
        return True
    return getattr(value, "ndim", None) == 0


def several(values: Any, labels: Any, what: str) -> List[Tuple[str, Any]]:
    """Named series: of a mapping its items, of a list of sequences each, of a matrix (n, series) its columns, else the one."""
    if isinstance(values, Mapping):
        if labels is not None:
            raise _C.ArgumentValueError(f"{what}: labels are given twice, as the keys of the data and as labels")
        return [(str(name), part) for name, part in values.items()]
    if isinstance(values, (list, tuple)) and len(values) and not any(is_number(value) or isinstance(value, str) for value in values):
        parts = list(values)
    else:
        found = values if names_of(values) is not None else array(values, what)
        parts = [found] if getattr(found, "ndim", 1) != 2 else list(found.T)
    if labels is None:
        return [("", part) for part in parts] if len(parts) == 1 else [(f"{i}", part) for i, part in enumerate(parts)]
    if isinstance(labels, str):
        labels = [labels]
    if len(labels) != len(parts):
        raise _C.ArgumentValueError(f"{what}: {len(labels)} labels are given for {len(parts)} series")
    return [(str(name), part) for name, part in zip(labels, parts)]


def same_length(function: str, **parts: Any) -> None:
    """An error unless all have the same number of values."""
    if len({len(part) for part in parts.values()}) > 1:
        found = " and ".join(f"{name} has {len(part)} values" for name, part in parts.items())
        raise _C.ArgumentValueError(f"{function}: {found}: as many of one as of the other are needed")


def not_finite(parts: Sequence[np.ndarray], log: Sequence[np.ndarray] = ()) -> str:
    """What to tell about values that cannot be drawn; "" if all can. `log`: those on a logarithmic axis."""
    total = sum(part.size for part in parts)
    bad = sum(int(part.size - np.count_nonzero(np.isfinite(part))) for part in parts)
    low = sum(int(np.count_nonzero(part <= 0)) for part in log)
    told = []
    if bad:
        told.append(f"{bad} of {total} values {'is' if bad == 1 else 'are'} not finite")
    if low:
        told.append(f"{low} {'is' if low == 1 else 'are'} not above 0, and the axis is logarithmic")
    return "; ".join(told)
