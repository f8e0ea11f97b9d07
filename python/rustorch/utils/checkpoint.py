"""Computing activations again in backward instead of keeping them."""

from __future__ import annotations

import contextlib
import random
import warnings
from typing import Any, Callable, List, Optional, Sequence, Tuple

import rustorch
from rustorch import _C
from rustorch._C import ArgumentValueError, AutogradError
from rustorch.amp.autocast_mode import autocast
from rustorch.autograd import Function, backward
from rustorch.autograd.graph import saved_tensors_hooks
from rustorch.utils._pytree import tree_flatten

__all__ = [
    "CheckpointError", "checkpoint", "checkpoint_sequential", "get_device_states", "noop_context_fn", "set_checkpoint_early_stop",
    "set_device_states",
]  # fmt: skip


class CheckpointError(_C.AutogradError):
    """What was computed again is not what was computed first.

    >>> from rustorch.utils.checkpoint import CheckpointError
    >>> issubclass(CheckpointError, RuntimeError)
    True
    """


class _Stop(Exception):
    """The second run has everything that backward asked for."""


_early_stop = True


class set_checkpoint_early_stop:
    """A context that chooses whether the second run ends as soon as it has what backward needs (the default).

    >>> from rustorch.utils.checkpoint import set_checkpoint_early_stop
    >>> with set_checkpoint_early_stop(False):
    ...     pass
    ... 
    """

    def __init__(self, enable: bool):
        self.enable = bool(enable)

    def __enter__(self):
        global _early_stop
        self._before, _early_stop = _early_stop, self.enable

    def __exit__(self, *error):
        global _early_stop
        _early_stop = self._before


def noop_context_fn():
    """Two contexts that do nothing: for the first run and the second.

    >>> from rustorch.utils.checkpoint import noop_context_fn
    >>> len(noop_context_fn())
    2
    """
    return contextlib.nullcontext(), contextlib.nullcontext()


def get_device_states(*args: Any) -> Tuple[List[int], List[rustorch.Tensor]]:
    """The devices, other than the CPU, on which tensors among the arguments lie, and the state of the random numbers of each.

    >>> from rustorch.utils.checkpoint import get_device_states
    >>> get_device_states(rustorch.zeros(2), 3)
    ([], [])
    """
    tensors = [each for each in tree_flatten(args)[0] if isinstance(each, rustorch.Tensor)]
    devices = sorted({tensor.get_device() for tensor in tensors if tensor.device.type == "cuda"})
    return devices, [rustorch.cuda.get_rng_state(device) for device in devices]


def set_device_states(devices: Sequence[int], states: Sequence[rustorch.Tensor], *, device_type: Optional[str] = None) -> None:
    """Go on from the states that :func:`get_device_states` gave.

    Parameters
    ----------
    devices, states : sequence
        What get_device_states returned.
    device_type : str, optional
        "cuda", the only one with states of its own.

    Raises
    ------
    ArgumentValueError
        Another type of device.

    >>> from rustorch.utils.checkpoint import get_device_states, set_device_states
    >>> set_device_states(*get_device_states(rustorch.zeros(2)))
    """
    if device_type not in (None, "cpu", "cuda"):
        raise ArgumentValueError(f"set_device_states: device_type must be 'cuda', got {device_type!r}")
    for device, state in zip(devices, states):
        rustorch.cuda.set_rng_state(state, device)


def _autocast_state():
    enabled, dtype, cache = _C._autocast()
    return lambda: autocast("cpu", dtype=dtype, enabled=enabled, cache_enabled=cache)


class _Random:
    """The state of the random numbers when a function ran, to run it again with the same."""

    def __init__(self, preserve):
        self.state = (rustorch.get_rng_state(), random.getstate()) if preserve else None

    @contextlib.contextmanager
    def again(self):
        if self.state is None:
            yield
            return
        now = rustorch.get_rng_state(), random.getstate()
        rustorch.set_rng_state(self.state[0])
        random.setstate(self.state[1])
        try:
            yield
        finally:
            rustorch.set_rng_state(now[0])
            random.setstate(now[1])


