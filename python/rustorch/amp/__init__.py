"""Mixed precision: matrix products in bfloat16 or float16, what needs range or precision in float32."""

from rustorch.amp.autocast_mode import autocast, custom_bwd, custom_fwd, is_autocast_available
from rustorch.amp.grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]
