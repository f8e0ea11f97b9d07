"""New arrays."""

from __future__ import annotations

import math
from typing import Any, List, Optional, Tuple, Union

import rustorch
from rustorch import Tensor

__all__ = [
    "arange", "asarray", "empty", "empty_like", "eye", "from_dlpack", "full", "full_like", "linspace", "meshgrid", "ones", "ones_like",
    "tril", "triu", "zeros", "zeros_like",
]  # fmt: skip

Shape = Union[int, Tuple[int, ...]]


def _sizes(shape: Shape) -> Tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: Optional[bool] = None) -> Tensor:
    """An array of a number, a nested sequence, an array, or anything that shares memory by DLPack or the buffer protocol.

    Parameters
    ----------
    copy : bool, optional
        True: always. False: an error where the memory cannot be shared. None: only where it cannot.

    Examples
    --------
    >>> from rustorch import array_api as xp
    >>> xp.asarray([1, 2])
    tensor([1, 2])
    """
    if isinstance(obj, Tensor):
        same = (dtype is None or dtype == obj.dtype) and (device is None or rustorch.device(device) == obj.device)
        if copy is False and not same:
            raise rustorch.ArgumentValueError("asarray: copy=False, but another dtype or device needs a copy")
        return obj if same and not copy else obj.detach().to(dtype=dtype or obj.dtype, device=device or obj.device, copy=True)
    shares = hasattr(obj, "__dlpack__") or hasattr(obj, "__array__") or isinstance(obj, (memoryview, bytearray))
    if copy is False and not shares:
        raise rustorch.ArgumentValueError(f"asarray: copy=False, but a {type(obj).__name__} has no memory to share")
    if shares:
        return rustorch.asarray(obj, dtype=dtype, device=device, copy=copy)
    return rustorch.tensor(obj, dtype=dtype, device=device)


def from_dlpack(x: Any, /, *, device: Any = None, copy: Optional[bool] = None) -> Tensor:
    """An array over the memory of another library's.

    >>> import numpy
    >>> from rustorch import array_api as xp
    >>> xp.from_dlpack(numpy.ones(2))
    tensor([1., 1.], dtype=rustorch.float64)
    """
    found = rustorch.from_dlpack(x)
    if device is not None and rustorch.device(device) != found.device:
        if copy is False:
            raise rustorch.ArgumentValueError("from_dlpack: copy=False, but another device needs a copy")
        return found.to(device)
    return found.clone() if copy else found


def arange(start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None) -> Tensor:
    """start, start + step, … below stop; from 0 if only one number is given.

    >>> from rustorch import array_api as xp
    >>> xp.arange(2, 5)
    tensor([2, 3, 4])
    """
    if stop is None:
        start, stop = 0, start
    if step == 0:
        raise rustorch.ArgumentValueError("arange: step must not be 0")
    if math.ceil((stop - start) / step) <= 0:
        floats = any(isinstance(x, float) for x in (start, stop, step))
        return rustorch.empty(0, dtype=dtype or (rustorch.get_default_dtype() if floats else rustorch.int64), device=device)
    return rustorch.arange(start, stop, step, dtype=dtype, device=device)


def linspace(start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True) -> Tensor:
    """``num`` numbers at equal distances from start to stop, which is the last one only with ``endpoint``.

    >>> from rustorch import array_api as xp
    >>> xp.linspace(0.0, 1.0, 4, endpoint=False)
    tensor([0.0000, 0.2500, 0.5000, 0.7500])
    """
    if endpoint:
        return rustorch.linspace(start, stop, num, dtype=dtype, device=device)
    return rustorch.linspace(start, stop, num + 1, dtype=dtype, device=device)[:num]


def _filled(name: str, doc: str) -> Any:
    make, like = getattr(rustorch, name), getattr(rustorch, name + "_like")

    def fresh(shape: Shape, *, dtype: Any = None, device: Any = None) -> Tensor:
        return make(_sizes(shape), dtype=dtype, device=device)

    def same(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
        return like(x, dtype=dtype, device=device)

    for function, title, text, example in (
        (fresh, name, doc, f"xp.{name}((2, 3)).shape"), (same, name + "_like", f"{doc[:-1]}, of the shape and dtype of another.", ""),
    ):  # fmt: skip
        function.__name__ = function.__qualname__ = title
        call = f"xp.{title}((2, 3)).shape" if function is fresh else f"xp.{title}(xp.zeros((2, 3))).shape"
        function.__doc__ = f"{text}\n\n>>> from rustorch import array_api as xp\n>>> {call}\nrustorch.Size([2, 3])\n"
    return fresh, same


empty, empty_like = _filled("empty", "An array of memory as it is.")
zeros, zeros_like = _filled("zeros", "An array of zeros.")
ones, ones_like = _filled("ones", "An array of ones.")


def full(shape: Shape, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """An array of one number.

    >>> from rustorch import array_api as xp
    >>> xp.full(2, 7)
    tensor([7, 7])
    """
    return rustorch.full(_sizes(shape), fill_value, dtype=dtype, device=device)


def full_like(x: Tensor, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """An array of one number, of the shape and dtype of another.

    >>> from rustorch import array_api as xp
    >>> xp.full_like(xp.zeros(2), 7)
    tensor([7., 7.])
    """
    return rustorch.full_like(x, fill_value, dtype=dtype, device=device)


def eye(n_rows: int, n_cols: Optional[int] = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Tensor:
    """Ones on the k-th diagonal of a matrix, zeros elsewhere.

    >>> from rustorch import array_api as xp
    >>> xp.eye(2, 3, k=1)
    tensor([[0., 1., 0.],
            [0., 0., 1.]])
    """
    columns = n_rows if n_cols is None else n_cols
    result = rustorch.zeros((n_rows, columns), dtype=dtype, device=device)
    if -n_rows < k < columns:
        result.diagonal(k).fill_(1)
    return result


def meshgrid(*arrays: Tensor, indexing: str = "xy") -> List[Tensor]:
    """The coordinates of a grid over the numbers of vectors, one array for each.

    >>> from rustorch import array_api as xp
    >>> xp.meshgrid(xp.asarray([1, 2]), xp.asarray([3, 4, 5]))[0].shape
    rustorch.Size([3, 2])
    """
    return list(rustorch.meshgrid(*arrays, indexing=indexing)) if arrays else []


def tril(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The matrices with zeros above the k-th diagonal.

    >>> from rustorch import array_api as xp
    >>> xp.tril(xp.ones((2, 2)))
    tensor([[1., 0.],
            [1., 1.]])
    """
    return rustorch.tril(x, k)


def triu(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The matrices with zeros below the k-th diagonal.

    >>> from rustorch import array_api as xp
    >>> xp.triu(xp.ones((2, 2)))
    tensor([[1., 1.],
            [0., 1.]])
    """
    return rustorch.triu(x, k)
