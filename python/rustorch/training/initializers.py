"""Keras's initialisers: how weights are filled before training.

Each is written on a tensor whose fans (numbers of inputs and outputs of a unit) are told by the layer, so that it does not
matter in which order a layer stores its dimensions.
"""

from __future__ import annotations

import math
from typing import Any, Callable, Dict, Tuple

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentTypeError, ArgumentValueError
from rustorch.nn import init
from rustorch.training import _custom
from rustorch.training._names import did_you_mean, listed, plain
from rustorch.training._spec import Spec

__all__ = ["get", "fill"]

Fans = Tuple[float, float]


def _scaled(scale: float, mode: str, distribution: str) -> Callable:
    def fill_(tensor: Tensor, fans: Fans) -> None:
        fan = {"fan_in": fans[0], "fan_out": fans[1], "fan_avg": (fans[0] + fans[1]) / 2}[mode]
        variance = scale / max(1.0, fan)
        if distribution == "uniform":
            limit = math.sqrt(3 * variance)
            init.uniform_(tensor, -limit, limit)
        elif distribution == "untruncated_normal":
            init.normal_(tensor, 0.0, math.sqrt(variance))
        else:  # the deviation of a normal cut off at two deviations is 0.8796… of the uncut one's
            std = math.sqrt(variance) / 0.87962566103423978
            init.trunc_normal_(tensor, 0.0, std, -2 * std, 2 * std)

    return fill_


def _variance_scaling(scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal") -> Callable:
    if mode not in ("fan_in", "fan_out", "fan_avg"):
        raise ArgumentValueError(f"VarianceScaling: mode must be fan_in, fan_out or fan_avg, not {mode!r}")
    if distribution not in ("truncated_normal", "untruncated_normal", "uniform"):
        raise ArgumentValueError(
            f"VarianceScaling: distribution must be truncated_normal, untruncated_normal or uniform, not {distribution!r}"
        )
    return _scaled(scale, mode, distribution)


def _constant(value: float = 0.0) -> Callable:
    return lambda tensor, fans: init.constant_(tensor, value)


def _normal(mean: float = 0.0, stddev: float = 0.05) -> Callable:
    return lambda tensor, fans: init.normal_(tensor, mean, stddev)


def _truncated(mean: float = 0.0, stddev: float = 0.05) -> Callable:
    return lambda tensor, fans: init.trunc_normal_(tensor, mean, stddev, mean - 2 * stddev, mean + 2 * stddev)


def _uniform(minval: float = -0.05, maxval: float = 0.05) -> Callable:
    return lambda tensor, fans: init.uniform_(tensor, minval, maxval)


def _orthogonal(gain: float = 1.0) -> Callable:
    def fill_(tensor: Tensor, fans: Fans) -> None:
        if tensor.dim() < 2:
            raise ArgumentValueError("Orthogonal: a weight of two or more dimensions is needed")
        init.orthogonal_(tensor, gain)

    return fill_


def _identity(gain: float = 1.0) -> Callable:
    def fill_(tensor: Tensor, fans: Fans) -> None:
        if tensor.dim() != 2:
            raise ArgumentValueError(f"Identity: a matrix is needed, this weight has {tensor.dim()} dimensions")
        init.eye_(tensor)
        with rustorch.no_grad():
            tensor.mul_(gain)

    return fill_


_TABLE: Dict[str, Callable[..., Callable]] = {
    "Zeros": lambda: _constant(0.0),
    "Ones": lambda: _constant(1.0),
    "Constant": _constant,
    "RandomNormal": _normal,
    "RandomUniform": _uniform,
    "TruncatedNormal": _truncated,
    "VarianceScaling": _variance_scaling,
    "GlorotUniform": lambda: _scaled(1.0, "fan_avg", "uniform"),
    "GlorotNormal": lambda: _scaled(1.0, "fan_avg", "truncated_normal"),
    "HeUniform": lambda: _scaled(2.0, "fan_in", "uniform"),
    "HeNormal": lambda: _scaled(2.0, "fan_in", "truncated_normal"),
    "LecunUniform": lambda: _scaled(1.0, "fan_in", "uniform"),
    "LecunNormal": lambda: _scaled(1.0, "fan_in", "truncated_normal"),
    "Orthogonal": _orthogonal,
    "Identity": _identity,
}
_ALSO = {
    "zero": "Zeros", "one": "Ones", "normal": "RandomNormal", "uniform": "RandomUniform", "xavieruniform": "GlorotUniform",
    "xaviernormal": "GlorotNormal", "kaiminguniform": "HeUniform", "kaimingnormal": "HeNormal", "eye": "Identity",
    "orthogonalinitializer": "Orthogonal", "identityinitializer": "Identity",
}  # fmt: skip
NAMES = {**{plain(name): name for name in _TABLE}, **_ALSO}


def get(identifier: Any) -> Any:
    """An initialiser by name, with or without arguments, or a callable ``f(tensor)`` or ``f(shape)`` of your own.

    Parameters
    ----------
    identifier : str, Call, number or callable
        ``"glorot_uniform"``, ``random_normal(stddev=0.02)``, 0.5 for a constant.

    Example
    -------
    >>> import rustorch
    >>> from rustorch.training import initializers
    >>> tensor = rustorch.empty(2, 3)
    >>> initializers.fill(initializers.get("ones"), tensor, (3, 2))
    >>> tensor.sum().item()
    6.0
    """
    if isinstance(identifier, (int, float)) and not isinstance(identifier, bool):
        identifier = Spec.of("initializer", {"name": "Constant", "value": float(identifier)})
    if callable(identifier) and not isinstance(identifier, Spec):
        return identifier
    own = _custom.find(identifier) if isinstance(identifier, str) else None
    if own is not None:
        return own
    spec = Spec.of("initializer", identifier)
    name = NAMES.get(plain(spec.name))
    if name is None:
        raise ArgumentValueError(
            f"there is no initializer '{spec.name}'{did_you_mean(spec.name, [*_TABLE, *_ALSO])}\nInitializers:\n{listed(_TABLE)}"
        )
    return spec.bind(name, _TABLE[name])


def fill(initializer: Any, tensor: Tensor, fans: Fans) -> None:
    """Fill a tensor in place; ``fans`` are the numbers of inputs and outputs of a unit.

    >>> from rustorch.training import initializers
    >>> weight = rustorch.empty(64, 100)
    >>> initializers.fill(initializers.get("glorot_uniform"), weight, (100, 64))
    >>> bool(weight.abs().max() <= (6 / (100 + 64)) ** 0.5)
    True
    """
    if isinstance(initializer, Spec):
        initializer.made(tensor, fans)
        return
    with rustorch.no_grad():
        value = initializer(tuple(tensor.shape))
        if not isinstance(value, Tensor):
            value = rustorch.as_tensor(value)
        if tuple(value.shape) != tuple(tensor.shape):
            raise ArgumentTypeError(
                f"the initializer gave a tensor of shape {tuple(value.shape)}, the weight has {tuple(tensor.shape)}: an initializer "
                "of your own is called with the shape and returns a tensor of it"
            )
        tensor.copy_(value)
