"""Layers of rustorch.training against NumPy in double precision, by Keras's formulas, and the text that they are written in."""

import copy
import itertools
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rustorch
from rustorch.training import layers, parser
from training_reference import sigmoid, steps

RNG = np.random.default_rng(3)
text = layers.from_text


@pytest.fixture(autouse=True)
def double():
    rustorch.set_default_dtype(rustorch.float64)
    rustorch.manual_seed(1)
    yield
    rustorch.set_default_dtype(rustorch.float32)


def run(layer, x, training=False):
    layer.train(training)
    with rustorch.no_grad():
        return layer(rustorch.tensor(x)).numpy()


def randomized(layer, x):
    """The layer after its first batch, with weights that are not zeros or ones; and these in Keras's layout."""
    run(layer, x)
    weights = [RNG.standard_normal(w.shape) * 0.5 for w in layer.get_weights()]
    layer.set_weights(weights)
    return weights


# ---- convolutions: sums over the kernel's places, channels last, TensorFlow's padding


def sides(size, kernel, stride, dilation, padding):
    if padding == "valid":
        return 0, 0
    if padding == "causal":
        return (kernel - 1) * dilation, 0
    total = max((math.ceil(size / stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def convolution(x, kernel, strides, dilations, padding, groups=1):
    """x (batch, *places, in), kernel (*places, in / groups, out), as Keras defines it."""
    n = kernel.ndim - 2
    pads = [sides(x.shape[1 + i], kernel.shape[i], strides[i], dilations[i], padding) for i in range(n)]
    x = np.pad(x, [(0, 0), *pads, (0, 0)])
    sizes = [(x.shape[1 + i] - (kernel.shape[i] - 1) * dilations[i] - 1) // strides[i] + 1 for i in range(n)]
    out = np.zeros((x.shape[0], *sizes, kernel.shape[-1]))
    per_in, per_out = kernel.shape[-2], kernel.shape[-1] // groups
    for place in itertools.product(*map(range, kernel.shape[:n])):
        at = tuple(slice(p * d, p * d + (s - 1) * t + 1, t) for p, d, s, t in zip(place, dilations, sizes, strides))
        part = x[(slice(None), *at)]
        for g in range(groups):
            own = slice(g * per_out, (g + 1) * per_out)
            out[..., own] += part[..., g * per_in : (g + 1) * per_in] @ kernel[place][:, own]
    return out


@pytest.mark.parametrize("n, size, kernel, strides, dilation, padding, groups", [
    (1, (9,), 3, 1, 1, "valid", 1), (1, (9,), 4, 1, 1, "same", 1), (1, (10,), 3, 2, 1, "same", 1), (1, (9,), 3, 1, 2, "causal", 1),
    (1, (9,), 3, 2, 1, "causal", 2), (2, (7, 8), 3, 1, 1, "valid", 1), (2, (7, 8), 3, 1, 1, "same", 1),
    (2, (7, 8), (2, 3), 2, 1, "same", 1), (2, (8, 8), 3, (1, 2), 1, "valid", 2), (2, (9, 9), 3, 1, 2, "same", 1),
    (2, (9, 7), 5, 3, 1, "same", 2), (2, (6, 6), 2, 4, 1, "same", 1),
    (3, (4, 5, 6), 3, 1, 1, "same", 1), (3, (4, 5, 6), 2, 2, 1, "valid", 1),
])  # fmt: skip
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_convolutions(n, size, kernel, strides, dilation, padding, groups, data_format):
    x = RNG.standard_normal((2, *size, 4))
    layer = text(f"Conv{n}D(6, {kernel}, {strides}, {padding}, dilation_rate={dilation}, groups={groups}, data_format={data_format})")
    turn = (lambda a: np.moveaxis(a, -1, 1)) if data_format == "channels_first" else lambda a: a
    w, b = randomized(layer, turn(x))
    listed = lambda v: v if isinstance(v, tuple) else (v,) * n  # noqa: E731
    assert w.shape == (*listed(kernel), 4 // groups, 6)
    expected = convolution(x, w, listed(strides), listed(dilation), padding, groups) + b
    np.testing.assert_allclose(run(layer, turn(x)), turn(expected), atol=1e-12)


@pytest.mark.parametrize("size, kernel, strides, padding", [
    ((5, 6), 3, 1, "valid"), ((5, 6), 3, 2, "valid"), ((5, 6), 3, 2, "same"), ((4, 4), 2, 2, "same"), ((4, 4), 4, 2, "same"),
    ((3, 5), 2, 3, "valid"), ((3, 5), 2, 3, "same"), ((5, 5), 5, 1, "same"),
])  # fmt: skip
def test_transposed_convolutions(size, kernel, strides, padding):
    """The gradient of the convolution with regard to its input, which NumPy has by its matrix."""
    x = RNG.standard_normal((2, *size, 3))
    layer = layers.Conv2DTranspose(2, kernel, strides, padding, data_format="channels_last")
    w, b = randomized(layer, x)
    assert w.shape == (kernel, kernel, 2, 3)
    extra = max(kernel - strides, 0) if padding == "valid" else 0
    out = tuple(n * strides + extra for n in size)
    matrix = np.stack([
        convolution(unit.reshape(1, *out, 2), w, (strides,) * 2, (1, 1), padding).reshape(-1) for unit in np.eye(math.prod(out) * 2)
    ])  # fmt: skip
    expected = (x.reshape(2, -1) @ matrix.T).reshape(2, *out, 2) + b
    np.testing.assert_allclose(run(layer, x), expected, atol=1e-12)


@pytest.mark.parametrize("multiplier, strides, padding", [(1, 1, "valid"), (2, 1, "same"), (3, 2, "same")])
def test_depthwise_and_separable(multiplier, strides, padding):
    x = RNG.standard_normal((2, 7, 6, 4))
    layer = layers.DepthwiseConv2D(3, strides, padding, multiplier, "channels_last")
    w, b = randomized(layer, x)
    assert w.shape == (3, 3, 4, multiplier)

    def depthwise(w):
        parts = [convolution(x[..., c : c + 1], w[:, :, c : c + 1], (strides,) * 2, (1, 1), padding) for c in range(4)]
        return np.concatenate(parts, -1)

    np.testing.assert_allclose(run(layer, x), depthwise(w) + b, atol=1e-12)
    layer = layers.SeparableConv2D(5, 3, strides, padding, "channels_last", depth_multiplier=multiplier)
    deep, point, b = randomized(layer, x)
    assert point.shape == (1, 1, 4 * multiplier, 5)
    np.testing.assert_allclose(run(layer, x), depthwise(deep) @ point[0, 0] + b, atol=1e-12)


# ---- pooling


def pooled(x, pool, strides, padding, reduce):
    """x (batch, *places, channels); what lies outside does not count."""
    n = x.ndim - 2
    pads = [sides(x.shape[1 + i], pool[i], strides[i], 1, padding) for i in range(n)]
    filled = np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=np.nan)
    sizes = [(filled.shape[1 + i] - pool[i]) // strides[i] + 1 for i in range(n)]
    out = np.zeros((x.shape[0], *sizes, x.shape[-1]))
    for place in itertools.product(*map(range, sizes)):
        at = tuple(slice(p * s, p * s + k) for p, s, k in zip(place, strides, pool))
        out[(slice(None), *place)] = reduce(filled[(slice(None), *at)], axis=tuple(range(1, n + 1)))
    return out


@pytest.mark.parametrize("n, size, pool, strides, padding", [
    (1, (9,), 2, None, "valid"), (1, (9,), 3, 2, "same"), (2, (7, 8), 2, None, "valid"), (2, (7, 8), (2, 3), 1, "same"),
    (2, (7, 8), 3, 2, "same"), (2, (5, 5), 5, None, "valid"), (3, (4, 5, 6), 2, None, "same"),
])  # fmt: skip
@pytest.mark.parametrize("kind, reduce", [("MaxPooling", np.nanmax), ("AveragePooling", np.nanmean)])
def test_pooling(n, size, pool, strides, padding, kind, reduce):
    x = RNG.standard_normal((2, *size, 3))
    layer = text(f"{kind}{n}D({pool}, {strides}, {padding}, data_format=channels_last)")
    listed = lambda v: v if isinstance(v, tuple) else (v,) * n  # noqa: E731
    expected = pooled(x, listed(pool), listed(pool if strides is None else strides), padding, reduce)
    np.testing.assert_allclose(run(layer, x), expected, atol=1e-12)


@pytest.mark.parametrize("name, reduce", [("Average", np.mean), ("Max", np.max)])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_global_pooling(name, reduce, n):
    last = RNG.standard_normal((2, 4, 5, 6, 3)[: n + 1] + (3,))
    first = np.moveaxis(last, -1, 1)
    places = tuple(range(1, n + 1))
    np.testing.assert_allclose(run(text(f"Global{name}Pooling{n}D(channels_last)"), last), reduce(last, axis=places))
    np.testing.assert_allclose(run(text(f"Global{name}Pooling{n}D(channels_first)"), first), reduce(last, axis=places))
    kept = run(text(f"global_{name}_pooling{n}d(data_format=channels_last, keepdims=True)"), last)
    np.testing.assert_allclose(kept, reduce(last, axis=places, keepdims=True))


# ---- normalisation


@pytest.mark.parametrize("shape, axis", [((6, 5), None), ((4, 7, 5), None), ((4, 5, 3, 2), None), ((4, 3, 2, 5), -1), ((4, 7, 5), 1)])
@pytest.mark.parametrize("options", ["", "momentum=0.7, epsilon=0.01", "center=False", "scale=False"])
def test_batch_normalization(shape, axis, options):
    """Channels second in images, last elsewhere; the running variance is the batch's own, not the unbiased one."""
    x = RNG.standard_normal(shape) * 2 + 1
    layer = text(f"BatchNormalization({f'axis={axis}, ' if axis is not None else ''}{options})")
    run(layer, x)
    c = (1 if len(shape) == 4 else len(shape) - 1) if axis is None else axis % len(shape)
    around = tuple(i for i in range(len(shape)) if i != c)
    mean, var = x.mean(around), x.var(around)
    momentum, eps = (0.7, 0.01) if "momentum" in options else (0.99, 1e-3)
    np.testing.assert_allclose(run(layer, x), x / np.sqrt(1 + eps), rtol=1e-12)
    y = run(layer, x, training=True)
    turn = lambda v: v.reshape([-1 if i == c else 1 for i in range(len(shape))])  # noqa: E731
    np.testing.assert_allclose(y, (x - turn(mean)) / np.sqrt(turn(var) + eps), rtol=1e-9, atol=1e-12)
    found = layer.get_weights()
    assert len(found) == 2 + ("center=False" not in options) + ("scale=False" not in options)
    np.testing.assert_allclose(found[-2], (1 - momentum) * mean, rtol=1e-12)
    np.testing.assert_allclose(found[-1], momentum + (1 - momentum) * var, rtol=1e-12)


def test_a_frozen_batch_normalization_uses_its_running_statistics():
    layer = layers.BatchNormalization(trainable=False)
    x = RNG.standard_normal((6, 5)) + 3
    np.testing.assert_allclose(run(layer, x, training=True), x / np.sqrt(1 + 1e-3))
    assert not any(p.requires_grad for p in layer.parameters())


@pytest.mark.parametrize("axis", [-1, [-1], [-2, -1], [1, 2]])
def test_layer_normalization(axis):
    x = RNG.standard_normal((4, 3, 5)) * 3 + 2
    layer = layers.LayerNormalization(axis)
    gamma, beta = randomized(layer, x)
    axes = tuple(np.atleast_1d(axis))
    expected = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-3) * gamma + beta
    np.testing.assert_allclose(run(layer, x), expected, rtol=1e-9, atol=1e-12)


# ---- recurrent layers: Keras's formulas, step by step


@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
@pytest.mark.parametrize("options", ["", "use_bias=False", "go_backwards=True"])
def test_recurrent_layers(kind, options):
    x = RNG.standard_normal((3, 6, 4))
    layer = text(f"{kind}(5, return_sequences=True, {options})")
    weights = randomized(layer, x)
    gates = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}[kind]
    assert weights[0].shape == (4, 5 * gates) and weights[1].shape == (5, 5 * gates)
    expected = steps(kind, x, weights, "backwards" in options)
    np.testing.assert_allclose(run(layer, x), expected, atol=1e-12)
    last = text(f"{kind}(5, {options})")
    run(last, x)
    last.set_weights(weights)
    np.testing.assert_allclose(run(last, x), expected[:, -1], atol=1e-12)


@pytest.mark.parametrize("merge", ["concat", "sum", "mul", "ave"])
@pytest.mark.parametrize("sequences", [False, True])
def test_bidirectional(merge, sequences):
    x = RNG.standard_normal((3, 6, 4))
    layer = text(f"Bidirectional(LSTM(5, return_sequences={sequences}), merge_mode={merge})")
    run(layer, x)
    weights = [RNG.standard_normal(w.shape) * 0.5 for w in layer.get_weights()]
    layer.set_weights(weights)
    a, b = steps("LSTM", x, weights[:3]), steps("LSTM", x, weights[3:], True)
    a, b = (a, b[:, ::-1]) if sequences else (a[:, -1], b[:, -1])
    expected = {"concat": np.concatenate([a, b], -1), "sum": a + b, "mul": a * b, "ave": (a + b) / 2}[merge]
    np.testing.assert_allclose(run(layer, x), expected, atol=1e-12)


def test_the_start_of_recurrent_layers():
    """Keras's: an orthogonal recurrent kernel, and a forget gate that is open."""
    layer = layers.LSTM(6)
    run(layer, np.zeros((1, 2, 4)))
    kernel, recurrent, bias = layer.get_weights()
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(6), atol=1e-10)
    assert bias.tolist() == [0.0] * 6 + [1.0] * 6 + [0.0] * 12
    assert np.abs(kernel).max() <= math.sqrt(6 / (4 + 24))


# ---- the rest


def test_dense_and_embedding():
    x = RNG.standard_normal((2, 5, 3))
    layer = layers.Dense(4, "relu")
    w, b = randomized(layer, x)
    np.testing.assert_allclose(run(layer, x), np.maximum(x @ w + b, 0), atol=1e-12)
    layer = layers.Embedding(7, 3)
    numbers = RNG.integers(0, 7, (2, 5))
    (table,) = randomized(layer, numbers)
    np.testing.assert_array_equal(run(layer, numbers), table[numbers])
    np.testing.assert_array_equal(run(layer, numbers.astype(float)), table[numbers])


SHAPES = [
    ("Flatten()", (2, 3, 4), lambda x: x.reshape(2, 12)),
    ("Reshape((4, 3))", (2, 12), lambda x: x.reshape(2, 4, 3)),
    ("Reshape((-1, 2))", (2, 12), lambda x: x.reshape(2, 6, 2)),
    ("Permute((2, 1))", (2, 3, 4), lambda x: x.transpose(0, 2, 1)),
    ("RepeatVector(3)", (2, 4), lambda x: np.repeat(x[:, None], 3, 1)),
    ("Rescaling(0.5, offset=1)", (2, 4), lambda x: x / 2 + 1),
    ("ZeroPadding1D((1, 2))", (2, 3, 4), lambda x: np.pad(x, [(0, 0), (1, 2), (0, 0)])),
    ("ZeroPadding2D(1)", (1, 2, 3, 4), lambda x: np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)])),
    ("ZeroPadding2D((1, 2))", (1, 2, 3, 4), lambda x: np.pad(x, [(0, 0), (0, 0), (1, 1), (2, 2)])),
    ("ZeroPadding2D(((1, 0), (2, 3)), channels_last)", (1, 3, 4, 2), lambda x: np.pad(x, [(0, 0), (1, 0), (2, 3), (0, 0)])),
    ("Cropping1D(1)", (2, 5, 4), lambda x: x[:, 1:-1]),
    ("Cropping2D(((1, 0), (0, 2)))", (1, 2, 4, 5), lambda x: x[:, :, 1:, :-2]),
    ("UpSampling1D(2)", (1, 3, 2), lambda x: x.repeat(2, 1)),
    ("UpSampling2D((2, 3))", (1, 2, 3, 4), lambda x: x.repeat(2, 2).repeat(3, 3)),
    ("Dropout(0.9)", (2, 4), lambda x: x),
    ("SpatialDropout1D(0.9)", (2, 4, 3), lambda x: x),
    ("GaussianNoise(3)", (2, 4), lambda x: x),
    ("GaussianDropout(0.5)", (2, 4), lambda x: x),
    ("AlphaDropout(0.5)", (2, 4), lambda x: x),
    ("Softmax()", (2, 4), lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True)),
    ("Softmax(axis=1)", (2, 4, 3), lambda x: np.exp(x) / np.exp(x).sum(1, keepdims=True)),
    ("ReLU()", (2, 4), lambda x: np.maximum(x, 0)),
    ("ReLU(max_value=1)", (2, 4), lambda x: np.clip(x, 0, 1)),
    ("ReLU(max_value=1, negative_slope=0.1, threshold=0.2)", (2, 4),
     lambda x: np.where(x >= 1, 1, np.where(x >= 0.2, x, 0.1 * (x - 0.2)))),
    ("LeakyReLU()", (2, 4), lambda x: np.where(x > 0, x, 0.3 * x)),
    ("ELU(0.5)", (2, 4), lambda x: np.where(x > 0, x, 0.5 * (np.exp(x) - 1))),
]


