"""Methods of Tensor that are written in Python: those of functional.py, and what changes a tensor's own geometry."""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Sequence

import rustorch
from rustorch import _shared, functional as _functional
from rustorch._C import Tensor, _add_methods, _ops, _take_view

__all__ = []


def _sizes(sizes: Any) -> List[int]:
    return list(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else list(sizes)


# Geometry in place -------------------------------------------------------------------------------------------


def squeeze_(self: Tensor, dim: Any = None) -> Tensor:
    """:meth:`squeeze` of the tensor itself."""
    return _take_view(self, self.squeeze() if dim is None else self.squeeze(dim))


def unsqueeze_(self: Tensor, dim: int) -> Tensor:
    """:meth:`unsqueeze` of the tensor itself."""
    return _take_view(self, self.unsqueeze(dim))


def transpose_(self: Tensor, dim0: int, dim1: int) -> Tensor:
    """:meth:`transpose` of the tensor itself."""
    return _take_view(self, self.transpose(dim0, dim1))


swapaxes_ = swapdims_ = transpose_


def t_(self: Tensor) -> Tensor:
    """:meth:`t` of the tensor itself."""
    return _take_view(self, self.t())


def as_strided_(self: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: Optional[int] = None) -> Tensor:
    """:meth:`as_strided` of the tensor itself."""
    return _take_view(self, self.as_strided(size, stride, storage_offset))


def _dense_strides(shape: Any) -> List[int]:
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return strides[::-1]


def resize_(self: Tensor, *sizes: Any, memory_format: Any = None) -> Tensor:
    """The tensor itself in another shape, over the same memory where that is large enough.

    The elements are those that lie there in row-major order; new memory holds the old elements first, then whatever
    lay in it. A tensor that requires a gradient cannot be resized.

    >>> rustorch.arange(6).resize_(2, 2)
    tensor([[0, 1],
            [2, 3]])
    """
    shape = _sizes(sizes)
    if self.requires_grad:
        raise rustorch.AutogradError("resize_(): cannot resize variables that require grad")
    if list(self.shape) == shape:
        return self
    n = 1
    for size in shape:
        n *= size
    old = self.detach()
    try:
        fresh = old.as_strided(shape, _dense_strides(shape), self.storage_offset())
    except ValueError:  # beyond the memory
        fresh = rustorch.empty(shape, dtype=self.dtype, device=self.device)
        kept = min(self.numel(), n)
        fresh.view(-1)[:kept] = old.reshape(-1)[:kept]
    self.data = fresh
    return self


def resize_as_(self: Tensor, other: Tensor, memory_format: Any = None) -> Tensor:
    """:meth:`resize_` to the shape of other."""
    return resize_(self, *other.shape)


def set_(
    self: Tensor, source: Optional[Tensor] = None, storage_offset: Optional[int] = None,
    size: Optional[Sequence[int]] = None, stride: Optional[Sequence[int]] = None,
) -> Tensor:
    """The tensor itself over the memory of another tensor, with its geometry or the one given; without a source, empty."""
    if source is None:
        source = rustorch.empty(0, dtype=self.dtype, device=self.device)
    if source.dtype != self.dtype:
        raise rustorch.DtypeError(f"set_(): the source has dtype {source.dtype}, but the tensor has {self.dtype}")
    source = source.detach()
    if size is not None:
        source = source.as_strided(size, _dense_strides(list(size)) if stride is None else stride, storage_offset or 0)
    elif storage_offset is not None or stride is not None:
        raise rustorch.ArgumentTypeError("set_(): storage_offset and stride need a size")
    self.data = source
    return self


def new(self: Tensor, *args: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """The old constructor: of sizes, of a sequence of values, or of a tensor, with the dtype of self.

    >>> rustorch.zeros(1).new([1, 2])
    tensor([1., 2.])
    """
    if len(args) == 1 and isinstance(args[0], Tensor):
        return args[0].detach()
    if len(args) == 1 and not isinstance(args[0], (int, rustorch.Size)):
        return self.new_tensor(args[0], dtype=dtype, device=device)
    return self.new_empty(_sizes(args) if args else [0], dtype=dtype, device=device)


def new_empty_strided(
    self: Tensor, size: Sequence[int], stride: Sequence[int], dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:
    """A tensor of the given sizes and strides, with the dtype of self."""
    return _functional.empty_strided(
        size, stride, dtype=dtype or self.dtype, layout=layout, device=device or self.device, requires_grad=requires_grad,
        pin_memory=pin_memory,
    )  # fmt: skip


def sum_to_size(self: Tensor, *size: Any) -> Tensor:
    """The sum over the dimensions that a tensor of the given size would be expanded in to have the shape of self."""
    shape = _sizes(size)
    extra = self.dim() - len(shape)
    if extra < 0 or any(want not in (1, have) for want, have in zip(shape, self.shape[max(extra, 0) :])):
        raise rustorch.ShapeError(f"sum_to_size(): size {shape} is not expandable to size {list(self.shape)}")
    gone = [i for i in range(self.dim()) if i < extra or (shape[i - extra] == 1 and self.shape[i] != 1)]
    return (self.sum(gone, keepdim=True) if gone else self).reshape(shape)


def narrow_copy(self: Tensor, dim: int, start: int, length: int) -> Tensor:
    """A copy of :meth:`narrow`."""
    return self.narrow(dim, start, length).clone()


# Values ------------------------------------------------------------------------------------------------------


def fill_diagonal_(self: Tensor, fill_value: float, wrap: bool = False) -> Tensor:
    """Writes a number on the main diagonal: of a matrix, or of a tensor whose dimensions are all of one size.

    ``wrap`` goes on, in a matrix with more rows than columns, with a new diagonal below each row that is left out.
    """
    if self.dim() < 2:
        raise rustorch.ShapeError(f"fill_diagonal_(): dimensions must be larger than 1, but the shape is {tuple(self.shape)}")
    if self.dim() > 2 and len(set(self.shape)) > 1:
        raise rustorch.ShapeError(f"fill_diagonal_(): all dimensions of input must be of equal length, but the shape is {tuple(self.shape)}")
    at = rustorch.arange(min(self.shape))
    index = [at] * self.dim()
    if wrap and self.dim() == 2 and self.shape[0] > self.shape[1] and self.shape[1]:
        step = self.shape[1] + 1
        flat = rustorch.arange(0, self.shape[0] * self.shape[1], step)
        index = [_ops.div(flat, self.shape[1], rounding_mode="floor"), flat % self.shape[1]]
    self[tuple(index)] = fill_value
    return self


def apply_(self: Tensor, callable: Callable[..., Any]) -> Tensor:
    """Replaces each element by what a Python function makes of it: slow, for single uses."""
    if self.requires_grad:
        raise rustorch.AutogradError("apply_(): can't call apply_() on a variable that requires grad; use detach() first")
    values = [callable(value) for value in self.flatten().tolist()]
    return self.copy_(rustorch.tensor(values, dtype=self.dtype).reshape(self.shape))


def map_(self: Tensor, tensor: Tensor, callable: Callable[..., Any]) -> Tensor:
    """Replaces each element by what a Python function makes of it and the element of tensor: slow, for single uses."""
    if self.requires_grad:
        raise rustorch.AutogradError("map_(): can't call map_() on a variable that requires grad; use detach() first")
    pairs = zip(self.flatten().tolist(), tensor.expand_as(self).flatten().tolist())
    return self.copy_(rustorch.tensor([callable(a, b) for a, b in pairs], dtype=self.dtype).reshape(self.shape))


def is_nonzero(self: Tensor) -> bool:
    """Whether the one element of a tensor differs from 0."""
    if self.numel() != 1:
        raise rustorch.ShapeError(f"is_nonzero(): a tensor of one element is needed, but there are {self.numel()}")
    return bool(self.item())


def is_same_size(self: Tensor, other: Tensor) -> bool:
    """Whether two tensors have one shape."""
    return self.shape == other.shape


def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether two tensors are the same memory under the same geometry."""
    return (
        self.data_ptr() == tensor.data_ptr() and self.shape == tensor.shape and self.stride() == tensor.stride()
        and self.storage_offset() == tensor.storage_offset()
    )  # fmt: skip


def __array_namespace__(self: Tensor, *, api_version: Optional[str] = None) -> Any:
    """The namespace of the Python array API standard: :mod:`rustorch.array_api`.

    >>> rustorch.ones(2).__array_namespace__().__array_api_version__
    '2024.12'
    """
    if api_version not in (None, "2021.12", "2022.12", "2023.12", "2024.12"):
        raise rustorch.ArgumentValueError(f"__array_namespace__: version {api_version!r} of the array API is not supported, 2024.12 is")
    return rustorch.array_api


def to_device(self: Tensor, device: Any, /, *, stream: Any = None) -> Tensor:
    """The tensor on a device: the array API's name of :meth:`to`.

    >>> rustorch.ones(2).to_device("cpu")
    tensor([1., 1.])
    """
    if stream is not None:
        raise rustorch.UnsupportedError("to_device(): the CPU has no streams; leave stream out")
    return self.to(device)


def untyped_storage(self: Tensor) -> Any:
    """The memory that the tensor lies in: a :class:`rustorch.storage.UntypedStorage`.

    >>> rustorch.ones(2).untyped_storage().nbytes()
    8
    """
    return rustorch.UntypedStorage(self)


def storage(self: Tensor) -> Any:
    """The memory that the tensor lies in, as its elements: a :class:`rustorch.storage.TypedStorage`.

    >>> rustorch.ones(2).storage().tolist()
    [1.0, 1.0]
    """
    return rustorch.TypedStorage(self)


def zero_grad(self: Tensor) -> None:
    """Forget the gradient.

    >>> x = rustorch.ones(1, requires_grad=True)
    >>> x.sum().backward()
    >>> x.zero_grad()
    >>> x.grad is None
    True
    """
    self.grad = None


def to_dense(self: Tensor, dtype: Any = None) -> Tensor:
    """The tensor itself, or as another dtype: all tensors are dense.

    >>> rustorch.ones(1).to_dense()
    tensor([1.])
    """
    return self if dtype is None else self.to(dtype)


def __reversed__(self: Tensor) -> Tensor:
    """The tensor with its first dimension the other way round.

    >>> reversed(rustorch.tensor([1, 2]))
    tensor([2, 1])
    """
    return self.flip(0) if self.dim() else self


def _itself(self: Tensor) -> Tensor:
    """The tensor itself: there are no complex numbers."""
    return self


def _never(self: Tensor) -> bool:
    """False: there is no such tensor here."""
    return False


def prelu(self: Tensor, weight: Tensor) -> Tensor:
    """As :func:`rustorch.nn.functional.prelu`."""
    return rustorch.prelu(self, weight)


def hardshrink(self: Tensor, lambd: float = 0.5) -> Tensor:
    """x, and 0 within −lambd … lambd."""
    return _ops.hardshrink(self, lambd)


# Memory ------------------------------------------------------------------------------------------------------


def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """Page-locked memory is for copies to a GPU: without one it is an error, as in PyTorch."""
    raise rustorch.DeviceError("pin_memory(): there is no GPU that could copy from page-locked memory; keep the tensor as it is")


def is_pinned(self: Tensor, device: Any = None) -> bool:
    """False: no memory is page-locked without a GPU."""
    return False


def share_memory_(self: Tensor) -> Tensor:
    """Move the elements to memory that this process shares with those that get the tensor.

    These are processes that are forked from now on, and those to which :mod:`rustorch.multiprocessing` carries it: as an
    argument of a process, or through a queue. What one process writes the others see. Views made before keep the old memory.

    >>> rustorch.zeros(2).share_memory_().is_shared()
    True
    """
    if not is_shared(self):
        block = _shared.new_block(max(self.numel(), 1) * self.element_size())
        fresh = _shared.tensor_over(block, self.dtype, 0, self.shape, _dense_strides(self.shape))
        with rustorch.no_grad():
            fresh.copy_(self.detach())
            self.data = fresh
    return self


def is_shared(self: Tensor) -> bool:
    """Whether the elements lie in memory that processes share: see :meth:`share_memory_`."""
    return _shared.block_of(self) is not None


def _from_function(name: Any, function: Any) -> Any:
    def method(self, *args, **kwargs):
        return function(self, *args, **kwargs)

    method.__name__ = name
    method.__qualname__ = "Tensor." + name
    method.__doc__ = f"As :func:`rustorch.{name}`."
    return method


def _later(name: Any) -> Any:
    """A method that is a function of the package which is imported when it is first asked for."""

    def method(self, *args, **kwargs):
        return getattr(rustorch, name)(self, *args, **kwargs)

    return _from_function(name, method)


def _in_place(name: Any) -> Any:
    function = getattr(_functional, name)

    def method(self, *args, **kwargs):
        return self.copy_(function(self, *args, **kwargs))

    method.__name__ = name + "_"
    method.__qualname__ = f"Tensor.{name}_"
    method.__doc__ = f"As :func:`rustorch.{name}`, written into the tensor itself."
    return method


_FUNCTIONS = """
    cholesky corrcoef cov histc histogram matrix_power nanquantile nonzero pinverse qr quantile renorm svd unique
    unique_consecutive
""".split()
_LATE = """
    as_strided_scatter cholesky_inverse cholesky_solve geqrf istft lu lu_solve matrix_exp orgqr ormqr stft triangular_solve unsafe_chunk
    unsafe_split unsafe_split_with_sizes
""".split()
_PLAIN = [
    __array_namespace__, to_device, storage, untyped_storage, zero_grad, to_dense, __reversed__,
    squeeze_, unsqueeze_, transpose_, t_, as_strided_, resize_, resize_as_, set_, new, new_empty_strided, sum_to_size, narrow_copy,
    fill_diagonal_, apply_, map_, is_nonzero, is_same_size, is_set_to, prelu, hardshrink, pin_memory, is_pinned, share_memory_, is_shared,
]  # fmt: skip

# Devices and layouts that there are not.
_OTHER_KINDS = "ipu maia mkldnn mps mtia sparse_csr vulkan xla xpu".split()


def _install() -> None:
    methods = {function.__name__: function for function in _PLAIN}
    methods.update(swapaxes_=swapaxes_, swapdims_=swapdims_, resize=resize_, resize_as=resize_as_, renorm_=_in_place("renorm"))
    methods.update({name: _from_function(name, getattr(_functional, name)) for name in _FUNCTIONS})
    methods.update(dict.fromkeys(("conj", "conj_physical", "conj_physical_", "resolve_conj", "resolve_neg"), _itself))
    methods.update({name: _later(name) for name in _LATE})
    methods.update(dict.fromkeys(("is_conj", "is_neg", "is_distributed", "is_coalesced"), _never))
    methods.update(dict.fromkeys("is_ipu is_maia is_mkldnn is_mps is_mtia is_sparse_csr is_vulkan is_xla is_xpu".split(), property(_never)))
    methods["to_vec"] = Tensor.tolist
    methods["_grad"] = Tensor.grad
    methods["real"] = property(_itself)
    methods.update({f"is_{kind}": property(_never) for kind in _OTHER_KINDS})
    _add_methods(methods)


_install()
