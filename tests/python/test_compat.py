"""`import torch` resolved to rustorch, what scripts are told that need more, and the old spellings they use."""

import json
import os
import subprocess
import sys
import textwrap
import warnings

import numpy as np
import pytest

import rustorch as torch
from rustorch import compat
from rustorch.compat import TorchVersion
from rustorch.compat._check import check_script, compat as compat_command

FINE = {"PYTHONDONTWRITEBYTECODE": "1"}


def run(folder, text, *words, command=("run-torch",), code=0, **environment):
    """Runs a script as `python -m rustorch run-torch` does; its output, or (output, errors)."""
    (folder / "script.py").write_text(textwrap.dedent(text))
    job = subprocess.run(
        [sys.executable, "-m", "rustorch", *command, "script.py", *words], cwd=folder, capture_output=True, text=True, timeout=120,
        env={**os.environ, **FINE, **environment},
    )
    assert job.returncode == code, (job.returncode, job.stdout, job.stderr)
    return job.stdout if code == 0 else (job.stdout, job.stderr)


# ---------------------------------------------------------------------------------------------- run-torch


def test_imports(tmp_path):
    """Every form of import gives rustorch's own modules, and none is imported twice."""
    out = run(
        tmp_path,
        """
        import torch.nn.functional as F
        import torch
        import torch.nn as nn
        import torch.optim as optim
        import torch.utils.data as data
        import torch.backends.cudnn as cudnn
        import torch.multiprocessing as mp
        import torch.distributed as dist
        import torch.distributions
        import torch.autograd.functional
        import torchvision, torchvision.transforms as T
        import torchvision.transforms.functional as TF
        from torch import optim as o2, Tensor
        from torch.autograd import Variable, Function
        from torch.cuda.amp import GradScaler, autocast
        from torch.nn.modules.batchnorm import _BatchNorm
        from torch.nn.modules.utils import _pair
        from torch.nn.parallel import DistributedDataParallel, DataParallel, data_parallel
        from torch.nn.parameter import Parameter
        from torch.nn.utils.rnn import pack_padded_sequence
        from torch.optim.lr_scheduler import StepLR
        from torch.optim.optimizer import Optimizer
        from torch.utils.checkpoint import checkpoint
        from torch.utils.data import *
        from torch.utils.data.distributed import DistributedSampler
        from torch.utils.data.sampler import Sampler
        from torchvision import datasets, models, transforms, utils
        from torchvision.datasets.folder import default_loader
        from torchvision.models import resnet18
        import sys, rustorch
        assert torch is rustorch and F is rustorch.nn.functional and T is rustorch.vision.transforms and o2 is optim
        assert DataLoader is rustorch.data.DataLoader and issubclass(nn.Linear, nn.Module) and isinstance(nn.BatchNorm1d(2), _BatchNorm)
        assert data is rustorch.utils.data and cudnn is rustorch.backends.cudnn and _pair(3) == (3, 3)
        for name, module in list(sys.modules.items()):
            if name.startswith(("torch.", "torchvision")):
                ours = "rustorch.vision" + name[11:] if name.startswith("torchvision") else "rus" + name
                assert sys.modules[ours] is module, name
                assert module.__spec__ is None or module.__spec__.name == ours, name
        print(torch.__version__, torch.__version__ >= "2.0", torch.__version__ > (1, 13), torchvision.__version__)
        """,
    )
    assert out.split() == [f"{compat.TORCH_VERSION}+rustorch{torch._C.__version__}", "True", "True", torch._C.__version__]


def test_like_python(tmp_path):
    """Arguments, the name, the path, the exit code, standard input; and no line of ours in a traceback."""
    out, err = run(
        tmp_path,
        """
        import sys, os, torch
        print(sys.argv, __name__, __file__ == os.path.abspath("script.py"), sys.path[0] == os.getcwd())
        def inner():
            return torch.zeros(2) @ torch.zeros(3)
        inner()
        """,
        "-x", "--help", "a b", code=1,
    )  # fmt: skip
    assert out.strip() == "['script.py', '-x', '--help', 'a b'] __main__ True True"
    assert "line 6, in <module>\n    inner()" in err and "return torch.zeros(2) @" in err and "ShapeError" in err
    assert "rustorch/compat" not in err
    assert run(tmp_path, "import sys, torch\nsys.exit(7)", code=7) == ("", "")
    assert run(tmp_path, "import torch\nprint(torch.nn.Linear(1, 1))", command=("run-torch", "-m"), code=1)[1]