@pytest.mark.parametrize("layer, shape, expected", SHAPES, ids=lambda v: v if isinstance(v, str) else "")
def test_simple_layers(layer, shape, expected):
    x = RNG.standard_normal(shape)
    np.testing.assert_allclose(run(text(layer), x), expected(x), atol=1e-12)


ACTIVATIONS = {
    "linear": lambda x: x, "relu": lambda x: np.maximum(x, 0), "relu6": lambda x: np.clip(x, 0, 6), "sigmoid": sigmoid, "tanh": np.tanh,
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x), "leaky_relu(0.5)": lambda x: np.where(x > 0, x, 0.5 * x),
    "softplus": lambda x: np.log1p(np.exp(x)), "softsign": lambda x: x / (1 + np.abs(x)), "exponential": np.exp,
    "elu": lambda x: np.where(x > 0, x, np.exp(x) - 1), "elu(alpha=2.0)": lambda x: np.where(x > 0, x, 2 * (np.exp(x) - 1)),
    "silu": lambda x: x * sigmoid(x), "swish": lambda x: x * sigmoid(x), "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "gelu": lambda x: x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2))),
    "gelu(approximate=True)": lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "hard_sigmoid": lambda x: np.clip(x + 3, 0, 6) / 6, "hard_silu": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "hard_tanh": lambda x: np.clip(x, -1, 1), "log_sigmoid": lambda x: -np.log1p(np.exp(-x)), "tanh_shrink": lambda x: x - np.tanh(x),
    "soft_shrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0), "hard_shrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(x) - 1)),
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True),
    "log_softmax": lambda x: x - np.log(np.exp(x).sum(-1, keepdims=True)),
}  # fmt: skip


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_activations(name):
    x = RNG.standard_normal((5, 7)) * 2
    np.testing.assert_allclose(run(text(f"Activation({name})"), x), ACTIVATIONS[name](x), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name, low, high, std", [
    ("glorot_uniform", -0.1, 0.1, 0.1 / math.sqrt(3)), ("glorot_normal", -0.131276, 0.131276, math.sqrt(2 / 600)),
    ("he_uniform", -math.sqrt(0.03), math.sqrt(0.03), 0.1), ("he_normal", -0.227376, 0.227376, 0.1),
    ("lecun_normal", -0.160780, 0.160780, math.sqrt(1 / 200)),
    ("lecun_uniform", -math.sqrt(3 / 200), math.sqrt(3 / 200), math.sqrt(1 / 200)), ("random_uniform", -0.05, 0.05, 0.05 / math.sqrt(3)),
    ("random_normal", -1, 1, 0.05), ("random_normal(stddev=0.2, mean=1)", -1, 3, 0.2), ("truncated_normal", -0.1, 0.1, 0.0439813),
    ("random_uniform(-1, 1)", -1, 1, 1 / math.sqrt(3)),
    ("variance_scaling(scale=2, mode=fan_out, distribution=uniform)", -math.sqrt(6 / 400), math.sqrt(6 / 400), math.sqrt(2 / 400)),
])  # fmt: skip
def test_initializers(name, low, high, std):
    """200 inputs, 400 outputs; 80,000 values."""
    layer = layers.Dense(400, kernel_initializer=name)
    run(layer, np.zeros((1, 200)))
    w = layer.get_weights()[0]
    assert w.shape == (200, 400) and low <= w.min() and w.max() <= high
    assert w.std() == pytest.approx(std, rel=0.02)
    assert max(-w.min(), w.max()) > 0.97 * max(-low, high) or "random_normal" in name


