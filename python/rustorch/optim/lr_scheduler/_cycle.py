"""Schedules of a rate that rises and falls, step by step, with the momentum moving the other way."""

from __future__ import annotations

import math
from typing import Any, Callable, Dict, List, Optional, Union

from rustorch.optim.lr_scheduler._base import (
    LRScheduler,
    check_optimizer,
    function_state,
    per_group,
    set_group_value,
    set_momentum,
)
from rustorch.optim.optimizer import Optimizer
from rustorch._C import ArgumentValueError

_PerGroup = Union[float, List[float]]


def _start_momentum(optimizer: Optimizer, base: List[float], most: List[float], fresh: bool) -> bool:
    """Put the bounds of the momentum into the groups; returns whether it is the first of ``betas``."""
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ArgumentValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
    if fresh:
        for low, high, group in zip(base, most, optimizer.param_groups):
            set_momentum(group, high)
            group["max_momentum"] = high
            group["base_momentum"] = low
    return "betas" in optimizer.defaults


class CyclicLR(LRScheduler):
    """The learning rate goes to and fro between ``base_lr`` and ``max_lr``, a step a batch.

    Parameters
    ----------
    optimizer : Optimizer
    base_lr, max_lr : float or list of floats, one a group
    step_size_up : int, default 2000
        Steps of the rising half.
    step_size_down : int, default ``step_size_up``
    mode : {"triangular", "triangular2", "exp_range"}, default "triangular"
        All cycles alike; each half as high as the one before; or scaled by ``gamma ** step``.
    gamma : float, default 1.0
    scale_fn : function, optional
        Instead of ``mode``: the height of a cycle, between 0 and 1.
    scale_mode : {"cycle", "iterations"}, default "cycle"
        What ``scale_fn`` is given.
    cycle_momentum : bool, default True
        Move the momentum the other way, between ``max_momentum`` and ``base_momentum``.
    base_momentum, max_momentum : float or list of floats, defaults 0.8 and 0.9
    last_epoch : int, default −1
        Number of the last batch.

    Source: Smith, WACV 2017.

    >>> optimizer = optim.SGD([rustorch.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
    >>> scheduler = optim.lr_scheduler.CyclicLR(optimizer, base_lr=0.1, max_lr=0.5)
    >>> scheduler.get_last_lr()
    [0.1]
    """

    def __init__(
        self, optimizer: Optimizer, base_lr: _PerGroup, max_lr: _PerGroup, step_size_up: int = 2000,
        step_size_down: Optional[int] = None, mode: str = "triangular", gamma: float = 1.0,
        scale_fn: Optional[Callable[[float], float]] = None, scale_mode: str = "cycle", cycle_momentum: bool = True,
        base_momentum: _PerGroup = 0.8, max_momentum: _PerGroup = 0.9, last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ArgumentValueError("mode is invalid and scale_fn is None")
        if scale_mode not in ("cycle", "iterations"):
            raise ArgumentValueError(f'scale_mode must be "cycle" or "iterations", not {scale_mode!r}')
        base_lrs = per_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for rate, group in zip(base_lrs, optimizer.param_groups):
                set_group_value(group, "lr", rate)
        self.max_lrs = per_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
        self.step_ratio = up / self.total_size
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums = per_group("base_momentum", optimizer, base_momentum)
            self.max_momentums = per_group("max_momentum", optimizer, max_momentum)
            self.use_beta1 = _start_momentum(optimizer, self.base_momentums, self.max_momentums, last_epoch == -1)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """The height of the cycle: ``x`` is its number (from 1) or the number of the step, as ``scale_mode`` says."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        return 1 / 2.0 ** (x - 1) if self.mode == "triangular2" else self.gamma**x

    def get_lr(self) -> List[Any]:
        self._warn_unless_stepping()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for group, low, high in zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums):
                set_momentum(group, high - (high - low) * height * scale)
        return [low + (high - low) * height * scale for low, high in zip(self.base_lrs, self.max_lrs)]

    def state_dict(self) -> Dict[str, Any]:
        """Everything but the optimizer and ``scale_fn``; of a callable object, its attributes."""
        return {**super().state_dict(), "_scale_fn_custom": function_state(self._scale_fn_custom)}

    def load_state_dict(self, state_dict: Dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` gave; ``scale_fn`` stays, a callable object gets its attributes."""
        state = dict(state_dict)
        attributes = state.pop("_scale_fn_custom")
        super().load_state_dict(state)
        if attributes is not None and self._scale_fn_custom is not None:
            self._scale_fn_custom.__dict__.update(attributes)


class OneCycleLR(LRScheduler):
    """One rise to ``max_lr`` and one long fall far below the start, a step a batch.

    Parameters
    ----------
    optimizer : Optimizer
    max_lr : float or list of floats, one a group
    total_steps : int, or epochs and steps_per_epoch : int
        How many steps the cycle has; a step beyond is an error.
    pct_start : float, default 0.3
        Share of the steps in which the rate rises.
    anneal_strategy : {"cos", "linear"}, default "cos"
    cycle_momentum : bool, default True
        Move the momentum the other way, between ``max_momentum`` and ``base_momentum``.
    base_momentum, max_momentum : float or list of floats, defaults 0.85 and 0.95
    div_factor : float, default 25
        The rate starts at ``max_lr / div_factor``
    final_div_factor : float, default 1e4
        and ends at the start's divided by this.
    three_phase : bool, default False
        Fall to the start in as many steps as the rise took, then to the end.
    last_epoch : int, default −1
        Number of the last batch.

    Source: Smith and Topin, arXiv 1708.07120.

    >>> optimizer = optim.SGD([rustorch.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
    >>> scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.5, total_steps=100)
    >>> scheduler.get_last_lr()
    [0.020000000000000018]
    """

    def __init__(
        self, optimizer: Optimizer, max_lr: _PerGroup, total_steps: Optional[int] = None, epochs: Optional[int] = None,
        steps_per_epoch: Optional[int] = None, pct_start: float = 0.3, anneal_strategy: str = "cos",
        cycle_momentum: bool = True, base_momentum: _PerGroup = 0.85, max_momentum: _PerGroup = 0.95,
        div_factor: float = 25.0, final_div_factor: float = 1e4, three_phase: bool = False, last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.total_steps = self._count_steps(total_steps, epochs, steps_per_epoch)
        if not isinstance(pct_start, float) or pct_start < 0 or pct_start > 1:
            raise ArgumentValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ArgumentValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_func_type = anneal_strategy
        self._schedule_phases = self._phases(pct_start, three_phase)
        if last_epoch == -1:
            for rate, group in zip(per_group("max_lr", optimizer, max_lr), optimizer.param_groups):
                group["initial_lr"] = rate / div_factor
                group["max_lr"] = rate
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            low = per_group("base_momentum", optimizer, base_momentum)
            high = per_group("max_momentum", optimizer, max_momentum)
            self.use_beta1 = _start_momentum(optimizer, low, high, last_epoch == -1)
        super().__init__(optimizer, last_epoch)

    @staticmethod
    def _count_steps(total_steps: Optional[int], epochs: Optional[int], steps_per_epoch: Optional[int]) -> int:
        if total_steps is None and (epochs is None or steps_per_epoch is None):
            raise ArgumentValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
        given = {"total_steps": total_steps} if total_steps is not None else {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
        count = 1
        for name, value in given.items():
            if not isinstance(value, int) or value <= 0:
                raise ArgumentValueError(f"Expected positive integer {name}, but got {value}")
            count *= value
        return count

    def _phases(self, share: float, three: bool) -> List[Dict[str, Any]]:
        def phase(end: float, *keys: str) -> Dict[str, Any]:
            return dict(zip(("end_step", "start_lr", "end_lr", "start_momentum", "end_momentum"), (end, *keys)))

        n = self.total_steps
        rise = phase(float(share * n) - 1, "initial_lr", "max_lr", "max_momentum", "base_momentum")
        if not three:
            return [rise, phase(n - 1, "max_lr", "min_lr", "base_momentum", "max_momentum")]
        fall = phase(float(2 * share * n) - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum")
        return [rise, fall, phase(n - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum")]

    def _between(self, start: Any, end: Any, share: float) -> Any:
        if self._anneal_func_type == "cos":
            return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)
        return (end - start) * share + start

    def get_lr(self) -> List[Any]:
        self._warn_unless_stepping()
        step = self.last_epoch
        if step > self.total_steps:
            raise ArgumentValueError(f"Tried to step {step} times. The specified number of total steps is {self.total_steps}")
        begin = 0.0
        for phase in self._schedule_phases:
            end = phase["end_step"]
            if step <= end or phase is self._schedule_phases[-1]:
                break
            begin = end
        share = (step - begin) / (end - begin)
        groups = self.optimizer.param_groups
        if self.cycle_momentum:
            for group in groups:
                momentum = self._between(group[phase["start_momentum"]], group[phase["end_momentum"]], share)
                set_momentum(group, momentum)
        return [self._between(group[phase["start_lr"]], group[phase["end_lr"]], share) for group in groups]
