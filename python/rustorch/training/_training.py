"""``compile``, ``fit``, ``evaluate`` and ``predict``: the half of :class:`rustorch.Model` that is about training."""

from __future__ import annotations

import contextlib
import json
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

import numpy as np

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentTypeError, ArgumentValueError, RusTorchError
from rustorch.nn.modules.module import Module
from rustorch.nn.parallel.distributed import DistributedDataParallel, wrapper_of
from rustorch.nn.parameter import is_lazy
from rustorch.training import _custom, _ranks, optimizers
from rustorch.training._feed import Batch, Feed, as_tensor, feed, split
from rustorch.training._loop import Options, Run, Steps, Totals, check_class_weight
from rustorch.training._names import did_you_mean
from rustorch.training._progress import Progress
from rustorch.training.history import TrainingHistory

__all__ = ["Trainable"]

_VERBOSE = (True, False, 0, 1, 2, "auto")
_COMPILE_ELSEWHERE = {
    "lr": "give the rate to the optimizer: {'name': 'adam', 'learning_rate': 0.01}",
    "learning_rate": "give the rate to the optimizer: {'name': 'adam', 'learning_rate': 0.01}",
}


class Trainable(Module):
    """A module that trains itself; :class:`rustorch.Model` adds the layers."""

    def __init__(self) -> None:
        super().__init__()
        self.training = False
        self.stop_training = False
        self.history = TrainingHistory()
        self._compiled: Optional[Dict[str, Any]] = None
        self._choice: Optional[optimizers.Choice] = None
        self._optimizer: Any = None
        self._watched: List[Any] = []  # the parameters that the optimizer was made for
        self._loss: Any = None
        self._loss_weight = 1.0
        self._loss_for_scores: Any = None  # of what _scores gives
        self._fused: Optional[str] = None  # the last activation, where that loss takes it over
        self._metrics: List[Any] = []
        self._weighted_metrics: List[Any] = []
        self._reducers: List[Any] = []  # in a list: it is no part of the model
        self._added: List[Tensor] = []  # losses of the last call
        self._feed: Optional[Feed] = None  # of the run that is under way
        self._batch_run: Optional[Run] = None
        self._batch_totals: Optional[Totals] = None

    def __getstate__(self) -> Dict[str, Any]:
        """Without what belongs to this process alone."""
        return {**super().__getstate__(), "_reducers": [], "_added": [], "_batch_run": None, "_batch_totals": None, "_feed": None}

    # ------------------------------------------------------------------------------------------ what a model says

    def _scores(self, x: Tensor) -> Tensor:
        """What the loss is computed from: the outputs, or what comes before the last activation where the loss takes it over."""
        return self(x)

    def _outputs(self, scores: Tensor) -> Tensor:
        """The outputs, from what :meth:`_scores` gave."""
        return scores

    def _last_activation(self) -> Optional[str]:
        """``"softmax"`` or ``"sigmoid"`` where the model ends with one."""
        return None

    def _adding(self) -> List[Any]:
        """The layers and models that may add to the loss."""
        return []

    def add_loss(self, loss: Tensor) -> None:
        """Add a number, computed in a ``forward`` of your own, to the loss that training reduces; the next call forgets it.

        Example
        -------
        >>> class Small(rustorch.Model):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.inside = rustorch.nn.Linear(2, 1)
        ...     def forward(self, x):
        ...         y = self.inside(x)
        ...         self.add_loss(0.1 * y.square().mean())
        ...         return y
        >>> model = Small()
        >>> y = model(rustorch.ones(4, 2))
        >>> len(model.losses)
        1
        """
        self._added.append(loss)

    def penalties(self) -> List[Tensor]:
        """None of its own: its layers have them."""
        return []

    def _build_for(self, x: Tensor) -> None:
        """Give lazy parameters their sizes, from a batch."""
        if any(is_lazy(p) for p in self.parameters()):
            with rustorch.no_grad(), self._mode(False):
                self(x.new_zeros((1, *x.shape[1:])))

    # ------------------------------------------------------------------------------------------ compile

    def compile(
        self, optimizer: Any = "rmsprop", loss: Any = None, metrics: Any = None, weighted_metrics: Any = None,
        run_eagerly: Optional[bool] = None, *, loss_weights: Any = None, steps_per_execution: int = 1, jit_compile: Any = "auto",
        auto_scale_loss: bool = True, **unknown: Any,
    ) -> None:  # fmt: skip
        """Say how the model is trained.

        Parameters
        ----------
        optimizer : str, dict, or Optimizer, default ``"rmsprop"``
            A name with Keras's defaults (``"sgd"``, ``"adam"``, …), a dictionary (``{"name": "adam", "learning_rate": 0.01, "clipnorm":
            1.0}``), or an object of :mod:`rustorch.optim` over ``model.parameters()``. See :mod:`rustorch.training.optimizers`.
        loss : str or callable
            A name (``"mse"``, ``"categorical_crossentropy"``, …), a function of (y_true, y_pred), or a loss of :mod:`rustorch.nn`, which is
            called as (input, target). See :mod:`rustorch.training.losses`.
        metrics : list, optional
            Names (``"accuracy"``), metrics, or functions of (y_true, y_pred), without regard to sample weights.
        weighted_metrics : list, optional
            The same, weighted by samples.
        loss_weights : float, optional
            What the loss, without what layers add to it, is multiplied by; also a list of one, or a dictionary of the output's name.
        run_eagerly, steps_per_execution, jit_compile, auto_scale_loss : optional
            For Keras's sake, without effect: every step runs by itself and eagerly, there is nothing to compile, and mixed precision is
            bfloat16, which needs no scaling.

        Raises
        ------
        ValueError, TypeError
            An unknown name or option; the nearest right one is said.

        Notes
        -----
        A softmax at the end of the model is computed together with a cross entropy, and so is a sigmoid with a binary cross entropy:
        more exactly and faster. What ``predict`` returns does not change.

        Example
        -------
        >>> model = rustorch.Model(["Dense(3, activation=softmax)"])
        >>> model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
        """
        from rustorch.training import losses
        from rustorch.training import metrics as metrics_

        for name in unknown:
            if name in _COMPILE_ELSEWHERE:
                raise ArgumentTypeError(f"compile has no argument '{name}': {_COMPILE_ELSEWHERE[name]}")
            known = ("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics", "run_eagerly", "steps_per_execution")
            raise ArgumentTypeError(f"compile has no argument '{name}'{did_you_mean(name, known)}; its arguments are {', '.join(known)}")
        if isinstance(steps_per_execution, bool) or not isinstance(steps_per_execution, int) or steps_per_execution < 1:
            raise ArgumentValueError(f"compile: steps_per_execution must be a whole number of 1 or more, not {steps_per_execution!r}")
        choice = optimizers.get(optimizer)
        loss = _of_the_output("loss", loss, ("class_name", "name"))
        made = None if loss is None else losses.get(loss)
        weight = _of_the_output("loss_weights", loss_weights)
        if weight is not None and (isinstance(weight, bool) or not isinstance(weight, (int, float))):
            raise ArgumentTypeError(f"compile: loss_weights must be a number (there is one output), not {loss_weights!r}")
        lists = []
        for argument, given in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
            if isinstance(given, dict) and "class_name" not in given:
                given = _of_the_output(argument, given)
            if isinstance(given, (list, tuple)) and len(given) == 1 and isinstance(given[0], (list, tuple)):
                given = given[0]  # Keras's list for each output
            items = [] if given is None else list(given) if isinstance(given, (list, tuple, set)) else [given]
            lists.append([metrics_.get(each, loss=made) for each in items])
        names = [metric.name for each in lists for metric in each]
        for name in names:
            if names.count(name) > 1 or name == "loss":
                taken = "the loss's" if name == "loss" else "that of two"
                raise ArgumentValueError(f"compile: the metric's name '{name}' is {taken}: give one of them another (name=…)")
        self._choice, self._loss, self._loss_weight = choice, made, 1.0 if weight is None else float(weight)
        self._metrics, self._weighted_metrics = lists
        self._optimizer, self._watched, self._batch_totals = None, [], None
        self._compiled = {"optimizer": optimizer, "loss": loss, "metrics": metrics, "weighted_metrics": weighted_metrics}
        if weight is not None:
            self._compiled["loss_weights"] = float(weight)
        self._settle_loss()

    @property
    def compiled(self) -> bool:
        """Has :meth:`compile` been called?"""
        return self._compiled is not None

    @property
    def optimizer(self) -> Any:
        """The optimiser, of :mod:`rustorch.optim`; None before :meth:`compile`, and while there is no parameter."""
        if self._optimizer is None and self._choice is not None and any(True for _ in self.parameters()):
            self._make_optimizer()
        return self._optimizer

    @optimizer.setter
    def optimizer(self, value: Any) -> None:
        self._choice = optimizers.get(value)
        self._optimizer, self._watched = None, []

    @property
    def loss(self) -> Any:
        """The loss that was compiled."""
        return self._loss

    @property
    def metrics(self) -> List[Any]:
        """The metrics that were compiled, without the loss."""
        return [*self._metrics, *self._weighted_metrics]

    @property
    def metrics_names(self) -> List[str]:
        """The keys of the logs."""
        return ["loss", *(metric.name for metric in [*self._metrics, *self._weighted_metrics])]

    def _make_optimizer(self) -> None:
        parameters = list(self.parameters())
        assert self._choice is not None
        self._optimizer = self._choice.make(parameters)
        if self._choice.given is None:
            self._watched = parameters

    def _ready_optimizer(self) -> Any:
        """The optimiser of the parameters that there are now."""
        optimizer = self.optimizer
        assert self._choice is not None
        now = list(self.parameters())
        if optimizer is None:
            raise RusTorchError("there is nothing to train: the model has no parameters; add layers such as 'Dense(10)'")
        if _same(now, self._watched):
            return optimizer
        if self._choice.given is None:  # layers were added or taken away
            self._make_optimizer()
            return self._optimizer
        known = {id(p) for group in optimizer.param_groups for p in group["params"]}
        if not any(id(p) in known for p in now):
            raise ArgumentValueError(
                f"the optimizer {type(optimizer).__name__} was made for other parameters than this model's: make it from "
                "model.parameters(), after the last layer was added, or give its name to compile"
            )
        self._watched = now
        return optimizer

    def _settle_loss(self) -> None:
        """Which loss is computed from :meth:`_scores`."""
        self._fused = None
        self._loss_for_scores = self._loss
        last = self._last_activation()
        if self._loss is not None and last is not None and getattr(self._loss, "activation", None) == last and not self._loss.from_logits:
            found = self._loss.with_logits()
            if found is not None:
                self._loss_for_scores, self._fused = found, last

    def _need_compiled(self, who: str) -> None:
        if self._compiled is None:
            raise RusTorchError(
                f"Model must be compiled before training: call model.compile(optimizer='adam', loss='mse') (or another loss) before {who}"
            )
        if self._loss is None:
            raise RusTorchError(f"{who} needs a loss, but compile was called without one: model.compile(optimizer, loss='mse')")

    def _expect_targets(self, y: Any, who: str) -> None:
        if y is None:
            raise ArgumentValueError(
                f"{who}: the batches hold inputs without targets, but the loss compares with targets: give (inputs, targets), for "
                "instance rustorch.data.TensorDataset(x, y), or y"
            )

    # ------------------------------------------------------------------------------------------ modes, ranks

    @contextlib.contextmanager
    def _mode(self, training: bool) -> Iterator[None]:
        """Within the block all modules are in this mode; afterwards in the one each had."""
        before = [(module, module.training) for module in self.modules()]
        self.train(training)
        try:
            yield
        finally:
            for module, mode in before:
                module.training = mode

    def _parallel(self) -> Any:
        """What averages the gradients over the ranks; None alone."""
        if _ranks.size() == 1:
            return None
        now = [p for p in self.parameters() if p.requires_grad]
        if not self._reducers or not _same(self._reducers[0], now):
            self._reducers = [now, wrapper_of(self) or DistributedDataParallel(self, broadcast_buffers=False)]
        return self._reducers[1]

    def _together(self) -> None:
        """Random numbers go on from rank 0's on every rank, so that all draw the same."""
        if _ranks.size() > 1:
            rustorch.set_rng_state(_ranks.from_first(rustorch.get_rng_state()))

    # ------------------------------------------------------------------------------------------ fit

    def fit(
        self, x: Any = None, y: Any = None, batch_size: Optional[int] = None, epochs: int = 10, verbose: Union[bool, int, str] = "auto",
        callbacks: Any = None, validation_split: float = 0.0, validation_data: Any = None, shuffle: bool = True,
        class_weight: Optional[Dict[int, float]] = None, sample_weight: Any = None, initial_epoch: int = 0,
        steps_per_epoch: Optional[int] = None, validation_steps: Optional[int] = None, validation_batch_size: Optional[int] = None,
        validation_freq: Any = 1, train_data: Any = None,
    ) -> TrainingHistory:  # fmt: skip
        """Train.

        Parameters
        ----------
        x (or train_data) : DataLoader, data set, array, tensor, or iterable of batches
            Batches are (inputs, targets) or (inputs, targets, sample weights).
        y : array or tensor, optional
            Targets, where ``x`` is an array.
        batch_size : int, default 32
            For arrays and data sets; over all ranks together.
        epochs : int, default 10
            The last epoch's number: with ``initial_epoch=4`` and ``epochs=10`` six epochs are trained.
        verbose : bool, int or "auto"
            True, 1, "auto": a bar on a terminal and in a notebook, one line an epoch elsewhere. 2: one line an epoch. False, 0: nothing.
        callbacks : list of callbacks, optional
            See :mod:`rustorch.training.callbacks`.
        validation_split : float, default 0
            This share of arrays, their last part before any shuffling, is not trained with but evaluated after each epoch.
        validation_data : (x, y), (x, y, sample weights), or what ``x`` may be, optional
        shuffle : bool, default True
            A new order every epoch, for arrays and data sets; a DataLoader has its own.
        class_weight : dict, optional
            Factors of the losses of samples by their class; those not named have 1.
        sample_weight : array, optional
            Factors of the losses of samples.
        initial_epoch : int, default 0
            The epoch to begin with.
        steps_per_epoch : int, optional
            Batches of an epoch; the next one goes on where this one ended. By default an epoch is one pass.
        validation_steps, validation_batch_size : int, optional
            Batches of a validation, and their size; by default all of them, and ``batch_size``.
        validation_freq : int or collection of int, default 1
            Validate after every so many epochs, or after those with these numbers, counted from 1.

        Returns
        -------
        TrainingHistory
            ``history.history`` is Keras's dictionary of lists.

        Notes
        -----
        The loss of an epoch is the mean over its samples, as training went. Under ``rustorch-launch`` each batch is shared among the
        ranks, and the history is that of one process; rank 0 alone prints.

        Example
        -------
        >>> import numpy as np
        >>> model = rustorch.Model(["Dense(1)"])
        >>> model.compile("sgd", "mse")
        >>> x = np.linspace(-1, 1, 64).reshape(-1, 1)
        >>> history = model.fit(x, 2 * x + 1, epochs=5, verbose=0)
        >>> history.train_loss()[-1] < history.train_loss()[0]
        True
        """
        self._need_compiled("fit")
        x = train_data if x is None else x
        _check_numbers("fit", epochs=epochs, initial_epoch=initial_epoch)
        _check_verbose("fit", verbose)
        if class_weight is not None and sample_weight is not None:
            raise ArgumentValueError("fit: class_weight and sample_weight cannot both be given; multiply them yourself")
        validation: Any = None
        if validation_split:
            if validation_data is not None:
                raise ArgumentValueError("fit: validation_split and validation_data cannot both be given")
            (x, y, sample_weight), validation = split(x, y, sample_weight, validation_split, "fit")
        elif validation_data is not None:
            validation = _triple(validation_data)
        freq = _check_freq(validation_freq)
        if validation is None and validation_steps is not None:
            raise ArgumentValueError("fit: validation_steps is given without validation_data")
        self._together()
        train = Steps(
            feed(x, y, sample_weight, batch_size=batch_size, shuffle=shuffle, who="fit", each_once=False), steps_per_epoch, "fit",
            "steps_per_epoch",
        )  # fmt: skip
        valid = None
        if validation is not None:
            size = validation_batch_size or (batch_size if _takes_size(validation[0]) else None)
            valid = Steps(feed(*validation, batch_size=size, who="validation_data"), validation_steps, "fit", "validation_steps")
        return self._fit(
            train, valid, epochs, verbose=verbose, callbacks=callbacks, initial_epoch=initial_epoch, validation_freq=freq,
            class_weight=check_class_weight(class_weight),
        )  # fmt: skip

    def _fit(
        self, train: Steps, valid: Optional[Steps], epochs: int, verbose: Any = "auto", callbacks: Any = None, initial_epoch: int = 0,
        validation_freq: Any = 1, class_weight: Optional[Dict[int, float]] = None, options: Options = Options(),
    ) -> TrainingHistory:  # fmt: skip
        history = TrainingHistory()
        history.model = self
        history.params = {"epochs": epochs, "steps": train.known, "verbose": verbose}
        self.history = history
        self._feed: Feed = train.feed
        self._settle_loss()
        called = self._callbacks(callbacks, history.params)
        progress = Progress(0 if _has_bar(called) else verbose, epochs, options.log_every)
        try:
            return Run(self, options).fit(train, valid, called, progress, history, initial_epoch, epochs, validation_freq, class_weight)
        finally:
            self._feed = None

    def _callbacks(self, callbacks: Any, params: Dict[str, Any]) -> Any:
        from rustorch.training.callbacks import CallbackList

        if isinstance(callbacks, CallbackList):
            return callbacks
        return CallbackList(callbacks, model=self, **params)

    # ------------------------------------------------------------------------------------------ evaluate, predict

    def evaluate(
        self, x: Any = None, y: Any = None, batch_size: Optional[int] = None, verbose: Union[bool, int, str] = "auto",
        sample_weight: Any = None, steps: Optional[int] = None, callbacks: Any = None, return_dict: bool = True, data: Any = None,
    ) -> Any:  # fmt: skip
        """The loss and the metrics over data, each sample counted once, on however many ranks.

        Parameters
        ----------
        x (or data), y, batch_size, sample_weight, callbacks : as in :meth:`fit`
        verbose : bool, int or "auto", default "auto"
            "auto", 1, True: a bar on a terminal and in a notebook, nothing elsewhere. 2: a line. 0, False: nothing.
        steps : int, optional
            Only so many batches.
        return_dict : bool, default True
            A dictionary; False gives Keras's list (a number where there are no metrics).

        Returns
        -------
        dict
            ``"loss"`` and the metrics by name.

        Example
        -------
        >>> model = rustorch.Model(["Dense(1, kernel_initializer=ones)"])
        >>> model.compile("sgd", "mse", metrics=["mae"])
        >>> model.evaluate(rustorch.ones(4, 2), rustorch.zeros(4, 1))
        {'loss': 4.0, 'mae': 2.0}
        """
        self._need_compiled("evaluate")
        _check_verbose("evaluate", verbose)
        self._settle_loss()
        source = feed(x if data is None else data, y, sample_weight, batch_size=batch_size, who="evaluate")
        batches = Steps(source, steps, "evaluate", "steps")
        run = Run(self)
        list_ = self._callbacks(callbacks, {"steps": batches.known, "verbose": verbose})
        logs = run.evaluate(batches, list_, Progress(verbose, None, quiet=True))
        if return_dict:
            return logs
        values = [logs[name] for name in self.metrics_names]
        return values if len(values) > 1 else values[0]

    def predict(
        self, x: Any = None, batch_size: Optional[int] = None, verbose: Union[bool, int, str] = "auto", steps: Optional[int] = None,
        callbacks: Any = None, data: Any = None,
    ) -> Any:  # fmt: skip
        """The outputs for data.

        Parameters
        ----------
        x (or data) : array, tensor, data set, DataLoader, or iterable of batches
            Of batches with targets only the inputs are used.
        batch_size, verbose, steps, callbacks : as in :meth:`evaluate`

        Returns
        -------
        Tensor, or list of tensors
            One tensor with a row a sample; for a DataLoader a list with a tensor a batch. On every rank all of it.

        Example
        -------
        >>> model = rustorch.Model(["Dense(1, kernel_initializer=ones)"])
        >>> model.predict(rustorch.ones(3, 2))
        tensor([[2.],
                [2.],
                [2.]])
        """
        from rustorch.data import DataLoader

        _check_verbose("predict", verbose)
        given = x if data is None else data
        self._settle_loss()
        batches = Steps(feed(given, batch_size=batch_size, who="predict"), steps, "predict", "steps")
        list_ = self._callbacks(callbacks, {"steps": batches.known, "verbose": verbose})
        outputs = Run(self).predict(batches, list_, Progress(verbose, None, quiet=True))
        if not outputs:
            raise ArgumentValueError("predict: the data is empty: it gave no batch")
        return outputs if isinstance(given, DataLoader) else rustorch.cat(outputs)

    # ------------------------------------------------------------------------------------------ single batches

    def _batch(self, x: Any, y: Any, weight: Any, class_weight: Any = None) -> Batch:
        from rustorch.training._feed import _arrays
        from rustorch.training._loop import _weighted

        tensors: List[Any] = _arrays(x, y, weight, "a batch")
        n = tensors[0].shape[0]
        low, high = _ranks.rows(n)
        parts: List[Any] = [tensor[low:high] for tensor in tensors] + [None, None]
        return _weighted(Batch(parts[0], parts[1], parts[2], n), check_class_weight(class_weight))

    def _batch_totals_for(self) -> Tuple[Run, Totals]:
        if self._batch_totals is None or self._batch_run is None:
            self._batch_run, self._batch_totals = Run(self), Totals(self._metrics, self._weighted_metrics)
        self._batch_run.settled = False
        return self._batch_run, self._batch_totals

    def reset_metrics(self) -> None:
        """Begin the sums of :meth:`train_on_batch` and :meth:`test_on_batch` anew."""
        self._batch_totals = None

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Optional[Dict[int, float]] = None, return_dict: bool = False
    ) -> Any:
        """One step of training. On several ranks every one is given the whole batch.

        Returns
        -------
        float, list or dict
            The loss; with metrics ``[loss, metric, …]``; with ``return_dict`` by name. The means since :meth:`reset_metrics`, as in Keras.
        """
        self._need_compiled("train_on_batch")
        self._settle_loss()
        run, totals = self._batch_totals_for()
        with self._mode(True):
            run.train(self._batch(x, y, sample_weight, class_weight), totals)
        return self._as_asked(totals, return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """The loss and metrics of one batch; returns what :meth:`train_on_batch` does."""
        self._need_compiled("test_on_batch")
        self._settle_loss()
        run, totals = self._batch_totals_for()
        with self._mode(False):
            run.test(self._batch(x, y, sample_weight), totals)
        return self._as_asked(totals, return_dict)

    def _as_asked(self, totals: Totals, return_dict: bool) -> Any:
        logs = totals.merged()
        if return_dict:
            return logs
        values = [logs[name] for name in self.metrics_names]
        return values if len(values) > 1 else values[0]

    def predict_on_batch(self, x: Any) -> Tensor:
        """The outputs for one batch."""
        with self._mode(False), rustorch.no_grad():
            tensor = as_tensor(x, "x")
            self._build_for(tensor)
            return self(tensor)

    # ------------------------------------------------------------------------------------------ weights

    def get_weights(self) -> List[np.ndarray]:
        """Copies of all weights as arrays: layer by layer, in Keras's order and layout."""
        weights: List[np.ndarray] = []
        for layer in self._weighted_layers():
            weights += weights_of(layer)
        return weights

    def set_weights(self, weights: Any) -> None:
        """Take over what :meth:`get_weights` gave, of this model or of the same one in Keras."""
        weights = list(weights)
        layers = self._weighted_layers()
        counts = [len(weights_of(layer)) for layer in layers]
        if sum(counts) != len(weights):
            problem = f"{sum(counts)} are needed" if sum(counts) else "the model has none yet: build it first (model.build(input_shape))"
            raise ArgumentValueError(f"set_weights: {len(weights)} arrays are given, {problem}")
        start = 0
        for layer, n in zip(layers, counts):
            set_weights_of(layer, weights[start : start + n])
            start += n

    def _weighted_layers(self) -> List[Module]:
        return [child for child in self.children() if any(True for _ in child.parameters()) or any(True for _ in child.buffers())]

    def _compile_config(self) -> Optional[Dict[str, Any]]:
        """What :meth:`compile` was given, as far as JSON can hold it; None before, or where it cannot."""
        if self._compiled is None or self._choice is None:
            return None
        if self._choice.given is None:
            optimizer: Any = self._choice.config()
        else:
            optimizer = None
        if optimizer is None:
            return None
        from rustorch.training import losses
        from rustorch.training import metrics as metrics_

        config = {**self._compiled, "optimizer": optimizer}
        if self._loss is not None:
            config["loss"] = _plain(config["loss"], self._loss, losses.serialize)
        for name, made in (("metrics", self._metrics), ("weighted_metrics", self._weighted_metrics)):
            given = config[name]
            if given is not None:
                items = given if isinstance(given, (list, tuple)) and len(given) == len(made) else [None] * len(made)
                config[name] = [_plain(item, metric, metrics_.serialize) for item, metric in zip(items, made)]
        try:
            json.dumps(config)
        except (TypeError, ValueError):
            return None
        return config


def _plain(given: Any, made: Any, serialize: Any) -> Any:
    """What a loss or metric was given as where that is a name, else as data."""
    return given if isinstance(given, str) and _custom.find(given) is None else serialize(made)


def _of_the_output(argument: str, given: Any, plain: Tuple[str, ...] = ()) -> Any:
    """What is meant for the one output: Keras lets it stand in a list of one, or under the output's name."""
    if isinstance(given, dict) and not any(key in given for key in plain):
        if len(given) == 1:
            return next(iter(given.values()))
        named = ", ".join(map(repr, given))
        raise ArgumentTypeError(f"compile: {argument} is given for the outputs {named or 'none'}, but the model has one output")
    if isinstance(given, (list, tuple)):
        if len(given) == 1:
            return given[0]
        raise ArgumentTypeError(f"compile: {argument} is given {len(given)} times, but the model has one output")
    return given


def _same(a: List[Any], b: List[Any]) -> bool:
    """The same objects in the same order?"""
    return len(a) == len(b) and all(one is other for one, other in zip(a, b))


def weights_of(layer: Module) -> List[np.ndarray]:
    if hasattr(layer, "get_weights"):
        return layer.get_weights()
    return [np.array(t.detach().numpy()) for t in [*layer.parameters(), *layer.buffers()] if not is_lazy(t)]


def set_weights_of(layer: Module, weights: List[Any]) -> None:
    if hasattr(layer, "set_weights"):
        layer.set_weights(weights)
        return
    with rustorch.no_grad():
        for own, given in zip([*layer.parameters(), *layer.buffers()], weights):
            own.copy_(as_tensor(given, "a weight").reshape(own.shape))


# ---------------------------------------------------------------------------------------------- arguments


def _check_numbers(who: str, **numbers: Any) -> None:
    for name, value in numbers.items():
        if isinstance(value, bool) or not hasattr(value, "__index__") or value < 0:
            raise ArgumentValueError(f"{who}: {name} must be a whole number of 0 or more, not {value!r}")


def _check_verbose(who: str, verbose: Any) -> None:
    if verbose not in _VERBOSE:
        raise ArgumentValueError(f"{who}: verbose must be True, False, 0, 1, 2 or 'auto', not {verbose!r}")


def _check_freq(freq: Any) -> Any:
    if isinstance(freq, int) and not isinstance(freq, bool):
        if freq < 1:
            raise ArgumentValueError(f"fit: validation_freq must be 1 or more, not {freq}")
        return freq
    if isinstance(freq, (list, tuple, set, frozenset, range)):
        return freq
    raise ArgumentTypeError(f"fit: validation_freq must be a whole number or a list of epochs, not {freq!r}")


def _triple(data: Any) -> Tuple[Any, Any, Any]:
    if isinstance(data, (tuple, list)) and len(data) in (2, 3) and not isinstance(data[0], (tuple, list)):
        parts = [*data, None]
        return parts[0], parts[1], parts[2]
    return data, None, None


def _has_bar(callbacks: Any) -> bool:
    """Has the user a bar of his own?"""
    from rustorch.training.callbacks import ProgressBar

    return any(isinstance(each, ProgressBar) for each in callbacks.callbacks)


def _takes_size(x: Any) -> bool:
    """Does the data come without batches of its own?"""
    from rustorch.data import DataLoader, Dataset
    from rustorch.training._feed import _is_array

    return _is_array(x) or (isinstance(x, Dataset) and not isinstance(x, DataLoader))


