"""MobileNetV3. Source: Howard et al., "Searching for MobileNetV3", arXiv 1905.02244."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, List, NamedTuple, Optional

from rustorch import ArgumentValueError, Tensor, flatten, nn
from rustorch.vision.models._blocks import init_weights, make_divisible
from rustorch.vision.models._builders import builder
from rustorch.vision.ops.misc import Conv2dNormActivation, SqueezeExcitation

__all__ = ["MobileNetV3", "mobilenet_v3_large", "mobilenet_v3_small"]


class InvertedResidualConfig(NamedTuple):
    """One row of the paper's tables 1 and 2: channels, kernel, squeeze-and-excitation, "HS" or "RE", stride, dilation."""

    input_channels: int
    kernel: int
    expanded_channels: int
    out_channels: int
    use_se: bool
    activation: str
    stride: int
    dilation: int = 1

    def scaled(self, width_mult: float) -> "InvertedResidualConfig":
        """With channels times ``width_mult``."""
        widths = (make_divisible(width * width_mult, 8) for width in (self.input_channels, self.expanded_channels, self.out_channels))
        inputs, expanded, outputs = widths
        return self._replace(input_channels=inputs, expanded_channels=expanded, out_channels=outputs)


class InvertedResidual(nn.Module):
    """Widens, filters each channel by itself, weighs the channels, narrows."""

    def __init__(self, cnf: InvertedResidualConfig, norm_layer: Callable[..., nn.Module]) -> None:
        super().__init__()
        if cnf.stride not in (1, 2):
            raise ArgumentValueError(f"InvertedResidual: stride must be 1 or 2, not {cnf.stride}")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        layers: List[nn.Module] = []
        activation = nn.Hardswish if cnf.activation == "HS" else nn.ReLU
        wide = cnf.expanded_channels
        if wide != cnf.input_channels:
            layers.append(Conv2dNormActivation(cnf.input_channels, wide, 1, norm_layer=norm_layer, activation_layer=activation))
        stride = 1 if cnf.dilation > 1 else cnf.stride
        layers.append(
            Conv2dNormActivation(
                wide, wide, cnf.kernel, stride, groups=wide, dilation=cnf.dilation, norm_layer=norm_layer, activation_layer=activation
            )
        )
        if cnf.use_se:
            layers.append(SqueezeExcitation(wide, make_divisible(wide // 4, 8), scale_activation=nn.Hardsigmoid))
        layers.append(Conv2dNormActivation(wide, cnf.out_channels, 1, norm_layer=norm_layer, activation_layer=None))
        self.block = nn.Sequential(*layers)
        self.out_channels = cnf.out_channels
        self._is_cn = cnf.stride > 1

    def forward(self, input: Tensor) -> Tensor:
        """Compute."""
        return input + self.block(input) if self.use_res_connect else self.block(input)


class MobileNetV3(nn.Module):
    """A small network for images (B, 3, H, W).

    Parameters
    ----------
    inverted_residual_setting : list of InvertedResidualConfig
    last_channel : int
        Width of the layer before the last.
    num_classes : int, default 1000
    norm_layer : callable, optional
        By default BatchNorm2d with eps 0.001 and momentum 0.01.
    dropout : float, default 0.2

    Raises
    ------
    ArgumentValueError
        The list is empty, or a stride is neither 1 nor 2.

    Examples
    --------
    >>> import rustorch as torch
    >>> from rustorch.vision.models.mobilenetv3 import InvertedResidualConfig, MobileNetV3
    >>> rows = [InvertedResidualConfig(16, 3, 32, 24, use_se=True, activation="HS", stride=2)]
    >>> MobileNetV3(rows, last_channel=64, num_classes=10)(torch.zeros(2, 3, 32, 32)).shape
    rustorch.Size([2, 10])
    """

    def __init__(
        self, inverted_residual_setting: List[InvertedResidualConfig], last_channel: int, num_classes: int = 1000,
        norm_layer: Optional[Callable[..., nn.Module]] = None, dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if not inverted_residual_setting:
            raise ArgumentValueError("MobileNetV3: inverted_residual_setting is empty")
        norm_layer = norm_layer or partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
        swish = {"norm_layer": norm_layer, "activation_layer": nn.Hardswish}
        first, last = inverted_residual_setting[0].input_channels, inverted_residual_setting[-1].out_channels
        self.features = nn.Sequential(
            Conv2dNormActivation(3, first, 3, 2, **swish),  # type: ignore[arg-type]
            *[InvertedResidual(row, norm_layer) for row in inverted_residual_setting],
            Conv2dNormActivation(last, 6 * last, 1, **swish),  # type: ignore[arg-type]
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(6 * last, last_channel), nn.Hardswish(inplace=True), nn.Dropout(dropout, inplace=True),
            nn.Linear(last_channel, num_classes),
        )  # fmt: skip
        init_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, num_classes) of images (B, 3, H, W)."""
        return self.classifier(flatten(self.avgpool(self.features(x)), 1))


# Kernel, expansion, output, squeeze-and-excitation, activation, stride. The last three rows are the last stage.
_LARGE = [
    (3, 16, 16, False, "RE", 1), (3, 64, 24, False, "RE", 2), (3, 72, 24, False, "RE", 1), (5, 72, 40, True, "RE", 2),
    (5, 120, 40, True, "RE", 1), (5, 120, 40, True, "RE", 1), (3, 240, 80, False, "HS", 2), (3, 200, 80, False, "HS", 1),
    (3, 184, 80, False, "HS", 1), (3, 184, 80, False, "HS", 1), (3, 480, 112, True, "HS", 1), (3, 672, 112, True, "HS", 1),
    (5, 672, 160, True, "HS", 2), (5, 960, 160, True, "HS", 1), (5, 960, 160, True, "HS", 1),
]  # fmt: skip
_SMALL = [
    (3, 16, 16, True, "RE", 2), (3, 72, 24, False, "RE", 2), (3, 88, 24, False, "RE", 1), (5, 96, 40, True, "HS", 2),
    (5, 240, 40, True, "HS", 1), (5, 240, 40, True, "HS", 1), (5, 120, 48, True, "HS", 1), (5, 144, 48, True, "HS", 1),
    (5, 288, 96, True, "HS", 2), (5, 576, 96, True, "HS", 1), (5, 576, 96, True, "HS", 1),
]  # fmt: skip
_TAIL = 3


def _setting(rows: List[Any], width_mult: float, reduced_tail: bool, dilated: bool) -> List[InvertedResidualConfig]:
    made: List[InvertedResidualConfig] = []
    inputs = 16
    for i, (kernel, expanded, outputs, use_se, activation, stride) in enumerate(rows):
        tail = i >= len(rows) - _TAIL
        if reduced_tail and tail:
            outputs //= 2
            expanded //= 2 if i > len(rows) - _TAIL else 1
        row = InvertedResidualConfig(
            inputs, kernel, expanded, outputs, use_se, activation, stride, 2 if dilated and tail else 1
        )
        made.append(row.scaled(width_mult))
        inputs = outputs
    return made


def _make(
    rows: List[Any], last: int, width_mult: float = 1.0, reduced_tail: bool = False, dilated: bool = False, **kwargs: Any
) -> MobileNetV3:
    last_channel = make_divisible(last // (2 if reduced_tail else 1) * width_mult, 8)
    return MobileNetV3(_setting(rows, width_mult, reduced_tail, dilated), last_channel, **kwargs)


_KEYWORDS = """``num_classes`` (1000), ``dropout`` (0.2) and ``norm_layer`` of :class:`MobileNetV3`; ``width_mult`` (1.0)
        scales the channels, ``reduced_tail`` (False) halves those of the last stage, ``dilated`` (False) keeps its size."""
mobilenet_v3_large = builder("mobilenet_v3_large", "MobileNetV3 in its large form", 5_483_032, _make, _LARGE, 1280, keywords=_KEYWORDS)
mobilenet_v3_small = builder("mobilenet_v3_small", "MobileNetV3 in its small form", 2_542_856, _make, _SMALL, 1024, keywords=_KEYWORDS)
