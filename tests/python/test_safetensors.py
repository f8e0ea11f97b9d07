"""safetensors: what we write others read, what others write we read, and every lie in a header is found."""

import json
import math
import os
import resource
import signal
import struct
import subprocess
import sys
import time

import numpy as np
import pytest

import rustorch as rt
from rustorch import nn
from rustorch.utils import safetensors
from rustorch.utils.safetensors import load_file, safe_open, save_file

DTYPES = [rt.bool, rt.uint8, rt.int8, rt.int16, rt.int32, rt.int64, rt.float16, rt.bfloat16, rt.float32, rt.float64]


def everything():
    state = {}
    for dtype in DTYPES:
        for shape in [(), (0,), (3,), (2, 0, 3), (2, 3, 4)]:
            state[f"{dtype()}.{'x'.join(map(str, shape))}"] = (rt.arange(math.prod(shape)) % 2).reshape(shape).to(dtype)
    state["strided"] = rt.rand(4, 6).t()[::2]
    state['이름 with spaces/\n"quotes"'] = rt.tensor([math.nan, -0.0, math.inf])
    return state


def same(a, b):
    def bits(t):
        return t.detach().float().numpy().tobytes() if t.dtype == rt.bfloat16 else t.detach().numpy().tobytes()

    return set(a) == set(b) and all(a[k].dtype == b[k].dtype and a[k].shape == b[k].shape and bits(a[k]) == bits(b[k]) for k in a)


def read_plainly(path):
    """An independent reader: the header as it stands, and the bytes of each tensor."""
    data = open(path, "rb").read()
    (n,) = struct.unpack("<Q", data[:8])
    table = json.loads(data[8 : 8 + n])
    body = data[8 + n :]
    return table, {k: body[slice(*v["data_offsets"])] for k, v in table.items() if k != "__metadata__"}


# ---------------------------------------------------------------------------------------------- round trips


def test_round_trip(tmp_path):
    path, state = tmp_path / "모델.safetensors", everything()
    save_file(state, path, {"format": "pt", "메모": "값"})
    assert same(load_file(path), state) and same(safetensors.load(path.read_bytes()), state)
    assert safetensors.save(state, {"format": "pt", "메모": "값"}) == path.read_bytes()
    table, values = read_plainly(path)
    assert table.pop("__metadata__") == {"format": "pt", "메모": "값"}
    assert table["float32.2x3x4"] == {"dtype": "F32", "shape": [2, 3, 4], "data_offsets": table["float32.2x3x4"]["data_offsets"]}
    assert values["strided"] == np.ascontiguousarray(state["strided"].numpy()).tobytes()
    start = 8 + struct.unpack("<Q", path.read_bytes()[:8])[0]
    assert start % 8 == 0 and all(
        v["data_offsets"][0] % rt.tensor([], dtype=state[k].dtype).element_size() == 0 for k, v in table.items()
    )
    load_file(path)["float32.3"][0] = 7  # memory of its own, that can be written to
    save_file({}, path)
    assert load_file(path) == {} and os.listdir(tmp_path) == [path.name]


def test_the_package_reads_and_writes_the_same(tmp_path):
    theirs = pytest.importorskip("safetensors.numpy")
    package = pytest.importorskip("safetensors")
    state = {k: v for k, v in everything().items() if v.dtype != rt.bfloat16}
    path = str(tmp_path / "x.safetensors")
    save_file(state, path, {"a": "1"})
    found = theirs.load_file(path)
    assert set(found) == set(state) and all(found[k].tobytes() == np.ascontiguousarray(state[k].numpy()).tobytes() for k in state)
    with package.safe_open(path, framework="np") as file:
        assert file.metadata() == {"a": "1"} and file.keys() == safe_open(path).keys()
        assert (
            sorted(file.offset_keys(), key=lambda k: state[k].numel() > 0)[-10:]
            == [k for k in safe_open(path).offset_keys() if state[k].numel()][-10:]
        )
    arrays = {k: np.array(v.numpy(), order="C") for k, v in state.items()}
    theirs.save_file(arrays, path)
    assert same(load_file(path), {k: v.contiguous() for k, v in state.items()})
    assert safetensors.save(state) == theirs.save(arrays)


def test_pytorch_reads_and_writes(tmp_path):
    torch = pytest.importorskip("torch")
    theirs = pytest.importorskip("safetensors.torch")
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2).to(torch.bfloat16))
    path = str(tmp_path / "x.safetensors")
    theirs.save_file(model.state_dict(), path, {"format": "pt"})
    ours = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2).bfloat16())
    assert str(ours.load_state_dict(load_file(path))) == "<All keys matched successfully>"
    save_file(ours.state_dict(), path)
    for name, value in theirs.load_file(path).items():
        assert torch.equal(value, model.state_dict()[name])


