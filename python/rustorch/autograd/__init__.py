"""Gradients: ``backward``, ``grad``, contexts that turn recording off, operations with gradients of their own."""

import importlib

from .. import _C
from .._C import ArgumentValueError, Node, RemovableHandle  # noqa: F401
from . import anomaly_mode, function, grad_mode, graph, variable  # noqa: F401
from .anomaly_mode import detect_anomaly, is_anomaly_enabled, set_detect_anomaly  # noqa: F401
from .function import Function, FunctionCtx, once_differentiable  # noqa: F401
from .grad_mode import (  # noqa: F401
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .variable import Variable  # noqa: F401

__all__ = [
    "backward",
    "grad",
    "no_grad",
    "enable_grad",
    "set_grad_enabled",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "Function",
    "Variable",
    "gradcheck",
    "gradgradcheck",
    "detect_anomaly",
    "set_detect_anomaly",
    "functional",
]


def backward(tensors, grad_tensors=None, retain_graph=None, create_graph=False, grad_variables=None, inputs=None):
    """Accumulate the gradients of tensors into the ``.grad`` of the leaves they were computed from.

    Parameters
    ----------
    tensors : Tensor or sequence of Tensor
    grad_tensors : Tensor, None, or sequence of both, optional
        The gradient of each tensor, of its shape; None will do for a single element.
    retain_graph : bool, optional
        Keep what was saved, for another pass; by default as ``create_graph``.
    create_graph : bool
        Record the pass itself, so that it can be differentiated.
    grad_variables : optional
        The old name of ``grad_tensors``.
    inputs : Tensor or sequence of Tensor, optional
        Accumulate into these only.

    Raises
    ------
    AutogradError
        If a tensor requires no gradient, or the graph was freed by an earlier pass.

    Examples
    --------
    >>> import rustorch
    >>> x = rustorch.tensor([1.0, 2.0], requires_grad=True)
    >>> rustorch.autograd.backward([(x * x).sum(), x.sum()])
    >>> x.grad
    tensor([3., 5.])
    """
    if grad_variables is not None:
        if grad_tensors is not None:
            raise ArgumentValueError("grad_tensors and grad_variables (its old name) were both given: use grad_tensors alone")
        grad_tensors = grad_variables
    _C._backward(tensors, grad_tensors, retain_graph, create_graph, inputs)


def grad(
    outputs,
    inputs,
    grad_outputs=None,
    retain_graph=None,
    create_graph=False,
    only_inputs=True,
    allow_unused=None,
    is_grads_batched=False,
    materialize_grads=False,
):
    """The gradients of outputs with respect to inputs, without touching any ``.grad``.

    Parameters
    ----------
    outputs : Tensor or sequence of Tensor
    inputs : Tensor or sequence of Tensor
    grad_outputs : Tensor, None, or sequence of both, optional
        The gradient of each output, of its shape; None will do for a single element.
    retain_graph : bool, optional
        Keep what was saved, for another pass; by default as ``create_graph``.
    create_graph : bool
        Record the pass itself, so that the result can be differentiated.
    only_inputs : bool
        Must be True.
    allow_unused : bool, optional
        Give None for an input that no output depends on, instead of an error; by default as ``materialize_grads``.
    is_grads_batched : bool
        Each of ``grad_outputs`` has one more dimension in front, and so has what is returned: the gradients for each
        element of it, computed one after the other.
    materialize_grads : bool
        Give zeros for an input that no output depends on.

    Returns
    -------
    tuple of Tensor or None
        One for each input.

    Examples
    --------
    >>> import rustorch
    >>> x = rustorch.tensor(2.0, requires_grad=True)
    >>> (g,) = rustorch.autograd.grad(x**3, x, create_graph=True)
    >>> rustorch.autograd.grad(g, x)
    (tensor(12.),)
    """
    if not only_inputs:
        raise ArgumentValueError("only_inputs=False is not supported: use backward() to accumulate into all leaves")
    if is_grads_batched:
        return _batched(outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused, materialize_grads)
    if materialize_grads and allow_unused is False:
        raise ArgumentValueError("Expected allow_unused to be True or not passed when materialize_grads=True, but got: False.")
    unused = materialize_grads if allow_unused is None else allow_unused
    found = _C._grad(outputs, inputs, grad_outputs, retain_graph, create_graph, bool(unused))
    if not materialize_grads:
        return found
    inputs = (inputs,) if isinstance(inputs, _C.Tensor) else tuple(inputs)
    return tuple(_C._ops.zeros_like(x, requires_grad=create_graph) if g is None else g for g, x in zip(found, inputs))


def _batched(outputs, inputs, vectors, retain_graph, create_graph, allow_unused, materialize_grads):
    """grad for each element of the first dimension of the vectors, stacked."""
    one = isinstance(outputs, _C.Tensor)
    vectors = (vectors,) if isinstance(vectors, _C.Tensor) else tuple(vectors or ())
    sizes = {v.shape[0] for v in vectors if v is not None and v.dim() > 0}
    if len(vectors) != (1 if one else len(outputs)) or len(sizes) != 1 or any(v is not None and v.dim() == 0 for v in vectors):
        raise _C.ArgumentValueError("grad: is_grads_batched=True needs grad_outputs, all with one size in front of the shape of the output")
    n = sizes.pop()
    rows = []
    for i in range(n):
        keep = True if i < n - 1 else retain_graph
        part = [None if v is None else v[i] for v in vectors]
        rows.append(grad(outputs, inputs, part[0] if one else part, keep, create_graph, True, allow_unused, False, materialize_grads))
    return tuple(None if parts[0] is None else _C._ops.stack(parts) for parts in zip(*rows))


from . import functional  # noqa: E402,F401  (uses grad)


def __getattr__(name):  # imported when first asked for
    if name in ("profiler", "profiler_util"):
        return importlib.import_module("." + name, __name__)
    raise AttributeError(f"module 'rustorch.autograd' has no attribute '{name}'")


# At the end, since the checks use grad; and now, since importing the module later would hide its function.
from .gradcheck import GradcheckError, gradcheck, gradgradcheck  # noqa: E402,F401