def test_missing_names(tmp_path):
    out = run(
        tmp_path,
        """
        import torch, torch.nn as nn
        def error(f):
            try: f()
            except (AttributeError, ImportError) as error: print(type(error).__name__, "|", error)
            else: raise AssertionError
        error(lambda: torch.complex128)
        error(lambda: nn.Linaer)
        error(lambda: torch.optim.NoSuchThing)
        error(lambda: torch.cuda.CUDAGraph)
        error(lambda: __import__("torch.distributed.fsdp"))
        error(lambda: __import__("torchvision.ops.roi_align"))
        assert not hasattr(torch, "nothing") and not hasattr(nn, "nothing") and getattr(torch, "nothing", 3) == 3
        try:
            from torch.nn import Nothing
        except ImportError as error_:
            print(error_)
        """,
    ).splitlines()
    assert out[0].startswith("AttributeError | rustorch has no torch.complex128: there are no complex dtypes: keep real")
    assert out[1] == "AttributeError | rustorch has no torch.nn.Linaer: did you mean torch.nn.Linear?"
    assert out[2] == "AttributeError | rustorch has no torch.optim.NoSuchThing"
    assert out[3].startswith("AttributeError | rustorch has no torch.cuda.CUDAGraph")
    assert out[4].startswith("ModuleNotFoundError | rustorch has no torch.distributed.fsdp: models are not sharded")
    assert out[5].startswith("ModuleNotFoundError | rustorch has no torchvision.ops.roi_align: of the detection operators there are boxes")
    assert out[6].startswith("cannot import name 'Nothing' from 'rustorch.nn'")


def test_children(tmp_path):
    """A DataLoader's workers, subprocesses and processes by every start method find torch as well."""
    out = run(
        tmp_path,
        """
        import subprocess, sys
        import torch, torchvision
        import torch.multiprocessing as mp
        from torch.utils.data import DataLoader, Dataset

        class Squares(Dataset):
            def __len__(self):
                return 4
            def __getitem__(self, i):
                import torch as again
                assert again.__name__ == "rustorch"
                return torch.tensor(float(i * i))

        def child(queue, i):
            import torch.nn.functional as F, torchvision.utils
            queue.put((i, F.relu(torch.tensor([-1.0, float(i)]))))

        if __name__ == "__main__":
            print([batch.tolist() for batch in DataLoader(Squares(), batch_size=2, num_workers=1)])
            code = "import torchvision.models, torch.nn as nn; print(nn.__name__, torchvision.__name__)"
            print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip())
            for method in ("fork", "spawn"):
                context = mp.get_context(method)
                queue = context.SimpleQueue()
                processes = [context.Process(target=child, args=(queue, i)) for i in range(2)]
                [process.start() for process in processes]
                print(method, sorted((i, x.tolist()) for i, x in (queue.get() for _ in processes)))
                [process.join() for process in processes]
        """,
    ).splitlines()
    assert out == [
        "[[0.0, 1.0], [4.0, 9.0]]", "rustorch.nn rustorch.vision", "fork [(0, [0.0, 0.0]), (1, [0.0, 1.0])]",
        "spawn [(0, [0.0, 0.0]), (1, [0.0, 1.0])]",
    ]  # fmt: skip


