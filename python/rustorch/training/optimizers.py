"""Optimisers by Keras's names, arguments, defaults and formulas, for ``compile``.

What a name such as ``"adam"`` means is Keras's: learning rate 0.001, epsilon 1e-7 beside the uncorrected moments. Objects of
:mod:`rustorch.optim` are taken as they are, with PyTorch's formulas.

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
import math
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple

import rustorch
from rustorch import Tensor, _C, optim
from rustorch._C import ArgumentTypeError, ArgumentValueError, UnsupportedError
from rustorch.optim.optimizer import FusedOptimizer, Optimizer, check_betas, check_range
from rustorch.training._names import did_you_mean, listed, plain

__all__ = ["get", "Choice"]


# ---------------------------------------------------------------------------------------------- Keras's formulas


class _Adam(optim.Adam):
    """Adam with epsilon beside the second moment before its bias correction, as Keras (and the paper's last lines) have it."""

    def _options(self, group: Dict[str, Any]) -> Dict[str, Any]:
        options = super()._options(group)
        step = 1 + max((float(self.state[p]["step"]) for p in group["params"] if self.state.get(p)), default=0.0)
        options["eps"] = group["eps"] / math.sqrt(1 - group["betas"][1] ** step)
        return options

    def _get_name(self) -> str:
        return "Adam"


class _Written(FusedOptimizer):
    """A rule written in tensor operations, where Keras's formula is none of the engine's."""

    def _step_group(self, group: Dict[str, Any], params: List[Tensor]) -> None:
        with rustorch.no_grad():
            for p in params:
                state = self.state[p]
                if "step" not in state:
                    state["step"] = rustorch.tensor(0.0)
                    for name in self._states:
                        state[name] = rustorch.zeros_like(p.detach())
                state["step"].add_(1.0)
                self._update(group, p, p.grad, state, float(state["step"]))

    def _update(self, group: Dict[str, Any], p: Tensor, grad: Tensor, state: Dict[str, Any], step: float) -> None:
        raise NotImplementedError


class _RMSprop(_Written):
    """Keras's RMSprop: epsilon under the root."""

    _states = ("velocity", "momentum", "average")

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, rho: float = 0.9, momentum: float = 0.0, eps: float = 1e-7, centered: bool = False
    ) -> None:
        super().__init__(params, {"lr": lr, "rho": rho, "momentum": momentum, "eps": eps, "centered": centered})

    def _check_group(self, group: Dict[str, Any]) -> None:
        super()._check_group(group)
        check_range("rho", group["rho"], 0, 1)
        check_range("momentum", group["momentum"], 0, 1)

    def _update(self, group: Dict[str, Any], p: Tensor, grad: Tensor, state: Dict[str, Any], step: float) -> None:
        rho = group["rho"]
        velocity = state["velocity"].mul_(rho).addcmul_(grad, grad, value=1 - rho)
        below = velocity
        if group["centered"]:
            average = state["average"].mul_(rho).add_(grad, alpha=1 - rho)
            below = velocity - average.square()
        change = group["lr"] * grad * (below + group["eps"]).rsqrt()
        if group["momentum"] > 0:
            change = state["momentum"].mul_(group["momentum"]).add_(change)
        p.sub_(change)


class _Adamax(_Written):
    """Keras's Adamax: epsilon beside the norm."""

    _states = ("exp_avg", "exp_inf")

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, betas: Tuple[float, float] = (0.9, 0.999), eps: float = 1e-7) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

    def _update(self, group: Dict[str, Any], p: Tensor, grad: Tensor, state: Dict[str, Any], step: float) -> None:
        beta1, beta2 = group["betas"]
        mean = state["exp_avg"].mul_(beta1).add_(grad, alpha=1 - beta1)
        norm = state["exp_inf"].mul_(beta2)
        norm.copy_(rustorch.maximum(norm, grad.abs()))
        p.sub_(group["lr"] / (1 - beta1**step) * mean / (norm + group["eps"]))


class _Lion(_Written):
    """Lion: the sign of a momentum. Source: Chen et al., arXiv 2302.06675."""

    _states = ("exp_avg",)

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, betas: Tuple[float, float] = (0.9, 0.99)) -> None:
        super().__init__(params, {"lr": lr, "betas": betas})

    def _update(self, group: Dict[str, Any], p: Tensor, grad: Tensor, state: Dict[str, Any], step: float) -> None:
        beta1, beta2 = group["betas"]
        mean = state["exp_avg"]
        p.sub_(group["lr"] * (mean * beta1 + grad * (1 - beta1)).sign())
        mean.mul_(beta2).add_(grad, alpha=1 - beta2)


