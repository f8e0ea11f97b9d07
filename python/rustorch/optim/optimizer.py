"""The base class of optimisers: parameter groups, state, hooks."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentTypeError, ArgumentValueError, UnsupportedError
from rustorch.nn.modules.module import RemovableHandle, _Table

__all__ = ["Optimizer"]


class Optimizer:
    """Base class of optimisers.

    Parameters
    ----------
    params : tensors, named tensors (pairs), or dictionaries
        A dictionary is a parameter group: ``{"params": [...], "lr": 0.1}`` with options of its own.
    defaults : dict
        Options of groups that do not give them.
    """

    def __init__(self, params: Iterable[Any], defaults: Dict[str, Any]) -> None:
        self.defaults = defaults
        self.state: Dict[Tensor, Dict[str, Any]] = defaultdict(dict)
        self.param_groups: List[Dict[str, Any]] = []
        self._pre_hooks: Any = _Table()
        self._post_hooks: Any = _Table()
        if isinstance(params, Tensor):
            raise ArgumentTypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got a Tensor"
            )
        groups = list(params)
        if not groups:
            raise ArgumentValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join(lines) + "\n)"

    def add_param_group(self, param_group: Dict[str, Any]) -> None:
        """Add a group of parameters: a dictionary with ``params`` and, if wanted, options of its own."""
        if not isinstance(param_group, dict):
            raise ArgumentTypeError(f"param_group must be a dict, but got {type(param_group)}")
        group = dict(param_group)
        params = group["params"]
        if isinstance(params, Tensor):
            params = [params]
        elif isinstance(params, set):
            raise ArgumentTypeError("optimizer parameters need to be organized in ordered collections, but a set was given")
        params = [p[1] if isinstance(p, tuple) else p for p in params]
        for p in params:
            if not isinstance(p, Tensor):
                raise ArgumentTypeError(f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}")
            if not p.is_leaf:
                raise ArgumentValueError("can't optimize a non-leaf Tensor")
        if len({id(p) for p in params}) != len(params):
            raise ArgumentValueError("some parameters appear more than once in a parameter group")
        known = {id(p) for other in self.param_groups for p in other["params"]}
        if any(id(p) in known for p in params):
            raise ArgumentValueError("some parameters appear in more than one parameter group")
        group["params"] = params
        unknown = set(group) - set(self.defaults) - {"params", "name", "initial_lr"}
        if unknown:
            raise ArgumentTypeError(
                f"{type(self).__name__} has no option {', '.join(sorted(map(repr, unknown)))}: "
                f"its options are {', '.join(sorted(self.defaults))}"
            )
        for name, value in self.defaults.items():
            group.setdefault(name, value)
        self._check_group(group)
        self.param_groups.append(group)

    def _check_group(self, group: Dict[str, Any]) -> None:
        """Raise on an option outside its range."""

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients (or set them to zero)."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                if set_to_none:
                    p.grad = None
                else:
                    with rustorch.no_grad():
                        p.grad.detach().zero_()

    def step(self, closure: Optional[Callable[[], Any]] = None) -> Any:
        """Update all parameters that have a gradient.

        ``closure``, if given, computes the loss anew (with gradients) and returns it; ``step`` returns what it returned.
        """
        for hook in list(self._pre_hooks.values()):
            hook(self, (closure,), {})
        loss = None
        if closure is not None:
            with rustorch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if params:
                self._step_group(group, params)
        for hook in list(self._post_hooks.values()):
            hook(self, (closure,), {})
        return loss

    def _step_group(self, group: Dict[str, Any], params: List[Tensor]) -> None:
        raise UnsupportedError(f"{type(self).__name__} does not define _step_group")

    def register_step_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before each step."""
        handle = RemovableHandle(self._pre_hooks)
        self._pre_hooks[handle.id] = hook
        return handle

    def register_step_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        handle = RemovableHandle(self._post_hooks)
        self._post_hooks[handle.id] = hook
        return handle

    # ------------------------------------------------------------------------------------------ state

    def _numbered(self) -> Dict[int, int]:
        order = [p for group in self.param_groups for p in group["params"]]
        return {id(p): i for i, p in enumerate(order)}

    def state_dict(self) -> Dict[str, Any]:
        """``state`` (per parameter, numbered in the order of the groups) and ``param_groups``; tensors are shared."""
        numbers = self._numbered()
        groups = []
        for group in self.param_groups:
            packed = {key: value for key, value in group.items() if key != "params"}
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            groups.append(packed)
        state = OrderedDict()
        for p, values in self.state.items():
            if id(p) in numbers:
                state[numbers[id(p)]] = dict(values)
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` gave; tensors are copied.

        Raises
        ------
        ValueError
            Groups or their sizes differ, or a state does not fit its parameter. Nothing is changed then.
        """
        groups = state_dict["param_groups"]
        if len(groups) != len(self.param_groups):
            raise ArgumentValueError(
                f"loaded state dict has {len(groups)} parameter groups, this optimizer has {len(self.param_groups)}"
            )
        for i, (own, given) in enumerate(zip(self.param_groups, groups)):
            if len(own["params"]) != len(given["params"]):
                raise ArgumentValueError(
                    f"loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                    f"group {i} has {len(given['params'])} parameters there and {len(own['params'])} here"
                )
        by_number: Dict[int, Tensor] = {}
        for own, given in zip(self.param_groups, groups):
            by_number.update(zip(map(int, given["params"]), own["params"]))
        state: Dict[Tensor, Dict[str, Any]] = defaultdict(dict)
        for number, values in state_dict["state"].items():
            if int(number) not in by_number:
                raise ArgumentValueError(f"loaded state dict has state for parameter {number}, which no group has")
            p = by_number[int(number)]
            state[p] = {key: self._copy_state(p, key, value) for key, value in values.items()}
        for own, given in zip(self.param_groups, groups):
            params = own["params"]
            own.update({key: value for key, value in given.items() if key != "params"})
            own["params"] = params
            for key in own:  # what was a pair is a pair again, whatever file it went through
                if isinstance(self.defaults.get(key), tuple) and isinstance(own[key], list):
                    own[key] = tuple(own[key])
        self.state = state

    def _copy_state(self, p: Tensor, key: str, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        if value.numel() != 1 and value.shape != p.shape:
            raise ArgumentValueError(
                f"the loaded state '{key}' has shape {tuple(value.shape)}, its parameter has {tuple(p.shape)}"
            )
        return value.detach().to(p.dtype if value.is_floating_point() else value.dtype).clone()


def check_range(name: str, value: float, low: float = 0.0, high: float = float("inf"), open_high: bool = False) -> None:
    """Raise ValueError unless low ≤ value ≤ high (value < high if open_high)."""
    value = float(value)
    if not (low <= value < high if open_high else low <= value <= high):
        raise ArgumentValueError(f"Invalid {name}: {value}")


class FusedOptimizer(Optimizer):
    """An optimiser whose step is one pass of the engine over all parameters of a group."""

    _rule = ""
    _states: Tuple[str, ...] = ()

    def _options(self, group: Dict[str, Any]) -> Dict[str, Any]:
        """The engine's options for a group."""
        raise NotImplementedError

    def _wanted_states(self, group: Dict[str, Any]) -> Tuple[bool, ...]:
        """Which of ``_states`` this group's options need."""
        return (True,) * len(self._states)

    def _step_group(self, group: Dict[str, Any], params: List[Tensor]) -> None:
        wanted = self._wanted_states(group)
        steps = []
        for p in params:
            state = self.state[p]
            state["step"] = state.get("step", 0) + 1
            steps.append(int(state["step"]))
            for name, needed in zip(self._states, wanted):
                if needed and state.get(name) is None:
                    state[name] = rustorch.zeros_like(p.detach())
                    if state["step"] > 1:  # an option that was switched on later starts from here
                        self._late_state(state, name)
        states = tuple([self.state[p][name] for p in params] if needed else None for name, needed in zip(self._states, wanted))
        rustorch._C._optim_step(self._rule, params, [p.grad for p in params], states, steps, **self._options(group))

    def _late_state(self, state: Dict[str, Any], name: str) -> None:
        """A state that appears after the first step is zero."""
