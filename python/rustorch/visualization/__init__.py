"""Pictures of data, training, tensors and models, as PNG, SVG or PDF.

Drawn by Cairo and Pango, so that titles may be in any script; colours are those that the colour-blind can tell apart.

Examples
--------
>>> from rustorch.visualization import Plotter
>>> plotter = Plotter()
>>> figure = plotter.plot_training_history({"loss": [2.0, 1.0, 0.5], "val_loss": [2.1, 1.2, 0.9]})
>>> figure.save("training.svg")
'training.svg'
"""

from rustorch.visualization._colors import ColorMap, create_colormap, set_plot_style
from rustorch.visualization._curves import plot_curves
from rustorch.visualization._figure import Figure, save_figure
from rustorch.visualization._model import ModelVisualizer
from rustorch.visualization._plotter import Plotter
from rustorch.visualization._stats import TensorStats

__all__ = [
    "ColorMap", "Figure", "ModelVisualizer", "Plotter", "TensorStats", "create_colormap", "plot_curves", "save_figure", "set_plot_style",
]  # fmt: skip