@pytest.mark.parametrize("name, values", [("zeros", 0), ("ones", 1), ("constant(0.25)", 0.25), ("Constant(value=-1)", -1), (0.5, 0.5)])
def test_constant_initializers(name, values):
    layer = layers.Dense(3, kernel_initializer=name)
    run(layer, np.zeros((1, 2)))
    assert (layer.get_weights()[0] == values).all()


def test_an_initializer_of_ones_own():
    layer = layers.Dense(3, kernel_initializer=lambda shape: rustorch.full(shape, 2.0), bias_initializer=np.ones)
    run(layer, np.zeros((1, 2)))
    assert (layer.get_weights()[0] == 2).all() and (layer.get_weights()[1] == 1).all()
    with pytest.raises(TypeError, match="has no text"):
        layer.text()


@pytest.mark.parametrize("kind, expected", [
    ("Dropout(0.3)", 0.3), ("SpatialDropout1D(0.3)", 0.3), ("SpatialDropout2D(0.3)", 0.3), ("SpatialDropout3D(0.3)", 0.3),
])  # fmt: skip
def test_dropout(kind, expected):
    n = int(kind[14]) if "Spatial" in kind else 0
    x = np.ones({0: (100, 200), 1: (100, 5, 200), 2: (100, 200, 3, 3), 3: (100, 200, 2, 2, 2)}[n])
    y = run(text(kind), x, training=True)
    assert set(np.unique(y).round(12)) == {0.0, round(1 / 0.7, 12)} and (y == 0).mean() == pytest.approx(expected, abs=0.02)
    if n:
        places = tuple(range(2, 2 + n)) if n > 1 else (1,)
        assert (y.min(places) == y.max(places)).all()


