"""ONNX: models are not exported, since programs are not traced."""

from typing import Any, NoReturn

from rustorch._C import UnsupportedError

__all__ = ["export", "is_in_onnx_export"]


def export(*args: Any, **kwargs: Any) -> NoReturn:
    """An UnsupportedError, whatever is asked: programs are not traced.

    Raises
    ------
    UnsupportedError
        Always; it says what to do instead.

    Examples
    --------
    >>> rustorch.onnx.export(rustorch.nn.Linear(2, 3), (rustorch.ones(1, 2),), "model.onnx")
    Traceback (most recent call last):
        ...
    rustorch.UnsupportedError: onnx.export: rustorch does not trace programs. Save the parameters...
    """
    raise UnsupportedError(
        "onnx.export: rustorch does not trace programs. Save the parameters (rustorch.utils.safetensors.save_file(model.state_dict(), "
        "path)) and load them into the same model where PyTorch is installed, to export it from there"
    )


def is_in_onnx_export() -> bool:
    """False: nothing is exported.

    Examples
    --------
    >>> rustorch.onnx.is_in_onnx_export()
    False
    """
    return False
