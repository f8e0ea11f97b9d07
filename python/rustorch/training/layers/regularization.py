"""Noise in training: dropout and its relatives.

On several ranks the noise is drawn for the whole batch and each rank uses its rows of it, so that a run on two ranks is the
run on one.
"""

from __future__ import annotations

import math
from typing import Any, Callable, Optional, Tuple

import rustorch
from rustorch import Tensor
from rustorch.nn import functional as F
from rustorch.training import _ranks
from rustorch.training.layers._base import Layer
from rustorch.training.layers._format import format_of, shape_words

__all__ = ["AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"]


def noise(like: Tensor, shape: Tuple[int, ...], draw: Callable[[Tensor], Tensor]) -> Tensor:
    """``draw(ones)`` for a noise of ``shape``, whose first dimension counts this rank's samples."""
    part = _ranks.part()
    if part is None:
        return draw(rustorch.ones(shape, dtype=like.dtype))
    whole, offset = part
    return draw(rustorch.ones((whole, *shape[1:]), dtype=like.dtype))[offset : offset + shape[0]]


class _Rate(Layer):
    _also = {"p": "rate"}

    def __init__(self, rate: float, **common: Any) -> None:
        super().__init__(**common)
        self.rate = self._number("rate", rate, 0, 1)


class Dropout(_Rate):
    """In training each value is zero with probability ``rate``, and the others are scaled by 1 / (1 − rate).

    Parameters
    ----------
    rate : float in [0, 1]

    Source: Srivastava et al., JMLR 15, 2014.
    """

    def compute(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        if _ranks.part() is None:
            return F.dropout(x, self.rate, True)
        return x * noise(x, tuple(x.shape), lambda ones: F.dropout(ones, self.rate, True))


class _SpatialDropout(_Rate):
    _n = 0

    def __init__(self, rate: float, data_format: Optional[str] = None, **common: Any) -> None:
        super().__init__(rate, **common)
        self.data_format = format_of(self, self._n, data_format)
        self._ndim = self._n + 2

    def _shape_words(self) -> str:
        return shape_words(self._n, self.data_format)

    def compute(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        first = self.data_format == "channels_first"
        shape = (*x.shape[:2], *(1,) * self._n) if first else (x.shape[0], *(1,) * self._n, x.shape[-1])
        return x * noise(x, shape, lambda ones: F.dropout(ones, self.rate, True))


class SpatialDropout1D(_SpatialDropout):
    """:class:`Dropout` of whole channels of sequences (batch, steps, channels)."""

    _n = 1


class SpatialDropout2D(_SpatialDropout):
    """:class:`Dropout` of whole channels of images. Source: Tompson et al., CVPR 2015."""

    _n = 2


class SpatialDropout3D(_SpatialDropout):
    """:class:`Dropout` of whole channels of volumes."""

    _n = 3


class GaussianNoise(Layer):
    """In training normal noise of deviation ``stddev`` is added."""

    def __init__(self, stddev: float, **common: Any) -> None:
        super().__init__(**common)
        self.stddev = self._number("stddev", stddev, 0)

    def compute(self, x: Tensor) -> Tensor:
        if not self.training or self.stddev == 0:
            return x
        return x + self.stddev * noise(x, tuple(x.shape), lambda ones: ones.normal_())

    def _positional(self, argument: str) -> bool:
        return argument == "stddev"


class GaussianDropout(_Rate):
    """In training each value is multiplied by normal noise of mean 1 and deviation √(rate / (1 − rate))."""

    def __init__(self, rate: float, **common: Any) -> None:
        super().__init__(rate, **common)
        self._number("rate", rate, 0, 0.999999)

    def compute(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        deviation = math.sqrt(self.rate / (1 - self.rate))
        return x * noise(x, tuple(x.shape), lambda ones: ones.normal_(1.0, deviation))


class AlphaDropout(_Rate):
    """:class:`Dropout` that keeps mean and variance, for networks of SELU. Source: Klambauer et al., NeurIPS 2017."""

    def __init__(self, rate: float, **common: Any) -> None:
        super().__init__(rate, **common)
        self._number("rate", rate, 0, 0.999999)

    def compute(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        low = -1.7580993408473766  # −scale · alpha of SELU
        keep = 1 - self.rate
        a = (keep * (1 + self.rate * low**2)) ** -0.5
        kept = noise(x, tuple(x.shape), lambda ones: ones.bernoulli_(keep))
        return a * (x * kept + low * (1 - kept)) - a * low * self.rate
