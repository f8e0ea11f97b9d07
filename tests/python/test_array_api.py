"""The array API namespace: names, signatures and promotion of the standard; values against NumPy."""

import inspect
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rustorch as rt
from rustorch import array_api as xp

DTYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "float32", "float64"]
# The functions of version 2024.12, without complex numbers.
FUNCTIONS = """
arange asarray empty empty_like eye from_dlpack full full_like linspace meshgrid ones ones_like tril triu zeros zeros_like
astype can_cast finfo iinfo isdtype result_type abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_left_shift
bitwise_invert bitwise_or bitwise_right_shift bitwise_xor ceil clip conj copysign cos cosh divide equal exp expm1 floor floor_divide
greater greater_equal hypot imag isfinite isinf isnan less less_equal log log1p log2 log10 logaddexp logical_and logical_not logical_or
logical_xor maximum minimum multiply negative nextafter not_equal positive pow real reciprocal remainder round sign signbit sin sinh
square sqrt subtract tan tanh trunc take take_along_axis matmul matrix_transpose tensordot vecdot broadcast_arrays broadcast_to concat
expand_dims flip moveaxis permute_dims repeat reshape roll squeeze stack tile unstack argmax argmin count_nonzero nonzero searchsorted
where unique_all unique_counts unique_inverse unique_values argsort sort cumulative_prod cumulative_sum max mean min prod std sum var
all any diff
""".split()
LINALG = """
cholesky cross det diagonal eigh eigvalsh inv matmul matrix_norm matrix_power matrix_rank matrix_transpose outer pinv qr slogdet solve
svd svdvals tensordot trace vecdot vector_norm
""".split()


def arrays(dtype, draw_shape=st.lists(st.integers(0, 4), max_size=3)):
    def make(shape):
        kind = np.dtype(dtype).kind
        n = int(np.prod(shape))
        values = {
            "b": st.booleans(), "i": st.integers(-100, 100), "u": st.integers(0, 200),
            "f": st.floats(-50, 50, width=32) | st.sampled_from([0.0, -0.0, np.nan, np.inf, -np.inf]),
        }[kind]  # fmt: skip
        return st.lists(values, min_size=n, max_size=n).map(lambda v: np.array(v, dtype).reshape(shape))

    return draw_shape.flatmap(make)


any_array = st.sampled_from(DTYPES).flatmap(arrays)
float_array = st.sampled_from(["float32", "float64"]).flatmap(arrays)


def same(got, want):
    got = got.numpy()
    assert got.shape == want.shape and got.dtype == want.dtype, (got.dtype, want.dtype, got.shape, want.shape)
    np.testing.assert_allclose(got, want, rtol=1e-4 if want.dtype == np.float32 else 1e-9, atol=1e-30)


def test_names():
    assert set(FUNCTIONS) <= set(xp.__all__) and set(LINALG) == set(xp.linalg.__all__)
    for name in xp.__all__:
        assert hasattr(xp, name)
    x = rt.zeros(2)
    assert x.__array_namespace__() is xp and x.__array_namespace__(api_version="2024.12") is xp and xp.__array_api_version__ == "2024.12"
    with pytest.raises(ValueError, match="1999"):
        x.__array_namespace__(api_version="1999.12")
    for name in ("complex64", "fft", "uint16"):
        assert not hasattr(xp, name)
    assert x.to_device("cpu").device == x.device


def test_arrays_are_positional_and_options_are_keywords():
    for name in FUNCTIONS:
        function = getattr(xp, name)
        parameters = list(inspect.signature(function).parameters.values())
        if name in ("isdtype", "result_type", "meshgrid", "broadcast_arrays", "zeros", "ones", "empty", "full"):
            continue
        assert parameters[0].kind is inspect.Parameter.POSITIONAL_ONLY, name
        for p in parameters:
            if p.name in ("dtype", "device", "copy", "keepdims", "correction", "descending", "stable") and name not in ("astype", "asarray"):
                assert p.kind is inspect.Parameter.KEYWORD_ONLY, (name, p.name)


