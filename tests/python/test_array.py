"""Tensors from Python data and arrays, and back: rustorch.tensor, NumPy, buffers, DLPack."""

import array
import ctypes
import gc
import struct
import sys
import warnings
import weakref

import numpy as np
import pytest

import rustorch as rt

NUMPY_DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]


# rustorch.tensor ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data, dtype",
    [
        (1, rt.int64),
        (1.5, rt.float32),
        (True, rt.bool),
        ([1, 2, 3], rt.int64),
        ([1.0, 2, True], rt.float32),
        ([True, 2], rt.int64),
        ([[True, False]], rt.bool),
        ([], rt.float32),
        ([[], []], rt.float32),
        (np.float64(2.5), rt.float64),
        ([np.float64(2.5), 1], rt.float64),
        ([np.int8(1), np.int16(2)], rt.int16),
        ([np.float16(1), 2.0], rt.float32),
        (np.bool_(True), rt.bool),
        (((1, 2), (3, 4)), rt.int64),
        (range(3), rt.int64),
        ([range(2), (3, 4)], rt.int64),
        (np.arange(3, dtype=np.int16), rt.int16),
        ([np.arange(3.0), np.arange(3.0)], rt.float64),
    ],
)
def test_tensor_dtype_and_values(data, dtype):
    x = rt.tensor(data)
    assert x.dtype == dtype
    expected = np.array(data if not isinstance(data, range) else list(data))
    assert tuple(x.shape) == expected.shape
    np.testing.assert_array_equal(x.numpy(), expected.astype(x.numpy().dtype))


def test_tensor_of_tensors():
    x = rt.tensor([rt.tensor(1.0), rt.tensor(2.0)])
    assert x.tolist() == [1.0, 2.0] and x.dtype == rt.float32
    y = rt.tensor([rt.tensor([1, 2]), rt.tensor([3, 4])])
    assert y.tolist() == [[1, 2], [3, 4]] and y.dtype == rt.int64
    z = rt.tensor([rt.tensor([1.5], dtype=rt.bfloat16), [2]])
    assert z.tolist() == [[1.5], [2.0]]
    assert rt.tensor([rt.tensor([1.0], requires_grad=True)]).requires_grad is False


@pytest.mark.parametrize("dtype", [getattr(rt, name) for name in NUMPY_DTYPES] + [rt.bfloat16])
def test_tensor_with_dtype(dtype):
    x = rt.tensor([[0, 1], [1, 0]], dtype=dtype)
    assert x.dtype == dtype and x.tolist() == [[0, 1], [1, 0]]
    assert rt.tensor([0.0, 1.0], dtype=dtype).tolist() == [0, 1]
    assert rt.tensor(np.array([0, 1], dtype=np.int32), dtype=dtype).tolist() == [0, 1]
    assert rt.tensor([], dtype=dtype).shape == (0,)


def test_tensor_rounds_and_truncates():
    assert rt.tensor([1.9, -1.9], dtype=rt.int32).tolist() == [1, -1]
    assert rt.tensor([-1, 255], dtype=rt.uint8).tolist() == [255, 255]
    assert rt.tensor([float("nan"), 0.5], dtype=rt.bool).tolist() == [True, True]
    assert rt.tensor(2**70, dtype=rt.float64).item() == 2.0**70
    assert rt.tensor([1.0009765625], dtype=rt.bfloat16).item() == 1.0


@pytest.mark.parametrize(
    "data, dtype", [(2**70, None), ([300], rt.uint8), ([-129], rt.int8), ([1e30], rt.int32), ([2**31], rt.int32), ([float("nan")], rt.int64)]
)
def test_tensor_overflow(data, dtype):
    with pytest.raises(ValueError, match="without overflow"):
        rt.tensor(data, dtype=dtype)


@pytest.mark.parametrize(
    "data, message",
    [
        ([[1, 2], [3]], r"expected sequence of length 2 at dim 1 \(got 1\) at data\[1\]"),
        ([[[1], [2]], [[3], [4, 5]]], r"length 1 at dim 2 \(got 2\) at data\[1\]\[1\]"),
        ([[1, 2], 3], r"length 2 at dim 1 \(got int\) at data\[1\]"),
        ([1, [2]], r"expected a number at data\[1\]"),
        ([np.zeros(2), np.zeros(3)], r"length 2 at dim 1"),
    ],
)
def test_ragged(data, message):
    with pytest.raises(ValueError, match=message):
        rt.tensor(data)
    with pytest.raises(rt.ShapeError):
        rt.tensor(data)


