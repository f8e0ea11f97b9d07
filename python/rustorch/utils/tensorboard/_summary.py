"""Summaries: what a scalar, a histogram, an image, … look like as messages of TensorFlow's ``summary.proto``."""

from __future__ import annotations

import struct
import zlib
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentTypeError, ArgumentValueError, ShapeError
from rustorch.utils.tensorboard._record import message

_FLOAT, _STRING = 1, 7  # DataType of TensorFlow's types.proto


def numbers(what: str, x: Any) -> np.ndarray:
    """The numbers of a tensor, an array or a list."""
    if isinstance(x, Tensor):
        x = x.detach()
        return (x.float() if x.dtype in (rustorch.bfloat16, rustorch.float16) else x).numpy()
    array = np.asarray(x)
    if array.dtype.kind not in "fiub":
        raise ArgumentTypeError(f"{what}: numbers are expected, not {x!r:.60}")
    return array


def _value(tag: str, *fields: Any) -> bytes:
    """A Summary with one value."""
    return message((1, "bytes", message((1, "text", tag), *fields)))


def _plugin(name: str, content: bytes = b"") -> Any:
    return (9, "bytes", message((1, "bytes", message((1, "text", name), (2, "bytes", content) if content else None))))


def _tensor(kind: int, shape: Sequence[int], *fields: Any) -> Any:
    dims = [(2, "bytes", message((1, "int", n))) for n in shape]
    return (8, "bytes", message((1, "int", kind), (2, "bytes", message(*dims)), *fields))


def scalar(tag: str, value: Any, double_precision: bool = False, new_style: bool = False) -> bytes:
    """One number."""
    array = numbers(f"add_scalar {tag!r}", value)
    if array.size != 1:
        raise ShapeError(f"add_scalar {tag!r}: one number is expected, not {array.shape}; add_histogram takes many")
    number = float(array.reshape(()))
    if double_precision:
        return _value(tag, _tensor(2, (), (4, "bytes", struct.pack("<d", number))), _plugin("scalars"))
    if new_style:
        return _value(tag, _tensor(_FLOAT, (), (5, "floats", [number])), _plugin("scalars"))
    return _value(tag, (2, "float", number))


def floats(tag: str, array: np.ndarray) -> bytes:
    """float32 numbers of any shape."""
    return _value(tag, _tensor(_FLOAT, array.shape, (5, "floats", array.reshape(-1))))


def _default_edges() -> np.ndarray:
    positive = 1e-12 * 1.1 ** np.arange(776)  # up to 1e20
    return np.concatenate([-positive[::-1], [0.0], positive])


def histogram(tag: str, values: Any, bins: Union[str, int, Sequence[float]] = "tensorflow", max_bins: Optional[int] = None) -> bytes:
    """How often numbers lie between edges."""
    v = numbers(f"add_histogram {tag!r}", values).astype(np.float64).reshape(-1)
    if v.size == 0:
        raise ArgumentValueError(f"add_histogram {tag!r}: there are no numbers")
    if not np.isfinite(v).all():
        raise ArgumentValueError(f"add_histogram {tag!r}: {int((~np.isfinite(v)).sum())} of {v.size} numbers are NaN or infinite")
    edges: Any = bins
    if isinstance(bins, str) and bins == "tensorflow":
        edges = _default_edges()
        v = np.clip(v, edges[0], edges[-1])
    counts, edges = np.histogram(v, bins=edges)
    if max_bins is not None and counts.size > max_bins:
        step = -(-counts.size // max_bins)
        counts = np.add.reduceat(counts, np.arange(0, counts.size, step))
        edges = np.append(edges[:-1:step], edges[-1])
    return histogram_raw(tag, v.min(), v.max(), v.size, v.sum(), v @ v, edges, counts)


def histogram_raw(
    tag: str, low: float, high: float, num: float, total: float, squares: float, edges: Sequence[float], counts: Sequence[float]
) -> bytes:
    """A histogram whose bins (one less than ``edges``) are counted already; empty ones at the ends are left out."""
    edges, counts = np.asarray(edges, np.float64), np.asarray(counts, np.float64)
    if counts.size == 0 or edges.size != counts.size + 1:
        raise ShapeError(f"histogram {tag!r}: {counts.size} counts need {counts.size + 1} edges, not {edges.size}")
    filled = np.flatnonzero(counts)
    first, last = (filled[0], filled[-1] + 1) if filled.size else (0, counts.size)
    limits = edges[first : last + 1]  # a bucket reaches from the limit before it to its own; the first one is empty
    buckets = np.concatenate([[0.0], counts[first:last]])
    proto = message(
        (1, "double", float(low)), (2, "double", float(high)), (3, "double", float(num)), (4, "double", float(total)),
        (5, "double", float(squares)), (6, "doubles", limits), (7, "doubles", buckets),
    )  # fmt: skip
    return _value(tag, (5, "bytes", proto))


# ---------------------------------------------------------------------------------------------- images


def png(pixels: np.ndarray) -> bytes:
    """uint8 (H, W, 1 to 4) as a PNG file."""
    height, width, channels = pixels.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = np.zeros((height, 1 + width * channels), np.uint8)  # each row begins with its filter, 0
    rows[:, 1:] = pixels.reshape(height, -1)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows.tobytes(), 6)) + chunk(b"IEND", b"")


