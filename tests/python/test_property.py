"""Random programs of ops against NumPy, and their gradients against finite differences. Every run draws the same examples."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import rustorch as rt

quick = settings(max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
FLOATS = ["float32", "float64"]
INTS = ["uint8", "int8", "int16", "int32", "int64"]
ALL = FLOATS + INTS + ["bool"]
sizes = st.integers(0, 4)
shapes = st.lists(sizes, max_size=4).map(tuple)


# ------------------------------------------------------------------------------------------ arrays of any layout


@st.composite
def arrays(draw, shape=None, dtype=None, low=-8, high=8):
    """An array and the tensor over the same memory: permuted, stepped, reversed, offset or expanded."""
    shape = draw(shapes) if shape is None else tuple(shape)
    dtype = draw(st.sampled_from(ALL)) if dtype is None else dtype
    n = len(shape)
    order = draw(st.permutations(range(n)))
    steps = [draw(st.sampled_from([1, 1, 1, 2, -1, 0])) for _ in range(n)]
    whole = [1 if steps[i] == 0 else shape[i] * abs(steps[i]) + draw(st.integers(0, 1)) for i in order]
    values = np.random.default_rng(draw(st.integers(0, 2**32))).integers(low if dtype[0] in "fi" else 0, high, whole)
    if dtype == "bool":
        values = values % 2
    elif dtype[0] == "f":
        values = values + 0.25
    base = np.asarray(values).astype(dtype)
    array = base.transpose(np.argsort(order))
    for i in range(n):
        if steps[i] == 0:
            strides = [0 if k == i else array.strides[k] for k in range(n)]
            array = np.lib.stride_tricks.as_strided(array, [shape[i] if k == i else array.shape[k] for k in range(n)], strides)
        elif steps[i] > 0:
            array = array[(slice(None),) * i + (slice(None, shape[i] * steps[i], steps[i]),)]
        else:
            array = array[(slice(None),) * i + (slice(None, array.shape[i] - 1 - shape[i] if shape[i] < array.shape[i] else None, -1),)]
    array = np.asarray(array)
    assert array.shape == shape
    return array, rt.from_numpy(array)


@st.composite
def broadcast(draw, n):
    """Shapes that broadcast together."""
    whole = draw(st.lists(st.integers(0, 4), max_size=4))
    found = []
    for _ in range(n):
        keep = draw(st.integers(0, len(whole)))
        found.append(tuple(1 if draw(st.integers(0, 3)) == 0 else size for size in whole[keep:]))
    return found


def same(tensor, array, rtol=0.0):
    array = np.asarray(array)
    assert tuple(tensor.shape) == array.shape
    mine = tensor.detach().numpy()
    if rtol:
        np.testing.assert_allclose(mine, array, rtol=rtol, atol=rtol)
    else:
        np.testing.assert_array_equal(mine, array)


# ------------------------------------------------------------------------------------------ promotion

KIND = {name: 0 if name == "bool" else 2 if "float" in name else 1 for name in [*ALL, "float16", "bfloat16"]}
# PyTorch's lattice: two dtypes of one kind give the smallest that holds both.
PAIRS = {
    ("uint8", "int8"): "int16", ("uint8", "int16"): "int16", ("uint8", "int32"): "int32", ("uint8", "int64"): "int64",
    ("int8", "int16"): "int16", ("int8", "int32"): "int32", ("int8", "int64"): "int64", ("int16", "int32"): "int32",
    ("int16", "int64"): "int64", ("int32", "int64"): "int64", ("float16", "bfloat16"): "float32", ("float16", "float32"): "float32",
    ("float16", "float64"): "float64", ("bfloat16", "float32"): "float32", ("bfloat16", "float64"): "float64", ("float32", "float64"): "float64",
}  # fmt: skip


def promoted(a, b):
    if a == b:
        return a
    if KIND[a] != KIND[b]:
        return a if KIND[a] > KIND[b] else b
    return PAIRS.get((a, b)) or PAIRS[b, a]


def promoted_with_ranks(a, a_ndim, b, b_ndim):
    """A 0-dimensional tensor counts only if it is of a higher kind."""
    if a_ndim and not b_ndim:
        return b if KIND[b] > KIND[a] else a
    if b_ndim and not a_ndim:
        return a if KIND[a] > KIND[b] else b
    return promoted(a, b)


@pytest.mark.parametrize("a", KIND)
@pytest.mark.parametrize("b", KIND)
def test_promotion(a, b):
    for a_ndim in (0, 1):
        for b_ndim in (0, 1):
            x, y = rt.ones((2,) * a_ndim, dtype=a), rt.ones((2,) * b_ndim, dtype=b)
            expected = promoted_with_ranks(a, a_ndim, b, b_ndim)
            assert str((x * y).dtype) == "rustorch." + expected
            assert (x == y).dtype is rt.bool
            assert rt.result_type(x, y) is (x * y).dtype
            floating = expected if KIND[expected] == 2 else "float32"
            assert str((x / y).dtype) == "rustorch." + floating
    assert rt.promote_types(getattr(rt, a), getattr(rt, b)) is getattr(rt, promoted(a, b))


@pytest.mark.parametrize("a", KIND)
@pytest.mark.parametrize("number, kind, default", [(True, 0, "bool"), (2, 1, "int64"), (2.5, 2, "float32")])
def test_promotion_with_numbers(a, number, kind, default):
    expected = "rustorch." + (a if KIND[a] >= kind else default)
    for ndim in (0, 1):
        x = rt.ones((2,) * ndim, dtype=a)
        assert str((x * number).dtype) == str((number * x).dtype) == expected


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_numbers_are_not_rounded_to_half(dtype):
    """x × 0.1 is computed in float32 and rounded once."""
    x = rt.arange(1, 2000).to(getattr(rt, dtype))
    wide = x.float()
    for call in (lambda v: v * 0.1, lambda v: 0.1 * v, lambda v: v + 0.1, lambda v: 0.7 - v, lambda v: v / 0.3, lambda v: 1.1 / v,
                 lambda v: v - 0.1, lambda v: v * 100003, lambda v: v.clone().mul_(0.1)):  # fmt: skip
        assert rt.equal(call(x), call(wide).to(x.dtype))
    y = x.clone().requires_grad_()
    (y * 0.1).sum().backward()
    assert rt.equal(y.grad, rt.full_like(x, 0.1))


# ------------------------------------------------------------------------------------------ values against NumPy

BINARY = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "maximum": np.maximum, "minimum": np.minimum, "eq": np.equal,
          "lt": np.less, "ge": np.greater_equal, "div": np.true_divide, "atan2": np.arctan2, "logical_xor": np.logical_xor,
          "hypot": np.hypot, "floor_divide": np.floor_divide, "remainder": np.remainder, "bitwise_and": np.bitwise_and}  # fmt: skip


@quick
@given(st.data(), st.sampled_from(sorted(BINARY)))
def test_binary(data, name):
    a_shape, b_shape = data.draw(broadcast(2))
    a, x = data.draw(arrays(a_shape))
    b, y = data.draw(arrays(b_shape))
    dtype = promoted_with_ranks(a.dtype.name, a.ndim, b.dtype.name, b.ndim)
    assume(not (dtype == "bool" and name in ("sub", "floor_divide", "remainder")))
    assume(not (name == "bitwise_and" and KIND[dtype] == 2))
    assume(not (name == "sub" and "bool" in (a.dtype.name, b.dtype.name)))
    if name in ("floor_divide", "remainder", "div"):
        b = np.where(b == 0, np.array(1, b.dtype), b)
        y = rt.from_numpy(b.copy()) if b.size else y
    assume(not (name == "hypot" and KIND[dtype] < 2))
    if name in ("div", "atan2") and KIND[dtype] < 2:
        dtype = "float32"
    left, right = a.astype(dtype), b.astype(dtype)
    with np.errstate(all="ignore"):
        expected = BINARY[name](left, right)
    same(getattr(rt, name)(x, y), expected, 0 if KIND[dtype] < 2 or name in ("add", "sub", "mul", "maximum", "minimum") else 1e-6)


REDUCTIONS = {"sum": np.sum, "prod": np.prod, "mean": np.mean, "amax": np.max, "amin": np.min, "all": np.all, "any": np.any,
              "var": np.var, "std": np.std, "count_nonzero": np.count_nonzero, "logsumexp": None}  # fmt: skip


@quick
@given(st.data(), st.sampled_from(sorted(REDUCTIONS)), st.booleans())
def test_reductions(data, name, keepdim):
    dtype = data.draw(st.sampled_from(FLOATS if name in ("mean", "var", "std", "logsumexp") else ALL))
    a, x = data.draw(arrays(dtype=dtype, low=-3, high=3))
    dims = data.draw(st.lists(st.integers(0, a.ndim - 1), unique=True, min_size=1)) if a.ndim else []
    assume(name != "prod" or len(dims) == 1)
    signed = [d - a.ndim if data.draw(st.booleans()) else d for d in dims]
    axes = tuple(dims) if dims else None
    empty = any(a.shape[d] == 0 for d in dims) or (not dims and a.size == 0)
    assume(not (empty and name in ("amax", "amin", "mean", "var", "std")))
    if name == "logsumexp":
        with np.errstate(divide="ignore"):
            expected = np.log(np.sum(np.exp(a.astype("float64")), axis=axes, keepdims=keepdim))
    elif name == "count_nonzero":
        keepdim, expected = False, np.count_nonzero(a, axis=axes)
    elif name in ("var", "std"):
        expected = REDUCTIONS[name](a.astype("float64"), axis=axes, keepdims=keepdim)
    elif name in ("sum", "prod"):
        wide = "float64" if a.dtype.kind == "f" else "int64"
        expected = REDUCTIONS[name](a, axis=axes, keepdims=keepdim, dtype=wide)
    else:
        expected = REDUCTIONS[name](a, axis=axes, keepdims=keepdim)
    options = {} if name == "count_nonzero" else {"keepdim": keepdim}
    if name in ("var", "std"):
        options["correction"] = 0
    args = (signed[0],) if name == "prod" and signed else (signed,)
    result = getattr(x, name)(*(() if name == "prod" and not signed else args), **({} if name == "prod" and not signed else options))
    if name == "prod" and not signed:
        expected = np.asarray(expected).reshape(())
    same(result, expected, 2e-5 if a.dtype.kind == "f" and name not in ("amax", "amin", "all", "any", "count_nonzero") else 0)
    if name in ("sum", "prod") and a.dtype.kind != "f":
        assert result.dtype is rt.int64


@quick
@given(st.data())
def test_matmul(data):
    a_batch, b_batch = data.draw(broadcast(2))
    n, m, p = (data.draw(st.integers(0, 5)) for _ in range(3))
    dtype = data.draw(st.sampled_from([*FLOATS, "int64"]))
    a_shape = (m,) if data.draw(st.integers(0, 3)) == 0 else (*a_batch[-2:], n, m)
    b_shape = (m,) if data.draw(st.integers(0, 3)) == 0 else (*b_batch[-2:], m, p)
    a, x = data.draw(arrays(a_shape, dtype))
    b, y = data.draw(arrays(b_shape, dtype))
    same(x @ y, a @ b, 1e-5 if dtype != "int64" else 0)


# ------------------------------------------------------------------------------------------ shapes


@st.composite
def view_steps(draw):
    """What to do to both an array and a tensor: steps of (name, arguments)."""
    return [(draw(st.sampled_from(["transpose", "flip", "slice", "unsqueeze", "squeeze", "select", "expand", "reshape", "movedim", "flatten"])),
             draw(st.integers(0, 2**20))) for _ in range(draw(st.integers(1, 5)))]  # fmt: skip


def apply_step(name, seed, array, tensor):
    """One step on both; None where it does not apply to this shape. `flip` and a `reshape` that cannot be a view copy."""
    n, pick = array.ndim, np.random.default_rng(seed)
    if name == "unsqueeze" and n < 5:
        at = int(pick.integers(0, n + 1))
        return np.expand_dims(array, at), tensor.unsqueeze(at)
    if n == 0:
        return None
    at, other = int(pick.integers(0, n)), int(pick.integers(0, n))
    size = array.shape[at]
    if name == "transpose":
        return np.swapaxes(array, at, other), tensor.transpose(at - n, other)
    if name == "movedim":
        return np.moveaxis(array, at, other), tensor.movedim(at, other)
    if name == "slice":
        start, stop, step = int(pick.integers(-size - 1, size + 2)), int(pick.integers(-size - 1, size + 2)), int(pick.integers(1, 3))
        key = (slice(None),) * at + (slice(start, stop, step),)
        return array[key], tensor[key]
    if name == "select" and size:
        i = int(pick.integers(-size, size))
        return array[(slice(None),) * at + (i, ...)], tensor.select(at, i)  # with ..., NumPy gives a view and no number
    if name == "squeeze" and size == 1:
        return np.squeeze(array, at), tensor.squeeze(at)
    return None


@quick
@given(st.data(), view_steps())
def test_views_then_writes(data, steps):
    """Both go through the same views; then both are written to, and the memory below must agree."""
    base = np.arange(np.prod(shape := data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)), dtype=int), dtype="float64").reshape(shape)
    tensor = rt.from_numpy(base.copy())
    a, x = base, tensor
    for name, seed in steps:
        a, x = apply_step(name, seed, a, x) or (a, x)
        same(x, a)
        assert x.storage_offset() >= 0
    what = data.draw(st.sampled_from(["add", "fill", "set", "mask", "copy", "out"]))
    if what == "add":
        a += 2.5
        x += 2.5
    elif what == "fill":
        a[...] = 7
        x.fill_(7)
    elif what == "set" and a.ndim and a.shape[0]:
        a[-1:] = -3
        x[-1:] = -3
    elif what == "mask":
        a[a > 3] = 0
        x[x > 3] = 0
    elif what == "copy":
        new = np.arange(a.size, dtype="float64").reshape(a.shape)
        a[...] = new
        x.copy_(rt.from_numpy(new))
    elif a.size:
        np.multiply(a, 3, out=a)
        rt.mul(x, 3, out=x)
    same(x, a)
    same(tensor, base)


@quick
@given(st.data())
def test_reshape_permute_chains(data):
    a, x = data.draw(arrays())
    for _ in range(data.draw(st.integers(1, 4))):
        if a.ndim and data.draw(st.booleans()):
            order = data.draw(st.permutations(range(a.ndim)))
            a, x = a.transpose(order), x.permute(order)
        else:
            factors, left = [], a.size
            while left > 1 and len(factors) < 3:
                factor = data.draw(st.sampled_from([f for f in range(1, left + 1) if left % f == 0]))
                factors.append(factor)
                left //= factor
            shape = (*factors, left) if a.size else (0, data.draw(st.integers(0, 3)))
            asked = list(shape)
            if a.size and data.draw(st.booleans()):
                asked[data.draw(st.integers(0, len(asked) - 1))] = -1
            a, x = a.reshape(shape), x.reshape(asked)
        if data.draw(st.booleans()):
            dims = data.draw(st.lists(st.integers(0, a.ndim - 1), unique=True)) if a.ndim else []
            a, x = np.flip(a, dims), x.flip(dims)
        same(x, a)
    repeats = data.draw(st.lists(st.integers(0, 2), min_size=a.ndim, max_size=a.ndim + 1))
    if repeats:
        same(x.repeat(repeats), np.tile(a, repeats))
        shift = data.draw(st.integers(-5, 5))
        same(x.roll(shift), np.roll(a, shift))


@quick
@given(st.data())
def test_cat_stack_split(data):
    dtype = data.draw(st.sampled_from(ALL))
    shape = list(data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=3)))
    dim = data.draw(st.integers(0, len(shape) - 1))
    parts = []
    for _ in range(data.draw(st.integers(1, 4))):
        shape[dim] = data.draw(st.integers(0, 4))
        parts.append(data.draw(arrays(shape, dtype)))
    joined, whole = np.concatenate([a for a, _ in parts], dim), rt.cat([x for _, x in parts], dim - len(shape) if data.draw(st.booleans()) else dim)
    same(whole, joined)
    for (a, _), piece in zip(parts, whole.split([a.shape[dim] for a, _ in parts], dim)):
        same(piece, a)
    n = data.draw(st.integers(1, 5))
    for piece, a in zip(whole.tensor_split(n, dim), np.array_split(joined, n, dim)):
        same(piece, a)
    same(rt.cat(whole.chunk(n, dim), dim), joined)
    same(rt.stack([whole] * n, dim), np.stack([joined] * n, dim))
    for piece, a in zip(rt.stack([whole] * n, dim).unbind(dim), [joined] * n):
        same(piece, a)
    times = data.draw(st.integers(0, 3))
    same(whole.repeat_interleave(times, dim), np.repeat(joined, times, dim))


# ------------------------------------------------------------------------------------------ indexing


@st.composite
def keys(draw, shape):
    """A key of integers, slices, None, ..., masks and index arrays, for NumPy; tensors stand in it for rustorch."""
    key, at, dotted = [], 0, False
    index_shape = draw(st.sampled_from([(), (2,), (3, 1), (1, 3)]))
    while at < len(shape) and draw(st.integers(0, 5)):
        size = shape[at]
        kind = draw(st.sampled_from(["int", "slice", "slice", "none", "dots", "array", "mask"]))
        if kind == "int" and size:
            key.append(draw(st.integers(-size, size - 1)))
        elif kind == "slice":
            bound = st.one_of(st.none(), st.integers(-size - 1, size + 1))
            key.append(slice(draw(bound), draw(bound), draw(st.sampled_from([None, 1, 2, 3]))))
        elif kind == "none" and len(key) < 6:
            key.append(None)
            continue
        elif kind == "dots" and not dotted:
            key.append(Ellipsis)
            dotted = True
            at = max(at, len(shape) - draw(st.integers(0, len(shape) - at)))
            continue
        elif kind == "array" and size:
            last = index_shape if draw(st.booleans()) else index_shape[-1:]
            key.append(np.array(draw(st.lists(st.integers(-size, size - 1), min_size=int(np.prod(last)), max_size=int(np.prod(last)))), dtype="int64").reshape(last))
        elif kind == "mask" and not any(isinstance(k, np.ndarray) for k in key):
            key.append(np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size)), dtype=bool))
            at += 1
            break
        else:
            continue
        at += 1
    return tuple(key)


def as_tensors(key):
    return tuple(rt.from_numpy(np.array(k)) if isinstance(k, np.ndarray) else k for k in key)


@quick
@given(st.data())
def test_index_read(data):
    a, x = data.draw(arrays())
    key = data.draw(keys(a.shape))
    try:
        expected = a[key]
    except IndexError:
        with pytest.raises(IndexError):
            x[as_tensors(key)]
        return
    same(x[as_tensors(key)], expected)


@quick
@given(st.data())
def test_index_write(data):
    shape = data.draw(shapes)
    a = np.arange(np.prod(shape, dtype=int), dtype="float64").reshape(shape)
    x = rt.from_numpy(a.copy())
    key = data.draw(keys(shape))
    places = np.arange(a.size).reshape(shape)
    try:
        hit = places[key]
    except IndexError:
        return
    distinct = len(np.unique(hit)) == np.size(hit)
    scalar = data.draw(st.booleans()) or not distinct  # which of several values stays is not said
    value = 99.5 if scalar else np.arange(np.size(hit), dtype="float64").reshape(np.shape(hit)) * 10
    a[key] = value
    x[as_tensors(key)] = value if scalar else rt.from_numpy(np.asarray(value))
    same(x, a)


# ------------------------------------------------------------------------------------------ gradients of random graphs

NODES = ["add", "mul", "sub", "matmul", "tanh", "exp", "softmax", "sum", "mean", "transpose", "reshape", "cat", "slice", "index", "max",
         "inplace", "relu", "div", "layer_norm", "expand", "where"]  # fmt: skip


def build(leaves, plan):
    """The value of a random graph over 3 × 3 matrices; the same plan gives the same graph."""
    pool = list(leaves)
    for name, i, j in plan:
        a, b = pool[i % len(pool)], pool[j % len(pool)]
        if name in ("add", "mul", "sub"):
            c = getattr(rt, name)(a, b)
        elif name == "matmul":
            c = a @ b * 0.3
        elif name == "tanh":
            c = a.tanh()
        elif name == "exp":
            c = (a * 0.2).exp()
        elif name == "softmax":
            c = a.softmax(j % 2)
        elif name == "sum":
            c = a.sum(j % 2, keepdim=True) + b
        elif name == "mean":
            c = a.mean() * b
        elif name == "transpose":
            c = a.t() + b
        elif name == "reshape":
            c = a.t().reshape(9)[: 9].view(3, 3)
        elif name == "cat":
            c = rt.cat([a, b], j % 2).narrow(j % 2, 2, 3)
        elif name == "slice":
            c = rt.cat([a[1:], b[:1]])
        elif name == "index":
            c = a[rt.tensor([2, 0, 2])] * b
        elif name == "max":
            c = rt.sigmoid(a) + a.amax(j % 2, keepdim=True) * 0.1
        elif name == "inplace":
            c = (a * 1).clone()
            c[:, 1] = b[0]
            c[2:].mul_(0.5)
        elif name == "relu":
            c = rt.nn.functional.softplus(a)
        elif name == "div":
            c = a / (b * b + 1)
        elif name == "layer_norm":
            c = rt.nn.functional.layer_norm(a + b, (3,), eps=0.5)
        elif name == "expand":
            c = a[0].expand(3, 3) + b
        else:
            c = rt.where(rt.eye(3).bool(), a, b * 2)
        pool.append(c.tanh() if i % 3 == 0 else c)
    return sum(rt.tanh(p).mean() for p in pool[-3:])


@settings(parent=quick, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(NODES), st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=8), st.integers(0, 2**31))
def test_gradients_of_random_graphs(plan, seed):
    draw = np.random.default_rng(seed)
    values = [draw.uniform(-1, 1, (3, 3)) + np.arange(9).reshape(3, 3) * 0.37 for _ in range(2)]
    leaves = [rt.from_numpy(v.copy()).requires_grad_() for v in values]
    build(leaves, plan).backward()
    directions = [draw.uniform(-1, 1, (3, 3)) for _ in values]
    step = 1e-6
    with rt.no_grad():
        up, down = (build([rt.from_numpy(v + sign * step * d) for v, d in zip(values, directions)], plan).item() for sign in (1, -1))
    slope = sum((leaf.grad.numpy() * d).sum() for leaf, d in zip(leaves, directions) if leaf.grad is not None)
    assert abs(slope - (up - down) / (2 * step)) <= 1e-6 * (1 + abs(slope))
