"""Keras's regularisers: penalties on weights, which are added to the loss."""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional

from rustorch import Tensor
from rustorch._C import ArgumentValueError
from rustorch.training import _custom
from rustorch.training._names import did_you_mean, listed, plain
from rustorch.training._spec import Spec

__all__ = ["get"]


def _l1(l1: float = 0.01) -> Callable[[Tensor], Tensor]:
    return lambda weight: l1 * weight.abs().sum()


def _l2(l2: float = 0.01) -> Callable[[Tensor], Tensor]:
    return lambda weight: l2 * weight.square().sum()


def _l1_l2(l1: float = 0.0, l2: float = 0.0) -> Callable[[Tensor], Tensor]:
    return lambda weight: l1 * weight.abs().sum() + l2 * weight.square().sum()


_TABLE: Dict[str, Callable] = {"L1": _l1, "L2": _l2, "L1L2": _l1_l2}
NAMES = {plain(name): name for name in _TABLE}


def get(identifier: Any) -> Optional[Any]:
    """A regulariser: ``"l1"`` (factor 0.01), ``"l2(0.001)"``, ``"l1_l2(l1=0.01, l2=0.01)"``, or a callable of the weight.

    L1 is the factor times the sum of magnitudes, L2 the factor times the sum of squares, as in Keras.

    Example
    -------
    >>> import rustorch
    >>> from rustorch.training import regularizers
    >>> round(regularizers.get("l2(0.1)")(rustorch.tensor([1.0, 2.0])).item(), 6)
    0.5
    """
    if identifier is None or (callable(identifier) and not isinstance(identifier, Spec)):
        return identifier
    own = _custom.find(identifier) if isinstance(identifier, str) else None
    if own is not None:
        return own
    spec = Spec.of("regularizer", identifier)
    name = NAMES.get(plain(spec.name))
    if name is None:
        raise ArgumentValueError(f"there is no regularizer '{spec.name}'{did_you_mean(spec.name, _TABLE)}\nRegularizers:\n{listed(_TABLE)}")
    return spec.bind(name, _TABLE[name])
