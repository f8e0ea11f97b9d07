"""``ModelBuilder``: a model by a chain of calls."""

from __future__ import annotations

from typing import Any, Callable, List, Optional

from rustorch.training import layers
from rustorch.training._names import did_you_mean, plain
from rustorch.training.model import Model

__all__ = ["ModelBuilder"]


class ModelBuilder:
    """Layers added one after the other, then the model.

    Every layer of :mod:`rustorch.training.layers` is a method, by its name in small letters, with or without underscores:
    ``max_pool2d(2)``, ``flatten()``, ``batch_norm()``. All return the builder.

    Example
    -------
    >>> from rustorch.training import ModelBuilder
    >>> model = ModelBuilder().dense(16, "relu").dropout(0.2).dense(3, "softmax").build("small")
    >>> model.name, model.layers
    ('small', [Dense(16, activation=relu), Dropout(0.2), Dense(3, activation=softmax)])
    """

    def __init__(self) -> None:
        self._layers: List[Any] = []

    def dense(self, units: int, activation: Any = "linear", **options: Any) -> "ModelBuilder":
        """A :class:`~rustorch.training.layers.Dense` layer."""
        return self.add(layers.Dense(units, activation, **options))

    def conv2d(self, filters: int, kernel_size: Any, activation: Any = "relu", **options: Any) -> "ModelBuilder":
        """A :class:`~rustorch.training.layers.Conv2D` layer."""
        return self.add(layers.Conv2D(filters, kernel_size, activation=activation, **options))

    def dropout(self, rate: float) -> "ModelBuilder":
        """A :class:`~rustorch.training.layers.Dropout` layer."""
        return self.add(layers.Dropout(rate))

    def add(self, layer: Any) -> "ModelBuilder":
        """Any layer, as :meth:`rustorch.Model.add` takes it."""
        self._layers.append(layers.from_text(layer) if isinstance(layer, str) else layer)
        return self

    def build(self, name: Optional[str] = None) -> Model:
        """The model."""
        return Model(name, self._layers)

    def __getattr__(self, name: str) -> Callable[..., "ModelBuilder"]:
        kinds = layers.names()
        found = {plain(each): kind for each, kind in kinds.items()}.get(plain(name))
        if found is None or name.startswith("_"):
            raise AttributeError(f"'ModelBuilder' object has no attribute '{name}'{did_you_mean(name, kinds)}")
        return lambda *args, **options: self.add(found(*args, **options))
