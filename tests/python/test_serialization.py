"""Files: what goes in comes out, and what is damaged, foreign or newer is refused."""

import io
import json
import math
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections import Counter, OrderedDict, defaultdict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rustorch as rt
from rustorch import _C, nn

FULL = os.environ.get("RUSTORCH_TEST_FULL") == "1"
DTYPES = [rt.bool, rt.uint8, rt.int8, rt.int16, rt.int32, rt.int64, rt.float16, rt.bfloat16, rt.float32, rt.float64]


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "state.h5")


def bits(tensor):
    plain = tensor.detach()
    return (plain.float() if plain.dtype == rt.bfloat16 else plain).numpy().tobytes()


def same(a, b):
    """Equal in type, value and bits."""
    if isinstance(a, rt.Tensor):
        alike = isinstance(b, rt.Tensor) and a.dtype == b.dtype and a.shape == b.shape and a.requires_grad == b.requires_grad
        return alike and bits(a) == bits(b)
    if isinstance(a, np.ndarray):
        return type(b) is np.ndarray and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if type(a) is not type(b):
        return False
    if isinstance(a, np.generic):
        return a.dtype == b.dtype and a.tobytes() == b.tobytes()
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a.items(), b.items()))
    if isinstance(a, float) and math.isnan(a):
        return math.isnan(b)
    return a == b and (not isinstance(a, float) or math.copysign(1, a) == math.copysign(1, b))


def round_trip(value, path):
    rt.save(value, path)
    return rt.load(path)


# ------------------------------------------------------------------------------------------------ values


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (4, 5), (1, 2, 3, 4)])
def test_dtypes(path, dtype, shape):
    tensor = (rt.arange(math.prod(shape)) % 2).reshape(shape).to(dtype)
    assert same(round_trip(tensor, path), tensor)
    assert same(round_trip({"a": [tensor]}, path), {"a": [tensor]})


def test_strided(path):
    t = rt.rand(6, 8)
    views = [t.t(), t[::2, 1::3], t[:, 3], t[2:3].expand(4, 8), t.flip(0), t[1, 1]]
    assert same(round_trip(views, path), views)
    loaded = rt.load(path)  # parts of one memory, as they were
    loaded[2].fill_(5)
    assert loaded[0][3].eq(5).all() and loaded[1][0, 0] != 5 and not loaded[5].eq(5).any()
    apart = [view.clone() for view in views]
    assert all(x.is_contiguous() for x in round_trip(apart, path)) and same(rt.load(path), apart)


def test_special_values(path):
    t = rt.tensor([math.nan, math.inf, -math.inf, -0.0, 5e-324, 1e308], dtype=rt.float64)
    whole = [2**63 - 1, -(2**63), 2**63, -(2**64), 10**5000]
    values = {"t": t, "f": [math.nan, math.inf, -math.inf, -0.0, 5e-324, 0.1], "i": whole, "c": 1 - 2j}
    assert same(round_trip(values, path), values)


def test_plain_data(path):
    value = {
        "none": None, "bools": [True, False], "text": ["", "ä\0\n\ud800", "x" * 70000], "bytes": [b"", bytes(range(256))],
        "tuple": (1, (2.0, [])), "size": rt.Size([2, 3]), "dtype": rt.bfloat16, "device": rt.device("cpu"), "empty": {},
        "ordered": OrderedDict(b=1, a=2), "counter": Counter("abca"), "set": {1, 2, 3}, "frozen": frozenset("ab"),
    }  # fmt: skip
    assert same(round_trip(value, path), value)
    assert round_trip(defaultdict(list, a=[1]), path) == {"a": [1]}
    for root in (None, 1, "x", [], (), {}, rt.ones(2), [rt.ones(2)]):
        assert same(round_trip(root, path), root)


