"""Plotter: one method for each kind of picture."""

from __future__ import annotations

from typing import Any, Optional

from rustorch.visualization._bars import BarPlots
from rustorch.visualization._figure import Path
from rustorch.visualization._history import HistoryPlots
from rustorch.visualization._images import ImagePlots
from rustorch.visualization._matrices import MatrixPlots
from rustorch.visualization._series import SeriesPlots


class Plotter(SeriesPlots, BarPlots, MatrixPlots, ImagePlots, HistoryPlots):
    """Draws data, histories of training, tensors and models.

    Every method returns a :class:`Figure` (with ``backend="matplotlib"`` one of matplotlib's), and writes it as well if it is
    given a ``save_path`` that ends in ``.png``, ``.svg`` or ``.pdf``. Texts may be in any script.

    Parameters
    ----------
    backend : {"rustorch", "matplotlib"}, default "rustorch"
        Who draws: Cairo and Pango, or matplotlib where it is installed.
    style : str or mapping, default "default"
        See :func:`set_plot_style`.
    figure_size : pair of floats, default (10, 6)
        Width and height in inches.
    dpi : float, default 100
        Pixels an inch of PNG files.

    Raises
    ------
    ArgumentValueError
        There is no such backend, style or size.
    UnsupportedError
        matplotlib is asked for and not installed.

    Example
    -------
    >>> from rustorch.visualization import Plotter
    >>> plotter = Plotter(figure_size=(6, 4), dpi=150)
    >>> plotter.line_plot([0, 1, 2, 3], [0, 1, 4, 9], title="squares", save_path="squares.png")
    Figure(6 x 4 in, 150 dpi, 'squares')
    """

    def plot_model(
        self,
        model: Any,
        input: Any = None,
        title: Optional[str] = None,
        save_path: Optional[Path] = None,
        *,
        input_size: Any = None,
        depth: int = 8,
    ) -> Any:
        """A model's modules as boxes, from the input down to the output, with shapes and numbers of parameters.

        With an input the model is run once (in evaluation mode; a lazy one learns its sizes) and the arrows show the way of the data,
        branches and skips included. Without one, arrows are drawn where the order is known: within a ``Sequential``. Several equal
        modules in a row are drawn once.

        Parameters
        ----------
        model : nn.Module
        input : Tensor or tuple of tensors, optional
        title, save_path : optional
            The title is the name of the model by default, or its class.
        input_size : tuple of int, optional
            The shape of a float32 input, with the batch, instead of ``input``.
        depth : int, default 8
            Modules deeper than this are drawn as one.

        Raises
        ------
        ArgumentTypeError
            It is no module.

        Example
        -------
        >>> from rustorch.visualization import Plotter
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> Plotter().plot_model(model, input_size=(1, 4)).title
        'Sequential'
        """
        from rustorch.visualization import _graph

        drawn, size, name = _graph.describe(model, input, input_size, depth, self.style)
        return self._finish([drawn], name if title is None else title, save_path, size)