def test_info():
    info = xp.__array_namespace_info__()
    assert set(info.dtypes()) == set(DTYPES) and set(info.dtypes(kind="integral")) == {"int8", "int16", "int32", "int64", "uint8"}
    assert info.dtypes(kind=["bool", "real floating"]).keys() == {"bool", "float32", "float64"}
    assert info.default_dtypes()["real floating"] == xp.float32 and info.devices() == [info.default_device()]
    n = info.capabilities()["max dimensions"]
    assert xp.zeros((1,) * n).ndim == n
    with pytest.raises(rt.RusTorchError):
        xp.zeros((1,) * (n + 1))
    with pytest.raises(ValueError):
        info.dtypes(kind="complex")


def test_promotion():
    for a, b in itertools.product(DTYPES, DTYPES):
        if np.dtype(a).kind in "iu" and np.dtype(b).kind in "iu" or a[0] == b[0]:
            want = np.promote_types(a, b).name
            assert xp.result_type(getattr(xp, a), getattr(xp, b)) == getattr(rt, want)
            # Without dimensions an array promotes like any other.
            assert xp.add(xp.ones((), dtype=getattr(xp, a)), xp.ones(2, dtype=getattr(xp, b))).dtype == getattr(rt, want) or a == "bool"
            assert xp.can_cast(getattr(xp, a), getattr(xp, b)) == (np.promote_types(a, b) == np.dtype(b))
    assert xp.add(xp.ones(2, dtype=xp.int8), 1).dtype == xp.int8 and xp.multiply(2.5, xp.ones(2, dtype=xp.float64)).dtype == xp.float64
    assert not xp.can_cast(xp.int64, xp.float64)
    with pytest.raises(TypeError, match="one argument must be an array"):
        xp.add(1, 2)
    with pytest.raises(TypeError, match="an array is needed"):
        xp.sin(1.0)


UNARY = {
    "abs": "iuf", "ceil": "f", "cos": "f", "exp": "f", "floor": "f", "isnan": "f", "isinf": "f", "isfinite": "f", "negative": "if", "positive": "iuf",
    "reciprocal": "f", "sign": "iuf", "signbit": "f", "sin": "f", "square": "iuf", "tanh": "f", "trunc": "f", "sqrt": "f", "log1p": "f", "expm1": "f",
    "logical_not": "b", "round": "f", "atan": "f", "asinh": "f", "log2": "f",
}  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_unary(data):
    name = data.draw(st.sampled_from(sorted(UNARY)))
    dtype = data.draw(st.sampled_from([d for d in DTYPES if np.dtype(d).kind in UNARY[name]]))
    x = data.draw(arrays(dtype))
    numpy_name = {"atan": "arctan", "asinh": "arcsinh"}.get(name, name)
    with np.errstate(all="ignore"):
        want = np.asarray(getattr(np, numpy_name)(x))
    same(getattr(xp, name)(rt.tensor(x)), want)


BINARY = {
    "add": "iuf", "subtract": "iuf", "multiply": "iuf", "maximum": "iuf", "minimum": "iuf", "divide": "f", "equal": "biuf", "less": "iuf", "hypot": "f",
    "atan2": "f", "copysign": "f", "logical_and": "b", "bitwise_xor": "biu", "remainder": "f", "floor_divide": "f", "logaddexp": "f", "greater_equal": "iuf",
}  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_binary(data):
    name = data.draw(st.sampled_from(sorted(BINARY)))
    kinds = [d for d in DTYPES if np.dtype(d).kind in BINARY[name]]
    first = data.draw(st.sampled_from(kinds))
    second = data.draw(st.sampled_from([d for d in kinds if (np.dtype(d).kind == "f") == (np.dtype(first).kind == "f") and (d == "bool") == (first == "bool")]))
    shape = data.draw(st.lists(st.integers(1, 3), max_size=3))
    other = data.draw(st.sampled_from([shape, shape[1:], [1] * len(shape), []]))
    x, y = data.draw(arrays(first, st.just(shape))), data.draw(arrays(second, st.just(other)))
    dtype = np.promote_types(first, second)
    numpy_name = {"atan2": "arctan2"}.get(name, name)
    if name in ("remainder", "floor_divide"):
        y = np.where(np.isfinite(y) & (y != 0), y, 1).astype(second)
        x = np.where(np.isfinite(x), x, 1).astype(first)
    with np.errstate(all="ignore"):
        want = np.asarray(getattr(np, numpy_name)(x.astype(dtype), y.astype(dtype)))
    same(getattr(xp, name)(rt.tensor(x), rt.tensor(y)), want)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_reductions(data):
    name = data.draw(st.sampled_from(["sum", "prod", "max", "min", "mean", "std", "var", "all", "any", "count_nonzero", "argmax", "argmin"]))
    floats = name in ("mean", "std", "var")
    dtype = data.draw(st.sampled_from([d for d in DTYPES if d[0] == "f" or not floats and d not in ("uint8", "bool") or name in ("all", "any")]))
    x = data.draw(arrays(dtype, st.lists(st.integers(1, 3), max_size=3)))
    if dtype[0] == "f":
        x = np.nan_to_num(x, posinf=3, neginf=-3).astype(dtype)
    one = [None, *range(-x.ndim, x.ndim)]
    axis = data.draw(st.sampled_from(one if name.startswith("arg") else [*one, tuple(range(x.ndim)), tuple(range(x.ndim))[:2]]))
    keepdims = data.draw(st.booleans())
    with np.errstate(all="ignore"):
        want = np.asarray(getattr(np, name)(x, axis=axis, keepdims=keepdims))
    if dtype[0] == "i" and name in ("sum", "prod"):
        want = want.astype(np.int64)
    got = getattr(xp, name)(rt.tensor(x), axis=axis, keepdims=keepdims).numpy()
    assert got.shape == want.shape and got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=1e-3 if dtype == "float32" else 1e-9, atol=1e-3 if dtype == "float32" else 1e-9)


