"""SparseAdam."""

from __future__ import annotations

import math
from typing import Any, Dict, Iterable, List, Tuple

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentValueError
from rustorch.optim.optimizer import Optimizer, check_betas

__all__ = ["SparseAdam"]


class SparseAdam(Optimizer):
    """Adam for tables of which few rows are used at a time: only rows that have a gradient are touched.

    Moments and values of the other rows stay as they are, where :class:`Adam` would let the moments fade and go on
    moving the values. A row has a gradient where any of its elements is not zero: gradients are dense tensors here,
    also those of ``Embedding(sparse=True)``.

    Parameters
    ----------
    params : see :class:`Optimizer`
    lr : float, default 1e-3
    betas : pair of floats, default (0.9, 0.999)
    eps : float, default 1e-8
    maximize : bool, default False

    Source: Kingma and Ba, ICLR 2015, row by row.

    Example
    -------
    >>> import rustorch as torch
    >>> table = torch.nn.Embedding(3, 2, sparse=True)
    >>> before = table.weight.detach().clone()
    >>> optimizer = torch.optim.SparseAdam(table.parameters(), lr=0.1)
    >>> table(torch.tensor([1])).sum().backward()
    >>> optimizer.step()
    >>> (before - table.weight.detach()).round(decimals=4)
    tensor([[0.0000, 0.0000],
            [0.1000, 0.1000],
            [0.0000, 0.0000]])
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: Tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})

    def _check_group(self, group: Dict[str, Any]) -> None:
        if isinstance(group["lr"], Tensor) and group["lr"].numel() != 1:
            raise ArgumentValueError("Tensor lr must be 1-element")
        if not 0.0 < group["lr"]:
            raise ArgumentValueError(f"Invalid learning rate: {group['lr']}")
        if not 0.0 < group["eps"]:
            raise ArgumentValueError(f"Invalid epsilon value: {group['eps']}")
        check_betas(group["betas"])

    @rustorch.no_grad()
    def _step_group(self, group: Dict[str, Any], params: List[Tensor]) -> None:
        beta1, beta2 = group["betas"]
        for p in params:
            state = self.state[p]
            if not state:
                state.update(step=0, exp_avg=rustorch.zeros_like(p), exp_avg_sq=rustorch.zeros_like(p))
            state["step"] += 1
            step = int(state["step"])
            used = p.grad != 0  # type: ignore[operator]
            rows = (used.flatten(1).any(1) if p.dim() > 1 else used.reshape(-1)).nonzero().squeeze(1)
            if rows.numel() == 0:
                continue
            values, mean, square = (t.reshape(-1) if t.dim() == 0 else t for t in (p, state["exp_avg"], state["exp_avg_sq"]))
            grad = p.grad.reshape(values.shape).index_select(0, rows)  # type: ignore[union-attr]
            if group["maximize"]:
                grad = -grad
            new_mean = mean.index_select(0, rows).lerp(grad, 1 - beta1)
            new_square = square.index_select(0, rows).lerp(grad * grad, 1 - beta2)
            mean.index_copy_(0, rows, new_mean)
            square.index_copy_(0, rows, new_square)
            size = float(group["lr"]) * math.sqrt(1 - beta2**step) / (1 - beta1**step)
            values.index_add_(0, rows, new_mean / (new_square.sqrt() + group["eps"]), alpha=-size)
