"""Files of the formats that are read and written in Python: how they appear whole or not at all, and how reading fails."""

from __future__ import annotations

import errno
import os
from typing import Any

from . import _C

__all__ = ["WholeFile", "file_absent", "file_error"]


def file_error(path: Any, error: OSError, done: str = "read") -> _C.SerializationError:
    """What to raise when the system does not let a file be read (or ``done``): a SerializationError that is the OSError too."""
    kind = _C.SerializationFileNotFoundError if isinstance(error, FileNotFoundError) else _C.SerializationOSError
    raised = kind(f"{os.fsdecode(path)} cannot be {done}: {error.strerror}")
    raised.errno = error.errno  # not filename: with it OSError would leave the sentence out
    return raised


def file_absent(path: Any, text: str) -> _C.SerializationError:
    """What to raise when a file that is needed, as the text says, is not there: a FileNotFoundError too."""
    raised = _C.SerializationFileNotFoundError(f"{os.fsdecode(path)}: {text}")
    raised.errno = errno.ENOENT
    return raised


class WholeFile:
    """A file to write to that gets its name when the ``with`` block ends without an error.

    Until then it has another name in the same folder; an error leaves the earlier file of that name as it was, and so does
    the end of the process. The file is synced to the disk before it is renamed.

    Parameters
    ----------
    path : str, bytes or path
    """

    def __init__(self, path: Any) -> None:
        self._file = _C._commit_open(os.fspath(path))
        self._at = 0

    def write(self, data: Any) -> int:
        """Add bytes, or any contiguous buffer."""
        _C._commit_write(self._file, data)
        n = memoryview(data).nbytes
        self._at += n
        return n

    def tell(self) -> int:
        """How many bytes were written."""
        return self._at

    def flush(self) -> None:
        """Nothing to do: the end of the block is what counts."""

    def __enter__(self) -> "WholeFile":
        return self

    def __exit__(self, kind: Any, *rest: Any) -> None:
        _C._commit_end(self._file, kind is None)
