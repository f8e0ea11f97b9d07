"""Turning the recording of operations on and off: contexts that are decorators as well."""

import functools
import inspect

from .._C import ArgumentTypeError, _GradMode, _set_grad_enabled, _set_inference, is_grad_enabled, is_inference_mode_enabled

__all__ = ["no_grad", "enable_grad", "set_grad_enabled", "inference_mode", "is_grad_enabled", "is_inference_mode_enabled"]


def _wrap_generator(make_context, function):
    """A generator function whose body alone runs inside the context: between its values the caller's mode holds."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        generator = function(*args, **kwargs)
        try:
            with make_context():
                value = generator.send(None)
            while True:
                try:
                    sent = yield value
                except GeneratorExit:
                    with make_context():
                        generator.close()
                    raise
                except BaseException as error:  # thrown in by the caller: the body may catch it
                    with make_context():
                        value = generator.throw(error)
                else:
                    with make_context():
                        value = generator.send(sent)
        except StopIteration as stop:
            return stop.value

    return wrapper


def _wrap_coroutine(make_context, function):
    """An async function: each of its steps runs inside the context, the event loop between them does not."""

    class Steps:
        def __init__(self, coroutine):
            self.coroutine = coroutine

        def __await__(self):
            return (yield from _wrap_generator(make_context, lambda: self.coroutine.__await__())())

    @functools.wraps(function)
    async def wrapper(*args, **kwargs):
        return await Steps(function(*args, **kwargs))

    return wrapper


def _decorate(make_context, function, name):
    """The function with a context of its own around each call."""
    if inspect.isclass(function):
        raise ArgumentTypeError(f"{name} decorates functions, not classes: decorate the methods of {function.__name__}")
    if not callable(function):
        raise ArgumentTypeError(f"{name} decorates functions, not {type(function).__name__}")
    if inspect.isgeneratorfunction(function):
        return _wrap_generator(make_context, function)
    if inspect.iscoroutinefunction(function):
        return _wrap_coroutine(make_context, function)

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        with make_context():
            return function(*args, **kwargs)

    return wrapper


class _Switch(_GradMode):
    """A context with a fixed mode; also a decorator, with and without parentheses."""

    mode = False

    def __call__(self, function):
        return _decorate(type(self), function, type(self).__name__)

    def clone(self):
        """A context of its own with the same setting."""
        return type(self)()

    def __repr__(self):
        return f"<rustorch.{type(self).__name__}>"


class no_grad(_Switch):
    """Context and decorator in which operations are not recorded, so that their results require no gradient.

    Examples
    --------
    >>> import rustorch
    >>> x = rustorch.tensor([1.0], requires_grad=True)
    >>> with rustorch.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    mode = False


class enable_grad(_Switch):
    """Context and decorator in which operations are recorded, also inside ``no_grad``.

    Examples
    --------
    >>> import rustorch
    >>> x = rustorch.tensor([1.0], requires_grad=True)
    >>> with rustorch.no_grad():
    ...     with rustorch.enable_grad():
    ...         y = x * 2
    >>> y.requires_grad
    True
    """

    mode = True


class set_grad_enabled(_GradMode):
    """Turn recording on or off: at once, and as a context or decorator until its end.

    Parameters
    ----------
    mode : bool
        True records, False does not.

    Examples
    --------
    >>> import rustorch
    >>> x = rustorch.tensor([1.0], requires_grad=True)
    >>> with rustorch.set_grad_enabled(False):
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    mode = False
    _before = None  # the mode to go back to, from when this was made until it is entered

    def __init__(self, mode):
        self._set_mode(mode)
        self.mode = mode
        self._before = is_grad_enabled()
        _set_grad_enabled(mode)

    def __enter__(self):
        if self._before is not None:  # what holds after the block is what held before this was made
            _set_grad_enabled(self._before)
            self._before = None
        return super().__enter__()

    def __call__(self, function):
        if self._before is not None:  # a decorator changes nothing until the function runs
            _set_grad_enabled(self._before)
            self._before = None
        return _decorate(self.clone, function, "set_grad_enabled")

    def clone(self):
        """A context of its own with the same setting, which does not act before it is entered."""
        made = type(self).__new__(type(self))
        made._set_mode(self.mode)
        made.mode = self.mode
        return made

    def __repr__(self):
        return f"<rustorch.set_grad_enabled mode={self.mode}>"


class inference_mode(_GradMode):
    """Context and decorator for code whose results never take part in gradients.

    Recording is off, as under ``no_grad``. Tensors made inside, and views of them, stay out of recording for good: outside
    they cannot be written in place, saved for a gradient, or made to require one; ``clone()`` gives an ordinary tensor.

    Parameters
    ----------
    mode : bool, optional
        False turns it off inside a context where it is on.

    Examples
    --------
    >>> import rustorch
    >>> with rustorch.inference_mode():
    ...     x = rustorch.ones(2)
    ...     rustorch.is_inference_mode_enabled()
    True
    >>> x.is_inference(), x.clone().is_inference()
    (True, False)
    """

    mode = True

    def __init__(self, mode=True):
        self._set_mode(not mode)
        self.mode = mode
        self._before = []  # the mode to go back to, for each time this was entered

    def __enter__(self):
        super().__enter__()
        self._before.append(is_inference_mode_enabled())
        _set_inference(self.mode)
        return self

    def __exit__(self, *error):
        _set_inference(self._before.pop())
        super().__exit__(*error)

    def __call__(self, function):
        return _decorate(self.clone, function, "inference_mode")

    def clone(self):
        """A context of its own with the same setting."""
        return type(self)(self.mode)

    def __repr__(self):
        return f"<rustorch.inference_mode mode={self.mode}>"
