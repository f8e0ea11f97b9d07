"""Parameters as one vector, and back."""

from __future__ import annotations

from typing import Iterable

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentValueError

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters one after the other, flattened.

    >>> nn.utils.parameters_to_vector(nn.Linear(2, 3).parameters()).shape
    rustorch.Size([9])
    """
    return rustorch.cat([parameter.reshape(-1) for parameter in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Cut a vector into the parameters' shapes and make the pieces their data (they share its memory).

    >>> layer = nn.Linear(1, 1)
    >>> nn.utils.vector_to_parameters(rustorch.tensor([2.0, 3.0]), layer.parameters())
    >>> layer.weight.item(), layer.bias.item()
    (2.0, 3.0)
    """
    parameters = list(parameters)
    total = sum(parameter.numel() for parameter in parameters)
    if vec.dim() != 1 or vec.numel() != total:
        raise ArgumentValueError(f"vector_to_parameters: a vector of {total} elements is expected, got shape {tuple(vec.shape)}")
    at = 0
    for parameter in parameters:
        parameter.data = vec.detach()[at : at + parameter.numel()].view_as(parameter)
        at += parameter.numel()
