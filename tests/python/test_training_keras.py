"""What people from Keras type: it works as there, or the error says what to do."""

import contextlib
import io
import json

import numpy as np
import pytest

import rustorch
from rustorch.training import layers, losses, metrics, optimizers
from rustorch.utils import load_model

RNG = np.random.default_rng(9)
X = RNG.standard_normal((20, 4))
Y = RNG.standard_normal((20, 2))
NUMBERS = RNG.integers(0, 3, 20)


@pytest.fixture(autouse=True)
def double():
    rustorch.set_default_dtype(rustorch.float64)
    rustorch.manual_seed(2)
    yield
    rustorch.set_default_dtype(rustorch.float32)


def model(*texts, loss="mse", optimizer="sgd", **more):
    made = rustorch.Model(list(texts) or ["Dense(3, activation=tanh)", "Dense(2)"])
    made.build((None, 4))
    made.compile(optimizer, loss, **more)
    return made


def fit(made, x=X, y=Y, **options):
    return made.fit(x, y, **{"epochs": 1, "batch_size": 20, "verbose": 0, **options})


# ---- compile


@pytest.mark.parametrize("given", [0.25, [0.25], {"dense_1": 0.25}])
def test_loss_weights(given):
    """The loss is multiplied, penalties are not; metrics do not know of it."""
    made = model("Dense(3, activation=tanh, kernel_regularizer=l2(0.1))", "Dense(2)", metrics=["mse"], loss_weights=given)
    penalty = 0.1 * (made.get_weights()[0] ** 2).sum()
    error = ((made.predict(X, verbose=0).numpy() - Y) ** 2).mean()
    history = fit(made).history
    assert history["loss"][0] == pytest.approx(0.25 * error + penalty, rel=1e-9) and history["mse"][0] == pytest.approx(error, rel=1e-9)
    plain = model(loss_weights=0.5)
    other = model(optimizer={"name": "sgd", "learning_rate": 0.005})
    other.set_weights(plain.get_weights())
    fit(plain), fit(other)
    for a, b in zip(plain.get_weights(), other.get_weights()):  # half the loss is half the rate
        np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize(
    "given", [{"loss": ["mse"]}, {"loss": {"out": "mse"}}, {"metrics": {"out": ["mae"]}}, {"metrics": [["mae"]]}, {"metrics": "mae"}]
)
def test_one_output_in_a_list_or_under_a_name(given):
    made = model(**{"metrics": ["mae"], **given})
    assert list(fit(made).history) == ["loss", "mae"] and [metric.name for metric in made.metrics] == ["mae"]


def test_what_has_nothing_to_do_is_accepted():
    made = model(run_eagerly=True, jit_compile=True, steps_per_execution=8, auto_scale_loss=False)
    assert len(fit(made, epochs=2)) == 2


def test_the_rate_by_keras_name():
    made = model(optimizer=optimizers.Adam)
    assert float(made.optimizer.learning_rate) == made.optimizer.learning_rate() == 0.001
    made.optimizer.learning_rate = 0.5
    assert made.optimizer.param_groups[0]["lr"] == 0.5


# ---- what layers add to the loss


def test_activity_regularizer():
    """A penalty on the output, divided by the samples."""
    made = model("Dense(3, activation=tanh, activity_regularizer=l1(0.2))", "Dense(2)")
    w, b = made.get_weights()[:2]
    hidden = np.tanh(X @ w + b)
    expected = ((made.predict(X, verbose=0).numpy() - Y) ** 2).mean() + 0.2 * np.abs(hidden).sum() / 20
    assert made.evaluate(X, Y, batch_size=20)["loss"] == pytest.approx(expected, rel=1e-9)
    before = w.copy()
    fit(made)
    slope = 0.2 * np.sign(hidden) / 20 * (1 - hidden**2)  # of the penalty alone
    free = model("Dense(3, activation=tanh)", "Dense(2)")
    free.set_weights([before, b, *model().get_weights()[2:]])
    assert fit(free).history["loss"][0] != pytest.approx(expected)
    assert np.abs(X.T @ slope).max() > 0 and not np.allclose(made.get_weights()[0], before)
    last = model("Dense(2, activation=softmax, activity_regularizer=l2(1.0))", loss="categorical_crossentropy")  # is not fused away
    p = last.predict(X, verbose=0).numpy()
    one_hot = np.eye(2)[NUMBERS % 2]
    assert last.evaluate(X, one_hot, batch_size=20)["loss"] == pytest.approx(-np.log((p * one_hot).sum(1)).mean() + (p**2).sum() / 20)


