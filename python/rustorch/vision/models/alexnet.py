"""AlexNet. Source: Krizhevsky, "One weird trick for parallelizing convolutional neural networks", arXiv 1404.5997."""

from __future__ import annotations

from rustorch import Tensor, flatten, nn
from rustorch.vision.models._builders import builder

__all__ = ["AlexNet", "alexnet"]


class AlexNet(nn.Module):
    """Five convolutions and three linear layers for images (B, 3, H, W), H and W at least 63.

    Parameters
    ----------
    num_classes : int, default 1000
    dropout : float, default 0.5

    Examples
    --------
    >>> import rustorch as torch
    >>> from rustorch.vision import models
    >>> model = models.AlexNet(num_classes=10)
    >>> model.features(torch.zeros(1, 3, 64, 64)).shape
    rustorch.Size([1, 256, 1, 1])
    """

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


alexnet = builder("alexnet", "AlexNet", 61_100_840, AlexNet, keywords="``num_classes`` (1000) and ``dropout`` (0.5).")
