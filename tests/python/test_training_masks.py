"""Masks of steps, by Keras's rules: layers, losses and metrics against NumPy in double precision."""

import warnings

import numpy as np
import pytest

import rustorch
from rustorch import nn
from rustorch.training import layers, losses, metrics
from training_reference import steps

RNG = np.random.default_rng(5)
X = RNG.standard_normal((4, 6, 3))
for row, hidden in ((0, [4, 5]), (1, [2]), (2, [0, 3, 5])):  # behind, in the middle, in several places
    X[row, hidden] = 0
MASK = (X != 0).any(-1)
Y = RNG.standard_normal((4, 6, 2))
CLASSES = RNG.integers(0, 3, (4, 6))


@pytest.fixture(autouse=True)
def double():
    rustorch.set_default_dtype(rustorch.float64)
    rustorch.manual_seed(1)
    yield
    rustorch.set_default_dtype(rustorch.float32)


def output(model, x=X):
    with rustorch.no_grad():
        return model(x).numpy()


def masked(layer):
    """The layer behind Masking, with weights that are not zeros; and these."""
    model = rustorch.Model([layers.Masking(), layer])
    model(X)
    weights = [RNG.standard_normal(w.shape) * 0.5 for w in layer.get_weights()]
    layer.set_weights(weights)
    return model, weights


@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_recurrent_layers(kind, sequences, backwards):
    model, weights = masked(getattr(layers, kind)(5, return_sequences=sequences, go_backwards=backwards))
    expected = steps(kind, X, weights, backwards, MASK)
    np.testing.assert_allclose(output(model), expected if sequences else expected[:, -1], atol=1e-12)


@pytest.mark.parametrize("sequences", [False, True])
def test_bidirectional(sequences):
    """Steps that are hidden give zeros here: what a layer repeats would be seen from the other end."""
    model, weights = masked(layers.Bidirectional(layers.LSTM(4, return_sequences=sequences)))
    front, back = steps("LSTM", X, weights[:3], False, MASK), steps("LSTM", X, weights[3:], True, MASK)
    if sequences:
        expected = np.concatenate([front, back[:, ::-1]], -1) * MASK[..., None]
    else:
        expected = np.concatenate([front[:, -1], back[:, -1]], -1)
    np.testing.assert_allclose(output(model), expected, atol=1e-12)


def test_gradients_pass_by_hidden_steps():
    model, _ = masked(layers.GRU(3))
    x = rustorch.tensor(X, requires_grad=True)
    model(x).sum().backward()
    assert not x.grad.numpy()[~MASK].any() and (x.grad.numpy()[MASK] != 0).all()


def test_masking_itself():
    model = rustorch.Model(["Masking(9)"])
    x = np.where(MASK[..., None], X, 9.0)
    np.testing.assert_array_equal(output(model, x), np.where(MASK[..., None], X, 0.0))
    np.testing.assert_array_equal(model(x)._keras_mask.numpy(), MASK)


def test_pooling_and_statistics():
    counts = MASK.sum(1, keepdims=True)
    pooled = rustorch.Model(["Masking()", "GlobalAveragePooling1D()", "Dense(2)"])
    assert not hasattr(pooled(X), "_keras_mask")  # there are no steps any more
    pooled.pop()
    np.testing.assert_allclose(output(pooled), X.sum(1) / counts, atol=1e-12)
    layer = layers.BatchNormalization(momentum=0.0)
    y = layers.Masking().train()(rustorch.tensor(X))
    z = layer.train()(y).detach().numpy()
    mean, var = X[MASK].mean(0), X[MASK].var(0)
    np.testing.assert_allclose(layer.running_mean.numpy(), mean, rtol=1e-6)
    np.testing.assert_allclose(layer.running_var.numpy(), var, rtol=1e-6)
    np.testing.assert_allclose(z[MASK], ((X - mean) / np.sqrt(var + 1e-3))[MASK], rtol=1e-6)


def test_embedding():
    """Sequences filled up with zeros are as if they were shorter."""
    numbers = RNG.integers(1, 7, (4, 5))
    numbers[1, 3:] = numbers[3, 1:] = 0
    model = rustorch.Model(["Embedding(7, 3, mask_zero=True)", "LSTM(4)", "Dense(2)"])
    whole = output(model, numbers)
    for row, n in enumerate((5, 3, 5, 1)):
        np.testing.assert_allclose(output(model, numbers[row : row + 1, :n])[0], whole[row], atol=1e-12)
    assert model.get_config()["layers"][0]["text"] == "Embedding(7, 3, mask_zero=True)"


# ---- losses and metrics


def by_step(name, y, p):
    if name == "mse":
        return ((p - y) ** 2).mean(-1)
    if name == "mae":
        return np.abs(p - y).mean(-1)
    if name == "right":
        return p.argmax(-1) == y
    return -np.log(np.take_along_axis(p, y[..., None], -1)[..., 0])


