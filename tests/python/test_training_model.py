"""Model beyond training: layers, names, sizes, summary, what is kept of it; history, builder, what fit shows."""

import copy
import io
import json
import math
import pickle
import re

import numpy as np
import pytest

import rustorch
from rustorch import nn
from rustorch.training import ModelBuilder, Trainer, TrainerConfig, TrainingHistory, _progress, callbacks, layers
from rustorch.training.summary import fit as fitted
from rustorch.training.summary import width

X = np.random.default_rng(0).standard_normal((30, 4)).astype("float32")
Y = (X.sum(1) > 0).astype("int64")


def small(name=None):
    made = rustorch.Model(name, ["Dense(8, activation=relu)", "Dropout(0.1)", "Dense(2, activation=softmax)"])
    made.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return made


# ---- names and layers


def test_names_and_layers():
    model = rustorch.Model("이름")
    texts = ["Dense(3)", "Dense(3)", "Conv2DTranspose(3, 2)", "MaxPooling2D()", nn.ReLU(), "Dense(3, name='끝')", "LSTM(2)", "ReLU()"]
    for layer in texts:
        model.add(layer)
    assert model.name == "이름" and rustorch.Model().name == "Model"
    names = [name for name, _ in model._named_layers()]
    assert names == ["dense", "dense_1", "conv2d_transpose", "max_pooling2d", "re_lu", "끝", "lstm", "re_lu_1"]
    assert model.get_layer("끝") is model.layers[5] is model.get_layer(index=5) and len(model) == 8 and model
    assert isinstance(model.pop(), layers.ReLU) and len(model.layers) == 7
    model.add("Dense(1)")
    assert model.get_layer("dense_2") is model.layers[-1]
    assert [name for name, _ in model.named_parameters()][:4] == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_ways_to_make_one():
    texts = ["Dense(3)", nn.ReLU()]
    for model in (rustorch.Model(texts), rustorch.Model("n", texts), rustorch.Model(layers=texts), rustorch.training.Model(tuple(texts))):
        assert len(model.layers) == 2
        texts = ["Dense(3)", nn.ReLU()]
    assert len(rustorch.Model(nn.Linear(2, 3)).layers) == 1
    keras = rustorch.Model(["Dense(3)"], name="as Keras has it")
    assert keras.name == "as Keras has it" and len(keras.layers) == 1
    assert rustorch.Model is rustorch.training.Model


def test_it_is_a_module():
    """Its weights fit a Sequential of the same layers, and its parts are found."""
    model = rustorch.Model(["Dense(5, activation=relu)", "Dense(2)"])
    model.build((None, 4))
    other = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 2))
    other.load_state_dict(model.state_dict())
    x = rustorch.tensor(X)
    np.testing.assert_allclose(other[1](rustorch.relu(other[0](x))).detach(), model(x).detach(), rtol=1e-5, atol=1e-6)
    assert isinstance(model, nn.Module) and sum(p.numel() for p in model.parameters()) == 37
    loss = model(x).sum()
    loss.backward()
    assert all(p.grad is not None for p in model.parameters())
    inside = nn.Sequential(model, nn.Tanh())
    assert inside(x).shape == (30, 2) and len(list(inside.parameters())) == 4
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert rustorch.equal(again(x), model(x)) and again.name == model.name


def test_parameters_before_the_first_batch():
    """S4: an optimiser takes them, and trains them when they have their sizes."""
    model = rustorch.Model(["Dense(5)", "Dense(1)"])
    optimizer = rustorch.optim.Adam(model.parameters(), lr=0.001)
    scheduler = rustorch.optim.lr_scheduler.StepLR(optimizer, step_size=10)
    model.compile(optimizer, "mse")
    model.build((None, 4))
    before = model.get_weights()
    model.fit(X, Y[:, None], epochs=1, verbose=0)
    assert all(not np.array_equal(a, b) for a, b in zip(before, model.get_weights()))
    for _ in range(10):
        scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(1e-4)