@pytest.mark.parametrize("data", ["abc", ["abc"], None, [None], [1, "a"], object(), {1: 2}, {1, 2}, 1j, [1j]])
def test_not_numbers(data):
    with pytest.raises(TypeError):
        rt.tensor(data)
    with pytest.raises(TypeError):
        rt.tensor(data, dtype=rt.float32)


def test_nested_too_deep():
    data = 1
    for _ in range(16):
        data = [data]
    assert rt.tensor(data).dim() == 16
    with pytest.raises(ValueError, match="deeper"):
        rt.tensor([data])
    itself = []
    itself.append(itself)
    with pytest.raises(ValueError, match="deeper"):
        rt.tensor(itself)


def test_list_that_shrinks_while_it_is_read():
    class Shrinks:
        def __init__(self, data):
            self.data = data

        def __float__(self):
            self.data.clear()
            return 1.0

    data = []
    data.extend([1.0, Shrinks(data), 3.0])
    with pytest.raises(RuntimeError, match="shorter"):
        rt.tensor(data, dtype=rt.float32)


def test_large_list():
    n = 300_000
    values = [float(i) for i in range(n)]
    np.testing.assert_array_equal(rt.tensor(values).numpy(), np.arange(n, dtype=np.float32))
    np.testing.assert_array_equal(rt.tensor(list(range(n))).numpy(), np.arange(n))


def test_tensor_of_tensor_warns_and_copies():
    x = rt.tensor([1.0, 2.0])
    with pytest.warns(UserWarning, match="sourceTensor"):
        y = rt.tensor(x)
    y.add_(1)
    assert x.tolist() == [1.0, 2.0]


def test_tensor_options():
    x = rt.tensor([1.0], requires_grad=True)
    assert x.requires_grad and x.is_leaf
    assert rt.tensor([1.0], device="cpu").device.type == "cpu"
    with pytest.raises(RuntimeError):
        rt.tensor([1], requires_grad=True)
    with pytest.raises(rt.RusTorchError):
        rt.tensor([1.0], pin_memory=True)
    with pytest.raises(TypeError):
        rt.tensor([1.0], rt.float32)
    with pytest.raises(TypeError):
        rt.tensor([1.0], nonsense=1)
    with pytest.raises(TypeError):
        rt.tensor()
    with pytest.raises(rt.DeviceError):
        rt.tensor([1.0], device="cuda:0")


def test_tensor_copies_any_array():
    a = np.arange(12, dtype=">i4").reshape(3, 4)
    assert rt.tensor(a).tolist() == a.tolist()
    b = np.zeros(3, dtype=[("x", "i1"), ("y", "f8")])
    b["y"] = [1, 2, 3]
    assert rt.tensor(b["y"]).tolist() == [1, 2, 3]  # not aligned
    assert rt.tensor(np.arange(6)[::-2]).tolist() == [5, 3, 1]
    assert rt.tensor(np.array(7)).shape == ()
    assert rt.tensor(np.array([1, 2], dtype=np.uint32), dtype=rt.int64).tolist() == [1, 2]
    with pytest.raises(rt.TensorError):
        rt.tensor(np.array([1], dtype=np.uint32))
    with pytest.raises(rt.TensorError):
        rt.tensor(np.array(["a"]))
    with pytest.raises(rt.TensorError):
        rt.tensor(np.array([object()]), dtype=rt.float32)


def test_array_interfaces_are_used():
    class Image:
        __array_interface__ = np.arange(4, dtype=np.uint8).reshape(2, 2).__array_interface__

    assert rt.tensor(Image()).tolist() == [[0, 1], [2, 3]]

    class Series:
        def __array__(self, dtype=None, copy=None):
            return np.arange(3.0)

    assert rt.tensor(Series()).dtype == rt.float64


# from_numpy and numpy ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NUMPY_DTYPES)
def test_from_numpy_shares_both_ways(name):
    a = np.zeros((2, 3), dtype=name)
    t = rt.from_numpy(a)
    assert t.dtype == getattr(rt, name) and tuple(t.shape) == (2, 3)
    a[1, 2] = 1
    assert t[1, 2].item() == 1
    t[0, 0] = 1
    assert a[0, 0] == 1
    b = t.numpy()
    assert b.dtype == a.dtype
    b[0, 1] = 1
    assert a[0, 1] == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda a: a[::-1],
        lambda a: a[:, ::-2],
        lambda a: a.T,
        lambda a: np.broadcast_to(a[:, :1], (3, 4)),
        lambda a: a[1:2, 2:],
        lambda a: a[0, 0, ...],
        lambda a: a[:0],
        lambda a: a[..., None],
        lambda a: np.lib.stride_tricks.sliding_window_view(a, 2, 1),
    ],
)
def test_from_numpy_strides(make):
    a = make(np.arange(12.0).reshape(3, 4).copy())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        t = rt.from_numpy(a) if isinstance(a, np.ndarray) else rt.from_numpy(np.asarray(a))
    np.testing.assert_array_equal(t.numpy(), a)
    np.testing.assert_array_equal((t + 1).numpy(), a + 1)
    np.testing.assert_array_equal(t.contiguous().numpy(), a)
    np.testing.assert_array_equal(t.clone().numpy(), a)
    assert t.tolist() == a.tolist()
    np.testing.assert_array_equal(np.from_dlpack(t) if a.size else a, a)