@pytest.mark.parametrize("weight", [None, "samples", "steps"])
@pytest.mark.parametrize("name", ["mse", "sparse_categorical_crossentropy"])
def test_loss_and_metrics(name, weight):
    """The loss of a batch is Σ weight · value over its shown steps / their number; of an epoch the mean over samples."""
    y, units, end, metric = (Y, 2, "linear", "mae") if name == "mse" else (CLASSES, 3, "softmax", "accuracy")
    model = rustorch.Model(["Masking()", "SimpleRNN(4, return_sequences=True)", f"Dense({units}, activation={end})"])
    weighted = metrics.get({"class_name": metric, "config": {"name": "w"}})
    model.compile("sgd", name, metrics=[metrics.get(metric), metrics.LossMetric(name, name="l")], weighted_metrics=[weighted])
    p = output(model)
    given = {None: None, "samples": RNG.random(4), "steps": RNG.random((4, 6))}[weight]
    w = np.ones((4, 6)) if given is None else given[:, None] * np.ones((4, 6)) if weight == "samples" else given
    values, measured = by_step(name, y, p), by_step("mae" if name == "mse" else "right", y, p)
    batches = [slice(0, 3), slice(3, 4)]
    expected = sum((MASK * w * values)[b].sum() / MASK[b].sum() * len(MASK[b]) for b in batches) / 4
    found = model.evaluate(X, y, sample_weight=given, batch_size=3)
    assert found["loss"] == pytest.approx(expected, rel=1e-9)
    assert found[metric] == pytest.approx((MASK * measured).sum() / MASK.sum(), rel=1e-9)
    assert found["l"] == pytest.approx((MASK * values).sum() / MASK.sum(), rel=1e-9)
    assert found["w"] == pytest.approx((MASK * w * measured).sum() / (MASK * w).sum(), rel=1e-9)


def test_a_step_of_training():
    """The gradient is that of the loss over the shown steps: a linear layer's by hand."""
    model = rustorch.Model(["Masking()", "Dense(2, use_bias=False)"])
    model.build((None, 6, 3))
    model.compile({"name": "sgd", "learning_rate": 0.1}, "mse")
    (before,) = model.get_weights()
    model.fit(X, Y, epochs=1, batch_size=4, verbose=0)
    slope = np.einsum("bti,bto->io", X * MASK[..., None], X @ before - Y) / MASK.sum()
    np.testing.assert_allclose(model.get_weights()[0], before - 0.1 * slope, rtol=1e-9)


def test_an_ignored_class_and_a_mask():
    loss = losses.SparseCategoricalCrossentropy(ignore_class=2)
    p = RNG.dirichlet(np.ones(3), (4, 6))
    shown = MASK & (CLASSES != 2)
    scores = rustorch.tensor(p)
    scores._keras_mask = rustorch.tensor(MASK)
    expected = (-np.log(np.take_along_axis(p, CLASSES[..., None], -1)[..., 0]) * shown).sum() / shown.sum()
    assert float(loss(CLASSES, scores)) == pytest.approx(expected, rel=1e-12)
    assert loss.weighed(CLASSES, scores)[1] == pytest.approx(shown.sum())


@pytest.mark.parametrize("given", ["one-hot", "numbers"])
def test_class_weights_of_steps(given):
    model = rustorch.Model(["Dense(3, activation=softmax)"])
    model.compile("sgd", "categorical_crossentropy" if given == "one-hot" else "sparse_categorical_crossentropy")
    p = output(model)
    table = np.array([1.0, 0.5, 4.0])
    y = np.eye(3)[CLASSES] if given == "one-hot" else CLASSES
    expected = (by_step("", CLASSES, p) * table[CLASSES]).mean()
    history = model.fit(X, y, class_weight={1: 0.5, 2: 4.0}, batch_size=4, epochs=1, verbose=0)
    assert history.train_loss()[0] == pytest.approx(expected, rel=1e-9)


# ---- where a mask ends


@pytest.mark.parametrize("layer", ["Flatten()", "Conv1D(2, 3)", nn.Linear(3, 2), "Reshape((18,))"])
def test_layers_that_know_no_masks_say_so(layer):
    model = rustorch.Model(["Masking()", layer])
    with pytest.warns(UserWarning, match="was given an input with a mask, which it does not support"):
        assert not hasattr(model(X), "_keras_mask")


@pytest.mark.parametrize(
    "layer", ["Dense(2)", "Dropout(0.5)", "LayerNorm()", "Activation(relu)", "ReLU()", "SpatialDropout1D(0.1)", "TimeDistributed(Dense(2))"]
)
def test_layers_that_pass_a_mask_on(layer):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = rustorch.Model(["Masking()", layer])(X)
    np.testing.assert_array_equal(y._keras_mask.numpy(), MASK)


def test_a_forward_of_ones_own():
    """The mask goes with the tensor, so that layers called by hand see it too."""

    class Two(rustorch.Model):
        def __init__(self):
            super().__init__()
            self.start, self.read = layers.Masking(), layers.SimpleRNN(4)

        def forward(self, x):
            return self.read(self.start(x))

    model = Two()
    model(X)
    np.testing.assert_allclose(output(model), steps("SimpleRNN", X, model.read.get_weights(), False, MASK)[:, -1], atol=1e-12)


def test_a_mask_of_the_wrong_shape():
    layer = layers.LSTM(2)
    with pytest.raises(rustorch.ShapeError, match=r"a mask of shape \(4, 5\) does not fit \(4, 6\), \(batch, steps\)"):
        layer(rustorch.tensor(X), mask=rustorch.tensor(MASK[:, :5]))


def test_a_mask_that_is_given_does_not_stick_to_the_input():
    x, mask = rustorch.ones(2, 3, 4), rustorch.tensor([[True, True, False], [True, False, False]])
    for layer in (layers.Dropout(0.5).eval(), layers.Identity(), layers.Activation("linear"), layers.Activation("relu")):
        y = layer(x, mask=mask)
        assert not hasattr(x, "_keras_mask") and rustorch.equal(y._keras_mask, mask) and rustorch.equal(x, y)
    x._keras_mask = mask
    with pytest.warns(UserWarning, match="mask"):
        y = layers.Lambda(lambda z: z)(x)
    assert not hasattr(y, "_keras_mask") and x._keras_mask is mask
