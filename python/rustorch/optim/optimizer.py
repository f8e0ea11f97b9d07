"""The base class of optimisers: parameter groups, state, hooks."""

from __future__ import annotations

import copy
import difflib
import functools
from collections import OrderedDict, defaultdict
from itertools import chain
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

import rustorch
from rustorch import Tensor, _C
from rustorch._C import ArgumentTypeError, ArgumentValueError, RusTorchError, UnsupportedError
from rustorch.nn.modules.module import RemovableHandle, _Table

__all__ = ["Optimizer", "register_optimizer_step_pre_hook", "register_optimizer_step_post_hook"]


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()  # the default of an option that every group must give

_global_pre_hooks: Any = _Table()
_global_post_hooks: Any = _Table()


def register_optimizer_step_pre_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(optimizer, args, kwargs)`` before each step of every optimizer.

    >>> from rustorch.optim.optimizer import register_optimizer_step_pre_hook
    >>> handle = register_optimizer_step_pre_hook(lambda optimizer, args, kwargs: print("step"))
    >>> optim.SGD([rustorch.ones(1, requires_grad=True)], lr=0.1).step()
    step
    >>> handle.remove()
    """
    return _add_hook(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable) -> RemovableHandle:
    """Call ``hook(optimizer, args, kwargs)`` after each step of every optimizer.

    >>> from rustorch.optim.optimizer import register_optimizer_step_post_hook
    >>> handle = register_optimizer_step_post_hook(lambda optimizer, args, kwargs: print("done"))
    >>> optim.SGD([rustorch.ones(1, requires_grad=True)], lr=0.1).step()
    done
    >>> handle.remove()
    """
    return _add_hook(_global_post_hooks, hook)


def _add_hook(table: Any, hook: Callable, prepend: bool = False) -> RemovableHandle:
    if not callable(hook):
        raise ArgumentTypeError(f"a hook must be callable, not {type(hook).__name__}")
    handle = RemovableHandle(table)
    table[handle.id] = hook
    if prepend:
        table.move_to_end(handle.id, last=False)
    return handle


def _hooked(step: Callable) -> Callable:
    """``step`` with the hooks around it; once, also where a subclass's step calls its base's."""

    @functools.wraps(step)
    def wrapper(self: "Optimizer", *args: Any, **kwargs: Any) -> Any:
        if self._in_step:
            return step(self, *args, **kwargs)
        args = (self,) + args
        span = _C._profile_enter(f"Optimizer.step#{type(self).__name__}.step", "optimizer")
        self._in_step = True
        try:
            for hook in list(chain(_global_pre_hooks.values(), self._optimizer_step_pre_hooks.values())):
                changed = hook(self, args, kwargs)
                if changed is not None:
                    if not (isinstance(changed, tuple) and len(changed) == 2):
                        raise RusTorchError(
                            f"a step pre-hook must return None or a tuple of (new_args, new_kwargs), but got {changed}."
                        )
                    args, kwargs = changed
            result = step(*args, **kwargs)
        finally:
            self._in_step = False
            _C._profile_leave(span)
        self._opt_called = True  # schedulers warn when they come before the first step
        for hook in list(chain(self._optimizer_step_post_hooks.values(), _global_post_hooks.values())):
            hook(self, args, kwargs)
        return result

    return wrapper


_HOOK_TABLES = (
    "_optimizer_step_pre_hooks", "_optimizer_step_post_hooks",
    "_optimizer_state_dict_pre_hooks", "_optimizer_state_dict_post_hooks",
    "_optimizer_load_state_dict_pre_hooks", "_optimizer_load_state_dict_post_hooks",
)  # fmt: skip


class _Rate(float):
    """A learning rate by Keras's name, which the API reference writes as a call."""

    def __call__(self) -> float:
        return float(self)