@pytest.mark.parametrize("kind, mean, std", [
    ("GaussianNoise(0.5)", 1.0, 0.5), ("GaussianDropout(0.2)", 1.0, 0.5), ("AlphaDropout(0.3)", None, None),
])  # fmt: skip
def test_noise(kind, mean, std):
    x = np.ones((200, 300)) if mean else RNG.standard_normal((200, 300))
    y = run(text(kind), x, training=True)
    assert y.mean() == pytest.approx(mean or 0, abs=0.02) and y.std() == pytest.approx(std or 1, abs=0.02)


# ---- the text


@pytest.mark.parametrize("written, read", [
    ("Dense(64, activation=relu)", "Dense(64, activation=relu)"),
    ("  dense ( 64,activation = 'relu' , ) ", "Dense(64, activation=relu)"),
    ('DENSE(units=64, activation="relu")', "Dense(64, activation=relu)"),
    ("Linear(10)", "Dense(10)"),
    ("linear(out_features=10, bias=False)", "Dense(10, use_bias=False)"),
    ("Conv2d(8, (3, 3), stride=2)", "Conv2D(8, (3, 3), strides=2)"),
    ("conv2D(out_channels=8, kernel_size=[3,3])", "Conv2D(8, [3, 3])"),
    ("max_pool2d(2)", "MaxPooling2D(2)"),
    ("MaxPool2D", "MaxPooling2D()"),
    ("Dropout(p=.5)", "Dropout(0.5)"),
    ("Dropout(5e-1)", "Dropout(0.5)"),
    ("batch_norm", "BatchNormalization()"),
    ("BatchNorm2d(eps=1e-5)", "BatchNormalization(epsilon=1e-05)"),
    ("Dense(1_000)", "Dense(1000)"),
    ("Dense(3, activation=None)", "Dense(3, activation=None)"),
    ("Dense(3, use_bias=false)", "Dense(3, use_bias=False)"),
    ("Dense(3, kernel_regularizer=l1_l2(l1=0.1, l2=0.2))", "Dense(3, kernel_regularizer=l1_l2(l1=0.1, l2=0.2))"),
    ("Dense(3, name='예측 층')", "Dense(3, name='예측 층')"),
    ("Dense(3,\n      activation=tanh)", "Dense(3, activation=tanh)"),
    ("Bidirectional(GRU(4, return_sequences=True), merge_mode=sum)", "Bidirectional(GRU(4, return_sequences=True), merge_mode=sum)"),
])  # fmt: skip
def test_texts(written, read):
    layer = text(written)
    assert repr(layer) == layer.text() == read
    assert text(layer.text()).text() == read  # what was written is read