@settings(max_examples=60, deadline=None)
@given(any_array)
def test_sets_and_orders(x):
    values, indices, inverse, counts = xp.unique_all(rt.tensor(x))
    flat = x.ravel()
    nans = int(np.isnan(flat).sum()) if x.dtype.kind == "f" else 0
    want, where, number = np.unique(flat, return_index=True, return_counts=True, equal_nan=False)
    assert values.shape == want.shape and counts.sum().item() == flat.size and inverse.shape == x.shape
    same(values, want)
    kept = len(want) - nans
    assert indices.tolist()[:kept] == where.tolist()[:kept] and counts.tolist()[:kept] == number.tolist()[:kept]
    same(values[inverse], x)  # each element again
    assert xp.unique_counts(rt.tensor(x)).counts.tolist() == counts.tolist() and xp.unique_values(rt.tensor(x)).shape == values.shape
    if x.ndim:
        same(xp.sort(rt.tensor(x)), np.sort(x))
        if nans == 0:
            assert xp.argsort(rt.tensor(x)).tolist() == np.argsort(x, kind="stable").tolist()
            down = xp.argsort(rt.tensor(x), axis=0, descending=True)
            key = -x.astype(np.float64)
            assert down.tolist() == np.argsort(key, axis=0, kind="stable").tolist()
        same(xp.nonzero(rt.tensor(x))[0], np.nonzero(x)[0])


@settings(max_examples=60, deadline=None)
@given(any_array)
def test_shapes(x):
    y = rt.tensor(x)
    axes = tuple(reversed(range(x.ndim)))
    same(xp.permute_dims(y, axes), np.transpose(x, axes))
    same(xp.flip(y), np.flip(x))
    same(xp.concat([y.reshape(-1), y.reshape(-1)], axis=0), np.concatenate([x.ravel(), x.ravel()]))
    same(xp.stack([y, y], axis=-1), np.stack([x, x], -1))
    same(xp.expand_dims(y, axis=-1), x[..., None])
    same(xp.reshape(y, (x.size,), copy=True), x.ravel())
    same(xp.tile(y, (2, 1)), np.tile(x, (2, 1)))
    if x.ndim:
        same(xp.repeat(y, 2, axis=0), np.repeat(x, 2, axis=0))
        same(xp.roll(y, 1), np.roll(x, 1))
        same(xp.moveaxis(y, 0, -1), np.moveaxis(x, 0, -1))
        assert [tuple(p.shape) for p in xp.unstack(y)] == [x.shape[1:]] * x.shape[0]
        if x.shape[0]:
            same(xp.take(y, rt.tensor([0, -1]), axis=0), np.take(x, [0, -1], axis=0))
    if x.ndim >= 2:
        same(xp.tril(y, k=1), np.tril(x, 1))
        same(xp.matrix_transpose(y), np.swapaxes(x, -1, -2))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_running_sums(data):
    x = data.draw(arrays(data.draw(st.sampled_from(["int16", "float64"])), st.lists(st.integers(0, 3), min_size=1, max_size=2)))
    x = np.nan_to_num(x, posinf=3, neginf=-3)
    want = np.cumsum(x, axis=0, dtype=np.int64 if x.dtype.kind == "i" else None)
    same(xp.cumulative_sum(rt.tensor(x), axis=0), want)
    with_start = np.concatenate([np.zeros((1,) + x.shape[1:], want.dtype), want])
    same(xp.cumulative_sum(rt.tensor(x), axis=0, include_initial=True), with_start)


