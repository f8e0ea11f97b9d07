"""Functions that build a model by its name, such as ``resnet18(num_classes=10)``: one mechanism for all of them."""

from __future__ import annotations

import enum
from typing import Any, Callable, Optional, TypeVar

import rustorch

Model = TypeVar("Model", bound=rustorch.nn.Module)

_DOC = """{title}, untrained: {parameters:,} parameters with 1000 classes.

    Parameters
    ----------
    weights, pretrained : None, None
        Nothing is downloaded: the error says how to load a file.
    progress : bool
        Of a download: without effect.
    **kwargs
        {keywords}

    Returns
    -------
    {returns}

    Raises
    ------
    UnsupportedError
        Weights are asked for.

    Examples
    --------
{example}
    """
_BUILT = """\
    >>> import rustorch as torch
    >>> from rustorch.vision import models
    >>> model = models.{name}(num_classes=10)
    >>> model(torch.zeros(1, 3, 64, 64)).shape
    rustorch.Size([1, 10])"""
_REFUSED = """\
    >>> from rustorch.vision import models
    >>> models.{name}(weights="DEFAULT")
    Traceback (most recent call last):
        ...
    rustorch.UnsupportedError: {name}: weights=DEFAULT, and nothing is downloaded. Build the model with weights=None and load a
    file of yours: model.load_state_dict(rustorch.load('{name}.pth')). Names and shapes are torchvision's, and its files are read"""
_SMALL = 12_000_000  # the example of a model up to here builds it: the examples are run


def builder(
    name: str, title: str, parameters: int, make: Callable[..., Model], *args: Any, keywords: Optional[str] = None, **fixed: Any
) -> Callable[..., Model]:
    """A public function of the calling module: ``make(*args, **fixed)`` and what its caller adds or replaces.

    Parameters
    ----------
    name, title : str
        Of the function; the first words of its documentation.
    parameters : int
        How many the model has with 1000 classes: for the documentation.
    make : callable
        A class, or a function that is annotated with what it returns.
    keywords : str, optional
        What the documentation says about the other arguments.
    """
    kind = make.__name__ if isinstance(make, type) else make.__annotations__["return"]

    def build(*, weights: Any = None, progress: bool = True, pretrained: Optional[bool] = None, **kwargs: Any) -> Model:
        refuse_weights(name, weights, pretrained)
        return make(*args, **{**fixed, **kwargs})

    build.__name__ = build.__qualname__ = name
    build.__module__ = make.__module__
    build.__doc__ = _DOC.format(
        title=title, parameters=parameters, returns=kind,
        keywords=keywords or f"Those of :class:`{kind}`, such as ``num_classes``.",
        example=(_BUILT if parameters < _SMALL else _REFUSED).format(name=name),
    )  # fmt: skip
    return build


def weights_enum(name: str) -> Any:
    """The class that scripts name weights by, such as ``ResNet18_Weights.DEFAULT``."""
    return enum.Enum(name, {"DEFAULT": "DEFAULT", "IMAGENET1K_V1": "IMAGENET1K_V1", "IMAGENET1K_V2": "IMAGENET1K_V2"}, module=__package__)


def refuse_weights(name: str, weights: Any, pretrained: Optional[bool]) -> None:
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
        f"{name}: {asked}, and nothing is downloaded. Build the model with weights=None and load a file of yours: "
        f"model.load_state_dict(rustorch.load('{name}.pth')). Names and shapes are torchvision's, and its files are read"
    )
