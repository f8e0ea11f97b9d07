"""Operations whose gradient is written in Python."""

import functools
import inspect
import warnings

from .._C import ArgumentTypeError, AutogradError, FunctionCtx, _FunctionBase, is_grad_enabled
from .grad_mode import no_grad

__all__ = ["Function", "FunctionCtx", "once_differentiable"]


class Function(_FunctionBase):
    """An operation with a gradient of its own: write ``forward`` and ``backward``, and call ``apply``.

    ``forward(ctx, *args)`` computes without being recorded and leaves in ``ctx`` what backward needs
    (``ctx.save_for_backward`` for tensors, attributes for the rest). ``backward(ctx, *grad_outputs)`` returns one
    gradient for each argument of forward, or None. What backward computes is recorded under ``create_graph=True``, so
    that second derivatives work. With a ``setup_context(ctx, inputs, output)`` forward gets no ``ctx``.

    Examples
    --------
    >>> import rustorch
    >>> class Square(rustorch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         (x,) = ctx.saved_tensors
    ...         return 2 * x * grad
    >>> x = rustorch.tensor([3.0], requires_grad=True)
    >>> Square.apply(x).backward()
    >>> x.grad
    tensor([6.])
    """

    def __init__(self, *args, **kwargs):
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you should invoke them "
            "on the class itself.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args, **kwargs):
        raise AutogradError(
            f"{type(self).__name__}: legacy autograd functions with a non-static forward are not run. Make forward(ctx, ...) and "
            f"backward(ctx, ...) static methods, and call {type(self).__name__}.apply(...)"
        )

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "vjp" in cls.__dict__ and "backward" not in cls.__dict__:  # another name for backward
            cls.backward = cls.__dict__["vjp"]

    @staticmethod
    def vjp(ctx, *grad_outputs):
        """Another name under which ``backward`` may be written."""
        return _FunctionBase.backward(ctx, *grad_outputs)

    @classmethod
    def _bind(cls, args, kwargs):
        """The arguments of a forward with setup_context by position, those left at their defaults included."""
        bound = inspect.signature(cls.forward).bind(*args, **(kwargs or {}))
        bound.apply_defaults()
        if bound.kwargs:
            raise ArgumentTypeError(f"{cls.__name__}.forward must not have keyword-only arguments")
        return bound.args


class _CannotDifferentiate(Function):
    """Hands its arguments through; differentiating it is an error."""

    @staticmethod
    def forward(ctx, *tensors):
        return tensors

    @staticmethod
    def backward(ctx, *grads):
        raise AutogradError("trying to differentiate twice a function that was marked with @once_differentiable")


def once_differentiable(function):
    """Mark a ``backward`` that is not itself made of differentiable operations: a second derivative is then an error.

    Parameters
    ----------
    function : callable
        The ``backward`` of a Function.

    Examples
    --------
    >>> from rustorch.autograd.function import Function, once_differentiable
    >>> class Double(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return x * 2
    ...     @staticmethod
    ...     @once_differentiable
    ...     def backward(ctx, grad):
    ...         return grad * 2
    """

    @functools.wraps(function)
    def wrapper(ctx, *grads):
        with no_grad():
            results = function(ctx, *grads)
        # In a recorded pass the results could be differentiated again, through the gradients or through what was saved.
        if not is_grad_enabled():
            return results
        single = not isinstance(results, (tuple, list))
        results = (results,) if single else tuple(results)
        floating = [r is not None and r.is_floating_point() for r in results]
        marked = _CannotDifferentiate.apply(
            *(r.detach().requires_grad_() for r, is_floating in zip(results, floating) if is_floating)
        )
        marked = iter(marked)
        results = tuple(next(marked) if is_floating else r for r, is_floating in zip(results, floating))
        return results[0] if single else results

    return wrapper