def test_creation():
    same(xp.arange(5, 0, -2), np.arange(5, 0, -2))
    assert xp.arange(0, -1).shape == (0,) and xp.arange(0.0, 0.9, 0.3).dtype == xp.float32
    same(xp.linspace(0, 1, 4, dtype=xp.float64, endpoint=False), np.linspace(0, 1, 4, endpoint=False))
    same(xp.eye(3, 4, k=-1, dtype=xp.int8), np.eye(3, 4, -1, np.int8))
    assert [x.shape for x in xp.meshgrid(xp.zeros(2), xp.zeros(3))] == [(3, 2), (3, 2)]
    array = np.ones(2)
    shared, copied = xp.asarray(array), xp.asarray(array, copy=True)
    array[0] = 5
    assert shared[0] == 5 and copied[0] == 1
    assert xp.asarray(shared) is shared and xp.asarray(shared, copy=True) is not shared
    with pytest.raises(ValueError, match="copy=False"):
        xp.asarray([1, 2], copy=False)
    with pytest.raises(ValueError, match="copy=False"):
        xp.asarray(shared, dtype=xp.float32, copy=False)
    assert xp.finfo(xp.float32).dtype == xp.float32 and xp.iinfo(xp.zeros(1, dtype=xp.int8)).max == 127


def test_linear_algebra():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 3, 3)), rng.normal(size=(2, 3, 2))
    x, y = rt.tensor(a), rt.tensor(b)
    same(xp.linalg.solve(x, y), np.linalg.solve(a, b))
    same(xp.linalg.solve(x, y[0, :, 0]), np.linalg.solve(a, np.broadcast_to(b[0, :, :1], (2, 3, 1)))[..., 0])
    same(xp.linalg.inv(x), np.linalg.inv(a))
    same(xp.linalg.svdvals(x), np.linalg.svd(a, compute_uv=False))
    same(xp.linalg.vector_norm(x, axis=(0, 2), ord=3), (np.abs(a) ** 3).sum((0, 2)) ** (1 / 3))
    same(xp.linalg.matrix_norm(x, ord="nuc"), np.linalg.norm(a, "nuc", (-2, -1)))
    same(xp.vecdot(x, y[:, :, 0][:, None]), (a * b[:, :, 0][:, None]).sum(-1))
    same(xp.tensordot(x, y, axes=((2,), (1,))), np.tensordot(a, b, ((2,), (1,))))
    same(xp.linalg.cross(x, y[0, :, 0]), np.cross(a, b[0, :, 0]))
    q, r = xp.linalg.qr(x[:, :, :2], mode="complete")
    same(q @ r, a[:, :, :2])
    for name, fields in {"eigh": "eigenvalues eigenvectors", "slogdet": "sign logabsdet", "svd": "U S Vh", "qr": "Q R"}.items():
        assert getattr(xp.linalg, name)(x + x.mT)._fields == tuple(fields.split())
    with pytest.raises(rt.ShapeError, match="vecdot"):
        xp.vecdot(x, x, axis=0)


def test_refusals():
    for call in (
        lambda: xp.squeeze(xp.zeros((2, 1)), 0), lambda: xp.nonzero(xp.asarray(1)), lambda: xp.take(xp.zeros((2, 2)), xp.asarray([0])),
        lambda: xp.cumulative_sum(xp.zeros((2, 2))), lambda: xp.imag(xp.zeros(2)), lambda: xp.isdtype(xp.int8, "number"), lambda: xp.result_type(1, 2),
        lambda: xp.matrix_transpose(xp.zeros(2)), lambda: xp.arange(0, 1, 0),
    ):  # fmt: skip
        with pytest.raises(rt.RusTorchError):
            call()


def test_gradients_pass():
    x = rt.ones(2, 3, requires_grad=True)
    xp.sum(xp.multiply(xp.sort(xp.permute_dims(x, (1, 0))), xp.asarray([2.0, 3.0]))).backward()
    assert x.grad.sum().item() == 15.0