def test_add_loss():
    class Spread(layers.Layer):
        def compute(self, x):
            self.add_loss(x.square().mean())
            return x

    class Whole(rustorch.Model):
        def __init__(self):
            super().__init__()
            self.inside = rustorch.Model([Spread(), "Dense(2)"])

        def forward(self, x):
            y = self.inside(x)
            self.add_loss(y.abs().mean())
            return y

    made = Whole()
    made.compile("sgd", "mse")
    made(X)
    p = made.predict(X, verbose=0).numpy()
    expected = ((p - Y) ** 2).mean() + (X**2).mean() + np.abs(p).mean()
    assert fit(made).history["loss"][0] == pytest.approx(expected, rel=1e-9)
    made(X)
    assert [float(each.detach()) for each in made.losses] == pytest.approx([np.abs(made(X).detach().numpy()).mean(), (X**2).mean()])


# ---- files


def steep(y_true, y_pred):
    return (y_true - y_pred).abs().pow(3).mean(-1)


def powered(y_true, y_pred, by):
    return (y_true - y_pred).abs().pow(by).mean(-1)


def lopsided(input, target):
    return (input - 2 * target).square().mean()


class Scaled(losses.Loss):
    def __init__(self, by=2.0, name="scaled", reduction="sum_over_batch_size", dtype=None):
        super().__init__(name, reduction, dtype)
        self.by = by

    def call(self, y_true, y_pred):
        return self.by * (y_true - y_pred).square().mean(-1)


class Biggest(metrics.Metric):
    def __init__(self, name="biggest"):
        super().__init__(name)
        self.total = self.add_variable()

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total.assign_add(float((y_true - y_pred).abs().max()))

    def result(self):
        return float(self.total)


def double_tanh(x):
    return 2 * rustorch.tanh(x)


class Halved(layers.Layer):
    def __init__(self, by=2, **common):
        super().__init__(**common)
        self.by = self._count("by", by)

    def compute(self, x):
        return x / self.by


COMPILED = {
    "function": ({"loss": steep, "metrics": [steep]}, {"steep": steep}),
    "class": ({"loss": Scaled(3.0), "metrics": [Biggest(), "mae"]}, {"Scaled": Scaled, "Biggest": Biggest}),
    "objects": ({"loss": losses.Huber(2.0), "metrics": [metrics.RootMeanSquaredError(name="r"), losses.LogCosh()]}, None),
    "torch": ({"loss": rustorch.nn.SmoothL1Loss(beta=0.5), "weighted_metrics": [metrics.MeanAbsoluteError()]}, None),
    "options": ({"loss": losses.FunctionLoss(powered, by=1.5, name="p"), "metrics": [metrics.MeanMetricWrapper(powered, by=3)]},
                {"powered": powered}),
    "torch's order": ({"loss": losses.TorchLoss(lopsided)}, {"lopsided": lopsided}),
    "names": ({"loss": "huber(delta=2.0)", "metrics": ["mae"], "loss_weights": 0.5}, None),
}


