"""Functions, methods and operators that follow from the table: how they are called, and their values against NumPy."""

import inspect
import math
import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rustorch as torch

OPS = {name: op for name, op in vars(torch._C._ops).items() if type(op).__name__ == "op_function"}
METHODS = {name: op for name, op in vars(torch.Tensor).items() if type(op).__name__ == "op_method"}


def same(tensor, array, dtype=None):
    array = np.asarray(array)
    assert tensor.shape == array.shape
    np.testing.assert_allclose(tensor.numpy(), array, rtol=1e-6)
    if dtype is not None:
        assert tensor.dtype is dtype


# ------------------------------------------------------------------------------------------ the whole table


def test_every_row_has_functions_or_methods():
    rows = torch._C._table()
    assert len(rows) > 100
    for row in rows:
        if row["flags"] & torch._C._HIDDEN:
            continue
        for signature in row["signatures"].split(";"):
            name = signature.strip().split("(")[0]
            assert name in OPS or name in METHODS, name
        assert row["doc"].endswith("."), row["name"]


@pytest.mark.parametrize("name", sorted(OPS))
def test_function_describes_itself(name):
    op = OPS[name]
    assert op.__name__ == name and op.__module__ == "rustorch" and op.__doc__.startswith(name + "(")
    assert name.startswith("_") or getattr(torch, name) is op  # what the package calls by itself stays in _C._ops
    inspect.signature(op)
    assert all(signature.startswith(name + "(") for signature in op.__signatures__)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_method_describes_itself(name):
    op = METHODS[name]
    assert op.__qualname__ == "Tensor." + name and inspect.ismethoddescriptor(op)
    assert next(iter(inspect.signature(op).parameters)) == "self"


JUNK = [(), (None,), ("text",), (object(),), ([],), ((1, 2), (3, "x")), (2**70,), (float("nan"),), ({},), (np.ones(2),)]


@pytest.mark.parametrize("name", sorted(OPS))
def test_junk_is_an_error_and_no_crash(name):
    x = torch.ones(2, 3)
    for junk in JUNK:
        for args in (junk, (x, *junk), (x, x, *junk)):
            for kwargs in ({}, {"no_such_argument": 1}):
                try:
                    OPS[name](*args, **kwargs)
                except Exception as error:
                    assert str(error), (name, args)
                    assert not isinstance(error, SystemError), (name, args, error)
                else:
                    assert not kwargs, f"{name} took a keyword it does not have"


# ------------------------------------------------------------------------------------------ operators

BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow]
COMPARE = [operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge]


@pytest.mark.parametrize("op", BINARY + COMPARE, ids=lambda op: op.__name__)
def test_binary_operators(op):
    a, b = np.array([[1.5, 2.0, -3.0], [4.0, 5.0, 6.5]]), np.array([2.0, 0.5, 3.0])
    x, y = torch.from_numpy(a), torch.from_numpy(b)
    if op is operator.pow:
        a, x = np.abs(a), x.abs()
    same(op(x, y), op(a, b))
    same(op(y, x), op(b, a))
    same(op(x, 2.5), op(a, 2.5))
    same(op(2.5, x), op(2.5, a))
    same(op(x, 2), op(a, 2))
    same(op(3, x), op(3, a))
    same(op(x, np.float64(2.5)), op(a, 2.5))
    same(op(x, True), op(a, 1))


@pytest.mark.parametrize("op", [operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift], ids=lambda op: op.__name__)
def test_bit_operators(op):
    a, b = np.array([5, 12, 7]), np.array([1, 2, 3])
    x, y = torch.from_numpy(a), torch.from_numpy(b)
    same(op(x, y), op(a, b), torch.int64)
    same(op(x, 2), op(a, 2))
    same(op(2, y), op(2, b))
    if op not in (operator.lshift, operator.rshift):
        p, q = np.array([True, True, False]), np.array([True, False, False])
        same(op(torch.from_numpy(p), torch.from_numpy(q)), op(p, q), torch.bool)


