"""fit, evaluate and the optimisers against a network that NumPy trains in double precision."""

import json

import numpy as np
import pytest

import rustorch
from rustorch import nn
from rustorch.data import DataLoader, Dataset, IterableDataset, TensorDataset
from rustorch.training import TrainerConfig, Trainer, callbacks, optimizers
from training_reference import Net, Optimizer, evaluate, train

RNG = np.random.default_rng(7)
X = RNG.standard_normal((22, 3))
NUMBERS = RNG.integers(0, 3, 22)
TARGETS = {
    "mse": RNG.standard_normal((22, 2)),
    "mae": RNG.standard_normal((22, 2)),
    "cce": np.eye(3)[NUMBERS],
    "bce": RNG.integers(0, 2, (22, 2)).astype(float),
}
NAMES = {"mse": "mse", "mae": "mae", "cce": "categorical_crossentropy", "bce": "binary_crossentropy"}
ENDS = {"mse": "linear", "mae": "linear", "cce": "softmax", "bce": "sigmoid"}


@pytest.fixture(autouse=True)
def double():
    rustorch.set_default_dtype(rustorch.float64)
    rustorch.manual_seed(11)
    yield
    rustorch.set_default_dtype(rustorch.float32)


def pair(loss="mse", optimizer="sgd", regularizer=None, l1=0.0, l2=0.0, **more):
    """A compiled model and the network that should follow it."""
    end = f", kernel_regularizer={regularizer}" if regularizer else ""
    units = TARGETS[loss].shape[1]
    model = rustorch.Model([f"Dense(4, activation=tanh{end})", f"Dense({units}, activation={ENDS[loss]}{end})"])
    model.build((None, 3))
    model.compile(optimizer, NAMES[loss], **more)
    return model, Net(model.get_weights(), ENDS[loss], l1, l2)


def same_weights(model, net, tolerance=1e-9):
    for ours, theirs in zip(model.get_weights(), net.weights):
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


# Name or dictionary for compile; the formula's name and options.
OPTIMIZERS = [
    ("sgd", "sgd", {"lr": 0.01}),
    ({"name": "sgd", "learning_rate": 0.1}, "sgd", {"lr": 0.1}),
    ({"name": "sgd", "lr": 0.1, "momentum": 0.9}, "sgd", {"lr": 0.1, "momentum": 0.9}),
    ({"name": "SGD", "learning_rate": 0.05, "momentum": 0.8, "nesterov": True}, "sgd", {"lr": 0.05, "momentum": 0.8, "nesterov": True}),
    ("adam", "adam", {"lr": 0.001}),
    ({"class_name": "Adam", "config": {"learning_rate": 0.02, "beta_1": 0.8}}, "adam", {"lr": 0.02, "b1": 0.8}),
    ({"name": "adam", "lr": 0.02, "betas": [0.7, 0.9], "eps": 1e-3}, "adam", {"lr": 0.02, "b1": 0.7, "b2": 0.9, "eps": 1e-3}),
    ({"name": "adam", "lr": 0.05, "amsgrad": True}, "adam", {"lr": 0.05, "amsgrad": True}),
    ({"name": "adam", "lr": 0.05, "weight_decay": 0.1}, "adam", {"lr": 0.05, "decay": 0.1}),
    ("adamw", "adam", {"lr": 0.001, "decay": 0.004}),
    ({"name": "adamw", "learning_rate": 0.02, "weight_decay": 0.3}, "adam", {"lr": 0.02, "decay": 0.3}),
    ("rmsprop", "rmsprop", {"lr": 0.001}),
    ({"name": "rmsprop", "learning_rate": 0.01, "rho": 0.8, "momentum": 0.5}, "rmsprop", {"lr": 0.01, "rho": 0.8, "momentum": 0.5}),
    ({"name": "rmsprop", "learning_rate": 0.01, "centered": True, "epsilon": 1e-4}, "rmsprop", {"lr": 0.01, "centered": True, "eps": 1e-4}),
    ("adagrad", "adagrad", {"lr": 0.001}),
    ({"name": "adagrad", "lr": 0.1, "initial_accumulator_value": 0.5}, "adagrad", {"lr": 0.1, "start": 0.5}),
    ("adadelta", "adadelta", {"lr": 0.001}),
    ({"name": "adadelta", "learning_rate": 1.0, "rho": 0.9}, "adadelta", {"lr": 1.0, "rho": 0.9}),
    ("adamax", "adamax", {"lr": 0.001}),
    ({"name": "adamax", "learning_rate": 0.05}, "adamax", {"lr": 0.05}),
    ("nadam", "nadam", {"lr": 0.001}),
    ({"name": "nadam", "learning_rate": 0.05}, "nadam", {"lr": 0.05}),
    ("lion", "lion", {"lr": 0.001}),
    ("ftrl", "ftrl", {"lr": 0.001}),
    ({"name": "ftrl", "learning_rate": 0.1, "l1": 0.01, "l2": 0.01}, "ftrl", {"lr": 0.1, "l1": 0.01, "l2": 0.01}),
    ("sgd(learning_rate=0.2, momentum=0.5)", "sgd", {"lr": 0.2, "momentum": 0.5}),
    (optimizers.Adam(learning_rate=0.03), "adam", {"lr": 0.03}),
    ({"name": "sgd", "lr": 1.0, "clipnorm": 0.05}, "sgd", {"lr": 1.0, "clip": ("clipnorm", 0.05)}),
    ({"name": "sgd", "lr": 1.0, "clipvalue": 0.02}, "sgd", {"lr": 1.0, "clip": ("clipvalue", 0.02)}),
    ({"name": "sgd", "lr": 1.0, "global_clipnorm": 0.1}, "sgd", {"lr": 1.0, "clip": ("global", 0.1)}),
    ({"name": "adam", "lr": 0.1, "global_clipnorm": 1e6}, "adam", {"lr": 0.1, "clip": ("global", 1e6)}),
]


