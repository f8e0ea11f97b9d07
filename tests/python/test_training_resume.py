"""A run of fit that was killed and is started again ends in the same bits."""

import os

import numpy as np
import pytest

import rustorch
from rustorch.data import DataLoader, TensorDataset
from rustorch.training import BackupAndRestore, Trainer, TrainerConfig, callbacks

X = rustorch.randn(40, 5, generator=rustorch.Generator().manual_seed(1))
Y = (X.sum(1) > 0).long()


class Killed(Exception):
    pass


class Kill(callbacks.Callback):
    """Ends the run in the middle of an epoch."""

    def __init__(self, epoch):
        self.at = epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (self.at, 1):
            raise Killed


def model(optimizer="adam"):
    texts = ["Dense(8, activation=relu)", "BatchNorm()", "Dropout(0.3)", "GaussianNoise(0.1)", "Dense(2, activation=softmax)"]
    made = rustorch.Model(texts)
    made.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return made


def data(kind):
    """A new one for each run, as a new process has it."""
    if kind == "arrays":
        return {"x": X, "y": Y, "batch_size": 8}
    if kind == "steps":  # of 5 batches a pass
        return {"x": X, "y": Y, "batch_size": 8, "steps_per_epoch": 3}
    generator = rustorch.Generator().manual_seed(4) if kind == "own generator" else None
    return {"x": DataLoader(TensorDataset(X, Y), batch_size=8, shuffle=True, generator=generator)}


def watchers():
    return [callbacks.EarlyStopping(patience=50), callbacks.ReduceLROnPlateau(monitor="loss", factor=0.5, patience=1, min_delta=0.2)]


@pytest.mark.parametrize("kind", ["arrays", "loader", "own generator", "steps"])
@pytest.mark.parametrize("killed_in", [0, 1, 4, 5])
def test_the_same_bits(kind, killed_in, tmp_path):
    def run(seed, *more):
        rustorch.manual_seed(seed)
        made = model()
        history = made.fit(**data(kind), epochs=6, verbose=0, validation_data=(X, Y), callbacks=[*watchers(), *more])
        return made, history, rustorch.rand(3).tolist()

    straight = run(3)
    with pytest.raises(Killed):
        run(3, BackupAndRestore(tmp_path / "run"), Kill(killed_in))
    assert bool(killed_in) == bool(os.path.isdir(tmp_path / "run"))
    seen = []
    # after a kill in the first epoch nothing was saved: the same seed begins the same run
    note = callbacks.LambdaCallback(on_epoch_begin=lambda e, logs: seen.append(e))
    again = run(99 if killed_in else 3, BackupAndRestore(tmp_path / "run"), note)
    assert seen == list(range(killed_in, 6))
    for a, b in zip(straight[0].state_dict().values(), again[0].state_dict().values()):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert straight[1].history == again[1].history and straight[1].epoch == again[1].epoch
    assert straight[1].val_epochs() == again[1].val_epochs() and straight[2] == again[2]
    assert not os.path.exists(tmp_path / "run")  # the run has ended well


def test_fewer_checkpoints(tmp_path):
    class Count(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            seen.append(sorted(os.listdir(tmp_path / "run")) if os.path.isdir(tmp_path / "run") else [])

    seen = []
    model().fit(X, Y, epochs=5, verbose=0, callbacks=[BackupAndRestore(tmp_path / "run", save_freq=2, delete_checkpoint=False), Count()])
    name = "checkpoint-{:08d}.h5".format
    assert seen == [[], [], [name(2)], [name(2)], [name(2), name(4)]]
    assert sorted(os.listdir(tmp_path / "run")) == [name(4), name(5)]  # the last epoch always
    history = model().fit(X, Y, epochs=5, verbose=0, callbacks=[BackupAndRestore(tmp_path / "run")])
    assert len(history.train_loss()) == 5  # nothing was left to do


def test_a_run_that_was_stopped_stays_stopped(tmp_path):
    def run():
        early = callbacks.EarlyStopping(monitor="loss", min_delta=100.0, patience=1)
        return model().fit(X, Y, epochs=9, verbose=0, callbacks=[early, BackupAndRestore(tmp_path / "run", delete_checkpoint=False)])

    assert run().epoch == run().epoch == [0, 1]


def test_by_the_trainer(tmp_path):
    def run(folder, *more):
        made = model({"name": "sgd", "lr": 0.1})
        options = {"batch_size": 8, "validation_frequency": 2, "accumulation_steps": 2, "verbose": 0}
        config = TrainerConfig(epochs=4, seed=7, checkpoint_dir=str(folder), **options)
        history = Trainer(config, callbacks=list(more)).train(made, (X, Y), (X, Y))
        return made.get_weights(), history.history

    straight = run(tmp_path / "one")
    with pytest.raises(Killed):
        run(tmp_path / "two", Kill(2))
    # a callback more than the run that is resumed had would be a mistake; one without a state is not
    again = run(tmp_path / "two", callbacks.Callback())
    assert straight[1] == again[1]
    for a, b in zip(straight[0], again[0]):
        np.testing.assert_array_equal(a, b)


def test_checkpoints_of_another_model(tmp_path):
    model().fit(X, Y, epochs=1, verbose=0, callbacks=[BackupAndRestore(tmp_path / "run", delete_checkpoint=False)])
    other = rustorch.Model(["Dense(3)"])
    other.compile("adam", "mse")
    with pytest.raises(rustorch.SerializationError, match="is no checkpoint of this model"):
        other.fit(X, X[:, :3], epochs=2, verbose=0, callbacks=[BackupAndRestore(tmp_path / "run")])


@pytest.mark.parametrize("given, problem", [
    (("",), "backup_dir is empty"), ((3,), "must be the name of a folder"), (("a", 0), "whole number of epochs"),
    (("a", "batch"), "whole number of epochs"),
])  # fmt: skip
def test_wrong_settings(given, problem):
    with pytest.raises(rustorch.RusTorchError, match=problem):
        BackupAndRestore(*given)
