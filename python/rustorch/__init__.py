"""rustorch: tensors, automatic differentiation, neural networks and training on one or many processes.

The names, arguments and defaults are those of PyTorch 2.x: ``import rustorch as torch`` is the change a script needs.

Examples
--------
>>> import rustorch
>>> x = rustorch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([[2., 4.],
        [6., 8.]])
"""

import builtins as _builtins
import importlib as _importlib
import math as _math
import os as _os

from . import _C
from ._C import *  # noqa: F401,F403  (dtypes, Tensor, errors, constructors: see _C/__init__.pyi)
from ._C._ops import *  # noqa: F401,F403  (one function a row of the table of ops: see _C/_ops.pyi)
from ._C._ops import _scaled_dot_product_attention_math, _standard_gamma, _standard_gamma_grad  # noqa: F401  (PyTorch has these names)
from ._C import __version__, Tensor, Size, device, dtype  # noqa: F401
from ._info import finfo, iinfo  # noqa: F401
from .functional import *  # noqa: F401,F403  (functions written in ops: see functional.py)
from .autograd import enable_grad, inference_mode, is_inference_mode_enabled, no_grad, set_grad_enabled  # noqa: F401
from .random import get_rng_state, initial_seed, manual_seed, seed, set_rng_state  # noqa: F401

if _C._comm_expects_peers() and not {"RUSTORCH_RANK", "RUSTORCH_RANK_WARNED"} & set(_os.environ):
    from ._start import warn_if_apart as _warn_if_apart

    _warn_if_apart()

__author__ = "RusTorch Team"
__description__ = "Distributed training: a C engine, a Python package with PyTorch's names, an MPI launcher"

inf = _math.inf
nan = _math.nan
pi = _math.pi
e = _math.e
newaxis = None
legacy_contiguous_format = _C.contiguous_format
PyTensor = Tensor
SymInt, SymFloat, SymBool = _builtins.int, _builtins.float, _builtins.bool  # sizes are plain numbers: for annotations
__author__ = "The rustorch authors"
__description__ = "Tensors, automatic differentiation, neural networks and training on one or many processes."

# Imported when first asked for: `import rustorch` stays quick, and optional parts may be absent.
_MODULES = frozenset(
    """
    accelerator amp array_api autograd backends checkpoint compat compiler cpu cuda data distributed distributions fft func
    functional fx hub interop io jit linalg mps multiprocessing nn onnx optim profiler progress random return_types
    serialization special storage testing torch_version training utils version vision visualization xpu
    """.split()
)
_NAMES = {
    "Model": "training",
    "compile": "compiler",
    "save": "serialization",
    "load": "serialization",
    "from_torch": "interop",
    "to_torch": "interop",
    "set_printoptions": "_repr",
    "autocast": "amp",
    "GradScaler": "amp",
    "get_autocast_dtype": "amp.autocast_mode",
    "is_autocast_cache_enabled": "amp.autocast_mode",
    "is_autocast_enabled": "amp.autocast_mode",
    "set_autocast_cache_enabled": "amp.autocast_mode",
    "set_autocast_dtype": "amp.autocast_mode",
    "set_autocast_enabled": "amp.autocast_mode",
    "clear_autocast_cache": "amp.autocast_mode",
    "bartlett_window": "_windows",
    "blackman_window": "_windows",
    "hamming_window": "_windows",
    "hann_window": "_windows",
    "kaiser_window": "_windows",
    **dict.fromkeys(
        """
        cholesky_inverse cholesky_solve geqrf lu lu_solve lu_unpack matrix_exp orgqr ormqr triangular_solve
        """.split(),
        "_decompositions",
    ),
    **dict.fromkeys(
        """
        fill frobenius_norm get_device gradient nuclear_norm pca_lowrank repeat svd_lowrank unsafe_chunk unsafe_split
        unsafe_split_with_sizes as_strided_scatter
        """.split(),
        "_numeric",
    ),
    **dict.fromkeys(
        """
        get_deterministic_debug_mode get_num_interop_threads is_anomaly_check_nan_enabled is_anomaly_enabled is_warn_always_enabled
        set_anomaly_enabled set_deterministic_debug_mode set_flush_denormal set_num_interop_threads set_warn_always
        """.split(),
        "_settings",
    ),
    **dict.fromkeys("istft polar stft view_as_complex view_as_real".split(), "_absent"),
    "TypedStorage": "storage",
    "UntypedStorage": "storage",
    "get_device_module": "accelerator",
    "is_storage": "storage",
    "PyDevice": "_legacy",
    "vmap": "func",
    "FloatTensor": "_legacy",
    "DoubleTensor": "_legacy",
    "HalfTensor": "_legacy",
    "BFloat16Tensor": "_legacy",
    "LongTensor": "_legacy",
    "IntTensor": "_legacy",
    "ShortTensor": "_legacy",
    "CharTensor": "_legacy",
    "ByteTensor": "_legacy",
    "BoolTensor": "_legacy",
}
# Where a class of the API reference may be that is spelled with Py in front (PyLinear, PyAdam, PyDataLoader, …).
_HOMES = ("nn", "optim", "optim.lr_scheduler", "data", "data.transforms", "training", "distributed", "visualization", "utils", "autograd")


