"""The exceptions: their classes, and what their messages say."""

import errno
import pickle

import numpy as np
import pytest

import rustorch as torch


@pytest.mark.parametrize("cls, bases", [
    (torch.RusTorchError, (RuntimeError,)),
    (torch.TensorError, (torch.RusTorchError,)),
    (torch.ShapeError, (torch.TensorError, ValueError)),
    (torch.DtypeError, (torch.TensorError, TypeError)),
    (torch.ArgumentTypeError, (torch.TensorError, TypeError)),
    (torch.ArgumentValueError, (torch.TensorError, ValueError)),
    (torch.IndexOutOfRangeError, (torch.TensorError, IndexError)),
    (torch.DeviceError, (torch.RusTorchError,)),
    (torch.AutogradError, (torch.RusTorchError,)),
    (torch.SerializationError, (torch.RusTorchError,)),
    (torch.DistributedError, (torch.RusTorchError,)),
    (torch.PluginError, (torch.RusTorchError, ImportError)),
    (torch.UnsupportedError, (torch.RusTorchError, NotImplementedError)),
    (torch.OutOfMemoryError, (torch.RusTorchError, MemoryError)),
    (torch.SerializationOSError, (torch.SerializationError, OSError)),
    (torch.SerializationFileNotFoundError, (torch.SerializationError, FileNotFoundError)),
])
def test_classes(cls, bases):
    assert issubclass(cls, bases) and all(issubclass(cls, base) for base in bases)
    assert cls.__module__ == "rustorch" and cls.__doc__ and getattr(torch, cls.__name__) is cls
    error = pickle.loads(pickle.dumps(cls("what happened")))
    assert type(error) is cls and str(error) == "what happened"


def test_every_code_has_a_class():
    rows = torch._C._errors()
    assert len(rows) > 10 and all(sentence for _, _, sentence in rows)
    for code, cls, _ in rows:
        assert cls is None if code == "PYTHON" else issubclass(cls, torch.RusTorchError)


x = torch.ones(2, 3)

MESSAGES = [
    (lambda: x + torch.ones(2, 4), torch.ShapeError, ["(2, 3)", "(2, 4)", "dimension 1"]),
    (lambda: x.view(4), torch.ShapeError, ["view", "(4,)", "(2, 3)", "6 elements"]),
    (lambda: x @ torch.ones(2), torch.ShapeError, ["matmul", "(2, 3)", "(2,)"]),
    (lambda: x.sum(5), torch.IndexOutOfRangeError, ["sum", "[-2, 1]", "5"]),
    (lambda: x.size(2), torch.IndexOutOfRangeError, ["size", "[-2, 1]", "2"]),
    (lambda: torch.ones(2, dtype=torch.int64).add_(1.5), torch.DtypeError, ["add", "float32", "int64"]),
    (lambda: torch.zeros(2, dtype="float33"), torch.DtypeError, ["float33", "float32"]),
    (lambda: torch.zeros(10**15), torch.OutOfMemoryError, ["4000000000000000 bytes"]),
    (lambda: torch.zeros(2**40, 2**40), torch.OutOfMemoryError, ["63 bits"]),
    (lambda: torch.zeros(-1), torch.ShapeError, ["-1"]),
    (lambda: torch.zeros(10**30), torch.ArgumentValueError, ["64 bits"]),
    (lambda: torch.zeros([1] * 20), torch.ArgumentValueError, ["20", "16"]),
    (lambda: x.to("cuda"), torch.DeviceError, ["cuda:0", "not available"]),
    (lambda: torch.device("tpu"), torch.DeviceError, ["tpu", "cpu"]),
    (lambda: x.item(), torch.ArgumentValueError, ["6 elements"]),
    (lambda: bool(x), torch.ArgumentValueError, ["ambiguous", "any()"]),
    (lambda: x.backward(), torch.AutogradError, []),
    (lambda: (x.clone().requires_grad_() * 2).requires_grad_(False), torch.AutogradError, ["leaf"]),
    # The argument parser.
    (lambda: torch.add(x, "a"), torch.ArgumentTypeError, ["add()", "'other'", "position 2", "Tensor or a number", "not str"]),
    (lambda: x.add("a"), torch.ArgumentTypeError, ["'other'", "position 1", "not str"]),
    (lambda: torch.add(x), torch.ArgumentTypeError, ["add()", "missing", "'other'"]),
    (lambda: torch.relu(x, 1), torch.ArgumentTypeError, ["relu()", "1 positional argument", "2 were given"]),
    (lambda: x.relu(1), torch.ArgumentTypeError, ["0 positional arguments", "1 were given"]),
    (lambda: torch.relu(x, input=x), torch.ArgumentTypeError, ["multiple values"]),
    (lambda: x.sum(dimm=1), torch.ArgumentTypeError, ["'dimm'", "did you mean 'dim'"]),
    (lambda: x.sum(keepdims_=True), torch.ArgumentTypeError, ["did you mean 'keepdim'"]),
    (lambda: torch.relu(x, colour=1), torch.ArgumentTypeError, ["unexpected keyword argument 'colour'"]),
    (lambda: x.max("a"), torch.ArgumentTypeError, ["max() was given (str)", "max(int dim, bool keepdim=False, *, (Tensor, ...)? out=None) -> (values, indices)"]),
    (lambda: torch.cat([x, 1]), torch.ArgumentTypeError, ["'tensors'", "tuple or list of Tensors"]),
    (lambda: torch.relu(np.ones(2)), torch.ArgumentTypeError, ["numpy.ndarray", "from_numpy"]),
    (lambda: torch.relu([1.0]), torch.ArgumentTypeError, ["Tensor, not list of float"]),
    (lambda: torch.div(x, 2, rounding_mode="up"), torch.ArgumentValueError, ["rounding_mode", "'trunc', 'floor'", "'up'"]),
    (lambda: torch.zeros(2, dtype=3), torch.ArgumentTypeError, ["dtype"]),
    (lambda: torch.rand(2, generator=3), torch.ArgumentTypeError, ["generator", "rustorch.Generator"]),
    (lambda: torch.Tensor.relu(3), torch.ArgumentTypeError, ["Tensor.relu()"]),
    (lambda: x.transpose(0, 1.5), torch.ArgumentTypeError, ["'dim1'", "int", "float"]),
    (lambda: len(torch.tensor(1)), torch.ArgumentTypeError, ["0-d"]),
]


@pytest.mark.parametrize("call, cls, words", MESSAGES, ids=range(len(MESSAGES)))
def test_messages(call, cls, words):
    with pytest.raises(cls) as caught:
        call()
    assert type(caught.value) is cls
    for word in words:
        assert word in str(caught.value)


def test_an_error_leaves_nothing_behind():
    for _ in range(3):
        with pytest.raises(torch.ShapeError):
            x + torch.ones(5)
        assert (x + 1).sum().item() == 12
        with pytest.raises(TypeError):
            torch.add(x, object())


def test_oserror_has_its_number():
    error = torch.SerializationFileNotFoundError("no such file")
    error.errno = errno.ENOENT
    assert error.errno == errno.ENOENT and str(error) == "no such file" and isinstance(error, OSError)
