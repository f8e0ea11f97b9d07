"""VGG. Source: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", arXiv 1409.1556."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence, Union

from rustorch import Tensor, flatten, nn
from rustorch.vision.models import _blocks
from rustorch.vision.models._builders import builder

__all__ = ["VGG", "vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn"]

# The columns of the paper's table 1: channels of convolutions, and where is pooling.
cfgs: Dict[str, List[Union[str, int]]] = {
    "A": [64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    "B": [64, 64, "M", 128, 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    "D": [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"],
    "E": [64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512, 512, 512, 512, "M", 512, 512, 512, 512, "M"],
}  # fmt: skip


def make_layers(cfg: Sequence[Union[str, int]], batch_norm: bool = False) -> nn.Sequential:
    """The convolutions of a VGG.

    Parameters
    ----------
    cfg : list of int and "M"
        The channels of each 3 × 3 convolution; "M" is a pooling that halves the size.
    batch_norm : bool, default False
        Whether each convolution is followed by a normalisation.
    """
    layers: List[nn.Module] = []
    channels = 3
    for out in cfg:
        if isinstance(out, str):
            layers.append(nn.MaxPool2d(2, 2))
            continue
        layers.append(nn.Conv2d(channels, out, 3, padding=1))
        layers += [nn.BatchNorm2d(out), nn.ReLU(inplace=True)] if batch_norm else [nn.ReLU(inplace=True)]
        channels = out
    return nn.Sequential(*layers)


class VGG(nn.Module):
    """Convolutions and three linear layers for images (B, 3, H, W).

    Parameters
    ----------
    features : Module
        The convolutions; 512 channels come out.
    num_classes : int, default 1000
    init_weights : bool, default True
        The initial values of the paper's authors; otherwise those of the layers.
    dropout : float, default 0.5

    Examples
    --------
    >>> import rustorch as torch
    >>> from rustorch.vision.models.vgg import VGG, make_layers
    >>> features = make_layers([16, "M", 64, "M", 512, "M"])
    >>> features(torch.zeros(1, 3, 64, 64)).shape
    rustorch.Size([1, 512, 8, 8])
    >>> VGG(features, num_classes=10, init_weights=False).classifier[6]
    Linear(in_features=4096, out_features=10, bias=True)
    """

    def __init__(self, features: nn.Module, num_classes: int = 1000, init_weights: bool = True, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096), nn.ReLU(True), nn.Dropout(dropout),
            nn.Linear(4096, 4096), nn.ReLU(True), nn.Dropout(dropout),
            nn.Linear(4096, num_classes),
        )  # fmt: skip
        if init_weights:
            _blocks.init_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, num_classes) of images (B, 3, H, W)."""
        return self.classifier(flatten(self.avgpool(self.features(x)), 1))


def _make(column: str, batch_norm: bool, **kwargs: Any) -> VGG:
    return VGG(make_layers(cfgs[column], batch_norm), **kwargs)


vgg11 = builder("vgg11", "VGG-11", 132_863_336, _make, "A", False)
vgg11_bn = builder("vgg11_bn", "VGG-11 with batch normalisation", 132_868_840, _make, "A", True)
vgg13 = builder("vgg13", "VGG-13", 133_047_848, _make, "B", False)
vgg13_bn = builder("vgg13_bn", "VGG-13 with batch normalisation", 133_053_736, _make, "B", True)
vgg16 = builder("vgg16", "VGG-16", 138_357_544, _make, "D", False)
vgg16_bn = builder("vgg16_bn", "VGG-16 with batch normalisation", 138_365_992, _make, "D", True)
vgg19 = builder("vgg19", "VGG-19", 143_667_240, _make, "E", False)
vgg19_bn = builder("vgg19_bn", "VGG-19 with batch normalisation", 143_678_248, _make, "E", True)
