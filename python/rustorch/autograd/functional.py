"""Derivatives of functions: products with vectors, Jacobians, Hessians."""

import rustorch
from rustorch._C import ArgumentTypeError, ArgumentValueError, AutogradError

from . import grad as _grad
from .grad_mode import enable_grad

__all__ = ["vjp", "jvp", "vhp", "hvp", "jacobian", "hessian"]


def _as_tuple(value, what, name):
    """(tensors, was it a tuple?)"""
    single = not isinstance(value, (tuple, list))
    items = (value,) if single else tuple(value)
    for i, item in enumerate(items):
        if not isinstance(item, rustorch.Tensor):
            raise ArgumentTypeError(f"{name}: {what} must be a Tensor or a tuple of Tensors, element {i} is {type(item).__name__}")
    return items, not single


def _prepare(inputs, create_graph):
    """Inputs that are differentiated: the function must not change the caller's own."""
    return tuple(x.view_as(x) if create_graph and x.requires_grad else x.detach().requires_grad_() for x in inputs)


def _call(func, inputs, name):
    return _as_tuple(func(*inputs), "what the function returns", name)


def _check_like(vectors, like, what, name):
    if len(vectors) != len(like):
        raise AutogradError(f"{name}: v has {len(vectors)} tensors, there are {len(like)} {what}")
    for i, (vector, other) in enumerate(zip(vectors, like)):
        if vector.shape != other.shape:
            raise AutogradError(f"{name}: v[{i}] has shape {tuple(vector.shape)}, the {what} {i} has {tuple(other.shape)}")


def _vectors(v, like, what, name):
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise AutogradError(f"{name}: v may only be left out when there is a single one of the {what} with one element")
        return (rustorch.ones_like(like[0]),)
    vectors = _as_tuple(v, "v", name)[0]
    _check_like(vectors, like, what, name)
    return vectors


def _gradients(outputs, inputs, vectors, create_graph, strict, name, retain=True):
    """Of the outputs that depend on something; zeros where an input is not reached (an error with strict)."""
    pairs = [(y, v) for y, v in zip(outputs, vectors) if y.requires_grad]
    if strict and len(pairs) < len(outputs):
        raise AutogradError(f"{name}: an output does not depend on the inputs; strict=True does not allow that")
    if not pairs:
        return tuple(rustorch.zeros_like(x) for x in inputs)
    found = _grad(
        [y for y, _ in pairs], inputs, [v for _, v in pairs], retain_graph=retain, create_graph=create_graph, allow_unused=True
    )
    if strict and any(g is None for g in found):
        at = [i for i, g in enumerate(found) if g is None][0]
        raise AutogradError(f"{name}: the outputs do not depend on input {at}; strict=True does not allow that")
    return tuple(rustorch.zeros_like(x) if g is None else g for g, x in zip(found, inputs))


def _finish(values, as_tuple, create_graph):
    values = tuple(value if create_graph else value.detach() for value in values)
    return values if as_tuple else values[0]


def _scalar(outputs, name):
    if len(outputs) != 1 or outputs[0].numel() != 1:
        raise AutogradError(f"{name}: the function must return one tensor with one element")
    return outputs[0].reshape(())


def vjp(func, inputs, v=None, create_graph=False, strict=False):
    """The value of a function, and the product of a vector with its Jacobian.

    Parameters
    ----------
    func : callable
        Takes tensors, returns a tensor or a tuple of tensors.
    inputs : Tensor or tuple of Tensor
    v : Tensor or tuple of Tensor, of the shapes of the outputs
        May be left out for one output with one element.
    create_graph : bool, default False
        The results can be differentiated again.
    strict : bool, default False
        An output that does not depend on an input is an error instead of a zero.

    Returns
    -------
    (outputs, vᵀ J) : the second as the inputs

    Example
    -------
    >>> import rustorch as torch
    >>> torch.autograd.functional.vjp(lambda x: x * x, torch.tensor([1.0, 2.0]), torch.ones(2))
    (tensor([1., 4.]), tensor([2., 4.]))
    """
    with enable_grad():
        inputs, many = _as_tuple(inputs, "inputs", "vjp")
        inputs = _prepare(inputs, create_graph)
        outputs, many_out = _call(func, inputs, "vjp")
        vectors = _vectors(v, outputs, "outputs", "vjp")
        found = _gradients(outputs, inputs, vectors, create_graph, strict, "vjp")
    return _finish(outputs, many_out, create_graph), _finish(found, many, create_graph)