def test_inputs():
    for first in ("Input(shape=(4,))", "Input(4)", layers.Input((4,)), None):
        model = rustorch.Model([first, "Dense(3)"] if first else ["Dense(3, input_shape=(4,))"])
        assert model.built and model.count_params() == 15 and len(model.layers) == 1
        assert model.input_shape == (None, 4) and model.output_shape == (None, 3)
    model = rustorch.Model(["Embedding(9, 4, input_shape=(7,))", "LSTM(5)", "Dense(2)"])
    assert model.output_shape == (None, 2) and model(rustorch.ones(2, 7, dtype=rustorch.int64)).shape == (2, 2)
    images = rustorch.Model(["Conv2D(4, 3, activation=relu)", "MaxPool2D(2)", "Flatten()", "Dense(2)"])
    assert not images.built and images.output_shape is None
    images.build((None, 1, 28, 28))
    assert images.layers[3].weight.shape == (2, 4 * 13 * 13)


def test_whole_numbers_and_wide_floats_go_in():
    model = rustorch.Model(["Dense(2)"])
    wide = rustorch.ones(3, 4, dtype=rustorch.float64)
    for x in (np.ones((3, 4), "uint8"), np.ones((3, 4)), [[1, 2, 3, 4]], wide, np.ones((3, 4), bool)):
        assert model(x).dtype == rustorch.float32


