"""Callbacks: what is called when, with what; with a small model of the test's own, and with fit."""

import csv
import io
import os
import warnings

import numpy as np
import pytest

import rustorch
from rustorch.training import Model, callbacks, metrics
from rustorch.training.callbacks import (
    Callback, CallbackList, CSVLogger, EarlyStopping, History, LambdaCallback, LearningRateScheduler, ModelCheckpoint, ProgressBar,
    ReduceLROnPlateau, TensorBoard, TerminateOnNaN,
)  # fmt: skip

HOOKS = [name for name in dir(Callback) if name.startswith("on_")]


class Fake:
    """What callbacks need of a model: weights that count the epochs, an optimiser, files."""

    def __init__(self):
        self.weight = rustorch.zeros(2)
        self.optimizer = rustorch.optim.SGD([rustorch.zeros(1).requires_grad_()], lr=0.8)
        self.stop_training = False
        self.saved = []

    def state_dict(self):
        return {"weight": self.weight}

    def load_state_dict(self, state):
        self.weight = state["weight"]

    def save(self, path):
        self.saved.append(path)
        with open(path, "w") as file:
            file.write("model")

    def save_weights(self, path):
        self.saved.append("weights:" + path)
        with open(path, "w") as file:
            file.write("weights")

    @property
    def lr(self):
        return self.optimizer.param_groups[0]["lr"]

    @lr.setter
    def lr(self, value):
        self.optimizer.param_groups[0]["lr"] = value


def train(given, values, monitor="val_loss", batches=2, model=None, first=0, end=True):
    """Epochs whose monitored value is as given; None leaves it out. The list and the model; ends as fit does."""
    model = model or Fake()
    called = CallbackList(given, model=model, epochs=len(values), steps=batches, verbose=0)
    model.stop_training = False
    called.on_train_begin()
    logs = {}
    for epoch, value in enumerate(values, first):
        called.on_epoch_begin(epoch)
        for batch in range(batches):
            called.on_train_batch_begin(batch)
            model.weight += 1
            called.on_train_batch_end(batch, {"loss": 1.0})
        logs = {"loss": 1.0} if value is None else {"loss": 1.0, monitor: value}
        called.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    if end:
        called.on_train_end(logs)
    return called, model


class Recorder(Callback):
    """Writes down the calls."""

    def __init__(self, log, name=""):
        self.log, self.name = log, name

    def __getattribute__(self, key):
        if key in HOOKS and key not in ("on_batch_begin", "on_batch_end"):
            log, name = object.__getattribute__(self, "log"), object.__getattribute__(self, "name")
            return lambda *args, **kwargs: log.append((name + key, *[x for x in args if isinstance(x, int)]))
        return object.__getattribute__(self, key)


# ------------------------------------------------------------------------------------------------ the list


def test_calls_come_in_order():
    log = []
    train([Recorder(log, "a."), Recorder(log, "b.")], [1.0], batches=1)
    names = ["on_train_begin", "on_epoch_begin", "on_train_batch_begin", "on_train_batch_end", "on_epoch_end", "on_train_end"]
    assert [entry[0] for entry in log] == [f"{who}.{name}" for name in names for who in "ab"]
    assert log[2:4] == [("a.on_epoch_begin", 0), ("b.on_epoch_begin", 0)]


def test_order_of_fit():
    log = []
    model = Model(["Dense(1)"])
    model.compile("sgd", "mse")
    x = np.zeros((6, 2), np.float32)
    valid = {"validation_data": (x, x[:, :1]), "validation_batch_size": 6}
    model.fit(x, x[:, :1], epochs=2, batch_size=3, callbacks=Recorder(log), verbose=0, **valid)
    epoch = [
        "on_epoch_begin", "on_train_batch_begin", "on_train_batch_end", "on_train_batch_begin", "on_train_batch_end", "on_test_begin",
        "on_test_batch_begin", "on_test_batch_end", "on_test_end", "on_epoch_end",
    ]  # fmt: skip
    assert [entry[0] for entry in log] == ["on_train_begin", *epoch, *epoch, "on_train_end"]
    assert [entry for entry in log if entry[0] in ("on_epoch_begin", "on_epoch_end")] == [
        ("on_epoch_begin", 0), ("on_epoch_end", 0), ("on_epoch_begin", 1), ("on_epoch_end", 1),
    ]  # fmt: skip
    assert [entry[1] for entry in log if entry[0] == "on_train_batch_end"] == [0, 1, 0, 1]
    log.clear()
    model.evaluate(x, x[:, :1], callbacks=[Recorder(log)], verbose=0)
    model.predict(x, callbacks=[Recorder(log)], verbose=0)
    for what in ("test", "predict"):
        part = [entry[0] for entry in log if what in entry[0]]
        assert part == [f"on_{what}_begin", f"on_{what}_batch_begin", f"on_{what}_batch_end", f"on_{what}_end"]