def test_safe_open(tmp_path):
    path, state = str(tmp_path / "x.safetensors"), everything()
    save_file(state, path, {"k": "v"})
    with safe_open(path, framework="pt", device="cpu") as file:
        assert file.keys() == sorted(state) and file.metadata() == {"k": "v"} and set(file.offset_keys()) == set(state)
        assert same({k: file.get_tensor(k) for k in file.keys()}, state)
        part = file.get_slice("float32.2x3x4")
        assert part.get_shape() == [2, 3, 4] and part.get_dtype() == "F32"
        whole = state["float32.2x3x4"]
        for index in (0, (slice(None), 1), (slice(0, 1), slice(1, None, 2)), (Ellipsis, -1), (1, 2, 3), slice(None)):
            assert rt.equal(part[index], whole[index]) and part[index].is_contiguous()
        with pytest.raises(IndexError):
            part[5]
        kept = file.get_tensor("float32.3")
        kept[0] = 9  # in memory alone
        with pytest.raises(rt.SerializationError, match="no tensor 'nothing'"):
            file.get_tensor("nothing")
    assert kept[0] == 9 and not rt.equal(load_file(path)["float32.3"], kept)
    with pytest.raises(rt.SerializationError, match="closed"):
        file.get_tensor("float32.3")
    with safe_open(path, "np") as file:
        assert isinstance(file.get_tensor("float32.3"), np.ndarray) and isinstance(file.get_slice("float32.3")[1:], np.ndarray)
    with pytest.raises(rt.UnsupportedError, match="'tf'"):
        safe_open(path, "tf")


def test_memory_is_the_files(tmp_path):
    """A slice of a large file takes memory for the slice, and loading takes that of the tensors once."""
    path = str(tmp_path / "big.safetensors")
    save_file({"a": rt.zeros(1000, 10000), "b": rt.zeros(1000, 10000)}, path)  # 2 × 40 MB
    script = (
        "import re, sys\nfrom rustorch.utils.safetensors import safe_open, load_file\n"
        "peak = lambda: int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) >> 10\nbefore = peak()\n"
        "with safe_open(sys.argv[1]) as f: part = f.get_slice('a')[:10]\n"
        "slice_ = peak() - before\nwhole = load_file(sys.argv[1])\nprint(slice_, peak() - before)\n"
    )
    out = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, timeout=60)
    of_slice, of_all = map(int, out.stdout.split())
    assert of_slice < 20 and 70 < of_all < 110, out


def test_models(tmp_path):
    path = tmp_path / "m.safetensors"

    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
            self.head.weight = self.embed.weight
            self.norm = nn.BatchNorm1d(3)

    model, other = Tied(), Tied()
    with pytest.raises(rt.SerializationError, match="'embed.weight', 'head.weight' share memory.*save_model"):
        save_file(model.state_dict(), path)
    safetensors.save_model(model, path, {"format": "pt"})
    table, _ = read_plainly(path)
    assert "head.weight" not in table and table["__metadata__"] == {"format": "pt", "head.weight": "embed.weight"}
    assert safetensors.load_model(other, path) == ([], [])
    assert rt.equal(other.head.weight, model.embed.weight) and other.head.weight is other.embed.weight
    save_file({k: v for k, v in model.state_dict().items() if k != "embed.weight"}, path)  # as others may write it
    assert safetensors.load_model(other, path) == ([], [])
    with pytest.raises(RuntimeError, match="Missing key"):
        safetensors.load_model(nn.Linear(2, 2), path)
    missing, unexpected = safetensors.load_model(nn.Linear(2, 2), path, strict=False)
    assert set(missing) == {"weight", "bias"} and "head.weight" in unexpected
    model.part = nn.Parameter(model.embed.weight.detach()[1:])
    with pytest.raises(rt.SerializationError, match="'part' is a part of 'embed.weight'|'embed.weight' is a part of 'part'"):
        safetensors.save_model(model, path)
    with pytest.raises(ValueError, match="not contiguous"):
        safetensors.save_model(nn.ParameterList([rt.rand(3, 2).t()]), path, force_contiguous=False)


