"""CUDA's libraries: whether they are there, and the switches that scripts set."""

import contextlib as _contextlib

from rustorch.backends.cuda import matmul

__all__ = [
    "cudnn_sdp_enabled", "enable_cudnn_sdp", "enable_flash_sdp", "enable_math_sdp", "enable_mem_efficient_sdp", "flash_sdp_enabled", "is_built",
    "math_sdp_enabled", "matmul", "mem_efficient_sdp_enabled", "sdp_kernel",
]  # fmt: skip

_sdp = {"flash": True, "mem_efficient": True, "math": True, "cudnn": True}


def is_built():
    """Whether this build has the CUDA plug-in."""
    from rustorch import cuda

    return cuda.is_available()


def _switch(name):
    def enable(enabled):
        _sdp[name] = bool(enabled)

    def ask():
        return _sdp[name]

    enable.__name__ = enable.__qualname__ = f"enable_{name}_sdp"
    enable.__doc__ = "Allow this kernel of scaled_dot_product_attention on a GPU; on the CPU there is one, which is always used."
    ask.__name__ = ask.__qualname__ = f"{name}_sdp_enabled"
    ask.__doc__ = "What the switch of this kernel was set to."
    return enable, ask


enable_flash_sdp, flash_sdp_enabled = _switch("flash")
enable_mem_efficient_sdp, mem_efficient_sdp_enabled = _switch("mem_efficient")
enable_math_sdp, math_sdp_enabled = _switch("math")
enable_cudnn_sdp, cudnn_sdp_enabled = _switch("cudnn")


@_contextlib.contextmanager
def sdp_kernel(enable_flash=True, enable_math=True, enable_mem_efficient=True, enable_cudnn=True):
    """Other values of the switches within a ``with`` block."""
    before = dict(_sdp)
    _sdp.update(flash=bool(enable_flash), math=bool(enable_math), mem_efficient=bool(enable_mem_efficient), cudnn=bool(enable_cudnn))
    try:
        yield
    finally:
        _sdp.update(before)