class Optimizer:
    """Base class of optimisers.

    Parameters
    ----------
    params : tensors, named tensors (pairs), or dictionaries
        A dictionary is a parameter group: ``{"params": [...], "lr": 0.1}`` with options of its own. Keys that are no
        options are kept, as PyTorch does, unless they look like a misspelt option.
    defaults : dict
        Options of groups that do not give them.

    An optimiser of your own calls ``super().__init__(params, defaults)`` and defines ``step(closure=None)``; it finds
    its options in ``param_groups`` and keeps what it needs in ``state[p]``.

    >>> class Half(optim.Optimizer):
    ...     def __init__(self, params):
    ...         super().__init__(params, {})
    ...     def step(self, closure=None):
    ...         with rustorch.no_grad():
    ...             for group in self.param_groups:
    ...                 for p in group["params"]:
    ...                     p.mul_(0.5)
    ... 
    >>> p = nn.Parameter(rustorch.ones(1))
    >>> Half([p]).step()
    >>> p.item()
    0.5
    """

    _in_step = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = _hooked(cls.__dict__["step"])

    def __init__(self, params: Iterable[Any], defaults: Dict[str, Any]) -> None:
        self.defaults = defaults
        self.state: Dict[Tensor, Dict[str, Any]] = defaultdict(dict)
        self.param_groups: List[Dict[str, Any]] = []
        self._make_hook_tables()
        if isinstance(params, Tensor):
            raise ArgumentTypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                + rustorch.typename(params)
            )
        groups = list(params)
        if not groups:
            raise ArgumentValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _make_hook_tables(self) -> None:
        for name in _HOOK_TABLES:
            if name not in self.__dict__:
                self.__dict__[name] = _Table()

    def __getstate__(self) -> Dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._make_hook_tables()

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
        self._take_params(group)
        names = "param_names" in group
        if any(("param_names" in other) != names for other in self.param_groups):
            raise ArgumentValueError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{'with' if names else 'without'} names to the optimizer"
            )
        known = {id(p) for other in self.param_groups for p in other["params"]}
        if any(id(p) in known for p in group["params"]):
            raise ArgumentValueError("some parameters appear in more than one parameter group")
        for name in set(group) - set(self.defaults) - {"params", "param_names", "name", "initial_lr"}:
            likely = difflib.get_close_matches(name, self.defaults, 1, 0.8)
            if likely:
                raise ArgumentTypeError(f"{type(self).__name__} has no option '{name}'; did you mean '{likely[0]}'?")
        for name, value in self.defaults.items():
            if value is required and name not in group:
                raise ArgumentValueError(
                    f"parameter group didn't specify a value of required optimization parameter {name}"
                )
            group.setdefault(name, value)
        self._check_group(group)
        self.param_groups.append(group)

    def _take_params(self, group: Dict[str, Any]) -> None:
        """Make ``group["params"]`` a list of tensors, and ``group["param_names"]`` one of names if there are any."""
        params = group["params"]
        if isinstance(params, Tensor):
            params = [params]
        elif isinstance(params, set):
            raise ArgumentTypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
                "will change between runs. Please use a list instead."
            )
        params = list(params)
        named = [p for p in params if isinstance(p, tuple)]
        if named:
            if len(named) != len(params):
                raise ArgumentValueError("all optimizer params should be with/without names. Some param names are missing")
            group["param_names"] = [name for name, _ in named]
            params = [p for _, p in named]
        for p in params:
            if not isinstance(p, Tensor):
                raise ArgumentTypeError(f"optimizer can only optimize Tensors, but one of the params is {rustorch.typename(p)}")
            if not (p.is_leaf or getattr(p, "retains_grad", False)):
                raise ArgumentValueError("can't optimize a non-leaf Tensor")
        if len({id(p) for p in params}) != len(params):
            raise ArgumentValueError("some parameters appear more than once in a parameter group")
        group["params"] = params

    def _check_group(self, group: Dict[str, Any]) -> None:
        """Raise on an option outside its range."""

    @property
    def learning_rate(self) -> "_Rate":
        """The learning rate of the first group of parameters: a number, and also callable; setting it is :meth:`set_learning_rate`.

        >>> optimizer = rustorch.optim.SGD([rustorch.zeros(1, requires_grad=True)], lr=0.5)
        >>> optimizer.learning_rate, optimizer.learning_rate()
        (0.5, 0.5)
        >>> optimizer.learning_rate = 0.1
        >>> optimizer.param_groups[0]["lr"]
        0.1
        """
        return _Rate(self.param_groups[0]["lr"])

    @learning_rate.setter
    def learning_rate(self, lr: float) -> None:
        self.set_learning_rate(lr)

    def set_learning_rate(self, lr: float) -> None:
        """Give every group of parameters one learning rate."""
        if not lr >= 0:
            raise ArgumentValueError(f"set_learning_rate: the learning rate must not be negative, but it is {lr}")
        for group in self.param_groups:
            group["lr"] = lr

    def param_count(self) -> int:
        """The number of tensors that are trained."""
        return sum(len(group["params"]) for group in self.param_groups)

    def __getattr__(self, name: str) -> Any:
        # Options of the first group as the API reference asks for them: momentum(), weight_decay(), beta1(), …
        groups = self.__dict__.get("param_groups")
        options = groups[0] if groups else {}
        if name in ("beta1", "beta2") and "betas" in options:
            return lambda: options["betas"][int(name[-1]) - 1]
        if name != "params" and name in options:
            return lambda: options[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

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
        loss = None
        if closure is not None:
            with rustorch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if params:
                self._step_group(group, params)
        return loss

    step = _hooked(step)

    def _step_group(self, group: Dict[str, Any], params: List[Tensor]) -> None:
        raise UnsupportedError(f"{type(self).__name__} defines neither step nor _step_group")

    def register_step_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before each step; it may return new ``(args, kwargs)``.

        ``args`` begins with the optimizer, as PyTorch has it.
        """
        return _add_hook(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return _add_hook(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer)`` before :meth:`state_dict` collects."""
        return _add_hook(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` after :meth:`state_dict`; what it returns, if not None, replaces the result."""
        return _add_hook(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` before :meth:`load_state_dict`; what it returns, if not None, is loaded."""
        return _add_hook(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer)`` after :meth:`load_state_dict`."""
        return _add_hook(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    # ------------------------------------------------------------------------------------------ state

    def _numbered(self) -> Dict[int, int]:
        order = [p for group in self.param_groups for p in group["params"]]
        return {id(p): i for i, p in enumerate(order)}

    def state_dict(self) -> Dict[str, Any]:
        """``state`` (per parameter, numbered in the order of the groups) and ``param_groups``; tensors are shared.

        The structure is PyTorch's: what one library gave, the other loads.
        """
        for hook in list(self._optimizer_state_dict_pre_hooks.values()):
            hook(self)
        numbers = self._numbered()
        groups = []
        for group in self.param_groups:
            packed = {key: value for key, value in group.items() if key != "params"}
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            groups.append(packed)
        state: Dict[Any, Any] = OrderedDict()
        for p, values in self.state.items():
            if not isinstance(p, Tensor):
                state[p] = values
            elif id(p) in numbers:
                state[numbers[id(p)]] = dict(values)
        result = {"state": state, "param_groups": groups}
        for hook in list(self._optimizer_state_dict_post_hooks.values()):
            changed = hook(self, result)
            if changed is not None:
                result = changed
        return result

    def load_state_dict(self, state_dict: Dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` gave; tensors are copied.

        Raises
        ------
        ValueError
            Groups or their sizes differ, or a state does not fit its parameter. Nothing is changed then.
        """
        state_dict = dict(state_dict)
        for hook in list(self._optimizer_load_state_dict_pre_hooks.values()):
            changed = hook(self, state_dict)
            if changed is not None:
                state_dict = changed
        given = state_dict["param_groups"]
        self._check_fit(given)
        by_number: Dict[int, Tensor] = {}
        for own, other in zip(self.param_groups, given):
            by_number.update(zip(map(int, other["params"]), own["params"]))
        state: Dict[Any, Dict[str, Any]] = defaultdict(dict)
        for number, values in state_dict["state"].items():
            if not str(number).isdigit():
                state[number] = values
            elif int(number) not in by_number:
                raise ArgumentValueError(f"loaded state dict has state for parameter {number}, which no group has")
            else:
                p = by_number[int(number)]
                state[p] = {key: self._copy_state(p, key, value) for key, value in values.items()}
        groups = [self._merged(own, other) for own, other in zip(self.param_groups, given)]
        self.__setstate__({"state": state, "param_groups": groups})
        for hook in list(self._optimizer_load_state_dict_post_hooks.values()):
            hook(self)

    def _check_fit(self, groups: List[Dict[str, Any]]) -> None:
        if len(groups) != len(self.param_groups):
            raise ArgumentValueError(
                "loaded state dict has a different number of parameter groups: "
                f"{len(groups)} there, {len(self.param_groups)} here"
            )
        for i, (own, given) in enumerate(zip(self.param_groups, groups)):
            if len(own["params"]) != len(given["params"]):
                raise ArgumentValueError(
                    f"loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                    f"group {i} has {len(given['params'])} parameters there and {len(own['params'])} here"
                )

    def _merged(self, own: Dict[str, Any], given: Dict[str, Any]) -> Dict[str, Any]:
        group = {**own, **{key: copy.deepcopy(value) for key, value in given.items() if key != "params"}}
        for key, value in group.items():  # what was a pair is a pair again, whatever file it went through
            if isinstance(self.defaults.get(key), tuple) and isinstance(value, list):
                group[key] = tuple(value)
        self._check_group(group)
        return group

    def _copy_state(self, p: Tensor, key: str, value: Any) -> Any:
        """A copy of one entry of a state; floating-point tensors other than ``step`` get the parameter's dtype."""
        if isinstance(value, Tensor):
            value = value.detach()
            return value.to(p.dtype if key != "step" and value.is_floating_point() else value.dtype, copy=True)
        if isinstance(value, dict):
            return {k: self._copy_state(p, k, v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self._copy_state(p, "", v) for v in value)
        return value


def check_range(name: str, value: float, low: float = 0.0, high: float = float("inf"), open_high: bool = False) -> None:
    """Raise ValueError unless low ≤ value ≤ high (value < high if open_high)."""
    if not (low <= value < high if open_high else low <= value <= high):
        raise ArgumentValueError(f"Invalid {name}: {value}")


def check_betas(betas: Any) -> None:
    """Raise ValueError unless both are in [0, 1)."""
    for i, beta in enumerate(betas):
        check_range(f"beta parameter at index {i}", beta, 0, 1, open_high=True)


class FusedOptimizer(Optimizer):
    """An optimiser whose step is one pass of the engine over all parameters of a group.

    Options that steer PyTorch's choice of implementation, in every class of this kind: ``foreach`` and ``fused`` are
    accepted, since each step is one fused pass in any case (both at once is PyTorch's error); ``capturable=True``, for
    CUDA graphs, is an error on the CPU; so is ``differentiable=True``: the step is not recorded.
    """

    _rule = ""
    _states: Tuple[str, ...] = ()  # tensors like the parameter
    _scalars: Tuple[str, ...] = ("step",)  # tensors of one element; all but step are float64
    _passed: Tuple[str, ...] = ()  # options that the engine takes under their own names, besides lr

    def _options(self, group: Dict[str, Any]) -> Dict[str, Any]:
        """The engine's options for a group."""
        options = {"lr": float(group["lr"]), **{name: group[name] for name in self._passed}}
        if "betas" in group:
            options["beta1"], options["beta2"] = group["betas"]
        if "decoupled_weight_decay" in group:
            options["decoupled"] = group["decoupled_weight_decay"]
        return options

    def _wanted_states(self, group: Dict[str, Any]) -> Tuple[bool, ...]:
        """Which of ``_states`` this group's options need."""
        return (True,) * len(self._states)

    def _new_state(self, name: str, p: Tensor, group: Dict[str, Any]) -> Tensor:
        return rustorch.zeros_like(p.detach())

    def _new_scalar(self, name: str, group: Dict[str, Any]) -> float:
        return 0.0

    def _check_group(self, group: Dict[str, Any]) -> None:
        name = type(self).__name__
        lr = group["lr"]
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ArgumentValueError("Tensor lr must be 1-element")
        check_range("learning rate", lr)
        if "weight_decay" in group:
            check_range("weight_decay value", group["weight_decay"])
        if "eps" in group:
            check_range("epsilon value", group["eps"])
        if "betas" in group:
            check_betas(group["betas"])
        if group.get("fused") and group.get("differentiable"):
            raise RusTorchError("`fused` does not support `differentiable`")
        if group.get("fused") and group.get("foreach"):
            raise RusTorchError("`fused` and `foreach` cannot be `True` together.")
        if group.get("differentiable"):
            raise UnsupportedError(
                f"{name}: differentiable=True is not supported: the step is one fused pass that is not recorded. "
                "Write the update with tensor operations to differentiate through it."
            )
        if group.get("capturable") and any(p.device.type == "cpu" for p in group["params"]):
            raise RusTorchError(
                f"{name}: capturable=True is for CUDA graphs, but parameters are on the CPU: leave it False"
            )

    def _step_group(self, group: Dict[str, Any], params: List[Tensor]) -> None:
        self._run(group, params, self._options(group))

    def _run(self, group: Dict[str, Any], params: List[Tensor], options: Dict[str, Any]) -> None:
        wanted = [name for name, needed in zip(self._states, self._wanted_states(group)) if needed]
        kept = []
        for p in params:
            state = self.state[p]
            for name in self._scalars:
                if name not in state:
                    dtype = rustorch.float32 if name == "step" else rustorch.float64
                    state[name] = rustorch.tensor(self._new_scalar(name, group), dtype=dtype)
            for name in wanted:  # an option that is switched on later starts from a new state
                if state.get(name) is None:
                    state[name] = self._new_state(name, p, group)
            kept.append(state)
        states = tuple([state[name] for state in kept] if name in wanted else None for name in self._states)
        scalars = tuple([state[name] for state in kept] for name in self._scalars)
        rustorch._C._optim_step(self._rule, params, [p.grad for p in params], states, scalars, options)

    def _copy_state(self, p: Tensor, key: str, value: Any) -> Any:
        if key in self._scalars:
            dtype = rustorch.float32 if key == "step" else rustorch.float64
            return rustorch.tensor(float(value), dtype=dtype)
        if isinstance(value, Tensor) and value.shape != p.shape:
            raise ArgumentValueError(
                f"the loaded state '{key}' has shape {tuple(value.shape)}, its parameter has {tuple(p.shape)}"
            )
        return super()._copy_state(p, key, value)
