"""The softmax over many classes of uneven frequency."""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentValueError
from rustorch.nn import functional as F
from rustorch.nn.modules.container import ModuleList, Sequential
from rustorch.nn.modules.linear import Linear
from rustorch.nn.modules.module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


class _ASMoutput(NamedTuple):
    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-softmax over classes sorted by frequency: the frequent ones at once, the rare ones by clusters.

    Parameters
    ----------
    in_features, n_classes : int
    cutoffs : sequence of int
        Where one group of classes ends and the next begins, ascending, from 1 to ``n_classes`` − 1. The first group is
        the head, each other a cluster, which the head has one score for.
    div_value : float, default 4
        Cluster i projects its input to ``in_features`` / ``div_value`` ** i numbers first.
    head_bias : bool, default False

    Shapes
    ------
    input (N, in_features) or (in_features), target (N) or (); gives (output, loss): the log-probability of each target,
    and minus their mean.

    Source: Grave et al., ICML 2017.

    Example
    -------
    >>> import rustorch as torch
    >>> layer = torch.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10])
    >>> layer(torch.zeros(3, 8), torch.tensor([0, 7, 19])).output.shape
    rustorch.Size([3])
    """

    def __init__(
        self, in_features: int, n_classes: int, cutoffs: Sequence[int], div_value: float = 4.0, head_bias: bool = False,
        device: Any = None, dtype: Any = None,
    ) -> None:
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ArgumentValueError("cutoffs should be a sequence of length larger than 0")
        if (
            cutoffs != sorted(set(cutoffs)) or min(cutoffs) <= 0 or max(cutoffs) > n_classes - 1
            or any(int(c) != c for c in cutoffs)
        ):  # fmt: skip
            raise ArgumentValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each value is "
                "between 1 and n_classes-1"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = cutoffs + [n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, device=device, dtype=dtype)
        self.tail = ModuleList()
        for i, (begin, end) in enumerate(zip(self.cutoffs, self.cutoffs[1:])):
            hidden = int(in_features // div_value ** (i + 1))
            self.tail.append(
                Sequential(
                    Linear(in_features, hidden, bias=False, device=device, dtype=dtype),
                    Linear(hidden, end - begin, bias=False, device=device, dtype=dtype),
                )
            )

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        self.head.reset_parameters()
        for projection, output in self.tail:
            projection.reset_parameters()
            output.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        if input_.dim() - 1 != target_.dim() or target_.dim() > 1:
            raise rustorch.ShapeError(f"target of shape {tuple(target_.shape)} does not fit input of shape {tuple(input_.shape)}")
        if input_.shape[:-1] != target_.shape:
            raise rustorch.ShapeError("Input and target should have the same size in the batch dimension.")
        rows, classes = input_.reshape(-1, input_.shape[-1]), target_.reshape(-1)
        if classes.numel() and (int(classes.min()) < 0 or int(classes.max()) >= self.n_classes):
            raise rustorch.IndexOutOfRangeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{int(classes.min())}, {int(classes.max())}] were found. "
            )
        place = classes  # in the head: the class, or that of its cluster
        inside = []
        for i, (begin, end) in enumerate(zip(self.cutoffs, self.cutoffs[1:])):
            here = (classes >= begin) & (classes < end)
            place = rustorch.where(here, self.shortlist_size + i, place)
            where = here.nonzero().flatten()
            if where.numel():
                scores = F.log_softmax(self.tail[i](rows[where]), 1)
                chosen = scores.gather(1, (classes[where] - begin).unsqueeze(1)).squeeze(1)
                inside.append((where, chosen))
        output = F.log_softmax(self.head(rows), 1).gather(1, place.unsqueeze(1)).squeeze(1)
        for where, chosen in inside:
            output = output.index_add(0, where, chosen)
        return _ASMoutput(output.reshape(target_.shape), (-output).mean())

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes: (N, in_features) to (N, n_classes)."""
        head = F.log_softmax(self.head(input), 1)
        parts = [head[:, : self.shortlist_size]]
        for i, cluster in enumerate(self.tail):
            parts.append(F.log_softmax(cluster(input), 1) + head[:, self.shortlist_size + i].unsqueeze(1))
        return rustorch.cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each row: (N, in_features) to (N)."""
        return self.log_prob(input).argmax(1)