@pytest.mark.parametrize("given, formula, options", OPTIMIZERS, ids=lambda v: v if isinstance(v, str) else "")
def test_optimizers(given, formula, options):
    model, net = pair("mse", given)
    history = model.fit(X, TARGETS["mse"], epochs=4, batch_size=8, shuffle=False, verbose=0)
    expected = train(net, Optimizer(formula, **options), X, TARGETS["mse"], "mse", 4, 8)
    np.testing.assert_allclose(history.train_loss(), expected, rtol=1e-9)
    same_weights(model, net)


@pytest.mark.parametrize("loss", list(TARGETS))
@pytest.mark.parametrize("batch", [1, 5, 22, 100])
def test_losses_and_batches(loss, batch):
    """The last batch is smaller: it counts by its samples in the loss of the epoch, and as one step."""
    model, net = pair(loss, {"name": "sgd", "lr": 0.1})
    history = model.fit(X, TARGETS[loss], epochs=3, batch_size=batch, shuffle=False, verbose=0)
    np.testing.assert_allclose(history.train_loss(), train(net, Optimizer("sgd", lr=0.1), X, TARGETS[loss], loss, 3, batch), rtol=1e-9)
    same_weights(model, net)
    assert model.evaluate(X, TARGETS[loss], batch_size=batch)["loss"] == pytest.approx(evaluate(net, X, TARGETS[loss], loss), rel=1e-9)


@pytest.mark.parametrize("loss", list(TARGETS))
def test_sample_weights(loss):
    """The mean is over the samples, not over the weights, as in Keras 3."""
    model, net = pair(loss, {"name": "sgd", "lr": 0.1})
    weight = RNG.random(22) * 3
    history = model.fit(X, TARGETS[loss], sample_weight=weight, epochs=2, batch_size=6, shuffle=False, verbose=0)
    np.testing.assert_allclose(
        history.train_loss(), train(net, Optimizer("sgd", lr=0.1), X, TARGETS[loss], loss, 2, 6, weight), rtol=1e-9
    )
    found = model.evaluate(X, TARGETS[loss], sample_weight=weight)["loss"]
    assert found == pytest.approx(evaluate(net, X, TARGETS[loss], loss, weight), rel=1e-9)


@pytest.mark.parametrize("labels", ["one-hot", "numbers", "column", "sparse loss", "float numbers"])
def test_class_weights(labels):
    """By one-hot rows and by numbers; classes that are not named count once."""
    y = {"one-hot": TARGETS["cce"], "column": NUMBERS[:, None], "float numbers": NUMBERS.astype(float)}.get(labels, NUMBERS)
    model, net = pair("cce", {"name": "sgd", "lr": 0.1})
    if labels == "sparse loss":
        model.compile({"name": "sgd", "lr": 0.1}, "sparse_categorical_crossentropy")
    history = model.fit(X, y, class_weight={0: 3.0, 2: 0.5}, epochs=2, batch_size=6, shuffle=False, verbose=0)
    weight = np.array([3.0, 1.0, 0.5])[NUMBERS]
    expected = train(net, Optimizer("sgd", lr=0.1), X, TARGETS["cce"], "cce", 2, 6, weight)
    np.testing.assert_allclose(history.train_loss(), expected, rtol=1e-9)


