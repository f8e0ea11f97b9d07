"""Gradients against finite differences, in double precision.

For each input that wants a gradient the Jacobian of each output is computed twice: column by column from central
differences, and row by row from backward with one-hot gradients. The two must agree within ``atol + rtol * |numerical|``.
In the fast mode a random direction of the input and random weights of the output take the place of all the one-hot ones,
so that one number a pair is compared.
"""

from .. import _C
from . import grad as _grad
from .grad_mode import enable_grad, no_grad
from rustorch._C import ArgumentValueError, AutogradError, UnsupportedError

__all__ = ["gradcheck", "gradgradcheck", "GradcheckError"]


class GradcheckError(RuntimeError):
    """What ``gradcheck`` and ``gradgradcheck`` raise when gradients are wrong.

    >>> issubclass(rustorch.autograd.GradcheckError, RuntimeError)
    True
    """


def _as_tuple(x):
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def _wants(x):
    return isinstance(x, _C.Tensor) and x.requires_grad


def _outputs(function, inputs):
    """The differentiable outputs."""
    return tuple(y for y in _as_tuple(function(*inputs)) if isinstance(y, _C.Tensor) and y.is_floating_point())


def _numpy(x):
    return x.detach().to(_C.float64).numpy()


def _check_inputs(inputs):
    if not any(_wants(x) for x in inputs):
        raise ArgumentValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have requires_grad=True."
        )
    for i, x in enumerate(inputs):
        if not _wants(x):
            continue
        if x.dtype != _C.float64:
            import warnings

            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point: finite differences will be "
                "inaccurate. This check will likely fail.",
                stacklevel=4,
            )
        if any(size > 1 and stride == 0 for size, stride in zip(x.size(), x.stride())):
            raise AutogradError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping to "
                "be able to compute the numerical gradients correctly. You should call .contiguous on the input before "
                "passing it to gradcheck."
            )


def _directions(x, fast, seed):
    """The directions in which a tensor is looked at, as rows: those of its elements, or a random one."""
    import numpy

    return numpy.random.RandomState(seed).uniform(0.5, 1.5, (1, x.numel())) if fast else numpy.eye(x.numel())


def _numerical(function, inputs, at, eps, directions):
    """For each direction of inputs[at] how fast the outputs change along it, a list of arrays (output elements)."""
    x = inputs[at]
    # A change through the memory that the tensor has is seen by the function whatever the layout.
    values = x.detach().numpy()
    kept = values.copy()
    changes = []
    for direction in directions:
        results = []
        with no_grad():
            for step in (-eps, eps):
                values[...] = kept + step * direction.reshape(kept.shape)
                results.append([_numpy(y).copy() for y in _outputs(function, inputs)])
            values[...] = kept
        changes.append([(high - low).ravel() / (2 * eps) for low, high in zip(*results)])
    return changes


def _analytical(outputs, inputs, wanted, weights):
    """From backward: for each output and each wanted input an array (input elements, weights of the output)."""
    import numpy

    table = []
    for y, rows in zip(outputs, weights):
        blocks = [numpy.zeros((inputs[at].numel(), len(rows))) for at in wanted]
        if y.requires_grad:
            for k, row in enumerate(rows):
                given = _C.tensor(row, dtype=y.dtype).reshape(y.size())
                found = _grad(y, [inputs[at] for at in wanted], given, retain_graph=True, allow_unused=True)
                for block, g in zip(blocks, found):
                    if g is not None:
                        block[:, k] = _numpy(g).ravel()
        table.append(blocks)
    return table


def _message(what, i_out, i_in, numerical, analytical):
    return (
        f"{what} for output {i_out} with respect to input {i_in},\nnumerical:{numerical}\nanalytical:{analytical}\n"
        f"largest difference: {abs(numerical - analytical).max()}"
    )


def _compare_all(function, inputs, eps, atol, rtol, nondet_tol, fast):
    import numpy

    wanted = [i for i, x in enumerate(inputs) if _wants(x)]
    outputs = _outputs(function, inputs)
    if not outputs:
        raise ArgumentValueError("gradcheck: the function returned no floating-point tensor")
    directions = {at: _directions(inputs[at], fast, at) for at in wanted}
    changes = {at: _numerical(function, inputs, at, eps, directions[at]) for at in wanted}
    if not any(y.requires_grad for y in outputs):  # then no output may change with the inputs
        if any(abs(block).max(initial=0.0) > atol for at in wanted for change in changes[at] for block in change):
            raise GradcheckError("Numerical gradient for function expected to be zero")
        return
    weights = [_directions(y, fast, len(inputs) + i) for i, y in enumerate(outputs)]
    analytical = _analytical(outputs, inputs, wanted, weights)
    again = _analytical(outputs, inputs, wanted, weights)
    for k, at in enumerate(wanted):
        along = directions[at]
        for i, y in enumerate(outputs):
            seen = along @ analytical[i][k]
            numerical = numpy.array([change[i] for change in changes[at]]).reshape(len(along), y.numel()) @ weights[i].T
            allowed = atol * numpy.outer(along.sum(1), weights[i].sum(1)) + rtol * abs(numerical)
            if not (abs(seen - numerical) <= allowed).all():
                raise GradcheckError(_message("Jacobian mismatch", i, at, numerical, seen))
            if abs(analytical[i][k] - again[i][k]).max(initial=0.0) > nondet_tol:
                raise GradcheckError(
                    f"Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives "
                    f"different values for output {i} with respect to input {at}: the difference is larger than "
                    f"nondet_tol={nondet_tol}"
                )


