"""SqueezeNet. Source: Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", arXiv 1602.07360."""

from __future__ import annotations

from typing import List

from rustorch import ArgumentValueError, Tensor, cat, flatten, nn
from rustorch.vision.models._builders import builder

__all__ = ["SqueezeNet", "squeezenet1_0", "squeezenet1_1"]


class Fire(nn.Module):
    """A narrow 1 × 1 convolution, then a 1 × 1 and a 3 × 3 one side by side."""

    def __init__(self, inplanes: int, squeeze_planes: int, expand1x1_planes: int, expand3x3_planes: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inplanes, squeeze_planes, 1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze_planes, expand1x1_planes, 1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze_planes, expand3x3_planes, 3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Compute."""
        x = self.squeeze_activation(self.squeeze(x))
        return cat([self.expand1x1_activation(self.expand1x1(x)), self.expand3x3_activation(self.expand3x3(x))], 1)


def _fires(widths: List[int], inplanes: int) -> List[nn.Module]:
    """Fires of these widths; 0 is a pooling."""
    made: List[nn.Module] = []
    for width in widths:
        if width == 0:
            made.append(nn.MaxPool2d(3, 2, ceil_mode=True))
            continue
        made.append(Fire(inplanes, width, 4 * width, 4 * width))
        inplanes = 8 * width
    return made


class SqueezeNet(nn.Module):
    """A small network for images (B, 3, H, W).

    Parameters
    ----------
    version : {"1_0", "1_1"}
    num_classes : int, default 1000
    dropout : float, default 0.5

    Raises
    ------
    ArgumentValueError
        There is no such version.

    Examples
    --------
    >>> import rustorch as torch
    >>> from rustorch.vision import models
    >>> models.SqueezeNet("1_1", num_classes=10)(torch.zeros(1, 3, 64, 64)).shape
    rustorch.Size([1, 10])
    """

    def __init__(self, version: str = "1_0", num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        self.num_classes = num_classes
        if version == "1_0":
            layers = [nn.Conv2d(3, 96, 7, 2), nn.ReLU(inplace=True), *_fires([0, 16, 16, 32, 0, 32, 48, 48, 64, 0, 64], 96)]
        elif version == "1_1":
            layers = [nn.Conv2d(3, 64, 3, 2), nn.ReLU(inplace=True), *_fires([0, 16, 16, 0, 32, 32, 0, 48, 48, 64, 64], 64)]
        else:
            raise ArgumentValueError(f"SqueezeNet: there is no version {version!r}; there are 1_0 and 1_1")
        self.features = nn.Sequential(*layers)
        last = nn.Conv2d(512, num_classes, 1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), last, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1)))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                if module is last:
                    nn.init.normal_(module.weight, mean=0.0, std=0.01)
                else:
                    nn.init.kaiming_uniform_(module.weight)
                nn.init.constant_(module.bias, 0)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, num_classes) of images (B, 3, H, W)."""
        return flatten(self.classifier(self.features(x)), 1)


_KEYWORDS = "``num_classes`` (1000) and ``dropout`` (0.5)."
squeezenet1_0 = builder("squeezenet1_0", "SqueezeNet 1.0", 1_248_424, SqueezeNet, "1_0", keywords=_KEYWORDS)
squeezenet1_1 = builder(
    "squeezenet1_1", "SqueezeNet 1.1, with 2.4 times less work than 1.0", 1_235_496, SqueezeNet, "1_1", keywords=_KEYWORDS
)
