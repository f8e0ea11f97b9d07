"""Masks of steps: which of a sequence count. A mask goes from layer to layer, and to the loss, with the tensor that it belongs to.

It is a boolean tensor (batch, steps), True where a step counts, kept as the tensor's attribute ``_keras_mask``, as in Keras.
"""

from __future__ import annotations

from typing import Any, Optional

import rustorch
from rustorch import Tensor

__all__ = ["attach", "keep", "lost", "of"]


def of(x: Any) -> Optional[Tensor]:
    """The mask of a tensor; None without one."""
    return getattr(x, "_keras_mask", None)


def attach(x: Tensor, mask: Any) -> None:
    """Give a tensor its mask; None changes nothing."""
    if mask is not None:
        x._keras_mask = mask if isinstance(mask, Tensor) else rustorch.as_tensor(mask)


def keep(x: Any, y: Any) -> Any:
    """y with the mask of x, from which it was computed value by value."""
    attach(y, of(x))
    return y


def lost(who: str) -> None:
    """Warn that a layer does not know what to do with a mask."""
    from rustorch.training.losses._base import warn

    warn(f"{who} was given an input with a mask, which it does not support: the layers after it, and the loss, will see no mask")
