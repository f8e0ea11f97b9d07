"""Heat maps and confusion matrices."""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Union

import numpy as np

from rustorch import _C
from rustorch.visualization._colors import ColorMap, create_colormap, is_light, pack, rgba, scaled
from rustorch.visualization._data import array, names_of, not_finite, same_length
from rustorch.visualization._drawing import Drawing, Size, number
from rustorch.visualization._figure import Description, Path, axis, mark, panel, text

_PARTS = {"true": "part of the true class", "pred": "part of the predictions", "all": "part of all"}
_MANY_CELLS = 400  # of a matrix: more numbers than these cannot be read


class MatrixPlots(Drawing):
    """The methods of Plotter that draw matrices."""

    def heat_map(
        self,
        matrix: Any,
        title: Optional[str] = None,
        save_path: Optional[Path] = None,
        *,
        x_labels: Any = None,
        y_labels: Any = None,
        x_label: str = "",
        y_label: str = "",
        colormap: Union[str, ColorMap] = "viridis",
        low: Optional[float] = None,
        high: Optional[float] = None,
        log: bool = False,
        annotate: Optional[bool] = None,
        value_format: Union[str, Callable[[float], str], None] = None,
        color_bar: bool = True,
        color_label: str = "",
        square: Optional[bool] = None,
        figure_size: Optional[Size] = None,
    ) -> Any:
        """The numbers of a matrix as colours; row 0 is on top. NaN stays empty.

        Parameters
        ----------
        matrix : tensor (rows, columns)
        title, save_path : optional
        x_labels, y_labels : sequence, optional
            Names of columns and rows; without them, their numbers.
        x_label, y_label : str
        colormap : str or ColorMap, default "viridis"
        low, high : float, optional
            Values of the first and the last colour; by default the smallest and the largest.
        log : bool, default False
            Colours by the logarithm.
        annotate : bool, optional
            Numbers in the cells; by default up to 400 cells. They are left out where they would be too small to read.
        value_format : str or callable, optional
            ``".2f"`` or a function of the number.
        color_bar : bool, default True
        color_label : str
            What the numbers are.
        square : bool, optional
            Square cells; by default unless the matrix is far from square.
        figure_size : (width, height) in inches, optional

        Raises
        ------
        ArgumentValueError
            The matrix has not two dimensions, or labels are not as many as rows or columns.

        Example
        -------
        >>> from rustorch.visualization import Plotter
        >>> Plotter().heat_map([[1, 2], [3, 4]], x_labels=["a", "b"], title="a matrix")
        Figure(10 x 6 in, 100 dpi, 'a matrix')
        """
        values = array(matrix, "heat_map: matrix").astype(np.float64)
        if values.ndim != 2 or 0 in values.shape:
            raise _C.ArgumentValueError(f"heat_map: a matrix (rows, columns) is needed, not the shape {tuple(values.shape)}")
        drawn = self._heat_map(
            values,
            x_labels,
            y_labels,
            x_label,
            y_label,
            create_colormap(colormap),
            low,
            high,
            log,
            annotate,
            value_format,
            color_bar,
            color_label,
            square,
        )
        return self._finish([drawn], title, save_path, figure_size)

    def _heat_map(
        self,
        values: np.ndarray,
        x_labels: Any,
        y_labels: Any,
        x_label: Any,
        y_label: Any,
        colormap: ColorMap,
        low: Any,
        high: Any,
        log: bool,
        annotate: Optional[bool],
        value_format: Any,
        color_bar: bool,
        color_label: Any,
        square: Optional[bool],
    ) -> Description:
        rows, columns = values.shape
        part, least, most = scaled(values, low, high, log)
        shades = pack(colormap(part))
        marks = [mark("image", x=[-0.5], x2=[columns - 0.5], y=[-0.5], y2=[rows - 0.5], pixels=shades)]
        if annotate or (annotate is None and values.size <= _MANY_CELLS):
            write = self._writer(values, value_format)
            column, row = (part.reshape(-1).astype(float) for part in np.meshgrid(np.arange(columns), np.arange(rows)))
            paper = rgba(self.style["frame"])
            inks = [rgba("#21262e" if is_light(int(shade) if int(shade) & 255 else paper) else "#ffffff") for shade in shades.reshape(-1)]
            marks.append(
                mark(
                    "boxes", x=column - 0.5, x2=column + 0.5, y=row - 0.5, y2=row + 0.5,
                    texts=[write(value) for value in values.reshape(-1)],
                    text_size=self.style["text"], text_colours=inks,
                )
            )  # fmt: skip
        sides = []
        for names, count, label, what in ((x_labels, columns, x_label, "x_labels"), (y_labels, rows, y_label, "y_labels")):
            if names is None:
                sides.append(axis("linear", label, -0.5, count - 0.5, whole=True))
                continue
            names = list(names.tolist() if hasattr(names, "tolist") else names)
            if len(names) != count:
                raise _C.ArgumentValueError(
                    f"heat_map: {len(names)} {what} are given for {count} {'columns' if what == 'x_labels' else 'rows'}"
                )
            sides.append(axis("names", label, names=names))
        sides[1]["reversed"] = True
        more: Description = {"square": 0.2 <= columns / rows <= 5 if square is None else bool(square), "boxed": True}
        if color_bar:
            more["bar"] = {"label": text(color_label), "low": least, "high": most, "colours": colormap.packed, "log": log}
        return panel(sides[0], sides[1], marks, note=not_finite([values], [values] if log else []), **more)

    @staticmethod
    def _writer(values: np.ndarray, value_format: Any) -> Callable[[float], str]:
        if callable(value_format):
            return lambda value: text(value_format(value))
        if value_format is not None:
            try:
                format(1.0, value_format)
            except ValueError as error:
                raise _C.ArgumentValueError(f"heat_map: value_format {value_format!r}: {error}") from None
            return lambda value: format(value, value_format).replace("-", "\u2212")
        finite = values[np.isfinite(values)]
        if finite.size and np.all(finite == np.rint(finite)) and np.abs(finite).max() < 1e7:
            return lambda value: number(value) if np.isfinite(value) else text(value)
        form = ".2f" if 0.1 <= np.abs(finite).max(initial=0) < 1000 else ".2g"
        return lambda value: (f"{value:{form}}" if float(f"{value:{form}}") else f"{0:{form}}").replace("-", "\u2212")  # no -0.00

    def confusion_matrix(
        self,
        matrix: Any,
        labels: Any = None,
        normalize: Union[None, bool, str] = None,
        title: Optional[str] = "Confusion matrix",
        save_path: Optional[Path] = None,
        *,
        colormap: Union[str, ColorMap] = "Blues",
        figure_size: Optional[Size] = None,
    ) -> Any:
        """Which classes are taken for which: true ones in rows, predicted ones in columns.

        Parameters
        ----------
        matrix : tensor (classes, classes) of counts, or a tuple (y_true, y_pred)
            The two hold class numbers, or labels where ``labels`` names them all; y_pred may be scores (n, classes), whose largest counts.
        labels : sequence, optional
            Names of the classes.
        normalize : {None, "true", "pred", "all"}, default None
            Parts of each row, of each column, or of all, instead of counts. True is "true".
        title, save_path : optional
        colormap : str or ColorMap, default "Blues"
        figure_size : (width, height) in inches, optional
            By default that of the plotter, or larger for many classes.

        Raises
        ------
        ArgumentValueError
            The matrix is not square, the two are not equally many, or a class is out of range.

        Example
        -------
        >>> from rustorch.visualization import Plotter
        >>> Plotter().confusion_matrix(([0, 0, 1, 1], [0, 1, 1, 1]), labels=["cat", "dog"])
        Figure(10 x 6 in, 100 dpi, 'Confusion matrix')
        """
        names = None if labels is None else list(labels.tolist() if hasattr(labels, "tolist") else labels)
        counts = self._confusion(matrix, names)
        if normalize is True:
            normalize = "true"
        over = {None: None, False: None, "true": 1, "pred": 0, "all": (0, 1)}
        if normalize not in over:
            raise _C.ArgumentValueError(f'confusion_matrix: normalize must be None, "true", "pred" or "all", not {normalize!r}')
        if normalize:
            total = counts.sum(axis=over[normalize], keepdims=True)
            counts = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
        classes = names or range(len(counts))
        drawn = self._heat_map(
            counts, classes, classes, "predicted", "true", create_colormap(colormap), 0.0, 1.0 if normalize else None, False, None,
            ".2f" if normalize else None, True, _PARTS.get(normalize or "", "samples"), True,
        )  # fmt: skip
        if figure_size is None:  # names of many classes need a line each
            width, height = self.figure_size
            high = max(height, min(0.17 * len(counts) + 2, 14))
            figure_size = max(width, high), high
        return self._finish([drawn], title, save_path, figure_size)

    @staticmethod
    def _confusion(matrix: Any, names: Optional[List[Any]]) -> np.ndarray:
        if not (isinstance(matrix, tuple) and len(matrix) == 2):
            counts = array(matrix, "confusion_matrix").astype(np.float64)
            if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or counts.size == 0:
                raise _C.ArgumentValueError(
                    f"confusion_matrix: a square matrix or a tuple (y_true, y_pred) is needed, not the shape {tuple(counts.shape)}"
                )
            if names is not None and len(names) != len(counts):
                raise _C.ArgumentValueError(f"confusion_matrix: {len(names)} labels are given for {len(counts)} classes")
            if not (counts >= 0).all():
                raise _C.ArgumentValueError("confusion_matrix: counts must not be negative or NaN")
            return counts
        found = []
        for part, what in zip(matrix, ("y_true", "y_pred")):
            if names_of(part) is not None:
                if names is None:
                    raise _C.ArgumentValueError(f"confusion_matrix: {what} holds texts: give all classes as labels=")
                unknown = sorted(set(map(str, part)) - set(map(str, names)))
                if unknown:
                    raise _C.ArgumentValueError(f"confusion_matrix: {what} holds {unknown[0]!r}, which is none of the labels")
                place = {str(name): i for i, name in enumerate(names)}
                found.append(np.array([place[str(value)] for value in part]))
                continue
            values = array(part, f"confusion_matrix: {what}")
            values = values.argmax(1) if values.ndim == 2 and values.shape[1] > 1 else values.reshape(-1)
            if not np.array_equal(values, np.rint(values)) or (values.size and values.min() < 0):
                raise _C.ArgumentValueError(f"confusion_matrix: {what} must hold class numbers 0, 1, …")
            found.append(values.astype(np.int64))
        same_length("confusion_matrix", y_true=found[0], y_pred=found[1])
        classes = len(names) if names is not None else int(max((part.max(initial=0) for part in found))) + 1
        highest = max(part.max(initial=0) for part in found)
        if highest >= classes:
            raise _C.ArgumentValueError(f"confusion_matrix: class {highest} is out of range: {classes} labels are given")
        if classes > 4096:
            raise _C.ArgumentValueError(f"confusion_matrix: {classes} classes: at most 4096 can be drawn")
        counts = np.zeros((classes, classes))
        np.add.at(counts, (found[0], found[1]), 1)
        return counts
