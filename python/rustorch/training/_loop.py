"""Training, evaluation and prediction of a :class:`rustorch.Model`: what one batch does, and the loops over batches."""

from __future__ import annotations

import contextlib
import copy
import math
import warnings
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentTypeError, ArgumentValueError, RusTorchError, ShapeError
from rustorch.training import _masks, _ranks
from rustorch.training._feed import Batch, Feed
from rustorch.training._progress import Progress
from rustorch.training.history import TrainingHistory

__all__ = ["Run", "Steps"]


class Options(NamedTuple):
    """What :class:`Trainer` may ask for beyond ``fit``."""

    clip_norm: Optional[float] = None  # of all gradients together
    clip_value: Optional[float] = None
    accumulation: Optional[int] = None
    autocast: bool = False
    log_every: int = 1
    validate_last: bool = False


class Steps:
    """The batches of epochs: a pass each, or so many batches each that go on where the last epoch ended."""

    def __init__(self, feed: Feed, per_epoch: Optional[int], who: str, argument: str) -> None:
        if per_epoch is not None and (isinstance(per_epoch, bool) or not hasattr(per_epoch, "__index__") or per_epoch < 1):
            raise ArgumentValueError(f"{who}: {argument} must be a whole number of 1 or more, not {per_epoch!r}")
        self.feed = feed
        self.per_epoch = per_epoch
        self.argument = argument
        self.running: Optional[Iterator[Batch]] = None
        self.known = feed.steps if per_epoch is None else per_epoch
        self.passes = 0

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of one epoch."""
        if self.per_epoch is None:
            self.feed.prepare(number)
            count = 0
            for batch in self.feed.passing():
                count += 1
                yield batch
            self.known = count or self.known
            return
        count, before = 0, self.passes
        while count < self.per_epoch:
            if self.running is None:
                self.feed.prepare(self.passes)
                self.running = self.feed.passing()
                self.passes += 1
            batch = next(self.running, None)
            if batch is None:
                self.running = None
                if not self.feed.restarts or self.passes - before > self.per_epoch:
                    if count == 0:
                        return
                    warnings.warn(
                        f"the data ran out after {count} of {self.per_epoch} batches: it must give {self.argument} · epochs batches; the "
                        "epoch ends here",
                        stacklevel=2,
                    )
                    return
                continue
            count += 1
            yield batch


class Totals:
    """The mean loss over samples and the metrics of an epoch, so far."""

    def __init__(self, metrics: List[Any], weighted: List[Any]) -> None:
        self.metrics = metrics
        self.weighted = weighted
        self.loss = 0.0
        self.samples = 0
        for metric in [*metrics, *weighted]:
            metric.reset_state()

    def add(self, loss: float, n: int, y: Any, y_pred: Tensor, weight: Any) -> None:
        self.loss += loss * n
        self.samples += n
        if y_pred.shape[0]:
            for metric in self.metrics:
                metric.update_state(y, y_pred)
            for metric in self.weighted:
                metric.update_state(y, y_pred, weight)

    def merged(self) -> Dict[str, float]:
        """Of all ranks so far; the sums go on."""
        return (self if _ranks.size() == 1 else copy.deepcopy(self)).logs(merged=True)

    def logs(self, merged: bool = False) -> Dict[str, float]:
        """By name; ``merged``: of all ranks, at the end."""
        every = [*self.metrics, *self.weighted]
        if merged and every and _ranks.size() > 1:
            from rustorch.training.metrics import merge_states

            merge_states(every)
        logs: Dict[str, float] = {"loss": self.loss / self.samples if self.samples else 0.0}
        for metric in every:
            value = metric.result()
            logs[metric.name] = float(value) if not hasattr(value, "shape") or not value.shape else value  # type: ignore[assignment]
        return logs


class Run:
    """One model's steps: forward, loss, backward, step; the same numbers on one rank and on many."""

    def __init__(self, model: Any, options: Options = Options()) -> None:
        self.model = model
        self.options = options
        self.accumulation = options.accumulation or (model._choice.accumulation if model._choice is not None else 1)
        self.waiting = 0  # batches whose gradients wait for a step
        self.settled = False
        self.optimizer: Any = None
        self.parallel: Any = None
        self.adding: List[Any] = []
        self.adds: Optional[bool] = None  # whether add_loss is called, on any rank

    def _settle(self, x: Tensor, training: bool) -> None:
        """Sizes, optimiser, regularisers: looked up at the first batch of an epoch, not at each."""
        if self.settled:
            return
        model = self.model
        model._build_for(x)
        self.adding = model._adding()
        if training:
            self.optimizer = model._ready_optimizer()
            self.parallel = model._parallel()
        self.settled = True

    def _extra(self, n: int) -> Tuple[Optional[Tensor], float]:
        """What layers add to the loss (None: nothing), and its value for the whole batch, n of whose rows are this rank's."""
        penalties = [value for layer in self.adding for value in layer.penalties()]  # the same on every rank
        added = [value for layer in self.adding for value in layer._added]
        for layer in self.adding:
            layer._added = []
        total = sum(penalties[1:], penalties[0]) if penalties else None
        shown = 0.0 if total is None else float(total.detach())
        if self.adds is None or _ranks.size() == 1:
            self.adds = bool(_ranks.sums(rustorch.tensor(len(added))))
        elif added and not self.adds:
            raise RusTorchError("add_loss is first called after the first batch: on several ranks it must be from the first batch on")
        if self.adds:
            mine = sum(added[1:], added[0]) if added and n else None
            value, factor = self._value(mine, float(n))
            shown += value
            if mine is not None:
                total = mine * factor if total is None else total + mine * factor
        return total, shown

    # ------------------------------------------------------------------------------------------ one batch

    @contextlib.contextmanager
    def _precision(self) -> Iterator[None]:
        if self.options.autocast:
            with rustorch.autocast("cpu", dtype=rustorch.bfloat16):
                yield
        else:
            yield

    def _scores(self, x: Tensor) -> Tensor:
        """What the model gives, before the activation that the loss takes over."""
        scores = self.model._scores(x)
        if not isinstance(scores, Tensor) or scores.dim() == 0 or scores.shape[0] != x.shape[0]:
            found = f"shape {tuple(scores.shape)}" if isinstance(scores, Tensor) else f"a {type(scores).__name__}"
            raise ShapeError(f"the model must give one tensor with a row for each of {x.shape[0]} samples, but it gave {found}")
        return scores

    def _loss(self, batch: Batch, scores: Tensor) -> Tuple[Optional[Tensor], float]:
        """The loss of this rank's rows (None without rows), and their share: what the losses of ranks are weighted by."""
        loss = self.model._loss_for_scores
        if scores.shape[0] == 0:
            return None, 0.0
        value, share = loss.weighed(batch.y, scores, batch.weight)
        if value.dim():
            raise ShapeError(
                f"the loss {loss.name} gave shape {tuple(value.shape)}, one number is needed: use reduction='sum_over_batch_size'"
            )
        return (value if self.model._loss_weight == 1.0 else value * self.model._loss_weight), share

    def _value(self, value: Optional[Tensor], share: float, together: bool = False) -> Tuple[float, float]:
        """The loss of the whole batch, and the factor with which the average of the ranks' gradients is that of the batch.

        ``together``: the ranks' losses are added, not averaged.
        """
        mine = 0.0 if value is None else float(value.detach())
        ranks = _ranks.size()
        if ranks == 1:
            return mine, 1.0
        sums = rustorch.tensor([mine if together else mine * share if share else 0.0, share], dtype=rustorch.float64)
        total, shares = _ranks.sums(sums).tolist()
        if together:
            return total, float(ranks)
        return (total / shares if shares else 0.0), (share * ranks / shares if shares else 0.0)

    def _together(self) -> bool:
        return getattr(self.model._loss_for_scores, "reduction", None) == "sum"

    def train(self, batch: Batch, totals: Totals) -> None:
        """One batch of training."""
        model = self.model
        model._expect_targets(batch.y, "fit")
        self._settle(batch.x, True)
        optimizer, parallel = self.optimizer, self.parallel
        if self.waiting == 0:
            optimizer.zero_grad()
        last = self.waiting + 1 >= self.accumulation
        with _ranks.sharing(batch.n):
            if parallel is not None:
                parallel._reducer.set_sync(last)
                parallel._reducer.begin()
            with self._precision():
                scores = self._scores(batch.x)
                value, share = self._loss(batch, scores)
            shown, factor = self._value(value, share, self._together())
            total = scores.sum() * 0.0 if value is None else value * factor if factor != 1.0 else value
            if self.adding:
                extra, extra_shown = self._extra(scores.shape[0])
                shown += extra_shown
                total = total if extra is None else total + extra
            if self.accumulation > 1:
                total = total / self.accumulation
            if not total.requires_grad:
                raise RusTorchError(
                    "there is nothing to train: no parameter of the model requires a gradient (all layers are frozen, or there are none)"
                )
            total.backward()
        self.waiting += 1
        if last:
            self._step(optimizer)
        with rustorch.no_grad():
            totals.add(shown, batch.n, batch.y, model._outputs(_masks.keep(scores, scores.detach())), batch.weight)

    def _step(self, optimizer: Any) -> None:
        self.waiting = 0
        if self.model._choice is not None:
            self.model._choice.prepare(optimizer)
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        if self.options.clip_norm is not None:
            rustorch.nn.utils.clip_grad_norm_(parameters, self.options.clip_norm)
        if self.options.clip_value is not None:
            rustorch.nn.utils.clip_grad_value_(parameters, self.options.clip_value)
        optimizer.step()

    def flush(self) -> None:
        """A step with the gradients that wait at the end of an epoch: they count as a whole batch."""
        if not self.waiting:
            return
        optimizer = self.optimizer
        if self.parallel is not None:
            self.parallel.sync_gradients()
        with rustorch.no_grad():
            for group in optimizer.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        p.grad.detach().mul_(self.accumulation / self.waiting)
        self._step(optimizer)

    def test(self, batch: Batch, totals: Totals) -> None:
        """One batch of evaluation."""
        model = self.model
        model._expect_targets(batch.y, "evaluate")
        self._settle(batch.x, False)
        with rustorch.no_grad(), self._precision():
            scores = self._scores(batch.x)
            value, share = self._loss(batch, scores)
            shown, _ = self._value(value, share, self._together())
            if self.adding:
                shown += self._extra(scores.shape[0])[1]
            totals.add(shown, batch.n, batch.y, model._outputs(scores), batch.weight)

    # ------------------------------------------------------------------------------------------ loops

    def evaluate(self, steps: Steps, callbacks: Any, progress: Progress) -> Dict[str, float]:
        """All batches once; the mean loss over samples, and the metrics."""
        model = self.model
        callbacks.on_test_begin({})
        totals = Totals(model._metrics, model._weighted_metrics)
        progress.begin(0, steps.known)
        with model._mode(False):
            for i, batch in enumerate(steps.epoch(0)):
                callbacks.on_test_batch_begin(i, {})
                self.test(batch, totals)
                logs = totals.logs()
                callbacks.on_test_batch_end(i, logs)
                progress.step(i + 1, logs)
        if not totals.samples:
            raise ArgumentValueError("evaluate: the data is empty: it gave no batch (an iterator that has run out?)")
        logs = totals.logs(merged=True)
        callbacks.on_test_end(logs)
        progress.end(logs)
        return logs

    def fit(
        self, steps: Steps, validation: Optional[Steps], callbacks: Any, progress: Progress, history: TrainingHistory, initial_epoch: int,
        epochs: int, validation_freq: Any, class_weight: Optional[Dict[int, float]],
    ) -> TrainingHistory:  # fmt: skip
        """Epochs of training, each followed by a validation where one is due."""
        model = self.model
        model.stop_training = False
        history._start()
        callbacks.on_train_begin({})
        first = initial_epoch
        for callback in callbacks.callbacks:
            if hasattr(callback, "restore_run"):
                first = max(first, callback.restore_run(callbacks))
        logs: Dict[str, float] = {}
        try:
            for epoch in range(first, epochs):
                if model.stop_training:  # by what was resumed from
                    break
                callbacks.on_epoch_begin(epoch, {})
                self.settled = False
                progress.begin(epoch, steps.known)
                totals = Totals(model._metrics, model._weighted_metrics)
                with model._mode(True):
                    for i, batch in enumerate(steps.epoch(epoch)):
                        callbacks.on_train_batch_begin(i, {})
                        self.train(_weighted(batch, class_weight), totals)
                        logs = totals.logs()
                        callbacks.on_train_batch_end(i, logs)
                        progress.step(i + 1, logs)
                        if model.stop_training:
                            break
                    self.flush()
                if not totals.samples:
                    if epoch == first:
                        raise ArgumentValueError("fit: the data is empty: it gave no batch (an iterator that has run out?)")
                    warnings.warn(f"the data ran out: training ends after {epoch} of {epochs} epochs", stacklevel=4)
                    progress.interrupted()
                    break
                logs = totals.logs(merged=True)
                if validation is not None and self._due(epoch, epochs, validation_freq):
                    found = Run(model, self.options).evaluate(validation, callbacks, Progress(0, None))
                    logs.update({f"val_{name}": value for name, value in found.items()})
                callbacks.on_epoch_end(epoch, logs)  # which may add to the logs
                history._append(epoch, logs)
                progress.end(logs)
                for callback in callbacks.callbacks:
                    if hasattr(callback, "on_epoch_recorded"):
                        callback.on_epoch_recorded(epoch)
                if model.stop_training:
                    break
            callbacks.on_train_end(logs)
        except BaseException:
            progress.interrupted()
            raise
        finally:
            history._stop()
            self.waiting = 0
        return history

    def _due(self, epoch: int, epochs: int, freq: Any) -> bool:
        if self.options.validate_last and (epoch + 1 == epochs or self.model.stop_training):
            return True
        return (epoch + 1) % freq == 0 if isinstance(freq, int) else epoch + 1 in freq

    def predict(self, steps: Steps, callbacks: Any, progress: Progress) -> List[Tensor]:
        """The outputs of each batch, of all ranks' rows on every rank."""
        model = self.model
        callbacks.on_predict_begin({})
        progress.begin(0, steps.known)
        outputs = []
        with model._mode(False), rustorch.no_grad():
            for i, batch in enumerate(steps.epoch(0)):
                callbacks.on_predict_batch_begin(i, {})
                model._build_for(batch.x)
                with self._precision():
                    output = model._outputs(self._scores(batch.x))
                whole = output if _ranks.size() == 1 else rustorch.cat(_ranks.gathered(output))
                outputs.append(whole)
                callbacks.on_predict_batch_end(i, {"outputs": whole})
                progress.step(i + 1, {})
        callbacks.on_predict_end({})
        progress.end({})
        return outputs


