"""Parts that the mobile networks share."""

from __future__ import annotations

from typing import Optional

from rustorch import nn

__all__ = ["init_mobile", "make_divisible"]


def make_divisible(value: float, divisor: int = 8, min_value: Optional[int] = None) -> int:
    """The multiple of the divisor nearest to the value, not less than 90 % of it.

    >>> make_divisible(37), make_divisible(16 * 0.75)
    (40, 16)
    """
    nearest = max(min_value if min_value is not None else divisor, int(value + divisor / 2) // divisor * divisor)
    return nearest if nearest >= 0.9 * value else nearest + divisor


def init_mobile(model: nn.Module) -> None:
    """The initial values of the mobile networks."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
        elif isinstance(module, (nn.BatchNorm2d, nn.GroupNorm)):
            nn.init.ones_(module.weight)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.01)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