def test_modules_that_give_pairs_and_models_of_ones_own():
    model = rustorch.Model([nn.LSTM(4, 5, batch_first=True), "GlobalAvgPool1D()", "Dense(2, activation=softmax)"])
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    assert len(model.fit(np.stack([X] * 3, 1), Y, epochs=1, verbose=0)) == 1

    class Two(rustorch.Model):
        def __init__(self):
            super().__init__("two ways")
            self.left, self.right = layers.Dense(3), nn.Linear(4, 3)

        def forward(self, x):
            return rustorch.softmax(self.left(x) + self.right(x), -1)

    two = Two()
    two.compile({"name": "adam", "lr": 0.05}, "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = two.fit(X, Y, epochs=30, verbose=0)
    assert two._fused is None and history.train_loss()[-1] < history.train_loss()[0] and two.predict(X).shape == (30, 3)
    assert two.count_params() == 30


# ---- summary


def test_summary(capsys):
    model = small("분류네트워크")
    assert "0 (unbuilt)" in model.summary() and "?" in model.summary()
    capsys.readouterr()
    model.build((None, 4))
    text = model.summary()
    assert capsys.readouterr().out == text + "\n" and isinstance(text, str) and repr(text).startswith("<summary")
    assert text == """\
Model: "분류네트워크"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
│ dense (Dense)                   │ (None, 8)              │            40 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ dropout (Dropout)               │ (None, 8)              │             0 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ dense_1 (Dense)                 │ (None, 2)              │            18 │
└─────────────────────────────────┴────────────────────────┴───────────────┘
 Total params: 58 (232.00 B)
 Trainable params: 58 (232.00 B)
 Non-trainable params: 0 (0.00 B)"""


@pytest.mark.parametrize("line_length", [None, 50, 60, 120])
@pytest.mark.parametrize("names", [["특징 추출", "マックス・プーリング", "分类器"], ["é" + "é", "a" * 60, "🙂 층"]])
def test_columns_align_for_wide_letters(names, line_length):
    model = rustorch.Model(["Input((1, 8, 8))"])
    for name, layer in zip(names, ("Conv2D(3, 3", "MaxPool2D(2", "Dense(2")):
        model.add(f"{layer}, name='{name}')")
    said = []
    model.layers[0].trainable = False
    text = model.summary(line_length, print_fn=said.append, show_trainable=True)
    assert said == [text] and "Trainable" in text and " N " in text
    table = [line for line in text.splitlines() if line[0] in "┏┃┡│├└"]
    assert len({width(line) for line in table}) == 1, text
    if line_length is not None:
        assert width(table[0]) == line_length


def test_width():
    assert [width(t) for t in ("abc", "가나", "ｱ", "Ａ", "é", "é", "🙂", "​")] == [3, 4, 1, 2, 1, 1, 2, 0]
    assert fitted("가나다", 4) == "가… " and width(fitted("가나다", 4)) == 4 and fitted("ab", 4, True) == "  ab"


def test_counts_of_statistics_and_frozen_layers():
    model = rustorch.Model(["Input((4,))", "Dense(3)", "BatchNorm()"])
    text = model.summary(print_fn=lambda t: None)
    assert " Total params: 27 " in text and " Trainable params: 21 " in text and " Non-trainable params: 6 " in text
    model.trainable = False
    assert " Trainable params: 0 " in model.summary(print_fn=lambda t: None) and not model.trainable and len(model.weights) == 6
    model.trainable = True
    assert model.trainable and len(model.trainable_weights) == 4 and len(model.non_trainable_weights) == 2


# ---- what is kept


@pytest.mark.parametrize("texts", [
    ["Dense(8, activation=relu)", "Dropout(0.1)", "Dense(2, activation=softmax, name='끝 층')"],
    ["Conv2D(3, (2, 2), padding=same, data_format=channels_last, input_shape=(5, 5, 2))", "BatchNorm()", "Flatten()", "Dense(1)"],
    ["Embedding(5, 3)", "Bidirectional(LSTM(2, return_sequences=True), merge_mode=sum)", "GlobalAvgPool1D()",
     "Dense(1, kernel_regularizer=l1_l2(l1=0.1, l2=0.2))"],
])  # fmt: skip
def test_configurations(texts):
    model = rustorch.Model("모델 1", texts)
    kinds = {"D": rustorch.tensor(X), "C": rustorch.randn(2, 5, 5, 2), "E": rustorch.randint(0, 5, (2, 4))}
    x = kinds[texts[0][0]]
    model(x)
    config = json.loads(json.dumps(model.get_config()))
    again = rustorch.Model.from_config(config)
    assert again.get_config() == config and again.name == "모델 1" and again.built
    assert json.loads(model.to_json()) == config
    assert [n for n, _ in again._named_layers()] == [n for n, _ in model._named_layers()]
    again.load_state_dict(model.state_dict())
    assert rustorch.equal(again(x), model(x))
    fresh = rustorch.Model.from_config(rustorch.Model(texts).get_config())
    assert [repr(a) for a in fresh.layers] == [repr(a) for a in model.layers]


def test_weights_in_a_file(tmp_path):
    model, other = small(), small()
    model.build((None, 4))
    model.save_weights(tmp_path / "w.h5")
    other.load_weights(tmp_path / "w.h5")
    assert rustorch.equal(model(X), other(X))
    with pytest.raises(FileNotFoundError):
        other.load_weights(tmp_path / "no.h5")


def test_copies_of_a_trained_model():
    """With their optimiser: they train on as the original does."""
    model = small()
    model.fit(X, Y, epochs=2, verbose=0)
    copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    found = []
    for each in (model, *copies):
        rustorch.manual_seed(1)
        found.append(each.fit(X, Y, epochs=2, verbose=0).history)
    assert found[0] == found[1] == found[2] and model._feed is None


def test_hooks_on_the_last_layer_are_called():
    model = small()
    model.build((None, 4))
    seen = []
    model.layers[-1].register_forward_hook(lambda module, args, output: seen.append(output.sum(1)))
    found = model.evaluate(X, Y)
    assert len(seen) == 1 and model._fused is None
    np.testing.assert_allclose(seen[0], 1, rtol=1e-5)
    assert found == pytest.approx(small_evaluation(model), rel=1e-4)


def small_evaluation(model):
    p = model.predict(X).numpy()
    return {"loss": float(-np.log(p[np.arange(30), Y]).mean()), "accuracy": float((p.argmax(1) == Y).mean())}


# ---- history


def test_history():
    history = TrainingHistory()
    assert history.summary() == "no epochs yet" and history.best_epoch() is None and history.best_val_loss() is None
    for i, (loss, val) in enumerate([(0.9, None), (0.5, 0.7), (0.6, None), (0.4, 0.8)]):
        history.add_epoch(loss, val, {"정확도": i / 10})
    assert history.train_loss() == [0.9, 0.5, 0.6, 0.4] and history.val_loss() == [0.7, 0.8] and history.val_epochs() == [2, 4]
    assert history.metrics() == {"정확도": [0.0, 0.1, 0.2, 0.3]} and history.best_epoch() == 1 and history.best_val_loss() == 0.7
    ticks, losses, validated = history.plot_data()
    assert ticks == [1, 2, 3, 4] and losses == history.train_loss() and [math.isnan(v) for v in validated] == [True, False, True, False]
    assert len(history) == 4 and history.training_time() == 0.0
    lines = history.summary().splitlines()
    assert lines[0] == "4 epochs in 0.0 s" and lines[-1] == "best epoch: 2 (by val_loss)"
    assert len({width(line) for line in lines[1:5]}) == 1  # columns align
    assert re.split(r"\s+", lines[4]) == ["val_loss", "0.7000", "0.8000", "0.7000", "2"]
    again = TrainingHistory()
    again.load_state_dict(json.loads(json.dumps(history.state_dict())))
    assert again.history == history.history and again.val_epochs() == [2, 4]
    assert "정확도=0.3000" in repr(history)


def test_the_history_of_fit():
    model = small()
    history = model.fit(X, Y, epochs=3, batch_size=10, validation_data=(X, Y), verbose=0)
    assert history is model.history and history.model is model and history.params == {"epochs": 3, "steps": 3, "verbose": 0}
    assert list(history.history) == ["loss", "accuracy", "val_loss", "val_accuracy"] and history.epoch == [0, 1, 2]
    assert set(history.metrics()) == {"accuracy", "val_accuracy"} and 0 < history.training_time() < 60
    assert small().fit(X, Y, epochs=0, verbose=0).history == {}


def test_what_callbacks_add_is_in_the_history():
    model = small()
    history = model.fit(X, Y, epochs=2, verbose=0, callbacks=[callbacks.LearningRateScheduler(lambda epoch: 0.5 / (epoch + 1))])
    assert history.history["learning_rate"] == [0.5, 0.25]


# ---- builder, trainer


def test_builder():
    builder = ModelBuilder().conv2d(4, 3).max_pool2d(2).batch_norm().flatten()
    model = builder.add("Dense(5, activation=tanh)").dropout(0.5).dense(3, "softmax").build("b")
    assert model.name == "b" and [type(layer).__name__ for layer in model.layers] == [
        "Conv2D", "MaxPooling2D", "BatchNormalization", "Flatten", "Dense", "Dropout", "Dense",
    ]  # fmt: skip
    assert repr(model.layers[0]) == "Conv2D(4, 3, activation=relu)" and model(rustorch.zeros(2, 1, 9, 9)).shape == (2, 3)


def test_trainer_with_a_module():
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    before = [p.clone() for p in net.parameters()]
    trainer = Trainer(net, rustorch.optim.Adam(net.parameters(), lr=0.05), nn.CrossEntropyLoss(), metrics=["accuracy"],
                      config=TrainerConfig(epochs=30, verbose=0))  # fmt: skip
    history = trainer.train((X, Y), (X, Y))
    assert history.metrics()["val_accuracy"][-1] > 0.9 and all(not rustorch.equal(a, b) for a, b in zip(before, net.parameters()))
    assert trainer.evaluate((X, Y))["accuracy"] > 0.9 and trainer.predict(X).shape == (30, 2)
    more = Trainer(TrainerConfig(epochs=1, verbose=0), criterion=nn.CrossEntropyLoss(), optimizer="sgd").train(net, (X, Y))
    assert len(more) == 1


def test_trainer_with_a_seed():
    def run(seed):
        model = small()
        return Trainer(TrainerConfig(epochs=2, seed=seed, verbose=0)).train(model, (X, Y)).history

    assert run(3) == run(3) != run(4)
    assert TrainerConfig(epochs=3).to_dict()["epochs"] == 3 and TrainerConfig() == TrainerConfig()


def test_wrapped_for_ranks():
    """S7: one process is a group of one."""
    model = small()
    with pytest.raises(RuntimeError, match="Run a dummy forward pass"):
        nn.parallel.DistributedDataParallel(model)
    model.build((None, 4))
    wrapped = rustorch.distributed.DistributedDataParallel(model)
    history = wrapped.fit(X, Y, epochs=2, verbose=0)
    assert len(history) == 2 and Trainer(TrainerConfig(epochs=1, verbose=0)).train(wrapped, (X, Y)).epoch == [0]
    rustorch.distributed.destroy_process_group()


# ---- what is shown




def shown(columns, verbose, monkeypatch, every=1, epochs=3):
    """What Progress writes for epochs of 4 steps."""
    monkeypatch.setenv("RUSTORCH_COLUMNS", str(columns))
    stream = io.StringIO()
    progress = _progress.Progress(verbose, epochs, every, stream=stream)
    for epoch in range(epochs):
        progress.begin(epoch, 4)
        for step in range(4):
            progress.step(step + 1, {"loss": 0.5, "accuracy": 0.25})
        progress.end({"loss": 0.5, "accuracy": 0.25, "val_loss": 1e-5})
    return stream.getvalue()


def test_a_bar_on_a_terminal(monkeypatch):
    text = shown(100, True, monkeypatch)
    lines = [line.split("\r")[-1] for line in text.split("\n")]
    assert lines[0] == "Epoch 1/3" and lines[4] == "Epoch 3/3" and lines[6] == ""
    assert re.fullmatch(r"4/4 ━{20} 0s \S+/step - loss: 0.5000 - accuracy: 0.2500 - val_loss: 1.0000e-05\x1b\[K", lines[1])
    assert shown(100, "auto", monkeypatch).count("Epoch") == 3 and shown(100, 0, monkeypatch) == shown(100, False, monkeypatch) == ""
    frames = [frame for frame in shown(40, True, monkeypatch).split("\r") if "/step" in frame and "val" not in frame]
    assert frames and all(width(frame.replace("\x1b[K", "").split("\n")[0]) < 40 for frame in frames)


def test_a_line_an_epoch_elsewhere(monkeypatch):
    text = shown(0, True, monkeypatch)
    assert re.fullmatch(r"(Epoch \d/3 - 0\.0s - loss: 0\.5000 - accuracy: 0\.2500 - val_loss: 1\.0000e-05\n){3}", text)
    assert shown(100, 2, monkeypatch).count("\n") == 3 and "\r" not in shown(100, 2, monkeypatch)
    kept = [line.split(" ")[1] for line in shown(0, True, monkeypatch, every=5, epochs=12).splitlines()]
    assert kept == ["1/12", "5/12", "10/12", "12/12"]


def test_what_is_said_without_a_terminal(capsys):
    model = small()
    model.fit(X, Y, epochs=2)
    assert [line.split(" - ")[0] for line in capsys.readouterr().out.splitlines()] == ["Epoch 1/2", "Epoch 2/2"]
    model.evaluate(X, Y)
    model.predict(X)
    assert capsys.readouterr().out == ""
    model.evaluate(X, Y, verbose=2)
    assert re.fullmatch(r"1 step - 0\.\ds - loss: \S+ - accuracy: \S+\n", capsys.readouterr().out)
    model.fit(X, Y, epochs=2, callbacks=[callbacks.ProgressBar()])
    assert capsys.readouterr().out.count("Epoch 1/2") == 1  # the user's own bar is the only one


def test_numbers_and_times():
    written = {0.5: "0.5000", 0: "0.0000", 12.34567: "12.3457", 1e-4: "1.0000e-04", np.float64(2): "2.0000", float("nan"): "nan"}
    assert [_progress.number(v) for v in written] == list(written.values())
    assert [_progress.duration(s) for s in (0.4, 59, 61, 3661)] == ["0s", "59s", "1:01", "1:01:01"]
    assert [_progress.pace(s) for s in (2, 0.0123, 0.00004)] == ["2.0s/step", "12ms/step", "40us/step"]