def test_logs_are_shared_and_plain():
    seen = []
    first = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(more=epoch))
    given = CallbackList([first, LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(dict(logs)))])
    given.on_epoch_end(3, {"loss": rustorch.tensor(0.5)})
    assert seen == [{"loss": 0.5, "more": 3}] and type(seen[0]["loss"]) is float


def test_older_names_of_batches():
    seen = []

    class Old(Callback):
        def on_batch_begin(self, batch, logs=None):
            seen.append(("begin", batch))

        def on_batch_end(self, batch, logs=None):
            seen.append(("end", batch, logs["loss"]))

    train(Old(), [1.0], batches=1)
    assert seen == [("begin", 0), ("end", 0, 1.0)]


def test_params_model_and_defaults():
    one, two = Callback(), Callback()
    model = Fake()
    given = CallbackList([one, [two]], add_history=True, add_progbar=True, model=model, epochs=3, steps=2, verbose=0)
    assert [type(each) for each in given] == [Callback, Callback, History, ProgressBar]
    assert one.model is two.model is model and one.params == {"epochs": 3, "steps": 2, "verbose": 0}
    again = CallbackList([History()], add_history=True, params={"epochs": 1})
    assert len(again) == 1 and again.params == {"epochs": 1}
    again.append(one)
    assert len(again) == 2


def test_history():
    history = History()
    train(history, [0.5, None, 0.25])
    assert history.history == {"loss": [1.0, 1.0, 1.0], "val_loss": [0.5, 0.25]} and history.epoch == [0, 1, 2]


def test_lambda():
    log = []
    train(
        LambdaCallback(
            on_epoch_begin=lambda epoch, logs: log.append(("begin", epoch)), on_train_end=lambda logs: log.append(("end", logs["loss"])),
            on_batch_end=lambda batch, logs: log.append(batch),
        ),
        [1.0],
    )  # fmt: skip
    assert log == [("begin", 0), 0, 1, ("end", 1.0)]


# ------------------------------------------------------------------------------------------------ early stopping


@pytest.mark.parametrize(
    "options, values, last",
    [
        ({}, [1.0, 0.9, 0.95, 0.1], 2),  # patience 0: the first that is not better
        ({"patience": 1}, [1.0, 1.1, 0.1], 1),  # one epoch that is not better
        ({"patience": 2}, [1.0, 1.1, 1.2, 0.1], 2),
        ({"patience": 2}, [1.0, 1.1, 0.9, 1.0, 1.1, 0.1], 4),
        ({"min_delta": 0.1}, [1.0, 0.95, 0.1], 1),
        ({"min_delta": -0.1}, [1.0, 0.85, 0.8], 2),  # the sign does not matter
        ({"mode": "max"}, [0.1, 0.2, 0.3, 0.3, 0.9], 3),
        ({"mode": "min"}, [0.3, 0.2, 0.2, 0.1], 2),
        ({"baseline": 0.5, "patience": 2}, [0.9, 0.8, 0.95], 2),  # what is better but not below the baseline resets nothing
        ({"baseline": 0.5, "patience": 2}, [0.4, 0.8, 0.7, 0.1], 2),
        ({"start_from_epoch": 2}, [0.1, 0.2, 0.3, 0.2, 0.4, 0.1], 4),
        ({}, [1.0, None, None, 1.1, 0.5], 3),  # epochs without a validation do not count
        ({"patience": 1}, [float("nan"), 0.5, 0.4, 0.6, 0.1], 3),  # NaN is no best
        ({"patience": 2}, [0.5, float("nan"), float("nan"), 0.1], 2),
    ],
)  # fmt: skip
def test_early_stopping(options, values, last):
    epochs = []
    stop = EarlyStopping(**options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if None in values else "error")
        train([stop, LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch))], [*values, 0.0, 0.0])
    assert epochs[-1] == last and stop.stopped_epoch == last


