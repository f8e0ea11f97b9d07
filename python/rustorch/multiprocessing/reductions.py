"""How tensors travel between processes: shared memory by its descriptor, the rest as bytes."""

from __future__ import annotations

from multiprocessing.reduction import DupFd, ForkingPickler
from typing import Any, Tuple

import rustorch
from rustorch import _shared
from rustorch.nn.parameter import Parameter

__all__ = ["init_reductions", "reduce_tensor"]


def rebuild_shared(cls: Any, descriptor: Any, size: int, layout: Tuple[Any, ...], requires_grad: bool) -> Any:
    """The tensor of another process, over the same memory."""
    block = _shared.Block(descriptor.detach(), size)
    tensor = _shared.tensor_over(block, *layout)
    return Parameter(tensor, requires_grad) if cls is Parameter else tensor.requires_grad_(requires_grad)


def reduce_tensor(tensor: Any) -> Any:
    """For multiprocessing's pickler: shared memory as a descriptor, the rest as bytes.

    Raises
    ------
    AutogradError
        The tensor is in shared memory and was computed with gradients: detach it first.

    Examples
    --------
    >>> from rustorch.multiprocessing.reductions import reduce_tensor
    >>> rebuild, arguments = reduce_tensor(rustorch.ones(2))[:2]
    >>> rebuild(*arguments)
    tensor([1., 1.])
    """
    block = _shared.block_of(tensor)
    if block is None:
        return tensor.__reduce_ex__(2)
    if tensor.requires_grad and not tensor.is_leaf:
        raise rustorch.AutogradError("a tensor that was computed with gradients cannot be sent to another process: detach() it first")
    layout = (tensor.dtype, tensor.storage_offset(), tuple(tensor.shape), tuple(tensor.stride()))
    return rebuild_shared, (type(tensor), DupFd(block.fd), len(block), layout, tensor.requires_grad)


def init_reductions() -> None:
    """Teach multiprocessing's pickler about tensors. ``import rustorch.multiprocessing`` has done it.

    >>> from rustorch.multiprocessing.reductions import init_reductions
    >>> init_reductions()
    """
    for cls in (rustorch.Tensor, Parameter):
        ForkingPickler.register(cls, reduce_tensor)
