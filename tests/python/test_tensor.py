"""The Tensor type: attributes, conversion, printing, copying, and the life of its Python objects."""

import copy
import gc
import inspect
import pickle
import sys
import threading
import weakref

import numpy as np
import pytest

import rustorch as torch


# ------------------------------------------------------------------------------------------ values of attributes


def test_dtypes_are_singletons_with_names():
    x = torch.zeros(2)
    assert x.dtype is torch.float32 is torch.float
    assert (torch.double, torch.half, torch.long, torch.int, torch.short) == (
        torch.float64, torch.float16, torch.int64, torch.int32, torch.int16)
    assert repr(x.dtype) == "rustorch.float32" and x.dtype() == "float32"
    assert x.dtype == "float32" and x.dtype != "float64" and hash(x.dtype) == hash("float32")
    assert torch.float64.itemsize == 8 and torch.float16.is_floating_point and not torch.uint8.is_signed
    assert pickle.loads(pickle.dumps(torch.bool)) is torch.bool
    with pytest.raises(TypeError):
        type(torch.bool)()


@pytest.mark.parametrize("given, dtype", [
    ("float64", torch.float64), (float, torch.float32), (int, torch.int64), (bool, torch.bool), (np.float32, torch.float32),
    (np.dtype("int16"), torch.int16), ("long", torch.int64), ("rustorch.half", torch.float16), (np.bool_, torch.bool)])
def test_dtype_spellings(given, dtype):
    assert torch.zeros(1, dtype=given).dtype is dtype
    assert torch.zeros(1).to(given).dtype is dtype


def test_device():
    cpu = torch.zeros(1).device
    assert cpu.type == "cpu" and cpu.index is None and str(cpu) == "cpu" and cpu() == "cpu"
    assert repr(cpu) == "device(type='cpu')" and cpu == torch.device("cpu") == "cpu"
    gpu = torch.device("cuda", 1)
    assert repr(gpu) == "device(type='cuda', index=1)" and str(gpu) == "cuda:1" and gpu == torch.device("cuda:1")
    assert torch.device("cuda").index is None and torch.device("cuda") != torch.device("cuda:0")
    assert torch.device(2) == torch.device("cuda:2") and torch.device(gpu) is gpu
    assert pickle.loads(pickle.dumps(gpu)) == gpu and len({gpu, torch.device("cuda:1")}) == 1
    for bad in ("xyz", "cuda:x", "cuda:-1", "cpu:"):
        with pytest.raises(torch.DeviceError):
            torch.device(bad)


def test_size():
    size = torch.zeros(2, 3).shape
    assert isinstance(size, torch.Size) and isinstance(size, tuple) and size == (2, 3)
    assert repr(size) == "rustorch.Size([2, 3])" and size() == [2, 3] and str(size()) == "[2, 3]"
    assert size.numel() == 6 and torch.Size([]).numel() == 1
    assert type(size[1:]) is torch.Size and type(size + (1,)) is torch.Size and size[-1] == 3
    assert torch.Size(np.array([1, 2])) == (1, 2) and pickle.loads(pickle.dumps(size)) == size
    assert torch.zeros(size).shape == size and torch.empty(*size).shape == size
    with pytest.raises(TypeError):
        torch.Size([1.5])


def test_attributes():
    x = torch.arange(24).reshape(2, 3, 4)
    assert x.ndim == x.dim() == x.ndimension() == 3 and x.numel() == x.nelement() == 24
    assert x.size() == (2, 3, 4) and x.size(1) == x.size(-2) == 3 and x.size(dim=2) == 4
    assert x.stride() == (12, 4, 1) and x.stride(0) == 12 and x.is_contiguous() and not x.T.is_contiguous()
    assert x.itemsize == x.element_size() == 8 and x.nbytes == 192 and x[1].storage_offset() == 12
    assert x.T.shape == (4, 3, 2) and x.mT.shape == (2, 4, 3) and x[0].H.shape == (4, 3)
    assert x.layout is torch.strided and not x.is_cuda and x.is_cpu and not x.is_floating_point()
    assert x.T._base is x._base and x._base._base is None and x[0].data_ptr() == x.data_ptr()
    with pytest.raises(IndexError):
        x.size(3)


def test_version_counts_writes():
    x = torch.zeros(3)
    before = x._version
    x.add_(1)
    x[0] = 2
    assert x._version == before + 2