def test_numpy(path):
    kinds = ["u1", "u2", "u4", "u8", "i1", "i8", "f2", "f4", "f8", "c8", "c16", "?", "U3", "S4", "M8[s]", "m8[ms]", ">i4", ">f8"]
    arrays = {k: np.arange(6).astype(k) if k not in ("?",) else np.arange(6) > 2 for k in kinds}
    arrays["strided"] = np.arange(24.0).reshape(4, 6)[::2, ::-1]
    arrays["fortran"] = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    arrays["zero"], arrays["empty"] = np.array(3.5), np.empty((2, 0, 3), np.int16)
    arrays["scalars"] = [np.float32(0.1), np.int64(-3), np.bool_(True), np.uint16(9), np.float64(math.nan), np.str_("ab")]
    arrays["empty text"] = np.str_("")
    assert same(round_trip(arrays, path), arrays)
    rt.load(path)["u4"][0] = 1  # can be written to


def test_keys(path):
    t = rt.arange(3)
    state = {1: t, "1": t + 1, 1.5: t + 2, None: t + 3, True: "is 1", (1, "a"): t + 4, b"k": t + 5, "a": {"b": t + 6}, "a/b": t + 7}
    odd = ["", ".", "..", "%2F", "\0", "ü" * 300, "\ud800", "rustorch.json"]
    state.update({key: t + 8 + i for i, key in enumerate(odd)})
    state["tree"] = {2: {"x": t + 16}, "2": {"x": t + 17}, 2.0: {"x": t + 18}, "x": {"x": {"x": t + 19}}}
    assert same(round_trip(state, path), state)


def test_names_in_the_file(path):
    h5py = pytest.importorskip("h5py")
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    others = {"a/b": rt.ones(2, dtype=rt.bool), "half": rt.ones(2).half(), "bf": rt.ones(2).bfloat16()}
    rt.save({"model": model.state_dict(), **others}, path)
    with h5py.File(path) as file:
        for name, value in model.state_dict().items():
            assert np.array_equal(file["model"][name][()], value.numpy()), name
            assert file["model"][name].attrs["dtype"].decode() == value.dtype()
        assert file["a%2Fb"].dtype == bool and file["half"].dtype == np.float16
        assert file["bf"][:].tolist() == [0x3F80, 0x3F80]
        note = json.loads(bytes(file["rustorch.json"][:]))
        assert note["rustorch"] == rt.__version__ and "model" in note["root"]["dict"]


def test_what_overlaps(path):
    """Views without what they are views of share memory again; what cannot be said so is stored on its own."""
    base = rt.arange(12.0)
    loaded = round_trip([base[:6], base[4:9].clone(), base[3:].view(3, 3).t(), base[::3]], path)
    assert same(loaded, [base[:6], base[4:9], base[3:].view(3, 3).t(), base[::3]])
    loaded[0].fill_(7)
    assert loaded[2][0].tolist() == [7, 6, 9] and loaded[3].tolist() == [7, 7, 6, 9] and loaded[1].tolist() == [4, 5, 6, 7, 8]
    numbers = np.arange(12.0)
    apart = [rt.from_numpy(numbers[:6]), rt.from_numpy(numbers[4:]), rt.from_numpy(numbers[8:4:-1])]
    apart.append(rt.from_numpy(numbers[6:8]).view(rt.int64))
    assert same(round_trip(apart, path), apart)
    h5py = pytest.importorskip("h5py")
    rt.save({"w": base, "part": base[2:5], "x": rt.ones(2)[:1], "y": rt.ones(2)[1:]}, path)
    with h5py.File(path) as file:
        assert sorted(file) == ["rustorch.json", "w", "x", "y"]
    rt.save([base[:6], base[4:]], path)
    with h5py.File(path) as file:
        assert sorted(file) == ["rustorch.json", "rustorch.shared"] and file["rustorch.shared"].shape == (12,)


