"""Comparing tensors in tests: torch.testing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable, Optional, Tuple, Union

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentValueError

__all__ = ["assert_allclose", "assert_close"]

_TOLERANCES = {  # relative, absolute
    rustorch.float16: (1e-3, 1e-5), rustorch.bfloat16: (1.6e-2, 1e-5), rustorch.float32: (1.3e-6, 1e-5), rustorch.float64: (1e-7, 1e-7),
}  # fmt: skip
Message = Union[None, str, Callable[[str], str]]


def assert_close(
    actual: Any, expected: Any, *, allow_subclasses: bool = True, rtol: Optional[float] = None, atol: Optional[float] = None,
    equal_nan: bool = False, check_device: bool = True, check_dtype: bool = True, check_layout: bool = True, check_stride: bool = False,
    msg: Message = None,
) -> None:
    """Raise an AssertionError unless two tensors, numbers, or sequences or mappings of them are close.

    Close means \\|actual − expected\\| ≤ atol + rtol · \\|expected\\| for each element.

    Parameters
    ----------
    actual, expected : tensor, array, number, sequence or mapping
    rtol, atol : float, optional
        Both or neither; by default by the less precise dtype: 1.3e-6 and 1e-5 for float32, 1e-7 both for float64, 0 for integers.
    equal_nan : bool, default False
    check_device, check_dtype, check_layout, check_stride : bool
        What else must be equal. There is one device and one layout.
    allow_subclasses : bool, default True
        Otherwise the types must be the same.
    msg : str or callable, optional
        Instead of the message, or made of it.

    Raises
    ------
    AssertionError
        They are not close; the message says where they differ most.

    Examples
    --------
    >>> import rustorch
    >>> rustorch.testing.assert_close(rustorch.ones(2), rustorch.ones(2) + 1e-6)
    >>> rustorch.testing.assert_close(rustorch.ones(2), rustorch.tensor([1.0, 1.5]))
    Traceback (most recent call last):
        ...
    AssertionError: Tensor-likes are not close!
    <BLANKLINE>
    Mismatched elements: 1 / 2 (50.0%)
    Greatest absolute difference: 0.5 at index (1,) (up to 1e-05 allowed)
    Greatest relative difference: 0.3333333333333333 at index (1,) (up to 1.3e-06 allowed)
    """
    if (rtol is None) != (atol is None):
        raise ArgumentValueError("assert_close: rtol and atol must both be given, or neither")
    text = _compare(actual, expected, rtol, atol, equal_nan, check_dtype, check_stride, allow_subclasses, "")
    if text:
        raise AssertionError(text if msg is None else msg if isinstance(msg, str) else msg(text))


def _compare(a: Any, b: Any, rtol: Any, atol: Any, equal_nan: bool, dtype: bool, stride: bool, subclasses: bool, where: str) -> str:
    """What is wrong, or ""."""
    rest = (rtol, atol, equal_nan, dtype, stride, subclasses)
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        if set(a) != set(b):
            return f"The keys of the mappings do not match:\n{sorted(map(str, a))}\n{sorted(map(str, b))}"
        pairs = [(key, a[key], b[key]) for key in a]
    elif isinstance(a, Sequence) and isinstance(b, Sequence) and not isinstance(a, str):
        if len(a) != len(b):
            return f"The length of the sequences mismatch: {len(a)} != {len(b)}"
        pairs = list(zip(range(len(a)), a, b))
    else:
        return _compare_leaves(a, b, *rest, where)
    return next(filter(None, (_compare(x, y, *rest, f"{where}[{key!r}]") for key, x, y in pairs)), "")


def _compare_leaves(a: Any, b: Any, rtol: Any, atol: Any, equal_nan: bool, dtype: bool, stride: bool, subclasses: bool, where: str) -> str:
    item = f"\n\nThe failure occurred for item {where}" if where else ""
    if a is None and b is None:
        return ""
    if not subclasses and type(a) is not type(b):
        return f"The types do not match: {type(a)} != {type(b)}{item}"
    numbers = not isinstance(a, Tensor) and not isinstance(b, Tensor)
    try:
        x, y = (each.detach() if isinstance(each, Tensor) else rustorch.as_tensor(each) for each in (a, b))
    except Exception:
        return "" if a == b else f"{a!r} != {b!r}{item}"
    if x.shape != y.shape:
        return f"The values for attribute 'shape' do not match: {x.shape} != {y.shape}.{item}"
    if dtype and not numbers and x.dtype != y.dtype:
        return f"The values for attribute 'dtype' do not match: {x.dtype} != {y.dtype}.{item}"
    if stride and x.stride() != y.stride():
        return f"The values for attribute 'stride()' do not match: {x.stride()} != {y.stride()}.{item}"
    rtol, atol = _tolerances(x, y, numbers) if rtol is None else (rtol, atol)
    x, y = x.to(rustorch.float64), y.to(rustorch.float64)
    wrong = ~rustorch.isclose(x, y, rtol=rtol, atol=atol, equal_nan=equal_nan)
    count = int(wrong.sum())
    if not count:
        return ""
    apart = rustorch.where(wrong, (x - y).abs(), 0.0)
    lines = []
    for name, values, allowed in (("absolute", apart, atol), ("relative", apart / y.abs(), rtol)):
        values = rustorch.where(wrong, values, 0.0)
        at = int(values.nan_to_num(float("inf")).argmax()) if values.dim() else 0
        place = "" if not values.dim() else f" at index {_place(at, x.shape)}"
        lines.append(f"Greatest {name} difference: {values.reshape(-1)[at].item()}{place} (up to {allowed} allowed)")
    kind = "Scalars" if numbers and not x.dim() else "Tensor-likes"
    many = f"Mismatched elements: {count} / {x.numel()} ({100 * count / x.numel():.1f}%)\n"
    return f"{kind} are not close!\n\n{many}{lines[0]}\n{lines[1]}{item}"


def _tolerances(a: Tensor, b: Tensor, numbers: bool) -> Tuple[float, float]:
    if numbers and a.is_floating_point():
        return _TOLERANCES[rustorch.float64]
    both = [_TOLERANCES.get(each.dtype, (0.0, 0.0)) for each in (a, b)]
    return max(both[0][0], both[1][0]), max(both[0][1], both[1][1])


def _place(index: int, shape: Any) -> Tuple[int, ...]:
    place = []
    for size in reversed(tuple(shape)):
        place.append(index % size)
        index //= size
    return tuple(place[::-1])


def assert_allclose(
    actual: Any, expected: Any, rtol: Optional[float] = None, atol: Optional[float] = None, equal_nan: bool = True, msg: str = ""
) -> None:
    """The old form of :func:`assert_close`: dtypes may differ, and NaN equals NaN.

    >>> import warnings
    >>> warnings.simplefilter("ignore")
    >>> rustorch.testing.assert_allclose(rustorch.ones(1), rustorch.ones(1))
    """
    actual, expected = rustorch.as_tensor(actual), rustorch.as_tensor(expected)
    assert_close(actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, msg=msg or None)