def _find_py_name(name):
    for home in _HOMES:
        try:
            module = _importlib.import_module("." + home, __name__)
        except ModuleNotFoundError as error:
            if error.name and error.name.startswith(__name__):
                continue
            raise
        if hasattr(module, name):
            return getattr(module, name)
    return None


# Functions of nn.functional that are also found here.
_OF_FUNCTIONAL = frozenset(
    """
    bilinear celu_ cosine_embedding_loss cosine_similarity ctc_loss hinge_embedding_loss margin_ranking_loss pairwise_distance
    poisson_nll_loss prelu rrelu rrelu_ selu_ threshold_ triplet_margin_loss
    """.split()
)


def __getattr__(name):
    found = None
    if name in _OF_FUNCTIONAL:
        found = getattr(_importlib.import_module(".nn.functional", __name__), name)
    if name in _MODULES:
        try:
            return _importlib.import_module("." + name, __name__)
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":
                raise
    if name in _NAMES:
        found = getattr(_importlib.import_module("." + _NAMES[name], __name__), name)
    elif name.startswith("_foreach_"):
        found = _importlib.import_module("._foreach", __name__).find(name)
    elif name.startswith("Py") and name[2:3].isupper():
        found = _find_py_name(name[2:])
    if found is None:
        from ._absent import why

        raise AttributeError(f"module 'rustorch' has no attribute '{name}'{why(name)}")
    globals()[name] = found
    return found


def __dir__():
    return _builtins.sorted({*globals(), *_MODULES, *_NAMES, *_OF_FUNCTIONAL})


def _tensor(function, input):
    """The tensor; an error if it is none."""
    if not isinstance(input, Tensor):
        raise ArgumentTypeError(f"{function}(): argument 'input' must be Tensor, not {type(input).__name__}")  # noqa: F405
    return input


def is_floating_point(input):
    """Is the dtype of the tensor a floating-point one?

    >>> rustorch.is_floating_point(rustorch.zeros(1))
    True
    """
    return _tensor("is_floating_point", input).is_floating_point()


def is_complex(input):
    """False: there are no complex dtypes.

    >>> rustorch.is_complex(rustorch.zeros(1))
    False
    """
    return _tensor("is_complex", input).is_complex()


def is_conj(input):
    """False: there are no complex numbers.

    >>> rustorch.is_conj(rustorch.zeros(1))
    False
    """
    _tensor("is_conj", input)
    return False


is_neg = is_distributed = is_conj


def is_inference(input):
    """Whether the tensor was made in inference mode.

    >>> rustorch.is_inference(rustorch.zeros(1))
    False
    """
    return _tensor("is_inference", input).is_inference()


def conj(input):
    """The tensor itself: there are no complex numbers.

    >>> rustorch.conj(rustorch.ones(1))
    tensor([1.])
    """
    return _tensor("conj", input)


real = resolve_conj = resolve_neg = conj


def is_nonzero(input):
    """Whether the one element of a tensor differs from 0.

    >>> rustorch.is_nonzero(rustorch.tensor([2]))
    True
    """
    return _tensor("is_nonzero", input).is_nonzero()


def is_same_size(input, other):
    """Whether two tensors have one shape.

    >>> rustorch.is_same_size(rustorch.zeros(2), rustorch.zeros(3))
    False
    """
    return _tensor("is_same_size", input).shape == _tensor("is_same_size", other).shape


def is_signed(input):
    """Can the dtype of a tensor represent negative values?

    >>> rustorch.is_signed(rustorch.zeros(1, dtype=rustorch.uint8))
    False
    """
    return _tensor("is_signed", input).is_signed()


def numel(input):
    """The number of elements of a tensor.

    >>> rustorch.numel(rustorch.zeros(2, 3))
    6
    """
    return _tensor("numel", input).numel()


def result_type(tensor1, tensor2):
    """The dtype of an operation on the two, each a tensor or a number.

    >>> rustorch.result_type(rustorch.zeros(2, dtype=rustorch.int32), 1.5)
    rustorch.float32
    """
    return _C._ops.add(*(x.new_zeros([1] * x.dim()) if is_tensor(x) else x for x in (tensor1, tensor2))).dtype  # noqa: F405


