"""PyTorch's files: tensors and plain data come in, and nothing that a file says is ever run."""

import collections
import io
import os
import pickle
import struct
import sys
import zipfile
import zlib

import numpy as np
import pytest

import rustorch as rt
from rustorch import nn

# ---------------------------------------------------------------------------------------------- files as torch.save makes them


class Global:
    """Pickled as a name."""

    def __init__(self, home, name):
        self.home, self.name = home, name


class Pickler(pickle._Pickler):
    """Python's, with names that need not exist, and tensors as PyTorch writes them."""

    def __init__(self, file, storages, protocol=2):
        super().__init__(file, protocol)
        self.storages = storages

    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, Global):
            self.write(b"c" + f"{obj.home}\n{obj.name}\n".encode())
        elif isinstance(obj, Call):
            self.save(obj.function)
            self.save(obj.arguments)
            self.write(b"R")
            if obj.state is not None:
                self.save(obj.state)
                self.write(b"b")
        elif isinstance(obj, Storage):
            self.save(("storage", Global("torch", obj.kind), obj.key, obj.location, obj.numel, *obj.more))
            self.write(b"Q")
            self.storages[obj.key] = obj.values
        else:
            super().save(obj, save_persistent_id)


class Call:
    def __init__(self, function, *arguments, state=None):
        self.function, self.arguments, self.state = Global(*function), arguments, state


class Storage:
    def __init__(self, values, key="0", kind="FloatStorage", location="cpu", numel=None, more=()):
        self.values, self.key, self.kind, self.location, self.more = values.tobytes(), key, kind, location, more
        self.numel = values.size if numel is None else numel


REBUILD = ("torch._utils", "_rebuild_tensor_v2")


def tensor(values, offset=0, size=None, stride=None, grad=False, **options):
    size = values.shape if size is None else size
    stride = tuple(s // values.itemsize for s in values.strides) if stride is None else stride
    return Call(
        REBUILD, Storage(values, **options), offset, tuple(size), tuple(stride), grad, Call(("collections", "OrderedDict"))
    )


def dump(value, protocol=2, bytes_=None):
    storages, file = {}, io.BytesIO()
    if bytes_ is None:
        Pickler(file, storages, protocol).dump(value)
    return storages, file.getvalue() if bytes_ is None else bytes_


def torch_file(value=None, protocol=2, bytes_=None, more=(), compress=zipfile.ZIP_STORED):
    storages, pickled = dump(value, protocol, bytes_)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compress) as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/byteorder", "little")
        for key, data in storages.items():
            archive.writestr(f"archive/data/{key}", data)
        archive.writestr("archive/version", "3\n")
        for name, data in more:
            archive.writestr(name, data)
    return file.getvalue()


