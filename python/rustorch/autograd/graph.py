"""The graph that a backward pass walks."""

from .._C import Node, RemovableHandle

__all__ = ["Node", "RemovableHandle"]
