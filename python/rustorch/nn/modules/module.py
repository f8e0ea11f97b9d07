"""The base class of all layers and models."""

from __future__ import annotations

import itertools
import weakref
from collections import OrderedDict
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple, TypeVar, Union

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentTypeError, ArgumentValueError, RusTorchError, UnsupportedError
from rustorch.nn.parameter import Buffer, Parameter

T = TypeVar("T", bound="Module")

__all__ = ["Module"]


class RemovableHandle:
    """What a hook's registration returns: ``remove()`` takes the hook away. Also a context manager.

    Examples
    --------
    >>> layer = nn.ReLU()
    >>> handle = layer.register_forward_hook(lambda module, args, output: output + 1)
    >>> layer(rustorch.zeros(1))
    tensor([1.])
    >>> handle.remove()
    >>> layer(rustorch.zeros(1))
    tensor([0.])
    """

    _ids = itertools.count(1)

    def __init__(self, hooks: Dict[int, Any], *also: Dict[int, Any]) -> None:
        self.id = next(RemovableHandle._ids)
        self._tables = [weakref.ref(table) for table in (hooks, *also)]

    def remove(self) -> None:
        """Take the hook away; doing it twice is fine."""
        for reference in self._tables:
            table = reference()
            if table is not None:
                table.pop(self.id, None)

    def __enter__(self) -> "RemovableHandle":
        return self

    def __exit__(self, *error: Any) -> None:
        self.remove()


class _Table(OrderedDict):
    """An OrderedDict that weak references can point to."""


