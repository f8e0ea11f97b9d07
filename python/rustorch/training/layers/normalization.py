"""Normalisation by Keras's rules."""

from __future__ import annotations

import math
from typing import Any, List, Optional, Sequence, Tuple

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentValueError, ShapeError
from rustorch.nn import functional as F
from rustorch.nn.parameter import UninitializedBuffer
from rustorch.training import _ranks, initializers
from rustorch.training.layers._base import Layer, wrong
from rustorch.training.layers._format import image_data_format

__all__ = ["BatchNormalization", "LayerNormalization"]


class BatchNormalization(Layer):
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
    those of the whole batch. With ``trainable`` False the running statistics are used in training too.

    Source: Ioffe and Szegedy, ICML 2015.
    """

    _min_ndim = 2
    _also = {"eps": "epsilon"}

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
        self.epsilon = self._number("epsilon", epsilon, 0)
        self.center, self.scale = self._flag("center", center), self._flag("scale", scale)
        if scale:
            self._weight("weight", "gamma_initializer", gamma_initializer, ("gamma_regularizer", gamma_regularizer))
        else:
            self.register_parameter("weight", None)
        if center:
            self._weight("bias", "beta_initializer", beta_initializer, ("beta_regularizer", beta_regularizer))
        else:
            self.register_parameter("bias", None)
        self.moving_mean_initializer = self._made("moving_mean_initializer", initializers.get, moving_mean_initializer)
        self.moving_variance_initializer = self._made("moving_variance_initializer", initializers.get, moving_variance_initializer)
        self.register_buffer("running_mean", UninitializedBuffer())
        self.register_buffer("running_var", UninitializedBuffer())

    def _axis(self, ndim: int) -> int:
        axis = self.axis
        if axis is None:
            axis = 1 if ndim > 3 and image_data_format() == "channels_first" else ndim - 1
        if not -ndim < axis < ndim:
            raise ShapeError(f"{self._words()}: axis {self.axis} is not there in an input of {ndim} dimensions")
        return axis % ndim

    def build(self, shape: Sequence[Any]) -> None:
        n = shape[self._axis(len(shape))]
        if self.weight is not None:
            self._materialize("weight", (n,), self.gamma_initializer, (n, n))
        if self.bias is not None:
            self._materialize("bias", (n,), self.beta_initializer, (n, n))
        self._materialize("running_mean", (n,), self.moving_mean_initializer, (n, n))
        self._materialize("running_var", (n,), self.moving_variance_initializer, (n, n))

    def compute(self, x: Tensor) -> Tensor:
        axis = self._axis(x.dim())
        turned = x if axis == 1 else x.movedim(axis, 1)
        if turned.shape[1] != self.running_mean.numel():
            raise ShapeError(
                f"{self._words()} normalises {self.running_mean.numel()} channels, as its first batch had, but axis {axis} of the "
                f"input of shape {tuple(x.shape)} has {turned.shape[1]}"
            )
        if not self.training or self._frozen:
            y = F.batch_norm(turned, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.epsilon)
        else:
            y, mean, var = self._by_batch(turned)
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

    def _of_one(self, x: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        """One value a channel, on one of the ranks."""
        mean = _ranks.sums(x.detach().reshape(-1, x.shape[1]).sum(0))
        y = x - x  # the value less its mean
        shape = [1, -1] + [1] * (x.dim() - 2)
        if self.weight is not None:
            y = y * self.weight.reshape(shape)
        if self.bias is not None:
            y = y + self.bias.reshape(shape)
        return y, mean, rustorch.zeros_like(mean)


class LayerNormalization(Layer):
    """Each sample to mean 0 and variance 1 over its last axis (or axes), then scale and offset.

    Parameters
    ----------
    axis : int or list of int, default −1
        The last axis, or the last few: ``[-2, -1]``.
    epsilon : float, default 1e-3
    center, scale : bool, default True
    beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer : as in :class:`BatchNormalization`

    Source: Ba, Kiros and Hinton, arXiv 1607.06450.
    """

    _min_ndim = 2
    _also = {"eps": "epsilon"}

    def __init__(
        self, axis: Any = -1, epsilon: float = 1e-3, center: bool = True, scale: bool = True, beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones", beta_regularizer: Any = None, gamma_regularizer: Any = None, **common: Any,
    ) -> None:
        super().__init__(**common)
        values = list(axis) if isinstance(axis, (list, tuple)) else [axis]
        self.axis: List[int] = [self._count("axis", each, -99) for each in values]
        self.epsilon = self._number("epsilon", epsilon, 0)
        self.center, self.scale = self._flag("center", center), self._flag("scale", scale)
        if scale:
            self._weight("weight", "gamma_initializer", gamma_initializer, ("gamma_regularizer", gamma_regularizer))
        else:
            self.register_parameter("weight", None)
        if center:
            self._weight("bias", "beta_initializer", beta_initializer, ("beta_regularizer", beta_regularizer))
        else:
            self.register_parameter("bias", None)

    def _normalized(self, shape: Sequence[Any]) -> Tuple[int, ...]:
        ndim = len(shape)
        axes = sorted({axis % ndim for axis in self.axis if -ndim < axis < ndim})
        if len(axes) != len(self.axis) or axes != list(range(ndim - len(axes), ndim)) or 0 in axes:
            raise ShapeError(f"{self._words()}: axis must name the last dimensions of the input {tuple(shape)}, not {self.axis}")
        return tuple(shape[axes[0] :])

    def build(self, shape: Sequence[Any]) -> None:
        over = self._normalized(shape)
        if self.weight is not None:
            self._materialize("weight", over, self.gamma_initializer, (1, 1))
        if self.bias is not None:
            self._materialize("bias", over, self.beta_initializer, (1, 1))

    def compute(self, x: Tensor) -> Tensor:
        over = self._normalized(x.shape)
        for own in (self.weight, self.bias):
            if own is not None and tuple(own.shape) != over:
                raise ShapeError(
                    f"{self._words()} normalises over {tuple(own.shape)}, as its first batch had, but the input's last dimensions are "
                    f"{over}"
                )
        return F.layer_norm(x, over, self.weight, self.bias, self.epsilon)
