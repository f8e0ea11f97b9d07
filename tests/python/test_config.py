"""utils.Config and its files, the memory limit, get_system_info, set_seed, and what the package says of itself."""

import random
import subprocess
import sys

import numpy as np
import pytest

import rustorch as torch
from rustorch.utils import Config, cuda_is_available, get_system_info, metal_is_available, set_seed


@pytest.fixture(autouse=True)
def defaults():
    threads = torch.get_num_threads()
    yield
    Config().reset()
    torch.set_num_threads(threads)


START = {"device": "cpu", "dtype": "float32", "backend": "native", "memory_limit": None}


def test_keys_act():
    config = Config()
    assert {name: value for name, value in config.all().items() if name != "num_threads"} == START
    config.set("dtype", "float64")
    assert torch.zeros(1).dtype == torch.float64 and torch.tensor(1.0).dtype == torch.float64
    config.set("dtype", torch.float32)
    assert torch.get_default_dtype() == torch.float32 and config.get("dtype") == "float32"
    config.set("num_threads", 1)
    assert torch.get_num_threads() == 1
    torch.set_num_threads(2)
    assert config.get("num_threads") == 2 == Config().get("num_threads")
    config.set("device", torch.device("cpu"))
    assert config.get("device") == "cpu" and torch.zeros(1).device.type == "cpu"
    config.set("backend", "cpu")
    assert config.get("backend") == "native"


def test_memory_limit_acts():
    config = Config()
    held = torch.memory_stats()["live_bytes"]
    config.set("memory_limit", (held >> 20) + 16)
    assert config.get("memory_limit") == (held >> 20) + 16
    assert torch.get_memory_limit() == ((held >> 20) + 16) << 20
    small = torch.zeros(1 << 20)  # 4 MiB
    with pytest.raises(MemoryError) as caught:
        torch.zeros(1 << 23)  # 32 MiB
    text = str(caught.value)
    assert str(1 << 25) in text and str(torch.get_memory_limit()) in text and "raise the limit" in text
    assert torch.memory_stats()["reserved_bytes"] <= max(torch.get_memory_limit(), held)
    (small + 1).sum().item()
    config.set("memory_limit", None)
    assert torch.zeros(1 << 23).numel() == 1 << 23


@pytest.mark.parametrize(
    "value, size",
    [(1, 1 << 20), ("3", 3 << 20), ("2 GiB", 2 << 30), ("1.5g", 3 << 29), ("512 kB", 512 << 10), ("4096 b", 4096), ("none", None), (None, None)],
)
def test_memory_limit_units(value, size):
    Config().set("memory_limit", value)
    assert torch.get_memory_limit() == size


def test_set_memory_limit():
    for value, kind in (("1", TypeError), (True, TypeError), (0, ValueError), (-5, ValueError), (-(1 << 70), ValueError)):
        with pytest.raises(kind, match="set_memory_limit"):
            torch.set_memory_limit(value)
    torch.set_memory_limit(1 << 70)  # more than there can be
    torch.ones(3)
    torch.set_memory_limit(None)
    assert torch.get_memory_limit() is None


@pytest.mark.parametrize(
    "key, value, kind, text",
    [
        ("num_thread", 1, ValueError, "did you mean 'num_threads'"),
        ("Device", "cpu", ValueError, "did you mean 'device'"),
        ("x", 1, ValueError, "the keys are device, dtype"),
        (3, 1, ValueError, "there is no key 3"),
        ("device", "cuda", torch.DeviceError, "'cuda' is not available"),
        ("device", "gpu", Exception, "gpu"),
        ("dtype", "float33", ValueError, "not 'float33'"),
        ("dtype", "int64", torch.DtypeError, "not a floating-point dtype"),
        ("dtype", "Tensor", ValueError, "not 'Tensor'"),
        ("backend", "cuda", torch.UnsupportedError, "there is no backend 'cuda'"),
        ("num_threads", 0, ValueError, "0 is not a number of threads"),
        ("num_threads", "many", TypeError, "num_threads must be an int"),
        ("num_threads", True, TypeError, "num_threads must be an int"),
        ("memory_limit", "lots", ValueError, "a number of MiB"),
        ("memory_limit", -1, ValueError, "a number of MiB"),
        ("memory_limit", 0, ValueError, "1 byte or more"),
        ("memory_limit", "3 PiB", ValueError, "a number of MiB"),
    ],
)
def test_wrong_settings(key, value, kind, text):
    config = Config()
    before = config.all()
    with pytest.raises(kind, match=text):
        config.set(key, value)
    assert config.all() == before


def test_wrong_key_to_get():
    with pytest.raises(ValueError, match="did you mean 'dtype'"):
        Config().get("dtypes")