def test_from_numpy_refuses():
    with pytest.raises(TypeError, match="expected np.ndarray"):
        rt.from_numpy([1, 2])
    for bad in (
        np.arange(3, dtype=">f4"),
        np.zeros(3, dtype=np.uint32),
        np.zeros(3, dtype=np.complex64),
        np.array(["a"]),
        np.array([object()]),
        np.zeros(3, dtype="M8[s]"),
        np.zeros(3, dtype=[("x", "i1"), ("y", "f8")])["y"],  # neither aligned nor a whole stride
        np.frombuffer(bytearray(17), dtype=np.uint8)[1:].view(np.float64),
        np.zeros(3, dtype=[("x", "f8"), ("y", "f4")])["x"],  # stride 12
        np.zeros((1,) * 17),
    ):
        with pytest.raises(rt.TensorError):
            rt.from_numpy(bad)


def test_readonly_array_warns_once():
    code = (
        "import numpy, rustorch, warnings\n"
        "a = numpy.zeros(3); a.flags.writeable = False\n"
        "with warnings.catch_warnings(record=True) as seen:\n"
        "    warnings.simplefilter('always')\n"
        "    rustorch.from_numpy(a); rustorch.from_numpy(a)\n"
        "assert len(seen) == 1 and 'not writable' in str(seen[0].message), seen\n"
    )
    import subprocess

    subprocess.run([sys.executable, "-c", code], check=True)


def test_lifetimes():
    a = np.ones(1000)
    alive = weakref.ref(a)
    t = rt.from_numpy(a)
    view = t[10:]
    del a, t
    gc.collect()
    assert alive() is not None and view.sum().item() == 990
    del view
    gc.collect()
    assert alive() is None
    b = rt.ones(1000).numpy()
    gc.collect()
    assert b.sum() == 1000
    t = rt.ones(4)
    b = t.numpy()
    t.data = rt.zeros(4)  # the array keeps the storage it was made of
    assert b.sum() == 4 and t.sum().item() == 0


def test_numpy_needs_detach():
    x = rt.tensor([1.0], requires_grad=True)
    with pytest.raises(RuntimeError, match=r"Use tensor.detach\(\).numpy\(\) instead"):
        x.numpy()
    with pytest.raises(RuntimeError, match="requires grad"):
        np.asarray(x)
    for a in (x.detach().numpy(), x.to_numpy(), x.numpy(force=True)):
        a[0] += 1
    assert x.item() == 4.0
    with pytest.raises(TypeError):
        x.numpy(1)


def test_bfloat16_to_numpy():
    x = rt.tensor([1.0, 2.5], dtype=rt.bfloat16)
    try:
        import ml_dtypes
    except ImportError:
        with pytest.raises(TypeError, match="ml_dtypes"):
            x.numpy()
        return
    assert x.numpy().dtype == ml_dtypes.bfloat16 and x.numpy().tolist() == [1.0, 2.5]
    assert rt.from_numpy(x.numpy()).dtype == rt.bfloat16


def test_array_protocol():
    x = rt.tensor([[1.0, 2.0]])
    a = np.asarray(x)
    a[0, 0] = 5
    assert x[0, 0].item() == 5
    assert np.asarray(x, dtype=np.float64).dtype == np.float64
    assert np.array(x, copy=True).base is None
    b = np.array(x)
    b[0, 0] = 7
    assert x[0, 0].item() == 5
    np.testing.assert_array_equal(x.__array__(np.int32), [[5, 2]])
    with pytest.raises(ValueError, match="copy"):
        x.__array__(np.float64, copy=False)
    assert x.__array__(copy=False).base is not None
    interface = x.__array_interface__
    assert interface["shape"] == (1, 2) and interface["typestr"] == np.dtype("f4").str and interface["version"] == 3
    assert x.__array_priority__ == 1000
    assert isinstance(np.sqrt(x), (rt.Tensor, np.ndarray))
    assert np.array([rt.tensor(1.0), rt.tensor(2.0)]).tolist() == [1.0, 2.0]