def test_sharing_and_gradients(path):
    p = nn.Parameter(rt.rand(3))
    base = rt.rand(4)
    values = [p, p, p.detach(), base, base[:2], base.clone(), rt.zeros(0, requires_grad=True)]
    a, b, c, d, e, f, g = round_trip(values, path)
    assert a is b and a.requires_grad and a.is_leaf and isinstance(a, nn.Parameter)
    assert c is not a and not c.requires_grad and c.data_ptr() == a.data_ptr()
    assert d.data_ptr() == e.data_ptr() != f.data_ptr() and g.requires_grad and not isinstance(g, nn.Parameter)
    size = os.path.getsize(path)
    big = rt.rand(100000)
    rt.save([big] * 10, path)
    assert os.path.getsize(path) < 500000 + size
    two = (a * 2).sum()
    assert same(round_trip(two, path), two.detach().requires_grad_())


def make_tensor(shape, dtype):
    return (rt.arange(math.prod(shape)) % 2).reshape(shape).to(dtype)


leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(),
    st.builds(make_tensor, st.lists(st.integers(0, 3), max_size=3), st.sampled_from(DTYPES)),
    st.builds(lambda n, kind: np.arange(n).astype(kind), st.integers(0, 5), st.sampled_from(["f4", "u4", "i2"])),
)  # fmt: skip
keys = st.one_of(
    st.text(), st.integers(), st.floats(allow_nan=False), st.booleans(), st.none(), st.tuples(st.integers(), st.text())
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.lists(inner, max_size=3).map(tuple), st.dictionaries(keys, inner, max_size=4)
    ),
    max_leaves=12,
)
ANY = settings(
    max_examples=600 if FULL else 60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@ANY
@given(value=trees)
def test_any_nesting(tmp_path, value):
    assert same(round_trip(value, str(tmp_path / "any.h5")), value)


class Odd(list):
    pass


@pytest.mark.parametrize(
    "value, text",
    [
        ({"o": rt.optim.SGD([rt.ones(1)], 0.1)}, "state['o']: a SGD cannot be saved: save its state_dict()"),
        ([1, {"o": (nn.TripletMarginWithDistanceLoss(distance_function=max),)}], "state[1]['o'][0].distance_function: a builtin"),
        (lambda: 0, "state: a function cannot be saved"),
        ({"x": Odd()}, "make a plain list"),
        ({"x": np.array([object()])}, "state['x']: a NumPy ndarray of dtype object"),
        ({nn.ReLU(): 1}, "key that is a ReLU"),
        (np.ma.array([1]), "MaskedArray"),
    ],
)
def test_what_cannot_be_saved(path, value, text):
    with pytest.raises(rt.SerializationError) as caught:
        rt.save(value, path)
    assert text in str(caught.value) and not os.path.exists(path)


def test_depth_and_cycles(path):
    deep = shallow = rt.ones(1)
    for _ in range(90):
        shallow = [{"x": shallow}] if _ % 2 else (shallow,)
    for _ in range(100000):
        deep = [deep]
    with pytest.raises(rt.SerializationError, match="deep"):
        rt.save(deep, path)
    for _ in range(100000):  # freed step by step: Python's own lists recurse
        deep = deep[0]
    nested = rt.ones(1)
    for _ in range(98):
        nested = {"level": nested}
    assert same(round_trip(nested, path), nested)
    loop = []
    loop.append({"again": loop})
    with pytest.raises(rt.SerializationError, match=r"state\[0\]\['again'\].*contains itself"):
        rt.save(loop, path)
    with pytest.raises(rt.SerializationError, match="deep"):
        rt.save(shallow, path)


def test_arguments(path, tmp_path):
    rt.save({"x": rt.ones(2)}, tmp_path / "p.h5")  # a pathlib.Path
    rt.save({"x": rt.ones(2)}, os.fsencode(path))
    for wrong in (3, None, "", "a\0b"):
        with pytest.raises((TypeError, ValueError)):
            rt.save(1, wrong)
        with pytest.raises((TypeError, ValueError)):
            rt.load(wrong)
    with pytest.raises(rt.SerializationError, match="no pickle"):
        rt.load(path, pickle_module=pickle)
    for place in (None, "cpu", rt.device("cpu"), {"cuda:0": "cpu"}, lambda storage, location: storage, lambda *_: None):
        for weights_only in (None, True, False):
            assert rt.load(path, place, weights_only=weights_only)["x"].device.type == "cpu"
    for place in (3, rt.Tensor, lambda storage, location: "cpu"):
        with pytest.raises(TypeError, match="map_location"):
            rt.load(path, place)
    rt.save(1, path, _use_new_zipfile_serialization=False)
    assert rt.load(path) == 1


def test_file_objects(path, tmp_path):
    """An open file or a BytesIO, from where it stands."""
    state = {"x": rt.rand(300, 300), "y": [1, "ü"]}
    buffer = io.BytesIO(b"head")
    buffer.seek(4)
    rt.save(state, buffer)
    rt.save(state, path)
    assert buffer.getvalue() == b"head" + open(path, "rb").read()
    buffer.seek(4)
    assert same(rt.load(buffer), state)
    buffer.seek(4)
    assert same(rt.load(buffer, mmap=True), state)
    with pytest.raises(rt.SerializationError):
        rt.load(buffer)  # at its end
    with open(tmp_path / "by hand", "wb") as file:
        rt.save(state, file)
    with open(tmp_path / "by hand", "rb") as file:
        assert same(rt.load(file), state)
    with open(path, "w") as file, pytest.raises(TypeError):
        rt.save(state, file)
    with open(__file__, encoding="utf-8") as file, pytest.raises(TypeError, match="reading bytes"):
        rt.load(file)


def test_mmap(path):
    big = rt.rand(300, 1000)
    state = {"big": big, "small": rt.ones(3), "t": big.t().clone(), "bool": rt.ones(100000, dtype=rt.bool)}
    rt.save(state, path)
    loaded = rt.load(path, mmap=True)
    assert same(loaded, state)
    before = open(path, "rb").read()
    loaded["big"].zero_()
    assert loaded["big"].sum().item() == 0 and open(path, "rb").read() == before
    os.remove(path)
    assert same(loaded["t"], state["t"])
    data = bytearray(before)
    data[before.index(big.numpy().tobytes()) + 5000] ^= 1
    open(path, "wb").write(data)
    with pytest.raises(rt.SerializationError, match="big"):
        rt.load(path, mmap=True)


def test_links_and_devices(path, tmp_path):
    rt.save(1, path)
    link = tmp_path / "link.h5"
    link.symlink_to(path)
    rt.save(2, link)
    assert link.is_symlink() and rt.load(path) == 2
    os.chmod(path, 0o600)
    for name in ("/dev/null", str(tmp_path)):
        with pytest.raises(rt.SerializationError, match="of that name"):
            rt.save(1, name)
    assert not os.path.isfile("/dev/null")
    fifo = str(tmp_path / "fifo")
    os.mkfifo(fifo)
    with pytest.raises(rt.SerializationError, match="not a file"):
        rt.load(fifo)


# ------------------------------------------------------------------------------------------------ damage


def small_state():
    rt.manual_seed(1)
    model = nn.Linear(20, 30)
    return {"model": model.state_dict(), "step": 3, "state": [rt.arange(5), rt.ones(7, dtype=rt.bool), rt.zeros(0, 4)]}


def test_every_byte_flipped(path, tmp_path):
    state = small_state()
    rt.save(state, path)
    good = open(path, "rb").read()
    assert 5_000 < len(good) < 16_000
    damaged = str(tmp_path / "damaged.h5")
    with open(damaged, "wb") as file:
        file.write(good)
    handle = os.open(damaged, os.O_WRONLY)
    for at in range(0, len(good), 1 if FULL else 7):
        for flip in (0xFF, 1 << at % 8):
            os.pwrite(handle, bytes([good[at] ^ flip]), at)
            for function in (_C._file_load, _C._file_verify):
                with pytest.raises(rt.SerializationError):
                    function(damaged)
        os.pwrite(handle, good[at : at + 1], at)
    os.close(handle)
    assert same(rt.load(damaged), state)


def test_every_length(path, tmp_path):
    rt.save(small_state(), path)
    good = open(path, "rb").read()
    cut = str(tmp_path / "cut.h5")
    shutil.copy(path, cut)
    for length in range(len(good) - 1, -1, -1 if FULL else -13):
        os.truncate(cut, length)
        with pytest.raises(rt.SerializationError):
            _C._file_load(cut)
    for extra in (b"\0", b"x" * 72, good):
        open(cut, "wb").write(good + extra)
        if extra is good:  # two files in a row end in a whole trailer, but not at the place it speaks of
            with pytest.raises(rt.SerializationError, match="damaged"):
                rt.load(cut)
        else:
            with pytest.raises(rt.SerializationError):
                rt.load(cut)


def zip_bytes():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", b"x" * 100)
    return file.getvalue()


@pytest.mark.parametrize(
    "content, text",
    [
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 200, "not a rustorch file: it begins with 89 50 4e 47 0d 0a 1a 0a$"),
        (zip_bytes(), "no file by torch.save"),
        (pickle.dumps({"a": list(range(100))}), "pickle"),
        (b"hello, this is text\n" * 20, 'not a rustorch file: it begins with "hello, t"$'),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 500, "trailer"),
        (b"x\ny", 'not a rustorch file: it begins with "x"$'),
    ],
)
def test_foreign_files(path, content, text):
    with open(path, "wb") as file:
        file.write(content)
    with pytest.raises(rt.SerializationError, match=text):
        rt.load(path)


