"""CUDA's libraries: whether they are there, and the switches that scripts set."""

from __future__ import annotations

import contextlib as _contextlib
from typing import Callable, Iterator, Tuple

from rustorch._no_device import shows as _shows
from rustorch.backends.cuda import matmul

__all__ = [
    "cudnn_sdp_enabled", "enable_cudnn_sdp", "enable_flash_sdp", "enable_math_sdp", "enable_mem_efficient_sdp", "flash_sdp_enabled", "is_built",
    "math_sdp_enabled", "matmul", "mem_efficient_sdp_enabled", "sdp_kernel",
]  # fmt: skip

_sdp = {"flash": True, "mem_efficient": True, "math": True, "cudnn": True}


@_shows("backends.cuda.is_built()", False)
def is_built() -> bool:
    """Whether this build has the CUDA plug-in."""
    from rustorch import cuda

    return cuda.is_available()


def _switch(name: str) -> Tuple[Callable[[bool], None], Callable[[], bool]]:
    def enable(enabled: bool) -> None:
        _sdp[name] = bool(enabled)

    def ask() -> bool:
        return _sdp[name]

    enable.__name__ = enable.__qualname__ = f"enable_{name}_sdp"
    enable.__doc__ = "Allow this kernel of scaled_dot_product_attention on a GPU; on the CPU there is one, which is always used."
    ask.__name__ = ask.__qualname__ = f"{name}_sdp_enabled"
    ask.__doc__ = "What the switch of this kernel was set to."
    _shows(f"backends.cuda.{enable.__name__}(True)")(enable)
    _shows(f"backends.cuda.{ask.__name__}()", True)(ask)
    return enable, ask


enable_flash_sdp, flash_sdp_enabled = _switch("flash")
enable_mem_efficient_sdp, mem_efficient_sdp_enabled = _switch("mem_efficient")
enable_math_sdp, math_sdp_enabled = _switch("math")
enable_cudnn_sdp, cudnn_sdp_enabled = _switch("cudnn")


@_contextlib.contextmanager
def sdp_kernel(
    enable_flash: bool = True, enable_math: bool = True, enable_mem_efficient: bool = True, enable_cudnn: bool = True
) -> Iterator[None]:
    """Other values of the switches within a ``with`` block.

    Examples
    --------
    >>> with rustorch.backends.cuda.sdp_kernel(enable_flash=False):
    ...     rustorch.backends.cuda.flash_sdp_enabled()
    False
    """
    before = dict(_sdp)
    _sdp.update(flash=bool(enable_flash), math=bool(enable_math), mem_efficient=bool(enable_mem_efficient), cudnn=bool(enable_cudnn))
    try:
        yield
    finally:
        _sdp.update(before)