def test_best_weights_come_back():
    stop = EarlyStopping(patience=2, restore_best_weights=True)
    _, model = train(stop, [1.0, 0.5, 0.7, 0.8, 0.1], batches=1)
    assert model.weight.tolist() == [2, 2] and stop.best_epoch == 1 and stop.best == 0.5
    _, model = train(EarlyStopping(patience=9, restore_best_weights=True), [1.0, 0.5, 0.7], batches=1)
    assert model.weight.tolist() == [2, 2]  # also where training came to its end
    _, model = train(EarlyStopping(patience=1), [1.0, 0.5, 0.7], batches=1)
    assert model.weight.tolist() == [3, 3]


def test_direction_comes_from_the_metric():
    for monitor, values, last in (
        ("val_accuracy", [0.1, 0.2, 0.2], 2), ("accuracy", [0.1, 0.2, 0.2], 2), ("val_auc", [0.5, 0.4], 1), ("val_mae", [0.5, 0.6], 1),
        ("val_loss", [0.5, 0.6], 1), ("my_loss", [0.5, 0.6], 1), ("val_f1_score", [0.5, 0.4], 1), ("val_huber", [0.5, 0.6], 1),
    ):  # fmt: skip
        stop = EarlyStopping(monitor)
        train(stop, [*values, 0.3], monitor=monitor)
        assert stop.stopped_epoch == last, monitor

    class Cleverness(metrics.Mean):
        direction = "up"

    model = Fake()
    model._metrics = [Cleverness("cleverness")]
    stop = EarlyStopping("val_cleverness")
    train(stop, [0.5, 0.6, 0.1], monitor="val_cleverness", model=model)
    assert stop.stopped_epoch == 2


def test_early_stopping_says_so(capsys):
    train(EarlyStopping(verbose=1, restore_best_weights=True), [1.0, 0.5, 0.7])
    assert capsys.readouterr().out == "Epoch 3: early stopping\nThe model gets the weights of its best epoch, 2.\n"


# ------------------------------------------------------------------------------------------------ checkpoints


def test_a_file_each_epoch(tmp_path):
    _, model = train(ModelCheckpoint(tmp_path / "in" / "m-{epoch:02d}-{val_loss:.2f}.rustorch"), [0.5, 0.25])
    assert sorted(os.listdir(tmp_path / "in")) == ["m-01-0.50.rustorch", "m-02-0.25.rustorch"]
    _, model = train(ModelCheckpoint(tmp_path / "w{epoch}.h5", save_weights_only=True), [0.5])
    assert model.saved == [f"weights:{tmp_path}/w1.h5"]


@pytest.mark.parametrize(
    "options, values, saved",
    [
        ({}, [0.5, 0.6, 0.4, 0.4], [1, 3]),
        ({"mode": "max"}, [0.5, 0.6, 0.4, 0.7], [1, 2, 4]),
        ({"monitor": "val_accuracy"}, [0.5, 0.6, 0.4, 0.7], [1, 2, 4]),
        ({"initial_value_threshold": 0.45}, [0.5, 0.6, 0.4, 0.3], [3, 4]),
        ({}, [float("nan"), 0.6, float("nan"), 0.5], [2, 4]),
    ],
)  # fmt: skip
def test_only_the_best(tmp_path, options, values, saved):
    monitor = options.get("monitor", "val_loss")
    train(ModelCheckpoint(tmp_path / "{epoch}", save_best_only=True, **options), values, monitor=monitor)
    assert sorted(map(int, os.listdir(tmp_path))) == saved


def test_every_so_many_batches(tmp_path):
    train(ModelCheckpoint(tmp_path / "{epoch}-{batch}", save_freq=3), [1.0, 1.0, 1.0], batches=4)
    assert sorted(os.listdir(tmp_path)) == ["1-3", "2-2", "3-1", "3-4"]


def test_keep_last(tmp_path):
    train(ModelCheckpoint(tmp_path / "{epoch}", keep_last=2), [1.0] * 5)
    assert sorted(os.listdir(tmp_path)) == ["4", "5"]
    train(ModelCheckpoint(tmp_path / "one", keep_last=1), [1.0] * 3)
    assert "one" in os.listdir(tmp_path)


def test_checkpoints_say_so(tmp_path, capsys):
    train(ModelCheckpoint(tmp_path / "m", save_best_only=True, verbose=1), [0.5, 0.6, 0.25])
    said = capsys.readouterr().out.replace(str(tmp_path), "DIR").splitlines()
    assert said == [
        "Epoch 1: val_loss went from none to 0.50000, saving the model to DIR/m",
        "Epoch 2: val_loss 0.60000 is not better than 0.50000",
        "Epoch 3: val_loss went from 0.50000 to 0.25000, saving the model to DIR/m",
    ]


