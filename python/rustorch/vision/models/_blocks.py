"""Parts that several networks share."""

from __future__ import annotations

from typing import Optional

from rustorch import nn

__all__ = ["init_weights", "make_divisible"]


def make_divisible(value: float, divisor: int = 8, min_value: Optional[int] = None) -> int:
    """The multiple of the divisor nearest to the value, not less than 90 % of it.

    >>> make_divisible(37), make_divisible(16 * 0.75)
    (40, 16)
    """
    nearest = max(min_value if min_value is not None else divisor, int(value + divisor / 2) // divisor * divisor)
    return nearest if nearest >= 0.9 * value else nearest + divisor


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
