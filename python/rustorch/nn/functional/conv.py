"""Convolutions and their transposes, of signals, images and volumes."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence, Tuple, Union

from rustorch import Tensor, _C
from rustorch._C import ArgumentValueError, RusTorchError

_ops = _C._ops
_Ints = Union[int, Sequence[int]]

__all__ = ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]

conv_transpose1d = _ops.conv_transpose1d
conv_transpose2d = _ops.conv_transpose2d
conv_transpose3d = _ops.conv_transpose3d


def _each(value: _Ints, n: int) -> List[int]:
    return [value] * n if isinstance(value, int) else list(value) * (n if len(value) == 1 else 1)


def _resolve_padding(
    input: Tensor, weight: Tensor, padding: Any, stride: Any, dilation: Any, n: int
) -> Tuple[Tensor, Any]:
    """``"same"`` and ``"valid"`` as numbers; an uneven "same" pads the input first."""
    if padding == "valid":
        return input, 0
    if padding != "same":
        raise ArgumentValueError(f"padding must be a number, numbers, 'same' or 'valid', not '{padding}'")
    if any(step != 1 for step in _each(stride, n)):
        raise RusTorchError("padding='same' is not supported for strided convolutions")
    totals = [d * (k - 1) for d, k in zip(_each(dilation, n), weight.shape[-n:])]
    if all(total % 2 == 0 for total in totals):
        return input, [total // 2 for total in totals]
    sides: List[int] = []
    for total in reversed(totals):  # the last dimension comes first
        sides += [total // 2, total - total // 2]
    return _ops.pad(input, sides), 0


def conv1d(
    input: Tensor, weight: Tensor, bias: Optional[Tensor] = None, stride: _Ints = 1, padding: Any = 0,
    dilation: _Ints = 1, groups: int = 1,
) -> Tensor:
    """Convolution of signals: input (B, C, T) or (C, T), weight (K, C / groups, k); see :func:`conv2d`.

    >>> F.conv1d(rustorch.ones(1, 1, 4), rustorch.ones(1, 1, 2))
    tensor([[[2., 2., 2.]]])
    """
    if isinstance(padding, str):
        input, padding = _resolve_padding(input, weight, padding, stride, dilation, 1)
    return _ops.conv1d(input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor, weight: Tensor, bias: Optional[Tensor] = None, stride: _Ints = 1, padding: Any = 0,
    dilation: _Ints = 1, groups: int = 1,
) -> Tensor:
    """Convolution of images.

    Parameters
    ----------
    input : (B, C, H, W) or (C, H, W)
    weight : (K, C / groups, kh, kw)
    bias : (K,), optional
    stride, dilation : int or pair, default 1
    padding : int, pair, ``"same"`` or ``"valid"``, default 0
    groups : int, default 1

    Returns
    -------
    (B, K, H', W') with H' = (H + 2·padding − dilation·(kh − 1) − 1) // stride + 1, W' likewise.

    Raises
    ------
    ShapeError
        Channels do not fit, or the kernel is larger than the padded input.

    Example
    -------
    >>> import rustorch as torch
    >>> torch.nn.functional.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2)).shape
    rustorch.Size([1, 1, 2, 2])
    """
    if isinstance(padding, str):
        input, padding = _resolve_padding(input, weight, padding, stride, dilation, 2)
    return _ops.conv2d(input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor, weight: Tensor, bias: Optional[Tensor] = None, stride: _Ints = 1, padding: Any = 0,
    dilation: _Ints = 1, groups: int = 1,
) -> Tensor:
    """Convolution of volumes: input (B, C, D, H, W) or (C, D, H, W), weight (K, C / groups, kd, kh, kw).

    See :func:`conv2d`; settings are one int or three.

    Example
    -------
    >>> import rustorch as torch
    >>> torch.nn.functional.conv3d(torch.ones(1, 1, 3, 3, 3), torch.ones(2, 1, 2, 2, 2), padding="same").shape
    rustorch.Size([1, 2, 3, 3, 3])
    """
    if isinstance(padding, str):
        input, padding = _resolve_padding(input, weight, padding, stride, dilation, 3)
    return _ops.conv3d(input, weight, bias, stride, padding, dilation, groups)
