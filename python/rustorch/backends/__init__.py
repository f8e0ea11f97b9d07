"""Switches of the libraries behind PyTorch, under their paths.

rustorch computes with kernels of its own and OpenBLAS, always deterministically and in the dtype that is asked for. What
switches cuDNN, TF32 or Apple's GPUs may be set and read, and has no effect without such a device; the questions are
answered truthfully.

``cpu`` has ``get_cpu_capability()``; ``cudnn`` the switches ``enabled``, ``benchmark``, ``benchmark_limit``, ``deterministic`` and
``allow_tf32``, and ``flags()`` for a block; ``cuda`` those of attention (``enable_flash_sdp()``, ``sdp_kernel()``, …) and, in
``cuda.matmul``, of matrix products; ``mkldnn`` has ``enabled`` and ``flags()``. ``is_available()`` is in all but ``cpu`` and ``cuda``,
which has ``is_built()``.

Examples
--------
>>> import rustorch
>>> rustorch.backends.cudnn.benchmark = True
>>> rustorch.backends.cudnn.is_available(), rustorch.backends.mps.is_available()
(False, False)
"""

from rustorch.backends import cpu, cuda, cudnn, mkl, mkldnn, mps, openmp

__all__ = ["cpu", "cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp"]
