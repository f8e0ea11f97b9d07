"""x[key], x[key] = value and iteration, against NumPy."""

import gc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rustorch as rt


def pair(shape, dtype=np.float32):
    a = np.arange(int(np.prod(shape)), dtype=dtype).reshape(shape)
    return a, rt.from_numpy(a.copy())


T, F = True, False
MASK3 = np.array([T, F, T])
MASK34 = np.arange(12).reshape(3, 4) % 3 == 0
KEYS = [
    0,
    -1,
    np.int64(1),
    slice(None),
    slice(1, 3),
    slice(None, None, 2),
    slice(-2, None),
    slice(5, 2),
    slice(-100, 100),
    ...,
    None,
    (),
    (0, 1),
    (0, 1, 2),
    (..., 0),
    (0, ...),
    (..., slice(1, 3)),
    (slice(None), 1),
    (slice(None), slice(1, None, 2), 0),
    (None, 0, None),
    (slice(None), None, slice(1, 2)),
    (..., None),
    (1, ..., None, 2),
    [0, 2],
    [0, -1, 0],
    ([0, 2], [1, 3]),
    ([0, 2], slice(None), [1, 3]),
    (slice(None), [0, 2]),
    (slice(None), [0, 2], [1, 3]),
    (slice(None), slice(None), [[0, 1], [2, 3]]),
    ([[0], [2]], [0, 1]),
    (..., [0, 3]),
    ([1], None, [2]),
    [],
    ([], slice(None)),
    np.array([0, 2]),
    np.array([[0, 1], [1, 2]]),
    np.array([0, 2], dtype=np.uint8),
    np.array(1),
    MASK3,
    [T, F, T],
    (MASK3, 1),
    (slice(None), np.array([T, F, T, F])),
    MASK34,
    (MASK34, slice(1, 3)),
    (MASK34, [0]),
    (slice(0, 2), np.arange(20).reshape(4, 5) % 2 == 0),
    np.zeros(3, bool),
    True,
    False,
    (True, 0),
    range(2),
    (slice(1, 3), [0, 1], slice(None, None, 2)),
]


def as_tensors(key):
    """The same key with tensors in place of arrays and lists."""
    if isinstance(key, tuple):
        return tuple(as_tensors(k) for k in key)
    if isinstance(key, np.ndarray) and key.dtype == np.uint8:
        return rt.tensor(key.astype(np.int64))
    if isinstance(key, (np.ndarray, list)):
        return rt.tensor(key) if len(np.shape(key)) == 0 or np.size(key) else rt.zeros(np.shape(key), dtype=rt.int64 if isinstance(key, list) else rt.bool)
    return key


def numpy_key(key):
    if isinstance(key, range):
        return list(key)
    if isinstance(key, tuple):
        return tuple(numpy_key(k) for k in key)
    return np.array(key, dtype=np.int64) if isinstance(key, list) and key == [] else key


@pytest.mark.parametrize("key", KEYS, ids=repr)
@pytest.mark.parametrize("tensors", [False, True])
def test_read(key, tensors):
    a, t = pair((3, 4, 5))
    expected = a[numpy_key(key)]
    key = as_tensors(key) if tensors else key
    got = t[key]
    assert isinstance(got, rt.Tensor)
    assert tuple(got.shape) == expected.shape
    np.testing.assert_array_equal(got.numpy(), expected)