@pytest.mark.parametrize("share, kept", [(0.2, 17), (0.5, 11), (0.1, 19), (0.33, 14), (0.9, 2)])
def test_validation_split(share, kept):
    """The last part, before any shuffling; the number that is trained with is rounded down."""
    model, net = pair("mse", {"name": "sgd", "lr": 0.1})
    y = TARGETS["mse"]
    history = model.fit(X, y, validation_split=share, epochs=1, batch_size=4, shuffle=False, verbose=0)
    expected = train(net, Optimizer("sgd", lr=0.1), X[:kept], y[:kept], "mse", 1, 4)
    np.testing.assert_allclose(history.train_loss(), expected, rtol=1e-9)
    np.testing.assert_allclose(history.val_loss(), [evaluate(net, X[kept:], y[kept:], "mse")], rtol=1e-9)


def test_validation_split_takes_the_weights_along():
    model, net = pair("mse", {"name": "sgd", "lr": 0.1})
    y, weight = TARGETS["mse"], RNG.random(22)
    history = model.fit(X, y, sample_weight=weight, validation_split=0.5, epochs=1, batch_size=4, shuffle=False, verbose=0)
    expected = train(net, Optimizer("sgd", lr=0.1), X[:11], y[:11], "mse", 1, 4, weight[:11])
    np.testing.assert_allclose(history.train_loss(), expected, rtol=1e-9)
    np.testing.assert_allclose(history.val_loss(), [evaluate(net, X[11:], y[11:], "mse", weight[11:])], rtol=1e-9)


@pytest.mark.parametrize("given", ["pair", "weights", "loader", "data set", "batches"])
def test_validation_data(given):
    model, net = pair("mse", {"name": "sgd", "lr": 0.1}, metrics=["mae"])
    y, weight = TARGETS["mse"], np.linspace(0.5, 2, 22)
    data = TensorDataset(rustorch.tensor(X), rustorch.tensor(y))
    valid = {
        "pair": (X, y), "weights": (X, y, weight), "loader": DataLoader(data, batch_size=5), "data set": data,
        "batches": [(X[:9], y[:9]), (X[9:], y[9:])],
    }[given]  # fmt: skip
    history = model.fit(X, y, validation_data=valid, epochs=2, batch_size=30, shuffle=False, verbose=0)
    optimizer = Optimizer("sgd", lr=0.1)
    for i in range(2):
        train(net, optimizer, X, y, "mse", 1, 30)
        expected = evaluate(net, X, y, "mse", weight if given == "weights" else None)
        assert history.val_loss()[i] == pytest.approx(expected, rel=1e-9)
        assert history.history["val_mae"][i] == pytest.approx(evaluate(net, X, y, "mae"), rel=1e-9)


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_steps_per_epoch_go_on_where_the_last_epoch_ended(steps):
    model, net = pair("mse", {"name": "sgd", "lr": 0.1})
    history = model.fit(X, TARGETS["mse"], steps_per_epoch=steps, epochs=5, batch_size=8, shuffle=False, verbose=0)
    expected = train(net, Optimizer("sgd", lr=0.1), X, TARGETS["mse"], "mse", 5, 8, steps=steps)
    np.testing.assert_allclose(history.train_loss(), expected, rtol=1e-9)
    same_weights(model, net)


@pytest.mark.parametrize("first, last", [(0, 3), (2, 5), (4, 5), (3, 3)])
def test_initial_epoch(first, last):
    model, net = pair("mse", {"name": "sgd", "lr": 0.1})
    seen = []
    history = model.fit(
        X, TARGETS["mse"], initial_epoch=first, epochs=last, batch_size=8, shuffle=False, verbose=0,
        callbacks=[callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append(epoch))],
    )  # fmt: skip
    assert seen == history.epoch == list(range(first, last))
    expected = train(net, Optimizer("sgd", lr=0.1), X, TARGETS["mse"], "mse", last - first, 8)
    np.testing.assert_allclose(history.train_loss(), expected, rtol=1e-9)


