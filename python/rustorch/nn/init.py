"""Ways to fill parameters before training.

All functions write in place, without recording gradients, and return the tensor.
"""

from __future__ import annotations

import math
from typing import Optional, Tuple, Union

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentValueError

_Generator = Optional["rustorch.Generator"]


def calculate_gain(nonlinearity: str, param: Optional[Union[int, float]] = None) -> float:
    """The factor by which a nonlinearity's inputs should be scaled: 1 for linear layers and sigmoid, 5/3 for tanh,
    √2 for relu, √(2 / (1 + slope²)) for leaky_relu (slope 0.01 by default), 3/4 for selu.

    Source: He et al., ICCV 2015, for the rectifiers.
    """
    linear = {"linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"}
    if nonlinearity in linear or nonlinearity == "sigmoid":
        return 1.0
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        if isinstance(param, bool) or (param is not None and not isinstance(param, (int, float))):
            raise ArgumentValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ArgumentValueError(f"Unsupported nonlinearity {nonlinearity}")


def _fans(tensor: Tensor) -> Tuple[int, int]:
    if tensor.dim() < 2:
        raise ArgumentValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    field = 1
    for size in tensor.shape[2:]:
        field *= size
    return tensor.shape[1] * field, tensor.shape[0] * field


_calculate_fan_in_and_fan_out = _fans


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: _Generator = None) -> Tensor:
    """Uniform values in [a, b)."""
    with rustorch.no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: _Generator = None) -> Tensor:
    """Normal values."""
    with rustorch.no_grad():
        return tensor.normal_(mean, std, generator=generator)


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: _Generator = None
) -> Tensor:
    """Normal values cut off outside [a, b], by inverting the cumulative distribution."""

    def below(x: float) -> float:
        return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0

    with rustorch.no_grad():
        low, high = below((a - mean) / std), below((b - mean) / std)
        tensor.uniform_(2 * low - 1, 2 * high - 1, generator=generator)
        tensor.copy_(_erfinv(tensor))
        return tensor.mul_(std * math.sqrt(2.0)).add_(mean).clamp_(a, b)


def _erfinv(y: Tensor) -> Tensor:
    """The inverse error function: a starting value (Winitzki, 2008) and three Newton steps."""
    y = y.double().clamp(-1 + 1e-15, 1 - 1e-15)
    log = (1 - y * y).log()
    middle = 2 / (math.pi * 0.147) + log / 2
    x = y.sign() * ((middle * middle - log / 0.147).sqrt() - middle).sqrt()
    for _ in range(3):
        x = x - (x.erf() - y) / (2 / math.sqrt(math.pi) * (-x * x).exp())
    return x


def constant_(tensor: Tensor, val: float) -> Tensor:
    """One value everywhere."""
    with rustorch.no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Ones."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Zeros."""
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix."""
    if tensor.dim() != 2:
        raise ArgumentValueError("Only tensors with 2 dimensions are supported")
    with rustorch.no_grad():
        return tensor.copy_(rustorch.eye(tensor.shape[0], tensor.shape[1], dtype=tensor.dtype))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Convolution weights (3, 4 or 5 dimensions) that pass on as many input channels as possible."""
    if tensor.dim() not in (3, 4, 5):
        raise ArgumentValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    if tensor.shape[0] % groups:
        raise ArgumentValueError("dim 0 must be divisible by groups")
    per_group = tensor.shape[0] // groups
    centre = tuple(size // 2 for size in tensor.shape[2:])
    with rustorch.no_grad():
        tensor.zero_()
        for group in range(groups):
            for channel in range(min(per_group, tensor.shape[1])):
                tensor[(group * per_group + channel, channel) + centre] = 1.0
    return tensor


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: _Generator = None) -> Tensor:
    """Uniform in ±gain·√(6 / (fan_in + fan_out)). Source: Glorot and Bengio, AISTATS 2010."""
    fan_in, fan_out = _fans(tensor)
    bound = gain * math.sqrt(6.0 / (fan_in + fan_out))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: _Generator = None) -> Tensor:
    """Normal with deviation gain·√(2 / (fan_in + fan_out)). Source: Glorot and Bengio, AISTATS 2010."""
    fan_in, fan_out = _fans(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / (fan_in + fan_out)), generator)


def _fan(tensor: Tensor, mode: str) -> int:
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return _fans(tensor)[mode == "fan_out"]


def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: _Generator = None
) -> Tensor:
    """Uniform in ±gain·√(3 / fan). Source: He et al., ICCV 2015."""
    if 0 in tensor.shape:
        return tensor
    bound = calculate_gain(nonlinearity, a) * math.sqrt(3.0 / _fan(tensor, mode))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: _Generator = None
) -> Tensor:
    """Normal with deviation gain / √fan. Source: He et al., ICCV 2015."""
    if 0 in tensor.shape:
        return tensor
    return normal_(tensor, 0.0, calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode)), generator)


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: _Generator = None) -> Tensor:
    """Normal values of which each column has a share of ``sparsity`` zeros. Source: Martens, ICML 2010."""
    if tensor.dim() != 2:
        raise ArgumentValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    with rustorch.no_grad():
        tensor.normal_(0, std, generator=generator)
        for column in range(columns):
            tensor[rustorch.randperm(rows, generator=generator)[:zeros], column] = 0
    return tensor
