"""Transforms of functions, under the names of torch.func, over the tape: derivatives of functions of tensors.

A function may take and return tensors in (nested) tuples, lists and dicts. Derivatives nest: ``grad(grad(f))``.

Examples
--------
>>> import rustorch
>>> from rustorch.func import grad, hessian, vmap
>>> grad(lambda x: (x**3).sum())(rustorch.tensor([1.0, 2.0]))
tensor([ 3., 12.])
>>> vmap(rustorch.dot)(rustorch.ones(2, 3), rustorch.ones(2, 3))
tensor([3., 3.])
"""

from __future__ import annotations

import functools
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

import rustorch
from rustorch import Tensor

from .nn.utils.stateless import call_with
from .utils._pytree import tree_flatten, tree_map, tree_unflatten

__all__ = [
    "functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize", "stack_module_state", "vjp", "vmap",
]  # fmt: skip

Argnums = Union[int, Tuple[int, ...]]


def functional_call(
    module: Any, parameter_and_buffer_dicts: Any, args: Any = None, kwargs: Optional[Dict[str, Any]] = None, *,
    tie_weights: bool = True, strict: bool = False,
) -> Any:  # fmt: skip
    """Call a module with other parameters and buffers than its own.

    Parameters
    ----------
    module : Module
    parameter_and_buffer_dicts : dict, or sequence of dicts
        New values by name; the module keeps its own for the others.
    args, kwargs
        What the module is called with; a single tensor needs no tuple.
    tie_weights : bool
        A tensor that has several names in the module gets the value of any of them.
    strict : bool
        Every name must be given, and none else.

    Examples
    --------
    >>> layer = rustorch.nn.Linear(1, 1, bias=False)
    >>> rustorch.func.functional_call(layer, {"weight": rustorch.tensor([[3.0]])}, rustorch.ones(1, 1))
    tensor([[3.]])
    """
    given: Dict[str, Tensor] = {}
    if isinstance(parameter_and_buffer_dicts, dict):
        given = parameter_and_buffer_dicts
    else:
        for part in parameter_and_buffer_dicts:
            twice = sorted(set(part) & set(given))
            if twice:
                raise rustorch.ArgumentValueError(f"{twice[0]} appears in several of the dictionaries; each name may be given once")
            given.update(part)
    return call_with(module, given, () if args is None else args, kwargs, tie_weights=tie_weights, strict=strict)


def stack_module_state(models: Sequence[Any]) -> Tuple[Dict[str, Tensor], Dict[str, Tensor]]:
    """The parameters, and the buffers, of models of one kind, stacked along a new first dimension.

    >>> params, buffers = rustorch.func.stack_module_state([rustorch.nn.Linear(2, 3) for _ in range(4)])
    >>> params["weight"].shape
    rustorch.Size([4, 3, 2])
    """
    if not models:
        raise rustorch.ArgumentValueError("stack_module_state: Expected at least one model, got 0.")
    if any(type(m) is not type(models[0]) or m.training != models[0].training for m in models):
        raise rustorch.ArgumentValueError("stack_module_state: Expected all models to be of the same class and all in one mode (train or eval)")

    def stacked(tables: List[Dict[str, Tensor]]) -> Dict[str, Tensor]:
        leaf = {k: rustorch.stack([t[k].detach() for t in tables]).requires_grad_(tables[0][k].requires_grad) for k in tables[0]}
        return leaf

    return stacked([dict(m.named_parameters()) for m in models]), stacked([dict(m.named_buffers()) for m in models])


# Tensors of a derivative of their own ------------------------------------------------------------------------


def _fresh(x: Any) -> Tensor:
    """A tensor that is differentiated by: what happens to it does not reach the caller's, but outer derivatives see through it."""
    if not isinstance(x, Tensor):
        raise rustorch.ArgumentTypeError(f"func: a tensor is needed to differentiate by, not {type(x).__name__}")
    if not x.is_floating_point():
        raise rustorch.DtypeError(f"func: derivatives are with respect to floating-point tensors, not {x.dtype}")
    return x.view_as(x) if x.requires_grad else x.detach().requires_grad_()


