"""Noise in training: dropout and its relatives.

On several ranks the noise is drawn for the whole batch and each rank uses its rows of it, so that a run on two ranks is the
run on one.
"""

from __future__ import annotations

import math
from typing import Any, Callable, Dict, Optional, Sequence, Tuple

import rustorch
from rustorch import Tensor
from rustorch.nn import functional as F
from rustorch.training import _ranks, regularizers
from rustorch.training.layers._base import Layer, wrong
from rustorch.training.layers._format import Formatted

__all__ = [
    "ActivityRegularization", "AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D", "SpatialDropout2D",
    "SpatialDropout3D",
]  # fmt: skip


def noise(like: Tensor, shape: Tuple[int, ...], draw: Callable[[Tensor], Tensor]) -> Tensor:
    """``draw(ones)`` for a noise of ``shape``, whose first dimension counts this rank's samples."""
    part = _ranks.part()
    if part is None:
        return draw(rustorch.ones(shape, dtype=like.dtype))
    whole, offset = part
    return draw(rustorch.ones((whole, *shape[1:]), dtype=like.dtype))[offset : offset + shape[0]]


class _Noise(Layer):
    """A layer that changes its input in training only, by as much as its one number says; 0 changes nothing."""

    _also = {"p": "rate"}
    _amount = "rate"
    _most = 1.0
    supports_masking = True

    def __init__(self, rate: float, **common: Any) -> None:
        super().__init__(**common)
        setattr(self, self._amount, self._number(self._amount, rate, 0, self._most))

    def compute(self, x: Tensor) -> Tensor:
        return self._noisy(x) if self.training and getattr(self, self._amount) else x

    def _noisy(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def _positional(self, argument: str) -> bool:
        return argument == self._amount


class Dropout(_Noise):
    """In training each value is zero with probability ``rate``, and the others are scaled by 1 / (1 − rate).

    Parameters
    ----------
    rate : float in [0, 1]
    noise_shape : tuple of int or None, optional
        With the batch; where it is 1, all values along that dimension share their fate. None stands for the input's size.

    Source: Srivastava et al., JMLR 15, 2014.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layer = layers.Dropout(0.5).train()
    >>> layer(rustorch.ones(100)).unique(), layer.eval()(rustorch.ones(3))
    (tensor([0., 2.]), tensor([1., 1., 1.]))
    """

    def __init__(self, rate: float, noise_shape: Optional[Sequence[Any]] = None, **common: Any) -> None:
        super().__init__(rate, **common)
        self.noise_shape = None if noise_shape is None else self._as_shape("noise_shape", noise_shape)

    def _noisy(self, x: Tensor) -> Tensor:
        shape = self._noise_shape(x)
        if shape == x.shape and _ranks.part() is None:
            return F.dropout(x, self.rate, True)
        return x * noise(x, shape, lambda ones: F.dropout(ones, self.rate, True))

    def _noise_shape(self, x: Tensor) -> Tuple[int, ...]:
        given = self.noise_shape or x.shape
        if len(given) != x.dim():
            wrong(self, "noise_shape", f"noise_shape {given} has {len(given)} dimensions, the input of shape {tuple(x.shape)} {x.dim()}")
        return (x.shape[0], *(n if wanted is None else wanted for wanted, n in zip(given[1:], x.shape[1:])))


class _SpatialDropout(Dropout, Formatted):
    def __init__(self, rate: float, data_format: Optional[str] = None, **common: Any) -> None:
        super().__init__(rate, **common)
        self._set_format(data_format)

    def _noise_shape(self, x: Tensor) -> Tuple[int, ...]:
        places = (1,) * self._n
        return (*x.shape[:2], *places) if self.data_format == "channels_first" else (x.shape[0], *places, x.shape[-1])


class SpatialDropout1D(_SpatialDropout):
    """:class:`Dropout` of whole channels of sequences (batch, steps, channels).

    Example
    -------
    >>> from rustorch.training import layers
    >>> y = layers.SpatialDropout1D(0.5).train()(rustorch.ones(1, 10, 4))
    >>> bool((y == y[:, :1]).all())  # all steps alike
    True
    """

    _n = 1


class SpatialDropout2D(_SpatialDropout):
    """:class:`Dropout` of whole channels of images. Source: Tompson et al., CVPR 2015.

    Example
    -------
    >>> from rustorch.training import layers
    >>> y = layers.SpatialDropout2D(0.5).train()(rustorch.ones(1, 4, 5, 5))
    >>> bool((y == y[:, :, :1, :1]).all())  # all places alike
    True
    """

    _n = 2


class SpatialDropout3D(_SpatialDropout):
    """:class:`Dropout` of whole channels of volumes.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layers.SpatialDropout3D(1.0).train()(rustorch.ones(1, 2, 3, 3, 3)).abs().sum()
    tensor(0.)
    """

    _n = 3


class GaussianNoise(_Noise):
    """In training normal noise of deviation ``stddev`` is added.

    Example
    -------
    >>> from rustorch.training import layers
    >>> y = layers.GaussianNoise(0.1).train()(rustorch.zeros(10000))
    >>> abs(float(y.std()) - 0.1) < 0.005
    True
    """

    _also: Dict[str, str] = {}
    _amount = "stddev"
    _most = float("inf")

    def __init__(self, stddev: float, **common: Any) -> None:
        super().__init__(stddev, **common)

    def _noisy(self, x: Tensor) -> Tensor:
        return x + self.stddev * noise(x, tuple(x.shape), lambda ones: ones.normal_())


class GaussianDropout(_Noise):
    """In training each value is multiplied by normal noise of mean 1 and deviation √(rate / (1 − rate)).

    Example
    -------
    >>> from rustorch.training import layers
    >>> y = layers.GaussianDropout(0.5).train()(rustorch.ones(10000))
    >>> abs(float(y.mean()) - 1) < 0.05, abs(float(y.std()) - 1) < 0.05
    (True, True)
    """

    _most = 0.999999

    def _noisy(self, x: Tensor) -> Tensor:
        deviation = math.sqrt(self.rate / (1 - self.rate))
        return x * noise(x, tuple(x.shape), lambda ones: ones.normal_(1.0, deviation))


class AlphaDropout(_Noise):
    """:class:`Dropout` that keeps mean and variance, for networks of SELU. Source: Klambauer et al., NeurIPS 2017.

    Example
    -------
    >>> from rustorch.training import layers
    >>> y = layers.AlphaDropout(0.3).train()(rustorch.randn(10000))
    >>> abs(float(y.mean())) < 0.05, abs(float(y.std()) - 1) < 0.05
    (True, True)
    """

    _most = 0.999999

    def _noisy(self, x: Tensor) -> Tensor:
        low = -1.7580993408473766  # −scale · alpha of SELU
        keep = 1 - self.rate
        a = (keep * (1 + self.rate * low**2)) ** -0.5
        kept = noise(x, tuple(x.shape), lambda ones: ones.bernoulli_(keep))
        return a * (x * kept + low * (1 - kept)) - a * low * self.rate


class ActivityRegularization(Layer):
    """The input as it is, whose size is added to the loss: l1 · sum of magnitudes + l2 · sum of squares, a mean over samples.

    Any layer does this to its output with ``activity_regularizer=``.

    Example
    -------
    >>> from rustorch.training import layers
    >>> layer = layers.ActivityRegularization(l1=0.5)
    >>> _ = layer(rustorch.tensor([[1.0, -2.0], [3.0, 0.0]]))
    >>> layer.losses
    [tensor(1.5000)]
    """

    supports_masking = True

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **common: Any) -> None:
        super().__init__(**common)
        self.l1, self.l2 = self._number("l1", l1, 0), self._number("l2", l2, 0)
        self.activity_regularizer = regularizers.get({"name": "L1L2", "l1": self.l1, "l2": self.l2})
