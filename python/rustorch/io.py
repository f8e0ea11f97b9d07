"""Image files: PNG and JPEG as uint8 tensors (C, H, W), in torchvision.io's spelling.

16-bit PNG files are int32 tensors with values from 0 to 65535. What is damaged, cut or of another format is a
:class:`rustorch.SerializationError`.

Examples
--------
>>> import rustorch as torch
>>> from rustorch import io
>>> image = torch.arange(12, dtype=torch.uint8).reshape(3, 2, 2)
>>> torch.equal(io.decode_image(io.encode_png(image)), image)
True
"""

from __future__ import annotations

import enum
import os
from typing import Any, Union

import numpy as np

import rustorch
from rustorch import Tensor, _C
from rustorch._commit import file_error
from rustorch._C import ArgumentTypeError, ArgumentValueError

__all__ = [
    "ImageReadMode", "decode_image", "decode_jpeg", "decode_png", "encode_jpeg", "encode_png", "read_file", "read_image",
    "write_file", "write_jpeg", "write_png",
]  # fmt: skip

Path = Union[str, "os.PathLike[str]"]
_ANY, _PNG, _JPEG = range(3)


class ImageReadMode(enum.Enum):
    """The channels wanted. UNCHANGED: those of the file; palettes become RGB, transparency becomes alpha.

    >>> from rustorch.io import ImageReadMode
    >>> ImageReadMode.RGB.name
    'RGB'
    """

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4


def _mode(mode: Any) -> int:
    if isinstance(mode, str):
        if mode.upper() not in ImageReadMode.__members__:
            raise ArgumentValueError(f"mode {mode!r} is none of {', '.join(ImageReadMode.__members__)}")
        return int(ImageReadMode[mode.upper()].value)
    return int(ImageReadMode(mode).value)


# How an image that lies as EXIF says is put upright: (transpose, flip left-right, flip top-bottom), in this order.
_UPRIGHT = {
    2: (False, True, False), 3: (False, True, True), 4: (False, False, True), 5: (True, False, False), 6: (True, True, False),
    7: (True, True, True), 8: (True, False, True),
}  # fmt: skip


def _decode(data: Any, kind: int, mode: Any, upright: bool, deep: bool = True) -> Tensor:
    if not isinstance(data, Tensor):
        data = rustorch.from_numpy(np.frombuffer(data, np.uint8).copy())
    image, orientation = _C._image_decode(data, kind, _mode(mode), deep)
    if upright and orientation in _UPRIGHT:
        transpose, left_right, top_bottom = _UPRIGHT[orientation]
        image = image.transpose(-2, -1) if transpose else image
        image = _C._image_flip(image, left_right, top_bottom)
    return image


def read_file(path: Path) -> Tensor:
    """The bytes of a file as a uint8 vector.

    >>> from rustorch import io
    >>> io.write_file("bytes.bin", rustorch.tensor([1, 2], dtype=rustorch.uint8))
    >>> io.read_file("bytes.bin")
    tensor([1, 2], dtype=rustorch.uint8)
    """
    try:
        with open(path, "rb") as file:
            return rustorch.from_numpy(np.frombuffer(bytearray(file.read()), np.uint8))
    except OSError as error:
        raise file_error(path, error) from error


def write_file(filename: Path, data: Tensor) -> None:
    """A uint8 vector as a file. It appears whole or not at all.

    >>> from rustorch import io
    >>> io.write_file("bytes.bin", rustorch.tensor([1, 2], dtype=rustorch.uint8))
    >>> io.read_file("bytes.bin")
    tensor([1, 2], dtype=rustorch.uint8)
    """
    if data.dtype != rustorch.uint8 or data.dim() != 1:
        raise ArgumentTypeError(f"write_file: a uint8 vector is expected, not {data.dtype} of shape {tuple(data.shape)}")
    filename = os.fspath(filename)
    temporary = f"{filename}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as file:
            file.write(data.contiguous().numpy().tobytes())
        os.replace(temporary, filename)
    except OSError as error:
        raise file_error(filename, error, "written") from error
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def decode_image(
    input: Union[Tensor, bytes], mode: Any = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False
) -> Tensor:
    """The image in the bytes of a PNG or JPEG file.

    Parameters
    ----------
    input : uint8 vector, or bytes
    mode : ImageReadMode or its name, default UNCHANGED
    apply_exif_orientation : bool, default False
        Whether a picture that the camera took sideways is turned upright.

    Returns
    -------
    Tensor (C, H, W)

    Raises
    ------
    SerializationError
        The bytes are damaged, cut, or of another format.

    >>> from rustorch import io
    >>> io.decode_image(io.encode_png(rustorch.zeros(3, 4, 5, dtype=rustorch.uint8))).shape
    rustorch.Size([3, 4, 5])
    """
    return _decode(input, _ANY, mode, apply_exif_orientation)


