"""ONNX: models are not exported."""

from rustorch._C import UnsupportedError

__all__ = ["export", "is_in_onnx_export"]


def export(*args, **kwargs):
    """An UnsupportedError: programs are not traced.

    Raises
    ------
    UnsupportedError
    """
    raise UnsupportedError(
        "onnx.export: rustorch does not trace programs. Save the parameters (rustorch.save(model.state_dict(), path)) and load them into "
        "the same model where PyTorch is installed to export it from there"
    )


def is_in_onnx_export():
    """False: nothing is exported."""
    return False
