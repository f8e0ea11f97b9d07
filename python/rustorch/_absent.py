"""What PyTorch has and rustorch has not, and what to do instead: the reason stands in the error message."""

from __future__ import annotations

import re
from typing import Any, NoReturn

import rustorch

_COMPLEX = "there are no complex numbers: keep real and imaginary parts as two tensors, or use NumPy"
_REASONS = [
    (r"(c(double|float|half)|complex\d*|imag|view_as_(real|complex)|polar|i?stft)", _COMPLEX),
    (r"sparse_.*|.*_sparse.*|(dsmm|hsmm|hspmm|smm|spmm|sspaddmm|saddmm)", "there are no sparse tensors: use dense ones"),
    (r"q(u?int\d+.*|scheme)|quantize.*|dequantize|fake_quantize.*|per_(tensor|channel)_.*|ao|quantization", "there is no quantisation"),
    (r"float8_.*|float4_.*|u?int[1-7]|uint(16|32|64)|bits.*", "this dtype does not exist; see rustorch.uint8, int16, float16 and bfloat16"),
    (r"(sparse|nested|masked)", "this kind of tensors does not exist: use dense ones"),
    (r"fx|export", "programs are not traced: save weights, and keep the module as Python code"),
    (r"lobpcg", "use linalg.eigh, which finds all eigenvalues of a symmetric matrix"),
    (r"(Tag|AliasDb|Graph|Node|Script.*|FunctionSchema|.*Type)", "code is not compiled: there is no graph representation"),
]


def why(name: str) -> str:
    """The end of an error message for a name that is missing on purpose, or nothing."""
    for pattern, reason in _REASONS:
        if re.fullmatch(pattern, name):
            return f": {reason} (docs/faq.md)"
    return ""


def _refuse(name: str) -> Any:
    def refused(*args: Any, **kwargs: Any) -> NoReturn:
        raise rustorch.UnsupportedError(f"{name}: {_COMPLEX}")

    refused.__name__ = refused.__qualname__ = name
    refused.__doc__ = (
        f"Not possible: {_COMPLEX}.\n\n>>> try:\n...     rustorch.{name}()\n... except rustorch.UnsupportedError as error:\n"
        f"...     print(str(error)[:{len(name)}])\n{name}\n"
    )
    return refused


istft, polar, stft = _refuse("istft"), _refuse("polar"), _refuse("stft")
view_as_complex, view_as_real = _refuse("view_as_complex"), _refuse("view_as_real")
