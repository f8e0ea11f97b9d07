"""Helpers for training modules."""

from rustorch.nn.utils import rnn
from rustorch.nn.utils.clip_grad import clip_grad_norm, clip_grad_norm_, clip_grad_value_
from rustorch.nn.utils.convert import parameters_to_vector, vector_to_parameters

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "parameters_to_vector", "vector_to_parameters", "rnn"]
