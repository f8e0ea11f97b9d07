"""Weights that others trained: nothing is downloaded, and the errors say how to bring them along."""

from __future__ import annotations

import enum
from typing import Any, Optional

import rustorch


def weights_enum(name: str) -> Any:
    """The class that scripts name weights by, such as ``ResNet18_Weights.DEFAULT``."""
    return enum.Enum(name, {"DEFAULT": "DEFAULT", "IMAGENET1K_V1": "IMAGENET1K_V1", "IMAGENET1K_V2": "IMAGENET1K_V2"}, module=__name__)


def refuse_weights(builder: str, weights: Any, pretrained: Optional[bool]) -> None:
    """An error if weights are asked for: None and False are the only ones there are.

    Raises
    ------
    UnsupportedError
        Weights are asked for.
    """
    if weights is None and not pretrained:
        return
    asked = f"weights={weights!s}" if weights is not None else "pretrained=True"
    raise rustorch.UnsupportedError(
        f"{builder}: {asked}, and nothing is downloaded. Build the model with weights=None and load a file of yours: "
        f"model.load_state_dict(rustorch.load('{builder}.pth')). Names and shapes are torchvision's, and its files are read"
    )
