"""Normalisation by Keras's rules."""

from __future__ import annotations

import math
from typing import Any, List, Optional, Sequence, Tuple

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentValueError, ShapeError, UnsupportedError
from rustorch.nn import functional as F
from rustorch.nn.parameter import UninitializedBuffer
from rustorch.training import _ranks, initializers
from rustorch.training.layers._base import Layer, wrong
from rustorch.training.layers._format import image_data_format

__all__ = ["BatchNormalization", "GroupNormalization", "LayerNormalization", "UnitNormalization"]


def channel_axis(layer: Any, ndim: int) -> int:
    """Where the channels of an input stand: at ``axis``; without one behind the batch in images and volumes, last elsewhere."""
    axis = layer.axis
    if axis is None:
        axis = 1 if ndim > 3 and image_data_format() == "channels_first" else ndim - 1
    if not -ndim < axis < ndim:
        raise ShapeError(f"{layer._words()}: axis {layer.axis} is not there in an input of {ndim} dimensions")
    return axis % ndim


class _Scaled(Layer):
    """A normalisation followed by a scale ``weight`` (gamma) and an offset ``bias`` (beta), where they are wanted."""

    _min_ndim = 2
    _also = {"eps": "epsilon"}
    supports_masking = True

    def _use_scale(
        self, epsilon: Any, center: Any, scale: Any, beta_initializer: Any, gamma_initializer: Any, beta_regularizer: Any,
        gamma_regularizer: Any,
    ) -> None:  # fmt: skip
        self.epsilon = self._number("epsilon", epsilon, 0)
        self._weight_if("scale", scale, "weight", "gamma_initializer", gamma_initializer, ("gamma_regularizer", gamma_regularizer))
        self._weight_if("center", center, "bias", "beta_initializer", beta_initializer, ("beta_regularizer", beta_regularizer))

    def _build_scale(self, shape: Sequence[Any]) -> None:
        self._materialize("weight", shape, self.gamma_initializer, (1, 1))
        self._materialize("bias", shape, self.beta_initializer, (1, 1))


