"""Layers that look rows up."""

from __future__ import annotations

from typing import Any, Optional, Tuple

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentValueError
from rustorch.nn import functional as F
from rustorch.nn import init
from rustorch.nn.modules.module import Module
from rustorch.nn.parameter import Parameter

__all__ = ["Embedding", "EmbeddingBag"]


class _Lookup(Module):
    """A table of rows as the parameter ``weight``."""

    padding_idx: Optional[int]

    def _set_table(
        self, num_embeddings: int, embedding_dim: int, padding_idx: Optional[int], given: Optional[Tensor], freeze: bool,
        device: Any, dtype: Any,
    ) -> None:
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ArgumentValueError(
                    f"Padding_idx must be within num_embeddings: it is {padding_idx}, and there are {num_embeddings}"
                )
            padding_idx %= num_embeddings
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_idx
        if given is None:
            table = rustorch.empty(num_embeddings, embedding_dim, device=device, dtype=dtype)
            self.weight = Parameter(table, requires_grad=not freeze)
            self.reset_parameters()
        else:
            if tuple(given.shape) != (num_embeddings, embedding_dim):
                raise ArgumentValueError(
                    f"Shape of weight does not match num_embeddings and embedding_dim: it is {tuple(given.shape)}, not "
                    f"{(num_embeddings, embedding_dim)}"
                )
            self.weight = Parameter(given, requires_grad=not freeze)

    def reset_parameters(self) -> None:
        """Draw the table anew, from a standard normal distribution."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with rustorch.no_grad():
                self.weight[self.padding_idx].fill_(0)


def _sizes(embeddings: Tensor) -> Tuple[int, int]:
    """(V, D) of a table that was given."""
    if embeddings.dim() != 2:
        raise ArgumentValueError(f"Embeddings parameter is expected to be 2-dimensional, not {embeddings.dim()}-dimensional")
    return embeddings.shape[0], embeddings.shape[1]


class Embedding(_Lookup):
    """A table of ``num_embeddings`` rows of ``embedding_dim`` numbers, looked up by integers.

    Parameters
    ----------
    num_embeddings, embedding_dim : int
    padding_idx : int, optional
        A row that is zero at the start and gets no gradient.
    max_norm : float, optional
        Rows that are used are scaled down to this p-norm, in place.
    norm_type : float, default 2
    scale_grad_by_freq : bool, default False
        The gradient of a row is divided by how often it is looked up in the batch.
    sparse : bool, default False
        Gradients are dense tensors in any case, of the same numbers; :class:`~rustorch.optim.SparseAdam` updates the rows
        that have one.

    Example
    -------
    >>> import rustorch as torch
    >>> torch.nn.Embedding(10, 3)(torch.tensor([[1, 2], [4, 5]])).shape
    rustorch.Size([2, 2, 3])
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: Optional[int] = None, max_norm: Optional[float] = None,
        norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False, _weight: Optional[Tensor] = None,
        _freeze: bool = False, device: Any = None, dtype: Any = None,
    ) -> None:
        super().__init__()
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        self._set_table(num_embeddings, embedding_dim, padding_idx, _weight, _freeze, device, dtype)

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, padding_idx: Optional[int] = None, max_norm: Optional[float] = None,
        norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
    ) -> "Embedding":
        """An embedding over a given table (V, D)."""
        return cls(*_sizes(embeddings), padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, embeddings, freeze)

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse
        )

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.padding_idx is not None:
            text += f", padding_idx={self.padding_idx}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            text += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        if self.sparse:
            text += ", sparse=True"
        return text


class EmbeddingBag(_Lookup):
    """Sums, means or maxima of groups of rows of a table: see :func:`rustorch.nn.functional.embedding_bag`.

    Parameters
    ----------
    num_embeddings, embedding_dim : int
    max_norm : float, optional
    norm_type : float, default 2
    scale_grad_by_freq : bool, default False
    mode : ``"mean"`` (default), ``"sum"`` or ``"max"``
    sparse : bool, default False
        Gradients are dense tensors in any case, of the same numbers; :class:`~rustorch.optim.SparseAdam` updates the rows
        that have one.
    include_last_offset : bool, default False
    padding_idx : int, optional

    Example
    -------
    >>> import rustorch as torch
    >>> torch.nn.EmbeddingBag(10, 3)(torch.tensor([[1, 2, 4], [4, 5, 9]])).shape
    rustorch.Size([2, 3])
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, max_norm: Optional[float] = None, norm_type: float = 2.0,
        scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False, _weight: Optional[Tensor] = None,
        include_last_offset: bool = False, padding_idx: Optional[int] = None, device: Any = None, dtype: Any = None,
    ) -> None:
        super().__init__()
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset
        self._set_table(num_embeddings, embedding_dim, padding_idx, _weight, False, device, dtype)

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, max_norm: Optional[float] = None, norm_type: float = 2.0,
        scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False, include_last_offset: bool = False,
        padding_idx: Optional[int] = None,
    ) -> "EmbeddingBag":
        """Bags over a given table (V, D)."""
        bag = cls(
            *_sizes(embeddings), max_norm, norm_type, scale_grad_by_freq, mode, sparse, embeddings, include_last_offset, padding_idx
        )
        bag.weight.requires_grad_(not freeze)
        return bag

    def forward(self, input: Tensor, offsets: Optional[Tensor] = None, per_sample_weights: Optional[Tensor] = None) -> Tensor:
        return F.embedding_bag(
            input, self.weight, offsets, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.mode, self.sparse,
            per_sample_weights, self.include_last_offset, self.padding_idx,
        )

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            text += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        text += f", mode={self.mode!r}"
        if self.padding_idx is not None:
            text += f", padding_idx={self.padding_idx}"
        return text
