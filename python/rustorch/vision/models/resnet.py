"""ResNet, ResNeXt and Wide ResNet.

Sources: He et al., "Deep residual learning for image recognition", 2015 (the stride of a bottleneck is in its 3 × 3
convolution, as torchvision has it); Xie et al., arXiv 1611.05431; Zagoruyko and Komodakis, arXiv 1605.07146.
"""

from __future__ import annotations

from typing import Callable, List, Optional, Type, Union

from rustorch import ArgumentValueError, Tensor, flatten, nn
from rustorch.vision.models._blocks import init_weights
from rustorch.vision.models._builders import builder

__all__ = [
    "BasicBlock", "Bottleneck", "ResNet", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d",
    "resnext101_32x8d", "resnext101_64x4d", "wide_resnet50_2", "wide_resnet101_2",
]  # fmt: skip

NormLayer = Optional[Callable[..., nn.Module]]


def conv3x3(in_planes: int, out_planes: int, stride: int = 1, groups: int = 1, dilation: int = 1) -> nn.Conv2d:
    """A 3 × 3 convolution that keeps the size, but for its stride."""
    return nn.Conv2d(in_planes, out_planes, 3, stride, padding=dilation, groups=groups, bias=False, dilation=dilation)


def conv1x1(in_planes: int, out_planes: int, stride: int = 1) -> nn.Conv2d:
    """A 1 × 1 convolution."""
    return nn.Conv2d(in_planes, out_planes, 1, stride, bias=False)