def _push(func, inputs, v, create_graph, strict, name):
    """outputs, and J v: the derivative of vᵀJ by v, which is linear in v."""
    inputs, _ = _as_tuple(inputs, "inputs", name)
    inputs = _prepare(inputs, create_graph)
    vectors = _vectors(v, inputs, "inputs", name)
    outputs, many = _call(func, inputs, name)
    dual = tuple(rustorch.zeros_like(y, requires_grad=True) for y in outputs)
    pulled = _gradients(outputs, inputs, dual, True, strict, name)
    return outputs, many, _gradients(pulled, dual, vectors, create_graph, False, name)


def jvp(func, inputs, v=None, create_graph=False, strict=False):
    """The value of a function, and the product of its Jacobian with a vector, by differentiating twice.

    Parameters
    ----------
    func, inputs, create_graph, strict : as in :func:`vjp`
    v : Tensor or tuple of Tensor, of the shapes of the inputs
        May be left out for one input with one element.

    Returns
    -------
    (outputs, J v) : both as the outputs

    Example
    -------
    >>> import rustorch as torch
    >>> torch.autograd.functional.jvp(lambda x: x * x, torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0]))
    (tensor([1., 4.]), tensor([2., 0.]))
    """
    with enable_grad():
        outputs, many, pushed = _push(func, inputs, v, create_graph, strict, "jvp")
    return _finish(outputs, many, create_graph), _finish(pushed, many, create_graph)