# ------------------------------------------------------------------------------------------------ learning rates


def test_scheduler():
    rates = []
    note = LambdaCallback(on_epoch_end=lambda epoch, logs: rates.append(logs["learning_rate"]))
    train([LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch else rate), note], [1.0] * 3)
    assert rates == [0.8, 0.4, 0.2]
    rates.clear()
    train([LearningRateScheduler(lambda epoch: rustorch.tensor(1.0 / (epoch + 1))), note], [1.0] * 2)
    assert rates == [1.0, 0.5]
    model = Fake()
    model.optimizer = rustorch.optim.SGD([{"params": [rustorch.zeros(1).requires_grad_()], "lr": lr} for lr in (1.0, 0.1)], lr=1.0)
    train(LearningRateScheduler(lambda epoch, rate: rate / 2), [1.0], model=model)
    assert [group["lr"] for group in model.optimizer.param_groups] == [0.5, 0.05]


@pytest.mark.parametrize(
    "options, values, rates",
    [
        ({"patience": 1}, [1.0, 1.0, 1.0, 0.5], [0.8, 0.08, 0.008, 0.008]),
        ({"patience": 2, "factor": 0.5}, [1.0, 1.0, 1.0, 1.0, 1.0], [0.8, 0.8, 0.4, 0.4, 0.2]),
        ({"patience": 1, "factor": 0.5, "cooldown": 2}, [1.0] * 6, [0.8, 0.4, 0.4, 0.2, 0.2, 0.1]),
        ({"patience": 1, "factor": 0.5, "min_lr": 0.3}, [1.0] * 4, [0.8, 0.4, 0.3, 0.3]),
        ({"patience": 1, "factor": 0.5, "min_delta": 0.1}, [1.0, 0.95, 0.8], [0.8, 0.4, 0.4]),
        ({"patience": 1, "factor": 0.5, "mode": "max"}, [1.0, 1.1, 1.0], [0.8, 0.8, 0.4]),
        ({"patience": 2, "factor": 0.5}, [1.0, 1.1, 0.9, 1.0, 1.0], [0.8, 0.8, 0.8, 0.8, 0.4]),
    ],
)  # fmt: skip
def test_plateau(options, values, rates):
    """Rates after each epoch; in a cooldown of n, epochs count again from the n-th on, as in Keras."""
    found, model = [], Fake()
    train([ReduceLROnPlateau(**options), LambdaCallback(on_epoch_end=lambda epoch, logs: found.append(model.lr))], values, model=model)
    assert found == pytest.approx(rates)


def test_plateau_writes_the_rate_into_the_logs():
    history = History()
    train([ReduceLROnPlateau(patience=1, factor=0.5), history], [1.0, 1.0, 1.0])
    assert history.history["learning_rate"] == [0.8, 0.8, 0.4]  # the one that the epoch was trained with


def test_rates_say_so(capsys):
    train([LearningRateScheduler(lambda epoch: 0.1, verbose=1), ReduceLROnPlateau(patience=1, verbose=1)], [1.0, 1.0])
    assert capsys.readouterr().out.splitlines() == [
        "Epoch 1: the learning rate is 0.1.", "Epoch 2: the learning rate is 0.1.", "Epoch 2: the learning rate goes from 0.1 to 0.01.",
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------ NaN


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), -float("inf")])
def test_terminate_on_nan(loss, capsys):
    model = Fake()
    guard = CallbackList([TerminateOnNaN()], model=model)
    guard.on_train_batch_end(0, {"loss": 1.0})
    guard.on_train_batch_end(1, {})
    assert not model.stop_training
    guard.on_train_batch_end(2, {"loss": loss})
    assert model.stop_training and capsys.readouterr().out == f"Batch 2: the loss is {loss}, training stops\n"
    with pytest.raises(rustorch.RusTorchError, match="a smaller learning rate"):
        TerminateOnNaN(raise_error=True).on_train_batch_end(0, {"loss": loss})


def test_terminate_on_nan_in_fit():
    model = Model(["Dense(1)"])
    model.compile("sgd", "mse")
    x = np.full((8, 2), np.nan, np.float32)
    history = model.fit(x, x[:, :1], epochs=5, batch_size=2, callbacks=[TerminateOnNaN()], verbose=0)
    assert len(history.history["loss"]) == 1


