"""The graph that a backward pass walks: its nodes, what they save, hooks on several gradients."""

import weakref
from collections import namedtuple
from _thread import _local  # threading.local, without importing threading

from .. import _C
from .._C import ArgumentTypeError, ArgumentValueError, AutogradError, Node, RemovableHandle

__all__ = [
    "Node", "RemovableHandle", "saved_tensors_hooks", "save_on_cpu", "disable_saved_tensors_hooks",
    "register_multi_grad_hook", "increment_version", "get_gradient_edge", "GradientEdge",
]  # fmt: skip

_state = _local()  # refusal: the message with which saved_tensors_hooks are refused, if they are


class saved_tensors_hooks:
    """A context in which tensors that the graph saves for gradients pass through two functions.

    Parameters
    ----------
    pack_hook : callable
        Called with each tensor that is saved; returns anything, which is kept instead.
    unpack_hook : callable
        Called with what ``pack_hook`` returned when the gradient is computed, once for each use; returns a tensor with
        the same shape, dtype and values.

    Raises
    ------
    TypeError
        When a hook is not callable, or ``unpack_hook`` returns no tensor.
    AutogradError
        When what ``unpack_hook`` returns has another shape or dtype.

    Examples
    --------
    >>> import rustorch
    >>> x = rustorch.tensor([2.0], requires_grad=True)
    >>> with rustorch.autograd.graph.saved_tensors_hooks(lambda t: t.half(), lambda t: t.float()):
    ...     y = x * x
    >>> y.backward()
    >>> x.grad
    tensor([4.])
    """

    def __init__(self, pack_hook, unpack_hook):
        for name, hook in (("pack_hook", pack_hook), ("unpack_hook", unpack_hook)):
            if not callable(hook):
                raise ArgumentTypeError(f"saved_tensors_hooks: {name} must be callable, not {type(hook).__name__}")
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook
        self._before = []

    def __enter__(self):
        refusal = getattr(_state, "refusal", None)
        if refusal is not None:
            raise AutogradError(refusal)
        self._before.append(_C._set_save_hooks((self.pack_hook, self.unpack_hook)))

    def __exit__(self, *error):
        _C._set_save_hooks(self._before.pop())


class save_on_cpu(saved_tensors_hooks):
    """A context in which what the graph saves is kept in the memory of the CPU until it is needed.

    Parameters
    ----------
    pin_memory : bool, default False
        As in PyTorch; memory of the CPU is as it is where there is no GPU.
    device_type : str, default "cuda"

    >>> x = rustorch.ones(2, requires_grad=True)
    >>> with rustorch.autograd.graph.save_on_cpu():
    ...     y = (x * x).sum()
    ... 
    >>> y.backward()
    >>> x.grad
    tensor([2., 2.])
    """

    def __init__(self, pin_memory=False, device_type="cuda"):
        super().__init__(
            lambda tensor: (tensor.device, tensor if tensor.device.type == "cpu" else tensor.cpu()),
            lambda packed: packed[1].to(packed[0]),
        )


class disable_saved_tensors_hooks:
    """A context in which :class:`saved_tensors_hooks` is an error with this message.

    >>> with rustorch.autograd.graph.disable_saved_tensors_hooks("not here"):
    ...     y = rustorch.ones(1) * 2
    ... 
    """

    def __init__(self, error_message):
        self.error_message = error_message

    def __enter__(self):
        self._before = getattr(_state, "refusal", None)
        _state.refusal = self.error_message

    def __exit__(self, *error):
        _state.refusal = self._before


class _Handles:
    """Several handles as one."""

    def __init__(self, handles):
        self.handles = tuple(handles)

    def remove(self):
        """Take the hooks out."""
        for handle in self.handles:
            handle.remove()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.remove()


def register_multi_grad_hook(tensors, fn, *, mode="all"):
    """Call a function when the gradients of several tensors have been computed.

    Parameters
    ----------
    tensors : sequence of Tensor
    fn : callable
        With mode "all", ``fn(grads)`` at the end of the pass: one gradient for each tensor, None for one that got none.
        With mode "any", ``fn(grad)`` with the first that is there.
    mode : {"all", "any"}

    Returns
    -------
    A handle with ``remove()``.

    Examples
    --------
    >>> import rustorch
    >>> a, b = (rustorch.ones(1, requires_grad=True) for _ in range(2))
    >>> handle = rustorch.autograd.graph.register_multi_grad_hook((a, b), lambda grads: print(grads))
    >>> (2 * a + 3 * b).backward()
    (tensor([2.]), tensor([3.]))
    """
    tensors = tuple(tensors)
    if mode not in ("all", "any"):
        raise ArgumentValueError(f'register_multi_grad_hook: mode must be "all" or "any", not {mode!r}')
    grads = [None] * len(tensors)
    running = lambda: None  # noqa: E731  (a weak reference to what the pass calls when it ends)

    def start():
        """At the first gradient of a pass."""
        nonlocal running

        def end():
            found = tuple(grads)
            grads[:] = [None] * len(tensors)
            if mode == "all":
                fn(found)

        grads[:] = [None] * len(tensors)
        running = weakref.ref(end)
        _C._queue_callback(end)

    def hook_of(i):
        def hook(grad):
            first = running() is None
            if first:
                start()
            grads[i] = grad
            if first and mode == "any":
                fn(grad)

        return hook

    return _Handles(tensor.register_hook(hook_of(i)) for i, tensor in enumerate(tensors))


def increment_version(tensor):
    """Tell the graph that something outside it wrote to a tensor, or to several.

    >>> import rustorch
    >>> x = rustorch.ones(1)
    >>> rustorch.autograd.graph.increment_version(x)
    >>> x._version
    1
    """
    for one in (tensor,) if isinstance(tensor, _C.Tensor) else tensor:
        _C._increment_version(one)


class GradientEdge(namedtuple("GradientEdge", "node output_nr")):
    """A place in the graph: an output of a node.

    >>> x = rustorch.ones(1, requires_grad=True)
    >>> edge = rustorch.autograd.graph.get_gradient_edge(x * 2)
    >>> edge.output_nr
    0
    """

    __slots__ = ()


def get_gradient_edge(tensor):
    """Where in the graph a tensor was computed.

    Raises
    ------
    AutogradError
        For a tensor that does not require a gradient.

    >>> x = rustorch.ones(1, requires_grad=True)
    >>> rustorch.autograd.graph.get_gradient_edge(x * 2).node.name()
    'MulBackward0'
    """
    if not tensor.requires_grad:
        raise _C.AutogradError("get_gradient_edge: the tensor does not require a gradient")
    return GradientEdge(tensor.grad_fn, tensor.output_nr)
