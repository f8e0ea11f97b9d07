"""L-BFGS: a quasi-Newton method over all parameters as one vector."""

from __future__ import annotations

import math
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentTypeError, ArgumentValueError, RusTorchError
from rustorch.optim.optimizer import Optimizer, check_range

__all__ = ["LBFGS"]

_Point = Tuple[float, float, Tensor, float]  # step length, loss, gradient, slope along the direction


def _cubic_minimum(a: Tuple[float, float, float], b: Tuple[float, float, float], bounds: Tuple[float, float]) -> float:
    """The minimum of the cubic through two points (position, value, slope), within bounds.

    Source: Nocedal and Wright, Numerical Optimization, 2nd edition, eq. 3.59.
    """
    (x1, f1, g1), (x2, f2, g2) = (a, b) if a[0] <= b[0] else (b, a)
    low, high = bounds
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1 * d1 - g1 * g2
    if not square >= 0:
        return (low + high) / 2.0
    d2 = math.sqrt(square)
    width = g2 - g1 + 2 * d2
    return min(max(x2 - (x2 - x1) * ((g2 + d2 - d1) / width), low), high) if width else (low + high) / 2.0


def _known(point: _Point) -> Tuple[float, float, float]:
    return point[0], point[1], point[3]


def _strong_wolfe(
    evaluate: Callable[[float], _Point], start: _Point, t: float, size: float, tolerance_change: float, max_ls: int,
    c1: float = 1e-4, c2: float = 0.9,
) -> Tuple[_Point, int]:
    """A point along the direction with the strong Wolfe conditions, and how often the loss was evaluated.

    ``size`` is the largest element of the direction. Source: Nocedal and Wright, Numerical Optimization, 2nd edition,
    algorithms 3.5 (the bracket) and 3.6 (the zoom into it).
    """
    f, slope = start[1], start[3]
    before, point = start, evaluate(t)
    evaluations, n = 1, 0
    bracket: List[_Point] = []
    done = False
    while n < max_ls:
        if point[1] > f + c1 * point[0] * slope or (n > 1 and point[1] >= before[1]):
            bracket = [before, point]
            break
        if abs(point[3]) <= -c2 * slope:
            bracket, done = [point], True
            break
        if point[3] >= 0:
            bracket = [before, point]
            break
        bounds = (point[0] + 0.01 * (point[0] - before[0]), point[0] * 10)
        t = _cubic_minimum(_known(before), _known(point), bounds)
        before, point = point, evaluate(t)
        evaluations += 1
        n += 1
    if not bracket:
        bracket = [start, point]
    low, high = (0, -1) if bracket[0][1] <= bracket[-1][1] else (-1, 0)
    stuck = False
    while not done and n < max_ls:
        ends = sorted((bracket[0][0], bracket[-1][0]))
        if (ends[1] - ends[0]) * size < tolerance_change:
            break
        t = _cubic_minimum(_known(bracket[0]), _known(bracket[-1]), (ends[0], ends[1]))
        margin = 0.1 * (ends[1] - ends[0])
        if min(ends[1] - t, t - ends[0]) < margin:  # too near to an end: once is let pass, then moved inwards
            if stuck or t >= ends[1] or t <= ends[0]:
                t = ends[1] - margin if abs(t - ends[1]) < abs(t - ends[0]) else ends[0] + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        point = evaluate(t)
        evaluations += 1
        n += 1
        if point[1] > f + c1 * t * slope or point[1] >= bracket[low][1]:
            bracket[high] = point
            low, high = (0, -1) if bracket[0][1] <= bracket[-1][1] else (-1, 0)
        else:
            if abs(point[3]) <= -c2 * slope:
                done = True
            elif point[3] * (bracket[high][0] - bracket[low][0]) >= 0:
                bracket[high] = bracket[low]
            bracket[low] = point
    return bracket[low], evaluations


