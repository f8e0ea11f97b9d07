"""Tensors as bytes and back, for the formats that hold plain little-endian values."""

from __future__ import annotations

import numpy as np

from . import _C
from ._C import SerializationError, Tensor

__all__ = ["from_bytes", "to_bytes"]


def from_bytes(data: np.ndarray, name: str) -> Tensor:
    """uint8 values as a tensor of one dimension of a dtype, over the same memory where it lies as the CPU wants it."""
    kind = {"bfloat16": "int16", "bool": "uint8"}.get(name, name)
    if data.ctypes.data % np.dtype(kind).itemsize:
        data = data.copy()
    values = data.view(kind)
    if name == "bool":
        if values.size and int(values.max()) > 1:
            raise SerializationError("a tensor of bool has bytes other than 0 and 1")
        values = values.view(np.bool_)
    tensor = _C.from_numpy(values)
    return tensor.view(_C.bfloat16) if name == "bfloat16" else tensor


def to_bytes(tensor: Tensor) -> np.ndarray:
    """The values of a tensor, row by row, as uint8; over its own memory where it is contiguous and on the CPU."""
    plain = tensor.detach().cpu().contiguous().reshape(-1)
    if plain.dtype == _C.bfloat16:
        plain = plain.view(_C.int16)
    return plain.numpy().view(np.uint8)
