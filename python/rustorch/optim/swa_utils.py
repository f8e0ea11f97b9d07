"""Averages of weights over training: stochastic weight averaging and exponential moving averages."""

from __future__ import annotations

import copy
import itertools
import math
from typing import Any, Callable, Iterable, List, Optional, Sequence

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentValueError
from rustorch.nn import Module
from rustorch.optim.lr_scheduler._base import LRScheduler, per_group
from rustorch.optim.optimizer import Optimizer

__all__ = [
    "AveragedModel", "SWALR", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn", "update_bn",
]  # fmt: skip


def _check_decay(decay: float) -> None:
    if decay < 0.0 or decay > 1.0:
        raise ArgumentValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def _move(averaged: Tensor, current: Tensor, share: float) -> None:
    """averaged += share * (current - averaged), rounded to whole numbers for integers as a copy rounds them."""
    if averaged.is_floating_point():
        averaged.lerp_(current, share)
    else:
        averaged.copy_(averaged + (current - averaged) * share)


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable:
    """A function (averages, values, number averaged) that makes each average ``decay`` × itself + the rest × the value.

    >>> from rustorch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
    >>> average = AveragedModel(nn.Linear(1, 1), multi_avg_fn=get_ema_multi_avg_fn(0.9))
    """
    _check_decay(decay)

    @rustorch.no_grad()
    def ema_update(ema_param_list: Sequence[Tensor], current_param_list: Sequence[Tensor], _: Any) -> None:
        for average, value in zip(ema_param_list, current_param_list):
            _move(average, value, 1 - decay)

    return ema_update


