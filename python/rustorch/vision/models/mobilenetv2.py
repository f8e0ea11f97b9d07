"""MobileNetV2. Source: Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", arXiv 1801.04381."""

from __future__ import annotations

from typing import Callable, List, Optional

from rustorch import ArgumentValueError, Tensor, flatten, nn
from rustorch.nn import functional as F
from rustorch.vision.models._blocks import init_weights, make_divisible
from rustorch.vision.models._builders import builder
from rustorch.vision.ops.misc import Conv2dNormActivation

__all__ = ["InvertedResidual", "MobileNetV2", "mobilenet_v2"]

# Expansion, channels, repetitions, stride: table 2 of the paper.
_SETTING = [
    [1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2], [6, 320, 1, 1],
]  # fmt: skip


class InvertedResidual(nn.Module):
    """Widens, filters each channel by itself, narrows; the input is led around where sizes allow.

    Parameters
    ----------
    inp, oup : int
        Channels that come in and go out.
    stride : {1, 2}
    expand_ratio : float
        How much wider it is inside.
    norm_layer : callable, optional
        Instead of BatchNorm2d.

    Raises
    ------
    ArgumentValueError
        The stride is neither 1 nor 2.

    Examples
    --------
    >>> import rustorch as torch
    >>> from rustorch.vision.models.mobilenetv2 import InvertedResidual
    >>> InvertedResidual(8, 12, stride=2, expand_ratio=6)(torch.zeros(1, 8, 6, 6)).shape
    rustorch.Size([1, 12, 3, 3])
    """

    def __init__(
        self, inp: int, oup: int, stride: int, expand_ratio: int, norm_layer: Optional[Callable[..., nn.Module]] = None
    ) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ArgumentValueError(f"InvertedResidual: stride must be 1 or 2, not {stride}")
        norm_layer = norm_layer or nn.BatchNorm2d
        hidden = round(inp * expand_ratio)
        self.use_res_connect = stride == 1 and inp == oup
        layers: List[nn.Module] = []
        if expand_ratio != 1:
            layers.append(Conv2dNormActivation(inp, hidden, 1, norm_layer=norm_layer, activation_layer=nn.ReLU6))
        layers.append(
            Conv2dNormActivation(hidden, hidden, 3, stride, groups=hidden, norm_layer=norm_layer, activation_layer=nn.ReLU6)
        )
        self.conv = nn.Sequential(*layers, nn.Conv2d(hidden, oup, 1, bias=False), norm_layer(oup))
        self.out_channels = oup
        self._is_cn = stride > 1

    def forward(self, x: Tensor) -> Tensor:
        """Compute."""
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNetV2(nn.Module):
    """A small network for images (B, 3, H, W).

    Parameters
    ----------
    num_classes : int, default 1000
    width_mult : float, default 1
        Scales the channels.
    inverted_residual_setting : list of [expansion, channels, repetitions, stride], optional
    round_nearest : int, default 8
        Channels are multiples of this.
    block, norm_layer : callable, optional
        Instead of InvertedResidual and BatchNorm2d.
    dropout : float, default 0.2

    Examples
    --------
    >>> import rustorch as torch
    >>> from rustorch.vision import models
    >>> model = models.MobileNetV2(num_classes=10, width_mult=0.25)
    >>> model(torch.zeros(1, 3, 64, 64)).shape, sum(p.numel() for p in model.parameters())
    (rustorch.Size([1, 10]), 250922)
    """

    def __init__(
        self, num_classes: int = 1000, width_mult: float = 1.0, inverted_residual_setting: Optional[List[List[int]]] = None,
        round_nearest: int = 8, block: Optional[Callable[..., nn.Module]] = None,
        norm_layer: Optional[Callable[..., nn.Module]] = None, dropout: float = 0.2,
    ) -> None:
        super().__init__()
        block, norm_layer = block or InvertedResidual, norm_layer or nn.BatchNorm2d
        channels = make_divisible(32 * width_mult, round_nearest)
        self.last_channel = make_divisible(1280 * max(1.0, width_mult), round_nearest)
        layers: List[nn.Module] = [Conv2dNormActivation(3, channels, 3, 2, norm_layer=norm_layer, activation_layer=nn.ReLU6)]
        for expansion, width, repetitions, stride in inverted_residual_setting or _SETTING:
            out = make_divisible(width * width_mult, round_nearest)
            for i in range(repetitions):
                layers.append(block(channels, out, stride if i == 0 else 1, expand_ratio=expansion, norm_layer=norm_layer))
                channels = out
        layers.append(Conv2dNormActivation(channels, self.last_channel, 1, norm_layer=norm_layer, activation_layer=nn.ReLU6))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.last_channel, num_classes))
        init_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, num_classes) of images (B, 3, H, W)."""
        return self.classifier(flatten(F.adaptive_avg_pool2d(self.features(x), (1, 1)), 1))


mobilenet_v2 = builder("mobilenet_v2", "MobileNetV2", 3_504_872, MobileNetV2)
