"""DenseNet. Source: Huang et al., "Densely connected convolutional networks", arXiv 1608.06993."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Any, Dict, Tuple

from rustorch import Tensor, UnsupportedError, cat, flatten, nn
from rustorch.nn import functional as F
from rustorch.vision.models._blocks import init_weights
from rustorch.vision.models._builders import builder

__all__ = ["DenseNet", "densenet121", "densenet161", "densenet169", "densenet201"]

_OLD_NAME = re.compile(r"(\.denselayer\d+\.(?:norm|conv))\.([12]\.)")


class _DenseLayer(nn.Module):
    def __init__(self, inputs: int, growth_rate: int, bn_size: int, drop_rate: float) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(inputs, bn_size * growth_rate, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(bn_size * growth_rate)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(bn_size * growth_rate, growth_rate, 3, padding=1, bias=False)
        self.drop_rate = drop_rate

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(self.relu2(self.norm2(self.conv1(self.relu1(self.norm1(x))))))
        return F.dropout(out, self.drop_rate, self.training) if self.drop_rate > 0 else out


class _DenseBlock(nn.ModuleDict):
    def __init__(self, layers: int, inputs: int, bn_size: int, growth_rate: int, drop_rate: float) -> None:
        super().__init__()
        for i in range(layers):
            self.add_module(f"denselayer{i + 1}", _DenseLayer(inputs + i * growth_rate, growth_rate, bn_size, drop_rate))

    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for layer in self.values():
            features.append(layer(cat(features, 1)))
        return cat(features, 1)


class _Transition(nn.Sequential):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(inputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.pool = nn.AvgPool2d(2, 2)


class DenseNet(nn.Module):
    """A network in which each layer sees all before it, for images (B, 3, H, W).

    Parameters
    ----------
    growth_rate : int, default 32
        Channels that a layer adds.
    block_config : tuple of int, default (6, 12, 24, 16)
        Layers in each block.
    num_init_features : int, default 64
    bn_size : int, default 4
        The inner 1 × 1 convolution has ``bn_size × growth_rate`` channels.
    drop_rate : float, default 0
    num_classes : int, default 1000
    memory_efficient : bool, default False
        Must be False: use :func:`rustorch.utils.checkpoint.checkpoint`.

    Raises
    ------
    UnsupportedError
        ``memory_efficient`` is True.

    Examples
    --------
    >>> import rustorch as torch
    >>> from rustorch.vision import models
    >>> model = models.DenseNet(growth_rate=8, block_config=(2, 2), num_init_features=16, num_classes=5)
    >>> model.features(torch.zeros(1, 3, 32, 32)).shape
    rustorch.Size([1, 32, 4, 4])
    """

    def __init__(
        self, growth_rate: int = 32, block_config: Tuple[int, ...] = (6, 12, 24, 16), num_init_features: int = 64, bn_size: int = 4,
        drop_rate: float = 0, num_classes: int = 1000, memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        if memory_efficient:
            raise UnsupportedError("DenseNet: memory_efficient=True is not supported: use rustorch.utils.checkpoint on the blocks")
        first = [
            ("conv0", nn.Conv2d(3, num_init_features, 7, 2, padding=3, bias=False)),
            ("norm0", nn.BatchNorm2d(num_init_features)),
            ("relu0", nn.ReLU(inplace=True)),
            ("pool0", nn.MaxPool2d(3, 2, padding=1)),
        ]
        self.features = nn.Sequential(OrderedDict(first))
        channels = num_init_features
        for i, layers in enumerate(block_config):
            self.features.add_module(f"denseblock{i + 1}", _DenseBlock(layers, channels, bn_size, growth_rate, drop_rate))
            channels += layers * growth_rate
            if i != len(block_config) - 1:
                self.features.add_module(f"transition{i + 1}", _Transition(channels, channels // 2))
                channels //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, num_classes)
        init_weights(self, mode="fan_in", linear_std=None)
        nn.init.zeros_(self.classifier.bias)

    def _load_from_state_dict(self, state_dict: Dict[str, Any], prefix: str, *args: Any) -> None:
        for key in list(state_dict):  # torchvision's files still have the names norm.1, conv.1, norm.2, conv.2
            if key.startswith(prefix):
                state_dict[_OLD_NAME.sub(r"\1\2", key)] = state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, num_classes) of images (B, 3, H, W)."""
        x = F.relu(self.features(x), inplace=True)
        return self.classifier(flatten(F.adaptive_avg_pool2d(x, (1, 1)), 1))


densenet121 = builder("densenet121", "DenseNet-121", 7_978_856, DenseNet, 32, (6, 12, 24, 16), 64)
densenet161 = builder("densenet161", "DenseNet-161", 28_681_000, DenseNet, 48, (6, 12, 36, 24), 96)
densenet169 = builder("densenet169", "DenseNet-169", 14_149_480, DenseNet, 32, (6, 12, 32, 32), 64)
densenet201 = builder("densenet201", "DenseNet-201", 20_013_928, DenseNet, 32, (6, 12, 48, 32), 64)