def test_names_of_nn_are_known_too():
    from rustorch import nn

    assert isinstance(text("GroupNorm(2, 4)"), nn.GroupNorm)
    assert isinstance(text("gelu(approximate=tanh)"), nn.GELU) and text("GELU(approximate='tanh')").approximate == "tanh"
    assert isinstance(text("PixelShuffle(2)"), nn.PixelShuffle)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-10**9, 10**9) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8).filter(lambda t: t.isprintable()),
    lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple), max_leaves=6,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(values, max_size=3), st.dictionaries(st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True), values, max_size=3))
def test_what_is_written_is_read(args, kwargs):
    call = parser.parse(parser.write(parser.Call("Layer", tuple(args), kwargs)))

    def plain(value):  # a value in brackets alone is the value; numbers keep their kinds
        if isinstance(value, tuple):
            return tuple(map(plain, value))
        return list(map(plain, value)) if isinstance(value, list) else value

    assert call.name == "Layer" and list(call.args) == [plain(v) for v in args] and call.kwargs == {k: plain(v) for k, v in kwargs.items()}


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="Dense(64, activation=relu'\"[]).:_가-", max_size=30))
def test_any_text_is_a_call_or_an_error_of_ours(garbage):
    try:
        parser.parse(garbage)
    except rustorch.RusTorchError as error:
        assert str(error)


