"""Optimisers by Keras's names, arguments, defaults and formulas, for ``compile``.

What a name such as ``"adam"`` means is Keras's: learning rate 0.001, epsilon 1e-7 beside the uncorrected moments. ``weight_decay``
is applied to the weights themselves, as AdamW does, with every name. Objects of :mod:`rustorch.optim` are taken as they are, with
PyTorch's formulas. Beside the optimiser's own options a dictionary may hold one of ``clipnorm`` (of each gradient), ``clipvalue`` and
``global_clipnorm`` (of all together), and ``gradient_accumulation_steps``.

Examples
--------
>>> from rustorch.training import optimizers
>>> optimizers.get({"name": "sgd", "learning_rate": 0.1, "momentum": 0.9, "clipnorm": 1.0})
sgd(lr=0.1, momentum=0.9, clipnorm=1.0)
>>> optimizers.Adam(learning_rate=0.01)
adam(lr=0.01)
"""

from __future__ import annotations

import functools
import inspect
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple

import rustorch
from rustorch import Tensor, _C, optim
from rustorch._C import ArgumentTypeError, ArgumentValueError, UnsupportedError
from rustorch.optim.optimizer import Optimizer
from rustorch.training import _rules
from rustorch.training._names import did_you_mean, listed, plain

__all__ = ["get", "Choice"]


def _adagrad(params: Any, lr: float = 1e-3, initial_accumulator_value: float = 0.1, eps: float = 1e-7) -> Optimizer:
    # Keras has epsilon under the root: the sums only grow, so it may as well be in them from the start
    return optim.Adagrad(params, lr=lr, initial_accumulator_value=initial_accumulator_value + eps, eps=0.0)


def _adam(params: Any, lr: float = 1e-3, betas: Tuple[float, float] = (0.9, 0.999), eps: float = 1e-7, amsgrad: bool = False) -> Optimizer:
    return _rules.Adam(params, lr=lr, betas=betas, eps=eps, amsgrad=amsgrad)


def _nadam(params: Any, lr: float = 1e-3, betas: Tuple[float, float] = (0.9, 0.999), eps: float = 1e-7) -> Optimizer:
    return optim.NAdam(params, lr=lr, betas=betas, eps=eps, momentum_decay=1.0)


def _adadelta(params: Any, lr: float = 1e-3, rho: float = 0.95, eps: float = 1e-7) -> Optimizer:
    return optim.Adadelta(params, lr=lr, rho=rho, eps=eps)


def _sgd(params: Any, lr: float = 1e-2, momentum: float = 0.0, nesterov: bool = False) -> Optimizer:
    return optim.SGD(params, lr=lr, momentum=momentum, nesterov=nesterov and momentum > 0)


class _Kind(NamedTuple):
    make: Callable
    decay: float = 0.0  # Keras's default of weight_decay, which is always apart from the gradient


_TABLE: Dict[str, _Kind] = {
    "sgd": _Kind(_sgd),
    "adam": _Kind(_adam),
    "adamw": _Kind(_adam, 0.004),
    "rmsprop": _Kind(_rules.RMSprop),
    "adagrad": _Kind(_adagrad),
    "adadelta": _Kind(_adadelta),
    "adamax": _Kind(_rules.Adamax),
    "nadam": _Kind(_nadam),
    "lion": _Kind(_rules.Lion),
    "ftrl": _Kind(_rules.Ftrl),
    "radam": _Kind(optim.RAdam),
    "asgd": _Kind(optim.ASGD),
    "rprop": _Kind(optim.Rprop),
}
_CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")
_SHARED = ("weight_decay", *_CLIPS, "gradient_accumulation_steps", "name")
_SPELLINGS = {"learningrate": "lr", "epsilon": "eps", "alpha": "rho"}
_NOT_HERE = {
    "use_ema": "average the weights with rustorch.optim.swa_utils.AveragedModel",
    "ema_momentum": "average the weights with rustorch.optim.swa_utils.AveragedModel",
    "ema_overwrite_frequency": "average the weights with rustorch.optim.swa_utils.AveragedModel",
    "loss_scale_factor": "mixed precision here is bfloat16, which needs no scaling",
    "decay": "use callbacks.LearningRateScheduler for a rate that falls",
}