# ------------------------------------------------------------------------------------------ conversion


@pytest.mark.parametrize("name, dtype", [
    ("float", "float32"), ("double", "float64"), ("half", "float16"), ("bfloat16", "bfloat16"), ("long", "int64"), ("int", "int32"),
    ("short", "int16"), ("char", "int8"), ("byte", "uint8"), ("bool", "bool")])
def test_cast_methods(name, dtype):
    x = torch.tensor([0.0, 1.0, 2.0])
    y = getattr(x, name)()
    assert y.dtype == dtype and y.double().tolist() == ([0, 1, 1] if name == "bool" else [0, 1, 2])
    assert (y is x) == (name == "float")


def test_to():
    x = torch.ones(2)
    assert x.to(torch.float32) is x and x.to("cpu") is x and x.to(x) is x
    assert x.to(torch.float64).dtype is torch.float64 and x.to("cpu", torch.int32).dtype is torch.int32
    assert x.to(device="cpu", dtype=torch.int8).dtype is torch.int8 and x.to(torch.zeros(1, dtype=torch.bool)).dtype is torch.bool
    y = x.to(torch.float32, copy=True)
    assert y is not x and y.data_ptr() != x.data_ptr() and x.to(torch.float32, True, True) is not x
    r = torch.ones(2, requires_grad=True)
    r.to(torch.float64).sum().backward()
    assert r.grad.tolist() == [1, 1] and r.grad.dtype is torch.float32
    with pytest.raises(torch.DeviceError):
        x.to("cuda")
    with pytest.raises(torch.UnsupportedError):
        x.to(memory_format=torch.channels_last)
    with pytest.raises(TypeError):
        x.to(3.5)


def test_type():
    x = torch.zeros(2)
    assert x.type() == "rustorch.FloatTensor" and x.type("torch.LongTensor").dtype is torch.int64
    assert x.type(torch.int32).dtype is torch.int32 and x.type_as(torch.zeros(1, dtype=torch.half)).dtype is torch.half
    assert x.type(torch.ByteTensor).dtype is torch.uint8
    assert torch.FloatTensor(2, 3).shape == (2, 3) and torch.LongTensor([1, 2]).tolist() == [1, 2]
    assert isinstance(x, torch.FloatTensor) and not isinstance(x, torch.LongTensor)


def test_constructor():
    assert torch.Tensor().shape == (0,) and torch.Tensor(2, 3).shape == (2, 3) and torch.Tensor(torch.Size([4])).shape == (4,)
    assert torch.Tensor([1, 2]).dtype is torch.float32 and torch.Tensor([1, 2], dtype="int64").dtype is torch.int64
    assert torch.Tensor([1, 2, 3, 4], [2, 2]).tolist() == [[1, 2], [3, 4]]
    assert torch.Tensor(np.ones((2, 2))).dtype is torch.float32 and torch.Tensor([1.0], requires_grad=True).requires_grad
    x = torch.ones(2)
    assert torch.Tensor(x).data_ptr() == x.data_ptr()
    assert torch.PyTensor is torch.Tensor and torch.is_tensor(x) and not torch.is_tensor([1])
    with pytest.raises(TypeError):
        torch.Tensor([1], colour=3)


def test_numbers_of_one_element():
    x = torch.tensor([2.75])
    assert x.item() == 2.75 and float(x) == 2.75 and int(x) == 2 and bool(x) and f"{x[0]:.1f}" == "2.8"
    assert [10, 20, 30][torch.tensor(1)] == 20 and list(range(torch.tensor(2))) == [0, 1]
    assert torch.tensor(True).item() is True and torch.tensor(3).item() == 3
    for dtype in ("uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"):
        assert torch.tensor(5, dtype=dtype).item() == 5
    with pytest.raises(TypeError):
        [1, 2][torch.tensor(1.0)]
    for bad in (torch.ones(2), torch.ones(0)):
        for convert in (bool, float, int, lambda t: t.item()):
            with pytest.raises(RuntimeError):
                convert(bad)


def test_sequence():
    x = torch.arange(6).reshape(3, 2)
    assert len(x) == 3 and [row.tolist() for row in x] == [[0, 1], [2, 3], [4, 5]] and 5 in x and 7 not in x
    a, b, c = x
    assert b.tolist() == [2, 3]
    for broken in (len, list, iter):
        with pytest.raises(TypeError):
            broken(torch.tensor(1))
    assert hash(x) != hash(x.clone()) and len({x, x}) == 1 and x != None  # noqa: E711