def jacobian(func, inputs, create_graph=False, strict=False, vectorize=False, strategy="reverse-mode"):
    """The Jacobian of a function.

    Parameters
    ----------
    func, inputs, create_graph, strict : as in :func:`vjp`
    vectorize : bool, default False
        Has no effect on the result; one backward pass an output element is made either way.
    strategy : {"reverse-mode", "forward-mode"}
        By rows or by columns: columns are fewer when the inputs have fewer elements than the outputs.

    Returns
    -------
    Tensor of shape ``output.shape + input.shape``; tuples of them, outputs outside, where there are tuples of tensors

    Example
    -------
    >>> import rustorch as torch
    >>> torch.autograd.functional.jacobian(lambda x: x * x, torch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy not in ("reverse-mode", "forward-mode"):
        raise ArgumentValueError(f'jacobian: strategy must be "reverse-mode" or "forward-mode", not {strategy!r}')
    if not isinstance(vectorize, bool):
        raise ArgumentTypeError(f"jacobian: vectorize must be a bool, not {type(vectorize).__name__}")
    rows = strategy == "reverse-mode"
    with enable_grad():
        inputs, many = _as_tuple(inputs, "inputs", "jacobian")
        inputs = _prepare(inputs, create_graph)
        outputs, many_out = _call(func, inputs, "jacobian")
        blocks = (_by_rows if rows else _by_columns)(outputs, inputs, create_graph, strict)
    blocks = [[block if create_graph else block.detach() for block in row] for row in blocks]
    result = tuple(tuple(row) if many else row[0] for row in blocks)
    return result if many_out else result[0]


def _unit(like, i):
    unit = rustorch.zeros(like.numel(), dtype=like.dtype, device=like.device)
    unit[i] = 1
    return unit.reshape(like.shape)


def _by_rows(outputs, inputs, create_graph, strict):
    blocks = []
    for y in outputs:
        rows = [_gradients((y,), inputs, (_unit(y, i),), create_graph, strict, "jacobian") for i in range(y.numel())]
        blocks.append(
            [rustorch.stack([row[k] for row in rows]).reshape(y.shape + x.shape) if rows else x.new_zeros(y.shape + x.shape)
             for k, x in enumerate(inputs)]  # fmt: skip
        )
    return blocks


def _by_columns(outputs, inputs, create_graph, strict):
    dual = tuple(rustorch.zeros_like(y, requires_grad=True) for y in outputs)
    pulled = _gradients(outputs, inputs, dual, True, strict, "jacobian")
    columns = []  # [input][element][output]
    for k, x in enumerate(inputs):
        columns.append([_gradients((pulled[k],), dual, (_unit(x, i),), create_graph, False, "jacobian") for i in range(x.numel())])
    return [
        [rustorch.stack([column[j] for column in columns[k]], dim=-1).reshape(y.shape + x.shape)
         if columns[k] else x.new_zeros(y.shape + x.shape) for k, x in enumerate(inputs)]
        for j, y in enumerate(outputs)
    ]  # fmt: skip


def hessian(func, inputs, create_graph=False, strict=False, vectorize=False, outer_jacobian_strategy="reverse-mode"):
    """The matrix of second derivatives of a function with one element.

    Parameters
    ----------
    func : callable
        Returns one tensor with one element.
    inputs, create_graph, strict, vectorize : as in :func:`jacobian`
    outer_jacobian_strategy : as ``strategy`` of :func:`jacobian`

    Returns
    -------
    Tensor of shape ``input.shape + input.shape``; a tuple of tuples of them for a tuple of inputs

    Example
    -------
    >>> import rustorch as torch
    >>> torch.autograd.functional.hessian(lambda x: (x**3).sum(), torch.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    many = isinstance(inputs, (tuple, list))

    def first(*xs):
        value = _scalar(_call(func, xs, "hessian")[0], "hessian")
        found = _gradients((value,), xs, (rustorch.ones_like(value),), True, strict, "hessian")
        return found if many else found[0]

    return jacobian(first, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)


def _first_gradients(func, inputs, create_graph, strict, name):
    inputs, many = _as_tuple(inputs, "inputs", name)
    inputs = _prepare(inputs, create_graph)
    value = _scalar(_call(func, inputs, name)[0], name)
    return inputs, many, value, _gradients((value,), inputs, (rustorch.ones_like(value),), True, strict, name)


def vhp(func, inputs, v=None, create_graph=False, strict=False):
    """The value of a function with one element, and the product of a vector with its Hessian.

    Parameters
    ----------
    func, inputs, create_graph, strict : as in :func:`hessian`
    v : Tensor or tuple of Tensor, of the shapes of the inputs

    Returns
    -------
    (value, vᵀ H) : the second as the inputs

    Example
    -------
    >>> import rustorch as torch
    >>> torch.autograd.functional.vhp(lambda x: (x**3).sum(), torch.tensor([1.0, 2.0]), torch.ones(2))
    (tensor(9.), tensor([ 6., 12.]))
    """
    with enable_grad():
        inputs, many, value, first = _first_gradients(func, inputs, create_graph, strict, "vhp")
        vectors = _vectors(v, inputs, "inputs", "vhp")
        found = _gradients(first, inputs, vectors, create_graph, strict, "vhp")
    return _finish((value,), False, create_graph), _finish(found, many, create_graph)


def hvp(func, inputs, v=None, create_graph=False, strict=False):
    """The value of a function with one element, and the product of its Hessian with a vector.

    The Hessian is symmetric, so this is :func:`vhp` at the cost of one pass less than differentiating forward.

    Example
    -------
    >>> import rustorch as torch
    >>> torch.autograd.functional.hvp(lambda x: (x**3).sum(), torch.tensor([1.0, 2.0]), torch.ones(2))
    (tensor(9.), tensor([ 6., 12.]))
    """
    return vhp(func, inputs, v, create_graph, strict)