def _leaves_of(x: Tensor) -> set:
    """The nodes of the leaves that a tensor was computed from."""
    seen, todo, found = set(), [x.grad_fn], set()
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if not node.next_functions:
            found.add(node)
        todo.extend(edge[0] for edge in node.next_functions)
    return found


def _result(x: Any, own: set) -> Any:
    """A result without the part of the graph that only leads to our own tensors."""
    if not isinstance(x, Tensor) or not x.requires_grad:
        return x
    return x.detach() if x.grad_fn is None or _leaves_of(x) <= own else x


def _own(fresh: Sequence[Tensor]) -> set:
    """The nodes of the tensors that are leaves: those made by :func:`_fresh`."""
    with rustorch.enable_grad():
        return {x.view_as(x).grad_fn.next_functions[0][0] for x in fresh if x.is_leaf}


def _picked(argnums: Argnums, args: Sequence[Any], name: str) -> Tuple[int, ...]:
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for k in numbers:
        if not -len(args) <= k < len(args):
            raise rustorch.ArgumentValueError(f"{name}: argnums is {argnums}, but there are {len(args)} positional arguments")
    return tuple(k % len(args) for k in numbers)


def _split(found: Any, has_aux: bool, name: str) -> Tuple[Any, Any]:
    if not has_aux:
        return found, None
    if not isinstance(found, tuple) or len(found) != 2:
        raise rustorch.ArgumentTypeError(f"{name}: with has_aux=True the function must return a tuple (output, aux)")
    return found


class _Call:
    """A function called with some of its arguments replaced by fresh tensors."""

    def __init__(self, func: Callable, args: Sequence[Any], kwargs: Dict[str, Any], argnums: Argnums, has_aux: bool, name: str) -> None:
        self.numbers = _picked(argnums, args, name)
        self.single = isinstance(argnums, int)
        inputs, self.specs = [], []
        new_args = list(args)
        for k in self.numbers:
            leaves, spec = tree_flatten(args[k])
            fresh = [_fresh(x) for x in leaves]
            new_args[k] = tree_unflatten(fresh, spec)
            inputs += fresh
            self.specs.append((len(fresh), spec))
        self.inputs, self.own = inputs, _own(inputs)
        with rustorch.enable_grad():
            self.output, self.aux = _split(func(*new_args, **kwargs), has_aux, name)
        self.aux = tree_map(lambda x: _result(x, self.own), self.aux)

    def pack(self, per_input: Sequence[Any]) -> Any:
        """Values, one for each input tensor, in the structure of the arguments."""
        packed, at = [], 0
        for n, spec in self.specs:
            packed.append(tree_unflatten(list(per_input[at : at + n]), spec))
            at += n
        return packed[0] if self.single else tuple(packed)

    def gradients(self, outputs: Sequence[Tensor], vectors: Sequence[Tensor]) -> List[Tensor]:
        pairs = [(y, v) for y, v in zip(outputs, vectors) if y.requires_grad]
        if not pairs:
            return [rustorch.zeros_like(x) for x in self.inputs]
        with rustorch.enable_grad():
            found = rustorch.autograd.grad([y for y, _ in pairs], self.inputs, [v for _, v in pairs], create_graph=True, allow_unused=True)
        return [rustorch.zeros_like(x) if g is None else _result(g, self.own) for g, x in zip(found, self.inputs)]