@pytest.mark.parametrize("freq, expected", [(1, [1, 2, 3, 4, 5]), (2, [2, 4]), (5, [5]), (7, []), ([1, 4], [1, 4]), (range(2, 4), [2, 3])])
def test_validation_freq(freq, expected):
    model, _ = pair()
    history = model.fit(X, TARGETS["mse"], validation_data=(X, TARGETS["mse"]), validation_freq=freq, epochs=5, verbose=0)
    assert history.val_epochs() == expected and len(history.val_loss()) == len(expected)


def test_validation_steps():
    model, net = pair()
    y = TARGETS["mse"]
    history = model.fit(X, y, validation_data=(X, y), validation_steps=2, validation_batch_size=3, epochs=1, batch_size=22, verbose=0)
    train(net, Optimizer("sgd", lr=0.01), X, y, "mse", 1, 22)
    assert history.val_loss()[0] == pytest.approx(evaluate(net, X[:6], y[:6], "mse"), rel=1e-9)


@pytest.mark.parametrize("text, l1, l2", [
    ("l2", 0, 0.01), ("l1", 0.01, 0), ("l2(0.1)", 0, 0.1), ("l1(l1=0.05)", 0.05, 0), ("l1_l2(l1=0.02, l2=0.03)", 0.02, 0.03),
])  # fmt: skip
def test_regularizers(text, l1, l2):
    """The penalty is part of the loss, of training and of evaluation."""
    model, net = pair("mse", {"name": "sgd", "lr": 0.1}, regularizer=text, l1=l1, l2=l2)
    history = model.fit(X, TARGETS["mse"], epochs=3, batch_size=8, shuffle=False, verbose=0)
    np.testing.assert_allclose(history.train_loss(), train(net, Optimizer("sgd", lr=0.1), X, TARGETS["mse"], "mse", 3, 8), rtol=1e-9)
    same_weights(model, net)
    assert model.evaluate(X, TARGETS["mse"])["loss"] == pytest.approx(evaluate(net, X, TARGETS["mse"], "mse"), rel=1e-9)


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_gradient_accumulation(k):
    """By the optimiser's dictionary, and by the trainer; a rest at the end of an epoch is a step of its own."""
    for through in ("compile", "trainer"):
        optimizer = {"name": "adam", "lr": 0.05, **({"gradient_accumulation_steps": k} if through == "compile" else {})}
        model, net = pair("mse", optimizer)
        if through == "compile":
            history = model.fit(X, TARGETS["mse"], epochs=3, batch_size=5, shuffle=False, verbose=0)
        else:
            config = TrainerConfig(epochs=3, batch_size=5, shuffle=False, accumulation_steps=k, verbose=0)
            history = Trainer(config).train(model, (X, TARGETS["mse"]))
        expected = train(net, Optimizer("adam", lr=0.05), X, TARGETS["mse"], "mse", 3, 5, accumulate=k)
        np.testing.assert_allclose(history.train_loss(), expected, rtol=1e-8)
        same_weights(model, net, 1e-8)


@pytest.mark.parametrize("setting, clip", [
    ({"gradient_clip_value": 0.02}, ("clipvalue", 0.02)), ({"gradient_clip_norm": 0.05}, ("global", 0.05)),
])  # fmt: skip
def test_trainer_clips(setting, clip):
    model, net = pair("mse", {"name": "sgd", "lr": 1.0})
    Trainer(TrainerConfig(epochs=3, batch_size=8, shuffle=False, verbose=0, **setting)).train(model, (X, TARGETS["mse"]))
    train(net, Optimizer("sgd", lr=1.0, clip=clip), X, TARGETS["mse"], "mse", 3, 8)
    same_weights(model, net, 1e-4)  # PyTorch's clip_grad_norm_ divides by the norm + 1e-6


def test_the_trainers_rate_wins():
    model, net = pair("mse", {"name": "sgd", "lr": 0.5})
    Trainer(TrainerConfig(epochs=2, learning_rate=0.02, batch_size=8, shuffle=False, verbose=0)).train(model, (X, TARGETS["mse"]))
    train(net, Optimizer("sgd", lr=0.02), X, TARGETS["mse"], "mse", 2, 8)
    same_weights(model, net)
    model, net = pair("mse", {"name": "sgd", "lr": 0.5})
    Trainer(TrainerConfig(epochs=2, batch_size=8, shuffle=False, verbose=0)).train(model, (X, TARGETS["mse"]))
    train(net, Optimizer("sgd", lr=0.5), X, TARGETS["mse"], "mse", 2, 8)
    same_weights(model, net)


