"""``Variable``: a tensor whose ``data`` and ``grad`` may be called, as code from before they were attributes does."""

from .._C import Tensor, _CallableTensor, as_tensor

__all__ = ["Variable"]


class _NoGradient:
    """What ``Variable.grad`` is before there is a gradient: calling it gives None."""

    def __call__(self):
        return None

    def __bool__(self):
        return False

    def __eq__(self, other):
        return other is None or isinstance(other, _NoGradient)

    def __hash__(self):
        return hash(None)

    def __repr__(self):
        return "None"


_no_gradient = _NoGradient()


class _VariableMeta(type(Tensor)):
    """With ``of_torch`` :class:`Variable` is PyTorch's, where every tensor is one: `rustorch.compat` sets it."""

    of_torch = False

    def __instancecheck__(cls, instance):
        return isinstance(instance, Tensor) if cls.of_torch else type.__instancecheck__(cls, instance)


class Variable(Tensor, metaclass=_VariableMeta):
    """A tensor with the spelling of old: ``grad()`` and ``data()`` are methods.

    In a script that was written for PyTorch (see :mod:`rustorch.compat`) it gives a plain tensor, without gradient by default.
    Without the parentheses they are what they are for every tensor, except that ``grad`` is not ``None`` itself before
    there is a gradient.

    Parameters
    ----------
    data : Tensor, array or nested list
        A tensor shares its memory with the Variable.
    requires_grad : bool, optional
        Whether gradients are wanted; by default for every floating-point dtype.
    volatile : bool, optional
        True means ``requires_grad=False``.

    Examples
    --------
    >>> import rustorch
    >>> x = rustorch.autograd.Variable(rustorch.tensor([2.0, 3.0]), requires_grad=True)
    >>> ((x ** 2 + 3 * x) * x.exp()).sum().backward()
    >>> x.grad().shape
    rustorch.Size([2])
    """

    def __new__(cls, data, requires_grad=None, volatile=False):
        source = data if isinstance(data, Tensor) else as_tensor(data)
        if cls.of_torch:
            return source.detach().requires_grad_(bool(requires_grad) and not volatile)
        made = Tensor._make_subclass(cls, source)
        if requires_grad is None:
            requires_grad = source.is_floating_point()
        if requires_grad and not volatile:
            made.requires_grad_()
        return made

    def __init__(self, data, requires_grad=None, volatile=False):
        """Everything is done by ``__new__``."""

    @property
    def grad(self):
        """The gradient, which may be called too; before there is one, calling it gives None."""
        found = Tensor.grad.__get__(self)
        return _no_gradient if found is None else found.as_subclass(_CallableTensor)

    @grad.setter
    def grad(self, value):
        Tensor.grad.__set__(self, value() if isinstance(value, _NoGradient) else value)

    @classmethod
    def from_data(cls, data, shape, requires_grad=False):
        """A Variable of flat data in a shape."""
        return cls(as_tensor(data).reshape(shape), requires_grad)

    def zero_grad(self):
        """Forget the gradient."""
        self.grad = None

    def remove_hook(self, handle):
        """Take away the hook whose ``register_hook`` returned handle."""
        handle.remove()