def test_modules_and_refusals(tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__main__.py").write_text("import torch, sys\nprint(torch.__name__, sys.argv[1:])")
    environment = {**os.environ, **FINE}

    def command(*words):
        start = [sys.executable, "-m", "rustorch", "run-torch", *words]
        job = subprocess.run(start, cwd=tmp_path, capture_output=True, text=True, env=environment)
        return job.returncode, job.stdout, job.stderr

    assert command("-m", "package", "-v") == (0, "rustorch ['-v']\n", "")
    assert command("--path")[1].strip().endswith(os.path.join("compat", "path"))
    assert command("--help")[0] == 0 and "usage" in command("--help")[1]
    assert command()[0] == 2 and command("-m")[0] == 2
    assert "there is no script nowhere.py" in command("nowhere.py")[2]
    assert "unknown option --wrong" in command("--wrong", "x.py")[2]


def test_install_and_uninstall():
    before = {name for name in sys.modules if name.partition(".")[0] in ("torch", "torchvision")}
    if before:
        pytest.skip("PyTorch is imported in this process")
    path, python_path = list(sys.path), os.environ.get("PYTHONPATH")
    compat.install()
    try:
        compat.install()  # once is enough
        import torch as t
        import torch.nn.functional as F

        assert t is torch and F is torch.nn.functional and compat.installed()
        assert isinstance(torch.zeros(1), torch.autograd.Variable)
        assert not torch.autograd.Variable(torch.zeros(2)).requires_grad
    finally:
        compat.uninstall()
    assert not compat.installed() and torch.__version__ == torch._C.__version__
    assert not [name for name in sys.modules if name.partition(".")[0] in ("torch", "torchvision")]
    assert sys.path == path and os.environ.get("PYTHONPATH") == python_path
    with pytest.raises(AttributeError, match="module 'rustorch.nn' has no attribute 'Linaer'"):
        torch.nn.Linaer


def test_another_torch_is_there(tmp_path):
    (tmp_path / "torch.py").write_text("")
    code = "import sys; sys.path.insert(0, '.'); import torch, rustorch.compat; rustorch.compat.install()"
    job = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert job.returncode == 1 and "torch has been imported already" in job.stderr


def test_versions():
    assert TorchVersion("2.10.0+rustorch0.1") > "2.9.1" and TorchVersion("2.10") == "2.10.0" == TorchVersion("2.10")
    assert not TorchVersion("1.13") >= (2,) and TorchVersion("1.13") < (1, 13, 1) and TorchVersion("1.0") != "2.0"
    assert TorchVersion("2.1").startswith("2.") and TorchVersion("2.1").split(".")[0] == "2"


# ---------------------------------------------------------------------------------------------- compat

SCRIPT = """
import torch
import torch.nn as nn, torch.nn.functional as F
from torch import optim, fft as fourier
from torch.distributed.fsdp import FullyShardedDataParallel as FSDP
from torchvision import models as M, transforms

try:
    import torch.export
except ImportError:
    torch_export = None
if hasattr(torch, "hadamard"):
    z = torch.hadamard(1, 2)


class Net(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        G = torch.nn.functional
        return G.reluu(F.relu(x)).to_sparse()


def shadow(torch, F=F):
    return torch.nothing, F.nothing


nn.Linaer(1, 2)
optim.lr_scheduler.StepLR(1, gamma=M.resnet18(), other=M.inception_v3())
"""


def found(tmp_path, text, name="script.py"):
    path = tmp_path / name
    path.write_text(text)
    return [(each.line, each.name, each.optional) for each in check_script(str(path))]


def test_names_that_lack(tmp_path):
    assert found(tmp_path, SCRIPT) == [
        (5, "torch.distributed.fsdp", False),
        (9, "torch.export", True),
        (13, "torch.hadamard", True),
        (19, "Tensor.to_sparse", False),
        (19, "torch.nn.functional.reluu", False),
        (26, "torch.nn.Linaer", False),
        (27, "torchvision.models.inception_v3", False),
    ]
    assert found(tmp_path, "import torch\ntorch.nn.Linear(1, 2).weight.anything\ntorch.backends.cudnn.something = 1") == []
    assert found(tmp_path, "from torch.nn import *\nLinear(1, 2)\nfrom .torch import nothing\nimport torchaudio") == []


def test_compat_command(tmp_path, capsys):
    (tmp_path / "inner").mkdir()
    (tmp_path / "good.py").write_text("import torch\nprint(torch.zeros(2))\n")
    (tmp_path / "inner" / "bad.py").write_text(SCRIPT)
    code = ["%matplotlib inline\n", "import torch\n", "torch.nothing"]
    cells = [{"cell_type": "code", "source": code}, {"cell_type": "markdown", "source": []}]
    (tmp_path / "notes.ipynb").write_text(json.dumps({"cells": cells}))
    assert compat_command([str(tmp_path / "good.py")]) == 0
    assert capsys.readouterr().out == "1 file: every name is there\n".replace("1 file", "1 of 1 file")
    assert compat_command([str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "bad.py:26: rustorch has no torch.nn.Linaer: did you mean torch.nn.Linear?" in out
    assert "notes.ipynb:3: rustorch has no torch.nothing" in out and "1 of 3 files: every name is there" in out
    assert compat_command(["--json", str(tmp_path / "inner" / "bad.py")]) == 1
    rows = json.loads(capsys.readouterr().out)["files"][str(tmp_path / "inner" / "bad.py")]
    assert rows[0] == {
        "line": 5, "name": "torch.distributed.fsdp", "hint": "models are not sharded: use DistributedDataParallel", "optional": False,
    }  # fmt: skip
    (tmp_path / "broken.py").write_text("def")
    assert compat_command([str(tmp_path / "broken.py")]) == 2 and "this is no Python" in capsys.readouterr().err
    assert compat_command([str(tmp_path / "nowhere.py")]) == 2 and "No such file" in capsys.readouterr().err
    assert compat_command([]) == 2 and compat_command(["--wrong", "x"]) == 2 and compat_command(["--help"]) == 0


def test_tier_names_are_there():
    """The submodules that scripts import most, under their dotted paths."""
    import importlib

    for name in """
        accelerator amp autograd autograd.function autograd.functional autograd.profiler backends backends.cuda backends.cuda.matmul
        backends.cudnn backends.mps compiler cpu.amp cuda cuda.amp cuda.memory data distributed distributions
        distributions.categorical distributions.normal hub jit linalg multiprocessing multiprocessing.spawn nn nn.attention nn.functional
        nn.init nn.modules nn.modules.activation nn.modules.batchnorm nn.modules.conv nn.modules.linear nn.modules.loss nn.modules.module
        nn.modules.utils nn.parallel nn.parallel.distributed nn.parameter nn.utils nn.utils.rnn onnx optim optim.lr_scheduler
        optim.optimizer profiler random serialization special testing utils utils._pytree utils.checkpoint utils.data utils.data.dataloader
        utils.data.dataset utils.data.distributed utils.data.sampler utils.dlpack utils.hooks utils.model_zoo utils.tensorboard version
        vision vision.datasets vision.io vision.models vision.transforms vision.transforms.functional vision.utils
    """.split():
        module = importlib.import_module("rustorch." + name)
        for each in getattr(module, "__all__", []):
            assert getattr(module, each, None) is not None or hasattr(module, each), (name, each)


# ---------------------------------------------------------------------------------------------- old and new spellings


def test_old_spellings():
    x = torch.tensor([1.0, 2.0])
    with pytest.raises(IndexError):
        torch.tensor(1.0).data[0]
    assert torch.FloatTensor(2, 3).shape == (2, 3) and torch.LongTensor([1, 2]).dtype == torch.int64
    assert x.type() == "rustorch.FloatTensor" and x.type("torch.DoubleTensor").dtype == torch.float64
    assert x.type(torch.FloatTensor).dtype == torch.float32 and isinstance(x, torch.FloatTensor)
    assert not isinstance(x, torch.cuda.FloatTensor)
    with pytest.raises(torch.DeviceError):
        torch.cuda.FloatTensor(2)
    with pytest.raises(torch.DeviceError):
        x.cuda()
    assert torch.nn.functional.sigmoid(x).tolist() == torch.sigmoid(x).tolist()
    with pytest.warns(UserWarning, match="reduction='sum'"):
        assert torch.nn.functional.mse_loss(x, x + 2, size_average=False).item() == 8
    with pytest.warns(UserWarning):
        assert torch.nn.MSELoss(reduce=False)(x, x).shape == (2,)
    assert not (x.is_xpu or x.is_mps or x.is_xla or x.is_sparse_csr)


def test_devices_answer_truthfully():
    assert not torch.cuda.is_available() and torch.cuda.device_count() == 0 and not torch.cuda.is_initialized()
    assert not torch.accelerator.is_available() and torch.accelerator.device_count() == 0
    assert torch.accelerator.current_accelerator() is None
    assert not torch.backends.mps.is_available() and not torch.xpu.is_available() and not torch.mps.is_available()
    assert torch.version.cuda is None and torch.version.hip is None and not torch.backends.cudnn.is_available()
    torch.cuda.manual_seed_all(1), torch.cuda.empty_cache(), torch.cuda.set_device(-1), torch.cuda.reset_peak_memory_stats()
    torch.accelerator.synchronize(), torch.mps.empty_cache()
    assert torch.cuda.memory_allocated() == torch.cuda.max_memory_allocated() == 0 and torch.cuda.get_rng_state_all() == []
    assert torch.cuda.memory_allocated(0) == torch.accelerator.max_memory_allocated() == 0 and torch.cuda.memory_stats() == {}
    assert torch.cuda.Event(enable_timing=True).query() and not torch.cuda.is_current_stream_capturing()
    torch.cuda.set_rng_state(torch.get_rng_state()), torch.xpu.manual_seed_all(1), torch.xpu.set_rng_state_all([])
    for function in (
        torch.cuda.synchronize, torch.cuda.current_device, lambda: torch.cuda.set_device(0), torch.cuda.get_device_name,
        torch.cuda.get_device_properties, torch.cuda.Event().record, torch.cuda.Stream, torch.cuda.mem_get_info, torch.xpu.synchronize,
        torch.accelerator.current_device_index, torch.cuda.initial_seed, torch.mps.seed, lambda: torch.mps.set_rng_state(None),
        torch.device("cuda").__enter__, torch.cuda.device(0).__enter__,
    ):  # fmt: skip
        with pytest.raises(torch.DeviceError):
            function()
    for context in (torch.cuda.device(None), torch.cuda.device(-1), torch.cuda.device_of(torch.ones(1)), torch.device("cpu"),
                    torch.accelerator.device_index(None)):  # fmt: skip
        with context:
            assert torch.ones(1).device.type == "cpu"
    with pytest.raises(ValueError, match="a GPU is expected"):
        torch.cuda.set_device("cpu")
    with pytest.raises(TypeError):
        torch.xpu.set_device()
    with pytest.raises(ValueError):
        torch.cpu.set_device("cuda")
    for name in ("cpu", "cuda", "mps", "xpu"):
        assert torch.get_device_module(name) is getattr(torch, name)
    assert torch.get_device_module() is torch.get_device_module(torch.device("cpu")) is torch.cpu
    with pytest.raises(RuntimeError, match="no module for 'tpu'"):
        torch.get_device_module("tpu")
    other = torch.cpu.Stream()
    with torch.cpu.stream(other):
        with torch.cpu.stream(None):
            assert torch.cpu.current_stream() is other
    assert torch.cpu.current_stream() is not other
    with torch.cuda.stream(None):
        pass
    assert issubclass(torch.cuda.OutOfMemoryError, RuntimeError)


def test_backends_switches():
    before = torch.backends.cudnn.benchmark
    with torch.backends.cudnn.flags(benchmark=not before):
        assert torch.backends.cudnn.benchmark is not before
    assert torch.backends.cudnn.benchmark is before
    with torch.backends.cuda.sdp_kernel(enable_flash=False):
        assert not torch.backends.cuda.flash_sdp_enabled() and torch.backends.cuda.math_sdp_enabled()
    assert torch.backends.cuda.flash_sdp_enabled()
    assert torch.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2", "AVX512")


def test_compile():
    model = torch.nn.Linear(2, 3)
    assert torch.compile(model) is model and torch.compile(model, mode="max-autotune", dynamic=False) is model
    assert torch.compile(fullgraph=True)(model) is model and torch.compile(model, backend=lambda graph, inputs: graph) is model
    for arguments, kind in (
        (dict(mode="fast"), ValueError), (dict(backend="gcc"), ValueError), (dict(mode="default", options={}), RuntimeError),
    ):  # fmt: skip
        with pytest.raises(kind):
            torch.compile(model, **arguments)
    with pytest.raises(TypeError):
        torch.compile(3)
    assert torch.compiler.disable(model) is model and torch.compiler.disable(recursive=False)(model) is model
    assert not torch.compiler.is_compiling()


def test_jit_onnx_hub(tmp_path, monkeypatch):
    model = torch.nn.Linear(2, 3)

    @torch.jit.script
    def double(x):
        return x + x

    assert double(2) == 4 and torch.jit.script(model) is model and torch.jit.trace(model, torch.zeros(1, 2)) is model
    with pytest.raises(torch.ShapeError):
        torch.jit.trace(model, torch.zeros(1, 5))  # the example is run
    with pytest.raises(torch.ShapeError):
        torch.jit.trace(model, torch.zeros(1, 2), check_inputs=[(torch.zeros(1, 5),)])
    with pytest.raises(TypeError, match="an example is needed"):
        torch.jit.trace(model)
    with pytest.raises(TypeError, match="check_trase"):
        torch.jit.trace(model, torch.zeros(1, 2), check_trase=False)
    assert torch.jit.trace_module(model, {"forward": {"input": torch.zeros(1, 2)}}, example_inputs_is_kwarg=True) is model
    assert torch.jit.wait(torch.jit.fork(double, 3)) == 6 and torch.jit.freeze(model.eval()) is model
    with pytest.raises(torch.UnsupportedError, match="eval"):
        torch.jit.freeze(model.train())
    with pytest.raises(AttributeError, match="no attribute 'save': rustorch.save"):
        torch.jit.trace(model, torch.zeros(1, 2)).save("x")
    with pytest.raises(ValueError, match="source"):
        torch.hub.load("a/b", "c", source="gitlab")
    assert not torch.jit.is_scripting() and torch.jit.annotate(int, 3) == 3 and torch.jit.ignore(drop=True)(double) is double
    for function in (lambda: torch.jit.save(model, "x"), lambda: torch.jit.load("x"), lambda: torch.onnx.export(model, ()),
                     lambda: torch.hub.load("a/b", "c"), lambda: torch.hub.download_url_to_file("http://x/y", "z")):  # fmt: skip
        with pytest.raises(torch.UnsupportedError):
            function()
    (tmp_path / "hubconf.py").write_text("import rustorch\ndef tiny(n=1, **more):\n    'A model.'\n    return rustorch.nn.Linear(n, n)\n")
    assert torch.hub.load(str(tmp_path), "tiny", source="local", trust_repo=True, n=3).in_features == 3
    assert torch.hub.list(str(tmp_path)) == ["tiny"] and torch.hub.help(str(tmp_path), "tiny") == "A model."
    with pytest.raises(torch.UnsupportedError, match="there are tiny"):
        torch.hub.load(str(tmp_path), "huge", source="local")
    url = "https://example.org/models/tiny-1234.pth"
    with pytest.raises(FileNotFoundError, match="fetch https://example.org"):
        torch.hub.load_state_dict_from_url(url, str(tmp_path))
    torch.save(model.state_dict(), str(tmp_path / "tiny-1234.pth"))
    assert list(torch.utils.model_zoo.load_url(url, str(tmp_path))) == ["weight", "bias"]


def test_data_parallel():
    from rustorch.nn.parallel import data_parallel as module

    model = torch.nn.Linear(2, 3)
    sys.modules["rustorch.nn.parallel.data_parallel"]._said = False
    with pytest.warns(UserWarning, match="rustorch-launch -n N"):
        wrapped = torch.nn.DataParallel(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # once is enough
        again = torch.nn.DataParallel(model, device_ids=None)
        assert torch.equal(module(model, torch.ones(4, 2)), model(torch.ones(4, 2)))
    assert torch.equal(wrapped(torch.ones(4, 2)), model(torch.ones(4, 2))) and wrapped.module is model is again.module
    assert list(wrapped.state_dict()) == ["module.weight", "module.bias"]
    if not torch.cuda.is_available():  # GPUs that are named count where there are any
        assert torch.nn.DataParallel(model, device_ids=[0, 1], output_device=0).device_ids == []


@pytest.mark.parametrize("name, arguments", [
    ("LeakyReLU", (0.2,)), ("ELU", ()), ("CELU", ()), ("SELU", ()), ("SiLU", ()), ("Mish", ()), ("ReLU", ()), ("ReLU6", ()),
    ("Hardtanh", ()), ("Hardswish", ()), ("Hardsigmoid", ()), ("Threshold", (0.0, 0.1)),
])  # fmt: skip
def test_activations_in_place(name, arguments):
    """Between layers that need what they computed: the gradients are those of the form that makes a new tensor."""
    results = []
    for inplace in (False, True):
        torch.manual_seed(0)
        model = torch.nn.Sequential(
            torch.nn.Linear(5, 8), torch.nn.BatchNorm1d(8), getattr(torch.nn, name)(*arguments, inplace=inplace), torch.nn.Linear(8, 2)
        )
        model(torch.from_numpy(np.linspace(-5, 5, 30, dtype=np.float32).reshape(6, 5))).square().sum().backward()
        results.append([p.grad.numpy() for p in model.parameters()])
    for plain, written in zip(*results):
        np.testing.assert_array_equal(plain, written)


@pytest.mark.filterwarnings("ignore:This order of the arguments")
def test_old_orders_of_arguments():
    rng = np.random.default_rng(2)
    x, y, z = (rng.normal(size=3) for _ in range(3))
    a, b, c = (rng.normal(size=(3, 3)) for _ in range(3))
    cases = [
        ("add", (x, 2, y), x + 2 * y), ("sub", (x, 0.5, y), x - 0.5 * y), ("addcmul", (x, 3, y, z), x + 3 * y * z),
        ("addcdiv", (x, -1.5, y, z), x - 1.5 * y / z), ("addmm", (a, 2, 3, b, c), 2 * a + 3 * b @ c),
        ("addmm", (a, 2, b, c), 2 * a + b @ c),
        ("addmv", (x, 1, -2, b, y), x - 2 * b @ y), ("addr", (a, 2, x, y), 2 * a + np.outer(x, y)),
        ("baddbmm", (a[None], 1, 2, b[None], c[None]), (a + 2 * b @ c)[None]), ("addbmm", (a, 2, 3, b[None], c[None]), 2 * a + 3 * b @ c),
    ]  # fmt: skip
    for name, arguments, wanted in cases:
        values = [torch.from_numpy(v.copy()) if isinstance(v, np.ndarray) else v for v in arguments]
        forms = [getattr(values[0], name)(*values[1:])]
        if name.startswith("add") and isinstance(values[2], int) or name in ("addr", "baddbmm"):
            forms.append(getattr(torch, name)(values[1], values[0], *values[2:]))  # the function has beta in front
        forms.append(getattr(values[0].clone(), name + "_")(*values[1:]))
        for got in forms:
            np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-12, err_msg=name)
    out = torch.zeros(3, dtype=torch.float64)
    assert torch.add(torch.from_numpy(x), 2, torch.from_numpy(y), out=out) is out
    np.testing.assert_allclose(out.numpy(), x + 2 * y)
    one = torch.ones(1, requires_grad=True)  # of one element, yet no number
    torch.ones(2).add(2, one).sum().backward()
    assert one.grad.item() == 4
    with pytest.warns(UserWarning, match="order of the arguments of add_ .* alpha=2"):
        torch.ones(2).add_(2, torch.ones(2))
    ones = torch.ones(2)
    for wrong in (lambda: ones.add(2, "x"), lambda: ones.addcmul(2, 3, ones), lambda: torch.add(2, 3, ones)):
        with pytest.raises(TypeError):
            wrong()


def test_where_takes_masks_of_bytes():
    mask = torch.tensor([0, 1, 7, 0], dtype=torch.uint8)
    x = torch.arange(4.0, requires_grad=True)
    for got in (torch.where(mask, x, -torch.ones(4)), x.where(mask, -torch.ones(4))):
        assert got.tolist() == [-1, 1, 2, -1]
    torch.where(mask, x, x * 10).sum().backward()
    assert x.grad.tolist() == [10, 1, 1, 10]
    wide = torch.where(torch.from_numpy(np.tile([[1, 0, 255]], (50, 30)).astype(np.uint8)).t(), 1, 0)
    assert wide.sum(0).tolist() == [60] * 50
    with pytest.raises(TypeError, match="condition"):
        torch.where(torch.tensor([1, 0]), torch.ones(2), torch.zeros(2))


def test_what_libraries_import(tmp_path):
    """Names that libraries ask for beside the ones scripts use."""
    out = run(
        tmp_path,
        """
        from torch.cuda.amp.autocast_mode import autocast
        from torch.cuda.amp.grad_scaler import GradScaler
        from torch.torch_version import TorchVersion
        from torch.utils.checkpoint import get_device_states, set_device_states
        from torchvision.io.image import decode_image
        import torch, torch.fx

        class Net(torch.nn.Module):
            @torch.fx.wrap
            def twice(x):
                return x * 2

        assert isinstance(torch.__version__, TorchVersion) and torch.cuda._initialized == torch.cuda.is_initialized()
        assert autocast is torch.cuda.amp.autocast and GradScaler is torch.cuda.amp.GradScaler
        set_device_states(*get_device_states(torch.ones(1), [torch.ones(1)], 2))
        print(Net.twice(torch.ones(1)).item(), isinstance(1, torch.fx.Proxy))
        """,
    )
    assert out.strip() == "2.0 False"


def test_foreach():
    rng = np.random.default_rng(6)
    a, b, c = ([rng.uniform(0.5, 2, shape) for shape in ((3,), (2, 2), ())] for _ in range(3))
    x, y, z = ([torch.from_numpy(np.array(v)) for v in values] for values in (a, b, c))
    cases = [
        ("add", (y,), {"alpha": 2}, lambda p, q, r: p + 2 * q), ("mul", (0.5,), {}, lambda p, q, r: p / 2),
        ("sqrt", (), {}, lambda p, q, r: p**0.5),
        ("div", (y,), {}, lambda p, q, r: p / q), ("sub", (1,), {}, lambda p, q, r: p - 1), ("pow", (2,), {}, lambda p, q, r: p**2),
        ("addcmul", (y, z), {"value": -1}, lambda p, q, r: p - q * r), ("addcdiv", (y, z, [1, 1, 1]), {}, lambda p, q, r: p + q / r),
        ("lerp", (y, 0.25), {}, lambda p, q, r: p + (q - p) / 4), ("maximum", (y,), {}, lambda p, q, r: np.maximum(p, q)),
        ("minimum", (1.0,), {}, lambda p, q, r: np.minimum(p, 1)), ("neg", (), {}, lambda p, q, r: -p),
    ]  # fmt: skip
    for name, arguments, options, wanted in cases:
        written = [v.clone() for v in x]
        assert getattr(torch, f"_foreach_{name}_")(written, *arguments, **options) is None
        for got in (getattr(torch, f"_foreach_{name}")(x, *arguments, **options), written):
            for g, p, q, r in zip(got, a, b, c):
                np.testing.assert_allclose(g, wanted(p, q, r), rtol=1e-12, err_msg=name)
    for g, p in zip(torch._foreach_norm(x, 1), a):
        np.testing.assert_allclose(g, np.abs(p).sum())
    with pytest.raises(ValueError, match="equally long, got 3 and 2"):
        torch._foreach_add(x, y[:2])
    assert not hasattr(torch, "_foreach_nothing") and not hasattr(torch, "_foreach_norm_")


def test_assert_close():
    close = torch.testing.assert_close
    close(torch.ones(3), torch.ones(3) + 1e-6), close([1.0, {"a": 2}], [1.0, {"a": 2}]), close(np.ones(2), np.ones(2))
    close(torch.tensor(float("nan")), torch.tensor(float("nan")), equal_nan=True)
    for a, b, words in (
        (torch.ones(3), torch.ones(3) + 1e-3, "Greatest absolute difference"), (torch.ones(3), torch.ones(2), "shape"),
        (torch.ones(3), torch.ones(3).double(), "dtype"), ([1, 2], [1], "length"),
        ([torch.ones(1), 2.0], [torch.ones(1), 3.0], r"item \[1\]"),
        (torch.tensor([1, 2]), torch.tensor([1, 3]), "1 / 2"), (torch.tensor(float("nan")), torch.tensor(float("nan")), "not close"),
    ):  # fmt: skip
        with pytest.raises(AssertionError, match=words):
            close(a, b)
    with pytest.raises(AssertionError, match="mine"):
        close(1, 2, msg="mine")
    with pytest.raises(ValueError):
        close(1, 1, rtol=0.1)
    torch.testing.assert_allclose(torch.ones(2), [1, 1])
