"""DistributedDataParallel: every rank trains a copy of the module on its part of each batch."""

from __future__ import annotations

import hashlib
import weakref
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import rustorch
from rustorch import DistributedError, Tensor, _C
from rustorch._C import ArgumentTypeError, ArgumentValueError, RusTorchError, UnsupportedError
from rustorch.distributed._groups import ProcessGroup, _group
from rustorch.distributed._objects import all_gather_object, broadcast_object_list
from rustorch.nn.modules.module import Module
from rustorch.nn.parameter import is_lazy

__all__ = ["DistributedDataParallel"]

_MIB = 1 << 20
_wrapped: "weakref.WeakKeyDictionary[Module, weakref.ref]" = weakref.WeakKeyDictionary()


def wrapper_of(module: Module) -> Optional["DistributedDataParallel"]:
    """The wrapper that averages the gradients of a module already; None without one."""
    found = _wrapped.get(module)
    return None if found is None else found()


class DistributedDataParallel(Module):
    """Averages the gradients of a module over the ranks while ``backward`` is still running.

    Parameters and buffers of rank 0 go to all ranks at the start; from then on every rank's parameters stay equal to the
    bit, since all make the same step with the same gradients. A parameter that has no gradient on one rank counts as
    zeros there; one that has none on any rank keeps its ``.grad`` as it was.

    The gradients lie in buckets, which are sent as soon as their last gradient is there; ``.grad`` is a view of its
    bucket, so nothing is copied.

    Parameters
    ----------
    module : Module
        Found again as ``.module``; other attributes that this wrapper has not are the module's.
    device_ids, output_device : optional
        For GPUs; None or empty for a module on the CPU.
    dim : int, default 0
        The batch dimension; only 0.
    broadcast_buffers : bool, default True
        Send rank 0's buffers to all ranks before each training forward pass.
    init_sync : bool, default True
        Check shapes and send rank 0's parameters and buffers at the start.
    process_group : ProcessGroup, optional
        Default: the default group, which is brought up if need be.
    bucket_cap_mb : float, optional
        Size of a bucket in MiB, default 25; the first one is 1 MiB, so that sending starts early, unless a size is given.
    find_unused_parameters : bool, default False
        Unused parameters are found without being looked for; True changes nothing.
    gradient_as_bucket_view : bool, default False
        Gradients are always views of buckets; True changes nothing.
    static_graph : bool, default False
        Promises that each backward pass uses the same parameters; then unused ones hold no bucket up.
    skip_all_reduce_unused_params, check_reduction, delay_all_reduce_named_params, param_to_hook_all_reduce,
    mixed_precision, device_mesh
        Not supported: must be left out.

    Example
    -------
    >>> import rustorch
    >>> from rustorch import nn
    >>> model = nn.parallel.DistributedDataParallel(nn.Linear(2, 1))
    >>> model(rustorch.ones(4, 2)).sum().backward()
    >>> model.module.bias.grad
    tensor([4.])
    >>> rustorch.distributed.destroy_process_group()
    """

    def __init__(
        self,
        module: Module,
        device_ids: Optional[Sequence[Any]] = None,
        output_device: Any = None,
        dim: int = 0,
        broadcast_buffers: bool = True,
        init_sync: bool = True,
        process_group: Optional[ProcessGroup] = None,
        bucket_cap_mb: Optional[float] = None,
        find_unused_parameters: bool = False,
        check_reduction: bool = False,
        gradient_as_bucket_view: bool = False,
        static_graph: bool = False,
        delay_all_reduce_named_params: Any = None,
        param_to_hook_all_reduce: Any = None,
        mixed_precision: Any = None,
        device_mesh: Any = None,
        skip_all_reduce_unused_params: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(module, Module):
            raise ArgumentTypeError(f"DistributedDataParallel: a Module is expected, not {type(module).__name__}")
        unsupported = {
            "check_reduction": check_reduction,
            "delay_all_reduce_named_params": delay_all_reduce_named_params,
            "param_to_hook_all_reduce": param_to_hook_all_reduce,
            "mixed_precision": mixed_precision,
            "device_mesh": device_mesh,
            "skip_all_reduce_unused_params": skip_all_reduce_unused_params,
        }
        for name, value in unsupported.items():
            if value:
                raise UnsupportedError(f"DistributedDataParallel: {name} is not supported; leave it out")
        if device_ids or output_device is not None:
            raise ArgumentValueError(
                f"DistributedDataParallel: device_ids ({device_ids}) and output_device ({output_device}) are for modules on a GPU; "
                "this one is on the CPU: leave them out"
            )
        if dim != 0:
            raise UnsupportedError(f"DistributedDataParallel: the batch dimension must be 0, not {dim}")
        if bucket_cap_mb is not None and not bucket_cap_mb > 0:
            raise ArgumentValueError(f"DistributedDataParallel: bucket_cap_mb must be more than 0, not {bucket_cap_mb}")
        if any(is_lazy(each) for each in [*module.parameters(), *module.buffers()]):
            raise RusTorchError(
                "Modules with uninitialized parameters can't be used with `DistributedDataParallel`. Run a dummy forward pass to correctly "
                "initialize the modules (a Model: model.build(input_shape), or fit, which needs no wrapper)"
            )
        named = [(name, each) for name, each in module.named_parameters() if each.requires_grad]
        if not named:
            raise RusTorchError("DistributedDataParallel is not needed: no parameter of the module requires a gradient")
        self.module = module
        self.process_group = _group(process_group)
        self.broadcast_buffers = broadcast_buffers
        self.find_unused_parameters = find_unused_parameters
        self.gradient_as_bucket_view = gradient_as_bucket_view
        self.static_graph = static_graph
        self.require_backward_grad_sync = True
        if init_sync:
            self._check_shapes(named)
            self._send_state()
        cap = 25 if bucket_cap_mb is None else bucket_cap_mb
        first = 1 if bucket_cap_mb is None else bucket_cap_mb
        self._reducer = _C._Reducer(
            self.process_group._handle,
            [each for _, each in named],
            tuple(name for name, _ in named),
            int(first * _MIB),
            int(cap * _MIB),
            static_graph,
        )
        _wrapped[module] = weakref.ref(self)

    # ------------------------------------------------------------------------------------------ at the start

    def _check_shapes(self, named: List[Tuple[str, Tensor]]) -> None:
        """All ranks must have the same parameters and buffers; a difference is an error that names both."""
        mine = [f"{name}: {tuple(each.shape)} {each.dtype}" for name, each in named]
        mine += [f"{name}: {tuple(each.shape)} {each.dtype} (buffer)" for name, each in self.module.named_buffers()]
        group, digest = self.process_group, hashlib.sha256("\n".join(mine).encode()).hexdigest()
        digests: List[Any] = [None] * group.size()
        all_gather_object(digests, digest, group)
        if all(each == digests[0] for each in digests):
            return
        theirs = [mine]
        broadcast_object_list(theirs, group=group, group_src=0)
        differ = [rank for rank, each in enumerate(digests) if each != digests[0]]
        examples: List[Any] = [None] * group.size()
        all_gather_object(examples, _first_difference(theirs[0], mine), group)
        rank, (first, other) = group._ranks[differ[0]], examples[differ[0]]
        raise DistributedError(
            f"DistributedDataParallel: the ranks have different modules: rank {group._ranks[0]} has {first}, rank {rank} has {other}"
        )

    def _send_state(self) -> None:
        tensors = [each.detach() for each in self.module.parameters()] + list(self.module.buffers())
        if tensors and self.process_group.size() > 1:
            self.process_group._handle.broadcast_list(tensors, 0).wait()

    # ------------------------------------------------------------------------------------------ training

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What the module computes. Before it, rank 0's buffers go to all ranks."""
        if rustorch.is_grad_enabled():
            self._reducer.set_sync(self.require_backward_grad_sync)
            self._reducer.begin()
            if self.training and self.broadcast_buffers and self.require_backward_grad_sync and self.process_group.size() > 1:
                buffers = list(self.module.buffers())
                if buffers:
                    self.process_group._handle.broadcast_list(buffers, 0).wait()
        return self.module(*inputs, **kwargs)

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """Within it, gradients are added up on each rank and not averaged; the next pass outside averages the sums.

        The forward pass belongs inside too.
        """
        before = self.require_backward_grad_sync
        self.require_backward_grad_sync = False
        self._reducer.set_sync(False)
        try:
            yield
        finally:
            self.require_backward_grad_sync = before
            self._reducer.set_sync(before)

    def sync_gradients(self) -> None:
        """Average the gradients that are there now, for instance after passes under :meth:`no_sync`."""
        self._reducer.flush()

    def join(self, *args: Any, **kwargs: Any) -> Any:
        """Not supported: give every rank the same number of batches (``DistributedSampler`` does)."""
        raise UnsupportedError(
            "DistributedDataParallel.join: uneven numbers of batches are not supported; DistributedSampler gives every rank the same"
        )

    def register_comm_hook(self, state: object, hook: Any) -> None:
        """Not supported: gradients are averaged by all-reduce."""
        raise UnsupportedError(
            "DistributedDataParallel.register_comm_hook: gradients are averaged by all-reduce; other ways are not supported"
        )

    # ------------------------------------------------------------------------------------------ being a module

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            modules: Dict[str, Any] = self.__dict__.get("_modules", {})
            if name.startswith("_") or "module" not in modules:
                raise
            return getattr(modules["module"], name)

    def __reduce__(self) -> Any:
        raise ArgumentTypeError("a DistributedDataParallel cannot be pickled or copied: it belongs to its process; use .module")


def _first_difference(theirs: List[str], mine: List[str]) -> Tuple[str, str]:
    for a, b in zip(theirs, mine):
        if a != b:
            return a, b
    if len(theirs) == len(mine):
        return "the same", "the same"
    longer = max(theirs, mine, key=len)[min(len(theirs), len(mine))]
    return (longer, "nothing more") if len(theirs) > len(mine) else ("nothing more", longer)