def _meta(tensor):
    return tuple(tensor.shape), tensor.dtype


class _Frame:
    """One call of checkpoint: what its graph would have saved, by position."""

    def __init__(self, run, check):
        self.run = run  # runs the function again
        self.check = check
        self.metas: List[Any] = []  # of the first run
        self.values: Optional[List[Any]] = None  # of the second; each is let go when it was used
        self.left = 0

    def pack(self, tensor):
        self.metas.append(_meta(tensor))
        self.left += 1
        return self, len(self.metas) - 1

    def again(self):
        values: List[Any] = []

        def pack(tensor):
            i = len(values)
            values.append(tensor.detach())
            if i < len(self.metas) and self.check and _meta(tensor) != self.metas[i]:
                raise CheckpointError(
                    f"checkpoint: tensor {i} that the function saves had shape and dtype {self.metas[i]} the first time and has "
                    f"{_meta(tensor)} the second: the function must do the same both times (determinism_check='none' "
                    f"switches this check off)"
                )
            if _early_stop and len(values) == len(self.metas):
                raise _Stop
            return values[i]

        with rustorch.enable_grad(), saved_tensors_hooks(pack, lambda value: value):
            try:
                self.run()
            except _Stop:
                pass
        if len(values) < len(self.metas):
            raise CheckpointError(
                f"checkpoint: the function saved {len(self.metas)} tensors the first time and {len(values)} the second: it must "
                f"do the same both times"
            )
        self.values = values
        self.left = len(self.metas)

    def take(self, i):
        if self.values is None:
            self.again()
        value = self.values[i]
        self.left -= 1
        if self.left <= 0:
            self.values = None  # a second pass over the same graph computes once more
        return value


def _unpack(packed):
    frame, i = packed
    return frame.take(i)


class _Reentrant(Function):
    """The older way: backward runs the function and a backward pass of its own."""

    @staticmethod
    def forward(ctx, function, preserve, *args):
        ctx.function = function
        ctx.random = _Random(preserve)
        ctx.autocast = _autocast_state()
        ctx.places = [i for i, arg in enumerate(args) if isinstance(arg, rustorch.Tensor)]
        ctx.args = [None if isinstance(arg, rustorch.Tensor) else arg for arg in args]
        ctx.save_for_backward(*(args[i] for i in ctx.places))
        with rustorch.no_grad():
            return function(*args)

    @staticmethod
    def backward(ctx, *grads):
        args = list(ctx.args)
        for i, tensor in zip(ctx.places, ctx.saved_tensors):
            args[i] = tensor.detach().requires_grad_(tensor.requires_grad)
        with rustorch.enable_grad(), ctx.random.again(), ctx.autocast():
            outputs = ctx.function(*args)
        outputs = (outputs,) if isinstance(outputs, rustorch.Tensor) else outputs
        pairs = [(y, g) for y, g in zip(outputs, grads) if isinstance(y, rustorch.Tensor) and y.requires_grad]
        if not pairs:
            raise AutogradError("checkpoint: none of the outputs requires a gradient, so this checkpoint is not needed")
        backward([y for y, _ in pairs], [g for _, g in pairs])
        return (None, None, *(arg.grad if isinstance(arg, rustorch.Tensor) else None for arg in args))


