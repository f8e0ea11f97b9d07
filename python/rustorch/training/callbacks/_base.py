"""What callbacks are, and the list of them that training calls."""

from __future__ import annotations

import inspect
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Union

from rustorch import Tensor
from rustorch._C import ArgumentTypeError, RusTorchError
from rustorch.training import _ranks
from rustorch.training._names import did_you_mean

Logs = Dict[str, Any]


def say(text: str) -> None:
    """Print, on the first rank only."""
    if _ranks.rank() == 0:
        print(text, flush=True)


class Callback:
    """The base of callbacks: training calls these methods, each of which a subclass may write.

    Numbers of epochs and batches count from 0. ``logs`` of a batch are the means since the epoch began, those of an epoch
    also hold the validation's with ``val_`` before their names. Callbacks share the ``logs`` of an epoch: what one adds is seen
    by those after it, and by the history.

    Under several ranks every rank has its own callbacks, and numbers in ``logs`` of epochs are the same on all of them.

    Attributes
    ----------
    model : Model
    params : dict
        ``verbose``, ``epochs``, ``steps``.

    Source: Keras 3, ``keras.callbacks.Callback``.

    Example
    -------
    >>> from rustorch.training.callbacks import Callback, CallbackList
    >>> class Shout(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(f"EPOCH {epoch + 1}: {logs['loss']}!")
    >>> CallbackList([Shout()]).on_epoch_end(0, {"loss": 0.5})
    EPOCH 1: 0.5!
    """

    #: Attributes that :meth:`state_dict` holds: what a resumed run must know.
    state_names: Sequence[str] = ()

    params: Optional[Dict[str, Any]] = None
    model: Any = None

    def set_params(self, params: Dict[str, Any]) -> None:
        """Told before training: ``verbose``, ``epochs``, ``steps``."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Told before training."""
        self.model = model

    def state_dict(self) -> Dict[str, Any]:
        """What a resumed run must know, as plain data and tensors."""
        return {name: getattr(self, name) for name in self.state_names}

    def load_state_dict(self, state: Dict[str, Any]) -> None:
        """Go on from :meth:`state_dict`; called after :meth:`on_train_begin`."""
        for name in self.state_names:
            if name in state:
                setattr(self, name, state[name])

    def on_train_begin(self, logs: Optional[Logs] = None) -> None:
        """Called before the first epoch."""

    def on_train_end(self, logs: Optional[Logs] = None) -> None:
        """Called after the last epoch, with its logs."""

    def on_epoch_begin(self, epoch: int, logs: Optional[Logs] = None) -> None:
        """Called before an epoch."""

    def on_epoch_end(self, epoch: int, logs: Optional[Logs] = None) -> None:
        """Called after an epoch and its validation."""

    def on_batch_begin(self, batch: int, logs: Optional[Logs] = None) -> None:
        """Called before a training batch: the older name of :meth:`on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Optional[Logs] = None) -> None:
        """Called after a training batch: the older name of :meth:`on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: Optional[Logs] = None) -> None:
        """Called before a training batch."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Optional[Logs] = None) -> None:
        """Called after a training batch."""
        self.on_batch_end(batch, logs=logs)

    def on_test_begin(self, logs: Optional[Logs] = None) -> None:
        """Called before ``evaluate``, and before a validation."""

    def on_test_end(self, logs: Optional[Logs] = None) -> None:
        """Called after ``evaluate``, and after a validation."""

    def on_test_batch_begin(self, batch: int, logs: Optional[Logs] = None) -> None:
        """Called before a batch of ``evaluate`` or of a validation."""

    def on_test_batch_end(self, batch: int, logs: Optional[Logs] = None) -> None:
        """Called after a batch of ``evaluate`` or of a validation."""

    def on_predict_begin(self, logs: Optional[Logs] = None) -> None:
        """Called before ``predict``."""

    def on_predict_end(self, logs: Optional[Logs] = None) -> None:
        """Called after ``predict``."""

    def on_predict_batch_begin(self, batch: int, logs: Optional[Logs] = None) -> None:
        """Called before a batch of ``predict``."""

    def on_predict_batch_end(self, batch: int, logs: Optional[Logs] = None) -> None:
        """Called after a batch of ``predict``."""


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))


class History(Callback):
    """Collects the logs of epochs.

    Attributes
    ----------
    history : dict of lists
        One list a name, with a value for each epoch that had it.
    epoch : list of int
        The epochs' numbers.

    Example
    -------
    >>> from rustorch.training.callbacks import History
    >>> history = History()
    >>> history.on_train_begin()
    >>> history.on_epoch_end(0, {"loss": 0.5})
    >>> history.history
    {'loss': [0.5]}
    """

    state_names = ("history", "epoch")

    def __init__(self) -> None:
        self.history: Dict[str, List[Any]] = {}
        self.epoch: List[int] = []

    def on_train_begin(self, logs: Optional[Logs] = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Optional[Logs] = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class LambdaCallback(Callback):
    """Functions as a callback.

    Parameters
    ----------
    on_epoch_begin, on_epoch_end, on_train_batch_begin, on_train_batch_end, … : callables (number, logs)
    on_train_begin, on_train_end, … : callables (logs)
        Any method of :class:`Callback` that begins with ``on_``.

    Example
    -------
    >>> from rustorch.training.callbacks import LambdaCallback
    >>> LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs)).on_epoch_end(3, {"loss": 0.25})
    3 {'loss': 0.25}
    """

    def __init__(
        self, on_epoch_begin: Optional[Callable] = None, on_epoch_end: Optional[Callable] = None, on_train_begin: Optional[Callable] = None,
        on_train_end: Optional[Callable] = None, on_train_batch_begin: Optional[Callable] = None,
        on_train_batch_end: Optional[Callable] = None, **more: Callable,
    ) -> None:
        given = {
            "on_epoch_begin": on_epoch_begin, "on_epoch_end": on_epoch_end, "on_train_begin": on_train_begin, "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin, "on_train_batch_end": on_train_batch_end, **more,
        }  # fmt: skip
        for name, function in given.items():
            if name not in HOOKS:
                raise ArgumentTypeError(f"LambdaCallback: training never calls {name}{did_you_mean(name, HOOKS)}")
            if function is not None and not callable(function):
                raise ArgumentTypeError(f"LambdaCallback: {name} is a function, not {function!r:.60}")
            if function is not None:
                setattr(self, name, function)


def _flat(callbacks: Any) -> Iterator[Callback]:
    if callbacks is None:
        return
    if isinstance(callbacks, (list, tuple)):
        for each in callbacks:
            yield from _flat(each)
    elif inspect.isclass(callbacks):
        raise ArgumentTypeError(f"{callbacks.__name__} is a class, and a callback is an object: write {callbacks.__name__}()")
    elif all(hasattr(callbacks, name) for name in ("set_model", "on_train_begin", "on_epoch_end")):
        yield callbacks
    else:
        raise ArgumentTypeError(f"a callback is a Callback, not {callbacks!r:.60}; functions become one by LambdaCallback(on_epoch_end=…)")


def _plain(logs: Optional[Logs]) -> Optional[Logs]:
    """Numbers instead of tensors, in place: callbacks share the dictionary."""
    for name, value in (logs or {}).items():
        if isinstance(value, Tensor) and value.numel() == 1:
            logs[name] = value.item()  # type: ignore[index]
    return logs


class CallbackList(Callback):
    """Several callbacks as one, called in their order.

    Parameters
    ----------
    callbacks : callback or (nested) list of callbacks, optional
    add_history, add_progbar : bool, default False
        Add a :class:`History` and a :class:`ProgressBar` at the end, unless there is one.
    model : Model, optional
    params : dict, optional
        What callbacks find in their ``params``; more arguments are added to it.

    Raises
    ------
    ArgumentTypeError
        Something is no callback, such as a class in place of its object.

    Example
    -------
    >>> from rustorch.training.callbacks import CallbackList, LambdaCallback
    >>> first, second = (LambdaCallback(on_train_begin=lambda logs, name=name: print(name)) for name in "ab")
    >>> both = CallbackList([first, second])
    >>> both.on_train_begin()
    a
    b
    """

    def __init__(
        self, callbacks: Union[None, Callback, Iterable[Any]] = None, add_history: bool = False, add_progbar: bool = False,
        model: Any = None, params: Optional[Dict[str, Any]] = None, **more: Any,
    ) -> None:
        from rustorch.training.callbacks._progress import ProgressBar

        self.callbacks = list(_flat(callbacks))
        for wanted, kind in ((add_history, History), (add_progbar, ProgressBar)):
            if wanted and not any(isinstance(each, kind) for each in self.callbacks):
                self.callbacks.append(kind())
        if model is not None:
            self.set_model(model)
        if params or more:
            self.set_params({**(params or {}), **more})

    def append(self, callback: Callback) -> None:
        """Add one at the end."""
        self.callbacks.extend(_flat(callback))

    def __iter__(self) -> Iterator[Callback]:
        return iter(self.callbacks)

    def __len__(self) -> int:
        return len(self.callbacks)

    def set_params(self, params: Dict[str, Any]) -> None:
        self.params = params
        for each in self.callbacks:
            each.set_params(params)

    def set_model(self, model: Any) -> None:
        self.model = model
        for each in self.callbacks:
            each.set_model(model)

    def state_dict(self) -> Dict[str, Any]:
        """The states of all, by position and class."""
        states = {f"{i}.{type(each).__name__}": each.state_dict() for i, each in enumerate(self.callbacks) if hasattr(each, "state_dict")}
        return {key: state for key, state in states.items() if state}

    def load_state_dict(self, state: Dict[str, Any]) -> None:
        """Go on from :meth:`state_dict`.

        Raises
        ------
        RusTorchError
            The callbacks are others than those that it was taken from.
        """
        mine = {f"{i}.{type(each).__name__}": each for i, each in enumerate(self.callbacks)}
        missing = [key for key in state if key not in mine]
        if missing:
            raise RusTorchError(
                f"the run that is resumed had the callbacks {', '.join(state)}, this one has {', '.join(mine) or 'none'}: give the same, "
                "in the same order"
            )
        for key, each in state.items():
            mine[key].load_state_dict(each)


def _caller(name: str) -> Callable[..., None]:
    """The method of the list: every callback is given ``logs``, None where there are none, and the same dictionary."""
    if "batch" in name or "epoch" in name:

        def call(self: CallbackList, number: int, logs: Optional[Logs] = None) -> None:
            _plain(logs)
            for each in self.callbacks:
                getattr(each, name)(number, logs)

    else:

        def call(self: CallbackList, logs: Optional[Logs] = None) -> None:  # type: ignore[misc]
            _plain(logs)
            for each in self.callbacks:
                getattr(each, name)(logs)

    call.__name__ = name
    call.__doc__ = f"Call :meth:`Callback.{name}` of each."
    return call


for _name in HOOKS:
    setattr(CallbackList, _name, _caller(_name))
