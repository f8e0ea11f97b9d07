"""Tensors from and to PyTorch, over the same memory (DLPack)."""

from __future__ import annotations

import sys
from typing import Any

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentTypeError, PluginError

__all__ = ["from_pytorch", "from_torch", "to_pytorch", "to_torch"]


def from_torch(tensor: Any) -> Tensor:
    """A tensor of PyTorch's as one of rustorch's.

    Both share the memory; what was computed before is not part of the gradient.

    Parameters
    ----------
    tensor : torch.Tensor

    Returns
    -------
    Tensor
        Requires a gradient if ``tensor`` does.

    Raises
    ------
    TypeError
        It is no tensor, or its dtype has no counterpart.

    Examples
    --------
    >>> rustorch.from_torch(rustorch.ones(2))  # one of ours comes back as it is
    tensor([1., 1.])
    """
    if not hasattr(tensor, "__dlpack__") or not callable(getattr(tensor, "detach", None)):
        raise ArgumentTypeError(f"from_torch: a tensor of PyTorch's is expected, not a {type(tensor).__name__}")
    if isinstance(tensor, Tensor):
        return tensor
    made = rustorch.from_dlpack(tensor.detach())
    return made.requires_grad_(True) if tensor.requires_grad else made


def to_torch(tensor: Tensor) -> Any:
    """A tensor as one of PyTorch's, which must be installed; both share the memory.

    Parameters
    ----------
    tensor : Tensor

    Returns
    -------
    torch.Tensor
        Requires a gradient if ``tensor`` does; what was computed before is not part of it.

    Raises
    ------
    ImportError
        PyTorch is not installed.

    Examples
    --------
    >>> import importlib.util
    >>> if importlib.util.find_spec("torch"):
    ...     assert rustorch.to_torch(rustorch.ones(2)).tolist() == [1.0, 1.0]
    """
    if not isinstance(tensor, Tensor):
        raise ArgumentTypeError(f"to_torch: a tensor is expected, not a {type(tensor).__name__}")
    try:
        import torch
    except ImportError as error:
        raise PluginError(f"to_torch: PyTorch is not installed in {sys.executable}: pip install torch") from error
    if torch is rustorch:  # a script that was told so
        return tensor
    made = torch.from_dlpack(tensor.detach())
    return made.requires_grad_(True) if tensor.requires_grad else made


from_pytorch, to_pytorch = from_torch, to_torch