def test_arguments(tmp_path):
    path = tmp_path / "x.safetensors"
    for tensors, text in [([rt.ones(1)], "dict of tensors"), ({"a": 1}, "'a' is a int"), ({1: rt.ones(1)}, "must be str")]:
        with pytest.raises(TypeError, match=text):
            save_file(tensors, path)
    with pytest.raises(ValueError, match="__metadata__"):
        save_file({"__metadata__": rt.ones(1)}, path)
    with pytest.raises(TypeError, match="metadata"):
        save_file({}, path, {"a": 1})
    with pytest.raises(ValueError, match="UTF-8"):
        save_file({"\ud800": rt.ones(1)}, path)
    with pytest.raises(TypeError, match="load_file reads a file"):
        safetensors.load("x")
    for function in (load_file, safe_open, safetensors.read_header):
        with pytest.raises(TypeError, match="path of a file"):
            function(3)
        with pytest.raises(FileNotFoundError):
            function(tmp_path / "none")
        with pytest.raises(OSError):
            function(tmp_path)
    assert not path.exists()
    with pytest.raises(FileNotFoundError):
        save_file({}, tmp_path / "no" / "folder")
    save_file({"x": rt.ones(2)}, path)
    with pytest.raises(rt.SerializationError, match="safetensors.load_file"):
        rt.load(path)


# ---------------------------------------------------------------------------------------------- lies


def file_of(table, body=b"", head=None, n=None):
    head = json.dumps(table).encode() if head is None else head
    return struct.pack("<Q", len(head) if n is None else n) + head + body


def entry(begin=0, end=4, dtype="F32", shape=(1,)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


LIES = [
    (b"", "too short"),
    (b"\0" * 7, "too short"),
    (file_of({}, n=10), "would have 10 bytes"),
    (file_of({}, n=100_000_001), "the limit is 100000000"),
    (file_of({}, n=2**64 - 1), "the limit is"),
    (file_of(None, head=b"[]"), "no JSON object"),
    (file_of(None, head=b" {}"), "no JSON object"),
    (file_of(None, head=b"{"), "no JSON in UTF-8"),
    (file_of(None, head=b'{"\xff": 1}'), "no JSON in UTF-8"),
    (file_of(None, head=b'{"a":' + b"[" * 100000 + b"]" * 100000 + b"}"), "no JSON in UTF-8|must have dtype"),
    (file_of(None, head=b'{"a":1,"a":2}'), "'a' is there twice"),
    (file_of(None, b"\0" * 4, b'{"a":{"dtype":"F32","dtype":"I32","shape":[1],"data_offsets":[0,4]}}'), "'dtype' is there twice"),
    (file_of({"a": 5}), "must have dtype"),
    (file_of({"a": {"dtype": "F32", "shape": [1]}}), "must have dtype"),
    (file_of({"a": dict(entry(), more=1)}, b"\0" * 4), "must have dtype"),
    (file_of({"a": entry(dtype="F33")}, b"\0" * 4), "none of safetensors'"),
    (file_of({"a": entry(dtype=["F32"])}, b"\0" * 4), "none of safetensors'"),
    (file_of({"a": entry(dtype="U32")}, b"\0" * 4), "rustorch does not have"),
    (file_of({"a": entry(dtype="F8_E4M3", shape=(4,))}, b"\0" * 4), "rustorch does not have"),
    (file_of({"a": entry(shape=(-1,))}), "no list of sizes"),
    (file_of({"a": entry(shape=(1.0,))}), "no list of sizes"),
    (file_of({"a": entry(shape=(True,))}), "no list of sizes"),
    (file_of({"a": dict(entry(), shape="1")}), "no list of sizes"),
    (file_of({"a": entry(shape=(2**40, 2**40))}, b"\0" * 4), "needs .* bytes, but has 4"),
    (file_of({"a": entry(shape=(2,))}, b"\0" * 4), "needs 8 bytes, but has 4"),
    (file_of({"a": entry(4, 0)}, b"\0" * 4), "no beginning and end"),
    (file_of({"a": entry(-4, 0)}, b"\0" * 4), "no beginning and end"),
    (file_of({"a": dict(entry(), data_offsets=[0, 4, 8])}, b"\0" * 4), "no beginning and end"),
    (file_of({"a": dict(entry(), data_offsets=[0.0, 4])}, b"\0" * 4), "no beginning and end"),
    (file_of({"a": entry(4, 8)}, b"\0" * 8), "leaves a gap of 4 bytes"),
    (file_of({"a": entry(0, 4), "b": entry(8, 12)}, b"\0" * 12), "'b' leaves a gap"),
    (file_of({"a": entry(0, 4), "b": entry(0, 4)}, b"\0" * 4), "overlaps"),
    (file_of({"a": entry(0, 4), "b": entry(2, 6)}, b"\0" * 6), "overlaps"),
    (file_of({"a": entry(0, 4)}, b"\0" * 3), "have 4 bytes, but 3 follow"),
    (file_of({"a": entry(0, 4)}, b"\0" * 5), "have 4 bytes, but 5 follow"),
    (file_of({}, b"x"), "have 0 bytes, but 1 follow"),
    (file_of({"__metadata__": {"a": 1}}), "map names to text"),
    (file_of({"__metadata__": []}), "map names to text"),
    (file_of({"a": entry(0, 1, "BOOL")}, b"\2"), "bytes other than 0 and 1"),
]


@pytest.mark.parametrize("content, text", LIES)
def test_lies(tmp_path, content, text):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(rt.SerializationError, match=text) as caught:
        load_file(path)
    assert str(path) in str(caught.value)
    with pytest.raises(rt.SerializationError, match=text):
        safetensors.load(content)
    if b"BOOL" not in content:
        with pytest.raises(rt.SerializationError, match=text):
            safe_open(path)


def test_every_byte_of_the_header(tmp_path):
    """A changed byte gives an error or a file that says something else, and never anything worse."""
    path = tmp_path / "x.safetensors"
    save_file({"weight": rt.ones(2, 3), "bias": rt.arange(2)}, path, {"a": "b"})
    good = path.read_bytes()
    errors = 0
    for i in range(len(good) - 40):
        for bit in (1, 0x80):
            data = bytearray(good)
            data[i] ^= bit
            try:
                found = safetensors.load(bytes(data))
                assert all(isinstance(t, rt.Tensor) for t in found.values())
            except rt.SerializationError:
                errors += 1
    assert errors > len(good) - 40
    for n in range(len(good)):
        with pytest.raises(rt.SerializationError):
            safetensors.load(good[:n])


# ---------------------------------------------------------------------------------------------- whole or not at all


def test_killed_while_saving(tmp_path):
    path = str(tmp_path / "x.safetensors")
    save_file({"a": rt.zeros(5)}, path)
    rng = np.random.default_rng(3)
    state = {"a": rt.ones(300000)}
    for _ in range(20):
        child = os.fork()
        if child == 0:
            try:
                while True:
                    save_file(state, path)
            finally:
                os._exit(1)
        time.sleep(float(rng.uniform(0.0, 0.03)))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert load_file(path)["a"].numel() in (5, 300000)
    save_file(state, path)
    assert os.listdir(tmp_path) == ["x.safetensors"]


def test_disk_full(tmp_path):
    """Here: the largest file that the process may write. The earlier file stays, nothing is left over."""
    path = str(tmp_path / "x.safetensors")
    save_file({"x": rt.ones(10)}, path)
    script = (
        "import resource, signal, sys, rustorch as rt\nfrom rustorch.utils.safetensors import save_file\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (100000, {resource.RLIM_INFINITY}))\n"
        "try: save_file({'x': rt.ones(1000000)}, sys.argv[1])\n"
        "except rt.SerializationError as e: print(isinstance(e, OSError), e)\n"
    )
    out = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, timeout=60)
    assert out.stdout.startswith("True") and "untouched" in out.stdout, out
    assert os.listdir(tmp_path) == ["x.safetensors"] and rt.equal(load_file(path)["x"], rt.ones(10))


