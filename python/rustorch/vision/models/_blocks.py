"""Parts that several networks share."""

from __future__ import annotations

from typing import Any, Callable, Optional

from rustorch import Tensor, nn

__all__ = ["Conv2dNormActivation", "SqueezeExcitation", "init_weights", "make_divisible"]


def make_divisible(value: float, divisor: int = 8, min_value: Optional[int] = None) -> int:
    """The multiple of the divisor nearest to the value, not less than 90 % of it.

    >>> make_divisible(37), make_divisible(16 * 0.75)
    (40, 16)
    """
    nearest = max(min_value if min_value is not None else divisor, int(value + divisor / 2) // divisor * divisor)
    return nearest if nearest >= 0.9 * value else nearest + divisor


class Conv2dNormActivation(nn.Sequential):
    """A convolution that keeps the size but for its stride, a normalisation and an activation.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, groups, dilation : int
    norm_layer : callable, default BatchNorm2d
    activation_layer : callable, optional
        None: no activation.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 3, stride: int = 1, groups: int = 1, dilation: int = 1,
        norm_layer: Optional[Callable[..., nn.Module]] = None, activation_layer: Optional[Callable[..., nn.Module]] = nn.ReLU,
    ) -> None:
        padding = (kernel_size - 1) // 2 * dilation
        convolution = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, dilation=dilation, groups=groups, bias=False)
        layers: Any = [convolution, (norm_layer or nn.BatchNorm2d)(out_channels)]
        super().__init__(*layers, *([activation_layer(inplace=True)] if activation_layer is not None else []))
        self.out_channels = out_channels


class SqueezeExcitation(nn.Module):
    """Weighs channels by what they hold on average. Source: Hu et al., arXiv 1709.01507."""

    def __init__(self, input_channels: int, squeeze_channels: int, scale_activation: Callable[..., nn.Module] = nn.Sigmoid) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = nn.Conv2d(squeeze_channels, input_channels, 1)
        self.activation = nn.ReLU()
        self.scale_activation = scale_activation()

    def forward(self, input: Tensor) -> Tensor:
        """Compute."""
        return self.scale_activation(self.fc2(self.activation(self.fc1(self.avgpool(input))))) * input


def init_weights(model: nn.Module, mode: str = "fan_out", linear_std: Optional[float] = 0.01) -> None:
    """torchvision's initial values: He's for convolutions, 1 and 0 for normalisations, normal ones for linear layers.

    Parameters
    ----------
    model : Module
    mode : {"fan_out", "fan_in"}
        Of the convolutions.
    linear_std : float, optional
        Standard deviation of the linear layers; None leaves them as they are.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode=mode, nonlinearity="relu")
        elif isinstance(module, (nn.BatchNorm2d, nn.GroupNorm)):
            nn.init.ones_(module.weight)
        elif isinstance(module, nn.Linear) and linear_std is not None:
            nn.init.normal_(module.weight, 0, linear_std)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