@pytest.mark.parametrize("key", KEYS, ids=repr)
@pytest.mark.parametrize("tensors", [False, True])
@pytest.mark.parametrize("kind", ["number", "tensor", "array", "row", "other dtype"])
def test_write(key, tensors, kind):
    a, t = pair((3, 4, 5))
    shape = a[numpy_key(key)].shape
    value = {
        "number": 7,
        "tensor": -np.arange(1, 1 + int(np.prod(shape)), dtype=np.float32).reshape(shape),
        "array": -np.arange(1, 1 + int(np.prod(shape)), dtype=np.float32).reshape(shape),
        "row": -np.arange(1, 1 + (shape[-1] if shape else 1), dtype=np.float32).reshape(shape[-1:] if shape else (1,)),
        "other dtype": np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape),
    }[kind]
    repeated = len(np.unique(np.arange(60).reshape(3, 4, 5)[numpy_key(key)])) < int(np.prod(shape))
    if repeated and kind != "number":
        pytest.skip("which of several values stays is not said")
    a[numpy_key(key)] = np.reshape(value, shape) if np.size(value) == 1 and not shape else value
    key = as_tensors(key) if tensors else key
    t[key] = value if kind in ("number", "array") else rt.tensor(value)
    np.testing.assert_array_equal(t.numpy(), a)


def test_reads_are_views_where_possible():
    t = rt.zeros(3, 4)
    for key in (0, slice(1, 3), (0, 1), None, ..., (..., slice(None, None, 2)), slice(None), (slice(1, 2), None, 0)):
        view = t[key]
        assert view is not t and view.data_ptr() - t.data_ptr() < 48
        view.fill_(1)
        assert t.sum().item() > 0
        t.zero_()
    assert t[[0, 1]].data_ptr() != t.data_ptr()
    s = rt.tensor(3.0)
    s[...] += 1
    s[()] += 1
    assert s.item() == 5 and s[None].shape == (1,)


@pytest.mark.parametrize(
    "key, message",
    [
        (3, "index 3 is out of bounds for dimension 0 with size 3"),
        (-4, "index -4 is out of bounds for dimension 0 with size 3"),
        ((0, 4), "index 4 is out of bounds for dimension 1 with size 4"),
        ((..., 9), "index 9 is out of bounds for dimension 1 with size 4"),
        ((0, 0, 0), "too many indices for tensor of dimension 2"),
        ((slice(None),) * 3, "too many indices for tensor of dimension 2"),
        ((0,) * 40, "too many indices"),
        ([0, 3], "out of"),
        ([-4], "out of"),
        ((..., ...), "ellipsis"),
        (1.0, "valid indices"),
        ("a", "valid indices"),
        ([0.5], "must be long"),
        (np.array([T, F]), "mask"),
        (np.zeros((3, 3), bool), "mask"),
        (2**70, "fit"),
    ],
)
def test_bad_keys(key, message):
    t = rt.zeros(3, 4)
    with pytest.raises(IndexError, match=message):
        t[key]
    with pytest.raises(IndexError, match=message):
        t[key] = 1.0
    assert t.sum().item() == 0


def test_bad_steps_and_scalars():
    t = rt.zeros(3, 4)
    with pytest.raises(ValueError, match="step must be greater than zero"):
        t[::-1]
    with pytest.raises(ValueError, match="zero"):
        t[::0]
    with pytest.raises(IndexError, match="0-dim"):
        rt.tensor(1.0)[0]
    with pytest.raises(IndexError, match="0-dim"):
        rt.tensor(1.0)[:]
    with pytest.raises(TypeError, match="deleting"):
        del t[0]
    with pytest.raises(TypeError, match="0-d"):
        iter(rt.tensor(1.0))
    with pytest.raises(TypeError, match="0-d"):
        len(rt.tensor(1.0))


@pytest.mark.parametrize("value", [rt.zeros(2), rt.zeros(3, 3), [1.0, 2.0], np.zeros((2, 1, 4))])
def test_values_that_do_not_fit(value):
    t = rt.zeros(3, 4)
    with pytest.raises(ValueError):
        t[:, :] = value
    with pytest.raises(ValueError):
        t[[0, 1, 2]] = value
    for bad in ("a", None, object()):
        with pytest.raises(TypeError):
            t[0] = bad


