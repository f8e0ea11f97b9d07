"""Loss scaling: keeps the gradients of a float16 network within float16's range."""

from __future__ import annotations

import warnings
from typing import Any, Dict, Optional

import rustorch
from rustorch._C import ArgumentValueError, RusTorchError
from rustorch.amp.autocast_mode import _check_device, is_autocast_available

__all__ = ["GradScaler"]


def _unscale(grads, inverse: float) -> bool:
    """Multiply gradients by a factor, in place; is one of them infinite or NaN?"""
    with rustorch.no_grad():
        for grad in grads:
            grad.mul_(inverse)
        return not all(bool(grad.isfinite().all()) for grad in grads)


class GradScaler:
    """Scales a loss up, and the gradients down again before the optimiser's step.

    The factor grows while all gradients stay finite, and is cut when one does not; such a step is left out.

    Parameters
    ----------
    device : str, default "cuda"
        Where the parameters are. For a device that is not there the scaler warns and does nothing.
    init_scale : float, default 65536.0
    growth_factor : float, default 2.0
        Of the scale after ``growth_interval`` steps with finite gradients; above 1.
    backoff_factor : float, default 0.5
        Of the scale after a step without; below 1.
    growth_interval : int, default 2000
        In steps.
    enabled : bool, default True

    Source: Micikevicius et al., Mixed Precision Training, ICLR 2018, section 3.2.

    Example
    -------
    >>> import rustorch as torch
    >>> model = torch.nn.Linear(2, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    >>> with torch.autocast("cpu", dtype=torch.float16):
    ...     loss = model(torch.ones(1, 2)).float().sum()
    >>> scaler.scale(loss).backward()
    >>> scaler.step(optimizer)
    >>> scaler.update()
    >>> scaler.get_scale()
    8.0
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ):
        self._device = _check_device(device, "GradScaler")
        if enabled and not is_autocast_available(self._device):
            warnings.warn(f"GradScaler: device type {device!r} is not available here; nothing is scaled", stacklevel=2)
            enabled = False
        self._enabled = bool(enabled)
        if not self._enabled:
            return
        self.set_growth_factor(growth_factor)
        self.set_backoff_factor(backoff_factor)
        self.set_growth_interval(growth_interval)
        if not init_scale > 0:
            raise ArgumentValueError(f"GradScaler: init_scale must be positive, not {init_scale}")
        self._init_scale = self._scale = float(init_scale)
        self._growth_tracker = 0
        self._found: Dict[int, bool] = {}  # id of an optimiser whose gradients are unscaled: found a non-finite one
        self._stepped: set = set()

    def scale(self, outputs):
        """The loss, or a list, tuple or dict of losses, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, rustorch.Tensor):
            return outputs * self._scale
        if isinstance(outputs, (list, tuple)):
            items = [self.scale(item) for item in outputs]
            return type(outputs)(*items) if hasattr(outputs, "_fields") else type(outputs)(items)
        if isinstance(outputs, dict):
            return {key: self.scale(value) for key, value in outputs.items()}
        raise ArgumentValueError(f"GradScaler.scale takes a Tensor or a list, tuple or dict of them, not {type(outputs).__name__}")

    def unscale_(self, optimizer) -> None:
        """Divide the gradients of an optimiser's parameters by the scale: for clipping them before ``step``.

        Raises
        ------
        RuntimeError
            When called twice between updates, or after ``step``.
        """
        if not self._enabled:
            return
        if id(optimizer) in self._stepped:
            raise RusTorchError("unscale_() is called after step(): call it before")
        if id(optimizer) in self._found:
            raise RusTorchError("unscale_() has already been called on this optimizer since the last update()")
        grads = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        if any(grad.dtype == rustorch.float16 for grad in grads):
            raise ArgumentValueError("unscale_(): the gradients are float16: keep the parameters in float32 and use autocast")
        self._found[id(optimizer)] = _unscale(grads, 1.0 / self._scale)

    def step(self, optimizer, *args, **kwargs) -> Optional[float]:
        """The optimiser's step, left out when a gradient is infinite or NaN. Unscales first if that was not done."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs or (args and callable(args[0])):
            raise RusTorchError("GradScaler.step does not take a closure")
        if id(optimizer) in self._stepped:
            raise RusTorchError("step() has already been called since the last update()")
        if id(optimizer) not in self._found:
            self.unscale_(optimizer)
        self._stepped.add(id(optimizer))
        return None if self._found[id(optimizer)] else optimizer.step(*args, **kwargs)

    def update(self, new_scale: Optional[float] = None) -> None:
        """Choose the scale of the next step.

        Parameters
        ----------
        new_scale : float, optional
            Instead of what the growth rule says.
        """
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale)
        else:
            if not self._found:
                raise RusTorchError("update(): no gradients were unscaled since the last one: call step(optimizer) before")
            if any(self._found.values()):
                self._scale *= self._backoff_factor
                self._growth_tracker = 0
            else:
                self._growth_tracker += 1
                if self._growth_tracker == self._growth_interval:
                    self._scale *= self._growth_factor
                    self._growth_tracker = 0
        self._found.clear()
        self._stepped.clear()

    def get_scale(self) -> float:
        """The scale; 1.0 when disabled."""
        return self._scale if self._enabled else 1.0

    def get_growth_factor(self) -> float:
        """What the scale grows by."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Choose what the scale grows by; above 1."""
        if not new_factor > 1:
            raise ArgumentValueError(f"GradScaler: the growth factor must be > 1, not {new_factor}")
        self._growth_factor = float(new_factor)

    def get_backoff_factor(self) -> float:
        """What the scale is cut by."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Choose what the scale is cut by; between 0 and 1."""
        if not 0 < new_factor < 1:
            raise ArgumentValueError(f"GradScaler: the backoff factor must be between 0 and 1, not {new_factor}")
        self._backoff_factor = float(new_factor)

    def get_growth_interval(self) -> int:
        """How many finite steps it takes for the scale to grow."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Choose how many finite steps it takes for the scale to grow."""
        if not (isinstance(new_interval, int) and new_interval > 0):
            raise ArgumentValueError(f"GradScaler: the growth interval must be a positive int, not {new_interval!r}")
        self._growth_interval = new_interval

    def is_enabled(self) -> bool:
        """Does it scale?"""
        return self._enabled

    def state_dict(self) -> Dict[str, Any]:
        """Scale, factors and count, for a checkpoint; empty when disabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    def load_state_dict(self, state_dict: Dict[str, Any]) -> None:
        """Go on from what ``state_dict`` gave."""
        if not self._enabled:
            return
        if not state_dict:
            raise RusTorchError("GradScaler: the state is empty: it was saved from a scaler that was disabled")
        self._scale = self._init_scale = float(state_dict["scale"])
        self.set_growth_factor(state_dict["growth_factor"])
        self.set_backoff_factor(state_dict["backoff_factor"])
        self.set_growth_interval(int(state_dict["growth_interval"]))
        self._growth_tracker = int(state_dict["_growth_tracker"])