def legacy_file(value):
    storages, pickled = dump(value)
    head = b"".join(
        pickle.dumps(x, 2)
        for x in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2}})
    )
    tail = b"".join(struct.pack("<q", len(data) // 4) + data for data in storages.values())
    return head + pickled + pickle.dumps(list(storages), 2) + tail


def load(data, tmp_path=None, **options):
    return rt.load(io.BytesIO(data), **options)


A = np.arange(12, dtype=np.float32).reshape(3, 4)


# ---------------------------------------------------------------------------------------------- what is read


@pytest.mark.parametrize("make", [torch_file, legacy_file, lambda v: torch_file(v, 4)], ids=["zip", "legacy", "protocol 4"])
@pytest.mark.parametrize("mmap", [False, True])
def test_state(tmp_path, make, mmap):
    state = collections.OrderedDict(weight=tensor(A), bias=tensor(A[0].copy(), key="1", grad=True))
    value = {
        "model": state, "view": tensor(A, 4, (2, 2), (4, 1)), "t": tensor(A, 0, (4, 3), (1, 4)), "epoch": 3, "text": "값\n", "none": None,
        "list": [1, -2, 300, 70000, -(2**40), 2**100, 1.5, True, False, (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)], "bytes": b"\0\xff",
        "set": {1, 2}, "size": Call(("torch", "Size"), (2, 3)), "dtype": Global("torch", "float16"),
        "device": Call(("torch", "device"), "cpu"),
        "parameter": Call(("torch._utils", "_rebuild_parameter"), tensor(A), True, Call(("collections", "OrderedDict"))),
        "counter": collections.Counter("aab"), 5: {(1, "x"): 2.5}, "long": "x" * 300,
        "empty": tensor(np.zeros((0, 3), np.float32), key="2"),
    }  # fmt: skip
    path = tmp_path / "가중치.pt"
    path.write_bytes(make(value))
    found = rt.load(path, mmap=mmap)
    assert list(found) == list(value)
    assert np.array_equal(found["model"]["weight"].numpy(), A) and type(found["model"]) is collections.OrderedDict
    assert found["model"]["bias"].requires_grad and not found["model"]["weight"].requires_grad
    assert found["list"] == value["list"] and found["text"] == "값\n" and found["bytes"] == b"\0\xff" and found["set"] == {1, 2}
    assert found["size"] == rt.Size([2, 3]) and found["dtype"] is rt.float16 and found["device"] == rt.device("cpu")
    assert isinstance(found["parameter"], nn.Parameter) and found["parameter"].requires_grad
    assert found["counter"] == {"a": 2, "b": 1} and found[5] == {(1, "x"): 2.5} and found["empty"].shape == (0, 3)
    assert np.array_equal(found["t"].numpy(), A.T) and found["t"].stride() == (1, 4)
    found["model"]["weight"].fill_(7)  # one storage, as it was
    assert found["view"].eq(7).all() and found["t"].eq(7).all() and path.read_bytes() == make(value)
    layer = nn.Linear(4, 3)
    layer.load_state_dict({"weight": found["view"].new_ones(3, 4), "bias": found["model"]["bias"][:3].detach()})


def test_dtypes():
    kinds = {
        "Double": "f8",
        "Float": "f4",
        "Half": "f2",
        "Long": "i8",
        "Int": "i4",
        "Short": "i2",
        "Char": "i1",
        "Byte": "u1",
        "Bool": "?",
    }
    value = {k: tensor(np.array([1, 0, 1]).astype(v), key=k, kind=k + "Storage") for k, v in kinds.items()}
    value["BFloat16"] = tensor(np.array([0x3F80, 0, 0x4000], np.int16), key="b", kind="BFloat16Storage")
    found = load(torch_file(value))
    for name, kind in kinds.items():
        assert found[name].numpy().dtype == np.dtype(kind) and found[name].tolist() == [1, 0, 1]
    assert found["BFloat16"].dtype == rt.bfloat16 and found["BFloat16"].tolist() == [1.0, 0.0, 2.0]
    v3 = Call(
        ("torch._utils", "_rebuild_tensor_v3"), Storage(np.arange(8, dtype=np.uint8), kind="UntypedStorage"), 1, (1,), (1,), False, None,
        Global("torch", "int32"),
    )  # fmt: skip
    assert load(torch_file(v3)).tolist() == [0x07060504]


def test_metadata_and_numpy():
    ordered = Call(("collections", "OrderedDict"), state={"_metadata": {"": {"version": 1}}})
    found = load(torch_file(ordered))
    assert found == {} and found._metadata == {"": {"version": 1}}
    dtype = Call(("numpy", "dtype"), "f8", False, True, state=(3, "<", None, None, None, -1, -1, 0))
    encoded = Call(("_codecs", "encode"), np.array([1.5, 2.5]).tobytes().decode("latin1"), "latin1")
    array = Call(
        ("numpy.core.multiarray", "_reconstruct"),
        Global("numpy", "ndarray"),
        (0,),
        b"b",
        state=(1, (2, 1), dtype, False, encoded),
    )
    assert load(torch_file(array)).tolist() == [[1.5], [2.5]]
    twice = pickle.dumps((numbers := np.arange(3.0), numbers), 2)  # the second time by the memo
    one, two = load(torch_file(bytes_=twice))
    assert one is two and one.tolist() == [0, 1, 2]
    one = Call(
        ("numpy.core.multiarray", "scalar"),
        dtype,
        Call(("_codecs", "encode"), np.float64(0.5).tobytes().decode("latin1"), "latin1"),
    )
    assert load(torch_file({"best": one})) == {"best": 0.5}
    namespace = Call(("argparse", "Namespace"), state={"lr": 0.1, "name": "x"})
    assert vars(load(torch_file(namespace))) == {"lr": 0.1, "name": "x"}


def test_places():
    on_gpu = torch_file(tensor(A, location="cuda:0"))
    if not rt.cuda.is_available():
        with pytest.raises(rt.DeviceError, match=r"saved on cuda:0: load\(…, map_location='cpu'\)"):
            load(on_gpu)
    seen = []
    for place in ("cpu", rt.device("cpu"), {"cuda:0": "cpu"}, lambda storage, location: seen.append(location) or storage):
        assert np.array_equal(load(on_gpu, map_location=place).numpy(), A)
    assert seen == ["cuda:0"]


def test_written_by_pytorch(tmp_path):
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(5, 3)).sum().backward()
    optimizer.step()
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "p": model[0].weight, "h": torch.ones(2).half()}
    for new in (True, False):
        torch.save(state, tmp_path / "x.pt", _use_new_zipfile_serialization=new)
        found = rt.load(tmp_path / "x.pt")
        ours = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        assert str(ours.load_state_dict(found["model"])) == "<All keys matched successfully>"
        resumed = rt.optim.Adam(ours.parameters())
        resumed.load_state_dict(found["optimizer"])
        for mine, theirs in zip(resumed.state_dict()["state"].values(), optimizer.state_dict()["state"].values()):
            assert np.array_equal(mine["exp_avg"].numpy(), theirs["exp_avg"].numpy())
        assert found["model"]._metadata[""] == {"version": 1}
    torch.save(model, tmp_path / "x.pt")
    with pytest.raises(rt.SerializationError, match="torch.nn.modules.container.Sequential"):
        rt.load(tmp_path / "x.pt")


