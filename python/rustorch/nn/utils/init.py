"""Making modules without filling their parameters."""

from __future__ import annotations

import inspect
from typing import Any, Type

from rustorch.nn import init
from rustorch.nn.modules.module import Module
from rustorch._C import RusTorchError

__all__ = ["skip_init"]


def skip_init(module_cls: Type[Module], *args: Any, **kwargs: Any) -> Module:
    """A module whose parameters :mod:`rustorch.nn.init` has not filled: they hold whatever memory held.

    Parameters
    ----------
    module_cls : class of a module that takes ``device``
    args, kwargs : its arguments

    Example
    -------
    >>> import rustorch as torch
    >>> torch.nn.utils.skip_init(torch.nn.Linear, 5, 1).weight.shape
    rustorch.Size([1, 5])
    """
    if not (isinstance(module_cls, type) and issubclass(module_cls, Module)):
        raise RusTorchError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RusTorchError("Module must support a 'device' arg to skip initialization")
    with init._skipped():
        return module_cls(*args, **kwargs)
