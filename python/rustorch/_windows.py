"""Windows for signals: weights that fall to the ends."""

from __future__ import annotations

import math
from typing import Any, Callable

import rustorch
from rustorch._C import Tensor

__all__ = ["bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window"]


def _window(name: Any, length: int, periodic: bool, dtype: Any, device: Any, requires_grad: bool, shape: Any) -> Tensor:
    if length < 0:
        raise rustorch.ArgumentValueError(f"{name}(): window_length must not be negative, but it is {length}")
    dtype = rustorch.get_default_dtype() if dtype is None else dtype
    if not dtype.is_floating_point:
        raise rustorch.DtypeError(f"{name}(): a floating-point dtype is needed, not {dtype}")
    if length <= 1:
        return rustorch.ones(length, dtype=dtype, device=device, requires_grad=requires_grad)
    last = length if periodic else length - 1
    place = rustorch.arange(length, dtype=rustorch.float64) / last  # from 0 to 1
    return shape(place).to(dtype=dtype, device=device).requires_grad_(requires_grad)


def _cosines(*factors: Any) -> Callable[[Tensor], Tensor]:
    """a0 - a1 cos(2πx) + a2 cos(4πx)"""
    return lambda x: sum((-1) ** k * a * (x * (2 * math.pi * k)).cos() for k, a in enumerate(factors))


def hann_window(
    window_length: int, periodic: bool = True, *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """½ - ½ cos(2πn / N), with N = window_length, or one less if not periodic.

    >>> rustorch.hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _window("hann_window", window_length, periodic, dtype, device, requires_grad, _cosines(0.5, 0.5))


def hamming_window(
    window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, *, dtype: Any = None,
    layout: Any = None, device: Any = None, requires_grad: bool = False,
) -> Tensor:
    """alpha - beta cos(2πn / N), with N = window_length, or one less if not periodic.

    >>> rustorch.hamming_window(3, periodic=False)
    tensor([0.0800, 1.0000, 0.0800])
    """
    return _window("hamming_window", window_length, periodic, dtype, device, requires_grad, _cosines(alpha, beta))


def blackman_window(
    window_length: int, periodic: bool = True, *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """0.42 - ½ cos(2πn / N) + 0.08 cos(4πn / N), with N = window_length, or one less if not periodic.

    >>> rustorch.blackman_window(3, periodic=False).abs() < 1e-6
    tensor([ True, False,  True])
    """
    return _window("blackman_window", window_length, periodic, dtype, device, requires_grad, _cosines(0.42, 0.5, 0.08))


def bartlett_window(
    window_length: int, periodic: bool = True, *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The triangle 1 - |2n / N - 1|, with N = window_length, or one less if not periodic.

    >>> rustorch.bartlett_window(3, periodic=False)
    tensor([0., 1., 0.])
    """
    return _window("bartlett_window", window_length, periodic, dtype, device, requires_grad, lambda x: 1 - (2 * x - 1).abs())


def kaiser_window(
    window_length: int, periodic: bool = True, beta: float = 12.0, *, dtype: Any = None, layout: Any = None,
    device: Any = None, requires_grad: bool = False,
) -> Tensor:
    """I0(beta √(1 - (2n / N - 1)²)) / I0(beta), with N = window_length, or one less if not periodic.

    >>> rustorch.kaiser_window(3, periodic=False).shape
    rustorch.Size([3])
    """

    def shape(x):
        inside = (1 - (2 * x - 1) ** 2).clamp_min(0)
        return (beta * inside.sqrt()).i0() / rustorch.tensor(float(beta), dtype=rustorch.float64).i0()

    return _window("kaiser_window", window_length, periodic, dtype, device, requires_grad, shape)