def test_value_conversion():
    t = rt.zeros(4, dtype=rt.int64)
    t[0] = 1.9
    t[1:3] = rt.tensor([2.7, 3.1])
    t[[3]] = rt.tensor([4.9])
    assert t.tolist() == [1, 2, 3, 4]
    t[rt.tensor([True, False, False, True])] = rt.tensor(9.5)
    assert t.tolist() == [9, 2, 3, 9]
    t[0] = [5]
    assert t[0].item() == 5
    u = rt.zeros(2, 3)
    u[0] = rt.ones(1, 1, 3)  # leading dimensions of size one are dropped
    u[1] = [1, 2, 3]
    assert u.tolist() == [[1, 1, 1], [1, 2, 3]]
    b = rt.zeros(2, dtype=rt.bfloat16)
    b[0] = 1.5
    assert b.tolist() == [1.5, 0]
    with pytest.raises(ValueError):
        rt.zeros(2, dtype=rt.uint8)[0] = 1000


def test_values_that_overlap():
    for key, source in [
        (slice(1, None), slice(None, -1)),
        (slice(None, -1), slice(1, None)),
        (slice(None, None, 2), slice(0, 3)),
        ([4, 3, 2, 1, 0], slice(None)),
    ]:
        a, t = pair((5,))
        a[key] = a[source].copy()
        t[key] = t[source]
        np.testing.assert_array_equal(t.numpy(), a)
    t = rt.arange(9.0).reshape(3, 3)
    expected = t.t().tolist()
    t[:] = t.t()
    assert t.tolist() == expected