# ------------------------------------------------------------------------------------------ printing

# What PyTorch 2.x prints for these, with its name in place of ours.
PRINTED = [
    (lambda: torch.tensor(3.0), "tensor(3.)"),
    (lambda: torch.tensor([1.0, 2.5]), "tensor([1.0000, 2.5000])"),
    (lambda: torch.tensor([[1, -2], [30, 4]]), "tensor([[ 1, -2],\n        [30,  4]])"),
    (lambda: torch.tensor([True, False]), "tensor([ True, False])"),
    (lambda: torch.tensor([]), "tensor([])"),
    (lambda: torch.zeros(2, 0), "tensor([], size=(2, 0))"),
    (lambda: torch.zeros(0, dtype=torch.int64), "tensor([], dtype=torch.int64)"),
    (lambda: torch.tensor([1e-5, 1.0]), "tensor([1.0000e-05, 1.0000e+00])"),
    (lambda: torch.tensor([1e10, 1.0]), "tensor([1.0000e+10, 1.0000e+00])"),
    (lambda: torch.tensor([1000.5, 2.0]), "tensor([1000.5000,    2.0000])"),
    (lambda: torch.tensor([10000.5, 2.0]), "tensor([1.0000e+04, 2.0000e+00])"),
    (lambda: torch.tensor([float("nan"), 1.0, float("inf"), -float("inf")]), "tensor([nan, 1., inf, -inf])"),
    (lambda: torch.tensor([float("nan"), 1.5]), "tensor([   nan, 1.5000])"),
    (lambda: torch.tensor([0.0, -0.0]), "tensor([0., -0.])"),
    (lambda: torch.tensor([1, 2], dtype=torch.int32), "tensor([1, 2], dtype=torch.int32)"),
    (lambda: torch.tensor([1.5, 2.0], dtype=torch.float16), "tensor([1.5000, 2.0000], dtype=torch.float16)"),
    (lambda: torch.tensor([1.5, 2.0], dtype=torch.bfloat16), "tensor([1.5000, 2.0000], dtype=torch.bfloat16)"),
    (lambda: torch.tensor([0.1, 0.2], dtype=torch.float64), "tensor([0.1000, 0.2000], dtype=torch.float64)"),
    (lambda: torch.tensor([1.0, 2.0], requires_grad=True), "tensor([1., 2.], requires_grad=True)"),
    (lambda: torch.tensor([1.0, 2.0], requires_grad=True) * 2, "tensor([2., 4.], grad_fn=<MulBackward0>)"),
    (lambda: torch.tensor(2.0, requires_grad=True).exp(), "tensor(7.3891, grad_fn=<ExpBackward0>)"),
    (lambda: torch.arange(1001), "tensor([   0,    1,    2,  ...,  998,  999, 1000])"),
    (lambda: torch.zeros(101, 10)[:, :3].contiguous().new_zeros(1001, 1),
     "tensor([[0.],\n        [0.],\n        [0.],\n        ...,\n        [0.],\n        [0.],\n        [0.]])"),
    (lambda: torch.zeros(30, 40),
     "tensor([[0., 0., 0.,  ..., 0., 0., 0.],\n" + "        [0., 0., 0.,  ..., 0., 0., 0.],\n" * 2 + "        ...,\n"
     + "        [0., 0., 0.,  ..., 0., 0., 0.],\n" * 2 + "        [0., 0., 0.,  ..., 0., 0., 0.]])"),
    (lambda: torch.arange(8.0).reshape(2, 2, 2),
     "tensor([[[0., 1.],\n         [2., 3.]],\n\n        [[4., 5.],\n         [6., 7.]]])"),
    (lambda: torch.arange(20.0) / 7,
     "tensor([0.0000, 0.1429, 0.2857, 0.4286, 0.5714, 0.7143, 0.8571, 1.0000, 1.1429,\n"
     "        1.2857, 1.4286, 1.5714, 1.7143, 1.8571, 2.0000, 2.1429, 2.2857, 2.4286,\n"
     "        2.5714, 2.7143])"),
    (lambda: torch.tensor([[0.5, -1.25]], requires_grad=True).sum(dim=1), "tensor([-0.7500], grad_fn=<SumBackward0>)"),
]


