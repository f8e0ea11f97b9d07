"""AdamW, under the name of its own module as PyTorch has it."""

from rustorch.optim.adam import AdamW

__all__ = ["AdamW"]