def test_unary_operators():
    a = np.array([1.5, -2.0])
    x = torch.from_numpy(a)
    same(-x, -a), same(abs(x), abs(a)), same(~torch.tensor([True, False]), [False, True]), same(~torch.tensor([5]), [~5])
    assert +x is x
    with pytest.raises(TypeError):
        +torch.tensor([True])
    with pytest.raises(RuntimeError):
        -torch.tensor([True])


def test_matmul_and_divmod():
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    same(torch.from_numpy(a) @ torch.from_numpy(b), a @ b)
    q, r = divmod(torch.tensor([7.0, -7.0]), 2)
    assert q.tolist() == [3, -4] and r.tolist() == [1, 1]
    q, r = divmod(7, torch.tensor([2, 3]))
    assert q.tolist() == [3, 2] and r.tolist() == [1, 1]
    with pytest.raises(TypeError):
        torch.ones(2) @ 3


@pytest.mark.parametrize("op", [operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ifloordiv, operator.imod, operator.ipow],
                         ids=lambda op: op.__name__)
def test_in_place_operators(op):
    a = np.array([4.0, 9.0])
    x = torch.from_numpy(a.copy())
    y = op(x, torch.tensor([2.0, 3.0], dtype=torch.float64))
    assert y is x
    same(x, op(a.copy(), np.array([2.0, 3.0])))
    z = torch.from_numpy(a.copy())
    assert op(z, 2) is z
    same(z, op(a.copy(), 2))


def test_in_place_on_bits_and_without_a_variant():
    x = torch.tensor([5, 6])
    y = x
    x &= 4
    x |= 1
    x ^= 3
    assert x is y and x.tolist() == [6, 6]
    m = n = torch.eye(2)
    m @= torch.ones(2, 2)
    assert m is not n and m.tolist() == [[1, 1], [1, 1]]


def test_operands_that_are_no_numbers():
    x = torch.ones(2)
    for op in BINARY:
        for other in ("text", None, [1, 2], object()):
            with pytest.raises(TypeError):
                op(x, other)
            if op is operator.mod and isinstance(other, str):
                continue  # formats
            with pytest.raises(TypeError):
                op(other, x)
    assert (x == "text") is False and (x != None) is True  # noqa: E711
    with pytest.raises(TypeError):
        x < "text"

    class Wrapper:
        def __radd__(self, other):
            return "radd"

    assert x + Wrapper() == "radd"


def test_numpy_operands():
    x, a = torch.ones(2), np.array([1.0, 2.0])
    y = x + a
    assert isinstance(y, torch.Tensor) and y.tolist() == [2, 3]
    with pytest.raises(torch.ArgumentTypeError, match="from_numpy"):
        a + x
    with pytest.raises(torch.ArgumentTypeError, match="from_numpy"):
        torch.add(x, a)


# ------------------------------------------------------------------------------------------ promotion

NAMES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]


@pytest.mark.parametrize("left", NAMES)
@pytest.mark.parametrize("right", NAMES)
def test_promotion_as_pytorch(left, right):
    got = (torch.ones(2, dtype=left) * torch.ones(2, dtype=right)).dtype
    floats = [n for n in (left, right) if n.startswith("float")]
    expected = max(floats, key=NAMES.index) if floats else np.promote_types(left, right).name
    assert got == expected


def test_numbers_promote_by_their_kind_alone():
    half, byte, flag = torch.ones(2, dtype=torch.half), torch.ones(2, dtype=torch.uint8), torch.ones(2, dtype=torch.bool)
    assert (half + 1e3).dtype is torch.half and (byte + 1000).dtype is torch.uint8 and (byte + 1.0).dtype is torch.float32
    assert (flag + 1).dtype is torch.int64 and (flag + 1.0).dtype is torch.float32 and (flag | True).dtype is torch.bool
    assert (byte / 2).dtype is torch.float32 and (2**byte).dtype is torch.uint8
    assert (half + torch.tensor(1.0, dtype=torch.float64)).dtype is torch.half  # 0-dim tensors do not raise the width
    assert (torch.ones(2) + np.float64(1)).dtype is torch.float32


# ------------------------------------------------------------------------------------------ ways to call