def test_other_programs(path, tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(10)
    with pytest.raises(rt.SerializationError, match="h5py"):
        rt.load(path)
    rt.save({"x": rt.arange(100)}, path)
    with h5py.File(path, "r+") as file:
        file["x"][3] = -1
    with pytest.raises(rt.SerializationError, match="changed by another program|damaged"):
        rt.load(path)


def test_missing_and_folders(path, tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        rt.load(path)
    assert isinstance(caught.value, rt.SerializationError) and path in str(caught.value)
    with pytest.raises(FileNotFoundError):
        rt.save(1, str(tmp_path / "no" / "x.h5"))
    with pytest.raises(rt.SerializationError, match="folder"):
        rt.load(str(tmp_path))


def test_newer_version(path):
    rt.save(1, path)
    data = bytearray(open(path, "rb").read())
    data[-72 + 16] = 2
    open(path, "wb").write(data)
    with pytest.raises(rt.SerializationError, match="version 2 .* newer rustorch"):
        rt.load(path)


def test_absurd_trailers(path):
    """A digest is no signature: who makes one over nonsense must still get an error."""
    import hashlib
    import struct

    rt.save({"x": rt.ones(4)}, path)
    data = open(path, "rb").read()
    body, table_bytes = struct.unpack("<QQ", data[-72 + 24 : -72 + 40])
    table = data[body:-72]
    lies = [b"\xff" * len(table), b"\0" * len(table), table[:-1], table[: len(table) // 2]]
    for at in range(0, len(table), 1):
        lies.append(table[:at] + bytes([table[at] ^ 0xFF]) + table[at + 1 :])
        lies.append(table[:at] + b"\x7f" + table[at + 1 :])
    for lie in lies:
        head = data[-72:-48] + struct.pack("<QQ", body, len(lie))
        digest = hashlib.sha256(data[:body] + lie + head).digest()  # right only where the tensors' places are wrong too
        open(path, "wb").write(data[:body] + lie + head + digest)
        try:
            rt.load(path)
        except rt.SerializationError:
            pass


def test_structure_that_lies(path):
    """Names, numbers and types of the JSON part are checked like everything else."""
    roots = [
        '{"tensor":"/x","object":0}', '{"os.system":"x"}', '{"dtype":"Tensor"}', '{"a":1,"b":2}', '{"scalar":["O","AAAAAAAAAAA="]}',
        '{"dict_items":[[{"list":1},2]]}', '{"array":["O",[1]],"tensor":"/rustorch.json"}', '{"inline":["Tensor",[1],""]}',
        "[" * 100000 + "]" * 100000, '{"tensor":"/rustorch.json","view":[5,[1000000],[1]]}', '{"function":"rustorch.save"}',
        '{"tensor":"/rustorch.json","view":[-9,[1],[1]]}', '{"metadata":1}', '{"metadata":1,"dict":{}}', '{"uninitialized":"Tensor"}',
        '{"namespace":[1]}', '{"module":0}', '{"module":[]}', '{"module":0,"class":"os.path"}', '{"empty":["float32",[-1]]}',
        '{"module":0,"class":"rustorch.nn.Linear"}', '{"module":0,"class":5,"attributes":{}}',
        '{"module":0,"class":"rustorch.training.Model","config":{"dict":{"layers":[{"dict":{"text":"__import__(os)"}}]}},"weights":{}}',
    ]  # fmt: skip
    texts = ['{"structure":1}', "[]", "{", '{"structure":9,"rustorch":"9.0","root":1}']
    for text in texts + [f'{{"structure":1,"root":{root}}}' for root in roots]:
        note = rt.from_numpy(np.frombuffer(bytearray(text.encode()), np.uint8))
        _C._file_save(path, ["rustorch.json"], [note])
        with pytest.raises(rt.SerializationError):
            rt.load(path)
    _C._file_save(path, ["x"], [rt.ones(1)])
    with pytest.raises(rt.SerializationError, match="no structure"):
        rt.load(path)


# ------------------------------------------------------------------------------------------------ faults


def test_disk_full(path, tmp_path):
    rt.save({"x": rt.ones(10)}, path)
    folder = tmp_path / "full"
    folder.mkdir()
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], stderr=subprocess.DEVNULL).returncode == 0  # fmt: skip
    try:
        target = str(folder / "state.h5")
        rt.save({"x": rt.ones(10)}, target)
        script = (
            "import resource, signal, sys, rustorch as rt\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            f"if not {mounted}: resource.setrlimit(resource.RLIMIT_FSIZE, (100000, resource.RLIM_INFINITY))\n"
            "try: rt.save({'x': rt.ones(1000000)}, sys.argv[1])\n"
            "except rt.SerializationError as e: print(isinstance(e, OSError), e)\n"
        )
        out = subprocess.run([sys.executable, "-c", script, target], capture_output=True, text=True, timeout=60)
        assert out.returncode == 0, out.stderr
        assert "True" in out.stdout and (not mounted or ("are free" in out.stdout and "untouched" in out.stdout)), out.stdout
        assert os.listdir(folder) == ["state.h5"] and same(rt.load(target), {"x": rt.ones(10)})
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


SAVER = """
import sys, rustorch as rt
state = {"a": rt.full((200000,), float(sys.argv[2])), "b": [rt.full((300,), float(sys.argv[2]))] }
print("ready", flush=True)
while True: rt.save(state, sys.argv[1])
"""


def start_saver(path, value):
    child = subprocess.Popen([sys.executable, "-c", SAVER, path, str(value)], stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"ready\n"
    return child


def consistent(path):
    state = rt.load(path)
    values = {x.item() for x in (state["a"].min(), state["a"].max(), state["b"][0].min(), state["b"][0].max())}
    assert len(values) == 1
    return values.pop()


@pytest.mark.parametrize("kills", [400 if FULL else 40])
def test_killed_while_saving(tmp_path, kills):
    """kill -9 at any moment leaves the old file or the new one, and the next save clears up."""
    folder = tmp_path / "killed"
    folder.mkdir()
    path = str(folder / "state.h5")
    rt.save({"a": rt.zeros(5), "b": [rt.zeros(5)]}, path)
    rng = np.random.default_rng(3)
    state = {"a": rt.ones(200000), "b": [rt.ones(300)]}
    for _ in range(kills):
        child = os.fork()  # without a start of Python each time: forty kills in seconds
        if child == 0:
            try:
                while True:
                    rt.save(state, path)
            finally:
                os._exit(1)
        time.sleep(float(rng.uniform(0.0, 0.04)))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        consistent(path)
    rt.save(state, path)
    assert os.listdir(folder) == ["state.h5"]


def test_leftovers_of_others_stay(tmp_path):
    path = str(tmp_path / "state.h5")
    host = os.uname().nodename.replace("-", "_")[:40]
    dead = subprocess.Popen(["true"])
    dead.wait()
    names = {
        f".state.h5.{host}-{dead.pid}-0.rustorch-tmp": False,  # of a dead process: goes
        f".state.h5.{host}-{os.getpid()}-99.rustorch-tmp": True,  # of a living one
        f".state.h5.{host}x-{dead.pid}-0.rustorch-tmp": True,  # of another host
        f".other.h5.{host}-{dead.pid}-0.rustorch-tmp": True,  # of another file
        f".state.h5.{host}-{dead.pid}-0.tmp": True,
    }
    for name in names:
        (tmp_path / name).write_text("x")
    rt.save(1, path)
    assert {name for name in names if (tmp_path / name).exists()} == {name for name, stays in names.items() if stays}


def test_two_processes_one_path(tmp_path):
    path = str(tmp_path / "state.h5")
    children = [start_saver(path, value) for value in (1.0, 2.0)]
    try:
        seen = set()
        end = time.time() + 3
        while time.time() < end:
            if os.path.exists(path):
                seen.add(consistent(path))
        assert seen <= {1.0, 2.0} and seen
    finally:
        for child in children:
            child.kill()
            child.wait()
            child.stdout.close()
    rt.save({"a": rt.zeros(1), "b": [rt.zeros(1)]}, path)
    assert os.listdir(tmp_path) == ["state.h5"]


def test_threads_change_what_is_saved(path):
    """A tensor that is written to while it is saved gives a file with a mixture, but a valid one."""
    import threading

    t = rt.zeros(2_000_000)
    stop = threading.Event()

    def write():
        while not stop.is_set():
            t.add_(1)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(5):
            rt.save({"t": t}, path)
            rt.load(path)
    finally:
        stop.set()
        thread.join()


def test_allocation_failures(path, tmp_path):
    """Every allocation of a save and a load fails once: an error, the earlier file whole, nothing left over."""
    state = {"x": rt.arange(6).reshape(2, 3).t(), "y": rt.ones(3)}
    rt.save(state, path)
    for action in (lambda: rt.save(state, path), lambda: rt.load(path)):
        for n in range(1, 300):
            _C._fail_allocation(n)
            try:
                action()
                failed = False
            except MemoryError:
                failed = True
            finally:
                _C._fail_allocation(0)
            assert os.listdir(tmp_path) == ["state.h5"]
            assert same(rt.load(path), state)
            if not failed:
                break
        assert n > 3 and not failed


def test_plugin_missing(tmp_path, whole_package):
    package = str(whole_package)
    copied = tmp_path / "rustorch"
    copied.mkdir()
    for name in os.listdir(package):
        if name.startswith("rustorch_hdf5") or name == "__pycache__":
            continue
        if name.startswith("lib") or name.startswith("_C."):
            shutil.copy(os.path.join(package, name), copied / name)  # found beside the copy, not beside the original
        else:
            os.symlink(os.path.join(package, name), copied / name)
    script = (
        "import rustorch as rt\n"
        "for f in (lambda: rt.save(1, 'x.h5'), lambda: rt.load('x.h5')):\n"
        "    try: f()\n"
        "    except rt.PluginError as e: print(e)\n"
    )
    env = dict(os.environ, PYTHONPATH=str(tmp_path))
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=env, cwd=tmp_path, timeout=60)
    assert out.stdout.count("libhdf5-dev") == 2, out.stdout + out.stderr