def test_augmented_assignment():
    a, t = pair((3, 4))
    for key in (0, (1, 2), slice(1, 3), (..., 1), [0, 2], ([0, 1], [1, 2]), a > 5):
        a[key] += 1
        t[key] += 1
        a[key] *= 2
        t[key] *= 2
    np.testing.assert_array_equal(t.numpy(), a)
    x = rt.ones(3, requires_grad=True)
    z = rt.ones(1, requires_grad=True)
    y = x * 2
    y[0] += z[0] * 3
    y[1:] *= 5
    y[...] += 1
    (y * rt.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert x.grad.tolist() == [2, 100, 1000] and z.grad.tolist() == [3]
    x.grad = None
    y = x * 2
    y[0] = y[0].detach()  # the same element, but its gradient ends here
    y.sum().backward()
    assert x.grad.tolist() == [0, 2, 2]


def test_byte_masks_and_small_indices():
    t = rt.arange(4)
    with pytest.warns(UserWarning, match="uint8"):
        assert t[rt.tensor([1, 0, 1, 0], dtype=rt.uint8)].tolist() == [0, 2]
    assert t[rt.tensor([1, 3], dtype=rt.int32)].tolist() == [1, 3]
    assert t[rt.tensor(2)].item() == 2 and t[rt.tensor(True)].tolist() == [[0, 1, 2, 3]]


# Gradients ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [k for k in KEYS if not isinstance(k, (bool, range))], ids=repr)
def test_gradient_of_reading(key):
    a, t = pair((3, 4, 5), np.float64)
    t.requires_grad_()
    got = t[key]
    weights = np.arange(1.0, 1 + got.numel()).reshape(tuple(got.shape))
    (got * rt.from_numpy(weights)).sum().backward()
    expected = np.zeros_like(a)
    np.add.at(expected, numpy_key(key), weights)
    np.testing.assert_array_equal(t.grad.numpy(), expected)


@pytest.mark.parametrize("key", [0, slice(1, 3), (slice(None), 1), (0, 1), [0, 2], MASK3, MASK34, ([0, 1], slice(None), [2, 3]), (..., slice(1, 3)), ...], ids=repr)
def test_gradient_of_writing(key):
    a, x = pair((3, 4, 5), np.float64)
    x.requires_grad_()
    shape = a[numpy_key(key)].shape
    v = rt.ones(shape, dtype=rt.float64).requires_grad_()
    y = x * 1
    y[key] = v * 2
    weights = rt.from_numpy(np.arange(1.0, 61).reshape(3, 4, 5))
    (y * weights).sum().backward()
    expected = weights.numpy().copy()
    np.testing.assert_array_equal(v.grad.numpy(), 2 * expected[numpy_key(key)])
    expected[numpy_key(key)] = 0
    if x.grad is None:  # everything was overwritten
        assert not expected.any()
    else:
        np.testing.assert_array_equal(x.grad.numpy(), expected)


def test_writing_to_a_leaf():
    x = rt.zeros(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf"):
        x[0] = 1
    with rt.no_grad():
        x[0] = 1
    assert x.tolist() == [1, 0, 0]
    y = rt.zeros(3)
    y[1] = x.sum() * 2  # from here on y has a gradient
    assert y.requires_grad
    y.sum().backward()
    assert x.grad.tolist() == [2, 2, 2]


def test_numpy_array_with_negative_strides():
    a = np.arange(12.0).reshape(3, 4)[::-1, ::-1]
    t = rt.from_numpy(a)
    assert t[1, 1:3].tolist() == a[1, 1:3].tolist()
    assert t[..., None, ::2].tolist() == a[..., None, ::2].tolist()
    t[0, 1:3] = 50
    assert a[0, 1] == 50 and a[0, 2] == 50


# Iteration ---------------------------------------------------------------------------------------------------------


def test_iteration():
    t = rt.arange(6).reshape(3, 2)
    assert [row.tolist() for row in t] == [[0, 1], [2, 3], [4, 5]]
    a, b, c = t
    b += 1
    assert t.tolist() == [[0, 1], [3, 4], [4, 5]]
    assert list(rt.zeros(0, 2)) == [] and len(t) == 3
    iterator = iter(t)
    next(iterator)
    assert iterator.__length_hint__() == 2
    x = rt.arange(3.0).requires_grad_()
    sum(v * v for v in x).backward()
    assert x.grad.tolist() == [0, 2, 4]
    cycle = [iter(t)]
    cycle.append(cycle)
    del cycle
    gc.collect()


def test_iteration_with_gradients():
    x = rt.arange(12.0, dtype=rt.float64).reshape(4, 3).requires_grad_()
    rows = list(x)
    assert len(rows) == 4 and rows[1].grad_fn.name() == "UnbindBackward0" and rows[1].tolist() == [3, 4, 5]
    assert all(row.grad_fn is rows[0].grad_fn for row in rows)
    (rows[1] * 2 + rows[3]).sum().backward()
    assert x.grad.tolist() == [[0] * 3, [2] * 3, [0] * 3, [1] * 3]
    assert rt.autograd.gradcheck(lambda x: sum(row * row * i for i, row in enumerate(x)), x)
    assert rt.autograd.gradgradcheck(lambda x: sum(row * row * row * i for i, row in enumerate(x)), x)
    x.grad = None
    y = x * 2
    a, b, c, d = y
    b *= 5  # a write to a row is a write to y
    (y.sum() + c.sum()).backward()
    assert x.grad.tolist() == [[2] * 3, [10] * 3, [4] * 3, [2] * 3]
    x.grad = None
    y = x * 2
    a, b, c, d = y
    y *= 3  # and the other way round
    b.sum().backward()
    assert x.grad.tolist() == [[0] * 3, [6] * 3, [0] * 3, [0] * 3]
    many = rt.ones(3000, 50, requires_grad=True)
    sum(row.sum() for row in many).backward()
    assert many.grad.sum().item() == 150_000
    with rt.no_grad():
        assert [row.requires_grad for row in x] == [False] * 4


# Any key -----------------------------------------------------------------------------------------------------------


def items(size):
    whole = st.integers(-size, size - 1) if size else st.nothing()
    return st.one_of(
        whole,
        st.builds(slice, st.none() | st.integers(-7, 7), st.none() | st.integers(-7, 7), st.none() | st.integers(1, 3)),
        st.lists(whole, min_size=1, max_size=3) if size else st.nothing(),
        st.lists(st.booleans(), min_size=size, max_size=size).map(np.array) if size else st.nothing(),
    )


@st.composite
def keys(draw):
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    n = draw(st.integers(0, len(shape)))
    key = [draw(items(size)) for size in shape[:n]]
    key = [np.array(k) if isinstance(k, list) else k for k in key]
    # All index arrays get one size that broadcasts; integers next to arrays mean other things to NumPy.
    arrays = [k for k in key if isinstance(k, np.ndarray)]
    if arrays:
        key = [slice(k, k + 1 or None) if isinstance(k, int) else k for k in key]
        key = [k[:1] if isinstance(k, np.ndarray) and k.dtype != bool and len(arrays) > 1 else k for k in key]
        if sum(k.dtype == bool for k in arrays) > 1 or (len(arrays) > 1 and any(k.dtype == bool for k in arrays)):
            key = [slice(None) if isinstance(k, np.ndarray) and k.dtype == bool else k for k in key]
    for _ in range(draw(st.integers(0, 2))):
        key.insert(draw(st.integers(0, len(key))), None)
    return shape, tuple(key)


@settings(max_examples=300, deadline=None)
@given(keys())
def test_any_key(case):
    shape, key = case
    a, t = pair(shape)
    np.testing.assert_array_equal(t[key].numpy(), a[key])
    a[key] = -1
    t[key] = -1
    np.testing.assert_array_equal(t.numpy(), a)


def test_parts_without_number():
    """Lists of sizes are of any length, under PyTorch's names."""
    x = rt.arange(100.0).reshape(50, 2).requires_grad_()
    parts = rt.split(x, split_size_or_sections=[1] * 40 + [10], dim=0)
    assert len(parts) == 41 and parts[-1].shape == (10, 2) and parts[3].tolist() == [[6.0, 7.0]]
    sum((i + 1) * part.sum() for i, part in enumerate(parts)).backward()
    assert x.grad[:, 0].tolist() == [float(min(i, 40) + 1) for i in range(50)]
    with pytest.raises(ValueError, match="sum to 40"):
        x.split([1] * 40)
    for cut in (lambda v, at: rt.tensor_split(v, at), rt.vsplit, lambda v, at: rt.hsplit(v.T, at), lambda v, at: rt.dsplit(v.T[None], at)):
        parts = cut(x.detach(), list(range(1, 41)))
        assert len(parts) == 41 and parts[3].flatten().tolist() == [6.0, 7.0] and parts[40].numel() == 20


def test_parts_that_overlap():
    """Positions that fall, that lie outside, or repeat: as NumPy has them; gradients add up."""
    x = rt.arange(8.0).requires_grad_()
    for at in ([5, 2], [2, 2, 9], [-3, 4], [3, 1, 20, -1], [0, 8], []):
        parts = rt.tensor_split(x, at)
        want = np.array_split(x.detach().numpy(), at)
        assert [part.tolist() for part in parts] == [part.tolist() for part in want]
        (found,) = rt.autograd.grad(sum((i + 1) * (part * part).sum() for i, part in enumerate(parts)), x)
        expected = np.zeros(8)
        for i, part in enumerate(want):
            expected[part.astype(int)] += 2 * (i + 1) * part
        assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
@pytest.mark.parametrize("width", [1, 2, 3, 5, 7, 8, 9, 15, 17, 31, 64, 65])
def test_rows_of_any_width(dtype, width):
    rng = np.random.default_rng(width)
    table = rng.integers(0, 200, (50, width)).astype(dtype)
    at = rng.integers(0, 50, 200)
    x = rt.from_numpy(table)
    np.testing.assert_array_equal(rt.index_select(x, 0, rt.from_numpy(at)).numpy(), table[at])
    np.testing.assert_array_equal(x[rt.from_numpy(at - 50)].numpy(), table[at])
    wide = rng.permutation(50)
    y = rt.zeros_like(x)
    y[rt.from_numpy(wide)] = x
    assert (y.numpy()[wide] == table).all()
    with pytest.raises(IndexError, match="50"):
        x[rt.tensor([3, 50])]