# as_tensor, asarray, frombuffer ------------------------------------------------------------------------------------


def test_as_tensor():
    x = rt.tensor([1.0, 2.0], requires_grad=True)
    assert rt.as_tensor(x) is x and rt.as_tensor(x, dtype=rt.float32) is x
    y = rt.as_tensor(x, rt.float64)
    assert y.dtype == rt.float64 and y.requires_grad
    a = np.zeros(3)
    rt.as_tensor(a)[0] = 1
    assert a[0] == 1
    rt.as_tensor(a, dtype=rt.float32)[1] = 1
    assert a[1] == 0
    assert rt.as_tensor([1, 2]).dtype == rt.int64
    assert rt.as_tensor(np.arange(3, dtype=">f4")).tolist() == [0, 1, 2]  # cannot be shared: copied
    assert rt.as_tensor(3.5).item() == 3.5


def test_asarray():
    a = np.zeros(3, dtype=np.float32)
    t = rt.asarray(a)
    t[0] = 1
    assert a[0] == 1
    rt.asarray(a, copy=True)[1] = 1
    assert a[1] == 0
    with pytest.raises(ValueError):
        rt.asarray(a, dtype=rt.float64, copy=False)
    with pytest.raises(ValueError):
        rt.asarray([1, 2], copy=False)
    assert rt.asarray([1, 2]).tolist() == [1, 2]
    x = rt.tensor([1.0])
    assert rt.asarray(x) is x
    assert rt.asarray(x, requires_grad=True).requires_grad and not x.requires_grad
    g = rt.tensor([1.0], requires_grad=True)
    assert not rt.asarray(g).requires_grad and rt.asarray(g, requires_grad=True) is g
    b = bytearray(np.arange(2, dtype=np.float32).tobytes())
    assert rt.asarray(b).tolist() == [0, 1]
    assert rt.asarray(b, dtype=rt.uint8).numel() == 8


def test_frombuffer():
    b = bytearray(np.arange(4, dtype=np.int32).tobytes())
    t = rt.frombuffer(b, dtype=rt.int32)
    t[0] = 7
    assert np.frombuffer(b, dtype=np.int32)[0] == 7
    with pytest.raises(BufferError):
        b.append(1)  # the buffer is in use
    assert rt.frombuffer(b, dtype=rt.int32, count=2, offset=4).tolist() == [1, 2]
    assert rt.frombuffer(array.array("d", [1.0, 2.0]), dtype=rt.float64).tolist() == [1, 2]
    assert rt.frombuffer(memoryview(b), dtype=rt.uint8, requires_grad=False).numel() == 16
    for bad in (
        dict(offset=-1),
        dict(offset=16),
        dict(offset=3),
        dict(count=5),
        dict(count=0),
        dict(count=-2),
        dict(offset=2, count=1),
        dict(offset=4, count=2**62),
    ):
        with pytest.raises(ValueError):
            rt.frombuffer(b, dtype=rt.int32, **bad)
    with pytest.raises(ValueError):
        rt.frombuffer(bytearray(), dtype=rt.int32)
    with pytest.raises(TypeError):
        rt.frombuffer(3, dtype=rt.int32)
    with pytest.raises(TypeError):
        rt.frombuffer(b)
    del t
    gc.collect()


# The buffer protocol -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NUMPY_DTYPES)
def test_memoryview(name):
    x = rt.tensor([[0, 1], [1, 0], [1, 1]], dtype=getattr(rt, name))
    view = memoryview(x)
    assert view.shape == (3, 2) and view.itemsize == x.element_size() and not view.readonly
    np.testing.assert_array_equal(np.asarray(view), x.numpy())
    assert memoryview(x.t()).strides == (x.element_size(), 2 * x.element_size())
    assert bytes(x) == x.numpy().tobytes()


def test_buffer_refusals():
    with pytest.raises(BufferError):
        memoryview(rt.tensor([1.0], requires_grad=True))
    with pytest.raises(BufferError):
        memoryview(rt.tensor([1.0], dtype=rt.bfloat16))
    with pytest.raises(BufferError):
        struct.unpack_from("f", rt.zeros(2, 2).t()[:1])  # asks for bytes without gaps
    buffer = (ctypes.c_float * 4).from_buffer(x := rt.zeros(2, 2))
    buffer[3] = 2.0
    assert x[1, 1].item() == 2
    x.data = rt.zeros(3)  # the buffer keeps what it was made of
    buffer[0] = 1.0


