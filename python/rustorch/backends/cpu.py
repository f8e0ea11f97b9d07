"""The CPU."""

__all__ = ["get_cpu_capability"]


def get_cpu_capability() -> str:
    """The instruction set that the kernels were chosen for, in PyTorch's spelling: ``"DEFAULT"``, ``"AVX2"`` or ``"AVX512"``.

    Examples
    --------
    >>> rustorch.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2", "AVX512")
    True
    """
    import rustorch

    for line in rustorch._C.config_text().splitlines():
        for word, name in (("avx512", "AVX512"), ("avx2", "AVX2")):
            if "instruction" in line and word in line:
                return name
    return "DEFAULT"
