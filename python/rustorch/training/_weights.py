"""What layers and models say of their weights."""

from __future__ import annotations

from typing import Any, List

from rustorch import Tensor


class Weights:
    """The lists of Keras, for a class that is a module."""

    parameters: Any
    buffers: Any

    @property
    def trainable_weights(self) -> List[Tensor]:
        """The parameters that are trained."""
        return [p for p in self.parameters() if p.requires_grad]

    @property
    def non_trainable_weights(self) -> List[Tensor]:
        """Frozen parameters, and running statistics."""
        return [p for p in self.parameters() if not p.requires_grad] + list(self.buffers())

    @property
    def weights(self) -> List[Tensor]:
        """All of them, in PyTorch's layout; ``get_weights`` gives arrays in Keras's."""
        return self.trainable_weights + self.non_trainable_weights

    trainable_variables, non_trainable_variables, variables = trainable_weights, non_trainable_weights, weights
