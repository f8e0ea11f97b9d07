"""Ways to fill parameters before training.

All functions write in place, without recording gradients, and return the tensor.
"""

from __future__ import annotations

import contextlib
import functools
import math
import threading
import warnings
from typing import Any, Callable, Iterator, Optional, Tuple, Union

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentValueError

_Generator = Optional["rustorch.Generator"]

_local = threading.local()


@contextlib.contextmanager
def _skipped() -> Iterator[None]:
    """Within the block, on this thread, nothing here writes: see :func:`rustorch.nn.utils.skip_init`."""
    before = getattr(_local, "skip", False)
    _local.skip = True
    try:
        yield
    finally:
        _local.skip = before


def _filler(fill: Callable) -> Callable:
    """A function that fills a tensor: without recording, and not at all while :func:`_skipped`."""

    @functools.wraps(fill)
    def wrapper(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if getattr(_local, "skip", False):
            return tensor
        with rustorch.no_grad():
            return fill(tensor, *args, **kwargs)

    return wrapper


def calculate_gain(nonlinearity: str, param: Optional[Union[int, float]] = None) -> float:
    """The factor by which a nonlinearity's inputs should be scaled: 1 for linear layers and sigmoid, 5/3 for tanh,
    √2 for relu, √(2 / (1 + slope²)) for leaky_relu (slope 0.01 by default), 3/4 for selu.

    Source: He et al., ICCV 2015, for the rectifiers.

    >>> round(nn.init.calculate_gain("relu"), 3)
    1.414
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


@_filler
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: _Generator = None) -> Tensor:
    """Uniform values in [a, b).

    >>> w = nn.init.uniform_(rustorch.empty(2, 3), 0.0, 0.5)
    >>> bool((w < 0.5).all())
    True
    """
    return tensor.uniform_(a, b, generator=generator)


@_filler
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: _Generator = None) -> Tensor:
    """Normal values.

    >>> nn.init.normal_(rustorch.empty(2, 3), std=0.02).shape
    rustorch.Size([2, 3])
    """
    return tensor.normal_(mean, std, generator=generator)


@_filler
def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: _Generator = None
) -> Tensor:
    """Normal values cut off outside [a, b], by inverting the cumulative distribution.

    Parameters
    ----------
    tensor : Tensor
    mean, std : float, defaults 0 and 1
        Of the distribution that is cut.
    a, b : float, defaults −2 and 2
        The bounds themselves, not numbers of deviations.
    generator : Generator, optional

    >>> w = nn.init.trunc_normal_(rustorch.empty(2, 3), a=-1.0, b=1.0)
    >>> bool((w.abs() <= 1).all())
    True
    """

    def below(x: float) -> float:
        return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0

    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be incorrect.",
            stacklevel=3,
        )
    low, high = below((a - mean) / std), below((b - mean) / std)
    # f16 and bf16 are too coarse for the uniform values
    wide = tensor if tensor.dtype in (rustorch.float32, rustorch.float64) else tensor.float()
    wide.uniform_(2 * low - 1, 2 * high - 1, generator=generator)
    wide.erfinv_().mul_(std * math.sqrt(2.0)).add_(mean).clamp_(a, b)
    return tensor if wide is tensor else tensor.copy_(wide).clamp_(a, b)


@_filler
def constant_(tensor: Tensor, val: float) -> Tensor:
    """One value everywhere.

    >>> nn.init.constant_(rustorch.empty(2), 0.5)
    tensor([0.5000, 0.5000])
    """
    return tensor.fill_(val)


@_filler
def ones_(tensor: Tensor) -> Tensor:
    """Ones.

    >>> nn.init.ones_(rustorch.empty(2))
    tensor([1., 1.])
    """
    return constant_(tensor, 1.0)


@_filler
def zeros_(tensor: Tensor) -> Tensor:
    """Zeros.

    >>> nn.init.zeros_(rustorch.empty(2))
    tensor([0., 0.])
    """
    return constant_(tensor, 0.0)


@_filler
def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix.

    >>> nn.init.eye_(rustorch.empty(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    if tensor.dim() != 2:
        raise ArgumentValueError("Only tensors with 2 dimensions are supported")
    return tensor.copy_(rustorch.eye(tensor.shape[0], tensor.shape[1], dtype=tensor.dtype))


@_filler
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Convolution weights (3, 4 or 5 dimensions) that pass on as many input channels as possible.

    >>> nn.init.dirac_(rustorch.empty(2, 2, 3))[0]
    tensor([[0., 1., 0.],
            [0., 0., 0.]])
    """
    if tensor.dim() not in (3, 4, 5):
        raise ArgumentValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    if tensor.shape[0] % groups:
        raise ArgumentValueError("dim 0 must be divisible by groups")
    per_group = tensor.shape[0] // groups
    centre = tuple(size // 2 for size in tensor.shape[2:])
    tensor.zero_()
    for group in range(groups):
        for channel in range(min(per_group, tensor.shape[1])):
            tensor[(group * per_group + channel, channel) + centre] = 1.0
    return tensor


@_filler
def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: _Generator = None) -> Tensor:
    """Uniform in ±gain·√(6 / (fan_in + fan_out)). Source: Glorot and Bengio, AISTATS 2010.

    >>> nn.init.xavier_uniform_(rustorch.empty(2, 3)).shape
    rustorch.Size([2, 3])
    """
    fan_in, fan_out = _fans(tensor)
    bound = gain * math.sqrt(6.0 / (fan_in + fan_out))
    return uniform_(tensor, -bound, bound, generator)


@_filler
def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: _Generator = None) -> Tensor:
    """Normal with deviation gain·√(2 / (fan_in + fan_out)). Source: Glorot and Bengio, AISTATS 2010.

    >>> nn.init.xavier_normal_(rustorch.empty(2, 3)).shape
    rustorch.Size([2, 3])
    """
    fan_in, fan_out = _fans(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / (fan_in + fan_out)), generator)