def _ordered(what: str, array: np.ndarray, dataformats: str) -> np.ndarray:
    """(N, H, W, C) of an array whose dimensions the letters name."""
    letters = dataformats.upper()
    if sorted(letters) not in (sorted(each) for each in ("NCHW", "CHW", "HW")) or len(letters) != array.ndim:
        hint = "dataformats names its dimensions, such as CHW, HWC, HW"
        raise ShapeError(f"{what}: an image of shape {array.shape} is not {dataformats}; {hint}")
    for letter in "NC":
        if letter not in letters:
            array, letters = array[None], letter + letters
    return array.transpose([letters.index(letter) for letter in "NHWC"])


def _grid(images: np.ndarray) -> np.ndarray:
    """(N, H, W, C) side by side, 8 in a row."""
    n, h, w, c = images.shape
    columns = min(n, 8)
    rows = -(-n // columns)
    padded = np.zeros((rows * columns, h, w, c), images.dtype)
    padded[:n] = images
    return padded.reshape(rows, columns, h, w, c).transpose(0, 2, 1, 3, 4).reshape(rows * h, columns * w, c)


def pixels_of(what: str, image: Any, dataformats: str) -> np.ndarray:
    """uint8 (H, W, C): floats are from 0 to 1, integers from 0 to 255."""
    array = _grid(_ordered(what, numbers(what, image), dataformats))
    if array.shape[2] not in (1, 3, 4):
        raise ShapeError(f"{what}: an image has 1, 3 or 4 channels, not {array.shape[2]} (dataformats={dataformats!r})")
    if array.size == 0:
        raise ShapeError(f"{what}: an image of shape {np.shape(image)} is empty")
    if array.dtype.kind == "f" or array.dtype.kind == "b":
        array = np.nan_to_num(array.astype(np.float64), nan=0.0) * 255.0
    return np.clip(array, 0, 255).astype(np.uint8)


def encoded_image(tag: str, data: bytes, height: int, width: int, channels: int) -> bytes:
    """An image as a file's bytes."""
    fields = message((1, "int", height), (2, "int", width), (3, "int", channels), (4, "bytes", data))
    return _value(tag, (4, "bytes", fields))


def image(tag: str, pixels: np.ndarray) -> bytes:
    """uint8 (H, W, C)."""
    return encoded_image(tag, png(pixels), *pixels.shape)


def with_boxes(pixels: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Red frames (x₁, y₁, x₂, y₂) drawn into an image."""
    pixels = np.repeat(pixels, 3, 2) if pixels.shape[2] == 1 else pixels.copy()
    height, width = pixels.shape[:2]
    red = np.array([255, 0, 0, 255][: pixels.shape[2]], np.uint8)
    for x1, y1, x2, y2 in np.asarray(boxes, np.float64).reshape(-1, 4):
        left, right = (int(np.clip(x, 0, width - 1)) for x in (x1, x2))
        top, bottom = (int(np.clip(y, 0, height - 1)) for y in (y1, y2))
        pixels[[top, bottom], left : right + 1] = red
        pixels[top : bottom + 1, [left, right]] = red
    return pixels


# ---------------------------------------------------------------------------------------------- the rest


def audio(tag: str, sound: Any, sample_rate: int) -> bytes:
    """Sound from −1 to 1, (frames,), (1, frames) or (channels, frames), as a WAV file."""
    samples = numbers(f"add_audio {tag!r}", sound).astype(np.float64)
    samples = samples[None] if samples.ndim == 1 else samples
    if samples.ndim != 2:
        raise ShapeError(f"add_audio {tag!r}: sound is (frames,) or (channels, frames), not {samples.shape}")
    channels, frames = samples.shape
    data = (np.clip(samples.T, -1, 1) * 32767).astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", 1, channels, sample_rate, sample_rate * channels * 2, channels * 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(data)) + data
    wav = b"RIFF" + struct.pack("<I", len(body)) + body
    fields = message((1, "float", sample_rate), (2, "int", channels), (3, "int", frames), (4, "bytes", wav), (5, "text", "audio/wav"))
    return _value(tag, (6, "bytes", fields))


def text(tag: str, words: str) -> bytes:
    """Text, read as Markdown."""
    return _value(f"{tag}/text_summary", _tensor(_STRING, (1,), (8, "text", words)), _plugin("text"))


def pr_curve(tag: str, labels: Any, predictions: Any, num_thresholds: int, weights: Any) -> bytes:
    """Counts, precision and recall at thresholds from 0 to 1."""
    what = f"add_pr_curve {tag!r}"
    t, p = (numbers(what, each).astype(np.float64).reshape(-1) for each in (labels, predictions))
    w = np.ones(p.size) if weights is None else numbers(what, weights).astype(np.float64).reshape(-1)
    if t.size != p.size or w.size != p.size:
        raise ShapeError(f"{what}: {t.size} labels and {w.size} weights for {p.size} predictions")
    if p.size and (p.min() < 0 or p.max() > 1):
        raise ArgumentValueError(f"{what}: predictions are from 0 to 1, but they go from {p.min():g} to {p.max():g}")
    n = max(2, min(num_thresholds, 127))
    place = np.floor(p * (n - 1)).astype(np.int64)  # an output counts as yes at the thresholds i / (n - 1) up to its own
    tp, fp = (np.bincount(place, w * each, n)[::-1].cumsum()[::-1] for each in (t, 1.0 - t))
    precision, recall = tp / np.maximum(1e-7, tp + fp), tp / np.maximum(1e-7, tp[0])
    return pr_curve_raw(tag, np.stack([tp, fp, fp[0] - fp, tp[0] - tp, precision, recall]))


def pr_curve_raw(tag: str, rows: np.ndarray) -> bytes:
    """(6, thresholds): true and false positives, true and false negatives, precision, recall."""
    n = rows.shape[1]
    content = message((2, "int", n))
    return _value(tag, _tensor(_FLOAT, rows.shape, (5, "floats", rows.reshape(-1))), _plugin("pr_curves", content))


def _struct_value(value: Any) -> Tuple[bytes, int]:
    """A google.protobuf.Value, and hparams' DataType."""
    if isinstance(value, bool):
        return message((4, "int", value)), 2
    if isinstance(value, (int, float, np.number)):
        return message((2, "double", float(value))), 3
    if isinstance(value, str):
        return message((3, "text", value)), 1
    raise ArgumentTypeError(f"add_hparams: a value is a number, a text or a bool, not {value!r:.60}")


def hparams(
    hparam_dict: Dict[str, Any], metric_dict: Dict[str, Any], domains: Optional[Dict[str, List[Any]]], when: float
) -> List[bytes]:
    """The three summaries of a session: what there is, how it began, how it ended."""
    infos, pairs = [], []
    for name, value in hparam_dict.items():
        value = value.item() if isinstance(value, Tensor) else value
        encoded, kind = _struct_value(value)
        domain = None
        if domains and name in domains:
            listed = [_struct_value(each) for each in domains[name]]
            if any(each != kind for _, each in listed):
                raise ArgumentTypeError(f"add_hparams: the values of {name!r} in hparam_domain_discrete are of another type than {value!r}")
            domain = (5, "bytes", message(*((1, "bytes", each) for each, _ in listed)))
        infos.append((4, "bytes", message((1, "text", name), (4, "int", kind), domain)))
        pairs.append((1, "bytes", message((1, "text", name), (2, "bytes", encoded))))
    metrics = [(5, "bytes", message((1, "bytes", message((2, "text", name))))) for name in metric_dict]
    experiment = message((3, "double", when), *infos, *metrics)
    contents = {
        "experiment": (2, "bytes", experiment),
        "session_start_info": (3, "bytes", message(*pairs, (5, "double", when))),
        "session_end_info": (4, "bytes", message((1, "int", 1), (2, "double", when))),
    }
    return [
        _value(f"_hparams_/{name}", _tensor(_FLOAT, (), (5, "floats", [0.0])), _plugin("hparams", message(content)))
        for name, content in contents.items()
    ]
