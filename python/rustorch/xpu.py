"""Intel's GPUs: there is no backend for them, and these functions say so.

Examples
--------
>>> import rustorch
>>> device = "xpu" if rustorch.xpu.is_available() else "cpu"
>>> rustorch.ones(2, device=device).sum().item()
2.0
"""

from rustorch._no_device import functions as _functions

_made = _functions("xpu", "Intel's GPUs")
globals().update(_made)
__all__ = list(_made)