def _weighted(batch: Batch, class_weight: Optional[Dict[int, float]]) -> Batch:
    """Each sample's weight times that of its class; classes that are not named have weight 1."""
    if class_weight is None or batch.y is None:
        return batch
    numbers = _class_numbers(batch.y)
    if not numbers.numel():
        return batch._replace(weight=rustorch.ones(numbers.shape))
    if int(numbers.min()) < 0:
        raise ArgumentValueError(f"fit: class_weight needs classes of 0 or more, but a target is {int(numbers.min())}")
    table = rustorch.ones(max(int(numbers.max()), *class_weight) + 1, dtype=rustorch.get_default_dtype())
    for number, weight in class_weight.items():
        table[number] = weight
    weight = table[numbers]
    return batch._replace(weight=weight if batch.weight is None else weight * batch.weight)


def _class_numbers(y: Tensor) -> Tensor:
    """The classes of targets: class numbers, (batch,), (batch, 1) or (batch, steps), or the place of the largest in each row."""
    if y.dim() < 2 or y.shape[-1] == 1:
        return (y.squeeze(-1) if y.dim() > 1 else y).to(rustorch.int64)
    if y.shape[-1] == 0 or y.dim() > 3:
        raise ShapeError(
            f"fit: class_weight needs targets that are classes, one a sample or a step, but they have shape {tuple(y.shape)}"
        )
    if y.dim() == 2 and not y.is_floating_point() and y.numel() and bool(((y != 0) & (y != 1)).any()):
        return y.to(rustorch.int64)  # no one-hot rows: a class a step
    return y.argmax(-1)


def check_class_weight(value: Any) -> Optional[Dict[int, float]]:
    """Classes and their weights, or an error that says what is wrong."""
    if value is None:
        return None
    if not hasattr(value, "items"):
        raise ArgumentTypeError(f"fit: class_weight must be a dictionary of classes and weights, {{0: 1.0, 1: 5.0}}, not {value!r}")
    table = {}
    for number, weight in value.items():
        if isinstance(number, bool) or not hasattr(number, "__index__") or number.__index__() < 0:
            raise ArgumentTypeError(f"fit: the classes of class_weight must be whole numbers of 0 or more, not {number!r}")
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not weight >= 0 or math.isinf(weight):
            raise ArgumentValueError(f"fit: the weight of class {number} must be a number of 0 or more, not {weight!r}")
        table[number.__index__()] = float(weight)
    return table

