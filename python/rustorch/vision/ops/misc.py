"""Blocks of layers."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

import rustorch
from rustorch import Tensor, nn

__all__ = ["Conv2dNormActivation", "FrozenBatchNorm2d", "MLP", "Permute", "SqueezeExcitation"]

Maker = Optional[Callable[..., nn.Module]]
Pair = Union[int, Tuple[int, int]]


def _pair(value: Pair) -> Tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


class Conv2dNormActivation(nn.Sequential):
    """A convolution, a normalisation and an activation; the image keeps its size but for the stride.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, dilation : int or (int, int)
    padding : int or (int, int), optional
        Default: what keeps the size, (kernel_size − 1) / 2 · dilation.
    groups : int, default 1
    norm_layer : callable, optional
        Default BatchNorm2d; None: none.
    activation_layer : callable, optional
        Default ReLU; None: none.
    inplace : bool, optional
        Given to the activation unless it is None.
    bias : bool, optional
        Of the convolution. Default: where no normalisation follows.

    Example
    -------
    >>> import rustorch as torch
    >>> block = torch.vision.ops.Conv2dNormActivation(3, 8, 5, stride=2)
    >>> block(torch.zeros(1, 3, 16, 16)).shape
    rustorch.Size([1, 8, 8, 8])
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Pair = 3, stride: Pair = 1, padding: Optional[Pair] = None,
        groups: int = 1, norm_layer: Maker = nn.BatchNorm2d, activation_layer: Maker = nn.ReLU, dilation: Pair = 1,
        inplace: Optional[bool] = True, bias: Optional[bool] = None,
    ) -> None:
        if padding is None:
            padding = tuple((k - 1) // 2 * d for k, d in zip(_pair(kernel_size), _pair(dilation)))  # type: ignore[assignment]
        bias = norm_layer is None if bias is None else bias
        layers: List[nn.Module] = [
            nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, dilation=dilation, groups=groups, bias=bias)
        ]
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            layers.append(activation_layer(**({} if inplace is None else {"inplace": inplace})))
        super().__init__(*layers)
        self.out_channels = out_channels


class SqueezeExcitation(nn.Module):
    """Weighs channels by what they hold on average. Source: Hu et al., arXiv 1709.01507.

    Parameters
    ----------
    input_channels, squeeze_channels : int
    activation, scale_activation : callable, default ReLU and Sigmoid

    Example
    -------
    >>> import rustorch as torch
    >>> torch.vision.ops.SqueezeExcitation(8, 2)(torch.zeros(1, 8, 4, 4)).shape
    rustorch.Size([1, 8, 4, 4])
    """

    def __init__(
        self, input_channels: int, squeeze_channels: int, activation: Callable[..., nn.Module] = nn.ReLU,
        scale_activation: Callable[..., nn.Module] = nn.Sigmoid,
    ) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = nn.Conv2d(squeeze_channels, input_channels, 1)
        self.activation = activation()
        self.scale_activation = scale_activation()

    def forward(self, input: Tensor) -> Tensor:
        """Compute."""
        return self.scale_activation(self.fc2(self.activation(self.fc1(self.avgpool(input))))) * input


class FrozenBatchNorm2d(nn.Module):
    """BatchNorm2d whose statistics and weights are fixed: buffers, not parameters.

    Parameters
    ----------
    num_features : int
    eps : float, default 1e-5

    Example
    -------
    >>> import rustorch as torch
    >>> norm = torch.vision.ops.FrozenBatchNorm2d(2)
    >>> norm, len(list(norm.parameters()))
    (FrozenBatchNorm2d(2, eps=1e-05), 0)
    """

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", rustorch.ones(num_features))
        self.register_buffer("bias", rustorch.zeros(num_features))
        self.register_buffer("running_mean", rustorch.zeros(num_features))
        self.register_buffer("running_var", rustorch.ones(num_features))

    def _load_from_state_dict(self, state_dict: Dict[str, Any], prefix: str, *arguments: Any) -> None:
        state_dict.pop(prefix + "num_batches_tracked", None)  # a BatchNorm2d has it
        super()._load_from_state_dict(state_dict, prefix, *arguments)

    def forward(self, x: Tensor) -> Tensor:
        """Compute."""
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        return x * scale.reshape(1, -1, 1, 1) + (self.bias - self.running_mean * scale).reshape(1, -1, 1, 1)

    def __repr__(self) -> str:
        return f"FrozenBatchNorm2d({self.weight.shape[0]}, eps={self.eps})"


class MLP(nn.Sequential):
    """Linear layers with activations between them, and dropout behind each.

    Parameters
    ----------
    in_channels : int
    hidden_channels : sequence of int
        The sizes of the layers, the last one's included.
    norm_layer, activation_layer : callable, optional
        Default: no normalisation, ReLU.
    inplace : bool, optional
        Given to activation and dropout unless it is None.
    bias : bool, default True
    dropout : float, default 0

    Example
    -------
    >>> import rustorch as torch
    >>> torch.vision.ops.MLP(4, [8, 2])(torch.zeros(3, 4)).shape
    rustorch.Size([3, 2])
    """

    def __init__(
        self, in_channels: int, hidden_channels: Sequence[int], norm_layer: Maker = None, activation_layer: Maker = nn.ReLU,
        inplace: Optional[bool] = None, bias: bool = True, dropout: float = 0.0,
    ) -> None:
        options = {} if inplace is None else {"inplace": inplace}
        layers: List[nn.Module] = []
        for i, size in enumerate(hidden_channels):
            layers.append(nn.Linear(in_channels, size, bias=bias))
            in_channels = size
            if i + 1 < len(hidden_channels):
                if norm_layer is not None:
                    layers.append(norm_layer(size))
                if activation_layer is not None:
                    layers.append(activation_layer(**options))
            layers.append(nn.Dropout(dropout, **options))
        super().__init__(*layers)


class Permute(nn.Module):
    """Dimensions in another order.

    >>> import rustorch as torch
    >>> torch.vision.ops.Permute([0, 2, 1])(torch.zeros(2, 3, 4)).shape
    rustorch.Size([2, 4, 3])
    """

    def __init__(self, dims: Sequence[int]) -> None:
        super().__init__()
        self.dims = list(dims)

    def forward(self, x: Tensor) -> Tensor:
        """Compute."""
        return x.permute(*self.dims)
