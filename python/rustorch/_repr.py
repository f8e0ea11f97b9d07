"""How tensors print: digit by digit as PyTorch prints them, and the options for it."""

import math

import numpy

from . import _C

__all__ = ["set_printoptions", "tensor_repr"]


class _Options:
    precision = 4
    threshold = 1000
    edgeitems = 3
    linewidth = 80
    sci_mode = None


_options = _Options()
_PROFILES = {
    "default": dict(precision=4, threshold=1000, edgeitems=3, linewidth=80),
    "short": dict(precision=2, threshold=1000, edgeitems=2, linewidth=80),
    "full": dict(precision=4, threshold=math.inf, edgeitems=3, linewidth=80),
}


def set_printoptions(precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None, sci_mode=None):
    """Set how tensors print. Options that are not given stay as they are, except sci_mode.

    Parameters
    ----------
    precision : int, optional
        Digits after the point (4 at the start).
    threshold : int, optional
        Tensors with more elements are summarised (1000).
    edgeitems : int, optional
        Elements at each end of a dimension in a summary (3).
    linewidth : int, optional
        Characters a line (80).
    profile : {"default", "short", "full"}, optional
        A set of options; those given beside it win.
    sci_mode : bool, optional
        True or False for scientific notation always or never; None chooses by the values.

    >>> rustorch.set_printoptions(precision=2)
    >>> rustorch.tensor([0.12345])
    tensor([0.12])
    >>> rustorch.set_printoptions(profile="default")
    """
    if profile is not None:
        if profile not in _PROFILES:
            raise _C.ArgumentValueError(f"set_printoptions: profile must be one of {', '.join(_PROFILES)}, not {profile!r}")
        for name, value in _PROFILES[profile].items():
            setattr(_options, name, value)
    for name, value in (("precision", precision), ("threshold", threshold), ("edgeitems", edgeitems), ("linewidth", linewidth)):
        if value is not None:
            setattr(_options, name, value)
    _options.sci_mode = sci_mode


class _Formatter:
    """The common format of all numbers of a tensor: their width, and whether they are integers or scientific."""

    def __init__(self, values):
        self.floating = values.dtype.kind == "f"
        self.int_mode = True
        self.sci_mode = False
        self.max_width = 1
        if not self.floating:
            for value in values.ravel().tolist():
                self.max_width = max(self.max_width, len(f"{value}"))
            return
        flat = values.ravel().astype(numpy.float64)
        flat = flat[numpy.isfinite(flat) & (flat != 0)]
        if flat.size == 0:
            return
        small, large = numpy.abs(flat).min(), numpy.abs(flat).max()
        self.int_mode = bool((flat == numpy.ceil(flat)).all())
        if _options.sci_mode is None:
            self.sci_mode = bool(large / small > 1000.0 or large > 1.0e8 or small < 1.0e-4)
        else:
            self.sci_mode = _options.sci_mode
        if self.sci_mode:
            width = max(len(f"{value:.{_options.precision}e}") for value in flat.tolist())
        elif self.int_mode:
            width = max(len(f"{value:.0f}") for value in flat.tolist()) + 1  # the point
        else:
            width = max(len(f"{value:.{_options.precision}f}") for value in flat.tolist())
        self.max_width = max(self.max_width, width)

    def format(self, value):
        if not self.floating:
            text = f"{value}"
        elif self.sci_mode:
            text = f"{value:{self.max_width}.{_options.precision}e}"
        elif self.int_mode:
            text = f"{value:.0f}"
            if math.isfinite(value):
                text += "."
        else:
            text = f"{value:.{_options.precision}f}"
        return (self.max_width - len(text)) * " " + text


def _edges(values):
    """The part of a large array that is shown: the first and last items of each dimension."""
    edge = _options.edgeitems
    for axis, size in enumerate(values.shape):
        if size > 2 * edge:
            keep = numpy.r_[:edge, size - edge : size]
            values = values.take(keep, axis=axis)
    return values


def _vector(values, indent, summarize, formatter):
    edge = _options.edgeitems
    per_line = max(1, int(math.floor((_options.linewidth - indent) / (formatter.max_width + 2))))
    if summarize and not edge:
        texts = ["..."]
    elif summarize and len(values) > 2 * edge:
        texts = [formatter.format(v) for v in values[:edge].tolist()]
        texts += [" ..."] + [formatter.format(v) for v in values[-edge:].tolist()]
    else:
        texts = [formatter.format(v) for v in values.tolist()]
    lines = [", ".join(texts[i : i + per_line]) for i in range(0, len(texts), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _array(values, indent, summarize, formatter):
    if values.ndim == 0:
        return formatter.format(values.item())
    if values.ndim == 1:
        return _vector(values, indent, summarize, formatter)
    edge = _options.edgeitems
    if summarize and len(values) > 2 * edge:
        parts = [_array(v, indent + 1, summarize, formatter) for v in values[:edge]] + ["..."]
        parts += [_array(v, indent + 1, summarize, formatter) for v in values[len(values) - edge :]]
    else:
        parts = [_array(v, indent + 1, summarize, formatter) for v in values]
    return "[" + ("," + "\n" * (values.ndim - 1) + " " * (indent + 1)).join(parts) + "]"


def _contents(tensor, indent):
    x = tensor.detach().as_subclass(_C.Tensor).cpu()
    if x.dtype is _C.float16 or x.dtype is _C.bfloat16:
        x = x.float()
    values = x.numpy()
    summarize = values.size > _options.threshold
    return _array(values, indent, summarize, _Formatter(_edges(values) if summarize else values))


def _with_suffixes(text, suffixes, indent):
    length = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if length + len(suffix) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + suffix
            length = indent + len(suffix)
        else:
            text += ", " + suffix
            length += len(suffix) + 2
    return text + ")"


def tensor_repr(tensor):
    """The text of ``repr(tensor)``."""
    parameter = _C._is_parameter(tensor)
    plain = type(tensor) in (_C.Tensor, _C._CallableTensor) or type(tensor).__module__ == "rustorch.nn.parameter"
    prefix = "tensor(" if plain else type(tensor).__name__ + "("
    indent = len(prefix)
    default = _C.get_default_dtype()
    suffixes = []
    if tensor.device.type != "cpu":
        suffixes.append(f"device='{tensor.device}'")
    if tensor.numel() == 0:
        text = "[]"
        if tensor.dim() != 1:
            suffixes.append("size=" + str(tuple(tensor.shape)))
        if tensor.dtype is not default:
            suffixes.append(f"dtype={tensor.dtype}")
    else:
        if not _options.edgeitems:
            suffixes.append("size=" + str(tuple(tensor.shape)))
        if tensor.dtype not in (default, _C.int64, _C.bool):
            suffixes.append(f"dtype={tensor.dtype}")
        text = _contents(tensor, indent)
    try:
        node = tensor.grad_fn
        name = None if node is None else type(node).__name__
    except _C.RusTorchError:  # a view made without gradients that was written to in place: its node cannot be had
        name = "Invalid"
    if name is not None:
        suffixes.append(f"grad_fn=<{name}>")
    elif tensor.requires_grad:
        suffixes.append("requires_grad=True")
    text = _with_suffixes(prefix + text, suffixes, indent)
    return "Parameter containing:\n" + text if parameter else text