# DLPack ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NUMPY_DTYPES)
def test_dlpack_with_numpy(name):
    x = rt.tensor([[0, 1], [1, 0], [1, 1]], dtype=getattr(rt, name))
    a = np.from_dlpack(x)
    assert a.dtype == name
    np.testing.assert_array_equal(a, x.numpy())
    back = rt.from_dlpack(np.array([[0, 1]], dtype=name))
    assert back.dtype == x.dtype and back.tolist() == [[0, 1]]
    np.testing.assert_array_equal(np.from_dlpack(x.t()), x.numpy().T)


def test_dlpack_shares():
    x = rt.zeros(3)
    y = rt.from_dlpack(x)
    y[1] = 2
    assert x[1].item() == 2
    a = np.zeros((2, 3))
    t = rt.from_dlpack(a[:, ::-1])
    t[0, 0] = 1
    assert a[0, 2] == 1
    alive = weakref.ref(a)
    del a
    gc.collect()
    assert alive() is not None and t[0, 0].item() == 1
    del t
    gc.collect()
    assert alive() is None


def test_dlpack_capsules():
    x = rt.arange(3)
    assert x.__dlpack_device__() == (1, 0)
    for capsule in (x.__dlpack__(), x.__dlpack__(max_version=(1, 0)), rt.to_dlpack(x)):
        assert rt.from_dlpack(capsule).tolist() == [0, 1, 2]
        with pytest.raises(ValueError, match="once"):
            rt.from_dlpack(capsule)
    del capsule
    x.__dlpack__()  # never used: frees itself
    x.__dlpack__(max_version=(1, 1))
    copied = rt.from_dlpack(x.__dlpack__(copy=True))
    copied[0] = 5
    assert x[0].item() == 0
    assert rt.from_dlpack(x, copy=True).tolist() == [0, 1, 2]
    assert rt.from_dlpack(rt.tensor([1.5], dtype=rt.bfloat16)).item() == 1.5
    assert rt.from_dlpack(rt.zeros(0, 3)).shape == (0, 3)
    assert rt.from_dlpack(rt.tensor(2.0)).item() == 2


def test_dlpack_refusals():
    with pytest.raises(BufferError):
        rt.tensor([1.0], requires_grad=True).__dlpack__()
    with pytest.raises(BufferError):
        rt.zeros(1).__dlpack__(stream=1)
    with pytest.raises(BufferError):
        rt.zeros(1).__dlpack__(dl_device=(2, 0))
    with pytest.raises(TypeError):
        rt.zeros(1).__dlpack__(max_version=1)
    with pytest.raises(TypeError):
        rt.from_dlpack([1, 2])
    with pytest.raises(rt.TensorError):
        rt.from_dlpack(np.zeros(2, dtype=np.uint32))
    with pytest.raises(rt.TensorError):
        rt.from_dlpack(np.zeros(2, dtype=np.complex64))

    class Old:  # from before versions
        def __init__(self, x):
            self.x = x

        def __dlpack__(self):
            return self.x.__dlpack__()

        def __dlpack_device__(self):
            return (1, 0)

    assert rt.from_dlpack(Old(rt.arange(2))).tolist() == [0, 1]

    class Wrong:
        def __dlpack__(self, **kwargs):
            return 3

    with pytest.raises(TypeError):
        rt.from_dlpack(Wrong())


@pytest.mark.skipif("torch" not in sys.modules and __import__("importlib.util").util.find_spec("torch") is None, reason="PyTorch is not installed")
def test_dlpack_with_torch():
    torch = pytest.importorskip("torch")
    x = rt.arange(6).reshape(2, 3)
    y = torch.from_dlpack(x)
    y[0, 0] = 9
    assert x[0, 0].item() == 9
    assert rt.from_dlpack(torch.arange(4).reshape(2, 2).t()).tolist() == [[0, 2], [1, 3]]


# tolist ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [getattr(rt, name) for name in NUMPY_DTYPES] + [rt.bfloat16])
def test_tolist(dtype):
    x = rt.tensor([[0, 1, 1], [1, 0, 1]], dtype=dtype)
    assert x.tolist() == [[0, 1, 1], [1, 0, 1]]
    assert x.t().tolist() == [[0, 1], [1, 0], [1, 1]]
    assert x[0, 1].tolist() == 1
    assert type(x[0, 1].tolist()) is {"bool": bool}.get(dtype(), int if not dtype.is_floating_point else float)
    assert rt.tensor([], dtype=dtype).tolist() == []
    assert x.to_list() == x.tolist()
    if dtype.is_floating_point:
        assert x.requires_grad_().tolist() == [[0, 1, 1], [1, 0, 1]]