# ---------------------------------------------------------------------------------------------- what is refused

RAN = []


def ran(*anything):
    RAN.append(anything)
    return {}


class Bomb:
    def __reduce__(self):
        return ran, (1,)


def pickled(*parts):
    return b"\x80\x02" + b"".join(parts) + b"."


def name(home, what):
    return b"c" + f"{home}\n{what}\n".encode()


NAMES = [
    ("os", "system"), ("posix", "system"), ("builtins", "eval"), ("builtins", "getattr"), ("builtins", "__import__"),
    ("__builtin__", "exec"),
    ("subprocess", "Popen"), ("torch", "load"), ("torch._utils", "_rebuild_sparse_tensor"), ("torch.jit", "load"), ("rustorch", "load"),
    ("torch.nn.modules.linear", "Linear"), ("__main__", "Net"), ("torch.storage", "_load_from_bytes"), ("collections", "namedtuple"),
    ("numpy", "load"), ("torch._utils", "__builtins__"), ("functools", "partial"), ("argparse", "ArgumentParser"),
    ("copyreg", "_reconstructor"),
]  # fmt: skip


@pytest.mark.parametrize("home, what", NAMES)
def test_names_that_are_refused(home, what):
    for body in (
        name(home, what),
        b"X" + struct.pack("<I", len(home)) + home.encode() + b"X" + struct.pack("<I", len(what)) + what.encode() + b"\x93",
    ):
        with pytest.raises(rt.SerializationError) as caught:
            load(torch_file(bytes_=pickled(body, b"X\x02\x00\x00\x00id\x85R")))
        assert f"{home}.{what}" in str(caught.value) and "nothing in a file is run" in str(caught.value)


def test_nothing_is_run(tmp_path):
    for value in (Bomb(), [Bomb()], {"a": Bomb()}):
        for data in (torch_file(bytes_=pickle.dumps(value, p)) for p in (2, 3, 4, 5)):
            with pytest.raises(rt.SerializationError, match="ran"):
                load(data)
        for p in (0, 1):
            with pytest.raises(rt.SerializationError):
                load(torch_file(bytes_=pickle.dumps(value, p)))
        with pytest.raises(rt.SerializationError, match="ran"):
            load(legacy_file({"x": 1}).replace(pickle.dumps({"x": 1}, 2), b"") + pickle.dumps(value, 2))
    assert not RAN
    assert "pickle" not in sys.modules["rustorch._torch_file"].__dict__


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"N",
        b"K\x01K\x02.",  # two values
        b"(K\x01.",  # an open mark
        b"K.",
        b"X\xff\xff\xff\xffab.",
        b"\x8b\xff\xff\xff\xff.",
        b"\x8d" + b"\xff" * 8 + b".",
        b"h\x05.",
        b"\x86.",
        b"K\x01\x86.",
        b"a.",
        b"K\x01K\x02a.",
        b"(K\x01u.",
        b"}(K\x01u.",
        b"}]K\x01s.",  # a list as key
        b"\x8f(]\x90.",
        b"K\x01)R.",
        b"N)\x81.",
        b"K\x01}b.",
        b"]}b.",
        name("collections", "OrderedDict") + b"K\x01R.",
        name("collections", "OrderedDict") + b")R}X\x05\x00\x00\x00clearK\x01sb.",
        name("collections", "OrderedDict") + b"}X\x01\x00\x00\x00xK\x01sb.",  # attributes for the name itself
        name("torch", "FloatStorage") + b")R.",
        name("torch", "float32") + b")R.",
        name("torch._utils", "_rebuild_tensor_v2") + b")R.",
        name("torch._utils", "_rebuild_tensor_v2") + b"(NK\x00))\x89NtR.",
        name("numpy", "dtype") + b"X\x01\x00\x00\x00O\x85R" + b"0.",
        name("numpy.core.multiarray", "scalar") + name("numpy", "dtype")
        + b"X\x01\x00\x00\x00O\x85RB\x08\x00\x00\x00" + b"\1" * 8 + b"\x86R.",
        name("_codecs", "encode") + b"X\x01\x00\x00\x00xX\x05\x00\x00\x00utf-7\x86R.",
        b"K\x05Q.",
        b"X\x07\x00\x00\x00storageQ.",
        b"I10\n.", b"S'x'\n.", b"\x97.", b"\x82\x01.", b"i", b"o",
        b"c" + b"a" * 5000,
        b"K\x01r\xff\xff\xff\xff.",  # fine: a place in the memo takes no room of its own
    ],
)  # fmt: skip
def test_broken_pickles(body):
    data = torch_file(bytes_=b"\x80\x02" + body)
    if body.startswith(b"K\x01r"):
        assert load(data) == 1
        return
    with pytest.raises(rt.SerializationError):
        load(data)