@pytest.mark.parametrize("case", list(COMPILED))
def test_a_loaded_model_goes_on_with_fit(case, tmp_path):
    options, objects = COMPILED[case]
    made = model(optimizer="adam", **options)
    fit(made, batch_size=6, shuffle=False)
    path = tmp_path / "model.rustorch"
    made.save(path)
    again = rustorch.Model.load(path, custom_objects=objects)
    first, second = (fit(each, batch_size=6, epochs=2, shuffle=False).history for each in (made, again))
    assert first == second
    for a, b in zip(made.get_weights(), again.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert json.dumps(again.get_compile_config()) == json.dumps(made.get_compile_config())


@pytest.mark.parametrize("options, name", [({"loss": steep}, "loss 'steep'"), ({"metrics": [Biggest()]}, "metric 'Biggest'")])
def test_code_that_is_not_given_is_named(options, name, tmp_path):
    made = model(**options)
    path = tmp_path / "model.rustorch"
    made.save(path)
    with pytest.raises(rustorch.SerializationError, match=f"was compiled with the {name}, which is code of the user's.*custom_objects"):
        load_model(path)
    bare = load_model(path, compile=False)
    assert not bare.compiled and rustorch.equal(bare(X), made(X))
    with pytest.raises(TypeError, match="custom_objects is a dictionary of names"):
        load_model(path, custom_objects=[steep])


def test_layers_and_activations_of_ones_own_in_a_file(tmp_path):
    made = rustorch.Model([layers.Dense(3, activation=double_tanh), Halved(4), "Dense(2)"])
    made(X)
    path = tmp_path / "model.rustorch"
    made.save(path)
    again = load_model(path, custom_objects={"double_tanh": double_tanh, "Halved": Halved})
    np.testing.assert_array_equal(again(X).detach().numpy(), made(X).detach().numpy())
    assert repr(again.layers[:2]) == "[Dense(3, activation=double_tanh), Halved(by=4)]"
    with pytest.raises(rustorch.SerializationError, match="double_tanh"):
        load_model(path)
    with pytest.raises(rustorch.ArgumentTypeError, match="the function relu has a name of rustorch's"):

        def relu(x):
            return x

        rustorch.Model([layers.Dense(1, activation=relu)]).get_config()


# ---- data


@pytest.mark.parametrize(
    "x, y", [({"input": X}, {"output": Y}), ([X], [Y]), ((X,), (Y,)), ({"input": X}, Y)], ids=["names", "lists", "tuples", "one name"]
)
def test_one_input_in_a_list_or_under_a_name(x, y):
    made = model()
    expected = made.evaluate(X, Y)["loss"]
    assert made.evaluate(x, y)["loss"] == expected
    batches = (({"input": X[i : i + 5]}, {"output": Y[i : i + 5]}) for i in range(0, 20, 5))
    assert made.evaluate(batches)["loss"] == pytest.approx(expected)
    with pytest.raises(rustorch.ArgumentValueError, match="x is a list of 2 arrays, but the model has one input"):
        made.evaluate([X, X], Y)


def test_weights_of_steps():
    """Sample weights (batch, steps) for outputs (batch, steps, units)."""
    x, y, w = RNG.standard_normal((5, 3, 4)), RNG.standard_normal((5, 3, 2)), RNG.random((5, 3))
    made = model("Dense(2)", weighted_metrics=["mae"])
    p = made.predict(x, verbose=0).numpy()
    found = made.evaluate(x, y, sample_weight=w)
    assert found["loss"] == pytest.approx((((p - y) ** 2).mean(-1) * w).mean())
    assert found["mae"] == pytest.approx((np.abs(p - y).mean(-1) * w).sum() / w.sum())


# ---- looking


def said(made, **options):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        text = made.summary(**options)
    assert out.getvalue() == text + "\n"
    return text.splitlines()


def test_summary_of_models_inside():
    inner = rustorch.Model(["Dense(3)", "ReLU()"], name="inner")
    made = rustorch.Model(["Input(4)", inner, "Dense(2)"])
    made.get_layer("dense").trainable = False
    assert not any("└ " in line for line in said(made))
    rows = [line.split("│")[1:-1] for line in said(made, expand_nested=True, show_trainable=True) if line.startswith("│")]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["inner (Model)", "(None, 3)", "15", "Y"], ["└ dense (Dense)", "(None, 3)", "15", "Y"], ["└ re_lu (ReLU)", "(None, 3)", "0", "-"],
        ["dense (Dense)", "(None, 2)", "8", "N"],
    ]  # fmt: skip
    lines = said(made, positions=[0.5, 0.8, 1.0], line_length=60)
    assert [i for i, letter in enumerate(lines[1]) if letter == "┳"] == [30, 48] and len(lines[1]) == 61
    assert [line for line in said(made, layer_range=("dense", "dense")) if line.startswith("│")] == [
        "│ dense (Dense)                   │ (None, 2)              │             8 │"
    ]
    for options in ({"positions": [0.5]}, {"layer_range": ("nothing", "dense")}, {"layer_range": 3}):
        with pytest.raises(rustorch.ArgumentValueError, match="summary: "):
            made.summary(**options)