def test_no_code_runs():
    for attack in ("__import__('os').system('true')", "Dense(__import__('os'))", "Dense((lambda: 64)())", "Dense(64 if True else 3)"):
        with pytest.raises(rustorch.RusTorchError):
            text(attack)


# ---- being modules


@pytest.mark.parametrize("layer, shape", [
    ("Dense(3)", (2, 4)), ("Conv2D(3, 2)", (2, 4, 5, 5)), ("LSTM(3)", (2, 4, 5)), ("BatchNorm()", (2, 4)),
    ("Bidirectional(GRU(2))", (2, 3, 4)),
])  # fmt: skip
def test_states_before_and_after_the_first_batch(layer, shape):
    x = RNG.standard_normal(shape)
    one, other, third = text(layer), text(layer), copy.deepcopy(text(layer))
    optimizer = rustorch.optim.SGD(other.parameters(), lr=0.1) if list(other.parameters()) else None
    y = run(one, x)
    other.load_state_dict(one.state_dict())  # which settles the sizes
    np.testing.assert_array_equal(run(other, x), y)
    assert optimizer is not None and [p.shape for g in optimizer.param_groups for p in g["params"]] == [p.shape for p in one.parameters()]
    run(third, x)
    third.set_weights(one.get_weights())
    np.testing.assert_array_equal(run(third, x), y)
    for again in (copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        np.testing.assert_array_equal(run(again, x), y)
        assert repr(again) == repr(one)
    np.testing.assert_allclose(run(one.float(), x.astype(np.float32)), y, rtol=1e-4, atol=1e-5)


def test_image_data_format():
    try:
        layers.set_image_data_format("channels_last")
        assert run(text("Conv2D(3, 2)"), np.zeros((1, 5, 5, 4))).shape == (1, 4, 4, 3)
        assert run(text("BatchNorm()"), np.zeros((1, 5, 5, 4))).shape == (1, 5, 5, 4)
    finally:
        layers.set_image_data_format("channels_first")
    assert run(text("Conv2D(3, 2)"), np.zeros((1, 4, 5, 5))).shape == (1, 3, 4, 4)
    with pytest.raises(ValueError, match="neither"):
        layers.set_image_data_format("NCHW")