def test_shapes_in_every_spelling():
    for shape in ((2, 3), [2, 3], torch.Size([2, 3]), (np.int64(2), 3), (torch.tensor(2), 3)):
        assert torch.zeros(shape).shape == (2, 3) and torch.zeros(*shape).shape == (2, 3)
        assert torch.zeros(size=shape).shape == torch.zeros(shape=shape).shape == (2, 3)
    assert torch.zeros(()).shape == () and torch.zeros(3).shape == (3,) and torch.rand(2, 0).shape == (2, 0)
    x = torch.arange(6)
    assert x.view(2, 3).shape == x.view((2, 3)).shape == x.view([2, -1]).shape == x.reshape(2, 3).shape == x.reshape((2, 3)).shape == (2, 3)
    assert x.reshape(shape=(3, 2)).shape == x.view(2, 3).permute(1, 0).shape == x.view(2, 3).permute((1, 0)).shape == (3, 2)
    assert x.expand(4, 6).shape == x.repeat(4, 1).shape == (4, 6) and x.new_zeros(2, 3).shape == (2, 3)


def test_keywords_and_their_aliases():
    x = torch.arange(6.0).reshape(2, 3)
    for result in (x.sum(dim=1, keepdim=True), x.sum(axis=1, keepdims=True), torch.sum(x, 1, True), torch.sum(input=x, dim=1, keepdim=True),
                   torch.sum(self=x, axis=-1, keepdims=True), x.sum([1], keepdim=True), x.sum((1,), True)):
        same(result, [[3.0], [12.0]])
    assert x.sum((0, 1)).item() == 15 and x.sum(dim=()).item() == 15
    same(torch.add(x, x, alpha=2), 3 * x.numpy())
    assert torch.clamp(x, min=1, max=4).max() == 4 and x.clamp(1).min() == 1 and x.clamp(max=2.5).max() == 2.5
    same(torch.div(x, 2, rounding_mode="floor"), x.numpy() // 2)
    assert torch.arange(3).tolist() == torch.arange(0, 3).tolist() == torch.arange(end=3).tolist() == [0, 1, 2]
    assert torch.arange(0, 1, 0.25).tolist() == torch.arange(0, 1, step=0.25).tolist() == [0, 0.25, 0.5, 0.75]


def test_overloads():
    x = torch.tensor([[1.0, 5.0], [4.0, 2.0]])
    assert x.max().item() == 5 and x.max(0).values.tolist() == [4, 5] and x.max(dim=1, keepdim=True).indices.tolist() == [[1], [0]]
    assert torch.max(x, torch.full_like(x, 3)).tolist() == [[3, 5], [4, 3]] and x.max(torch.tensor(3)).tolist() == [[3, 5], [4, 3]]
    assert torch.max(x, 1)[1].tolist() == [1, 0] and torch.max(x, -1).values.tolist() == [5, 4]
    assert [t.shape[0] for t in x.split(1)] == [1, 1] and [t.shape[0] for t in torch.arange(5).split([2, 3])] == [2, 3]
    assert x.squeeze().shape == (2, 2) and x[None].squeeze(0).shape == (2, 2)


def test_lists_of_tensors():
    a, b = torch.ones(2), torch.zeros(2)
    for arguments in (([a, b],), ((a, b),)):
        assert torch.cat(*arguments).tolist() == [1, 1, 0, 0] and torch.stack(*arguments).shape == (2, 2)
    assert torch.cat([a.view(1, 2)] * 30, dim=0).shape == (30, 2)
    grid = torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij")
    assert isinstance(grid, tuple) and grid[1].tolist() == [[0, 1, 2]] * 2
    assert torch.meshgrid([torch.arange(2), torch.arange(3)], indexing="xy")[0].shape == (3, 2)
    assert [t.shape for t in torch.broadcast_tensors(torch.ones(2, 1), torch.ones(3))] == [(2, 3)] * 2
    for bad in ([a, 1], "ab", [a, np.ones(2)], 3, [[a]]):
        with pytest.raises(TypeError):
            torch.cat(bad)


def test_out():
    x, out = torch.tensor([1.0, 4.0]), torch.empty(2)
    assert torch.sqrt(x, out=out) is out and out.tolist() == [1, 2]
    assert torch.add(x, 1, out=out) is out and out.tolist() == [2, 5]
    assert torch.sqrt(x, out=None).tolist() == [1, 2]
    wide = torch.empty(2, dtype=torch.float64)
    assert torch.sqrt(x, out=wide).dtype is torch.float64
    other = torch.empty(0)
    torch.sqrt(x, out=other)
    assert other.shape == (2,)
    with pytest.raises(RuntimeError):
        torch.sqrt(x, out=torch.empty(2, dtype=torch.int64))
    with pytest.raises(TypeError):
        torch.sqrt(x, out=[1.0])


def test_in_place_variants():
    x = torch.tensor([1.0, 4.0])
    assert x.sqrt_() is x and x.tolist() == [1, 2]
    assert torch.relu_(x.neg_()) is x and x.tolist() == [0, 0]
    assert x.add_(2, alpha=3) is x and x.tolist() == [6, 6] and x.clamp_(max=5).tolist() == [5, 5]
    assert x.fill_(1.5) is x and x.zero_() is x and x.copy_(torch.tensor([1, 2])) is x and x.tolist() == [1, 2]
    ints = torch.tensor([1, 2])
    for broken in (lambda: ints.add_(1.5), lambda: ints.div_(2), lambda: x.add_(torch.ones(3, 2)), lambda: ints.sqrt_()):
        with pytest.raises(RuntimeError):
            broken()


def test_requires_grad_and_dtype_of_factories():
    x = torch.zeros(2, dtype="float64", requires_grad=True)
    assert x.requires_grad and x.is_leaf and x.dtype is torch.float64
    assert torch.rand(2, requires_grad=True).requires_grad and torch.full((2,), 1.5, requires_grad=True).requires_grad
    assert torch.full((2,), 3).dtype is torch.int64 and torch.full((2,), True).dtype is torch.bool and torch.eye(2, 3).shape == (2, 3)
    assert torch.zeros_like(x, dtype=torch.int32).dtype is torch.int32 and torch.ones_like(x).dtype is torch.float64
    with pytest.raises(RuntimeError):
        torch.zeros(2, dtype=torch.int64, requires_grad=True)
    with pytest.raises(torch.DeviceError):
        torch.zeros(2, device="cuda")


def test_generators():
    g = torch.Generator().manual_seed(7)
    a = torch.rand(3, generator=g)
    b = torch.rand(3, generator=torch.Generator().manual_seed(7))
    assert a.tolist() == b.tolist() and a.tolist() != torch.rand(3, generator=g).tolist()
    torch.manual_seed(1)
    a, state = torch.randn(3), torch.get_rng_state()
    b = torch.randn(3)
    torch.set_rng_state(state)
    assert torch.randn(3).tolist() == b.tolist() and torch.initial_seed() == 1
    torch.manual_seed(1)
    assert torch.randn(3).tolist() == a.tolist()


def test_tensors_of_one_element_stand_for_numbers():
    x = torch.arange(6.0).reshape(2, 3)
    assert x.sum(torch.tensor(0)).tolist() == [3, 5, 7] and torch.zeros(torch.tensor(2)).shape == (2,)
    assert x.clamp(max=torch.tensor(2.0)).max() == 2
    scale = torch.tensor(2.0, requires_grad=True)
    (x * scale).sum().backward()
    assert scale.grad.item() == 15


# ------------------------------------------------------------------------------------------ values against NumPy

UNARY = {
    "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos, "tanh": np.tanh, "abs": np.abs, "neg": np.negative,
    "floor": np.floor, "ceil": np.ceil, "round": np.round, "trunc": np.trunc, "sign": np.sign, "square": np.square, "log1p": np.log1p,
    "expm1": np.expm1, "reciprocal": np.reciprocal, "log2": np.log2, "log10": np.log10, "atan": np.arctan, "sinh": np.sinh,
}


@pytest.mark.parametrize("name", sorted(UNARY))
@settings(max_examples=25, deadline=None)
@given(values=st.lists(st.floats(0.125, 8, width=32), min_size=1, max_size=40))
def test_unary_functions(name, values):
    a = np.array(values, dtype=np.float64)
    same(getattr(torch, name)(torch.from_numpy(a)), UNARY[name](a))


REDUCE = {"sum": np.sum, "mean": np.mean, "prod": np.prod, "amax": np.max, "amin": np.min}


@pytest.mark.parametrize("name", sorted(REDUCE))
@settings(max_examples=25, deadline=None)
@given(shape=st.lists(st.integers(1, 4), min_size=1, max_size=4), data=st.data())
def test_reductions(name, shape, data):
    a = np.random.default_rng(0).standard_normal(shape)
    x = torch.from_numpy(a)
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    keep = data.draw(st.booleans())
    same(getattr(x, name)(dim=dim, keepdim=keep), REDUCE[name](a, axis=dim, keepdims=keep))
    assert math.isclose(getattr(x, name)().item(), REDUCE[name](a), rel_tol=1e-9)


@settings(max_examples=50, deadline=None)
@given(a=st.lists(st.integers(1, 3), max_size=4), b=st.lists(st.integers(1, 3), max_size=4))
def test_broadcasting_follows_numpy(a, b):
    x, y = torch.zeros(a), torch.zeros(b)
    try:
        expected = np.broadcast_shapes(tuple(a), tuple(b))
    except ValueError:
        with pytest.raises(torch.ShapeError):
            x + y
    else:
        assert (x + y).shape == expected


def test_comparisons_of_whole_tensors():
    nan, inf = float("nan"), float("inf")
    a, b = torch.tensor([1.0, nan, inf, 5.0]), torch.tensor([1.0 + 1e-7, nan, inf, inf])
    for equal_nan in (False, True):
        assert torch.isclose(a, b, equal_nan=equal_nan).tolist() == np.isclose(a.numpy(), b.numpy(), equal_nan=equal_nan).tolist()
    assert a.isclose(a).tolist() == [True, False, True, True] and torch.allclose(a[:1], b[:1]) is True
    assert a.allclose(b) is False and torch.allclose(a[3:], a[3:] + 0.5, atol=1) and not torch.allclose(a[3:], a[3:] + 0.5, 0.01)
    assert torch.equal(a[::2], a[::2]) is True and a.equal(a) is False and torch.equal(torch.ones(2), torch.ones(2, 1)) is False
    assert torch.equal(torch.ones(2), torch.ones(2, dtype=torch.int64))
    with pytest.raises(TypeError):
        torch.allclose(a, a.double())
    with pytest.raises(TypeError):
        torch.equal(a, [1])
    x = torch.ones(2, dtype=torch.float64).new_tensor([1, 2])
    assert x.dtype is torch.float64 and x.tolist() == [1, 2] and x.new_tensor(3, dtype=torch.int8).dtype is torch.int8


def test_reference_spelling_of_factories():
    assert torch.zeros((2, 3), "float64").dtype is torch.float64 and torch.randn([2], "float32", True).requires_grad
    assert torch.full((2,), 1.0, "float16").dtype is torch.float16 and torch.randint(0, 5, (2,), "int32").dtype is torch.int32
    assert torch.eye(2, 3, "float64").shape == (2, 3) and torch.ones_like(torch.zeros(2), "int64").dtype is torch.int64
    assert torch.arange(0, 4, 2, "float32").tolist() == [0, 2] and torch.linspace(0, 1, 2, "float64").dtype is torch.float64


def test_layout_and_memory_format():
    x = torch.zeros(2, 3, layout=torch.strided)
    assert x.clone(memory_format=torch.preserve_format).shape == (2, 3) and x.contiguous(memory_format=torch.contiguous_format) is x
    assert torch.empty_like(x, memory_format=torch.preserve_format).shape == (2, 3)
    for broken in (lambda: x.contiguous(memory_format=torch.channels_last), lambda: torch.empty(2, memory_format=torch.channels_last)):
        with pytest.raises(torch.UnsupportedError, match="channels_last"):
            broken()
    with pytest.raises(TypeError):
        torch.zeros(2, layout="strided")
