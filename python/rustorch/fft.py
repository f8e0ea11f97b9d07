"""What of torch.fft is possible without complex numbers: frequencies and shifts. The transforms are clear errors.

Examples
--------
>>> import rustorch
>>> rustorch.fft.fftfreq(4)
tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
"""

from __future__ import annotations

from typing import Any, Sequence, Union

import rustorch
from rustorch._C import Tensor

from ._absent import _refuse

__all__ = ["fftfreq", "fftshift", "ifftshift", "rfftfreq"]


def _count(name: str, n: int) -> int:
    if n < 1:
        raise rustorch.ArgumentValueError(f"fft.{name}: n must be at least 1, not {n}")
    return n


def fftfreq(n: int, d: float = 1.0, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """The frequencies of a transform of n samples a distance d apart: 0, 1, …, then the negative ones, over n d.

    >>> rustorch.fft.fftfreq(3, 0.5).tolist()[0]
    0.0
    """
    numbers = rustorch.arange(_count("fftfreq", n), dtype=dtype or rustorch.get_default_dtype(), device=device)
    numbers = numbers - n * (numbers >= (n + 1) // 2)
    return (numbers / (n * d)).requires_grad_(requires_grad)


def rfftfreq(n: int, d: float = 1.0, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """The frequencies of a transform of n real samples a distance d apart, none negative.

    >>> rustorch.fft.rfftfreq(4)
    tensor([0.0000, 0.2500, 0.5000])
    """
    numbers = rustorch.arange(_count("rfftfreq", n) // 2 + 1, dtype=dtype or rustorch.get_default_dtype(), device=device)
    return (numbers / (n * d)).requires_grad_(requires_grad)


def _shifted(input: Tensor, dim: Union[None, int, Sequence[int]], back: bool) -> Tensor:
    dims = list(range(input.dim())) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    return input.roll([(input.shape[k] + back) // 2 for k in dims], dims) if dims else input


def fftshift(input: Tensor, dim: Union[None, int, Sequence[int]] = None) -> Tensor:
    """Frequency 0 moved to the middle.

    >>> rustorch.fft.fftshift(rustorch.tensor([0, 1, 2, -2, -1]))
    tensor([-2, -1,  0,  1,  2])
    """
    return _shifted(input, dim, False)


def ifftshift(input: Tensor, dim: Union[None, int, Sequence[int]] = None) -> Tensor:
    """The inverse of :func:`fftshift`.

    >>> rustorch.fft.ifftshift(rustorch.tensor([-2, -1, 0, 1, 2]))
    tensor([ 0,  1,  2, -2, -1])
    """
    return _shifted(input, dim, True)


def __getattr__(name: str) -> Any:
    kinds = {prefix + "fft" + suffix for prefix in ("", "i", "r", "ir", "h", "ih") for suffix in ("", "2", "n")}
    if name in kinds:
        return _refuse("fft." + name)
    raise AttributeError(f"module 'rustorch.fft' has no attribute '{name}'")
