"""DataParallel: one device, so the module itself does the work."""

from __future__ import annotations

import warnings
from typing import Any, List, Optional, Sequence

import rustorch
from rustorch import _C
from rustorch.nn.modules.module import Module

__all__ = ["DataParallel", "data_parallel"]

_said = False


def _say_once() -> None:
    global _said
    if not _said:
        _said = True
        warnings.warn(
            "DataParallel: there is one device, and the module runs on it as it is; DistributedDataParallel under "
            "`rustorch-launch -n N script.py` trains on several processes",
            stacklevel=3,
        )


def _there(devices: Optional[Sequence[Any]]) -> List[Any]:
    """The GPUs that are named, each of which must be there; none of them counts without any, as in PyTorch."""
    named = list(devices or ()) if rustorch.cuda.is_available() else []
    for each in named:
        _C._check_device(_C.device("cuda", each) if isinstance(each, int) else _C.device(each))
    return named


class DataParallel(Module):
    """Runs the module on the one device there is, and says so once.

    Parameters
    ----------
    module : Module
        Found again as ``.module``; its names in ``state_dict`` begin with ``module.``, as in PyTorch.
    device_ids, output_device : optional
        GPUs, which must be there; without effect on a machine that has none.
    dim : int, default 0
        Along which several devices would share the work: without effect.

    Examples
    --------
    >>> import rustorch
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     model = rustorch.nn.DataParallel(rustorch.nn.Linear(2, 3))
    >>> model(rustorch.zeros(4, 2)).shape, list(model.state_dict())
    (rustorch.Size([4, 3]), ['module.weight', 'module.bias'])
    """

    def __init__(self, module: Module, device_ids: Optional[Sequence[Any]] = None, output_device: Any = None, dim: int = 0) -> None:
        super().__init__()
        _there([] if output_device is None else [output_device])
        _say_once()
        self.module = module
        self.device_ids = _there(device_ids)
        self.output_device = output_device
        self.dim = dim

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What the module returns."""
        return self.module(*inputs, **kwargs)


def data_parallel(
    module: Module, inputs: Any, device_ids: Optional[Sequence[Any]] = None, output_device: Any = None, dim: int = 0,
    module_kwargs: Any = None,
) -> Any:
    """``module(*inputs, **module_kwargs)`` on the one device there is; says so once.

    Parameters
    ----------
    module : Module
    inputs : Tensor or tuple
    device_ids, output_device, dim
        As for :class:`DataParallel`.
    module_kwargs : dict, optional

    >>> nn.parallel.data_parallel(nn.Linear(2, 3), rustorch.zeros(4, 2)).shape
    rustorch.Size([4, 3])
    """
    _there(device_ids)
    _say_once()
    return module(*(inputs if isinstance(inputs, tuple) else (inputs,)), **(module_kwargs or {}))