def _check_shapes_and_dtypes(function, inputs, check_grad_dtypes):
    wanted = [x for x in inputs if _wants(x)]
    outputs = [y for y in _outputs(function, inputs) if y.requires_grad]
    if not outputs:
        return
    found = _grad(outputs, wanted, [_C._ops.zeros_like(y) for y in outputs], allow_unused=True)
    for i, (g, x) in enumerate(zip(found, wanted)):
        if g is None:
            continue
        if g.size() != x.size():
            raise GradcheckError(f"grad is incorrect size: {tuple(g.size())} for input {i} of size {tuple(x.size())}")
        if check_grad_dtypes and g.dtype != x.dtype:
            raise GradcheckError(f"grad is incorrect dtype: {g.dtype} for input {i} of dtype {x.dtype}")
        if abs(_numpy(g)).max(initial=0.0) != 0:
            raise GradcheckError("backward not multiplied by grad_output")


def _check_batched(function, inputs):
    """Several gradients of an output at once must give what they give one after the other."""
    wanted = [x for x in inputs if _wants(x)]
    for i, y in enumerate(_outputs(function, inputs)):
        if not y.requires_grad:
            continue
        given = _C.tensor([_directions(y, True, seed)[0] for seed in range(2)], dtype=y.dtype).reshape((2,) + tuple(y.size()))
        each = [_grad(y, wanted, g, retain_graph=True, allow_unused=True) for g in given]
        together = _grad(y, wanted, given, retain_graph=True, allow_unused=True, is_grads_batched=True)
        for k, (both, *alone) in enumerate(zip(together, *each)):
            if (both is None) != (alone[0] is None) or (
                both is not None and any(abs(_numpy(a) - _numpy(b)).max(initial=0.0) > 1e-8 for a, b in zip(both, alone))
            ):
                raise GradcheckError(f"batched gradients of output {i} differ from those taken one by one, for input {k}")


def _refuse_forward(name, backward, **forward):
    """There are gradients from backward only."""
    for option, wanted in forward.items():
        if wanted:
            raise UnsupportedError(f"{name}: {option}=True is not supported: derivatives are computed backward only")
    if not backward:
        raise ArgumentValueError(f"{name}: nothing would be checked: backward is the only way in which derivatives are computed")


def _check_undefined(function, inputs):
    """Outputs that nothing depends on have no gradient: backward must take that for zeros."""
    outputs = [y for y in _outputs(function, inputs) if y.requires_grad]
    if len(outputs) < 2:
        return
    wanted = [x for x in inputs if _wants(x)]
    for i, y in enumerate(outputs):
        given = [_C._ops.ones_like(y) if i == k else _C._ops.zeros_like(z) for k, z in enumerate(outputs)]
        all_given = _grad(outputs, wanted, given, retain_graph=True, allow_unused=True)
        alone = _grad(y, wanted, given[i], retain_graph=True, allow_unused=True)
        for a, b in zip(all_given, alone):
            zero = all(g is None or abs(_numpy(g)).max(initial=0.0) == 0 for g in (a, b))
            if not zero and (a is None or b is None or abs(_numpy(a) - _numpy(b)).max(initial=0.0) > 1e-12):
                raise GradcheckError(
                    "Expected backward function to handle undefined output grads. Please look at "
                    "ctx.set_materialize_grads(False) in your autograd.Function."
                )


