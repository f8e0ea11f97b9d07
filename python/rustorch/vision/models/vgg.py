"""VGG. Source: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", arXiv 1409.1556."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Union

from rustorch import Tensor, flatten, nn
from rustorch.vision.models._weights import refuse_weights

__all__ = ["VGG", "vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn"]

# Convolutions at each of the five sizes.
_DEPTHS: Dict[int, List[int]] = {11: [1, 1, 2, 2, 2], 13: [2, 2, 2, 2, 2], 16: [2, 2, 3, 3, 3], 19: [2, 2, 4, 4, 4]}
_CHANNELS = [64, 128, 256, 512, 512]


def make_layers(depths: List[int], batch_norm: bool = False) -> nn.Sequential:
    """The convolutions of a VGG: ``depths[i]`` of them at the i-th size, each size followed by pooling."""
    layers: List[nn.Module] = []
    channels = 3
    for depth, out in zip(depths, _CHANNELS):
        for _ in range(depth):
            layers.append(nn.Conv2d(channels, out, 3, padding=1))
            layers += [nn.BatchNorm2d(out), nn.ReLU(inplace=True)] if batch_norm else [nn.ReLU(inplace=True)]
            channels = out
        layers.append(nn.MaxPool2d(2, 2))
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
        for module in self.modules() if init_weights else []:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.constant_(module.weight, 1)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0, 0.01)
            else:
                continue
            if module.bias is not None:
                nn.init.constant_(module.bias, 0)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, num_classes) of images (B, 3, H, W)."""
        return self.classifier(flatten(self.avgpool(self.features(x)), 1))


def _builder(depth: int, batch_norm: bool) -> Callable[..., VGG]:
    name = f"vgg{depth}" + ("_bn" if batch_norm else "")

    def build(*, weights: Any = None, progress: bool = True, pretrained: Optional[bool] = None, **kwargs: Union[int, float, bool]) -> VGG:
        refuse_weights(name, weights, pretrained)
        return VGG(make_layers(_DEPTHS[depth], batch_norm), **kwargs)  # type: ignore[arg-type]

    build.__name__ = build.__qualname__ = name
    build.__doc__ = f"""VGG-{depth}{" with batch normalisation" if batch_norm else ""}, untrained.

    Parameters
    ----------
    weights, pretrained : None, None
        Nothing is downloaded: the error says how to load a file.
    progress : bool
        Of a download: without effect.
    **kwargs
        Those of :class:`VGG`, such as ``num_classes``.
    """
    return build


vgg11, vgg13, vgg16, vgg19 = (_builder(depth, False) for depth in _DEPTHS)
vgg11_bn, vgg13_bn, vgg16_bn, vgg19_bn = (_builder(depth, True) for depth in _DEPTHS)