class BasicBlock(nn.Module):
    """Two 3 × 3 convolutions around which the input is led.

    Parameters
    ----------
    inplanes, planes : int
        Channels that come in, and of the 3 × 3 convolutions; ``planes`` go out.
    stride : int, default 1
    downsample : Module, optional
        What the input passes on its way around, where sizes or channels differ.
    groups, base_width, dilation : int, default 1, 64 and 1
        Must be these: for :class:`Bottleneck`.
    norm_layer : callable, optional
        Instead of BatchNorm2d.

    Raises
    ------
    ArgumentValueError
        One of them is not.

    Examples
    --------
    >>> import rustorch as torch
    >>> from rustorch.vision.models import BasicBlock
    >>> BasicBlock(8, 8)(torch.zeros(1, 8, 6, 6)).shape
    rustorch.Size([1, 8, 6, 6])
    """

    expansion = 1

    def __init__(
        self, inplanes: int, planes: int, stride: int = 1, downsample: Optional[nn.Module] = None, groups: int = 1,
        base_width: int = 64, dilation: int = 1, norm_layer: NormLayer = None,
    ) -> None:
        super().__init__()
        if groups != 1 or base_width != 64 or dilation > 1:
            raise ArgumentValueError("BasicBlock: only groups=1, base_width=64 and dilation=1 are possible")
        norm_layer = norm_layer or nn.BatchNorm2d
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm_layer(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm_layer(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Compute."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class Bottleneck(nn.Module):
    """1 × 1, 3 × 3 and 1 × 1 convolutions around which the input is led; the last has four times the channels.

    Parameters
    ----------
    inplanes, planes : int
        Channels that come in, and of the 3 × 3 convolution; ``4 * planes`` go out.
    stride : int, default 1
    downsample : Module, optional
        What the input passes on its way around, where sizes or channels differ.
    groups, base_width, dilation : int, default 1, 64 and 1
        Of the 3 × 3 convolution, which has ``planes * base_width / 64 * groups`` channels.
    norm_layer : callable, optional
        Instead of BatchNorm2d.

    Examples
    --------
    >>> import rustorch as torch
    >>> from rustorch.vision.models import Bottleneck
    >>> Bottleneck(32, 8)(torch.zeros(1, 32, 6, 6)).shape
    rustorch.Size([1, 32, 6, 6])
    """

    expansion = 4

    def __init__(
        self, inplanes: int, planes: int, stride: int = 1, downsample: Optional[nn.Module] = None, groups: int = 1,
        base_width: int = 64, dilation: int = 1, norm_layer: NormLayer = None,
    ) -> None:
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        width = int(planes * (base_width / 64.0)) * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm_layer(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm_layer(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm_layer(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Compute."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class ResNet(nn.Module):
    """A residual network for images (B, 3, H, W).

    Parameters
    ----------
    block : BasicBlock or Bottleneck
    layers : list of four ints
        Blocks at each of the four sizes.
    num_classes : int, default 1000
    zero_init_residual : bool, default False
        Start each block as the identity.
    groups, width_per_group : int, default 1 and 64
        Of the 3 × 3 convolutions of a bottleneck.
    replace_stride_with_dilation : list of three bools, optional
        Which of the last three strides become dilations.
    norm_layer : callable, optional
        Instead of BatchNorm2d.

    Raises
    ------
    ArgumentValueError
        ``replace_stride_with_dilation`` does not have three items.

    Examples
    --------
    >>> import rustorch as torch
    >>> from rustorch.vision.models import BasicBlock, ResNet
    >>> model = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=10)  # ten layers
    >>> model(torch.zeros(2, 3, 32, 32)).shape, sum(p.numel() for p in model.parameters())
    (rustorch.Size([2, 10]), 4910922)
    """

    def __init__(
        self, block: Type[Union[BasicBlock, Bottleneck]], layers: List[int], num_classes: int = 1000,
        zero_init_residual: bool = False, groups: int = 1, width_per_group: int = 64,
        replace_stride_with_dilation: Optional[List[bool]] = None, norm_layer: NormLayer = None,
    ) -> None:
        super().__init__()
        dilate = replace_stride_with_dilation or [False, False, False]
        if len(dilate) != 3:
            raise ArgumentValueError(f"ResNet: replace_stride_with_dilation must have 3 items, not {len(dilate)}")
        self._norm_layer = norm_layer or nn.BatchNorm2d
        self.inplanes = 64
        self.dilation = 1
        self.groups = groups
        self.base_width = width_per_group
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = self._norm_layer(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], 2, dilate[0])
        self.layer3 = self._make_layer(block, 256, layers[2], 2, dilate[1])
        self.layer4 = self._make_layer(block, 512, layers[3], 2, dilate[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        init_weights(self, linear_std=None)
        if zero_init_residual:
            for module in self.modules():
                if isinstance(module, (BasicBlock, Bottleneck)):
                    last = module.bn3 if isinstance(module, Bottleneck) else module.bn2
                    if last.weight is not None:
                        nn.init.constant_(last.weight, 0)

    def _make_layer(
        self, block: Type[Union[BasicBlock, Bottleneck]], planes: int, blocks: int, stride: int = 1, dilate: bool = False
    ) -> nn.Sequential:
        before = self.dilation
        if dilate:
            self.dilation *= stride
            stride = 1
        out = planes * block.expansion
        downsample = None
        if stride != 1 or self.inplanes != out:
            downsample = nn.Sequential(conv1x1(self.inplanes, out, stride), self._norm_layer(out))
        shape = (self.groups, self.base_width)
        made = [block(self.inplanes, planes, stride, downsample, *shape, before, self._norm_layer)]
        self.inplanes = out
        made += [block(out, planes, 1, None, *shape, self.dilation, self._norm_layer) for _ in range(1, blocks)]
        return nn.Sequential(*made)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, num_classes) of images (B, 3, H, W)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(flatten(self.avgpool(x), 1))


resnet18 = builder("resnet18", "ResNet-18", 11_689_512, ResNet, BasicBlock, [2, 2, 2, 2])
resnet34 = builder("resnet34", "ResNet-34", 21_797_672, ResNet, BasicBlock, [3, 4, 6, 3])
resnet50 = builder("resnet50", "ResNet-50", 25_557_032, ResNet, Bottleneck, [3, 4, 6, 3])
resnet101 = builder("resnet101", "ResNet-101", 44_549_160, ResNet, Bottleneck, [3, 4, 23, 3])
resnet152 = builder("resnet152", "ResNet-152", 60_192_808, ResNet, Bottleneck, [3, 8, 36, 3])
resnext50_32x4d = builder(
    "resnext50_32x4d", "ResNeXt-50 32x4d", 25_028_904, ResNet, Bottleneck, [3, 4, 6, 3], groups=32, width_per_group=4
)
resnext101_32x8d = builder(
    "resnext101_32x8d", "ResNeXt-101 32x8d", 88_791_336, ResNet, Bottleneck, [3, 4, 23, 3], groups=32, width_per_group=8
)
resnext101_64x4d = builder(
    "resnext101_64x4d", "ResNeXt-101 64x4d", 83_455_272, ResNet, Bottleneck, [3, 4, 23, 3], groups=64, width_per_group=4
)
wide_resnet50_2 = builder("wide_resnet50_2", "Wide ResNet-50-2", 68_883_240, ResNet, Bottleneck, [3, 4, 6, 3], width_per_group=128)
wide_resnet101_2 = builder("wide_resnet101_2", "Wide ResNet-101-2", 126_886_696, ResNet, Bottleneck, [3, 4, 23, 3], width_per_group=128)