# ------------------------------------------------------------------------------------------------ tables


def table(path, separator=","):
    with open(path, newline="") as file:
        return list(csv.reader(file, delimiter=separator))


def test_csv(tmp_path):
    path = tmp_path / "in" / "log.csv"
    log = CSVLogger(path)
    log.on_train_begin()
    log.on_epoch_end(0, {"loss": 0.5, "accuracy": 0.25})
    assert table(path)[1] == ["0", "0.25", "0.5", "NA", "NA"]  # on the disk at once
    log.on_epoch_end(1, {"loss": 0.125, "accuracy": 0.75, "val_loss": 1.0, "val_accuracy": 0.0, "surplus": 3})
    log.on_train_end()
    assert table(path) == [
        ["epoch", "accuracy", "loss", "val_accuracy", "val_loss"], ["0", "0.25", "0.5", "NA", "NA"], ["1", "0.75", "0.125", "0.0", "1.0"],
    ]  # fmt: skip
    log.on_train_begin()
    log.on_epoch_end(0, {"loss": 2.0, "val_loss": 3.0})
    log.on_train_end()
    assert table(path) == [["epoch", "loss", "val_loss"], ["0", "2.0", "3.0"]]


def test_csv_on_a_full_disk():
    with pytest.raises(rustorch.SerializationError, match="/dev/full cannot be written: No space left") as caught:
        train(CSVLogger("/dev/full"), [0.5])
    assert isinstance(caught.value, OSError)


def test_csv_separator_and_arrays(tmp_path):
    train(CSVLogger(tmp_path / "a.csv", separator=";"), [np.array([0.5, 1.0])])
    assert table(tmp_path / "a.csv", ";") == [["epoch", "loss", "val_loss"], ["0", "1.0", "[0.5, 1.0]"]]


def test_csv_goes_on(tmp_path):
    path = tmp_path / "log.csv"
    train(CSVLogger(path, append=True), [0.5, 0.4])
    train(CSVLogger(path, append=True), [0.3])  # another fit from epoch 0: its lines follow
    assert [line[0] for line in table(path)] == ["epoch", "0", "1", "0"]
    train(CSVLogger(path), [0.5, 0.4, 0.3])
    with open(path, "a") as file:
        file.write("3,0.")  # a line that a kill cut
    train(CSVLogger(path, append=True), [0.25, 0.2], first=2)  # resumed from epoch 2: its lines replace those of the killed run
    assert table(path) == [
        ["epoch", "loss", "val_loss"], ["0", "1.0", "0.5"], ["1", "1.0", "0.4"], ["2", "1.0", "0.25"], ["3", "1.0", "0.2"],
    ]  # fmt: skip


def test_csv_in_fit(tmp_path):
    model = Model(["Dense(2, activation=softmax)"])
    model.compile("sgd", "sparse_categorical_crossentropy", ["accuracy"])
    x, y = np.random.default_rng(0).normal(size=(20, 3)).astype("float32"), np.arange(20) % 2
    history = model.fit(x, y, epochs=2, validation_split=0.2, callbacks=[CSVLogger(tmp_path / "log.csv")], verbose=0)
    lines = table(tmp_path / "log.csv")
    assert lines[0] == ["epoch", "accuracy", "loss", "val_accuracy", "val_loss"]
    assert [float(line[2]) for line in lines[1:]] == history.history["loss"]


# ------------------------------------------------------------------------------------------------ bars


def test_bar_off_a_terminal():
    stream = io.StringIO()
    called = CallbackList([ProgressBar(stream)], epochs=2, steps=3, verbose=1)
    called.on_train_begin()
    for epoch in range(2):
        called.on_epoch_begin(epoch)
        for batch in range(3):
            called.on_train_batch_end(batch, {"loss": 1.0 / (batch + 1)})
        called.on_epoch_end(epoch, {"loss": 0.5, "val_loss": 0.25})
    called.on_train_end()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2 and lines[0].startswith("Epoch 1/2: 3 steps") and lines[1].endswith("loss 0.5000  val_loss 0.2500")
    stream = io.StringIO()
    quiet = CallbackList([ProgressBar(stream)], epochs=2, steps=3, verbose=0)
    quiet.on_epoch_begin(0)
    quiet.on_train_batch_end(0, {})
    quiet.on_epoch_end(0, {})
    assert stream.getvalue() == ""


