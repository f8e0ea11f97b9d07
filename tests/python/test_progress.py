"""The progress bar: on a terminal, elsewhere, and when something goes wrong."""

import io
import re

import pytest

from rustorch.progress import ProgressBar


def shown(columns, monkeypatch, items, **options):
    monkeypatch.setenv("RUSTORCH_COLUMNS", str(columns))
    stream = io.StringIO()
    bar = ProgressBar(items, stream=stream, **options)
    for step in bar:
        bar.set(loss=0.5, step=step)
    return stream.getvalue()


def test_plain_line(monkeypatch):
    text = shown(0, monkeypatch, range(3), text="epoch 1")
    assert re.fullmatch(r"epoch 1: 3 steps  0\.\ds  loss 0\.5000  step 2\n", text)


def test_bar(monkeypatch):
    text = shown(70, monkeypatch, range(4), text="epoch 1")
    states = text.split("\r")[1:]
    assert "│ 4/4 " in states[-1] and states[-1].endswith("\x1b[K\n") and "█" in states[-1] and "\n" not in "".join(states[:-1])
    for columns in (20, 40, 70, 200):
        for state in shown(columns, monkeypatch, range(4), text="epoch 1").split("\r")[1:]:
            assert len(state.replace("\x1b[K", "").rstrip("\n")) < columns


def test_without_a_length(monkeypatch):
    text = shown(70, monkeypatch, iter(range(3)))
    assert text.split("\r")[-1].startswith("3  ") and "│" not in text
    assert shown(70, monkeypatch, [], text="empty").endswith("\n")


def test_hidden(monkeypatch):
    assert shown(70, monkeypatch, range(3), show=False) == ""


def test_an_error_begins_on_a_line_of_its_own(monkeypatch):
    monkeypatch.setenv("RUSTORCH_COLUMNS", "70")
    stream = io.StringIO()

    def items():
        yield 1
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        for _ in ProgressBar(items(), total=5, stream=stream):
            pass
    assert "1/5" in stream.getvalue() and stream.getvalue().endswith("\n")