class LBFGS(Optimizer):
    """L-BFGS: Newton steps with a Hessian guessed from the last ``history_size`` steps. For whole batches.

    ``step`` needs a closure, which is called several times. All parameters are one group.

    Parameters
    ----------
    params : see :class:`Optimizer`
    lr : float, default 1
    max_iter : int, default 20
        Iterations in one ``step``.
    max_eval : int, default ``max_iter * 5 // 4``
        Evaluations of the closure in one ``step``.
    tolerance_grad : float, default 1e-7
        Stop when no element of the gradient is larger.
    tolerance_change : float, default 1e-9
        Stop when the loss, or every parameter, changes by less.
    history_size : int, default 100
        Pairs of vectors that are kept: ``2 * history_size`` times the memory of the parameters.
    line_search_fn : None or "strong_wolfe", default None
        None takes steps of length ``lr``.
    maximize : bool, default False

    Source: Nocedal, Mathematics of Computation 35, 1980; Liu and Nocedal, Mathematical Programming 45, 1989.

    Example
    -------
    >>> import rustorch as torch
    >>> x = torch.zeros(2, requires_grad=True)
    >>> target = torch.tensor([1.0, -2.0])
    >>> optimizer = torch.optim.LBFGS([x], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((x - target) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure).item()
    5.0
    >>> [round(value, 4) for value in x.tolist()]
    [1.0, -2.0]
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1, max_iter: int = 20, max_eval: Optional[int] = None,
        tolerance_grad: float = 1e-7, tolerance_change: float = 1e-9, history_size: int = 100,
        line_search_fn: Optional[str] = None, *, maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr, "max_iter": max_iter, "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change, "history_size": history_size,
            "line_search_fn": line_search_fn, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _check_group(self, group: Dict[str, Any]) -> None:
        if isinstance(group["lr"], Tensor) and group["lr"].numel() != 1:
            raise ArgumentValueError("Tensor lr must be 1-element")
        check_range("learning rate", group["lr"])
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise RusTorchError(f"only 'strong_wolfe' is supported as line_search_fn, not {group['line_search_fn']!r}")

    def add_param_group(self, param_group: Dict[str, Any]) -> None:
        """One group only: a second is an error."""
        if self.param_groups:
            raise ArgumentValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        super().add_param_group(param_group)

    def _copy_state(self, p: Tensor, key: str, value: Any) -> Any:
        value = super()._copy_state(p, key, value)  # numbers may be tensors in another library's state
        return float(value) if isinstance(value, Tensor) and value.dim() == 0 else value

    @property
    def _params(self) -> List[Tensor]:
        return self.param_groups[0]["params"]

    def _gradient(self) -> Tensor:
        pieces = [
            rustorch.zeros(p.numel(), dtype=p.dtype) if p.grad is None else p.grad.detach().reshape(-1)
            for p in self._params
        ]
        gradient = rustorch.cat(pieces)
        return gradient.neg() if self.param_groups[0]["maximize"] else gradient

    def _add(self, t: float, direction: Tensor) -> None:
        at = 0
        for p in self._params:
            p.add_(direction[at : at + p.numel()].view_as(p), alpha=t)
            at += p.numel()

    @rustorch.no_grad()
    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Minimise for up to ``max_iter`` iterations; returns the loss before the first.

        ``closure`` clears the gradients, computes the loss, calls ``backward`` and returns the loss.
        """
        if closure is None:
            raise ArgumentTypeError("LBFGS.step needs a closure that computes the loss and its gradients")
        group = self.param_groups[0]
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        first = None

        def loss_and_gradient() -> Tuple[float, Tensor]:
            nonlocal first
            with rustorch.enable_grad():
                loss = closure()
            first = loss if first is None else first
            state["func_evals"] += 1
            return -float(loss) if group["maximize"] else float(loss), self._gradient()

        already = state["func_evals"]
        loss, gradient = loss_and_gradient()
        if float(gradient.abs().max()) <= group["tolerance_grad"]:
            return first
        direction, t = state.get("d"), state.get("t")
        previous_gradient, previous_loss = state.get("prev_flat_grad"), state.get("prev_loss")
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                direction = gradient.neg()
                state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
            else:
                direction = self._direction(state, gradient, gradient - previous_gradient, direction * t)
            previous_gradient, previous_loss = gradient, loss
            t = float(group["lr"])
            if state["n_iter"] == 1:
                t *= min(1.0, 1.0 / float(gradient.abs().sum()))
            slope = float(gradient.dot(direction))
            if slope > -group["tolerance_change"]:
                break
            if group["line_search_fn"] == "strong_wolfe":
                left = group["max_eval"] - (state["func_evals"] - already)
                loss, gradient, t = self._search(loss_and_gradient, direction, (0.0, loss, gradient, slope), t, left)
                self._add(t, direction)
            else:
                self._add(t, direction)
                if iteration != group["max_iter"]:  # else the loss is not needed any more
                    loss, gradient = loss_and_gradient()
            if (
                state["func_evals"] - already >= group["max_eval"]
                or float(gradient.abs().max()) <= group["tolerance_grad"]
                or float(direction.abs().max()) * t <= group["tolerance_change"]
                or abs(loss - previous_loss) < group["tolerance_change"]
            ):
                break
        state.update(d=direction, t=t, prev_flat_grad=previous_gradient, prev_loss=previous_loss)
        return first

    def _direction(self, state: Dict[str, Any], gradient: Tensor, y: Tensor, s: Tensor) -> Tensor:
        """Minus the inverse Hessian's guess times the gradient, by the two loops of Nocedal (1980)."""
        old_y, old_s, ro = state["old_dirs"], state["old_stps"], state["ro"]
        ys = float(y.dot(s))
        if ys > 1e-10:  # else the pair would make the guess indefinite
            if len(old_y) == self.param_groups[0]["history_size"]:
                for kept in (old_y, old_s, ro):
                    kept.pop(0)
            old_y.append(y)
            old_s.append(s)
            ro.append(1.0 / ys)
            state["H_diag"] = ys / float(y.dot(y))
        q = gradient.neg()
        shares = [0.0] * len(ro)
        for i in reversed(range(len(ro))):
            shares[i] = float(old_s[i].dot(q)) * ro[i]
            q.add_(old_y[i], alpha=-shares[i])
        q.mul_(state["H_diag"])
        for i in range(len(ro)):
            q.add_(old_s[i], alpha=shares[i] - float(old_y[i].dot(q)) * ro[i])
        return q

    def _search(
        self, loss_and_gradient: Callable, direction: Tensor, start: _Point, t: float, left: int
    ) -> Tuple[float, Tensor, float]:
        origin = [p.detach().clone() for p in self._params]

        def evaluate(length: float) -> _Point:
            self._add(length, direction)
            loss, gradient = loss_and_gradient()
            for p, values in zip(self._params, origin):
                p.copy_(values)
            return length, loss, gradient, float(gradient.dot(direction))

        size = float(direction.abs().max())
        point, _ = _strong_wolfe(evaluate, start, t, size, self.param_groups[0]["tolerance_change"], left)
        return point[1], point[2], point[0]
