"""Switches of the libraries behind PyTorch, under their paths.

rustorch computes with kernels of its own and OpenBLAS, always deterministically and in the dtype that is asked for. What
switches cuDNN, TF32 or Apple's GPUs may be set and read, and has no effect without such a device; the questions are
answered truthfully.

Examples
--------
>>> import rustorch
>>> rustorch.backends.cudnn.benchmark = True
>>> rustorch.backends.cudnn.is_available(), rustorch.backends.mps.is_available()
(False, False)
"""

from rustorch.backends import cpu, cuda, cudnn, mkl, mkldnn, mps, openmp

__all__ = ["cpu", "cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp"]
