"""autocast under its older path."""

from ... import amp as _amp

__all__ = ["autocast"]


class autocast(_amp.autocast):
    """rustorch.amp.autocast("cuda", …).

    >>> from rustorch.cuda.amp import autocast
    >>> with autocast(enabled=False):
    ...     rustorch.ones(1).dtype
    rustorch.float32
    """

    def __init__(self, enabled=True, dtype=None, cache_enabled=True):
        super().__init__("cuda", dtype=dtype, enabled=enabled, cache_enabled=cache_enabled)
