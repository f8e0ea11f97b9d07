"""AlexNet. Source: Krizhevsky, "One weird trick for parallelizing convolutional neural networks", arXiv 1404.5997."""

from __future__ import annotations

from typing import Any, Optional

from rustorch import Tensor, flatten, nn
from rustorch.vision.models._weights import refuse_weights

__all__ = ["AlexNet", "alexnet"]


class AlexNet(nn.Module):
    """Five convolutions and three linear layers for images (B, 3, H, W), H and W at least 63."""

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, 4, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
        )  # fmt: skip
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(256 * 6 * 6, 4096), nn.ReLU(inplace=True),
            nn.Dropout(dropout), nn.Linear(4096, 4096), nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, num_classes) of images (B, 3, H, W)."""
        return self.classifier(flatten(self.avgpool(self.features(x)), 1))


def alexnet(*, weights: Any = None, progress: bool = True, pretrained: Optional[bool] = None, **kwargs: Any) -> AlexNet:
    """AlexNet, untrained.

    Parameters
    ----------
    weights, pretrained : None, None
        Nothing is downloaded: the error says how to load a file.
    progress : bool
        Of a download: without effect.
    **kwargs
        ``num_classes`` (1000) and ``dropout`` (0.5).
    """
    refuse_weights("alexnet", weights, pretrained)
    return AlexNet(**kwargs)