def decode_png(input: Tensor, mode: Any = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False) -> Tensor:
    """:func:`decode_image` for PNG alone.

    >>> from rustorch import io
    >>> io.decode_png(io.encode_png(rustorch.zeros(1, 4, 5, dtype=rustorch.uint8))).shape
    rustorch.Size([1, 4, 5])
    """
    return _decode(input, _PNG, mode, apply_exif_orientation)


def decode_jpeg(
    input: Tensor, mode: Any = ImageReadMode.UNCHANGED, device: Any = "cpu", apply_exif_orientation: bool = False
) -> Tensor:
    """:func:`decode_image` for JPEG alone.

    >>> from rustorch import io
    >>> io.decode_jpeg(io.encode_jpeg(rustorch.zeros(3, 8, 8, dtype=rustorch.uint8))).shape
    rustorch.Size([3, 8, 8])
    """
    if rustorch.device(device).type != "cpu":
        raise rustorch.DeviceError(f"decode_jpeg: images are decoded on the CPU, not on {device}")
    return _decode(input, _JPEG, mode, apply_exif_orientation)


def read_image(path: Path, mode: Any = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False) -> Tensor:
    """The image in a PNG or JPEG file: see :func:`decode_image`.

    >>> from rustorch import io
    >>> io.write_png(rustorch.zeros(3, 4, 5, dtype=rustorch.uint8), "picture.png")
    >>> io.read_image("picture.png").shape
    rustorch.Size([3, 4, 5])
    """
    try:
        return decode_image(read_file(path), mode, apply_exif_orientation)
    except rustorch.SerializationError as error:
        if isinstance(error, OSError):
            raise
        raise rustorch.SerializationError(f"{os.fspath(path)}: {error}") from error


def encode_png(input: Tensor, compression_level: int = 6) -> Tensor:
    """The bytes of a PNG file of an image (C, H, W): uint8, or int32 with values up to 65535 for 16 bits; 1 to 4 channels.

    >>> from rustorch import io
    >>> io.encode_png(rustorch.zeros(3, 4, 5, dtype=rustorch.uint8))[1:4].tolist()
    [80, 78, 71]
    """
    return _C._image_encode(input, _PNG, compression_level)


def encode_jpeg(input: Tensor, quality: int = 75) -> Tensor:
    """The bytes of a JPEG file of a uint8 image (C, H, W) with 1 or 3 channels; ``quality`` from 1 to 100.

    >>> from rustorch import io
    >>> io.encode_jpeg(rustorch.zeros(3, 8, 8, dtype=rustorch.uint8))[:2].tolist()
    [255, 216]
    """
    return _C._image_encode(input, _JPEG, quality)


def write_png(input: Tensor, filename: Path, compression_level: int = 6) -> None:
    """:func:`encode_png` into a file.

    >>> from rustorch import io
    >>> io.write_png(rustorch.zeros(3, 4, 5, dtype=rustorch.uint8), "picture.png")
    """
    write_file(filename, encode_png(input, compression_level))


def write_jpeg(input: Tensor, filename: Path, quality: int = 75) -> None:
    """:func:`encode_jpeg` into a file.

    >>> from rustorch import io
    >>> io.write_jpeg(rustorch.zeros(3, 8, 8, dtype=rustorch.uint8), "picture.jpg")
    """
    write_file(filename, encode_jpeg(input, quality))
