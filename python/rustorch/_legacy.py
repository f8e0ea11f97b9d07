"""FloatTensor, LongTensor, …: the constructors of old PyTorch scripts, still found in many."""

from . import _C


class _Legacy(type):
    """`isinstance(x, rustorch.LongTensor)` asks for the dtype."""

    def __instancecheck__(cls, instance):
        return isinstance(instance, _C.Tensor) and instance.dtype is cls.dtype and instance.is_cpu

    def __call__(cls, *args):
        if len(args) == 1 and not isinstance(args[0], (int, _C.Size)):
            return _C.Tensor(args[0], dtype=cls.dtype)
        return _C.Tensor(*args, dtype=cls.dtype)


class _OnGpu(_Legacy):
    """The same on a GPU; without one nothing is an instance, and nothing can be made."""

    def __instancecheck__(cls, instance):
        return isinstance(instance, _C.Tensor) and instance.dtype is cls.dtype and instance.is_cuda

    def __call__(cls, *args):
        return super().__call__(*args).cuda()


def _make(name, dtype):
    doc = f"{name}(2, 3) is uninitialised memory of that shape, {name}(data) the data, as {dtype()}.\n\n"
    doc += f">>> rustorch.{name}([1, 0]).dtype\n{dtype!r}\n"
    return _Legacy(name, (), {"dtype": dtype, "__doc__": doc, "__module__": "rustorch"})


FloatTensor = _make("FloatTensor", _C.float32)
DoubleTensor = _make("DoubleTensor", _C.float64)
HalfTensor = _make("HalfTensor", _C.float16)
BFloat16Tensor = _make("BFloat16Tensor", _C.bfloat16)
LongTensor = _make("LongTensor", _C.int64)
IntTensor = _make("IntTensor", _C.int32)
ShortTensor = _make("ShortTensor", _C.int16)
CharTensor = _make("CharTensor", _C.int8)
ByteTensor = _make("ByteTensor", _C.uint8)
BoolTensor = _make("BoolTensor", _C.bool)


def _on_gpu(name, kind):
    doc = f"On a GPU: {kind.__doc__.partition(chr(10))[0]}\n\n>>> isinstance(rustorch.{name}([1]), rustorch.cuda.{name})\nFalse\n"
    return _OnGpu(name, (), {"dtype": kind.dtype, "__doc__": doc, "__module__": "rustorch.cuda"})


cuda_types = {name: _on_gpu(name, kind) for name, kind in list(globals().items()) if isinstance(kind, _Legacy)}


class PyDevice:
    """The API reference's name of :class:`rustorch.device`, with a function for each kind.

    >>> import rustorch
    >>> rustorch.PyDevice.cpu()
    device(type='cpu')
    """

    def __new__(cls, *args, **kwargs):
        return _C.device(*args, **kwargs)

    @staticmethod
    def cpu():
        """The CPU."""
        return _C.device("cpu")

    @staticmethod
    def cuda(index=0):
        """A GPU by its number. Moving a tensor there needs one: without it that is a DeviceError."""
        return _C.device("cuda", index)
