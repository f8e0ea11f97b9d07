"""SummaryWriter, with PyTorch's calls."""

from __future__ import annotations

import io
import os
import socket
import struct
import tempfile
import time
from datetime import datetime
from typing import Any, Dict, List, Optional, Sequence, Union

import numpy as np

from rustorch._C import ArgumentTypeError, ArgumentValueError, UnsupportedError
from rustorch.utils.tensorboard import _graph, _summary
from rustorch.utils.tensorboard._record import EventFileWriter, event, message


class SummaryWriter:
    """Writes scalars, histograms, images, … for TensorBoard: ``tensorboard --logdir runs``.

    Parameters
    ----------
    log_dir : str or path, optional
        Where to; by default ``runs/DATE_HOST`` with ``comment`` at its end. One folder is one run.
    comment : str, default ""
    purge_step : int, optional
        Where a killed run goes on: TensorBoard hides what the folder has from this step on.
    max_queue : int, default 10
        After so many entries they are on the disk,
    flush_secs : float, default 120
        or after so many seconds.
    filename_suffix : str, default ""

    Notes
    -----
    In all methods ``tag`` is the entry's name (``/`` makes groups), ``global_step`` its place on the horizontal axis, and
    ``walltime`` its time in seconds since 1970, by default now. Under several ranks let the first one write.

    Source: ``torch.utils.tensorboard``.

    Example
    -------
    >>> from rustorch.utils.tensorboard import SummaryWriter
    >>> writer = SummaryWriter("runs/example")
    >>> writer.add_scalar("loss/train", 0.5, global_step=1)
    >>> writer.add_text("notes", "the first run", 0)
    >>> writer.close()
    """

    def __init__(
        self, log_dir: Union[None, str, "os.PathLike[str]"] = None, comment: str = "", purge_step: Optional[int] = None,
        max_queue: int = 10, flush_secs: float = 120, filename_suffix: str = "",
    ) -> None:
        if not log_dir:
            log_dir = os.path.join("runs", datetime.now().strftime("%b%d_%H-%M-%S") + "_" + socket.gethostname() + comment)
        self.log_dir = os.fspath(log_dir)
        self.purge_step = purge_step
        self.max_queue = max_queue
        self.flush_secs = flush_secs
        self.filename_suffix = filename_suffix
        self.file_writer: Optional[EventFileWriter] = None
        self.all_writers: Dict[str, SummaryWriter] = {}
        self._file()

    def _file(self) -> EventFileWriter:
        """The event file; a new one after :meth:`close`."""
        if self.file_writer is None:
            self.file_writer = EventFileWriter(self.log_dir, self.max_queue, self.flush_secs, self.filename_suffix)
            if self.purge_step is not None:
                self.file_writer.add_event(event(self.purge_step, session_log=message((1, "int", 1))))
                self.purge_step = None
        return self.file_writer

    def _add(self, tag: str, summary: bytes, step: Optional[int], walltime: Optional[float]) -> None:
        if step is not None:
            if isinstance(step, float) and not float(step).is_integer():
                raise ArgumentValueError(f"{tag!r}: global_step is a whole number, not {step!r}")
            step = int(step)
        self._file().add_event(event(step, summary, walltime))

    def get_logdir(self) -> str:
        """The folder that is written into."""
        return self.log_dir

    def add_scalar(
        self, tag: str, scalar_value: Any, global_step: Optional[int] = None, walltime: Optional[float] = None, new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """One number: a point of the curve ``tag``.

        Parameters
        ----------
        scalar_value : number or tensor of one element
        new_style, double_precision : bool, default False
            Written as a tensor of float32, or of float64.
        """
        self._add(tag, _summary.scalar(_tag(tag), scalar_value, double_precision, new_style), global_step, walltime)

    def add_scalars(
        self, main_tag: str, tag_scalar_dict: Dict[str, Any], global_step: Optional[int] = None, walltime: Optional[float] = None
    ) -> None:
        """Several numbers in one chart: each is a run of its own, in a folder ``main_tag_name``."""
        walltime = time.time() if walltime is None else walltime
        for name, value in tag_scalar_dict.items():
            folder = os.path.join(self.log_dir, main_tag.replace("/", "_") + "_" + str(name))
            if folder not in self.all_writers:
                self.all_writers[folder] = SummaryWriter(
                    folder, max_queue=self.max_queue, flush_secs=self.flush_secs, filename_suffix=self.filename_suffix
                )
            self.all_writers[folder].add_scalar(main_tag, value, global_step, walltime)

    def add_tensor(self, tag: str, tensor: Any, global_step: Optional[int] = None, walltime: Optional[float] = None) -> None:
        """float32 numbers of any shape."""
        array = _summary.numbers(f"add_tensor {tag!r}", tensor).astype(np.float32)
        self._add(tag, _summary.floats(_tag(tag), array), global_step, walltime)

    def add_histogram(
        self, tag: str, values: Any, global_step: Optional[int] = None, bins: Union[str, int, Sequence[float]] = "tensorflow",
        walltime: Optional[float] = None, max_bins: Optional[int] = None,
    ) -> None:
        """How numbers are distributed.

        Parameters
        ----------
        values : tensor, array or list
        bins : "tensorflow", number, edges or a rule of :func:`numpy.histogram`
            By default bins that grow by a tenth from 1e-12 on.
        max_bins : int, optional
            Join neighbours until there are no more.

        Raises
        ------
        ArgumentValueError
            There are no numbers, or some are NaN or infinite.
        """
        self._add(tag, _summary.histogram(_tag(tag), values, bins, max_bins), global_step, walltime)

    def add_histogram_raw(
        self, tag: str, min: float, max: float, num: float, sum: float, sum_squares: float, bucket_limits: Sequence[float],
        bucket_counts: Sequence[float], global_step: Optional[int] = None, walltime: Optional[float] = None,
    ) -> None:
        """A histogram that is counted already: bucket i reaches up to ``bucket_limits[i]``."""
        if len(bucket_limits) != len(bucket_counts):
            raise ArgumentValueError(f"add_histogram_raw {tag!r}: {len(bucket_limits)} limits for {len(bucket_counts)} counts")
        edges = np.concatenate([[min], np.asarray(bucket_limits, np.float64)])
        self._add(tag, _summary.histogram_raw(_tag(tag), min, max, num, sum, sum_squares, edges, bucket_counts), global_step, walltime)

    def add_image(
        self, tag: str, img_tensor: Any, global_step: Optional[int] = None, walltime: Optional[float] = None, dataformats: str = "CHW"
    ) -> None:
        """An image: floats from 0 to 1 or integers from 0 to 255, with 1, 3 or 4 channels.

        ``dataformats`` names the dimensions: ``"CHW"``, ``"HWC"``, ``"HW"``.
        """
        pixels = _summary.pixels_of(f"add_image {tag!r}", img_tensor, dataformats)
        self._add(tag, _summary.image(_tag(tag), pixels), global_step, walltime)

    def add_images(
        self, tag: str, img_tensor: Any, global_step: Optional[int] = None, walltime: Optional[float] = None, dataformats: str = "NCHW"
    ) -> None:
        """Several images of one size, eight in a row; as of :meth:`add_image`."""
        pixels = _summary.pixels_of(f"add_images {tag!r}", img_tensor, dataformats)
        self._add(tag, _summary.image(_tag(tag), pixels), global_step, walltime)

    def add_image_with_boxes(
        self, tag: str, img_tensor: Any, box_tensor: Any, global_step: Optional[int] = None, walltime: Optional[float] = None,
        rescale: float = 1, dataformats: str = "CHW", labels: Optional[Sequence[str]] = None,
    ) -> None:
        """An image with red frames (x₁, y₁, x₂, y₂) in it."""
        if labels is not None or rescale != 1:
            raise UnsupportedError("add_image_with_boxes: labels and rescale are not available; draw them into the image first")
        pixels = _summary.pixels_of(f"add_image_with_boxes {tag!r}", img_tensor, dataformats)
        boxes = _summary.numbers(f"add_image_with_boxes {tag!r}", box_tensor)
        self._add(tag, _summary.image(_tag(tag), _summary.with_boxes(pixels, boxes)), global_step, walltime)

    def add_figure(
        self, tag: str, figure: Any, global_step: Optional[int] = None, close: bool = True, walltime: Optional[float] = None
    ) -> None:
        """A figure of :mod:`rustorch.visualization` or of matplotlib (which is closed then, unless ``close=False``), or a list."""
        figures = figure if isinstance(figure, (list, tuple)) else [figure]
        for i, each in enumerate(figures):
            data = _drawn(each)
            width, height = struct.unpack(">II", data[16:24])
            name = _tag(tag) if len(figures) == 1 else f"{_tag(tag)}/{i}"
            self._add(name, _summary.encoded_image(name, data, height, width, 4), global_step, walltime)
            if close and type(each).__module__.startswith("matplotlib"):
                import matplotlib.pyplot

                matplotlib.pyplot.close(each)

    def add_audio(
        self, tag: str, snd_tensor: Any, global_step: Optional[int] = None, sample_rate: int = 44100, walltime: Optional[float] = None
    ) -> None:
        """Sound from −1 to 1: (frames,) or (channels, frames)."""
        self._add(tag, _summary.audio(_tag(tag), snd_tensor, sample_rate), global_step, walltime)

    def add_text(self, tag: str, text_string: str, global_step: Optional[int] = None, walltime: Optional[float] = None) -> None:
        """Text, read as Markdown."""
        self._add(tag, _summary.text(_tag(tag), str(text_string)), global_step, walltime)

    def add_pr_curve(
        self, tag: str, labels: Any, predictions: Any, global_step: Optional[int] = None, num_thresholds: int = 127, weights: Any = None,
        walltime: Optional[float] = None,
    ) -> None:
        """Precision and recall over thresholds.

        Parameters
        ----------
        labels : 0 or 1
        predictions : of the same shape, from 0 to 1
        num_thresholds : int, default 127
        weights : of the same shape, optional
        """
        self._add(tag, _summary.pr_curve(_tag(tag), labels, predictions, num_thresholds, weights), global_step, walltime)

    def add_pr_curve_raw(
        self, tag: str, true_positive_counts: Any, false_positive_counts: Any, true_negative_counts: Any, false_negative_counts: Any,
        precision: Any, recall: Any, global_step: Optional[int] = None, num_thresholds: int = 127, weights: Any = None,
        walltime: Optional[float] = None,
    ) -> None:
        """Precision and recall that are counted already, one number a threshold."""
        if weights is not None:
            raise UnsupportedError("add_pr_curve_raw: what is counted already cannot be weighted")
        given = (
            true_positive_counts, false_positive_counts, true_negative_counts, false_negative_counts, precision, recall,
        )  # fmt: skip
        rows = np.stack([_summary.numbers(f"add_pr_curve_raw {tag!r}", each).astype(np.float64).reshape(-1) for each in given])
        self._add(tag, _summary.pr_curve_raw(_tag(tag), rows[:, :num_thresholds]), global_step, walltime)

    def add_hparams(
        self, hparam_dict: Dict[str, Any], metric_dict: Dict[str, Any], hparam_domain_discrete: Optional[Dict[str, List[Any]]] = None,
        run_name: Optional[str] = None, global_step: Optional[int] = None,
    ) -> None:
        """The settings of a run and what came of it, for the tab HParams.

        Parameters
        ----------
        hparam_dict : names to numbers, texts and bools
        metric_dict : names to numbers
        hparam_domain_discrete : names to lists of the values that there are, optional
        run_name : str, optional
            The folder below this one; by default the time.
        """
        if not isinstance(hparam_dict, dict) or not isinstance(metric_dict, dict):
            raise ArgumentTypeError("add_hparams: hparam_dict and metric_dict are dictionaries")
        now = time.time()
        summaries = _summary.hparams(hparam_dict, metric_dict, hparam_domain_discrete, now)
        with SummaryWriter(os.path.join(self.log_dir, run_name or str(now))) as writer:
            for each in summaries:
                writer._file().add_event(event(None, each, now))
            for name, value in metric_dict.items():
                writer.add_scalar(name, value, global_step)

    def add_graph(self, model: Any, input_to_model: Any = None, verbose: bool = False, use_strict_trace: bool = True) -> None:
        """The operations of a model, for the tab Graphs: those that a call with ``input_to_model`` records.

        Parameters
        ----------
        model : Module
        input_to_model : tensor, or tuple of tensors
            Without it the layers are drawn, one after the other.
        verbose : bool, default False
            Print how many bytes the graph has.
        use_strict_trace : bool
            There is no tracing compiler here, so False is refused.
        """
        if not use_strict_trace:
            raise UnsupportedError("add_graph: use_strict_trace=False has no meaning here: the model is called, not compiled")
        graph = _graph.of_layers(model) if input_to_model is None else _graph.of_operations(model, input_to_model)
        if verbose:
            print(f"the graph of {type(model).__name__} has {len(graph)} bytes")
        self._file().add_event(event(graph_def=graph))

    def add_layers(self, model: Any) -> None:
        """The layers of a model one after the other, for the tab Graphs."""
        self.add_graph(model)

    def add_custom_scalars(self, layout: Dict[str, Dict[str, Sequence[Any]]]) -> None:
        """Charts that show several scalars: ``{category: {chart: ["Multiline" or "Margin", [tags]]}}``."""
        from rustorch.utils.tensorboard._layout import custom_scalars

        self._file().add_event(event(0, custom_scalars(layout)))

    def add_custom_scalars_multilinechart(self, tags: Sequence[str], category: str = "default", title: str = "untitled") -> None:
        """One chart of several scalars."""
        self.add_custom_scalars({category: {title: ["Multiline", list(tags)]}})

    def add_custom_scalars_marginchart(self, tags: Sequence[str], category: str = "default", title: str = "untitled") -> None:
        """One chart of a scalar between two others: tags of the value, the lower and the upper bound."""
        self.add_custom_scalars({category: {title: ["Margin", list(tags)]}})

    def _none(self, name: str, instead: str) -> None:
        raise UnsupportedError(f"SummaryWriter.{name} is not available: {instead}")

    def add_embedding(self, *args: Any, **kwargs: Any) -> None:
        """Not available: UnsupportedError."""
        self._none("add_embedding", "draw the points with rustorch.visualization and add_figure")

    def add_video(self, *args: Any, **kwargs: Any) -> None:
        """Not available: UnsupportedError."""
        self._none("add_video", "add its frames with add_images")

    def add_mesh(self, *args: Any, **kwargs: Any) -> None:
        """Not available: UnsupportedError."""
        self._none("add_mesh", "draw it into an image and add that with add_image")

    def add_onnx_graph(self, *args: Any, **kwargs: Any) -> None:
        """Not available: UnsupportedError."""
        self._none("add_onnx_graph", "add_graph draws a model of rustorch")

    def flush(self) -> None:
        """Hand everything to the system."""
        for each in (self, *self.all_writers.values()):
            if each.file_writer is not None:
                each.file_writer.flush()

    def close(self) -> None:
        """Flush and close; what is added later goes into another file."""
        for each in (self, *self.all_writers.values()):
            if each.file_writer is not None:
                each.file_writer.close()
                each.file_writer = None

    def __enter__(self) -> "SummaryWriter":
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()


def _tag(tag: Any) -> str:
    if not isinstance(tag, str) or not tag:
        raise ArgumentTypeError(f"a tag is a text, not {tag!r:.60}")
    return tag.lstrip("/")


def _drawn(figure: Any) -> bytes:
    """A figure as a PNG file."""
    if hasattr(figure, "savefig"):
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
        return buffer.getvalue()
    if hasattr(figure, "save"):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "figure.png")
            figure.save(path)
            with open(path, "rb") as file:
                return file.read()
    raise ArgumentTypeError(f"add_figure: a figure of rustorch.visualization or of matplotlib is expected, not {figure!r:.60}")