@pytest.mark.parametrize("make, text", PRINTED)
def test_repr(make, text):
    assert repr(make()).replace("rustorch.", "torch.") == text


def test_repr_of_long_suffix_breaks_the_line():
    x = torch.arange(18, dtype=torch.int32)
    assert repr(x) == "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17],\n       dtype=rustorch.int32)"


def test_printoptions():
    try:
        torch.set_printoptions(precision=2)
        assert repr(torch.tensor([1.234])) == "tensor([1.23])"
        torch.set_printoptions(sci_mode=True)
        assert repr(torch.tensor([1.234])) == "tensor([1.23e+00])"
        torch.set_printoptions(profile="default", threshold=3, edgeitems=1)
        assert repr(torch.arange(4)) == "tensor([0,  ..., 3])"
        with pytest.raises(ValueError):
            torch.set_printoptions(profile="loud")
    finally:
        torch.set_printoptions(profile="default")


def test_repr_of_subclass_and_parameter():
    class Mine(torch.Tensor):
        pass

    assert repr(Mine([1.0])) == "Mine([1.])"
    words = "Parameter containing:\ntensor([1., 1.], requires_grad=True)"
    assert repr(torch._C._make_parameter(torch.ones(2))) == repr(torch.nn.Parameter(torch.ones(2))) == words
    assert str(torch.nn.Parameter(torch.ones(2))) == words and repr(torch.nn.UninitializedParameter()) == "<UninitializedParameter>"


def test_named_tuples_print_and_pickle():
    values, indices = result = torch.tensor([[1.0, 3.0], [4.0, 2.0]]).max(dim=1)
    assert result.values is values and result[1] is indices and values.tolist() == [3, 4] and indices.tolist() == [1, 0]
    assert repr(result) == "rustorch.return_types.max(\nvalues=tensor([3., 4.]),\nindices=tensor([1, 0]))"
    again = pickle.loads(pickle.dumps(result))
    assert type(again) is type(result) is torch.return_types.max and again.values.tolist() == [3, 4]


# ------------------------------------------------------------------------------------------ copies


def test_copy_and_deepcopy():
    x = torch.arange(4.0).reshape(2, 2).t()
    x.label = ["a"]
    shallow, deep = copy.copy(x), copy.deepcopy(x)
    assert shallow.data_ptr() == x.data_ptr() and shallow.label is x.label
    assert deep.data_ptr() != x.data_ptr() and deep.tolist() == x.tolist() and deep.label == ["a"] and deep.label is not x.label
    p = torch.ones(2, requires_grad=True)
    (p * 3).sum().backward()
    a, b = copy.deepcopy([p, p])
    assert a is b and a.requires_grad and a.grad.tolist() == [3, 3] and a.grad is not p.grad
    with pytest.raises(RuntimeError, match="leaves"):
        copy.deepcopy(p * 2)


def test_pickle():
    for dtype in ("bool", "uint8", "int64", "float16", "bfloat16", "float32"):
        x = torch.tensor([[0, 1], [1, 0]], dtype=dtype).t()
        y = pickle.loads(pickle.dumps(x))
        assert y.dtype == x.dtype and y.tolist() == x.tolist() and y.shape == x.shape
    p = torch._C._make_parameter(torch.ones(2))
    p.tag = 3
    q = pickle.loads(pickle.dumps(p))
    assert torch._C._is_parameter(q) and q.requires_grad and q.tag == 3 and q.is_leaf
    assert pickle.loads(pickle.dumps(torch.relu)) is torch.relu
    assert pickle.loads(pickle.dumps(torch.Tensor.relu)) is torch.Tensor.relu
    function, args, *_ = torch.ones(2).__reduce_ex__(2)
    with pytest.raises(ValueError):
        function(args[0], args[1], torch.Size([3]), *args[3:])


# ------------------------------------------------------------------------------------------ objects and their tensors


class Sub(torch.Tensor):
    pass


def test_one_object_for_one_tensor():
    p = torch.ones(2, requires_grad=True)
    (p * p).sum().backward()
    assert p.grad is p.grad and p.add_ is not None and p.detach().add_(0).relu_().requires_grad is False
    x = torch.zeros(2)
    assert x.add_(1) is x and x.view(2) is not x


