"""Schedulers made of schedulers."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, Dict, List, Optional, Sequence

from rustorch.optim.lr_scheduler._base import LRScheduler, group_values, set_group_value
from rustorch.optim.lr_scheduler._plateau import ReduceLROnPlateau
from rustorch.optim.optimizer import Optimizer
from rustorch._C import ArgumentTypeError, ArgumentValueError


class _Combined(LRScheduler):
    _not_saved = ("optimizer", "_schedulers")

    def _check_parts(self, schedulers: Sequence[LRScheduler], optimizer: Optional[Optimizer]) -> Optimizer:
        name = type(self).__name__
        if len(schedulers) < 1:
            raise ArgumentValueError(f"{name} expects at least one scheduler, but got no scheduler.")
        optimizer = optimizer or schedulers[0].optimizer
        for i, scheduler in enumerate(schedulers):
            if not hasattr(scheduler, "optimizer"):
                raise ArgumentTypeError(f"{name} at index {i} should have `optimizer` as its attribute.")
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ArgumentValueError(
                    f"{name} does not support `ReduceLROnPlateau` scheduler as it requires additional kwargs to be "
                    f"specified when calling `step`, but got one at index {i} in the given schedulers sequence."
                )
            if scheduler.optimizer is not optimizer:
                raise ArgumentValueError(
                    f"{name} expects all schedulers to belong to the same optimizer, but got scheduler "
                    f"{type(scheduler).__name__} at index {i}, whose optimizer is another"
                )
        return optimizer

    def state_dict(self) -> Dict[str, Any]:
        """Everything but the optimizer; of the schedulers, their states."""
        return {**super().state_dict(), "_schedulers": [scheduler.state_dict() for scheduler in self._schedulers]}

    def load_state_dict(self, state_dict: Dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` gave, for the schedulers as well."""
        state = dict(state_dict)
        parts = state.pop("_schedulers")
        if len(parts) != len(self._schedulers):
            raise ArgumentValueError(
                f"{type(self).__name__}: the loaded state has {len(parts)} schedulers, there are {len(self._schedulers)} here"
            )
        for scheduler, part in zip(self._schedulers, parts):
            scheduler.load_state_dict(part)
        super().load_state_dict(state)


class ChainedScheduler(_Combined):
    """Several chainable schedulers at once: ``step`` steps each of them.

    Parameters
    ----------
    schedulers : list of schedulers of one optimizer
    optimizer : Optimizer, default that of the schedulers

    >>> from rustorch.optim.lr_scheduler import ChainedScheduler, ConstantLR, ExponentialLR
    >>> optimizer = optim.SGD([rustorch.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = ChainedScheduler([ConstantLR(optimizer, 0.1), ExponentialLR(optimizer, 0.9)])
    >>> scheduler.get_last_lr()
    [0.1]
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optional[Optimizer] = None) -> None:
        self.optimizer = self._check_parts(schedulers, optimizer)
        self._schedulers = schedulers
        self._last_lr = group_values(self.optimizer, "lr")

    def step(self) -> None:  # type: ignore[override]
        """Step all schedulers."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = group_values(self.optimizer, "lr")


class SequentialLR(_Combined):
    """One scheduler after another: the next takes over at each of the epochs ``milestones``.

    Parameters
    ----------
    optimizer : Optimizer
    schedulers : list of schedulers
    milestones : list of int, one fewer than schedulers
    last_epoch : int, default −1

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch.optim.lr_scheduler import ConstantLR, ExponentialLR, SequentialLR
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> parts = [ConstantLR(optimizer, 0.5, total_iters=9), ExponentialLR(optimizer, 0.5)]
    >>> scheduler = SequentialLR(optimizer, parts, milestones=[2])
    >>> rates = []
    >>> for epoch in range(5):
    ...     rates.append(optimizer.param_groups[0]["lr"])
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [0.5, 0.5, 1.0, 0.5, 0.25]
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: List[LRScheduler], milestones: List[int], last_epoch: int = -1
    ) -> None:
        self._check_parts(schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise ArgumentValueError(
                "Sequential Schedulers expects number of schedulers provided to be one more than the number of milestone "
                f"points, but got number of schedulers {len(schedulers)} and the number of milestones to be equal to "
                f"{len(milestones)}"
            )
        self._schedulers = schedulers
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        self.optimizer = optimizer
        # Each part has made its first step when it was built: undo them, then let the first part start.
        for group in optimizer.param_groups:
            set_group_value(group, "lr", group["initial_lr"])
        self._undo(self)
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def _undo(self, scheduler: LRScheduler) -> None:
        if hasattr(scheduler, "_schedulers"):
            for part in scheduler._schedulers:
                self._undo(part)
        elif hasattr(scheduler, "last_epoch"):
            scheduler.last_epoch -= 1

    def step(self) -> None:  # type: ignore[override]
        """Step the scheduler whose turn it is."""
        self.last_epoch += 1
        i = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[i]
        if i > 0 and self._milestones[i - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()