class IncompatibleKeys(NamedTuple):
    """What ``load_state_dict`` did not match: two lists of names."""

    missing_keys: List[str]
    unexpected_keys: List[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"

    __str__ = __repr__


_TABLES = (
    "_parameters",
    "_buffers",
    "_modules",
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)


class Module:
    """Base class of layers and models: holds parameters, buffers and other modules by name.

    Assign a :class:`Parameter` or a ``Module`` to an attribute and it is found by :meth:`parameters`,
    :meth:`state_dict`, :meth:`to` and so on. Subclasses call ``super().__init__()`` first and define ``forward``.

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch import nn
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.layer = nn.Linear(4, 2)
    ...     def forward(self, x):
    ...         return torch.relu(self.layer(x))
    >>> net = Net()
    >>> [name for name, _ in net.named_parameters()]
    ['layer.weight', 'layer.bias']
    >>> net(torch.zeros(3, 4)).shape
    rustorch.Size([3, 2])
    """

    training: bool
    _version = 1

    def __init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "training", True)
        for table in _TABLES:
            set_(self, table, _Table())
        set_(self, "_non_persistent_buffers", set())
        # Hooks that want keyword arguments, or that run even when forward raised, by their ids.
        set_(self, "_hooks_with_kwargs", _Table())
        set_(self, "_hooks_always_called", _Table())
        set_(self, "_hooks_full_backward", _Table())

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes. Subclasses define it; call the module itself, so that hooks run."""
        raise UnsupportedError(f'{type(self).__name__} has no "forward" method: define it')

    # ------------------------------------------------------------------------------------------ calling

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not (self._forward_pre_hooks or self._forward_hooks or self._backward_hooks or self._backward_pre_hooks):
            return self.forward(*args, **kwargs)
        return self._call_with_hooks(args, kwargs)

    def _call_with_hooks(self, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> Any:
        result = None
        called = set()
        try:
            for key, hook in list(self._forward_pre_hooks.items()):
                if key in self._hooks_with_kwargs:
                    changed = hook(self, args, kwargs)
                    if changed is not None:
                        args, kwargs = changed
                else:
                    changed = hook(self, args)
                    if changed is not None:
                        args = changed if isinstance(changed, tuple) else (changed,)
            backward = None
            if self._backward_hooks or self._backward_pre_hooks:
                from rustorch.nn.modules._backward_hooks import BackwardHook

                backward = BackwardHook(self)
                args = backward.watch_inputs(args)
            result = self.forward(*args, **kwargs)
            for key, hook in list(self._forward_hooks.items()):
                called.add(key)
                with_kwargs = key in self._hooks_with_kwargs
                changed = hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
                if changed is not None:
                    result = changed
            return backward.watch_outputs(result) if backward else result
        except BaseException:
            for key, hook in list(self._forward_hooks.items()):
                if key in self._hooks_always_called and key not in called:
                    if key in self._hooks_with_kwargs:
                        hook(self, args, kwargs, result)
                    else:
                        hook(self, args, result)
            raise

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before ``forward``; what it returns, if not None, replaces the arguments."""
        handle = RemovableHandle(self._forward_pre_hooks, self._hooks_with_kwargs)
        return self._add_hook(self._forward_pre_hooks, handle, hook, prepend, with_kwargs)

    def register_forward_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after ``forward``; what it returns, if not None, replaces the output."""
        handle = RemovableHandle(self._forward_hooks, self._hooks_with_kwargs, self._hooks_always_called)
        if always_call:
            self._hooks_always_called[handle.id] = True
        return self._add_hook(self._forward_hooks, handle, hook, prepend, with_kwargs)

    def register_full_backward_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` when the gradients of the outputs are known."""
        handle = RemovableHandle(self._backward_pre_hooks)
        return self._add_hook(self._backward_pre_hooks, handle, hook, prepend, False)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when the gradients of the inputs are known."""
        handle = RemovableHandle(self._backward_hooks)
        return self._add_hook(self._backward_hooks, handle, hook, prepend, False)

    register_backward_hook = register_full_backward_hook

    def _add_hook(self, table: Any, handle: RemovableHandle, hook: Callable, prepend: bool, kwargs: bool) -> Any:
        if not callable(hook):
            raise ArgumentTypeError(f"a hook must be callable, not {type(hook).__name__}")
        table[handle.id] = hook
        if kwargs:
            self._hooks_with_kwargs[handle.id] = True
        if prepend:
            table.move_to_end(handle.id, last=False)
        return handle

    # ------------------------------------------------------------------------------------------ attributes

    def __getattr__(self, name: str) -> Any:
        attributes = self.__dict__
        for table in ("_parameters", "_buffers", "_modules"):
            if table in attributes and name in attributes[table]:
                return attributes[table][name]
        hint = ": rustorch.save(model.state_dict(), path) keeps the parameters" if name == "save" else ""  # what TorchScript adds
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'{hint}")

    def __setattr__(self, name: str, value: Any) -> None:
        attributes = self.__dict__
        parameters = attributes.get("_parameters")
        if isinstance(value, Parameter):
            self._need_init(name)
            self._forget(name, keep="_parameters")
            self.register_parameter(name, value)
        elif parameters is not None and name in parameters:
            if value is not None:
                raise ArgumentTypeError(
                    f"cannot assign '{type(value).__name__}' as parameter '{name}' (nn.Parameter or None expected)"
                )
            parameters[name] = None
        elif isinstance(value, Module):
            self._need_init(name)
            self._forget(name, keep="_modules")
            attributes["_modules"][name] = value
        elif "_modules" in attributes and name in attributes["_modules"]:
            if value is not None:
                raise ArgumentTypeError(
                    f"cannot assign '{type(value).__name__}' as child module '{name}' (nn.Module or None expected)"
                )
            attributes["_modules"][name] = None
        elif isinstance(value, Buffer) and name not in attributes.get("_buffers", ()):
            self._need_init(name)
            self._forget(name, keep="_buffers")
            self.register_buffer(name, value, value.persistent)
        elif "_buffers" in attributes and name in attributes["_buffers"]:
            if value is not None and not isinstance(value, Tensor):
                raise ArgumentTypeError(
                    f"cannot assign '{type(value).__name__}' as buffer '{name}' (rustorch.Tensor or None expected)"
                )
            attributes["_buffers"][name] = value
        else:
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        for table in ("_parameters", "_buffers", "_modules"):
            if name in self.__dict__[table]:
                del self.__dict__[table][name]
                self._non_persistent_buffers.discard(name)
                return
        object.__delattr__(self, name)

    def _need_init(self, name: str) -> None:
        if "_parameters" not in self.__dict__:
            raise AttributeError(f"cannot assign '{name}' before Module.__init__() call")

    def _forget(self, name: str, keep: str) -> None:
        self.__dict__.pop(name, None)
        for table in ("_parameters", "_buffers", "_modules"):
            if table != keep:
                self.__dict__[table].pop(name, None)

    def __dir__(self) -> List[str]:
        names = set(dir(type(self))) | set(self.__dict__)
        for table in ("_parameters", "_buffers", "_modules"):
            names.update(self.__dict__.get(table, ()))
        return sorted(names)

    def _check_name(self, kind: str, name: str, table: str) -> None:
        self._need_init(name)
        if not isinstance(name, str):
            raise ArgumentTypeError(f"the name of a {kind} must be a string, not {type(name).__name__}")
        if not name or "." in name:
            raise KeyError(f'the name of a {kind} cannot be empty or contain ".", got "{name}"')
        if hasattr(self, name) and name not in self.__dict__[table]:
            raise KeyError(f"attribute '{name}' already exists")

    def register_parameter(self, name: str, param: Optional[Parameter]) -> None:
        """Add a parameter under ``name``; None reserves the name."""
        self._check_name("parameter", name, "_parameters")
        if param is not None and not isinstance(param, Parameter):
            raise ArgumentTypeError(f"cannot assign '{type(param).__name__}' to parameter '{name}' (nn.Parameter or None expected)")
        if param is not None and param.grad_fn is not None:
            raise ArgumentValueError(f"parameter '{name}' is not a leaf: a model's parameters must be created, not computed")
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Optional[Tensor], persistent: bool = True) -> None:
        """Add a tensor that is part of the state but not trained; ``persistent=False`` keeps it out of ``state_dict``."""
        self._check_name("buffer", name, "_buffers")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise ArgumentTypeError(f"cannot assign '{type(tensor).__name__}' to buffer '{name}' (rustorch.Tensor or None expected)")
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers.discard(name)
        else:
            self._non_persistent_buffers.add(name)

    def add_module(self, name: str, module: Optional["Module"]) -> None:
        """Add a child module under ``name``."""
        if module is not None and not isinstance(module, Module):
            raise ArgumentTypeError(f"{type(module).__name__} is not a Module subclass")
        self._check_name("module", name, "_modules")
        self._modules[name] = module

    register_module = add_module

    def get_submodule(self, target: str) -> "Module":
        """The module at a dotted path; ``""`` is the module itself."""
        module = self
        for part in target.split(".") if target else ():
            if not hasattr(module, part):
                raise AttributeError(f"{type(module).__name__} has no attribute `{part}`")
            module = getattr(module, part)
            if not isinstance(module, Module):
                raise AttributeError(f"`{part}` is not an nn.Module")
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path."""
        path, _, name = target.rpartition(".")
        parameter = getattr(self.get_submodule(path), name)
        if not isinstance(parameter, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return parameter

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return module._buffers[name]

    # ------------------------------------------------------------------------------------------ walking

    def named_modules(
        self, memo: Optional[Set["Module"]] = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[Tuple[str, "Module"]]:
        """Dotted path and module, of this module and all below it; a shared module comes once."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                path = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(memo, path, remove_duplicate)

    def modules(self) -> Iterator["Module"]:
        """This module and all below it."""
        for _, module in self.named_modules():
            yield module

    def named_children(self) -> Iterator[Tuple[str, "Module"]]:
        """Name and module of the direct children."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator["Module"]:
        """The direct children."""
        for _, module in self.named_children():
            yield module

    def _named_members(self, table: str, prefix: str, recurse: bool, remove_duplicate: bool) -> Iterator[Tuple[str, Any]]:
        seen = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, value in module.__dict__[table].items():
                if value is None or id(value) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(value))
                yield f"{path}.{name}" if path else name, value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[Tuple[str, Parameter]]:
        """Dotted path and parameter; a shared parameter comes once."""
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters: what an optimiser takes."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[Tuple[str, Tensor]]:
        """Dotted path and buffer."""
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """All buffers."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def apply(self: T, fn: Callable[["Module"], None]) -> T:
        """Call ``fn`` with every module, children first, and return this one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    # ------------------------------------------------------------------------------------------ modes

    def train(self: T, mode: bool = True) -> T:
        """Training mode (dropout drops, batch norm uses the batch) on or off, for this module and all below it."""
        if not isinstance(mode, bool):
            raise ArgumentValueError("training mode is expected to be boolean")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self: T) -> T:
        """``train(False)``."""
        return self.train(False)

    def requires_grad_(self: T, requires_grad: bool = True) -> T:
        """Set ``requires_grad`` of all parameters."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients (or set them to zero)."""
        for parameter in self.parameters():
            if parameter.grad is None:
                continue
            if set_to_none:
                parameter.grad = None
            else:
                parameter.grad = parameter.grad.detach().zero_()

    # ------------------------------------------------------------------------------------------ moving

    def _apply(self: T, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> T:
        if recurse:
            for child in self.children():
                child._apply(fn)
        with rustorch.no_grad():
            for parameter in self._parameters.values():
                if parameter is None:
                    continue
                gradient = parameter.grad
                parameter.grad = None
                parameter.data = fn(parameter.data)
                if gradient is not None:
                    parameter.grad = fn(gradient.detach())
            for name, buffer in self._buffers.items():
                if buffer is not None:
                    self._buffers[name] = fn(buffer)
        return self

    def to(self: T, *args: Any, **kwargs: Any) -> T:
        """Move parameters and buffers to a device, or floating-point ones to a dtype; returns the module itself.

        Accepts ``to(device)``, ``to(dtype)``, ``to(device, dtype)``, ``to(tensor)`` and the keywords.
        """
        probe = rustorch.empty(0).to(*args, **kwargs)
        wants_dtype = "dtype" in kwargs or any(isinstance(arg, (rustorch.dtype, Tensor)) for arg in args)
        if wants_dtype and not probe.dtype.is_floating_point:
            raise ArgumentTypeError(f"nn.Module.to only accepts floating point dtypes, but got desired dtype={probe.dtype}")

        def move(tensor: Tensor) -> Tensor:
            if wants_dtype and tensor.is_floating_point():
                return tensor.to(probe.device, probe.dtype)
            return tensor.to(probe.device)

        return self._apply(move)

    def type(self: T, dst_type: Any) -> T:
        """All parameters and buffers in another dtype."""
        return self._apply(lambda tensor: tensor.to(dst_type))

    def _float_to(self: T, dtype: Any) -> T:
        return self._apply(lambda tensor: tensor.to(dtype) if tensor.is_floating_point() else tensor)

    def float(self: T) -> T:
        """Floating-point parameters and buffers as float32."""
        return self._float_to(rustorch.float32)

    def double(self: T) -> T:
        """Floating-point parameters and buffers as float64."""
        return self._float_to(rustorch.float64)

    def half(self: T) -> T:
        """Floating-point parameters and buffers as float16."""
        return self._float_to(rustorch.float16)

    def bfloat16(self: T) -> T:
        """Floating-point parameters and buffers as bfloat16."""
        return self._float_to(rustorch.bfloat16)

    def cpu(self: T) -> T:
        """All parameters and buffers on the CPU."""
        return self._apply(lambda tensor: tensor.cpu())

    def cuda(self: T, device: Optional[Union[int, Any]] = None) -> T:
        """All parameters and buffers on a GPU."""
        where = "cuda" if device is None else f"cuda:{device}" if isinstance(device, int) else device
        return self._apply(lambda tensor: tensor.to(where))

    def share_memory(self: T) -> T:
        """Move parameters and buffers to memory that processes share: see :meth:`Tensor.share_memory_`; returns the module."""
        return self._apply(lambda tensor: tensor.share_memory_())

    # ------------------------------------------------------------------------------------------ state

    def state_dict(self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Dict[str, Any]:
        """Names and values of all parameters and persistent buffers, detached unless ``keep_vars``.

        The tensors share memory with the module's own.
        """
        if destination is None:
            destination = OrderedDict()
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        for table in (self._parameters, self._buffers):
            for name, value in table.items():
                if value is None or (table is self._buffers and name in self._non_persistent_buffers):
                    continue
                destination[prefix + name] = value if keep_vars else value.detach()
        if type(self).get_extra_state is not Module.get_extra_state:
            destination[prefix + "_extra_state"] = self.get_extra_state()
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self._state_dict_hooks.values():
            changed = hook(self, destination, prefix, {})
            if changed is not None:
                destination = changed
        return destination

    def get_extra_state(self) -> Any:
        """Something beyond tensors that ``state_dict`` should hold; define it together with ``set_extra_state``."""
        raise RusTorchError(f"{type(self).__name__} does not define get_extra_state()")

    def set_extra_state(self, state: Any) -> None:
        """Take back what ``get_extra_state`` gave."""
        raise RusTorchError(f"{type(self).__name__} does not define set_extra_state()")

    def register_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` before ``state_dict`` collects."""
        handle = RemovableHandle(self._state_dict_pre_hooks)
        return self._add_hook(self._state_dict_pre_hooks, handle, hook, False, False)

    def register_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after ``state_dict`` collected."""
        handle = RemovableHandle(self._state_dict_hooks)
        return self._add_hook(self._state_dict_hooks, handle, hook, False, False)

    def register_load_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, ...)`` before the state is taken."""
        handle = RemovableHandle(self._load_state_dict_pre_hooks)
        return self._add_hook(self._load_state_dict_pre_hooks, handle, hook, False, False)

    def register_load_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(module, incompatible_keys)`` after the state was taken."""
        handle = RemovableHandle(self._load_state_dict_post_hooks)
        return self._add_hook(self._load_state_dict_post_hooks, handle, hook, False, False)

    def _load_from_state_dict(
        self,
        state_dict: Dict[str, Any],
        prefix: str,
        local_metadata: Dict[str, Any],
        strict: bool,
        missing_keys: List[str],
        unexpected_keys: List[str],
        error_msgs: List[str],
    ) -> None:
        """Take this module's own entries out of ``state_dict``; layers with an older format override it."""
        for hook in self._load_state_dict_pre_hooks.values():
            hook(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        assign = local_metadata.get("assign", False)
        for table in (self._parameters, self._buffers):
            for name, own in table.items():
                if own is None or (table is self._buffers and name in self._non_persistent_buffers):
                    continue
                key = prefix + name
                if key in state_dict:
                    self._take(table, name, key, own, state_dict[key], assign, error_msgs)
                elif strict:
                    missing_keys.append(key)
        if type(self).set_extra_state is not Module.set_extra_state:
            key = prefix + "_extra_state"
            if key in state_dict:
                self.set_extra_state(state_dict[key])
            elif strict:
                missing_keys.append(key)

    def _take(self, table: Any, name: str, key: str, own: Tensor, given: Any, assign: bool, errors: List[str]) -> None:
        if not isinstance(given, Tensor):
            errors.append(f'"{key}" is a {type(given).__name__}, a tensor is expected.')
            return
        if tuple(given.shape) != tuple(own.shape):
            errors.append(
                f"size mismatch for {key}: copying a param with shape {given.shape} from checkpoint, "
                f"the shape in current model is {own.shape}."
            )
            return
        with rustorch.no_grad():
            if not assign:
                own.copy_(given)
            elif table is self._parameters:
                table[name] = given if isinstance(given, Parameter) else Parameter(given, own.requires_grad)
            else:
                table[name] = given

    def load_state_dict(self, state_dict: Dict[str, Any], strict: bool = True, assign: bool = False) -> IncompatibleKeys:
        """Copy values into parameters and buffers.

        Parameters
        ----------
        state_dict : mapping of names to tensors
        strict : bool, default True
            Raise when names are missing or unexpected.
        assign : bool, default False
            Use the given tensors themselves instead of copying from them.

        Returns
        -------
        Two lists of names: ``missing_keys`` and ``unexpected_keys``.

        Raises
        ------
        RuntimeError
            Shapes differ, or (strict) names do; the message lists all of them. Nothing is silently left out.
        """
        if not hasattr(state_dict, "keys"):
            raise ArgumentTypeError(f"expected state_dict to be dict-like, got {type(state_dict).__name__}")
        missing: List[str] = []
        unexpected: List[str] = []
        errors: List[str] = []
        state = OrderedDict(state_dict)
        known: Set[str] = set()

        def load(module: Module, prefix: str) -> None:
            metadata = {"assign": assign}
            module._load_from_state_dict(state, prefix, metadata, True, missing, unexpected, errors)
            known.update(prefix + name for name in module._own_names())
            for name, child in module._modules.items():
                if child is not None:
                    load(child, f"{prefix}{name}.")

        load(self, "")
        unexpected.extend(key for key in state if key not in known and key not in unexpected)
        result = IncompatibleKeys(missing, unexpected)
        for module in self.modules():
            for hook in module._load_state_dict_post_hooks.values():
                hook(module, result)
        if strict and unexpected:
            errors.insert(0, "Unexpected key(s) in state_dict: {}.".format(", ".join(f'"{k}"' for k in unexpected)))
        if strict and missing:
            errors.insert(0, "Missing key(s) in state_dict: {}.".format(", ".join(f'"{k}"' for k in missing)))
        if errors:
            raise RusTorchError("Error(s) in loading state_dict for {}:\n\t{}".format(type(self).__name__, "\n\t".join(errors)))
        return result

    def _own_names(self) -> Set[str]:
        names = {name for name, value in self._parameters.items() if value is not None}
        names.update(n for n, v in self._buffers.items() if v is not None and n not in self._non_persistent_buffers)
        if type(self).set_extra_state is not Module.set_extra_state:
            names.add("_extra_state")
        return names

    # ------------------------------------------------------------------------------------------ printing, copying

    def extra_repr(self) -> str:
        """What ``repr`` shows between the brackets."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = []
        for name, module in self._modules.items():
            text = repr(module).replace("\n", "\n  ")
            children.append(f"({name}): {text}")
        head = self._get_name() + "("
        if len(lines) == 1 and not children:
            return head + lines[0] + ")"
        if not lines and not children:
            return head + ")"
        return head + "\n  " + "\n  ".join(lines + children) + "\n)"

    def __getstate__(self) -> Dict[str, Any]:
        return dict(self.__dict__)

    def __setstate__(self, state: Dict[str, Any]) -> None:
        self.__dict__.update(state)


