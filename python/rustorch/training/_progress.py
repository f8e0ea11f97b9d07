"""The bar of an epoch, as Keras draws it, and the one line an epoch that is written where there is no terminal."""

from __future__ import annotations

import time
from typing import Any, Dict, Optional

from rustorch.progress import ProgressBar
from rustorch.training import _ranks
from rustorch.training.summary import width

__all__ = ["Progress", "number"]


def number(value: Any) -> str:
    """A value of a log in four places, small ones with an exponent.

    >>> number(0.12345), number(0.00001)
    ('0.1235', '1.0000e-05')
    """
    try:
        value = float(value)
    except (TypeError, ValueError):
        return str(value)
    return f"{value:.4f}" if abs(value) > 1e-3 or value == 0 else f"{value:.4e}"


def duration(seconds: float) -> str:
    """3s, 1:05, 2:03:04"""
    whole = int(seconds)
    if whole >= 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}" if whole >= 60 else f"{whole}s"


def pace(seconds: float) -> str:
    """Of one step."""
    if seconds >= 1:
        return f"{seconds:.1f}s/step"
    return f"{seconds * 1e3:.0f}ms/step" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us/step"


class _EpochBar(ProgressBar):
    """A bar whose line reads as Keras's does."""

    closed = False

    def _numbers(self) -> str:
        return "".join(f" - {name}: {number(value)}" for name, value in self.values.items())

    def _line(self) -> str:
        seconds = time.monotonic() - self._start
        each = seconds / self.done if self.done else 0.0
        left = each * (self.total - self.done) if self.total and not self.closed else seconds
        count = f"{self.done:>{len(str(self.total))}}/{self.total}" if self.total else str(self.done)
        tail = f" {duration(left)} {pace(each)}" if self.done else ""
        tail += self._numbers()
        room = 20 if self.closed else min(20, self.columns - width(count + tail) - 3)
        if not self.total or room < 5:
            line = count + tail
        else:
            full = int(room * min(1.0, self.done / self.total))
            line = f"{count} {'━' * full}{'─' * (room - full)}{tail}"
        return line if self.closed else line[: max(0, self.columns - 1)]


class Progress:
    """Shows a run: a bar an epoch on a terminal and in notebooks, one plain line an epoch elsewhere; rank 0 alone.

    Parameters
    ----------
    verbose : bool, int or "auto"
        0 or False: nothing. 1, True or "auto": as above. 2: one line an epoch in any case.
    epochs : int, optional
        For ``Epoch 1/10``; None where there are none (evaluation), whose plain line ``quiet`` leaves out.
    every : int, default 1
        Keep only the line of every so many epochs, and of the first and last.
    """

    def __init__(self, verbose: Any, epochs: Optional[int], every: int = 1, quiet: bool = False, stream: Any = None) -> None:
        self.on = bool(verbose) and _ranks.rank() == 0
        self.epochs = epochs
        self.every = every
        self.bar: Optional[_EpochBar] = None
        self.plain = verbose == 2 and verbose is not True
        self.quiet = quiet
        self.stream = stream
        self.epoch = 0

    def begin(self, epoch: int, steps: Optional[int]) -> None:
        """An epoch (counted from 0) begins."""
        if not self.on:
            return
        self.epoch = epoch
        self.bar = _EpochBar((), total=steps, stream=self.stream)
        if self.plain:
            self.bar.columns = 0
        if self.bar.columns and self.epochs is not None:
            self._write(f"Epoch {epoch + 1}/{self.epochs}\n")
        self.bar.begin()

    def step(self, done: int, logs: Dict[str, Any]) -> None:
        """So many steps of the epoch are done."""
        if self.bar is not None:
            self.bar.update(done, **logs)

    def end(self, logs: Dict[str, Any]) -> None:
        """The epoch is over."""
        bar, self.bar = self.bar, None
        if bar is None:
            return
        bar.values = dict(logs)
        number = self.epoch + 1
        kept = number % self.every == 0 or number in (1, self.epochs)
        if bar.columns and kept:
            bar.closed = True
            bar.total = bar.done
            bar._draw(last=True)
            self._write("\n")
        elif bar.columns:  # the next epoch is drawn over this one
            self._write("\r\x1b[K" + ("\x1b[A\x1b[K" if self.epochs is not None else ""))
        elif kept and not (self.quiet and not self.plain):
            seconds = time.monotonic() - bar._start
            steps = f"{bar.done} step{'s' if bar.done != 1 else ''}"
            head = steps if self.epochs is None else f"Epoch {self.epoch + 1}/{self.epochs}"
            self._write(f"{head} - {seconds:.1f}s{bar._numbers()}\n")

    def interrupted(self) -> None:
        """Whatever is written next begins on a line of its own."""
        if self.bar is not None:
            self.bar.end_line()
            self.bar = None

    def _write(self, text: str) -> None:
        import sys

        stream = sys.stdout if self.stream is None else self.stream
        stream.write(text)
        stream.flush()