def test_allocation_failures(tmp_path):
    """Every allocation of a save fails once: an error, the earlier file whole, nothing left over."""
    path, state = tmp_path / "x.safetensors", {"a": rt.arange(6).reshape(2, 3).t(), "b": rt.ones(3)}
    save_file(state, path)
    for n in range(1, 100):
        rt._C._fail_allocation(n)
        try:
            save_file(state, path)
            failed = False
        except MemoryError:
            failed = True
        finally:
            rt._C._fail_allocation(0)
        assert os.listdir(tmp_path) == ["x.safetensors"] and same(load_file(path), state)
        if not failed:
            break
    assert 3 < n < 99


def test_an_error_leaves_the_old_file(tmp_path):
    from rustorch._commit import WholeFile

    path = tmp_path / "x"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), WholeFile(path) as file:
        file.write(b"new")
        1 / 0  # noqa: B018
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["x"]
    with pytest.raises(rt.SerializationError, match="closed"):
        file.write(b"more")
    with WholeFile(path) as file:
        assert file.write(np.arange(3, dtype=np.int16)) == 6 == file.tell()
    assert path.read_bytes() == b"\0\0\1\0\2\0"
    forgotten = WholeFile(path)
    forgotten.write(b"never finished")
    del forgotten
    assert os.listdir(tmp_path) == ["x"]
