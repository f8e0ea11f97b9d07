"""The memory behind tensors: ``tensor.untyped_storage()`` and, of old, ``tensor.storage()``.

Examples
--------
>>> import rustorch
>>> x = rustorch.arange(6.0)
>>> x[2:4].untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
True
>>> x[2:4].untyped_storage().nbytes()
24
"""

from __future__ import annotations

from typing import Any, Iterator, List

import rustorch
from rustorch._C import Tensor

__all__ = ["TypedStorage", "UntypedStorage", "is_storage"]


class UntypedStorage:
    """The bytes that a tensor, and every view of it, lies in. It keeps them alive.

    >>> len(rustorch.zeros(2).untyped_storage())
    8
    """

    def __init__(self, tensor: Tensor) -> None:
        if not isinstance(tensor, Tensor):
            raise rustorch.ArgumentTypeError(f"a storage is that of a tensor, not of a {type(tensor).__name__}")
        self._tensor = tensor.detach()

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return self._tensor._storage[0]

    def nbytes(self) -> int:
        """The number of bytes."""
        return self._tensor._storage[1]

    size = __len__ = nbytes

    @property
    def device(self) -> Any:
        """Where the memory is."""
        return self._tensor.device

    def element_size(self) -> int:
        """1."""
        return 1

    def _flat(self) -> Tensor:
        """All elements, as the dtype of the tensor (of bytes)."""
        x = self._tensor
        return x.as_strided((self.nbytes() // x.element_size(),), (1,), 0)

    def tolist(self) -> List[int]:
        """The bytes as numbers."""
        return self._flat().view(rustorch.uint8).tolist()

    def __getitem__(self, index: Any) -> Any:
        found = self._flat().view(rustorch.uint8)[index]
        return found.item() if found.dim() == 0 else found

    def __iter__(self) -> Iterator[int]:
        return iter(self.tolist())

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, UntypedStorage) and self.data_ptr() == other.data_ptr() and self.nbytes() == other.nbytes()

    def __hash__(self) -> int:
        return hash(self.data_ptr())

    def __repr__(self) -> str:
        return f"rustorch.UntypedStorage(device={self.device.type}) of {self.nbytes()} bytes at {self.data_ptr():#x}"


class TypedStorage(UntypedStorage):
    """The elements that a tensor, and every view of it, lies in.

    >>> rustorch.arange(4)[1:].storage().tolist()
    [0, 1, 2, 3]
    """

    @property
    def dtype(self) -> Any:
        """The dtype of the elements."""
        return self._tensor.dtype

    def element_size(self) -> int:
        """The bytes of one element."""
        return self._tensor.element_size()

    def size(self) -> int:
        """The number of elements."""
        return self.nbytes() // self.element_size()

    __len__ = size

    def untyped(self) -> UntypedStorage:
        """The same memory as bytes."""
        return UntypedStorage(self._tensor)

    def tolist(self) -> List[Any]:
        """The elements."""
        return self._flat().tolist()

    def __getitem__(self, index: Any) -> Any:
        found = self._flat()[index]
        return found.item() if found.dim() == 0 else found

    def __setitem__(self, index: Any, value: Any) -> None:
        self._flat()[index] = value

    def fill_(self, value: Any) -> "TypedStorage":
        """Write one number to every element."""
        self._flat().fill_(value)
        return self

    def __repr__(self) -> str:
        return f"rustorch.TypedStorage(dtype={self.dtype}, device={self.device.type}) of size {self.size()}"


def is_storage(obj: Any) -> bool:
    """Is the object the storage of a tensor?

    >>> rustorch.is_storage(rustorch.ones(2).untyped_storage()), rustorch.is_storage(rustorch.ones(2))
    (True, False)
    """
    return isinstance(obj, (TypedStorage, UntypedStorage))