def grad_and_value(func: Callable, argnums: Argnums = 0, has_aux: bool = False) -> Callable:
    """A function that gives (gradient, value), or (gradient, (value, aux)) with ``has_aux``. See :func:`grad`.

    >>> rustorch.func.grad_and_value(lambda x: x**2)(rustorch.tensor(3.0))
    (tensor(6.), tensor(9.))
    """

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = _Call(func, args, kwargs, argnums, has_aux, "grad_and_value")
        if not isinstance(call.output, Tensor) or call.output.numel() != 1 or call.output.dim() != 0:
            shape = tuple(call.output.shape) if isinstance(call.output, Tensor) else type(call.output).__name__
            raise rustorch.ShapeError(f"grad: the function must return a scalar tensor, not {shape}")
        found = call.pack(call.gradients([call.output], [rustorch.ones_like(call.output)]))
        value = _result(call.output, call.own)
        return (found, (value, call.aux)) if has_aux else (found, value)

    return wrapper


def grad(func: Callable, argnums: Argnums = 0, has_aux: bool = False) -> Callable:
    """A function that gives the gradient of one that returns a scalar.

    Parameters
    ----------
    argnums : int or tuple of int
        With respect to which positional arguments.
    has_aux : bool
        The function returns (scalar, something), and so does the result: (gradient, something).

    Examples
    --------
    >>> second = rustorch.func.grad(rustorch.func.grad(rustorch.sin))
    >>> second(rustorch.tensor(0.5)) + rustorch.sin(rustorch.tensor(0.5))
    tensor(0.)
    """
    inner = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        found, value = inner(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return wrapper


def vjp(func: Callable, *primals: Any, has_aux: bool = False) -> Any:
    """The value of a function, and a function that gives the products of vectors with its Jacobian.

    >>> value, pull = rustorch.func.vjp(rustorch.sin, rustorch.tensor([0.0, 0.0]))
    >>> pull(rustorch.tensor([1.0, 2.0]))
    (tensor([1., 2.]),)
    """
    call = _Call(func, primals, {}, tuple(range(len(primals))), has_aux, "vjp")
    outputs, spec = tree_flatten(call.output)

    def pull(*cotangents: Any) -> Any:
        vectors, given = tree_flatten(cotangents[0] if len(cotangents) == 1 else cotangents)
        if len(vectors) != len(outputs) or any(v.shape != y.shape for v, y in zip(vectors, outputs)):
            raise rustorch.ShapeError("vjp: the vectors must have the structure and shapes of what the function returned")
        return call.pack(call.gradients(outputs, vectors))

    value = tree_unflatten([_result(y, call.own) for y in outputs], spec)
    return (value, pull, call.aux) if has_aux else (value, pull)


def _forward(call: _Call, tangents: Sequence[Tensor]) -> List[Tensor]:
    """The Jacobian times a vector by two backward passes: u ↦ uᵀJ is linear, and its own derivative is the product."""
    outputs = tree_flatten(call.output)[0]
    probes = [rustorch.zeros_like(y).requires_grad_() for y in outputs]
    pairs = [(y, u) for y, u in zip(outputs, probes) if y.requires_grad]
    zeros = [rustorch.zeros_like(y) for y in outputs]
    if not pairs:
        return zeros
    with rustorch.enable_grad():
        back = rustorch.autograd.grad([y for y, _ in pairs], call.inputs, [u for _, u in pairs], create_graph=True, allow_unused=True)
        linear = [(g, t) for g, t in zip(back, tangents) if g is not None and g.requires_grad]
        if not linear:
            return zeros
        found = rustorch.autograd.grad([g for g, _ in linear], probes, [t for _, t in linear], create_graph=True, allow_unused=True)
    own = call.own | _own(probes)
    return [z if g is None else _result(g, own) for g, z in zip(found, zeros)]


def jvp(func: Callable, primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """The value of a function, and the product of its Jacobian with a vector.

    >>> rustorch.func.jvp(lambda x: x**2, (rustorch.tensor(3.0),), (rustorch.tensor(1.0),))
    (tensor(9.), tensor(6.))
    """
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple) or len(primals) != len(tangents):
        raise rustorch.ArgumentTypeError("jvp: primals and tangents must be tuples of one length")
    call = _Call(func, primals, {}, tuple(range(len(primals))), has_aux, "jvp")
    vectors = tree_flatten(tangents)[0]
    if len(vectors) != len(call.inputs) or any(v.shape != x.shape for v, x in zip(vectors, call.inputs)):
        raise rustorch.ShapeError("jvp: the tangents must have the structure and shapes of the primals")
    outputs, spec = tree_flatten(call.output)
    if strict and not all(y.requires_grad for y in outputs):
        raise rustorch.AutogradError("jvp: an output does not depend on the inputs; strict=True does not allow that")
    value = tree_unflatten([_result(y, call.own) for y in outputs], spec)
    slope = tree_unflatten(_forward(call, vectors), spec)
    return (value, slope, call.aux) if has_aux else (value, slope)


def linearize(func: Callable, *primals: Any) -> Any:
    """The value of a function, and a function that gives the products of its Jacobian there with vectors.

    >>> value, push = rustorch.func.linearize(rustorch.exp, rustorch.tensor(0.0))
    >>> push(rustorch.tensor(2.0))
    tensor(2.)
    """
    call = _Call(func, primals, {}, tuple(range(len(primals))), False, "linearize")
    outputs, spec = tree_flatten(call.output)

    def push(*tangents: Any) -> Any:
        return tree_unflatten(_forward(call, tree_flatten(tangents)[0]), spec)

    return tree_unflatten([_result(y, call.own) for y in outputs], spec), push


def jacrev(func: Callable, argnums: Argnums = 0, *, has_aux: bool = False, chunk_size: Optional[int] = None) -> Callable:
    """A function that gives the Jacobian, row by row of the output: shape of the output, then of the input.

    ``chunk_size`` may be any positive number: rows are computed one at a time, which is the least memory.

    >>> rustorch.func.jacrev(lambda x: x**2)(rustorch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if chunk_size is not None and chunk_size < 1:
        raise rustorch.ArgumentValueError(f"jacrev: chunk_size must be positive, not {chunk_size}")

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = _Call(func, args, kwargs, argnums, has_aux, "jacrev")
        outputs, spec = tree_flatten(call.output)
        parts = []
        for y in outputs:
            rows = []
            for i in range(y.numel()):
                row = rustorch.zeros(y.numel(), dtype=y.dtype)
                row[i] = 1
                rows.append(call.gradients([y], [row.reshape(y.shape)]))
            columns = [rustorch.stack([row[k] for row in rows]) if rows else x.new_zeros((0,) + x.shape) for k, x in enumerate(call.inputs)]
            parts.append(call.pack([c.reshape(y.shape + x.shape) for c, x in zip(columns, call.inputs)]))
        found = tree_unflatten(parts, spec)
        return (found, call.aux) if has_aux else found

    return wrapper


def jacfwd(func: Callable, argnums: Argnums = 0, has_aux: bool = False, *, randomness: str = "error") -> Callable:
    """The same as :func:`jacrev`, column by column of the input.

    >>> rustorch.func.jacfwd(lambda x: x.sum())(rustorch.tensor([1.0, 2.0]))
    tensor([1., 1.])
    """
    _check_randomness(randomness)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = _Call(func, args, kwargs, argnums, has_aux, "jacfwd")
        outputs, spec = tree_flatten(call.output)
        columns: List[List[Tensor]] = [[] for _ in outputs]  # of each output, one for each input
        for k, x in enumerate(call.inputs):
            found: List[List[Tensor]] = []
            for i in range(x.numel()):
                tangents = [rustorch.zeros_like(other) for other in call.inputs]
                tangents[k].view(-1)[i] = 1
                found.append(_forward(call, tangents))
            for j, y in enumerate(outputs):
                whole = rustorch.stack([f[j] for f in found], -1) if found else y.new_zeros(y.shape + (0,))
                columns[j].append(whole.reshape(y.shape + x.shape))
        result = tree_unflatten([call.pack(c) for c in columns], spec)
        return (result, call.aux) if has_aux else result

    return wrapper


def hessian(func: Callable, argnums: Argnums = 0) -> Callable:
    """A function that gives the second derivatives of one that returns a scalar.

    >>> rustorch.func.hessian(lambda x: (x**3).sum())(rustorch.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacrev(jacrev(func, argnums), argnums)


# Batches -------------------------------------------------------------------------------------------------------


def _check_randomness(randomness: str) -> None:
    if randomness not in ("error", "different", "same"):
        raise rustorch.ArgumentValueError(f"vmap: randomness must be 'error', 'different' or 'same', not {randomness!r}")


def _dims_of(dims: Any, tree: Any, what: str) -> List[Any]:
    """A dimension, or None, for each leaf of a tree, from dimensions given for some of its nodes."""
    if dims is None or isinstance(dims, int):
        return [dims] * len(tree_flatten(tree)[0])
    items = list(tree.values()) if isinstance(tree, dict) else tree
    given = list(dims.values()) if isinstance(dims, dict) else dims
    if not isinstance(items, (tuple, list)) or len(given) != len(items):
        raise rustorch.ArgumentValueError(f"vmap: {what} {dims!r} do not have the structure of the arguments")
    return [d for dim, item in zip(given, items) for d in _dims_of(dim, item, what)]


def vmap(func: Callable, in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", *, chunk_size: Optional[int] = None) -> Callable:
    """A function that maps another over a dimension of its arguments, and stacks the results.

    The function is called once for each element: the results are those of PyTorch's vmap, the speed that of the loop.

    Parameters
    ----------
    in_dims : int, None, or nested tuples of them
        Which dimension of each argument to map over; None: each call gets the whole.
    out_dims : int or nested tuples
        Where the mapped dimension stands in the results.
    randomness : {"error", "different", "same"}
        What random operations inside do: raise an error is not possible in a loop, so that "error" and "different" draw
        anew in each call; "same": each call starts from the same generator state.
    chunk_size : int, optional
        Any positive number: elements are computed one at a time.

    Examples
    --------
    >>> rustorch.func.vmap(lambda x, y: x * y, in_dims=(0, None))(rustorch.tensor([1.0, 2.0]), rustorch.tensor(3.0))
    tensor([3., 6.])
    """
    _check_randomness(randomness)
    if chunk_size is not None and chunk_size < 1:
        raise rustorch.ArgumentValueError(f"vmap: chunk_size must be positive, not {chunk_size}")

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        leaves, spec = tree_flatten(args)
        dims = _dims_of(in_dims, args, "in_dims")
        sizes = {x.shape[d] for x, d in zip(leaves, dims) if d is not None}
        if len(sizes) != 1:
            found = f"sizes {sorted(sizes)}" if sizes else "no dimension to map over"
            raise rustorch.ArgumentValueError(f"vmap: expected all mapped dimensions to be of one size, got {found}")
        named, named_spec = tree_flatten(kwargs)  # mapped over dimension 0, as PyTorch does
        state = rustorch.get_rng_state()
        results = []
        for i in range(sizes.pop()):
            if randomness == "same":
                rustorch.set_rng_state(state)
            part = [x if d is None else x.select(d, i) for x, d in zip(leaves, dims)]
            part_named = [x.select(0, i) if isinstance(x, Tensor) else x for x in named]
            results.append(func(*tree_unflatten(part, spec), **tree_unflatten(part_named, named_spec)))
        if not results:
            raise rustorch.ArgumentValueError("vmap: there is nothing to map over: the dimension has size 0")
        outputs = [tree_flatten(r) for r in results]
        stacked_dims = _dims_of(out_dims, results[0], "out_dims")
        stacked = [rustorch.stack([o[0][k] for o in outputs], d) for k, d in enumerate(stacked_dims)]
        return tree_unflatten(stacked, outputs[0][1])

    return wrapper