class _Ftrl(_Written):
    """FTRL-proximal. Source: McMahan et al., KDD 2013, with the shrinkage of Keras."""

    _states = ("accumulator", "linear")

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, learning_rate_power: float = -0.5, initial_accumulator_value: float = 0.1,
        l1: float = 0.0, l2: float = 0.0, l2_shrinkage: float = 0.0, beta: float = 0.0,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "learning_rate_power": learning_rate_power, "initial_accumulator_value": initial_accumulator_value, "l1": l1,
            "l2": l2, "l2_shrinkage": l2_shrinkage, "beta": beta,
        })  # fmt: skip

    def _update(self, group: Dict[str, Any], p: Tensor, grad: Tensor, state: Dict[str, Any], step: float) -> None:
        if step == 1:
            state["accumulator"].fill_(group["initial_accumulator_value"])
        power, lr = -group["learning_rate_power"], group["lr"]
        l2 = group["l2"] + group["beta"] / (2 * lr)
        shrunk = grad + 2 * group["l2_shrinkage"] * p
        before = state["accumulator"].clone()
        now = state["accumulator"].add_(grad.square())
        state["linear"].add_(shrunk - (now.pow(power) - before.pow(power)) / lr * p)
        quadratic = now.pow(power) / lr + 2 * l2
        linear = state["linear"]
        p.copy_((linear.clamp(-group["l1"], group["l1"]) - linear) / quadratic)


def _adagrad(params: Any, lr: float = 1e-3, initial_accumulator_value: float = 0.1, eps: float = 1e-7) -> Optimizer:
    # Keras has epsilon under the root: the sums only grow, so it may as well be in them from the start
    return optim.Adagrad(params, lr=lr, initial_accumulator_value=initial_accumulator_value + eps, eps=0.0)


def _adam(params: Any, lr: float = 1e-3, betas: Tuple[float, float] = (0.9, 0.999), eps: float = 1e-7, amsgrad: bool = False) -> Optimizer:
    check_betas(betas)
    return _Adam(params, lr=lr, betas=betas, eps=eps, amsgrad=amsgrad)


def _nadam(params: Any, lr: float = 1e-3, betas: Tuple[float, float] = (0.9, 0.999), eps: float = 1e-7) -> Optimizer:
    return optim.NAdam(params, lr=lr, betas=betas, eps=eps, momentum_decay=1.0)


def _adadelta(params: Any, lr: float = 1e-3, rho: float = 0.95, eps: float = 1e-7) -> Optimizer:
    return optim.Adadelta(params, lr=lr, rho=rho, eps=eps)


def _sgd(params: Any, lr: float = 1e-2, momentum: float = 0.0, nesterov: bool = False) -> Optimizer:
    return optim.SGD(params, lr=lr, momentum=momentum, nesterov=nesterov and momentum > 0)


# ---------------------------------------------------------------------------------------------- by name


class _Kind(NamedTuple):
    make: Callable
    decay: float = 0.0  # Keras's default of weight_decay, which is always apart from the gradient
    keras: bool = True


_TABLE: Dict[str, _Kind] = {
    "sgd": _Kind(_sgd),
    "adam": _Kind(_adam),
    "adamw": _Kind(_adam, 0.004),
    "rmsprop": _Kind(_RMSprop),
    "adagrad": _Kind(_adagrad),
    "adadelta": _Kind(_adadelta),
    "adamax": _Kind(_Adamax),
    "nadam": _Kind(_nadam),
    "lion": _Kind(_Lion),
    "ftrl": _Kind(_Ftrl),
    "radam": _Kind(optim.RAdam, keras=False),
    "asgd": _Kind(optim.ASGD, keras=False),
    "rprop": _Kind(optim.Rprop, keras=False),
}
_CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")
_SHARED = ("weight_decay", *_CLIPS, "gradient_accumulation_steps", "name")
_SPELLINGS = {"learningrate": "lr", "epsilon": "eps", "alpha": "rho", "beta": "beta"}
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
    """

    def __init__(self, name: str, options: Dict[str, Any], given: Optional[Optimizer] = None) -> None:
        self.name = name
        self.given = given
        self.options = options
        self.clips = {key: options.pop(key) for key in _CLIPS if options.get(key) is not None}
        for key in _CLIPS:
            options.pop(key, None)
        self.accumulation = options.pop("gradient_accumulation_steps", None) or 1
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
            raise UnsupportedError("optimizer LBFGS needs a closure that computes the loss again: write the loop yourself with rustorch.optim.LBFGS")
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
    """
    if isinstance(identifier, Choice):
        return identifier
    if isinstance(identifier, Optimizer):
        return Choice(type(identifier).__name__, {}, identifier)
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
    raise AttributeError(f"module 'rustorch.training.optimizers' has no attribute '{name}'")
