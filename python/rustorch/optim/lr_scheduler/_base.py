"""The base class of schedulers."""

from __future__ import annotations

import contextlib
import warnings
from types import FunctionType
from typing import Any, Callable, Dict, Iterator, List, Optional

from rustorch import Tensor
from rustorch._C import ArgumentTypeError, ArgumentValueError
from rustorch.optim.optimizer import Optimizer

EPOCH_DEPRECATION_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please use "
    "`scheduler.step()` to step the scheduler. Where epoch is given, the closed form is used instead of the chainable one, "
    "where there is one."
)


def check_optimizer(optimizer: Any) -> None:
    """Raise TypeError unless it is an Optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise ArgumentTypeError(f"{type(optimizer).__name__} is not an Optimizer")


def group_values(optimizer: Optimizer, key: str) -> List[Any]:
    """One option of all groups; tensors are copied, since they are written in place."""
    values = [group[key] for group in optimizer.param_groups]
    return [value.clone() if isinstance(value, Tensor) else value for value in values]


def set_group_value(group: Dict[str, Any], key: str, value: Any) -> None:
    """Set an option; a tensor stays the same tensor."""
    if isinstance(group.get(key), Tensor):
        group[key].fill_(float(value))
    else:
        group[key] = value


def per_group(name: str, optimizer: Optimizer, value: Any) -> List[Any]:
    """One value a group, from a list of them or one for all."""
    n = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        value = [value] * n
    elif len(value) != n:
        raise ArgumentValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} values, "
            f"param_groups has {n}."
        )
    return [v.clone() if isinstance(v, Tensor) else v for v in value]


def set_momentum(group: Dict[str, Any], momentum: float) -> None:
    """Set a group's momentum, which for optimizers of Adam's kind is the first of ``betas``."""
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum


def function_state(fn: Optional[Callable]) -> Optional[Dict[str, Any]]:
    """What can be saved of a function: its attributes if it is a callable object, else None (its code is not saved)."""
    return None if fn is None or isinstance(fn, FunctionType) else dict(fn.__dict__)


class LRScheduler:
    """Base class: ``step()`` after each epoch sets ``lr`` of every group to what ``get_lr`` says.

    Parameters
    ----------
    optimizer : Optimizer
    last_epoch : int, default −1
        −1 starts afresh; another number needs ``initial_lr`` in the groups, as left by an earlier scheduler.

    A schedule of your own defines ``get_lr``, which returns one rate a group; ``last_epoch`` counts the steps, and
    ``base_lrs`` has the rates at the start.

    >>> from rustorch.optim.lr_scheduler import LRScheduler
    >>> class Halving(LRScheduler):
    ...     def get_lr(self):
    ...         return [base * 0.5**self.last_epoch for base in self.base_lrs]
    ... 
    >>> optimizer = optim.SGD([rustorch.ones(1, requires_grad=True)], lr=0.1)
    >>> scheduler = Halving(optimizer)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.05]
    """

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                lr = group["lr"]
                group.setdefault("initial_lr", lr.clone() if isinstance(lr, Tensor) else lr)
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler with "
                    "last_epoch >= 0: load the optimizer's state first, or leave last_epoch at -1"
                )
        self.base_lrs: List[Any] = group_values(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def get_lr(self) -> List[Any]:
        """The learning rate of each group at ``last_epoch``; called by :meth:`step`."""
        raise NotImplementedError

    def _warn_unless_stepping(self) -> None:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                UserWarning, stacklevel=3,
            )  # fmt: skip

    def _rates(self, factor: float = 1.0) -> List[Any]:
        """The present rates, times a factor."""
        if factor == 1.0:
            return group_values(self.optimizer, "lr")
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def get_last_lr(self) -> List[Any]:
        """The learning rate of each group as last set."""
        return self._last_lr

    def step(self, epoch: Optional[int] = None) -> None:
        """Go on to the next epoch (or, deprecated, to ``epoch``)."""
        if self._step_count == 1 and not getattr(self.optimizer, "_opt_called", False):
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. You should call them in the opposite "
                "order: `optimizer.step()` before `lr_scheduler.step()`.  Failure to do this will result in skipping the "
                "first value of the learning rate schedule.",
                UserWarning, stacklevel=2,
            )  # fmt: skip
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATION_WARNING, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        self._get_lr_called_within_step = True
        try:
            yield
        finally:
            self._get_lr_called_within_step = False

    def _update_lr(self, epoch: Optional[int] = None) -> None:
        closed = getattr(self, "_get_closed_form_lr", None)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        with self._asking():
            rates = closed() if epoch is not None and closed else self.get_lr()
        self._set_rates(rates)

    def _set_rates(self, rates: List[Any]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates):
            set_group_value(group, "lr", rate)
        self._last_lr = group_values(self.optimizer, "lr")

    _not_saved = ("optimizer",)

    def state_dict(self) -> Dict[str, Any]:
        """Everything but the optimizer, under PyTorch's names."""
        return {key: value for key, value in self.__dict__.items() if key not in self._not_saved}

    def load_state_dict(self, state_dict: Dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` gave. Load the optimizer's state too: it has the rates."""
        self.__dict__.update(state_dict)


class _LRScheduler(LRScheduler):
    """The old name of :class:`LRScheduler`."""
