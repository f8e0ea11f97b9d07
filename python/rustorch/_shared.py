"""Memory that processes share: nameless files (memfd) which each of them maps.

A block belongs to the tensors over it: it goes when the last of them does, in every process. It reaches children that are
forked by inheritance, and others through multiprocessing, which carries the descriptor.
"""

from __future__ import annotations

import mmap
import os
import weakref
from typing import Any, Optional

import rustorch
from rustorch._C import Tensor

_blocks: "weakref.WeakValueDictionary[int, Block]" = weakref.WeakValueDictionary()  # by address


class Block(mmap.mmap):
    """A mapping of the file ``fd``, which it owns."""

    fd: int

    def __new__(cls, fd: int, size: int) -> "Block":
        made = super().__new__(cls, fd, size)
        made.fd = fd
        return made

    def __del__(self) -> None:
        os.close(self.fd)


def new_block(size: int) -> Block:
    """A block of that many bytes, all 0."""
    try:
        fd = os.memfd_create("rustorch", os.MFD_CLOEXEC)
        os.ftruncate(fd, size)
        return Block(fd, size)
    except OSError as error:
        raise rustorch.OutOfMemoryError(f"share_memory_: {size} bytes of shared memory were asked for: {error.strerror}") from error


def tensor_over(block: Block, dtype: Any, offset: int, shape: Any, stride: Any) -> Tensor:
    """The tensor that lies in the block; ``offset`` in elements."""
    whole = rustorch.frombuffer(block, dtype=dtype)
    _blocks[whole.data_ptr()] = block
    return whole.as_strided(tuple(shape), tuple(stride), offset)


def block_of(tensor: Tensor) -> Optional[Block]:
    """The block that the tensor lies in, or None."""
    return _blocks.get(tensor.data_ptr() - tensor.storage_offset() * tensor.element_size())