def test_the_plot_of_a_history(tmp_path):
    history = fit(model(metrics=["mae"]), epochs=3, validation_split=0.2)
    history.plot(tmp_path / "run.png", title="run")
    assert (tmp_path / "run.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    with pytest.raises(rustorch.ArgumentValueError, match="the history has no epochs yet"):
        rustorch.training.TrainingHistory().plot()


# ---- layers


@pytest.mark.parametrize(
    "text, shape, expected",
    [
        ("Dense(3, input_dim=4)", (2, 4), (2, 3)),
        ("TimeDistributed(Conv2D(5, 3))", (2, 6, 1, 8, 8), (2, 6, 5, 6, 6)),
        ("ZeroPadding3D(1)", (1, 2, 3, 3, 3), (1, 2, 5, 5, 5)),
        ("Cropping3D((0, 1, 1))", (1, 2, 3, 3, 3), (1, 2, 3, 1, 1)),
        ("UpSampling3D(2)", (1, 2, 3, 3, 3), (1, 2, 6, 6, 6)),
        ("Identity()", (2, 3), (2, 3)),
        ("TimeDistributed(Linear(6))", (2, 5, 3), (2, 5, 6)),
        ("Dropout(0.2, noise_shape=(None, 1, 4))", (2, 3, 4), (2, 3, 4)),
    ],
)
def test_more_layers(text, shape, expected):
    made = rustorch.Model([text])
    assert tuple(made(rustorch.ones(shape)).shape) == expected
    assert rustorch.Model.from_config(json.loads(made.to_json())).layers[0].text() == made.layers[0].text()


def test_weights_of_a_wrapped_module():
    made = rustorch.Model([layers.TimeDistributed(rustorch.nn.Linear(3, 2))])
    assert [w.shape for w in made.get_weights()] == [(2, 3), (2,)] and made.count_params() == 8
    made.set_weights([np.ones((2, 3)), np.zeros(2)])
    assert (made(np.ones((1, 4, 3))).detach().numpy() == 3).all()


def test_normalisations():
    x = RNG.standard_normal((2, 5, 6)) * 3 + 1
    groups = x.reshape(2, 5, 3, 2)
    mean, var = groups.mean((1, 3), keepdims=True), groups.var((1, 3), keepdims=True)
    made = rustorch.Model(["GroupNormalization(3)"])
    np.testing.assert_allclose(made(x).detach().numpy(), ((groups - mean) / np.sqrt(var + 1e-3)).reshape(x.shape), rtol=1e-9)
    unit = rustorch.Model(["UnitNormalization()"])
    np.testing.assert_allclose(unit(x).numpy(), x / np.linalg.norm(x, axis=-1, keepdims=True), rtol=1e-9)
    with pytest.raises(rustorch.ShapeError, match="6 channels of the input cannot be divided among 4 groups"):
        rustorch.Model(["GroupNormalization(4)"])(x)


def test_noise_that_steps_share():
    y = layers.Dropout(0.5, noise_shape=(None, 1, None)).train()(rustorch.ones(3, 7, 8)).numpy()
    assert (y == y[:, :1]).all() and set(np.unique(y)) == {0.0, 2.0}


@pytest.mark.parametrize(
    "act, kind, words",
    [
        (lambda: layers.Dense(3, kernel_constraint="max_norm"), TypeError, "weights have no constraints: change them in a callback"),
        (lambda: layers.Dense(3, dtype="float64"), TypeError, "rustorch.set_default_dtype"),
        (lambda: layers.Dropout(0.1, seed=3), TypeError, "rustorch.manual_seed"),
        (lambda: layers.LSTM(3, return_state=True), TypeError, "rustorch.nn's recurrent modules give their states"),
        (lambda: layers.from_text("LSTM(3, stateful=True)"), TypeError, "each batch begins with a state of zeros"),
        (lambda: layers.Concatenate(), AttributeError, "takes several inputs: write a forward of your own"),
        (lambda: layers.from_text("Resizing(3, 3)"), ValueError, "prepares data"),
        (lambda: layers.PReLU(), AttributeError, "a Model takes rustorch.nn.PReLU as a layer too"),
        (lambda: layers.Danse(3), AttributeError, "did you mean 'Dense'?"),
        (lambda: layers.TimeDistributed(3), TypeError, "a layer such as Dense(32) is expected"),
        (lambda: rustorch.training.Sequential, AttributeError, "it is rustorch.Model(layers) here"),
        (lambda: optimizers.schedules, AttributeError, "callbacks.LearningRateScheduler"),
        (lambda: layers.from_text("Lambda(f)"), TypeError, "a function is expected"),
        (lambda: rustorch.Model([layers.Lambda(lambda x: x)]).get_config(), TypeError, "has no text"),
        (lambda: layers.Dropout(0.1, noise_shape=(1, 2)).train()(rustorch.ones(3)), ValueError, "has 2 dimensions"),
    ],
)
def test_what_is_not_there(act, kind, words):
    with pytest.raises(kind) as caught:
        act()
    assert words in str(caught.value)