def test_attributes_survive_while_the_engine_holds_the_tensor():
    p = torch.ones(2, requires_grad=True)
    (p * p).sum().backward()
    p.grad.tag = "kept"
    gc.collect()
    assert p.grad.tag == "kept"
    seen = weakref.ref(p.grad)
    gc.collect()
    assert seen() is p.grad
    p.grad = None
    gc.collect()
    assert seen() is None


def test_subclass_lives_with_the_tape():
    leaf = Sub([1.0, 2.0])
    leaf.requires_grad_()
    leaf.tag = "x"
    y = (leaf * leaf).sum()
    seen = weakref.ref(leaf)
    del leaf
    gc.collect()
    assert type(seen()) is Sub and seen().tag == "x"
    del y
    gc.collect()
    assert seen() is None


def test_no_reference_is_lost_or_leaked():
    before = sys.getrefcount(Sub)
    for _ in range(200):
        a = Sub([1.0, 2.0])
        a.requires_grad_()
        a.tag = 1
        b = a * 2
        del a
        del b
    gc.collect()
    assert abs(sys.getrefcount(Sub) - before) <= 2
    fresh = [torch.ones(1) for _ in range(200)]
    assert not any(vars(t) for t in fresh)


def test_cycles_are_collected():
    a = torch.ones(2)
    a.me = a
    seen = weakref.ref(a)
    del a
    gc.collect()
    assert seen() is None
    leaf = torch.ones(2, requires_grad=True)
    out = leaf * 2
    out.register_hook(lambda grad, out=out: None)
    seen = weakref.ref(out)
    del out
    gc.collect()
    assert seen() is None


def test_subclasses():
    x = torch.ones(2).as_subclass(Sub)
    assert type(x) is Sub and type(x + 1) is torch.Tensor and type(x.add_(1)) is Sub and type(x[0]) is torch.Tensor

    class WithInit(torch.Tensor):
        def __new__(cls, data, scale=1):
            return torch.Tensor._make_subclass(cls, torch.tensor(data), True)

        def __init__(self, data, scale=1):
            self.scale = scale

    y = WithInit([1.0, 2.0], scale=5)
    assert y.scale == 5 and y.requires_grad and isinstance(y, torch.Tensor)
    again = pickle.loads(pickle.dumps(x))
    assert type(again) is Sub
    with pytest.raises(TypeError):
        torch.ones(2).as_subclass(int)


def test_methods_are_functions_without_binding():
    assert torch.Tensor.relu(torch.tensor([-1.0, 1.0])).tolist() == [0, 1]
    assert [*map(torch.Tensor.sum, [torch.ones(3)])][0].item() == 3

    class Net:
        act = torch.relu

    assert Net().act(torch.tensor([-1.0])).item() == 0
    bound = torch.ones(2).add
    assert bound(1).tolist() == [2, 2]
    assert "other" in inspect.signature(torch.add).parameters and "self" in inspect.signature(torch.Tensor.add).parameters
    assert torch.relu.__name__ == "relu" and "relu" in torch.relu.__doc__ and callable(torch.Tensor.view)


def test_threads_share_the_interpreter():
    sums = []

    def work():
        for _ in range(50):
            sums.append((torch.ones(200, 200) + 1).sum().item())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sums == [80000] * 200


# ------------------------------------------------------------------------------------------ the package


def test_lazy_names_and_dir():
    assert "FloatTensor" in dir(torch) and "nn" in dir(torch) and torch.finfo(torch.float16).max == 65504
    assert torch.iinfo("int8" and torch.int8).min == -128 and torch.inf == float("inf")
    with pytest.raises(AttributeError):
        torch.no_such_name
    with pytest.raises(TypeError):
        torch.finfo(torch.int32)
    assert torch.cuda.is_available() in (True, False) and torch.cuda.device(0) == torch.device("cuda:0")


def test_default_dtype():
    try:
        torch.set_default_dtype(torch.float64)
        assert torch.tensor(1.0).dtype is torch.float64 and torch.zeros(1).dtype is torch.get_default_dtype() is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    with pytest.raises(TypeError):
        torch.set_default_dtype(torch.int32)
    assert torch.promote_types(torch.int64, torch.float16) is torch.float16 and not torch.can_cast(torch.float32, torch.int64)
    assert torch.result_type(torch.zeros(1, dtype=torch.int32), 1.5) is torch.float32