class Choice:
    """An optimiser that has been chosen but has no parameters yet, and what is done to gradients before its steps.

    Made by :func:`get`, or by the names of this module: ``optimizers.Adam(learning_rate=0.01)``.

    Example
    -------
    >>> from rustorch.training import optimizers
    >>> choice = optimizers.SGD(0.1, momentum=0.9)
    >>> choice.config()
    {'name': 'sgd', 'lr': 0.1, 'momentum': 0.9}
    >>> choice.make(rustorch.nn.Linear(2, 1).parameters()).learning_rate
    0.1
    """

    def __init__(self, name: str, options: Dict[str, Any], given: Optional[Optimizer] = None) -> None:
        self.name = name
        self.given = given
        self.options = options
        clips = {key: options.pop(key, None) for key in _CLIPS}
        self.clips = {key: bound for key, bound in clips.items() if bound is not None}
        accumulation = options.pop("gradient_accumulation_steps", None)
        self.accumulation = 1 if accumulation is None else accumulation
        decay = options.pop("weight_decay", None)
        kind = _TABLE.get(name)
        self.decay = float((kind.decay if kind else 0.0) if decay is None else decay)
        self._check()

    def _check(self) -> None:
        if len(self.clips) > 1:
            raise ArgumentValueError(f"only one of clipnorm, clipvalue and global_clipnorm can be given, not {' and '.join(self.clips)}")
        for key, value in self.clips.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
                raise ArgumentValueError(f"optimizer {self.name}: {key} must be a number more than 0, not {value!r}")
        if not isinstance(self.accumulation, int) or self.accumulation < 1:
            raise ArgumentValueError(
                f"optimizer {self.name}: gradient_accumulation_steps must be a whole number of 1 or more, not {self.accumulation!r}"
            )
        if self.decay < 0:
            raise ArgumentValueError(f"optimizer {self.name}: weight_decay must be 0 or more, not {self.decay}")
        rate = self.options.get("lr")
        if rate is not None and (isinstance(rate, bool) or not isinstance(rate, (int, float)) or rate < 0):
            raise ArgumentValueError(
                f"optimizer {self.name}: the learning rate must be a number of 0 or more, not {rate!r}; for one that changes use "
                "callbacks.LearningRateScheduler"
            )

    def make(self, parameters: Iterable[Tensor]) -> Optimizer:
        """The optimiser over these parameters."""
        if self.given is not None:
            return self.given
        return _TABLE[self.name].make(list(parameters), **self.options)

    # ------------------------------------------------------------------------------------------ before a step

    def prepare(self, optimizer: Optimizer) -> None:
        """Clip the gradients and decay the weights, as Keras does before each step."""
        if not self.clips and not self.decay:
            return
        with rustorch.no_grad():
            for group in optimizer.param_groups:
                params = [p for p in group["params"] if p.grad is not None]
                if self.decay:
                    for p in params:
                        p.mul_(1 - group["lr"] * self.decay)
            grads = [p.grad.detach() for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
            for key, bound in self.clips.items():
                _clip(key, float(bound), grads)

    def config(self) -> Dict[str, Any]:
        """As JSON has it, and :func:`get` takes it."""
        config: Dict[str, Any] = {"name": self.name, **self.options, **self.clips}
        if self.decay:
            config["weight_decay"] = self.decay
        if self.accumulation != 1:
            config["gradient_accumulation_steps"] = self.accumulation
        return {key: list(value) if isinstance(value, tuple) else value for key, value in config.items()}

    def __repr__(self) -> str:
        words = {key: value for key, value in self.config().items() if key != "name"}
        return f"{self.name}({', '.join(f'{key}={value}' for key, value in words.items())})"


def _clip(kind: str, bound: float, grads: List[Tensor]) -> None:
    if kind == "clipvalue":
        for grad in grads:
            grad.clamp_(-bound, bound)
    elif kind == "clipnorm":  # each gradient by its own norm
        for grad in grads:
            norm = _C._norm_together([grad])
            if norm > bound:
                grad.mul_(bound / norm)
    elif grads:
        norm = _C._norm_together(grads)
        if norm > bound:
            for grad in grads:
                grad.mul_(bound / norm)


def _arguments(kind: _Kind) -> List[str]:
    names = [name for name in inspect.signature(kind.make).parameters if name not in ("self", "params")]
    return [name for name in names if name not in ("foreach", "capturable", "differentiable", "fused", "maximize", "weight_decay")]


def _translated(name: str, kind: _Kind, given: Dict[str, Any]) -> Dict[str, Any]:
    """Options by the names that the optimiser takes them under; Keras's and PyTorch's spellings are both right."""
    known = _arguments(kind)
    options: Dict[str, Any] = {}
    betas: Dict[int, float] = {}
    for key, value in given.items():
        short = plain(key)
        match = next((each for each in [*known, *_SHARED] if plain(each) == short), None) or _SPELLINGS.get(short)
        if match in known or match in _SHARED:
            if match in options:
                raise ArgumentTypeError(f"optimizer {name}: '{match}' is given twice (as '{key}' too)")
            options[match] = value
        elif short in ("beta1", "beta2") and "betas" in known:
            betas[int(short[-1]) - 1] = value
        elif key in _NOT_HERE:
            raise UnsupportedError(f"optimizer {name}: {key} is not supported; {_NOT_HERE[key]}")
        else:
            keras = {"lr": ["learning_rate"], "eps": ["epsilon"], "betas": ["beta_1", "beta_2"]}
            shown = [name for each in known for name in keras.get(each, [each])] + list(_SHARED[:-1])
            raise ArgumentTypeError(f"optimizer {name} has no option '{key}'{did_you_mean(key, shown)}\nIts options: {', '.join(shown)}")
    options.pop("name", None)
    if betas:
        pair = list(options.get("betas", inspect.signature(kind.make).parameters["betas"].default))
        for i, value in betas.items():
            pair[i] = value
        options["betas"] = tuple(pair)
    elif "betas" in options:
        options["betas"] = tuple(options["betas"])
    return options


def _named(name: str, given: Dict[str, Any]) -> Choice:
    short = plain(name)
    found = next((each for each in _TABLE if plain(each) == short), None)
    if found is None:
        if short == "lbfgs":
            raise UnsupportedError(
                "optimizer LBFGS needs a closure that computes the loss again: write the loop yourself with rustorch.optim.LBFGS"
            )
        raise ArgumentValueError(f"there is no optimizer '{name}'{did_you_mean(name, _TABLE)}\nOptimizers:\n{listed(_TABLE)}")
    choice = Choice(found, _translated(found, _TABLE[found], given))
    try:  # what is out of range is said now, and not at the first step
        choice.make([rustorch.zeros(1, requires_grad=True)])
    except (ArgumentValueError, TypeError) as error:
        raise ArgumentValueError(f"optimizer {found}: {error}") from None
    return choice


def get(identifier: Any) -> Choice:
    """An optimiser by name, by a dictionary, or as an object.

    Parameters
    ----------
    identifier : str, dict or Optimizer
        ``"adam"``, ``"sgd(learning_rate=0.1, momentum=0.9)"``, ``{"name": "adam", "learning_rate": 0.01, "clipnorm": 1.0}`` (also
        Keras's ``{"class_name": …, "config": {…}}``), or an optimiser of :mod:`rustorch.optim` over the model's parameters.

    Returns
    -------
    Choice

    Raises
    ------
    ValueError, TypeError
        An unknown name or option, or a value out of range.

    Example
    -------
    >>> from rustorch.training import optimizers
    >>> optimizers.get("rmsprop(learning_rate=0.01)")
    rmsprop(lr=0.01)
    """
    if isinstance(identifier, Choice):
        return identifier
    if isinstance(identifier, Optimizer):
        return Choice(type(identifier).__name__, {}, identifier)
    if isinstance(identifier, functools.partial) and identifier.func is _from_class:  # optimizers.Adam, without ()
        return identifier()
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        raise ArgumentTypeError(
            f"optimizer: {identifier.__name__} is a class; give its name, '{identifier.__name__.lower()}', or an object: "
            f"rustorch.optim.{identifier.__name__}(model.parameters(), lr=…)"
        )
    from rustorch.training._spec import Spec

    spec = Spec.of("optimizer", identifier)
    given = dict(spec.kwargs)
    if spec.args:
        given = {**dict(zip(["learning_rate"], spec.args)), **given}
    return _named(spec.name, given)


_CLASSES = {
    "SGD": "sgd", "Adam": "adam", "AdamW": "adamw", "RMSprop": "rmsprop", "Adagrad": "adagrad", "Adadelta": "adadelta",
    "Adamax": "adamax", "Nadam": "nadam", "NAdam": "nadam", "Lion": "lion", "Ftrl": "ftrl",
}  # fmt: skip


def _from_class(name: str, learning_rate: Optional[float] = None, **options: Any) -> Choice:
    return _named(name, options if learning_rate is None else {"learning_rate": learning_rate, **options})


def __getattr__(name: str) -> Any:
    """``Adam(learning_rate=0.01)`` and its like, as Keras writes them."""
    if name in _CLASSES:
        return functools.partial(_from_class, _CLASSES[name])
    hint = did_you_mean(name, _CLASSES)
    if name == "schedules":
        hint = ": a rate that changes is a callback's, callbacks.LearningRateScheduler or ReduceLROnPlateau"
    raise AttributeError(f"module 'rustorch.training.optimizers' has no attribute '{name}'{hint}")