def test_reset():
    config = Config()
    config.set("dtype", "float64")
    config.set("memory_limit", "1 GiB")
    config.set("num_threads", 1)
    config.reset()
    assert {name: config.get(name) for name in START} == START
    code = (
        "import rustorch as t; n = t.get_num_threads(); t.set_num_threads(n + 1); c = t.utils.Config(); c.reset(); "
        "assert t.get_num_threads() == n, t.get_num_threads()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_files(tmp_path):
    path = tmp_path / "설정.txt"
    config = Config()
    config.set("memory_limit", "1.5 GiB")
    config.set("dtype", "float64")
    config.set("num_threads", 1)
    config.save_to_file(path)
    assert path.read_text() == "device=cpu\ndtype=float64\nbackend=native\nnum_threads=1\nmemory_limit=1536\n"
    config.reset()
    Config().load_from_file(str(path))
    assert (config.get("dtype"), config.get("memory_limit"), torch.get_num_threads()) == ("float64", 1536, 1)
    path.write_text("# mine\n\n  dtype = float32 \nmemory_limit=none\n", encoding="utf-8")
    config.load_from_file(path)
    assert (config.get("dtype"), config.get("memory_limit"), config.get("num_threads")) == ("float32", None, 1)


@pytest.mark.parametrize(
    "text, words",
    [
        ("dtype=float64\nnum_thread=1\n", r"line 2: Config: there is no key 'num_thread' \(did you mean 'num_threads'\?\)"),
        ("dtype=float64\nnum_threads\n", "line 2: `key=value` is needed, not 'num_threads'"),
        ("dtype=float64\n\nnum_threads=x\n", "line 3: Config: num_threads must be an int"),
        ("dtype=float64\ndevice=cuda\n", "line 2: .*not available"),
    ],
)
def test_wrong_files_change_nothing(text, words, tmp_path):
    path = tmp_path / "settings"
    path.write_text(text)
    config = Config()
    before = config.all()
    with pytest.raises(torch.SerializationError, match=words):
        config.load_from_file(path)
    assert config.all() == before


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="cannot be read") as caught:
        Config().load_from_file(tmp_path / "no")
    assert isinstance(caught.value, torch.SerializationError)
    with pytest.raises(OSError, match="cannot be opened"):
        Config().save_to_file(tmp_path / "no" / "file")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(torch.SerializationError, match="UTF-8"):
        Config().load_from_file(tmp_path / "bytes")


def test_repr():
    assert repr(Config()).startswith("Config(device='cpu', dtype='float32', ")


def test_default_device():
    assert torch.get_default_device() == torch.device("cpu")
    torch.set_default_device("cpu")
    torch.set_default_device(None)
    with pytest.raises(torch.DeviceError, match="'cuda:1' is not available"):
        torch.set_default_device("cuda:1")


# ------------------------------------------------------------------------------------------ facts


def test_system_info():
    info = get_system_info()
    assert info["rustorch"] == torch.__version__ and info["numpy"] == np.__version__
    assert info["python"] == ".".join(map(str, sys.version_info[:3]))
    assert 1 <= info["cores_allowed"] <= info["cores"] and info["num_threads"] == torch.get_num_threads()
    assert 0 < info["memory_available"] <= info["memory_total"] and info["memory_limit"] is None
    assert info["cuda_available"] is torch.cuda.is_available() and info["metal_available"] is False
    assert set(info["plugins"]) >= {"mpi", "hdf5", "plot", "image", "cuda", "nccl"}
    assert all(isinstance(there, bool) for there in info["plugins"].values())
    assert info["default_dtype"] == "rustorch.float32" and "OpenBLAS" in info["blas"]
    Config().set("memory_limit", 64)
    assert get_system_info()["memory_limit"] == 64 << 20


def test_system_info_names_the_environment(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("PASSWORD", "secret")
    assert get_system_info()["environment"]["OMP_NUM_THREADS"] == "3"
    assert "secret" not in str(get_system_info())


def test_availability():
    assert cuda_is_available() is torch.cuda.is_available()
    assert metal_is_available() is False


def drawn():
    return random.random(), np.random.rand(), torch.rand(3).tolist(), torch.randperm(5).tolist()


@pytest.mark.parametrize("seed", [0, 7, (1 << 32) - 1, 1 << 32, (1 << 64) - 1, np.int64(3)])
def test_seed(seed):
    set_seed(seed)
    first = drawn()
    assert drawn() != first
    set_seed(seed)
    assert drawn() == first
    set_seed((int(seed) + 1) % (1 << 64))
    other = drawn()
    assert all(a != b for a, b in zip(first[:3], other[:3]))


def test_seed_uses_all_bits():
    set_seed(5)
    low = np.random.rand()
    set_seed(5 + (1 << 32))
    assert np.random.rand() != low


@pytest.mark.parametrize("seed, kind", [(1.5, TypeError), ("1", TypeError), (True, TypeError), (None, TypeError), (-1, ValueError), (1 << 64, ValueError)])
def test_wrong_seeds(seed, kind):
    with pytest.raises(kind, match="set_seed: seed must be"):
        set_seed(seed)


def test_metadata():
    assert torch.__author__ and torch.__description__ and torch.__version__.count(".") == 2


def test_utils_lists_its_names():
    for name in torch.utils.__all__:
        assert getattr(torch.utils, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Profile'"):
        torch.utils.Profile