class BatchNormalization(_Scaled):
    """Each channel to mean 0 and variance 1 over the batch, then scale and offset.

    Parameters
    ----------
    axis : int, optional
        Where the channels are. By default where they stand everywhere else here: behind the batch in images and volumes
        (last after ``set_image_data_format("channels_last")``), last in everything else.
    momentum : float, default 0.99
        How much of the running statistics is kept at a step (PyTorch's momentum is 1 minus this).
    epsilon : float, default 1e-3
    center, scale : bool, default True
        With an offset ``bias`` (beta) and a scale ``weight`` (gamma).
    beta_initializer, gamma_initializer : name or callable
    beta_regularizer, gamma_regularizer : name or callable, optional

    The running variance is that of the batch, not the unbiased estimate, as in Keras. On several ranks the statistics are
    those of the whole batch. With ``trainable`` False the running statistics are used in training too. Steps that a mask
    hides do not count (in one process: over several ranks this is an UnsupportedError).

    Source: Ioffe and Szegedy, ICML 2015.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layer = layers.BatchNormalization(momentum=0.9, epsilon=1e-6).train()
    >>> layer(rustorch.tensor([[1.0], [3.0]])).round().tolist()
    [[-1.0], [1.0]]
    >>> layer.running_mean, layer.running_var
    (tensor([0.2000]), tensor([1.]))
    """

    _uses_mask = True

    def __init__(
        self, axis: Optional[int] = None, momentum: float = 0.99, epsilon: float = 1e-3, center: bool = True, scale: bool = True,
        beta_initializer: Any = "zeros", gamma_initializer: Any = "ones", moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones", beta_regularizer: Any = None, gamma_regularizer: Any = None, **common: Any,
    ) -> None:
        super().__init__(**common)
        if isinstance(axis, (list, tuple)) and len(axis) == 1:
            axis = axis[0]
        self.axis = None if axis is None else self._count("axis", axis, -99)
        if self.axis == 0:
            wrong(self, "axis", "axis 0 is the batch; the channels' axis is needed, such as 1 or -1")
        self.momentum = self._number("momentum", momentum, 0, 1)
        self._use_scale(epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer)
        self.moving_mean_initializer = self._made("moving_mean_initializer", initializers.get, moving_mean_initializer)
        self.moving_variance_initializer = self._made("moving_variance_initializer", initializers.get, moving_variance_initializer)
        self.register_buffer("running_mean", UninitializedBuffer())
        self.register_buffer("running_var", UninitializedBuffer())

    def build(self, shape: Sequence[Any]) -> None:
        n = shape[channel_axis(self, len(shape))]
        self._build_scale((n,))
        self._materialize("running_mean", (n,), self.moving_mean_initializer, (n, n))
        self._materialize("running_var", (n,), self.moving_variance_initializer, (n, n))

    def compute(self, x: Tensor, mask: Optional[Tensor] = None) -> Tensor:  # type: ignore[override]
        axis = channel_axis(self, x.dim())
        turned = x if axis == 1 else x.movedim(axis, 1)
        if turned.shape[1] != self.running_mean.numel():
            raise ShapeError(
                f"{self._words()} normalises {self.running_mean.numel()} channels, as its first batch had, but axis {axis} of the "
                f"input of shape {tuple(x.shape)} has {turned.shape[1]}"
            )
        if not self.training or self._frozen:
            y = F.batch_norm(turned, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.epsilon)
        else:
            y, mean, var = self._by_batch(turned) if mask is None else self._by_steps(turned, mask)
            with rustorch.no_grad():
                for running, value in ((self.running_mean, mean), (self.running_var, var)):
                    running.mul_(self.momentum).add_(value.to(running.dtype), alpha=1 - self.momentum)
        return y if axis == 1 else y.movedim(1, axis)

    def _by_batch(self, x: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        """The normalised input, the mean and the (biased) variance."""
        part = _ranks.part()
        rows = x.shape[0] if part is None else part[0]
        n = rows * math.prod(x.shape[2:])
        if n == 0:
            raise ArgumentValueError(f"{self._words()}: a batch without samples cannot be normalised")
        if n == 1:  # its variance is 0, which the engine refuses to divide by
            return self._of_one(x)
        if part is not None:
            from rustorch.nn.modules.sync_norm import _SyncNormalize

            y, mean, var, _ = _SyncNormalize.apply(x, self.weight, self.bias, self.epsilon, None)
            return y, mean, var
        wide = rustorch.float64 if x.dtype == rustorch.float64 else rustorch.float32
        statistics = [rustorch.zeros(x.shape[1], dtype=wide) for _ in range(2)]
        y = F.batch_norm(x, *statistics, self.weight, self.bias, True, 1.0, self.epsilon)
        return y, statistics[0], statistics[1] * ((n - 1) / n)

    def _by_steps(self, x: Tensor, mask: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        """As :meth:`_by_batch`, with the statistics of the steps that the mask shows."""
        if _ranks.part() is not None:
            raise UnsupportedError(f"{self._words()}: the statistics of masked steps are not taken over several ranks: leave the layer out")
        if mask.dim() != x.dim() - 1:
            raise ShapeError(f"{self._words()}: a mask of shape {tuple(mask.shape)} does not fit an input with the channels in axis 1")
        counts = mask.to(x.dtype).unsqueeze(1)
        over = [0, *range(2, x.dim())]
        n = counts.sum() + 1e-7
        mean = (x * counts).sum(over) / n
        shape = [1, -1] + [1] * (x.dim() - 2)
        centered = x - mean.reshape(shape)
        var = (centered.square() * counts).sum(over) / n
        y = centered * (var + self.epsilon).rsqrt().reshape(shape)
        return self._with_scale(y), mean.detach(), var.detach()

    def _with_scale(self, y: Tensor) -> Tensor:
        shape = [1, -1] + [1] * (y.dim() - 2)
        if self.weight is not None:
            y = y * self.weight.reshape(shape)
        return y if self.bias is None else y + self.bias.reshape(shape)

    def _of_one(self, x: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        """One value a channel, on one of the ranks."""
        mean = _ranks.sums(x.detach().reshape(-1, x.shape[1]).sum(0))
        return self._with_scale(x - x), mean, rustorch.zeros_like(mean)  # the value less its mean


class LayerNormalization(_Scaled):
    """Each sample to mean 0 and variance 1 over its last axis (or axes), then scale and offset.

    Parameters
    ----------
    axis : int or list of int, default −1
        The last axis, or the last few: ``[-2, -1]``.
    epsilon : float, default 1e-3
    center, scale : bool, default True
    beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer : as in :class:`BatchNormalization`

    Source: Ba, Kiros and Hinton, arXiv 1607.06450.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.LayerNormalization(epsilon=1e-6)(rustorch.tensor([[1.0, 3.0], [10.0, 30.0]])).round().tolist()
    [[-1.0, 1.0], [-1.0, 1.0]]
    """

    def __init__(
        self, axis: Any = -1, epsilon: float = 1e-3, center: bool = True, scale: bool = True, beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones", beta_regularizer: Any = None, gamma_regularizer: Any = None, **common: Any,
    ) -> None:
        super().__init__(**common)
        values = list(axis) if isinstance(axis, (list, tuple)) else [axis]
        self.axis: List[int] = [self._count("axis", each, -99) for each in values]
        self._use_scale(epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer)

    def _normalized(self, shape: Sequence[Any]) -> Tuple[int, ...]:
        ndim = len(shape)
        axes = sorted({axis % ndim for axis in self.axis if -ndim < axis < ndim})
        if len(axes) != len(self.axis) or axes != list(range(ndim - len(axes), ndim)) or 0 in axes:
            raise ShapeError(f"{self._words()}: axis must name the last dimensions of the input {tuple(shape)}, not {self.axis}")
        return tuple(shape[axes[0] :])

    def build(self, shape: Sequence[Any]) -> None:
        self._build_scale(self._normalized(shape))

    def compute(self, x: Tensor) -> Tensor:
        over = self._normalized(x.shape)
        for own in (self.weight, self.bias):
            if own is not None and tuple(own.shape) != over:
                raise ShapeError(
                    f"{self._words()} normalises over {tuple(own.shape)}, as its first batch had, but the input's last dimensions are "
                    f"{over}"
                )
        return F.layer_norm(x, over, self.weight, self.bias, self.epsilon)


class GroupNormalization(_Scaled):
    """Each sample's channels, in groups, to mean 0 and variance 1, then scale and offset a channel.

    Parameters
    ----------
    groups : int, default 32
        −1: one channel a group.
    axis : int, optional
        Where the channels are: behind the batch in images (last after ``set_image_data_format("channels_last")``), else last.
    epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer : as in BatchNormalization

    Source: Wu and He, ECCV 2018.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.GroupNormalization(2, epsilon=1e-6)(rustorch.tensor([[1.0, 3.0, 10.0, 30.0]])).round().tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """

    def __init__(
        self, groups: int = 32, axis: Optional[int] = None, epsilon: float = 1e-3, center: bool = True, scale: bool = True,
        beta_initializer: Any = "zeros", gamma_initializer: Any = "ones", beta_regularizer: Any = None, gamma_regularizer: Any = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.groups = self._count("groups", groups, -1)
        self.axis = None if axis is None else self._count("axis", axis, -99)
        self._use_scale(epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer)

    def _groups(self, channels: int) -> int:
        groups = channels if self.groups == -1 else self.groups
        if groups == 0 or channels % groups:
            raise ShapeError(f"{self._words()}: {channels} channels of the input cannot be divided among {self.groups} groups")
        return groups

    def build(self, shape: Sequence[Any]) -> None:
        channels = shape[channel_axis(self, len(shape))]
        self._groups(channels)
        self._build_scale((channels,))

    def compute(self, x: Tensor) -> Tensor:
        axis = channel_axis(self, x.dim())
        turned = x if axis == 1 else x.movedim(axis, 1)
        y = F.group_norm(turned, self._groups(turned.shape[1]), self.weight, self.bias, self.epsilon)
        return y if axis == 1 else y.movedim(1, axis)

    def _positional(self, argument: str) -> bool:
        return argument == "groups"


class UnitNormalization(Layer):
    """Each vector along an axis divided by its length.

    Parameters
    ----------
    axis : int or list of int, default −1

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.UnitNormalization()(rustorch.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """

    supports_masking = True

    def __init__(self, axis: Any = -1, **common: Any) -> None:
        super().__init__(**common)
        values = list(axis) if isinstance(axis, (list, tuple)) else [axis]
        self.axis = [self._count("axis", each, -99) for each in values]

    def compute(self, x: Tensor) -> Tensor:
        return x * x.square().sum(self.axis, keepdim=True).clamp(min=1e-12).rsqrt()
