"""How a module's backward hooks see its gradients: two identity functions around ``forward``."""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Tuple

import rustorch
from rustorch import Tensor
from rustorch.autograd import Function


class _Watch(Function):
    """The identity; ``seen`` gets all gradients at once and may replace them."""

    @staticmethod
    def forward(ctx: Any, seen: Callable, *tensors: Tensor) -> Any:
        ctx.seen = seen
        ctx.set_materialize_grads(False)
        return tuple(tensor.view_as(tensor) for tensor in tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Optional[Tensor]) -> Any:
        return (None,) + tuple(ctx.seen(tuple(grads)))


def _tensors(value: Any) -> Tuple[bool, List[Any]]:
    single = not isinstance(value, (tuple, list))
    return single, [value] if single else list(value)


class BackwardHook:
    """One call of a module with backward hooks."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.grad_output: Tuple[Any, ...] = ()
        self.input_watched = False

    def _watch(self, values: List[Any], seen: Callable[[Tuple[Any, ...]], Tuple[Any, ...]]) -> bool:
        places = [i for i, v in enumerate(values) if isinstance(v, Tensor) and v.requires_grad]
        if not places or not rustorch.is_grad_enabled():
            return False

        def spread(grads: Tuple[Any, ...]) -> Tuple[Any, ...]:
            full: List[Any] = [None] * len(values)
            for place, grad in zip(places, grads):
                full[place] = grad
            result = seen(tuple(full))
            return tuple(result[place] for place in places)

        watched = _Watch.apply(spread, *[values[i] for i in places])
        for place, tensor in zip(places, watched if isinstance(watched, tuple) else (watched,)):
            values[place] = tensor
        return True

    def watch_inputs(self, args: Tuple[Any, ...]) -> Tuple[Any, ...]:
        values = list(args)
        if self.module._backward_hooks:
            self.input_watched = self._watch(values, self._inputs_known)
        return tuple(values)

    def watch_outputs(self, result: Any) -> Any:
        single, values = _tensors(result)
        self._watch(values, self._outputs_known)
        if single:
            return values[0]
        return type(result)(values) if not hasattr(result, "_fields") else type(result)(*values)

    def _outputs_known(self, grads: Tuple[Any, ...]) -> Tuple[Any, ...]:
        for hook in list(self.module._backward_pre_hooks.values()):
            changed = hook(self.module, grads)
            if changed is not None:
                grads = changed if isinstance(changed, tuple) else (changed,)
        self.grad_output = grads
        if not self.input_watched:  # no input takes a gradient: the hooks run here
            for hook in list(self.module._backward_hooks.values()):
                hook(self.module, (None,), grads)
        return grads

    def _inputs_known(self, grads: Tuple[Any, ...]) -> Tuple[Any, ...]:
        for hook in list(self.module._backward_hooks.values()):
            changed = hook(self.module, grads, self.grad_output)
            if changed is not None:
                grads = changed if isinstance(changed, tuple) else (changed,)
        return grads
