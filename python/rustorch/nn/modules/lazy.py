"""Layers that learn the size of their input from the first one they see."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple, Type

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentValueError, RusTorchError, UnsupportedError
from rustorch.nn.modules import conv, linear, norm
from rustorch.nn.modules.module import Module
from rustorch.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy

__all__ = [
    "LazyLinear", "LazyConv1d", "LazyConv2d", "LazyConv3d", "LazyConvTranspose1d", "LazyConvTranspose2d",
    "LazyConvTranspose3d", "LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d", "LazyInstanceNorm1d",
    "LazyInstanceNorm2d", "LazyInstanceNorm3d",
]  # fmt: skip


class LazyModuleMixin:
    """Makes a module lazy: parameters may be uninitialised until the first call.

    A class that mixes this in (before the Module) holds :class:`~rustorch.nn.parameter.UninitializedParameter` and
    defines ``initialize_parameters(*inputs)``, which gives them their shapes. It is called before the first forward;
    then the module becomes ``cls_to_become``, if that is set. Until then moving to a dtype or device, saving, and
    loading of a state (which settles the shapes too) work; anything else must wait: create the optimizer after one
    call, a "dry run".

    >>> layer = nn.LazyLinear(3)
    >>> layer.has_uninitialized_params()
    True
    >>> layer(rustorch.zeros(2, 5)).shape, layer.weight.shape
    (rustorch.Size([2, 3]), rustorch.Size([3, 5]))
    """

    cls_to_become: Optional[Type[Module]] = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._watch()

    def _watch(self) -> None:
        """Wait for the first call, and let uninitialised parameters pass into a state."""
        self.register_forward_pre_hook(_initialize, with_kwargs=True)  # type: ignore[attr-defined]
        self.register_state_dict_post_hook(_keep_uninitialized)  # type: ignore[attr-defined]

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give the uninitialised parameters their shapes, from the inputs of the first call."""
        raise UnsupportedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Is there still a parameter or buffer without a shape?"""
        tables = (self._parameters, self._buffers)  # type: ignore[attr-defined]
        return any(is_lazy(value) for table in tables for value in table.values())

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        lazy = [name for name, value in self._buffers.items() if is_lazy(value)]  # type: ignore[attr-defined]
        super()._apply(fn, recurse)  # type: ignore[misc]
        for name in lazy:  # which fn made plain tensors of
            moved = self._buffers[name]  # type: ignore[attr-defined]
            self._buffers[name] = UninitializedBuffer(device=moved.device, dtype=moved.dtype)  # type: ignore[attr-defined]
        return self

    def _load_from_state_dict(self, state_dict: Dict[str, Any], prefix: str, *args: Any) -> None:
        for table in (self._parameters, self._buffers):  # type: ignore[attr-defined]
            for name, own in table.items():
                given = state_dict.get(prefix + name)
                if is_lazy(own) and isinstance(given, Tensor) and not is_lazy(given):
                    own.materialize(given.shape)
        super()._load_from_state_dict(state_dict, prefix, *args)  # type: ignore[misc]

    def _take(self, table: Any, name: str, key: str, own: Any, given: Any, *rest: Any) -> None:
        if is_lazy(own) and is_lazy(given):  # nothing is known on either side
            return
        if is_lazy(given):
            raise RusTorchError(f"{key} has a shape here, but is uninitialized in the given state")
        super()._take(table, name, key, own, given, *rest)  # type: ignore[misc]


def _initialize(module: Any, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> None:
    if module.has_uninitialized_params():
        module.initialize_parameters(*args, **kwargs)
    if module.has_uninitialized_params():
        raise RusTorchError(f"module {module._get_name()} has not been fully initialized")
    # found by what they are: a copy of the module has them under the same ids, but not the handles
    for table in (module._forward_pre_hooks, module._state_dict_hooks):
        for key in [key for key, hook in table.items() if hook in (_initialize, _keep_uninitialized)]:
            del table[key]
            module._hooks_with_kwargs.pop(key, None)
    if module.cls_to_become is not None:
        module.__class__ = module.cls_to_become


def _keep_uninitialized(module: Any, state: Dict[str, Any], prefix: str, metadata: Any) -> None:
    """What has no shape yet goes into the state as it is."""
    for table in (module._parameters, module._buffers):
        for name, value in table.items():
            if is_lazy(value) and prefix + name in state:
                state[prefix + name] = value


class LazyLinear(LazyModuleMixin, linear.Linear):
    """:class:`Linear` whose ``in_features`` is that of the first input.

    Example
    -------
    >>> import rustorch as torch
    >>> layer = torch.nn.LazyLinear(2)
    >>> layer(torch.zeros(5, 3)).shape, layer
    (rustorch.Size([5, 2]), Linear(in_features=3, out_features=2, bias=True))
    """

    cls_to_become = linear.Linear

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(0, 0, False, device, dtype)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_features = out_features
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        if self.in_features:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        self.in_features = input.shape[-1]
        self.weight.materialize((self.out_features, self.in_features))
        if self.bias is not None:
            self.bias.materialize((self.out_features,))
        self.reset_parameters()


class _LazyConv(LazyModuleMixin):
    """What the lazy convolutions share; mixed in before a convolution."""

    _n: int

    def _become_lazy(self: Any, out_channels: int, bias: bool, device: Any, dtype: Any) -> None:
        if out_channels % self.groups:
            raise ArgumentValueError("out_channels must be divisible by groups")
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_channels = out_channels
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self: Any) -> None:
        if self.in_channels:
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self: Any, input: Tensor, *args: Any, **kwargs: Any) -> None:
        if input.dim() not in (self._n + 1, self._n + 2):
            raise RusTorchError(
                f"Expected {self._n + 1}D (unbatched) or {self._n + 2}D (batched) input to {type(self).__name__}, but got "
                f"input of size: {tuple(input.shape)}"
            )
        self.in_channels = input.shape[-self._n - 1]
        if self.in_channels % self.groups:
            raise ArgumentValueError("in_channels must be divisible by groups")
        first, second = self.out_channels, self.in_channels
        if self._transposed:
            first, second = second, first
        self.weight.materialize((first, second // self.groups, *self.kernel_size))
        if self.bias is not None:
            self.bias.materialize((self.out_channels,))
        self.reset_parameters()


class _LazyConvN(_LazyConv):
    def __init__(
        self, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1,
        bias: bool = True, padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:
        super().__init__(0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode, device, dtype)
        self._become_lazy(out_channels, bias, device, dtype)


class LazyConv1d(_LazyConvN, conv.Conv1d):
    """:class:`Conv1d` whose ``in_channels`` is that of the first input.

    >>> nn.LazyConv1d(3, 2)(rustorch.zeros(1, 4, 8)).shape
    rustorch.Size([1, 3, 7])
    """

    cls_to_become = conv.Conv1d


class LazyConv2d(_LazyConvN, conv.Conv2d):
    """:class:`Conv2d` whose ``in_channels`` is that of the first input.

    >>> nn.LazyConv2d(3, 2)(rustorch.zeros(1, 4, 8, 8)).shape
    rustorch.Size([1, 3, 7, 7])
    """

    cls_to_become = conv.Conv2d


class LazyConv3d(_LazyConvN, conv.Conv3d):
    """:class:`Conv3d` whose ``in_channels`` is that of the first input.

    >>> nn.LazyConv3d(3, 2)(rustorch.zeros(1, 4, 4, 4, 4)).shape
    rustorch.Size([1, 3, 3, 3, 3])
    """

    cls_to_become = conv.Conv3d


class _LazyConvTransposeN(_LazyConv):
    def __init__(
        self, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
        groups: int = 1, bias: bool = True, dilation: Any = 1, padding_mode: str = "zeros", device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation, padding_mode, device, dtype
        )
        self._become_lazy(out_channels, bias, device, dtype)


class LazyConvTranspose1d(_LazyConvTransposeN, conv.ConvTranspose1d):
    """:class:`ConvTranspose1d` whose ``in_channels`` is that of the first input.

    >>> nn.LazyConvTranspose1d(3, 2)(rustorch.zeros(1, 4, 8)).shape
    rustorch.Size([1, 3, 9])
    """

    cls_to_become = conv.ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTransposeN, conv.ConvTranspose2d):
    """:class:`ConvTranspose2d` whose ``in_channels`` is that of the first input.

    >>> nn.LazyConvTranspose2d(3, 2)(rustorch.zeros(1, 4, 8, 8)).shape
    rustorch.Size([1, 3, 9, 9])
    """

    cls_to_become = conv.ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTransposeN, conv.ConvTranspose3d):
    """:class:`ConvTranspose3d` whose ``in_channels`` is that of the first input.

    >>> nn.LazyConvTranspose3d(3, 2)(rustorch.zeros(1, 4, 4, 4, 4)).shape
    rustorch.Size([1, 3, 5, 5, 5])
    """

    cls_to_become = conv.ConvTranspose3d


class _LazyNorm(LazyModuleMixin):
    """What the lazy normalisations share; mixed in before one."""

    def __init__(
        self: Any, eps: float = 1e-5, momentum: Optional[float] = 0.1, affine: bool = True, track_running_stats: bool = True,
        device: Any = None, dtype: Any = None, *, bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, False, False, device, dtype)
        self.affine = affine
        self.track_running_stats = track_running_stats
        if affine:
            self.weight = UninitializedParameter(device=device, dtype=dtype)
            if bias:
                self.bias = UninitializedParameter(device=device, dtype=dtype)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(device=device, dtype=dtype)
            self.running_var = UninitializedBuffer(device=device, dtype=dtype)
            self.num_batches_tracked = rustorch.tensor(0, dtype=rustorch.int64)

    def reset_parameters(self: Any) -> None:
        if self.num_features:
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self: Any, input: Tensor) -> None:
        unbatched = isinstance(self, norm._InstanceNorm) and input.dim() == self._n + 1
        self.num_features = input.shape[0 if unbatched else 1]
        for value in (self.weight, self.bias, self.running_mean, self.running_var):
            if value is not None:
                value.materialize((self.num_features,))
        self.reset_parameters()


class LazyBatchNorm1d(_LazyNorm, norm.BatchNorm1d):
    """:class:`BatchNorm1d` whose ``num_features`` is that of the first input.

    >>> nn.LazyBatchNorm1d()(rustorch.zeros(2, 4)).shape
    rustorch.Size([2, 4])
    """

    cls_to_become = norm.BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, norm.BatchNorm2d):
    """:class:`BatchNorm2d` whose ``num_features`` is that of the first input.

    >>> nn.LazyBatchNorm2d()(rustorch.zeros(2, 4, 3, 3)).shape
    rustorch.Size([2, 4, 3, 3])
    """

    cls_to_become = norm.BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, norm.BatchNorm3d):
    """:class:`BatchNorm3d` whose ``num_features`` is that of the first input.

    >>> nn.LazyBatchNorm3d()(rustorch.zeros(2, 4, 3, 3, 3)).shape
    rustorch.Size([2, 4, 3, 3, 3])
    """

    cls_to_become = norm.BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, norm.InstanceNorm1d):
    """:class:`InstanceNorm1d` whose ``num_features`` is that of the first input.

    >>> nn.LazyInstanceNorm1d()(rustorch.zeros(2, 4, 5)).shape
    rustorch.Size([2, 4, 5])
    """

    cls_to_become = norm.InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, norm.InstanceNorm2d):
    """:class:`InstanceNorm2d` whose ``num_features`` is that of the first input.

    >>> nn.LazyInstanceNorm2d()(rustorch.zeros(2, 4, 3, 3)).shape
    rustorch.Size([2, 4, 3, 3])
    """

    cls_to_become = norm.InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, norm.InstanceNorm3d):
    """:class:`InstanceNorm3d` whose ``num_features`` is that of the first input.

    >>> nn.LazyInstanceNorm3d()(rustorch.zeros(2, 4, 3, 3, 3)).shape
    rustorch.Size([2, 4, 3, 3, 3])
    """

    cls_to_become = norm.InstanceNorm3d