def gradcheck(
    func,
    inputs,
    *,
    eps=1e-6,
    atol=1e-5,
    rtol=1e-3,
    raise_exception=True,
    nondet_tol=0.0,
    check_undefined_grad=True,
    check_grad_dtypes=False,
    check_batched_grad=False,
    check_batched_forward_grad=False,
    check_forward_ad=False,
    check_backward_ad=True,
    fast_mode=False,
    masked=None,
):
    """Check gradients from backward against central finite differences.

    Parameters
    ----------
    func : callable
        Takes the inputs, returns a tensor or a tuple of them.
    inputs : Tensor or tuple
        Those that require a gradient should be of dtype float64.
    eps : float
        The step of the differences.
    atol, rtol : float
        What is allowed: ``|a - n| <= atol + rtol * |n|``.
    raise_exception : bool
        False returns False instead of raising.
    nondet_tol : float
        How much two backward passes may differ.
    check_undefined_grad : bool
        Also check that outputs without a gradient are taken as zeros.
    check_grad_dtypes : bool
        Also check the dtype of gradients.
    check_batched_grad : bool
        Also check ``autograd.grad(…, is_grads_batched=True)``.
    check_batched_forward_grad, check_forward_ad, check_backward_ad : bool
        Derivatives are computed backward only: nothing but the defaults is possible.
    fast_mode : bool
        Compare along one random direction of each input instead of element by element.
    masked : bool
        For sparse inputs, of which there are none.

    Returns
    -------
    bool
        True if all agree.

    Raises
    ------
    GradcheckError
        If they do not, with both Jacobians.
    UnsupportedError
        If derivatives in forward mode are asked for.

    Examples
    --------
    >>> import rustorch
    >>> x = rustorch.tensor([0.5, 1.5], dtype=rustorch.float64, requires_grad=True)
    >>> rustorch.autograd.gradcheck(lambda x: x.exp() * x, (x,))
    True
    """
    _refuse_forward(
        "gradcheck", check_backward_ad, check_forward_ad=check_forward_ad, check_batched_forward_grad=check_batched_forward_grad
    )
    inputs = _as_tuple(inputs)
    _check_inputs(inputs)
    try:
        _compare_all(func, inputs, eps, atol, rtol, nondet_tol, fast_mode)
        _check_shapes_and_dtypes(func, inputs, check_grad_dtypes)
        if check_undefined_grad:
            _check_undefined(func, inputs)
        if check_batched_grad:
            _check_batched(func, inputs)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func,
    inputs,
    grad_outputs=None,
    *,
    eps=1e-6,
    atol=1e-5,
    rtol=1e-3,
    gen_non_contig_grad_outputs=False,
    raise_exception=True,
    nondet_tol=0.0,
    check_undefined_grad=True,
    check_grad_dtypes=False,
    check_batched_grad=False,
    check_fwd_over_rev=False,
    check_rev_over_rev=True,
    fast_mode=False,
    masked=False,
):
    """Check second derivatives: ``gradcheck`` of the function that gives the gradients.

    Parameters
    ----------
    func, inputs, eps, atol, rtol, raise_exception, nondet_tol, check_undefined_grad, check_grad_dtypes
        As for ``gradcheck``.
    check_batched_grad, fast_mode, masked : bool
        As for ``gradcheck``.
    check_fwd_over_rev, check_rev_over_rev : bool
        Derivatives are computed backward only: nothing but the defaults is possible.
    grad_outputs : Tensor or tuple of Tensor, optional
        The gradients of the outputs; random ones by default.
    gen_non_contig_grad_outputs : bool
        Make the random ones strided in memory.

    Returns
    -------
    bool
        True if all agree.

    Examples
    --------
    >>> import rustorch
    >>> x = rustorch.tensor([0.5, 1.5], dtype=rustorch.float64, requires_grad=True)
    >>> rustorch.autograd.gradgradcheck(lambda x: x.exp() * x, (x,))
    True
    """
    _refuse_forward("gradgradcheck", check_rev_over_rev, check_fwd_over_rev=check_fwd_over_rev)
    inputs = _as_tuple(inputs)
    _check_inputs(inputs)
    if grad_outputs is None:
        grad_outputs = _random_gradients(_outputs(func, inputs), gen_non_contig_grad_outputs)
    grad_outputs = _as_tuple(grad_outputs)
    n = len(inputs)

    def gradients(*args):
        xs, gs = args[:n], args[n:]
        wanted = [x for x in xs if _wants(x)]
        outputs = _outputs(func, xs)
        pairs = [(y, g) for y, g in zip(outputs, gs) if y.requires_grad]
        found = _grad([y for y, _ in pairs], wanted, [g for _, g in pairs], create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        enable_grad()(gradients), inputs + grad_outputs,  # recording is on also where gradcheck turns it off
        eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception, nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad, check_grad_dtypes=check_grad_dtypes, check_batched_grad=check_batched_grad,
        fast_mode=fast_mode, masked=masked,
    )  # fmt: skip


def _random_gradients(outputs, strided):
    import numpy

    random = numpy.random.RandomState(0)
    made = []
    for y in outputs:
        shape = tuple(y.size()) + ((2,) if strided else ())
        g = _C.tensor(random.standard_normal(shape), dtype=y.dtype)
        made.append((g[..., 0] if strided else g).requires_grad_())
    return tuple(made)
