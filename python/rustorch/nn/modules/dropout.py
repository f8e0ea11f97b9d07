"""Dropout."""

from __future__ import annotations

from rustorch import Tensor
from rustorch._C import ArgumentValueError
from rustorch.nn import functional as F
from rustorch.nn.modules.module import Module

__all__ = ["Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"]


class _Dropout(Module):
    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ArgumentValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """In training, each element is zero with probability ``p`` (0.5), the others are scaled by 1 / (1 − p).

    Source: Hinton et al., arXiv 1207.0580.

    >>> nn.Dropout(0.5).eval()(rustorch.ones(3))
    tensor([1., 1., 1.])
    >>> kept = nn.Dropout(0.5)(rustorch.ones(1000))
    >>> sorted(set(kept.tolist()))
    [0.0, 2.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_Dropout):
    """Dropout of whole channels of (B, C, T).

    >>> nn.Dropout1d(0.5)(rustorch.ones(1, 4, 3)).shape
    rustorch.Size([1, 4, 3])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    """Dropout of whole channels of (B, C, H, W).

    >>> nn.Dropout2d(0.5)(rustorch.ones(1, 4, 3, 3)).shape
    rustorch.Size([1, 4, 3, 3])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_Dropout):
    """Dropout of whole channels of (B, C, D, H, W).

    >>> nn.Dropout3d(0.5)(rustorch.ones(1, 4, 3, 3, 3)).shape
    rustorch.Size([1, 4, 3, 3, 3])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_Dropout):
    """Dropout that keeps mean and variance, for SELU networks. Source: Klambauer et al., NeurIPS 2017.

    >>> nn.AlphaDropout(0.5)(rustorch.ones(4)).shape
    rustorch.Size([4])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.alpha_dropout(input, self.p, self.training, self.inplace)


class FeatureAlphaDropout(_Dropout):
    """:class:`AlphaDropout` of whole channels of (B, C, …).

    >>> nn.FeatureAlphaDropout(0.5)(rustorch.ones(1, 4, 3)).shape
    rustorch.Size([1, 4, 3])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.feature_alpha_dropout(input, self.p, self.training, self.inplace)