def get_swa_multi_avg_fn() -> Callable:
    """A function (averages, values, number averaged) that makes each the mean of all values so far.

    >>> from rustorch.optim.swa_utils import AveragedModel, get_swa_multi_avg_fn
    >>> average = AveragedModel(nn.Linear(1, 1), multi_avg_fn=get_swa_multi_avg_fn())
    """

    @rustorch.no_grad()
    def swa_update(averaged_param_list: Sequence[Tensor], current_param_list: Sequence[Tensor], num_averaged: Any) -> None:
        for average, value in zip(averaged_param_list, current_param_list):
            _move(average, value, 1.0 / (float(num_averaged) + 1))

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> Callable:
    """A function of one average and one value that returns ``decay`` × the average + the rest × the value.

    >>> from rustorch.optim.swa_utils import get_ema_avg_fn
    >>> get_ema_avg_fn(0.5)(rustorch.zeros(1), rustorch.ones(1), 3)
    tensor([0.5000])
    """
    _check_decay(decay)

    @rustorch.no_grad()
    def ema_update(ema_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_avg_fn() -> Callable:
    """A function of one average, one value and the number averaged that returns the mean with the value in it.

    >>> from rustorch.optim.swa_utils import get_swa_avg_fn
    >>> get_swa_avg_fn()(rustorch.zeros(1), rustorch.ones(1), 3)
    tensor([0.2500])
    """

    @rustorch.no_grad()
    def swa_update(averaged_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


class AveragedModel(Module):
    """A copy of a model whose parameters are an average of the model's, as of each :meth:`update_parameters`.

    Parameters
    ----------
    model : Module
    device : device, default that of the model
    avg_fn : function, optional
        Of one average, one value and the number averaged; returns the new average. Default: the mean.
    multi_avg_fn : function, optional
        Of lists of averages and values and the number averaged; writes the averages in place.
    use_buffers : bool, default False
        Average buffers too, instead of copying them.

    Source: Izmailov et al., UAI 2018; moving averages: Polyak and Juditsky, 1992.

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch.optim.swa_utils import AveragedModel
    >>> model = torch.nn.Linear(1, 1, bias=False)
    >>> averaged = AveragedModel(model)
    >>> for value in (1.0, 2.0, 6.0):
    ...     _ = torch.nn.init.constant_(model.weight, value)
    ...     averaged.update_parameters(model)
    >>> averaged.module.weight.item()
    3.0
    """

    def __init__(
        self, model: Module, device: Any = None, avg_fn: Optional[Callable] = None, multi_avg_fn: Optional[Callable] = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", rustorch.tensor(0, dtype=rustorch.long, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    @rustorch.no_grad()
    def update_parameters(self, model: Module) -> None:
        """Take the model's present parameters into the average; buffers are copied unless ``use_buffers``."""

        def averaged_of(module: Module) -> List[Tensor]:
            buffers = module.buffers() if self.use_buffers else ()
            return [tensor.detach() for tensor in itertools.chain(module.parameters(), buffers)]

        averages, values = averaged_of(self.module), averaged_of(model)
        if len(averages) != len(values):
            raise ArgumentValueError(f"update_parameters: the model has {len(values)} tensors, the average {len(averages)}")
        n = self.n_averaged
        if int(n) == 0:
            for average, value in zip(averages, values):
                average.copy_(value)
        elif self.avg_fn is not None:
            for average, value in zip(averages, values):
                average.copy_(self.avg_fn(average, value, n))
        elif averages:
            for dtype in dict.fromkeys(average.dtype for average in averages):  # one call for each dtype, as PyTorch
                chosen = [i for i, average in enumerate(averages) if average.dtype == dtype]
                update = self.multi_avg_fn or get_swa_multi_avg_fn()
                update([averages[i] for i in chosen], [values[i] for i in chosen], n)
        if not self.use_buffers:
            for own, given in zip(self.module.buffers(), model.buffers()):
                own.detach().copy_(given.detach())
        self.n_averaged += 1


@rustorch.no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Recompute the running means and variances of batch norms as plain means over a loader's batches.

    Parameters
    ----------
    loader : iterable of batches
        A batch that is a list or tuple stands for its first item.
    model : Module
        It is left in the mode that it was in.
    device : device, optional
        Where batches are moved first.

    >>> from rustorch.optim.swa_utils import update_bn
    >>> layer = nn.BatchNorm1d(2)
    >>> update_bn([rustorch.ones(4, 2)], layer)
    >>> layer.running_mean
    tensor([1., 1.])
    """
    norms = {module: module.momentum for module in model.modules() if hasattr(module, "reset_running_stats")}
    if not norms:
        return
    was_training = model.training
    model.train()
    try:
        for module in norms:
            module.reset_running_stats()
            module.momentum = None  # a cumulative mean
        for batch in loader:
            if isinstance(batch, (list, tuple)):
                batch = batch[0]
            model(batch if device is None else batch.to(device))
    finally:
        for module, momentum in norms.items():
            module.momentum = momentum
        model.train(was_training)


class SWALR(LRScheduler):
    """From the present learning rate to ``swa_lr`` in ``anneal_epochs`` epochs, and constant then.

    Parameters
    ----------
    optimizer : Optimizer
    swa_lr : float or list of floats, one a group
    anneal_epochs : int, default 10
    anneal_strategy : {"cos", "linear"}, default "cos"
    last_epoch : int, default −1

    Source: Izmailov et al., UAI 2018.

    >>> from rustorch.optim.swa_utils import SWALR
    >>> optimizer = optim.SGD([rustorch.ones(1, requires_grad=True)], lr=0.1)
    >>> SWALR(optimizer, swa_lr=0.05).get_last_lr()
    [0.1]
    """

    def __init__(
        self, optimizer: Optimizer, swa_lr: Any, anneal_epochs: int = 10, anneal_strategy: str = "cos", last_epoch: int = -1
    ) -> None:
        if anneal_strategy not in ("cos", "linear"):
            raise ArgumentValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ArgumentValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        for rate, group in zip(per_group("swa_lr", optimizer, swa_lr), optimizer.param_groups):
            group["swa_lr"] = rate
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, step: int) -> float:
        """How much of ``swa_lr`` is in the rate at a step."""
        t = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def get_lr(self) -> List[Any]:
        self._warn_unless_stepping()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            end = group["swa_lr"]
            start = end if before == 1 else (group["lr"] - before * end) / (1 - before)
            rates.append(end * now + start * (1 - now))
        return rates
