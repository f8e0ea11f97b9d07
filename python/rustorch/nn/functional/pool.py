"""Pooling of signals, images and volumes."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence, Tuple, Union

import rustorch
from rustorch import Tensor, _C
from rustorch._C import ArgumentValueError

_ops = _C._ops
_Ints = Union[int, Sequence[int]]

__all__ = [
    "avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool1d", "max_pool2d", "max_pool3d",
    "max_pool1d_with_indices", "max_pool2d_with_indices", "max_pool3d_with_indices",
    "max_unpool1d", "max_unpool2d", "max_unpool3d",
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d",
    "adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d",
    "adaptive_max_pool1d_with_indices", "adaptive_max_pool2d_with_indices", "adaptive_max_pool3d_with_indices",
    "lp_pool1d", "lp_pool2d", "lp_pool3d",
    "fractional_max_pool2d", "fractional_max_pool3d",
    "fractional_max_pool2d_with_indices", "fractional_max_pool3d_with_indices",
]  # fmt: skip

avg_pool1d = _ops.avg_pool1d
avg_pool2d = _ops.avg_pool2d
avg_pool3d = _ops.avg_pool3d
adaptive_avg_pool1d = _ops.adaptive_avg_pool1d


def _each(value: _Ints, n: int) -> List[int]:
    return [value] * n if isinstance(value, int) else list(value) * (n if len(value) == 1 else 1)


# ---------------------------------------------------------------------------------------------- maxima


def _max_pool(n: int) -> Tuple[Any, Any]:
    """max_pool{n}d and its form that always gives indices."""
    plain, indexed = getattr(_ops, f"max_pool{n}d"), getattr(_ops, f"max_pool{n}d_with_indices")

    def pool(
        input: Tensor, kernel_size: _Ints, stride: Optional[_Ints] = None, padding: _Ints = 0, dilation: _Ints = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ) -> Any:
        op = indexed if return_indices else plain
        return op(input, kernel_size, stride, padding, dilation, ceil_mode)

    def with_indices(
        input: Tensor, kernel_size: _Ints, stride: Optional[_Ints] = None, padding: _Ints = 0, dilation: _Ints = 1,
        ceil_mode: bool = False, return_indices: bool = True,
    ) -> Tuple[Tensor, Tensor]:
        return indexed(input, kernel_size, stride, padding, dilation, ceil_mode)

    what = ("a signal (B, C, T)", "an image (B, C, H, W)", "a volume (B, C, D, H, W)")[n - 1]
    pool.__doc__ = f"The largest element of each window of {what}; with ``return_indices`` also where it was."
    with_indices.__doc__ = f"The largest element of each window of {what}, and where in its channel it was."
    return _named(pool, f"max_pool{n}d", "2", n), _named(with_indices, f"max_pool{n}d_with_indices", "2", n, "[0]")


def _named(function: Any, name: str, arguments: str, n: int, taken: str = "") -> Any:
    """The function with its name, and an example of it in its docstring: of four elements in each dimension two are left."""
    function.__name__ = function.__qualname__ = name
    size = "1, 1" + ", 4" * n
    call = f">>> F.{name}(rustorch.zeros({size}), {arguments}){taken}.shape"
    function.__doc__ += f"\n\n{call}\nrustorch.Size([1, 1{', 2' * n}])\n"
    return function


max_pool1d, max_pool1d_with_indices = _max_pool(1)
max_pool2d, max_pool2d_with_indices = _max_pool(2)
max_pool3d, max_pool3d_with_indices = _max_pool(3)


def _unpool_size(
    input: Tensor, kernel_size: _Ints, stride: Optional[_Ints], padding: _Ints, output_size: Any, n: int
) -> List[int]:
    kernel = _each(kernel_size, n)
    steps = kernel if stride is None else _each(stride, n)
    sides = _each(padding, n)
    plain = [(input.shape[i - n] - 1) * steps[i] - 2 * sides[i] + kernel[i] for i in range(n)]
    if output_size is None:
        return plain
    sizes = list(output_size)[-n:] if len(output_size) == n + 2 else list(output_size)
    if len(sizes) != n:
        raise ArgumentValueError(
            f"output_size should be a sequence containing {n} or {n + 2} elements, but it has a length of '{len(sizes)}'"
        )
    for i in range(n):
        if not plain[i] - steps[i] < sizes[i] < plain[i] + steps[i]:
            raise ArgumentValueError(
                f'invalid output_size "{sizes}" (dim {i} must be between {plain[i] - steps[i]} and {plain[i] + steps[i]})'
            )
    return sizes


def _max_unpool(n: int) -> Any:
    def unpool(
        input: Tensor, indices: Tensor, kernel_size: _Ints, stride: Optional[_Ints] = None, padding: _Ints = 0,
        output_size: Any = None,
    ) -> Tensor:
        if input.dim() not in (n + 1, n + 2) or input.shape != indices.shape:
            raise rustorch.ShapeError(
                f"max_unpool{n}d: input {tuple(input.shape)} and indices {tuple(indices.shape)} must have one shape of "
                f"{n + 1} or {n + 2} dimensions"
            )
        size = _unpool_size(input, kernel_size, stride, padding, output_size, n)
        lead = list(input.shape[:-n])
        area = 1
        for length in size:
            area *= length
        flat = rustorch.zeros(*lead, area, dtype=input.dtype)
        flat = flat.scatter(-1, indices.reshape(*lead, -1), input.reshape(*lead, -1))
        return flat.reshape(*lead, *size)

    unpool.__doc__ = (
        f"The inverse of :func:`max_pool{n}d`: each element at the place that ``indices`` names, zeros elsewhere.\n\n"
        "``output_size`` settles the size where several would give the same pooled one."
    )
    unpool.__name__ = unpool.__qualname__ = f"max_unpool{n}d"
    unpool.__doc__ += (
        f"\n\n>>> pooled, where = F.max_pool{n}d(rustorch.rand(1, 1{', 4' * n}), 2, return_indices=True)\n"
        f">>> F.max_unpool{n}d(pooled, where, 2).shape\nrustorch.Size([1, 1{', 4' * n}])\n"
    )
    return unpool


max_unpool1d = _max_unpool(1)
max_unpool2d = _max_unpool(2)
max_unpool3d = _max_unpool(3)


# ---------------------------------------------------------------------------------------------- adaptive


def _full_size(output_size: Any, input: Tensor, n: int) -> List[int]:
    """None in an output size keeps the input's."""
    sizes = [output_size] * n if output_size is None or isinstance(output_size, int) else list(output_size)
    return [input.shape[i - n] if size is None else size for i, size in enumerate(sizes)]


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Means over windows chosen so that the result has the given height and width (None keeps the input's).

    >>> F.adaptive_avg_pool2d(rustorch.zeros(1, 1, 5, 7), (2, 3)).shape
    rustorch.Size([1, 1, 2, 3])
    """
    return _ops.adaptive_avg_pool2d(input, _full_size(output_size, input, 2))


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """Means over windows chosen so that the result has the given depth, height and width (None keeps the input's).

    >>> F.adaptive_avg_pool3d(rustorch.zeros(1, 1, 5, 5, 5), 2).shape
    rustorch.Size([1, 1, 2, 2, 2])
    """
    return _ops.adaptive_avg_pool3d(input, _full_size(output_size, input, 3))


def _adaptive_max_pool(n: int) -> Tuple[Any, Any]:
    plain, indexed = getattr(_ops, f"adaptive_max_pool{n}d"), getattr(_ops, f"adaptive_max_pool{n}d_with_indices")

    def pool(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
        return (indexed if return_indices else plain)(input, _full_size(output_size, input, n))

    def with_indices(input: Tensor, output_size: Any, return_indices: bool = True) -> Tuple[Tensor, Tensor]:
        return indexed(input, _full_size(output_size, input, n))

    pool.__doc__ = (
        "Largest elements of windows chosen so that the result has the given size (None keeps the input's); with "
        "``return_indices`` also where they were."
    )
    with_indices.__doc__ = f":func:`adaptive_max_pool{n}d` with indices."
    return _named(pool, f"adaptive_max_pool{n}d", "2", n), _named(with_indices, f"adaptive_max_pool{n}d_with_indices", "2", n, "[0]")


adaptive_max_pool1d, adaptive_max_pool1d_with_indices = _adaptive_max_pool(1)
adaptive_max_pool2d, adaptive_max_pool2d_with_indices = _adaptive_max_pool(2)
adaptive_max_pool3d, adaptive_max_pool3d_with_indices = _adaptive_max_pool(3)


# ---------------------------------------------------------------------------------------------- p-norms


def _lp_pool(n: int) -> Any:
    average = getattr(_ops, f"avg_pool{n}d")

    def pool(
        input: Tensor, norm_type: float, kernel_size: _Ints, stride: Optional[_Ints] = None, ceil_mode: bool = False
    ) -> Tensor:
        count = 1
        for k in _each(kernel_size, n):
            count *= k
        mean = average(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
        return (mean.sign() * mean.abs().relu() * count).pow(1.0 / norm_type)

    pool.__doc__ = "(Σ x^p)^(1/p) over each window, p = ``norm_type``. The gradient is not defined where the sum is 0."
    return _named(pool, f"lp_pool{n}d", "2, 2", n)


lp_pool1d = _lp_pool(1)
lp_pool2d = _lp_pool(2)
lp_pool3d = _lp_pool(3)


# ---------------------------------------------------------------------------------------------- fractional


def _intervals(samples: Tensor, size: int, kernel: int, out: int) -> Tensor:
    """Where the windows of a dimension begin: (…, out) for samples (…) in [0, 1)."""
    at = rustorch.arange(out, dtype=samples.dtype)
    step = (size - kernel) / (out - 1) if out > 1 else 0.0
    shift = samples.unsqueeze(-1)
    begin = ((at + shift) * step).floor() - (shift * step).floor()
    return rustorch.where(at == out - 1, rustorch.full_like(begin, size - kernel), begin).to(rustorch.int64)


def _fractional_max_pool(n: int) -> Tuple[Any, Any]:
    def with_indices(
        input: Tensor, kernel_size: _Ints, output_size: Any = None, output_ratio: Any = None, return_indices: bool = True,
        _random_samples: Optional[Tensor] = None,
    ) -> Tuple[Tensor, Tensor]:
        name = f"fractional_max_pool{n}d"
        if output_size is None and output_ratio is None:
            raise ArgumentValueError(f"{name} requires specifying either an output_size or an output_ratio")
        if input.dim() not in (n + 1, n + 2):
            raise rustorch.ShapeError(f"{name}: input {tuple(input.shape)} must have {n + 1} or {n + 2} dimensions")
        spatial, kernel = list(input.shape[-n:]), _each(kernel_size, n)
        if output_size is None:
            ratios = [output_ratio] * n if isinstance(output_ratio, float) else list(output_ratio)
            if any(not 0 < ratio < 1 for ratio in ratios):
                raise ArgumentValueError(f"{name}: output_ratio must be between 0 and 1, got {output_ratio}")
            output_size = [int(size * ratio) for size, ratio in zip(spatial, ratios)]
        out = _each(output_size, n)
        for i in range(n):
            if out[i] < 1 or out[i] + kernel[i] - 1 > spatial[i]:
                raise rustorch.ShapeError(
                    f"{name}: {out[i]} windows of {kernel[i]} do not fit dimension {i} of size {spatial[i]}"
                )
        x = input if input.dim() == n + 2 else input.unsqueeze(0)
        B, C = x.shape[:2]
        samples = rustorch.rand(B, C, n, dtype=input.dtype) if _random_samples is None else _random_samples
        if tuple(samples.shape) != (B, C, n) or samples.dtype != input.dtype:
            raise rustorch.ShapeError(
                f"{name}: _random_samples must be {input.dtype} of shape {(B, C, n)}, not {samples.dtype} of "
                f"{tuple(samples.shape)}"
            )
        # position = Σ (begin of the window + place in it) · stride, over (B, C, out…, kernel…)
        position, stride = rustorch.zeros(1, dtype=rustorch.int64), 1
        for i in reversed(range(n)):
            sample = samples[..., 1 - i if n == 2 else i]  # PyTorch's order: (x, y) of images, (z, y, x) of volumes
            begin = _intervals(sample, spatial[i], kernel[i], out[i])
            shape = [B, C] + [out[i] if j == i else 1 for j in range(n)] + [1] * n
            place = [1, 1] + [1] * n + [kernel[i] if j == i else 1 for j in range(n)]
            position = position + (begin.reshape(shape) + rustorch.arange(kernel[i]).reshape(place)) * stride
            stride *= spatial[i]
        results = 1
        for length in out:
            results *= length
        position = position.reshape(B, C, results, -1)
        windows = x.reshape(B, C, -1).gather(2, position.reshape(B, C, -1)).reshape(position.shape)
        values, at = windows.max(-1)
        indices = position.gather(3, at.unsqueeze(-1)).squeeze(-1)
        shape = [B, C] + out if input.dim() == n + 2 else [C] + out
        return values.reshape(shape), indices.reshape(shape)

    def pool(
        input: Tensor, kernel_size: _Ints, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
        _random_samples: Optional[Tensor] = None,
    ) -> Any:
        values, indices = with_indices(input, kernel_size, output_size, output_ratio, True, _random_samples)
        return (values, indices) if return_indices else values

    pool.__doc__ = (
        "Largest elements of windows that overlap at random, so that the result has ``output_size``, or ``output_ratio`` "
        "times the input's.\n\nSource: Graham, arXiv 1412.6071."
    )
    with_indices.__doc__ = f":func:`fractional_max_pool{n}d` with indices."
    name = f"fractional_max_pool{n}d"
    return _named(pool, name, "2, 2", n), _named(with_indices, name + "_with_indices", "2, 2", n, "[0]")


fractional_max_pool2d, fractional_max_pool2d_with_indices = _fractional_max_pool(2)
fractional_max_pool3d, fractional_max_pool3d_with_indices = _fractional_max_pool(3)