def _fan(tensor: Tensor, mode: str) -> int:
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return _fans(tensor)[mode == "fan_out"]


@_filler
def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: _Generator = None
) -> Tensor:
    """Uniform in ±gain·√(3 / fan). Source: He et al., ICCV 2015.

    >>> nn.init.kaiming_uniform_(rustorch.empty(2, 3), nonlinearity="relu").shape
    rustorch.Size([2, 3])
    """
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return tensor
    bound = calculate_gain(nonlinearity, a) * math.sqrt(3.0 / _fan(tensor, mode))
    return uniform_(tensor, -bound, bound, generator)


@_filler
def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: _Generator = None
) -> Tensor:
    """Normal with deviation gain / √fan. Source: He et al., ICCV 2015.

    >>> nn.init.kaiming_normal_(rustorch.empty(2, 3), mode="fan_out", nonlinearity="relu").shape
    rustorch.Size([2, 3])
    """
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return tensor
    return normal_(tensor, 0.0, calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode)), generator)


@_filler
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: _Generator = None) -> Tensor:
    """Normal values of which each column has a share of ``sparsity`` zeros. Source: Martens, ICML 2010.

    >>> int((nn.init.sparse_(rustorch.empty(4, 3), sparsity=0.5) == 0).sum())
    6
    """
    if tensor.dim() != 2:
        raise ArgumentValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    tensor.normal_(0, std, generator=generator)
    for column in range(columns):
        tensor[rustorch.randperm(rows, generator=generator)[:zeros], column] = 0
    return tensor


def _orthonormal(matrix: Tensor) -> Tensor:
    """The Q of a tall matrix's QR decomposition with a positive diagonal in R, in double precision.

    Gram-Schmidt in blocks of columns, most of it matrix products; each column is orthogonalised twice, which is enough
    (Giraud, Langou and Rozložník, 2005).
    """
    q = matrix.double().t().contiguous()  # rows are what is orthogonalised: they lie together
    block = 32
    for begin in range(0, q.shape[0], block):
        done, rows = q[:begin], q[begin : begin + block]
        for _ in range(2 if begin else 0):
            rows.sub_(rows.mm(done.t()).mm(done))
        for i in range(rows.shape[0]):
            row, before = rows[i], rows[:i]
            for _ in range(2 if i else 0):
                row.sub_(before.t().mv(before.mv(row)))
            if i and begin:  # what the division below would magnify of the earlier blocks
                row.sub_(done.t().mv(done.mv(row)))
            row.div_(row.dot(row).sqrt())
    return q.t()


@_filler
def orthogonal_(tensor: Tensor, gain: float = 1, generator: _Generator = None) -> Tensor:
    """A random (semi-)orthogonal matrix times ``gain``; dimensions after the first count as one.

    Rows are orthonormal if there are no more of them than columns, else columns are.

    Parameters
    ----------
    tensor : Tensor of at least 2 dimensions
    gain : float, default 1
    generator : Generator, optional

    Source: Saxe et al., ICLR 2014; the uniform distribution: Mezzadri, Notices of the AMS 54, 2007.

    Example
    -------
    >>> import rustorch as torch
    >>> w = torch.nn.init.orthogonal_(torch.empty(3, 5))
    >>> bool(((w @ w.t() - torch.eye(3)).abs() < 1e-6).all())
    True
    """
    if tensor.dim() < 2:
        raise ArgumentValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    tall = rustorch.empty(max(rows, columns), min(rows, columns), dtype=rustorch.float64).normal_(generator=generator)
    q = _orthonormal(tall)
    return tensor.copy_((q if rows >= columns else q.t()).reshape(tensor.shape).mul(gain))


def _old_name(new: Callable) -> Callable:
    name = new.__name__[:-1]

    @functools.wraps(new)
    def old(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(
            f"`nn.init.{name}` is now deprecated in favor of `nn.init.{name}_`.", FutureWarning, stacklevel=2
        )
        return new(*args, **kwargs)

    old.__name__ = old.__qualname__ = name
    old.__doc__ = f"The deprecated name of :func:`{name}_`.\n\n>>> callable(nn.init.{name}_)\nTrue\n"
    return old


uniform = _old_name(uniform_)
normal = _old_name(normal_)
constant = _old_name(constant_)
eye = _old_name(eye_)
dirac = _old_name(dirac_)
xavier_uniform = _old_name(xavier_uniform_)
xavier_normal = _old_name(xavier_normal_)
kaiming_uniform = _old_name(kaiming_uniform_)
kaiming_normal = _old_name(kaiming_normal_)
orthogonal = _old_name(orthogonal_)
sparse = _old_name(sparse_)

__all__ = [
    "calculate_gain", "constant", "constant_", "dirac", "dirac_", "eye", "eye_", "kaiming_normal", "kaiming_normal_",
    "kaiming_uniform", "kaiming_uniform_", "normal", "normal_", "ones_", "orthogonal", "orthogonal_", "sparse", "sparse_",
    "trunc_normal_", "uniform", "uniform_", "xavier_normal", "xavier_normal_", "xavier_uniform", "xavier_uniform_", "zeros_",
]  # fmt: skip