@pytest.mark.parametrize("every, epochs, expected", [(5, 12, [5, 10, 12]), (1, 3, [1, 2, 3]), (4, 3, [3]), (3, 6, [3, 6])])
def test_the_trainer_validates_after_the_last_epoch_too(every, epochs, expected):
    model, _ = pair()
    config = TrainerConfig(epochs=epochs, validation_frequency=every, verbose=0)
    history = Trainer(config).train(model, (X, TARGETS["mse"]), (X, TARGETS["mse"]))
    assert history.val_epochs() == expected and len(history.val_loss()) == len(expected)
    ticks, losses, validated = history.plot_data()
    assert ticks == list(range(1, epochs + 1)) and len(losses) == epochs
    assert [n for n, value in zip(ticks, validated) if not np.isnan(value)] == expected


# ---- a last softmax or sigmoid is computed with the loss


@pytest.mark.parametrize("end", [
    ["Dense(3, activation=softmax)"], ["Dense(3)", "Softmax()"], ["Dense(3)", "Activation(softmax)"], ["Dense(3)", nn.Softmax(dim=-1)],
    ["Dense(3)", nn.Softmax(dim=1)],
], ids=["dense", "layer", "activation", "nn", "nn1"])  # fmt: skip
@pytest.mark.parametrize("loss", ["categorical_crossentropy", "sparse_categorical_crossentropy", "kl_divergence", "mse"])
def test_softmax_in_the_end(end, loss):
    """Whatever is computed with what, losses and predictions are those of the probabilities."""
    model = rustorch.Model(end)
    model.build((None, 3))
    model.compile({"name": "sgd", "lr": 0.1}, loss, metrics=["accuracy"])
    assert (model._fused == "softmax") == (loss in ("categorical_crossentropy", "sparse_categorical_crossentropy"))
    net = Net(model.get_weights(), "softmax")
    y = NUMBERS if loss.startswith("sparse") else TARGETS["cce"]
    p = net.forward(X)
    np.testing.assert_allclose(model.predict(X), p, rtol=1e-12)
    q = TARGETS["cce"]
    kept = np.maximum(q, 1e-7)
    special = {"mse": ((p - q) ** 2).mean(), "kl_divergence": (kept * np.log(kept / p)).sum(-1).mean()}
    expected = special.get(loss, -np.log(p[q == 1]).mean())
    found = model.evaluate(X, y)
    assert found["loss"] == pytest.approx(expected, rel=1e-6)
    assert found["accuracy"] == pytest.approx((p.argmax(1) == NUMBERS).mean())
    model.fit(X, y, epochs=2, batch_size=8, shuffle=False, verbose=0)
    if "categorical" in loss:
        train(net, Optimizer("sgd", lr=0.1), X, q, "cce", 2, 8)
        same_weights(model, net)


def test_a_sure_prediction_has_a_loss():
    """From probabilities the loss of a sure mistake ends at 16.1 = −log 1e-7; computed together it does not, and has a gradient."""
    model = rustorch.Model(["Dense(2, activation=softmax, kernel_initializer=identity)"])
    model.compile({"name": "sgd", "lr": 1.0}, "sparse_categorical_crossentropy")
    assert model.evaluate([[200.0, 0.0]], [1])["loss"] == pytest.approx(200.0)
    model.fit([[200.0, 0.0]], [1], epochs=1, verbose=0)
    assert model.predict([[200.0, 0.0]])[0, 1] == 1.0
    model = rustorch.Model(["Dense(1, activation=sigmoid, kernel_initializer=ones)"])
    model.compile("sgd", "binary_crossentropy")
    assert model._fused == "sigmoid" and model.evaluate([[300.0]], [[0.0]])["loss"] == pytest.approx(300.0)


def test_one_hot_rows_and_numbers_are_one_to_categorical_crossentropy():
    losses = []
    for y in (TARGETS["cce"], NUMBERS, NUMBERS[:, None]):
        rustorch.manual_seed(5)
        model = rustorch.Model(["Dense(3, activation=softmax)"])
        model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
        losses.append(model.fit(X, y, epochs=3, verbose=0).history)
    for other in losses[1:]:
        for name, values in losses[0].items():
            np.testing.assert_allclose(other[name], values, rtol=1e-12)