def test_bar_on_a_terminal(monkeypatch):
    monkeypatch.setenv("RUSTORCH_COLUMNS", "80")
    stream = io.StringIO()
    called = CallbackList([ProgressBar(stream)], epochs=1, verbose=1)  # how many steps is not known
    called.on_test_begin()
    called.on_test_batch_end(0, {"loss": 1.0})
    called.on_test_batch_end(1, {"loss": 1.0})
    called.on_test_end({"loss": 0.5})
    assert stream.getvalue().endswith("loss 0.5000\x1b[K\n") and "Evaluate" in stream.getvalue()


# ------------------------------------------------------------------------------------------------ resuming


def test_states_go_on():
    """A run cut in two, its callbacks' states carried over, stops, lowers and saves as the whole run does."""
    values = [1.0, 0.9, 0.95, 0.92, 0.94, 0.93, 0.91, 0.99]

    def made():
        return [EarlyStopping(patience=5, restore_best_weights=True), ReduceLROnPlateau(patience=2, factor=0.5), History()]

    whole = made()
    _, first = train(whole, values)
    part = made()
    called, _ = train(part, values[:4], end=False)
    state = called.state_dict()
    again, model = made(), Fake()
    model.lr = 0.4
    model.weight += 8
    called = CallbackList(again, model=model)
    called.on_train_begin()
    called.load_state_dict(state)
    for epoch, value in enumerate(values[4:], 4):
        model.weight += 2
        called.on_epoch_end(epoch, {"loss": 1.0, "val_loss": value})
        if model.stop_training:
            break
    called.on_train_end({})
    assert again[0].stopped_epoch == whole[0].stopped_epoch == 6 and again[0].best == whole[0].best
    assert model.lr == first.lr == 0.2
    assert model.weight.tolist() == first.weight.tolist() == [4, 4]
    assert again[2].epoch == whole[2].epoch and again[2].history["val_loss"] == whole[2].history["val_loss"]
    with pytest.raises(rustorch.RusTorchError, match="give the same, in the same order"):
        CallbackList([History()]).load_state_dict(state)


def test_states_can_be_saved(tmp_path):
    board = TensorBoard(tmp_path / "t", write_graph=False)
    called, _ = train([EarlyStopping(restore_best_weights=True), ModelCheckpoint(tmp_path / "m"), board], [1.0], end=False)
    board.on_train_end()
    rustorch.save(called.state_dict(), tmp_path / "state.h5")
    state = rustorch.load(tmp_path / "state.h5")
    assert state["0.EarlyStopping"]["best"] == 1.0 and state["0.EarlyStopping"]["best_weights"]["weight"].tolist() == [2, 2]


# ------------------------------------------------------------------------------------------------ with fit


def test_with_fit(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 3)).astype("float32")
    y = x @ np.array([[1.0], [2.0], [-1.0]], np.float32)
    model = Model(["Dense(1)"])
    model.compile({"name": "sgd", "learning_rate": 0.1}, "mse", ["mae"])
    given = [
        LearningRateScheduler(lambda epoch, rate: rate if epoch < 2 else rate * 0.5),
        ModelCheckpoint(tmp_path / "best.rustorch", save_best_only=True, save_weights_only=True),
        EarlyStopping(patience=3, min_delta=1e9, restore_best_weights=True), TensorBoard(tmp_path / "board", histogram_freq=1),
    ]  # fmt: skip
    history = model.fit(x, y, epochs=9, batch_size=16, validation_split=0.25, callbacks=given, verbose=0)
    assert history.history["learning_rate"] == pytest.approx([0.1, 0.1, 0.05, 0.025])
    assert len(history.history["loss"]) == 4 and given[2].stopped_epoch == 3
    again = Model(["Dense(1)"])
    again.compile("sgd", "mse", ["mae"])
    again(rustorch.zeros(1, 3))
    again.load_weights(tmp_path / "best.rustorch")
    assert again.evaluate(x[48:], y[48:], verbose=0)["loss"] == pytest.approx(min(history.history["val_loss"]), rel=1e-5)
    first = model.evaluate(x[48:], y[48:], verbose=0)["loss"]  # the weights of the best epoch: with this min_delta the first
    assert first == pytest.approx(history.history["val_loss"][0], rel=1e-5)
    assert len(os.listdir(tmp_path / "board" / "train")) == 1


def test_all_names():
    for name in callbacks.__all__:
        assert issubclass(getattr(callbacks, name), Callback)
    assert callbacks.ProgbarLogger is ProgressBar
