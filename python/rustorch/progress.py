"""A progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import Any, Iterable, Iterator, Optional

__all__ = ["ProgressBar"]

_NOTEBOOK_COLUMNS = 110


def _terminal_columns(stream: Any) -> int:
    """Width of the terminal that shows ``stream``; 0 when there is none. Under rustorch-launch the launcher tells."""
    told = os.environ.get("RUSTORCH_COLUMNS")
    if told is not None:
        return int(told) if told.isdigit() else 0
    try:
        if stream.isatty():
            return shutil.get_terminal_size().columns
    except (AttributeError, ValueError):
        pass  # no stream, or a closed one: no terminal
    return _NOTEBOOK_COLUMNS if type(stream).__module__.startswith("ipykernel") else 0


class ProgressBar:
    """Shows how far a loop is: a bar that moves on a terminal, one plain line at the end elsewhere.

    Parameters
    ----------
    iterable : what to loop over
    total : int, optional
        Number of steps; by default the iterable's length, if it has one.
    text : str, default ""
        What stands before the bar.
    show : bool, default True
        False shows nothing: for all ranks but the first.
    stream : text stream, default standard output

    Example
    -------
    >>> from rustorch.progress import ProgressBar
    >>> bar = ProgressBar(range(3), text="epoch 1", show=False)
    >>> for step in bar:
    ...     bar.set(loss=0.5)
    """

    _INTERVAL = 0.1  # seconds between two drawings

    def __init__(
        self, iterable: Iterable[Any], total: Optional[int] = None, text: str = "", show: bool = True, stream: Any = None
    ) -> None:
        self.iterable = iterable
        if total is None and hasattr(iterable, "__len__"):
            total = len(iterable)  # type: ignore[arg-type]
        self.total = total
        self.text = text
        self.stream = sys.stdout if stream is None else stream
        self.show = show
        self.columns = _terminal_columns(self.stream) if show else 0
        self.values: dict = {}
        self.done = 0
        self._start = self._drawn = 0.0

    def set(self, **values: float) -> None:
        """Numbers to show beside the bar."""
        self.values.update(values)

    def begin(self) -> None:
        """Start counting: for a loop that calls :meth:`update` itself."""
        self._start = time.monotonic()
        self._drawn = 0.0
        self.done = 0

    def update(self, done: int, **values: float) -> None:
        """So many steps are done; numbers to show beside the bar."""
        self.done = done
        self.values.update(values)
        self._draw()

    def end_line(self) -> None:
        """What is written next begins on a line of its own."""
        if self._drawn:
            self.stream.write("\n")
            self._drawn = 0.0

    def __iter__(self) -> Iterator[Any]:
        self.begin()
        try:
            for item in self.iterable:
                yield item
                self.done += 1
                self._draw()
        except Exception:
            self.end_line()  # for the traceback
            raise
        self.close()

    def _numbers(self) -> str:
        return "  ".join(f"{name} {value:.4f}" if isinstance(value, float) else f"{name} {value}" for name, value in self.values.items())

    def _line(self) -> str:
        seconds = time.monotonic() - self._start
        rate = f"{seconds / self.done * 1000:.0f} ms/step" if self.done else ""
        count = f"{self.done}/{self.total}" if self.total else str(self.done)
        tail = f" {count}  {seconds:.0f}s {rate}  {self._numbers()}"
        head = f"{self.text} " if self.text else ""
        room = min(30, self.columns - len(head) - len(tail) - 3)
        if not self.total or room < 5:
            return (head + tail.strip())[: max(0, self.columns - 1)]
        eighths = int(8 * room * min(1.0, self.done / self.total))
        full, part = divmod(eighths, 8)
        bar = "█" * full + (" ▏▎▍▌▋▊▉"[part] if full < room else "")
        return f"{head}│{bar:<{room}}│{tail}"

    def _draw(self, last: bool = False) -> None:
        now = time.monotonic()
        if self.columns and (last or now - self._drawn >= self._INTERVAL):
            self._drawn = now
            self.stream.write("\r" + self._line() + "\x1b[K")
            self.stream.flush()

    def close(self) -> None:
        """The last state: the bar stays, or a plain line is written."""
        if not self.show:
            return
        if self.columns:
            self._draw(last=True)
            self.stream.write("\n")
        else:
            seconds = time.monotonic() - self._start
            self.stream.write(f"{self.text}{': ' if self.text else ''}{self.done} steps  {seconds:.1f}s  {self._numbers()}\n")
        self.stream.flush()