# ---- what fit takes


class Rows(Dataset):
    def __len__(self):
        return 22

    def __getitem__(self, i):
        return X[i], TARGETS["mse"][i]


class Flow(IterableDataset):
    def __iter__(self):
        return ((X[i], TARGETS["mse"][i]) for i in range(22))


KINDS = {
    "arrays": lambda x, y: (x, y),
    "tensors": lambda x, y: (rustorch.tensor(x), rustorch.tensor(y)),
    "lists": lambda x, y: (x.tolist(), y.tolist()),
    "float32": lambda x, y: (x.astype(np.float32).astype(np.float64), y),
    "big endian": lambda x, y: (x.astype(">f8"), y),
    "reversed": lambda x, y: (np.ascontiguousarray(x[::-1])[::-1], y),
    "a pair": lambda x, y: ((x, y),),
    "TensorDataset": lambda x, y: (TensorDataset(rustorch.tensor(x), rustorch.tensor(y)),),
    "data set": lambda x, y: (Rows(),),
    "iterable data set": lambda x, y: (Flow(),),
    "loader": lambda x, y: (DataLoader(TensorDataset(rustorch.tensor(x), rustorch.tensor(y)), batch_size=32),),
    "loader of an iterable": lambda x, y: (DataLoader(Flow(), batch_size=32),),
    "list of batches": lambda x, y: ([(x[:32], y[:32])],),
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_data_of_every_kind(kind):
    """22 samples in one batch of 32: every kind gives the same history, evaluation and predictions."""
    y = TARGETS["mse"]
    model, net = pair("mse", {"name": "sgd", "lr": 0.1}, metrics=["mae"])
    data = KINDS[kind](X, y)
    history = model.fit(*data, epochs=3, shuffle=False, verbose=0)
    tolerance = 1e-6 if kind == "float32" else 1e-9
    np.testing.assert_allclose(history.train_loss(), train(net, Optimizer("sgd", lr=0.1), X, y, "mse", 3, 32), rtol=tolerance)
    assert model.evaluate(*data)["loss"] == pytest.approx(evaluate(net, X, y, "mse"), rel=tolerance)
    predicted = model.predict(data[0])
    if "loader" in kind:
        assert isinstance(predicted, list)
        predicted = rustorch.cat(predicted)
    assert isinstance(predicted, rustorch.Tensor)
    np.testing.assert_allclose(predicted, net.forward(X), rtol=tolerance * 10, atol=1e-6)


def test_a_generator_is_used_once_and_goes_on():
    model, net = pair("mse", {"name": "sgd", "lr": 0.1})
    y = TARGETS["mse"]
    batches = ((X[i : i + 4], y[i : i + 4]) for _ in range(3) for i in range(0, 22, 4))
    history = model.fit(batches, steps_per_epoch=4, epochs=3, verbose=0)
    expected = train(net, Optimizer("sgd", lr=0.1), X, y, "mse", 3, 4, steps=4)
    np.testing.assert_allclose(history.train_loss(), expected, rtol=1e-9)


def test_data_that_runs_out_ends_the_run():
    model, _ = pair()
    with pytest.warns(UserWarning, match="ran out after 1 of 3 batches"):
        history = model.fit(iter([(X[:2], TARGETS["mse"][:2])] * 4), steps_per_epoch=3, epochs=2, verbose=0)
    assert len(history.train_loss()) == 2
    with pytest.warns(UserWarning, match="training ends after 1 of 5 epochs"):
        history = model.fit(iter([(X, TARGETS["mse"])]), epochs=5, verbose=0)
    assert len(history.train_loss()) == 1


def test_shuffle():
    """A new order each epoch, the same again from the same seed; False keeps the order."""

    def orders(shuffle, seed):
        seen = []
        x = np.arange(10.0)[:, None]
        rustorch.manual_seed(seed)
        model = rustorch.Model(["Dense(1)"])
        model.compile("sgd", lambda y_true, y_pred: (seen.extend(y_true.reshape(-1).tolist()), (y_true - y_pred).square().mean(-1))[1])
        model.fit(x, x, epochs=3, batch_size=4, shuffle=shuffle, verbose=0)
        return [seen[i : i + 10] for i in range(0, 30, 10)]

    straight = [float(i) for i in range(10)]
    assert orders(False, 1) == [straight] * 3
    first = orders(True, 1)
    assert all(sorted(order) == straight for order in first) and len({tuple(order) for order in first}) == 3
    assert orders(True, 1) == first and orders(True, 2) != first


# ---- single batches, weights, modes


def test_single_batches():
    """train_on_batch is a step of fit; the numbers are means since reset_metrics."""
    model, net = pair("mse", {"name": "sgd", "lr": 0.1}, metrics=["mae"])
    optimizer = Optimizer("sgd", lr=0.1)
    y = TARGETS["mse"]
    first = evaluate(net, X[:5], y[:5], "mse")
    assert model.train_on_batch(X[:5], y[:5])[0] == pytest.approx(first)
    train(net, optimizer, X[:5], y[:5], "mse", 1, 5)
    second = evaluate(net, X[5:15], y[5:15], "mse")
    found = model.train_on_batch(X[5:15], y[5:15], return_dict=True)
    assert set(found) == {"loss", "mae"} and found["loss"] == pytest.approx((5 * first + 10 * second) / 15)
    train(net, optimizer, X[5:15], y[5:15], "mse", 1, 10)
    same_weights(model, net)
    model.reset_metrics()
    assert model.test_on_batch(X, y)[0] == pytest.approx(evaluate(net, X, y, "mse"))
    np.testing.assert_allclose(model.predict_on_batch(X), net.forward(X))
    same_weights(model, net)


def test_metrics_and_weights():
    """metrics leave the weights of samples out, weighted_metrics do not."""
    model, net = pair("cce", weighted_metrics=["mse"], metrics=["accuracy"])
    weight = np.linspace(0, 2, 22)
    found = model.evaluate(X, TARGETS["cce"], sample_weight=weight, batch_size=5)
    p = net.forward(X)
    assert found["accuracy"] == pytest.approx((p.argmax(1) == NUMBERS).mean())
    assert found["mse"] == pytest.approx((((p - TARGETS["cce"]) ** 2).mean(-1) * weight).sum() / weight.sum())
    assert model.evaluate(X, TARGETS["cce"], return_dict=False) == pytest.approx(list(model.evaluate(X, TARGETS["cce"]).values()))


def test_frozen_layers_stay():
    model, _ = pair()
    model.layers[0].trainable = False
    before = model.get_weights()
    model.fit(X, TARGETS["mse"], epochs=2, verbose=0)
    after = model.get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(before[:2], after[:2]))
    assert not any(np.array_equal(a, b) for a, b in zip(before[2:], after[2:]))


