"""Samples into batches."""

from __future__ import annotations

import copy
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any, Dict, List

import numpy as np

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentTypeError, RusTorchError

__all__ = ["default_collate", "default_convert"]


def _is_text_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "SUO"


def _mapping_like(first: Any, items: Dict[Any, Any]) -> Any:
    """A mapping of the same class, where it can be made."""
    try:
        if isinstance(first, MutableMapping):
            clone = copy.copy(first)
            clone.update(items)
            return clone
        return type(first)(items)  # type: ignore[call-arg]
    except TypeError:
        return items


def _sequence_like(first: Any, items: List[Any]) -> Any:
    """A sequence of the same class, where it can be made; tuples become lists, as they always did."""
    if isinstance(first, tuple):
        return items
    try:
        if isinstance(first, MutableSequence):
            clone = copy.copy(first)
            for i, item in enumerate(items):
                clone[i] = item
            return clone
        return type(first)(items)
    except TypeError:
        return items


def default_convert(data: Any) -> Any:
    """NumPy arrays and numbers inside ``data`` as tensors, everything else as it is.

    >>> import numpy
    >>> from rustorch.data import default_convert
    >>> default_convert([numpy.ones(2), "text"])
    [tensor([1., 1.], dtype=rustorch.float64), 'text']
    """
    if isinstance(data, Tensor) or _is_text_array(data):
        return data
    if isinstance(data, (np.ndarray, np.bool_, np.number)):
        return rustorch.as_tensor(data)
    if isinstance(data, Mapping):
        return _mapping_like(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(value) for value in data))
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _sequence_like(data, [default_convert(value) for value in data])
    return data


def _stack(batch: List[Tensor]) -> Tensor:
    first = batch[0].shape
    for i, tensor in enumerate(batch):
        if tensor.shape != first:
            raise rustorch.ShapeError(
                f"default_collate: sample {i} of the batch has shape {tuple(tensor.shape)}, sample 0 has {tuple(first)}: "
                "samples of one batch must have equal shapes, or pass collate_fn"
            )
    return rustorch.stack(batch)


def default_collate(batch: List[Any]) -> Any:
    """A list of samples as one batch: tensors and arrays are stacked, numbers become a tensor, structures are kept.

    Mappings, named tuples and sequences are collated part by part, and keep their class; tuples become lists; text stays a
    list of texts.

    Raises
    ------
    TypeError
        A sample holds something that cannot become a tensor.
    ShapeError
        Tensors or arrays of one place have different shapes.
    RuntimeError
        Sequences of one place have different lengths.

    Example
    -------
    >>> from rustorch.data import default_collate
    >>> default_collate([(1.0, 2), (3.0, 4)])
    [tensor([1., 3.], dtype=rustorch.float64), tensor([2, 4])]
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return _stack(batch)
    if isinstance(first, np.ndarray):
        if _is_text_array(first):
            raise ArgumentTypeError(f"default_collate: arrays of dtype {first.dtype} cannot become tensors")
        return _stack([rustorch.as_tensor(array) for array in batch])
    if isinstance(first, (np.bool_, np.number)):
        return rustorch.as_tensor(np.array(batch))
    if isinstance(first, bool):
        return rustorch.tensor(batch)
    if isinstance(first, float):
        return rustorch.tensor(batch, dtype=rustorch.float64)
    if isinstance(first, int):
        return rustorch.tensor(batch)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return _mapping_like(first, {key: default_collate([sample[key] for sample in batch]) for key in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(default_collate(list(column)) for column in zip(*batch)))
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RusTorchError("each element in list of batch should be of equal size")
        return _sequence_like(first, [default_collate(list(column)) for column in zip(*batch)])
    raise ArgumentTypeError(
        f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {type(first).__name__}"
    )