def typename(obj):
    """The full name of the type of an object.

    >>> rustorch.typename(rustorch.zeros(1)), rustorch.typename(1)
    ('rustorch.FloatTensor', 'int')
    """
    if isinstance(obj, Tensor):
        return obj.type()
    module = getattr(type(obj), "__module__", "")
    return type(obj).__qualname__ if module in ("", "builtins") else module + "." + type(obj).__qualname__


def show_config():
    """Print what rustorch was built with and found: versions, instruction set, BLAS, plug-ins.

    >>> rustorch.show_config()
    rustorch ...
    compiler: ...
    settings: ...
    """
    print(_C.config_text())


def use_deterministic_algorithms(mode, *, warn_only=False):
    """Every operation gives the same bits for the same input and thread count; there is nothing to switch on or off.

    Parameters
    ----------
    mode, warn_only : bool
        Kept for :func:`get_deterministic_debug_mode`: there are no other algorithms, and nothing ever has to be warned of.

    >>> rustorch.use_deterministic_algorithms(True, warn_only=True)
    >>> rustorch.is_deterministic_algorithms_warn_only_enabled()
    True
    >>> rustorch.use_deterministic_algorithms(False)
    """
    if not isinstance(mode, _builtins.bool):
        raise ArgumentTypeError(f"use_deterministic_algorithms: mode must be a bool, not {type(mode).__name__}")  # noqa: F405
    from ._settings import set_deterministic_debug_mode

    set_deterministic_debug_mode((1 if warn_only else 2) if mode else 0)


def are_deterministic_algorithms_enabled():
    """True: every operation is deterministic.

    >>> rustorch.are_deterministic_algorithms_enabled()
    True
    """
    return True


def is_deterministic_algorithms_warn_only_enabled():
    """Whether :func:`use_deterministic_algorithms` was told to warn only; there never is anything to warn of.

    >>> rustorch.is_deterministic_algorithms_warn_only_enabled()
    False
    """
    from ._settings import get_deterministic_debug_mode

    return get_deterministic_debug_mode() == 1


def set_default_tensor_type(t):
    """Let new floats be of the dtype of a class of tensors, such as ``rustorch.DoubleTensor`` or its name.

    Raises
    ------
    TypeError
        It is no class of floating-point tensors.

    >>> rustorch.set_default_tensor_type(rustorch.DoubleTensor)
    >>> rustorch.zeros(1).dtype
    rustorch.float64
    >>> rustorch.set_default_tensor_type("torch.FloatTensor")
    """
    name = t if isinstance(t, str) else getattr(t, "__name__", "")
    found = {"FloatTensor": float32, "DoubleTensor": float64, "HalfTensor": float16, "BFloat16Tensor": bfloat16}.get(name.split(".")[-1])  # noqa: F405
    if found is None or "cuda" in name:
        raise ArgumentTypeError(f"set_default_tensor_type: a class of floating-point tensors on the CPU is needed, not {t!r}")  # noqa: F405
    set_default_dtype(found)  # noqa: F405


def get_default_device():
    """Where tensors are made when no device is given: the CPU.

    >>> rustorch.get_default_device()
    device(type='cpu')
    """
    return device("cpu")


def set_default_device(device):
    """Where tensors are made when no device is given: the CPU, the only place there is.

    Raises
    ------
    DeviceError
        Another device is named.

    >>> rustorch.set_default_device("cpu")
    """
    if device is not None and _C.device(device).type != "cpu":
        raise DeviceError(f"set_default_device: tensors are made on the CPU, '{device}' is not available")  # noqa: F405


def _check(cond, message=None):
    """Raise RuntimeError with a message (a function without arguments that gives it) unless cond is true."""
    if not cond:
        raise RuntimeError("Expected cond to be True, but got False" if message is None else str(message()))


def _assert(condition, message):
    """Assert that a condition, which may be a tensor, is true."""
    assert condition, message


_matmul_precision = "highest"


def set_float32_matmul_precision(precision):
    """Allow matrix products of float32 a lower precision: always computed in full float32, which satisfies each choice.

    Parameters
    ----------
    precision : {"highest", "high", "medium"}

    >>> rustorch.set_float32_matmul_precision("high")
    >>> rustorch.set_float32_matmul_precision("highest")
    """
    global _matmul_precision
    if precision not in ("highest", "high", "medium"):
        raise ArgumentValueError(  # noqa: F405
            f"set_float32_matmul_precision: precision must be one of highest, high, medium, not {precision!r}"
        )
    _matmul_precision = precision


def get_float32_matmul_precision():
    """What set_float32_matmul_precision was told.

    >>> rustorch.get_float32_matmul_precision()
    'highest'
    """
    return _matmul_precision


from . import _methods as _python_methods  # noqa: E402  (Tensor gets its methods that are written in Python)
