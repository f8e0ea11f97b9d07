"""Pictures of what is inside a model."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from rustorch import _C, nn
from rustorch.visualization._figure import Path
from rustorch.visualization._plotter import Plotter
from rustorch.visualization._stats import TensorStats


class ModelVisualizer:
    """Pictures of a model: its structure, the distributions of its parameters, the sizes of its gradients.

    Parameters
    ----------
    model : nn.Module
    plotter : Plotter, optional
        Who draws.

    Example
    -------
    >>> from rustorch.visualization import ModelVisualizer
    >>> visualizer = ModelVisualizer(nn.Linear(3, 2))
    >>> sorted(visualizer.parameter_stats())
    ['bias', 'weight']
    """

    def __init__(self, model: Any, plotter: Optional[Plotter] = None) -> None:
        if not isinstance(model, nn.Module):
            raise _C.ArgumentTypeError(f"ModelVisualizer: an nn.Module is needed, not {type(model).__name__}")
        self.model = model
        self.plotter = Plotter() if plotter is None else plotter

    def plot_model(self, input: Any = None, title: Optional[str] = None, save_path: Optional[Path] = None, **options: Any) -> Any:
        """The structure; see :meth:`Plotter.plot_model`."""
        return self.plotter.plot_model(self.model, input, title, save_path, **options)

    def _parameters(self, what: str) -> List[Tuple[str, Any]]:
        found = [
            (name, parameter)
            for name, parameter in self.model.named_parameters()
            if type(parameter).__name__ != "UninitializedParameter" and parameter.numel()
        ]
        if not found:
            raise _C.RusTorchError(f"{what}: the model has no parameters yet: a lazy one learns them from its first batch")
        return found

    def parameter_stats(self) -> Dict[str, Dict[str, float]]:
        """What :class:`TensorStats` says of each parameter."""
        return {name: TensorStats(parameter).get_stats() for name, parameter in self._parameters("parameter_stats")}

    def plot_parameters(
        self, bins: int = 30, title: Optional[str] = None, save_path: Optional[Path] = None, *, gradients: bool = False, limit: int = 12
    ) -> Any:
        """A histogram of each parameter.

        Parameters
        ----------
        bins : int, default 30
        title, save_path : optional
        gradients : bool, default False
            Of the gradients instead, where there are any.
        limit : int, default 12
            At most so many: the first ones; the title says how many there are.
        """
        parts = self._parameters("plot_parameters")
        if gradients:
            parts = [(name, parameter.grad) for name, parameter in parts if parameter.grad is not None]
            if not parts:
                raise _C.RusTorchError("plot_parameters: no parameter has a gradient: call backward() first")
        shown = parts[:limit]
        panels = []
        for name, values in shown:
            drawn = self.plotter._histogram(values, bins)
            drawn["title"] = name
            panels.append(drawn)
        if title is None:
            title = f"{'Gradients' if gradients else 'Parameters'} of {type(self.model).__name__}"
            title += "" if len(shown) == len(parts) else f" (the first {len(shown)} of {len(parts)})"
        return self.plotter._grid_of(panels, title, save_path)

    def plot_gradients(self, title: Optional[str] = "Norms of gradients", save_path: Optional[Path] = None) -> Any:
        """A bar for the 2-norm of each parameter's gradient: what vanishes and what explodes.

        Raises
        ------
        RusTorchError
            No parameter has a gradient.
        """
        norms = {
            name: float(parameter.grad.double().norm())
            for name, parameter in self._parameters("plot_gradients")
            if parameter.grad is not None
        }
        if not norms:
            raise _C.RusTorchError("plot_gradients: no parameter has a gradient: call backward() first")
        size = (self.plotter.figure_size[0], max(2.0, 0.24 * len(norms) + 1.1))
        return self.plotter.bar_plot(norms, title=title, save_path=save_path, horizontal=True, x_label="2-norm", figure_size=size)