def test_keys_that_never_end():
    """A tuple of itself twice, sixty times: small to write, endless to hash."""
    body = b"K\x01" + b"q\x01h\x01\x86" * 60
    with pytest.raises(rt.SerializationError, match="in a key"):
        load(torch_file(bytes_=pickled(b"}", body, b"K\x01s")))
    with pytest.raises(rt.SerializationError, match="in a key"):
        load(torch_file(bytes_=pickled(b"\x8f(", body, b"\x90")))


@pytest.mark.parametrize(
    "value, text",
    [
        (tensor(A, 1), "larger than its storage of 12"),
        (tensor(A, 0, (3, 4), (4, 2)), "larger than its storage"),
        (tensor(A, -1, (1,), (1,)), "makes no sense"),
        (tensor(A, 0, (2,), (-1,)), "makes no sense"),
        (tensor(A, 0, (2**62,), (1,)), "makes no sense"),
        (tensor(A, 0, (2, 2), (1,)), "makes no sense"),
        (tensor(A, 0, (2.0,), (1,)), "makes no sense"),
        (tensor(A, 0, (2**61, 2**61), (0, 0)), "."),
        (tensor(A, kind="ComplexFloatStorage"), "torch.complexfloat, a dtype that rustorch does not have"),
        (Global("torch", "float8_e4m3fn"), "torch.float8_e4m3fn, a dtype that"),
        (tensor(A, kind="Storage"), "dtype"),
        (tensor(np.array([2], np.uint8), kind="BoolStorage"), "bytes other than 0 and 1"),
        (tensor(np.zeros(3, np.uint8)), "ValueError"),
        (tensor(A, more=(("1", 0, 2),)), "views of others"),
    ],
)
def test_tensors_that_lie(value, text):
    with pytest.raises((rt.SerializationError, MemoryError), match=text):
        load(torch_file(value))


def test_archives_that_lie(tmp_path):
    good = torch_file({"x": tensor(A)})
    for content, text in [
        (torch_file(1, more=[("b/data.pkl", b"")]), "none that torch.save wrote"),
        (torch_file(1, more=[("archive/constants.pkl", b"")]), "TorchScript"),
        (torch_file({"x": tensor(A)}, compress=zipfile.ZIP_DEFLATED), "compressed"),
        (good.replace(A.tobytes(), A[::-1].tobytes()), "data/0 do not fit their checksum"),
        (good.replace(b"archive/data/0", b"archive/data/1"), "no entry data/0"),
        (
            good.replace(b"littlePK", b"big   PK").replace(
                struct.pack("<I", zlib.crc32(b"little")), struct.pack("<I", zlib.crc32(b"big   "))
            ),
            "byte order",
        ),
    ]:
        with pytest.raises(rt.SerializationError, match=text):
            load(content)
    file = io.BytesIO()
    np.savez(file, a=A)
    with pytest.raises(rt.SerializationError, match="numpy.load reads .npz"):
        load(file.getvalue())
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.txt", "hello")
    with pytest.raises(rt.SerializationError, match="none that torch.save wrote"):
        load(file.getvalue())


def test_every_byte_and_length(tmp_path):
    """A changed or missing byte gives an error or another value, never anything worse."""
    good = torch_file({"x": tensor(np.ones(2, np.float32)), "y": [1, "a"]})
    old = legacy_file({"x": tensor(np.ones(2, np.float32)), "y": [1, "a"]})
    path = str(tmp_path / "x.pt")
    for data in (good, old):
        for i in range(0, len(data), 2):
            for changed in (data[:i] + bytes([data[i] ^ (1 << i % 8)]) + data[i + 1 :], data[:i]):
                with open(path, "wb") as file:
                    file.write(changed)
                try:
                    rt.load(path)
                except (rt.RusTorchError, MemoryError) as error:
                    assert str(error)
    assert os.listdir(tmp_path) == ["x.pt"]