def test_modes():
    """Dropout drops in fit alone; a mode that the user chose comes back."""
    model = rustorch.Model(["Dropout(0.5)", "Dense(1, kernel_initializer=ones)"])
    model.compile("sgd", "mse")
    ones = np.ones((50, 4))
    assert model.predict(ones).tolist() == [[4.0]] * 50 == model(ones).tolist()
    assert model.evaluate(ones, np.full((50, 1), 4.0))["loss"] == 0.0
    assert len(set(model(ones, training=True).reshape(-1).tolist())) > 1
    modes = []
    note = callbacks.LambdaCallback(on_train_batch_end=lambda i, logs: modes.append(model.training))
    model.fit(ones, ones[:, :1], epochs=1, verbose=0, callbacks=[note])
    assert modes == [True, True] and not model.training
    model.train()
    model.fit(ones, ones[:, :1], epochs=1, verbose=0)
    assert model.training and model.layers[0].training


def test_an_optimizer_object_and_a_torch_loss():
    model = rustorch.Model(["Dense(4, activation=tanh)", "Dense(3)"])
    model.compile(rustorch.optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss(), metrics=["accuracy"])
    model.build((None, 3))
    net = Net(model.get_weights(), "softmax")
    history = model.fit(X, NUMBERS, epochs=3, batch_size=8, shuffle=False, verbose=0)
    np.testing.assert_allclose(history.train_loss(), train(net, Optimizer("sgd", lr=0.1), X, TARGETS["cce"], "cce", 3, 8), rtol=1e-9)
    same_weights(model, net)


def test_adagrad_before_the_sizes_are_known():
    model = rustorch.Model(["Dense(2)"])
    optimizer = rustorch.optim.Adagrad(model.parameters(), lr=0.1)
    model.compile(optimizer, "mse")
    model.fit(X, TARGETS["mse"], epochs=1, verbose=0)
    assert all(state["sum"].shape == p.shape for p, state in optimizer.state.items())