def checkpoint(
    function: Callable,
    *args,
    use_reentrant: Optional[bool] = None,
    context_fn: Callable = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    **kwargs,
):
    """Call a function without keeping what its gradient needs; backward calls it once more.

    Saves memory for the price of a second forward pass. The function must do the same both times; the state of the random
    numbers (rustorch's and Python's) and the autocast mode are those of the first call.

    Parameters
    ----------
    function : callable
    *args, **kwargs
        Handed to it; ``preserve_rng_state=False`` leaves the random numbers alone.
    use_reentrant : bool
        False is recommended. True: a backward pass inside backward, which needs an argument that requires a gradient, and
        takes no keyword arguments. Left out: False, with a warning.
    context_fn : callable
        Returns two contexts, for the first and for the second call; with ``use_reentrant=False`` only.
    determinism_check : {"default", "none"}
        Compare the shapes and dtypes of what both calls save.
    debug : bool, default False
        Anomaly mode for the second call, so that an error in it names its line.

    Raises
    ------
    CheckpointError
        When the second call does something else than the first.

    Source: Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016.

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch.utils.checkpoint import checkpoint
    >>> x = torch.ones(2, requires_grad=True)
    >>> checkpoint(lambda x: x.exp().sin(), x, use_reentrant=False).sum().backward()
    >>> x.grad
    tensor([-2.4784, -2.4784])
    """
    if use_reentrant is None:
        warnings.warn("checkpoint: say use_reentrant=True or False; False is taken, and recommended", stacklevel=2)
        use_reentrant = False
    if determinism_check not in ("default", "none"):
        raise ArgumentValueError(f'checkpoint: determinism_check must be "default" or "none", not {determinism_check!r}')
    preserve = kwargs.pop("preserve_rng_state", True)
    if use_reentrant:
        if kwargs:
            raise ArgumentValueError(f"checkpoint: use_reentrant=True takes no keyword arguments, but got {', '.join(kwargs)}")
        if context_fn is not noop_context_fn or debug:
            raise ArgumentValueError("checkpoint: context_fn and debug need use_reentrant=False")
        if not any(isinstance(arg, rustorch.Tensor) and arg.requires_grad for arg in args):
            warnings.warn("checkpoint: no argument requires a gradient, so there will be none", stacklevel=2)
        return _Reentrant.apply(function, preserve, *args)

    first, second = context_fn()
    random_state, casting = _Random(preserve), _autocast_state()

    def run():
        anomaly = rustorch.autograd.set_detect_anomaly(True, check_nan=False) if debug else contextlib.nullcontext()
        with random_state.again(), casting(), anomaly, second:
            function(*args, **kwargs)

    frame = _Frame(run, determinism_check == "default")
    with saved_tensors_hooks(frame.pack, _unpack), first:
        return function(*args, **kwargs)


def checkpoint_sequential(functions, segments: int, input, use_reentrant: Optional[bool] = None, **kwargs):
    """Checkpoint a sequence of modules in equal segments; the last one is run as usual.

    Parameters
    ----------
    functions : nn.Sequential or sequence of callables
    segments : int
        How many; each keeps its input alone.
    input : Tensor
    use_reentrant, preserve_rng_state : as in :func:`checkpoint`

    Example
    -------
    >>> import rustorch as torch
    >>> model = torch.nn.Sequential(*[torch.nn.Linear(2, 2) for _ in range(4)])
    >>> y = torch.utils.checkpoint.checkpoint_sequential(model, 2, torch.ones(1, 2), use_reentrant=False)
    >>> y.shape
    rustorch.Size([1, 2])
    """
    if use_reentrant is None:
        warnings.warn("checkpoint_sequential: say use_reentrant=True or False; False is taken, and recommended", stacklevel=2)
        use_reentrant = False
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ArgumentValueError(f"checkpoint_sequential: unknown arguments {', '.join(kwargs)}")
    layers: Sequence[Callable] = list(functions.children()) if isinstance(functions, rustorch.nn.Sequential) else list(functions)
    if not 1 <= segments <= max(len(layers), 1):
        raise ArgumentValueError(f"checkpoint_sequential: segments must be 1 to {len(layers)}, the number of modules, not {segments}")

    def part(start, end):
        def run(value):
            for layer in layers[start:end]:
                value = layer(value)
            return value

        return run

    size = len(layers) // segments
    for k in range(segments - 1):
        input = checkpoint(part(k * size, (k + 1) * size), input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return part((segments - 1) * size, len(layers))(input)
