"""Keras's activations by name, and which of them a loss can take over."""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentValueError
from rustorch.nn import functional as F
from rustorch.training import _custom
from rustorch.training._names import did_you_mean, listed, plain
from rustorch.training._spec import Spec

__all__ = ["get"]

_Function = Callable[[Tensor], Tensor]


def _relu(negative_slope: float = 0.0, max_value: Optional[float] = None, threshold: float = 0.0) -> _Function:
    if negative_slope < 0 or (max_value is not None and max_value < 0) or threshold < 0:
        raise ArgumentValueError("relu: negative_slope, max_value and threshold must be 0 or more")
    if threshold == 0 and max_value is None:
        return F.relu if negative_slope == 0 else lambda x: F.leaky_relu(x, negative_slope)

    def relu(x: Tensor) -> Tensor:
        y = rustorch.where(x >= threshold, x, negative_slope * (x - threshold))
        return y if max_value is None else y.clamp(max=max_value)

    return relu


def _plain(function: _Function) -> Callable[[], _Function]:
    return lambda: function


_TABLE: Dict[str, Callable[..., _Function]] = {
    "linear": _plain(lambda x: x),
    "relu": _relu,
    "relu6": _plain(F.relu6),
    "leaky_relu": lambda negative_slope=0.2: lambda x: F.leaky_relu(x, negative_slope),
    "sigmoid": _plain(rustorch.sigmoid),
    "softmax": lambda axis=-1: lambda x: F.softmax(x, axis),
    "log_softmax": lambda axis=-1: lambda x: F.log_softmax(x, axis),
    "tanh": _plain(rustorch.tanh),
    "elu": lambda alpha=1.0: lambda x: F.elu(x, alpha),
    "selu": _plain(F.selu),
    "celu": lambda alpha=1.0: lambda x: F.celu(x, alpha),
    "gelu": lambda approximate=False: lambda x: F.gelu(x, approximate="tanh" if approximate else "none"),
    "silu": _plain(F.silu),
    "mish": _plain(F.mish),
    "glu": lambda axis=-1: lambda x: F.glu(x, axis),
    "softplus": _plain(F.softplus),
    "softsign": _plain(F.softsign),
    "exponential": _plain(rustorch.exp),
    "hard_sigmoid": _plain(F.hardsigmoid),
    "hard_silu": _plain(F.hardswish),
    "hard_tanh": _plain(F.hardtanh),
    "log_sigmoid": _plain(F.logsigmoid),
    "tanh_shrink": _plain(F.tanhshrink),
    "soft_shrink": lambda threshold=0.5: lambda x: F.softshrink(x, threshold),
    "hard_shrink": lambda threshold=0.5: lambda x: F.hardshrink(x, threshold),
}
_ALSO = {"swish": "silu", "hardswish": "hard_silu", "none": "linear", "identity": "linear", "exp": "exponential"}
NAMES = {**{plain(name): name for name in _TABLE}, **_ALSO}


def get(identifier: Any) -> Optional[Any]:
    """An activation: a name, with or without arguments, or a callable; None for none.

    Example
    -------
    >>> import rustorch
    >>> from rustorch.training import activations
    >>> activations.get("leaky_relu(0.5)")(rustorch.tensor([-1.0, 2.0]))
    tensor([-0.5000,  2.0000])
    """
    if identifier is None or (callable(identifier) and not isinstance(identifier, Spec)):
        return identifier
    own = _custom.find(identifier) if isinstance(identifier, str) else None
    if own is not None:
        return own
    spec = Spec.of("activation", identifier)
    name = NAMES.get(plain(spec.name))
    if name is None:
        raise ArgumentValueError(
            f"there is no activation '{spec.name}'{did_you_mean(spec.name, [*_TABLE, *_ALSO])}\nActivations:\n{listed(_TABLE)}"
        )
    if name == "linear":
        return None
    return spec.bind(name, _TABLE[name])


def taken_over(activation: Any) -> Optional[str]:
    """``"softmax"`` (over the last axis) or ``"sigmoid"`` where a loss may compute with what comes before it."""
    if isinstance(activation, Spec):
        name = NAMES[plain(activation.name)]
        if name == "sigmoid" or (name == "softmax" and all(axis == -1 for axis in [*activation.args, *activation.kwargs.values()])):
            return name
    return None