@pytest.mark.parametrize("choice", ["adam", "sgd", "rmsprop", "adagrad", "lion", "ftrl"])
def test_the_optimizers_state_is_kept_and_taken_over(choice):
    """Two times two epochs are four, also over a saved optimiser."""
    model, net = pair("mse", choice)
    other, _ = pair("mse", choice)
    other.set_weights(model.get_weights())
    model.fit(X, TARGETS["mse"], epochs=4, batch_size=8, shuffle=False, verbose=0)
    other.fit(X, TARGETS["mse"], epochs=2, batch_size=8, shuffle=False, verbose=0)
    third, _ = pair("mse", choice)
    third.set_weights(other.get_weights())
    third.optimizer.load_state_dict(other.optimizer.state_dict())
    for each in (other, third):
        each.fit(X, TARGETS["mse"], epochs=2, batch_size=8, shuffle=False, verbose=0)
        for a, b in zip(each.get_weights(), model.get_weights()):
            np.testing.assert_array_equal(a, b)


def test_compile_config():
    model, _ = pair("cce", {"name": "adam", "lr": 0.02, "clipnorm": 1.0}, metrics=["accuracy"])
    config = json.loads(json.dumps(model.get_compile_config()))
    other, _ = pair("cce")
    other.compile(**config)
    assert other.get_compile_config() == config and other.optimizer.param_groups[0]["lr"] == 0.02


def test_mixed_precision_learns():
    rustorch.set_default_dtype(rustorch.float32)
    model = rustorch.Model(["Dense(16, activation=relu)", "Dense(3, activation=softmax)"])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    seen = []
    model.layers[0].register_forward_hook(lambda module, args, output: seen.append(output.dtype))
    config = TrainerConfig(epochs=60, learning_rate=0.02, use_mixed_precision=True, seed=1, verbose=0)
    history = Trainer(config).train(model, (X, X.argmax(1)))
    assert rustorch.bfloat16 in seen and model.layers[0].weight.dtype == rustorch.float32
    assert history.metrics()["accuracy"][-1] >= 0.95


def test_layers_added_after_compile():
    model = rustorch.Model(["Dense(4)"])
    model.compile("adam", "mse")
    assert model.optimizer is not None
    model.add("Dense(2)")
    history = model.fit(X, TARGETS["mse"], epochs=1, verbose=0)
    assert len(history) == 1 and sum(len(g["params"]) for g in model.optimizer.param_groups) == 4
    model.pop()
    model.add("Dense(2)")
    before = model.get_weights()
    model.fit(X, TARGETS["mse"], epochs=1, verbose=0)
    assert all(not np.array_equal(a, b) for a, b in zip(before, model.get_weights()))


def test_order_of_callbacks():
    """Keras's order, and its logs."""
    said = []
    names = [name for name in dir(callbacks.Callback) if name.startswith("on_") and name not in ("on_batch_begin", "on_batch_end")]

    class Note(callbacks.Callback):
        pass

    for name in names:
        setattr(Note, name, lambda self, *args, _name=name, **kwargs: said.append((_name[3:], *[a for a in args if isinstance(a, int)])))
    model, _ = pair("mse")
    model.fit(X, TARGETS["mse"], validation_data=(X[:4], TARGETS["mse"][:4]), epochs=2, batch_size=11, verbose=0, callbacks=[Note()])
    epoch = lambda k: [  # noqa: E731
        ("epoch_begin", k), ("train_batch_begin", 0), ("train_batch_end", 0), ("train_batch_begin", 1), ("train_batch_end", 1),
        ("test_begin",), ("test_batch_begin", 0), ("test_batch_end", 0), ("test_end",), ("epoch_end", k),
    ]  # fmt: skip
    assert said == [("train_begin",), *epoch(0), *epoch(1), ("train_end",)]


def test_stop_training():
    model, _ = pair()
    seen = []

    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)
            if len(seen) == 4:
                self.model.stop_training = True

    history = model.fit(X, TARGETS["mse"], epochs=5, batch_size=8, verbose=0, callbacks=[Stop()])
    assert seen == [0, 1, 2, 0] and history.epoch == [0, 1]
    assert model.fit(X, TARGETS["mse"], epochs=1, verbose=0).epoch == [0]  # it is not stopped for ever
