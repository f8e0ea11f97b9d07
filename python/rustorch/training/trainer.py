"""``Trainer`` and ``TrainerConfig``: a run described by its settings."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple, Union

import rustorch
from rustorch import _C
from rustorch._C import ArgumentTypeError, ArgumentValueError, RusTorchError
from rustorch.nn.modules.module import Module
from rustorch.nn.parallel import DistributedDataParallel
from rustorch.training._feed import feed
from rustorch.training._loop import Options, Steps
from rustorch.training._training import Trainable, _check_verbose, _takes_size, _triple
from rustorch.training.history import TrainingHistory
from rustorch.utils import set_seed

__all__ = ["Trainer", "TrainerConfig"]


@dataclass
class TrainerConfig:
    """How a :class:`Trainer` trains.

    Parameters
    ----------
    epochs : int, default 10
    learning_rate : float, optional
        Wins over the one given to ``compile``.
    batch_size : int, optional
        For arrays and data sets, over all ranks together (default 32); a DataLoader has its own.
    log_frequency : int, default 10
        Keep the line of every so many epochs, and of the first and last. On a terminal a bar shows each epoch.
    validation_frequency : int, default 1
        Validate after every so many epochs, and after the last.
    gradient_clip_value : float, optional
        Cut each element of the gradients to ± this.
    gradient_clip_norm : float, optional
        Scale all gradients together to at most this norm.
    device : str or device, default "cpu"
    use_mixed_precision : bool, default False
        Compute in bfloat16 where that is safe (:class:`rustorch.autocast`); parameters stay as they are.
    accumulation_steps : int, default 1
        Batches whose gradients are averaged for one step; what is left at the end of an epoch makes a step too.
    seed : int, optional
        Seeds rustorch's, NumPy's and Python's random numbers before training.
    shuffle : bool, default True
        A new order every epoch, for arrays and data sets.
    checkpoint_dir : str, optional
        A folder for checkpoints: a run that was killed goes on from there, in the same bits. See :class:`BackupAndRestore`.
    checkpoint_frequency : int, default 1
        Epochs between two checkpoints.
    verbose : bool, int or "auto"
        As in :meth:`rustorch.Model.fit`.

    Example
    -------
    >>> from rustorch.training import TrainerConfig
    >>> TrainerConfig(epochs=50, learning_rate=0.001, validation_frequency=5).log_frequency
    10
    """

    epochs: int = 10
    learning_rate: Optional[float] = None
    batch_size: Optional[int] = None
    log_frequency: int = 10
    validation_frequency: int = 1
    gradient_clip_value: Optional[float] = None
    device: Any = "cpu"
    use_mixed_precision: bool = False
    accumulation_steps: int = 1
    gradient_clip_norm: Optional[float] = None
    seed: Optional[int] = None
    shuffle: bool = True
    checkpoint_dir: Optional[str] = None
    checkpoint_frequency: int = 1
    verbose: Union[bool, int, str] = "auto"

    def __post_init__(self) -> None:
        counts = {"epochs": 0, "log_frequency": 1, "validation_frequency": 1, "accumulation_steps": 1, "checkpoint_frequency": 1}
        for name, least in {**counts, "batch_size": 1, "seed": 0}.items():
            value = getattr(self, name)
            if value is None and name in ("batch_size", "seed"):
                continue
            if isinstance(value, bool) or not hasattr(value, "__index__"):
                raise ArgumentTypeError(f"TrainerConfig: {name} must be a whole number, not {value!r}")
            if value < least:
                raise ArgumentValueError(f"TrainerConfig: {name} must be {least} or more, not {value}")
        for name in ("learning_rate", "gradient_clip_value", "gradient_clip_norm"):
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ArgumentTypeError(f"TrainerConfig: {name} must be a number, not {value!r}")
            if not value > 0 and not (name == "learning_rate" and value == 0):
                raise ArgumentValueError(f"TrainerConfig: {name} must be more than 0, not {value}")
        for name in ("use_mixed_precision", "shuffle"):
            if not isinstance(getattr(self, name), bool):
                raise ArgumentTypeError(f"TrainerConfig: {name} must be True or False, not {getattr(self, name)!r}")
        if rustorch.device(self.device).type != "cpu":
            raise _C.DeviceError(f"TrainerConfig: device '{self.device}' is not available here: models train on the CPU")
        _check_verbose("TrainerConfig", self.verbose)

    def to_dict(self) -> Dict[str, Any]:
        """The settings by name."""
        return dataclasses.asdict(self)


class Trainer:
    """Trains models as a :class:`TrainerConfig` says.

    Parameters
    ----------
    config : TrainerConfig, optional
    model, optimizer, criterion, metrics : optional
        For one model of any kind: ``Trainer(model, optimizer, criterion)``. A :class:`rustorch.Model` that was compiled needs none of
        them; for another :class:`rustorch.nn.Module` ``optimizer`` and ``criterion`` are what ``compile`` takes.

    Examples
    --------
    >>> import rustorch
    >>> from rustorch.training import Trainer, TrainerConfig
    >>> x, y = rustorch.randn(64, 3), rustorch.randn(64, 1)
    >>> model = rustorch.Model(["Dense(4, activation=relu)", "Dense(1)"])
    >>> model.compile("adam", "mse")
    >>> history = Trainer(TrainerConfig(epochs=3, verbose=0)).train(model, (x, y), (x, y))
    >>> len(history.train_loss()), history.val_epochs()
    (3, [1, 2, 3])
    >>> net = rustorch.nn.Linear(3, 1)
    >>> optimizer = rustorch.optim.SGD(net.parameters(), lr=0.1)
    >>> trainer = Trainer(net, optimizer, rustorch.nn.MSELoss(), config=TrainerConfig(epochs=2, verbose=0))
    >>> len(trainer.train((x, y)).train_loss())
    2
    """

    def __init__(
        self, *args: Any, config: Optional[TrainerConfig] = None, model: Any = None, optimizer: Any = None, criterion: Any = None,
        metrics: Any = None, callbacks: Any = None,
    ) -> None:  # fmt: skip
        rest = list(args)
        if rest and isinstance(rest[0], Module):
            model = rest.pop(0)
            names = ("optimizer", "criterion")
        else:
            names = ("config",)
        given = {"config": config, "optimizer": optimizer, "criterion": criterion}
        for name, value in zip(names, rest):
            given[name] = value
        if len(rest) > len(names):
            raise ArgumentTypeError("Trainer takes a TrainerConfig, or a model, an optimizer and a criterion")
        config = given["config"]
        if config is not None and not isinstance(config, TrainerConfig):
            raise ArgumentTypeError(f"Trainer: config must be a TrainerConfig, not {type(config).__name__}")
        self.config = TrainerConfig() if config is None else config
        self.optimizer, self.criterion, self.metrics, self.callbacks = given["optimizer"], given["criterion"], metrics, callbacks
        self.model = None if model is None else self._trainable(model)

    # ------------------------------------------------------------------------------------------ models

    def _trainable(self, model: Any) -> Trainable:
        """The model itself, or one around a module; compiled with what the trainer was given."""
        if isinstance(model, DistributedDataParallel):
            model = model.module
        if not isinstance(model, Module):
            raise ArgumentTypeError(f"Trainer: a model or a module is expected, not {type(model).__name__}")
        if not isinstance(model, Trainable):
            from rustorch.training.model import Model

            around = getattr(self, "model", None)
            if around is not None and getattr(around, "_around", None) is model:
                return around
            module, model = model, Model([model])
            object.__setattr__(model, "_around", module)  # not a child: it is one already
        if self.criterion is not None and not model.compiled:
            model.compile("rmsprop" if self.optimizer is None else self.optimizer, self.criterion, metrics=self.metrics)
        if not model.compiled:
            raise RusTorchError(
                "Trainer: the model is not compiled: call model.compile(optimizer, loss) first, or give Trainer(model, optimizer, "
                "criterion)"
            )
        return model

    def _sorted(self, args: Tuple[Any, ...]) -> Tuple[Trainable, Tuple[Any, ...]]:
        """The model, given here or to the constructor, and the data."""
        if args and isinstance(args[0], Module):
            return self._trainable(args[0]), args[1:]
        if self.model is None:
            raise ArgumentTypeError("Trainer: no model is given: trainer.train(model, train_loader, val_loader)")
        return self.model, args

    # ------------------------------------------------------------------------------------------ training

    def train(self, *args: Any, train_loader: Any = None, val_loader: Any = None, callbacks: Any = None) -> TrainingHistory:
        """Train: ``train(model, train_loader, val_loader=None)``, or without the model where the trainer has one.

        Parameters
        ----------
        model : Model or Module
        train_loader, val_loader : DataLoader, data set, or pair of arrays
        callbacks : list, optional

        Returns
        -------
        TrainingHistory
            ``val_loss()`` has one entry for each validation; ``val_epochs()`` says which.
        """
        model, data = self._sorted(args)
        data = (*data, *(None,) * (2 - len(data)))
        train_loader = data[0] if train_loader is None else train_loader
        val_loader = data[1] if val_loader is None else val_loader
        if train_loader is None:
            raise ArgumentTypeError("Trainer.train: no data to train with is given: trainer.train(model, train_loader, val_loader)")
        config = self.config
        if config.seed is not None:
            set_seed(config.seed)
        model._need_compiled("Trainer.train")
        if config.learning_rate is not None:
            for group in model._ready_optimizer().param_groups:
                group["lr"] = config.learning_rate
        model._together()
        source = feed(
            *_triple(train_loader), batch_size=config.batch_size, shuffle=config.shuffle, who="Trainer.train", each_once=False
        )  # fmt: skip
        valid = None
        if val_loader is not None:
            triple = _triple(val_loader)
            size = config.batch_size if _takes_size(triple[0]) else None
            valid = Steps(feed(*triple, batch_size=size, who="val_loader"), None, "Trainer.train", "")
        options = Options(
            clip_norm=config.gradient_clip_norm, clip_value=config.gradient_clip_value, accumulation=config.accumulation_steps,
            autocast=config.use_mixed_precision, log_every=config.log_frequency, validate_last=True,
        )  # fmt: skip
        return model._fit(
            Steps(source, None, "Trainer.train", ""), valid, config.epochs, verbose=config.verbose, callbacks=self._called(callbacks),
            validation_freq=config.validation_frequency, options=options,
        )  # fmt: skip

    def _called(self, callbacks: Any) -> Any:
        lists = [each if isinstance(each, (list, tuple)) else [each] for each in (self.callbacks, callbacks) if each is not None]
        every = [callback for each in lists for callback in each]
        if self.config.checkpoint_dir is not None:
            from rustorch.training.callbacks import BackupAndRestore

            every.append(BackupAndRestore(self.config.checkpoint_dir, self.config.checkpoint_frequency))
        return every

    def evaluate(self, *args: Any) -> Dict[str, float]:
        """``evaluate(model, loader)``: the loss and the metrics by name; see :meth:`rustorch.Model.evaluate`."""
        model, data = self._sorted(args)
        if len(data) != 1:
            raise ArgumentTypeError("Trainer.evaluate takes a model and data: trainer.evaluate(model, loader)")
        x, y, weight = _triple(data[0])
        size = self.config.batch_size if _takes_size(x) else None
        return model.evaluate(x, y, batch_size=size, verbose=self.config.verbose, sample_weight=weight)

    def predict(self, *args: Any) -> Any:
        """``predict(model, data)``: see :meth:`rustorch.Model.predict`."""
        model, data = self._sorted(args)
        if len(data) != 1:
            raise ArgumentTypeError("Trainer.predict takes a model and data: trainer.predict(model, loader)")
        size = self.config.batch_size if _takes_size(data[0]) else None
        return model.predict(data[0], batch_size=size, verbose=self.config.verbose)
