"""The bytes of an event file: protocol buffers in TFRecords.

A record is its length (8 bytes, little endian), a checksum of these, the data, and a checksum of the data. The checksum is CRC32C
(RFC 3720, appendix B.4), turned right by 15 bits plus a constant. The data is an ``Event`` message of TensorFlow's
``event.proto``. Protocol buffers: https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import time
from typing import Any, Iterable, Iterator, List, Optional, Tuple, Union

import numpy as np

from rustorch._C import ArgumentValueError, SerializationError
from rustorch._commit import file_error

_count = 0


def _table() -> List[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _table()


def crc32c(data: bytes) -> int:
    """Castagnoli's checksum.

    >>> from rustorch.utils.tensorboard._record import crc32c
    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def record(data: bytes) -> bytes:
    """A TFRecord that holds the data."""
    length = struct.pack("<Q", len(data))
    return length + _masked(length) + data + _masked(data)


# ---------------------------------------------------------------------------------------------- protocol buffers

Field = Tuple[int, str, Any]


def _varint(n: int) -> bytes:
    n &= 0xFFFFFFFFFFFFFFFF  # negative numbers in two's complement
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def message(*fields: Optional[Field]) -> bytes:
    """A protocol buffer message of fields (number, kind, value); None is left out.

    Kinds: ``int`` (also enums and bools), ``double``, ``float``, ``bytes`` (also messages), ``text``, and packed ``doubles``
    and ``floats``.

    >>> from rustorch.utils.tensorboard._record import message
    >>> message((1, "int", 150), (2, "text", "testing"))
    b'\\x08\\x96\\x01\\x12\\x07testing'
    """
    out = []
    for field in fields:
        if field is None:
            continue
        number, kind, value = field
        if kind == "int":
            out.append(_varint(number << 3) + _varint(int(value)))
        elif kind == "double":
            out.append(_varint(number << 3 | 1) + struct.pack("<d", value))
        elif kind == "float":
            out.append(_varint(number << 3 | 5) + np.float32(value).astype("<f4").tobytes())
        else:
            if kind == "text":
                value = value.encode("utf-8", "replace")
            elif kind == "doubles":
                value = np.asarray(value, "<f8").tobytes()
            elif kind == "floats":
                value = np.asarray(value, "<f4").tobytes()
            out.append(_varint(number << 3 | 2) + _varint(len(value)) + bytes(value))
    return b"".join(out)


def event(step: Optional[int] = None, summary: Optional[bytes] = None, wall_time: Optional[float] = None, **more: Any) -> bytes:
    """An ``Event``: a summary, or ``file_version``, ``graph_def``, ``session_log``."""
    return message(
        (1, "double", time.time() if wall_time is None else wall_time),
        (2, "int", step) if step is not None else None,
        (3, "text", more["file_version"]) if "file_version" in more else None,
        (4, "bytes", more["graph_def"]) if "graph_def" in more else None,
        (5, "bytes", summary) if summary is not None else None,
        (7, "bytes", more["session_log"]) if "session_log" in more else None,
    )


class EventFileWriter:
    """Appends events to a new event file in a folder.

    Parameters
    ----------
    log_dir : str or path
        Made if it is not there.
    max_queue : int, default 10
        After so many events they are on the disk.
    flush_secs : float, default 120
        Or after so many seconds, at the next event.
    filename_suffix : str, default ""

    Example
    -------
    >>> from rustorch.utils.tensorboard import EventFileWriter
    >>> from rustorch.utils.tensorboard._record import event
    >>> writer = EventFileWriter("runs/events")
    >>> writer.add_event(event(step=1))
    >>> writer.close()
    """

    def __init__(
        self, log_dir: Union[str, "os.PathLike[str]"], max_queue: int = 10, flush_secs: float = 120, filename_suffix: str = ""
    ) -> None:
        global _count
        self.log_dir = os.fspath(log_dir)
        self.max_queue = max_queue
        self.flush_secs = flush_secs
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{_count}{filename_suffix}"
        _count += 1
        self.path = os.path.join(self.log_dir, name)
        try:
            os.makedirs(self.log_dir, exist_ok=True)
            self._file: Any = open(self.path, "wb")
        except OSError as error:
            raise SerializationError(f"SummaryWriter cannot write into {self.log_dir}: {error.strerror}") from error
        self._waiting = 0
        self._flushed = time.monotonic()
        self.add_event(event(file_version="brain.Event:2"))
        self.flush()

    def get_logdir(self) -> str:
        """The folder."""
        return self.log_dir

    def add_event(self, data: bytes) -> None:
        """Append one ``Event`` message."""
        if self._file is None:
            raise ArgumentValueError(f"the event file {self.path} is closed")
        with self._writing():
            self._file.write(record(data))
        self._waiting += 1
        if self._waiting >= self.max_queue or time.monotonic() - self._flushed >= self.flush_secs:
            self.flush()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise file_error(self.path, error, "written") from error

    def add_events(self, events: Iterable[bytes]) -> None:
        """Append several."""
        for each in events:
            self.add_event(each)

    def flush(self) -> None:
        """Hand everything to the system."""
        if self._file is not None:
            with self._writing():
                self._file.flush()
            self._waiting, self._flushed = 0, time.monotonic()

    def close(self) -> None:
        """Flush and close; closing twice is fine."""
        if self._file is not None:
            file, self._file = self._file, None
            with self._writing():
                file.close()
