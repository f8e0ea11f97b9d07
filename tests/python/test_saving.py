"""Models and runs as files; other formats; what differs between models."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import rustorch as rt
from rustorch import nn, utils
from rustorch.utils import ModelComparator, ModelSerializer, load_checkpoint, load_model, save_checkpoint, save_model


class Net(nn.Module):
    def __init__(self, width, note="none"):
        super().__init__()
        self.width, self.note = width, note
        self.body = nn.Sequential(nn.Linear(width, 4), nn.BatchNorm1d(4), nn.Tanh())
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.body(x))


class Opaque(Net):
    def __init__(self, width):
        super().__init__(width)
        self.choose = lambda x: x


def equal(a, b):
    a, b = a.state_dict(), b.state_dict()
    return list(a) == list(b) and all(rt.equal(a[k], b[k]) for k in a)


# ---------------------------------------------------------------------------------------------- modules


def test_modules_of_ours(tmp_path):
    path = tmp_path / "모델 하나.rustorch"
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)).eval()
    x = rt.rand(2, 1, 4, 4)
    save_model(model, path)
    loaded = load_model(path)
    assert repr(loaded) == repr(model) and rt.equal(loaded(x), model(x)) and not loaded.training
    assert equal(load_model(str(path), mmap=True), model) and equal(load_model(path, map_location="cpu"), model)
    assert ModelSerializer.load(path)[3].out_features == 3 and os.listdir(tmp_path) == [path.name]
    h5py = pytest.importorskip("h5py")
    with h5py.File(path) as file:
        assert np.array_equal(file["model"]["3.weight"][()], model[3].weight.detach().numpy())


def test_users_class(tmp_path):
    path = tmp_path / "net.rustorch"
    net = Net(3, "나의 것")
    net(rt.rand(8, 3))
    save_model(net, path)
    with pytest.raises(rt.SerializationError, match=r"a module of the class .*test_saving\.Net, .*load_model\(path, model=Net\)"):
        load_model(path)
    by_class, by_list = load_model(path, model=Net), load_model(path, [nn.Linear, Net])
    into = Net(3)
    assert load_model(path, model=into) is into
    for found in (by_class, by_list, into):
        assert equal(found, net) and type(found) is Net
    assert by_class.note == "나의 것" and into.note == "none"
    with pytest.raises(rt.SerializationError, match=r"holds a .*Net, which does not fit the Net given(.|\n)*size mismatch"):
        load_model(path, Net(5))
    other = nn.Sequential(nn.Linear(3, 4))
    with pytest.raises(rt.SerializationError, match="Unexpected key"):
        load_model(path, other)
    assert load_model(path, other, strict=False) is other
    save_model(Opaque(3), path)
    with pytest.raises(rt.SerializationError, match=r"choose \(a function\)"):
        load_model(path, Opaque)
    assert isinstance(load_model(path, Opaque(3)), Opaque)


def test_tied_weights_into_a_module(tmp_path):
    embed, head = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
    head.weight = embed.weight
    model = nn.ModuleList([embed, head, head])
    save_model(model, tmp_path / "x")
    into = nn.ModuleList([nn.Embedding(5, 3), nn.Linear(3, 5, bias=False), nn.Linear(3, 5, bias=False)])
    load_model(tmp_path / "x", into)
    assert all(rt.equal(p, embed.weight) for p in into.parameters())


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.seen, self.weight = 0, nn.Parameter(rt.ones(1))

    def get_extra_state(self):
        return {"seen": self.seen}

    def set_extra_state(self, state):
        self.seen = state["seen"]


def test_extra_state(tmp_path):
    model = Counting()
    model.seen = 7
    save_model(model, tmp_path / "x")
    assert load_model(tmp_path / "x", Counting).seen == 7 and load_model(tmp_path / "x", Counting()).seen == 7


def test_other_files(tmp_path):
    """load_model takes what a person would try, and says what it found."""
    path = tmp_path / "x.h5"
    model = nn.Linear(2, 1)
    rt.save(model, path)
    assert equal(load_model(path), model) and equal(load_model(path, nn.Linear(2, 1)), model)
    rt.save(model.state_dict(), path)
    assert equal(load_model(path, nn.Linear(2, 1)), model)
    with pytest.raises(rt.SerializationError, match="holds no model by save_model, but a OrderedDict.*takes a state_dict"):
        load_model(path)
    rt.save([1], path)
    with pytest.raises(rt.SerializationError, match="but a list: rustorch.load reads it"):
        load_model(path, model)
    for wrong in (3, "Net", [nn.Linear, 3], dict):
        with pytest.raises(TypeError, match="load_model: model must be"):
            load_model(path, wrong)
    for wrong in (3, {"a": rt.ones(1)}, nn.Linear):
        with pytest.raises(TypeError, match="save_model: a Model or an nn.Module"):
            save_model(wrong, path)
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "none")
    with pytest.raises(OSError, match="cannot be opened"):
        save_model(model, tmp_path / "no" / "x")
    rt.save({"format": "rustorch.model", "version": 2, "model": 1}, path)
    with pytest.raises(rt.SerializationError, match="version 2: a newer rustorch"):
        load_model(path)


def test_damaged_and_killed(tmp_path):
    path = str(tmp_path / "x.rustorch")
    save_model(nn.Linear(300, 300), path)
    data = bytearray(open(path, "rb").read())
    data[len(data) // 2] ^= 1
    with open(tmp_path / "bad", "wb") as file:
        file.write(data)
    target = nn.Linear(300, 300)
    before = target.weight.detach().clone()
    with pytest.raises(rt.SerializationError, match="weight"):
        load_model(tmp_path / "bad", target)
    assert rt.equal(before, target.weight)
    os.remove(tmp_path / "bad")
    model = nn.Linear(301, 300)
    for wait in np.random.default_rng(1).uniform(0, 0.02, 15):
        child = os.fork()
        if child == 0:
            try:
                while True:
                    save_model(model, path)
            finally:
                os._exit(1)
        time.sleep(float(wait))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert load_model(path).in_features in (300, 301)
    save_model(model, path)
    assert os.listdir(tmp_path) == ["x.rustorch"]


# ---------------------------------------------------------------------------------------------- Keras-like models


def small_model(name="분류 모델"):
    model = rt.Model(name)
    model.add("Dense(8, activation=relu)")
    model.add("Dropout(0.2)")
    model.add(nn.Linear(8, 6))
    model.add("BatchNorm()")
    model.add("Dense(3, activation=softmax)")
    return model


def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(64, 5)).astype("float32"), rng.integers(0, 3, 64)


def test_model(tmp_path):
    path = tmp_path / "m.rustorch"
    x, y = data()
    model = small_model()
    save_model(model, path)  # before it knows its sizes
    lazy = load_model(path)
    assert lazy.name == "분류 모델" and [str(a) for a in lazy.layers] == [str(a) for a in model.layers]
    assert lazy.predict(x, verbose=0).shape == (64, 3)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=2, verbose=0)
    model.layers[0].weight.requires_grad_(False)
    save_model(model, path)
    before = rt.get_rng_state()
    loaded = load_model(path)
    assert rt.equal(before, rt.get_rng_state())
    assert loaded.name == model.name and equal(loaded, model) and not loaded.layers[0].weight.requires_grad
    assert np.array_equal(np.asarray(loaded.predict(x, verbose=0)), np.asarray(model.predict(x, verbose=0)))
    plain = load_model(path, compile=False)
    assert plain.optimizer is None and equal(plain, model)
    other = small_model("other")
    other.compile("adam", "sparse_categorical_crossentropy")
    other.build((None, 5))
    assert load_model(path, other) is other and equal(other, model)
    histories = []
    for each in (model, loaded):
        rt.manual_seed(3)
        histories.append(each.fit(x, y, epochs=3, verbose=0, shuffle=False).history)
    assert histories[0] == histories[1] and equal(model, loaded)  # the optimizer's state too: bit for bit


def test_model_of_objects(tmp_path):
    """What was compiled with objects is data only in part: the weights come back, and so does the optimizer's state."""
    path = tmp_path / "m.rustorch"
    x, y = data()

    def made():
        model = small_model()
        model.build((None, 5))
        model.compile(rt.optim.SGD(model.parameters(), 0.1, momentum=0.9), "sparse_categorical_crossentropy")
        return model

    model = made()
    model.fit(x, y, epochs=1, verbose=0)
    save_model(model, path)
    assert equal(load_model(path), model)
    into = load_model(path, made())
    mine, theirs = into.optimizer.state_dict()["state"], model.optimizer.state_dict()["state"]
    assert theirs and all(rt.equal(mine[k]["momentum_buffer"], theirs[k]["momentum_buffer"]) for k in theirs)


class Own(rt.Model):
    def __init__(self, name="own"):
        super().__init__(name)
        self.first, self.factor = nn.Linear(3, 2), 5

    def forward(self, x):
        return self.first(x) * self.factor


def test_subclass_of_model(tmp_path):
    model, x = Own("나의 모델"), rt.rand(2, 3)
    save_model(model, tmp_path / "m")
    with pytest.raises(rt.SerializationError, match=r"load_model\(path, model=Own\)"):
        load_model(tmp_path / "m")
    for given in (Own, Own()):
        loaded = load_model(tmp_path / "m", given)
        assert type(loaded) is Own and rt.equal(loaded(x), model(x))
    assert load_model(tmp_path / "m", Own).name == "나의 모델"


SHAPES = {
    (None, 8, 8, 3): """
        Conv2D(4,3,padding=same,activation=relu) MaxPool2D(2) AvgPool2D(2) GlobalAvgPool2D() Flatten() BatchNorm() Dropout(0.5)
        Reshape((-1,)) LayerNorm() ReLU() Softmax() Activation(gelu) Dense(3,kernel_regularizer=l2(0.01),kernel_initializer=he_normal)
    """,
    (None, 6, 5): "LSTM(4) GRU(4,return_sequences=True) Conv1D(4,3) SimpleRNN(3) Bidirectional(LSTM(3))",
}


@pytest.mark.parametrize("shape, text", [(shape, text) for shape, texts in SHAPES.items() for text in texts.split()])
def test_every_text_layer(tmp_path, shape, text):
    model = rt.Model("m", [text])
    model.build(shape)
    model.add("Flatten")
    x = rt.rand(2, *shape[1:])
    save_model(model, tmp_path / "m")
    loaded = load_model(tmp_path / "m")
    assert rt.equal(loaded.predict_on_batch(x), model.predict_on_batch(x)) and list(map(str, loaded.layers)) == list(map(str, model.layers))


def test_text_layers_in_modules(tmp_path):
    model = nn.Sequential(nn.Linear(5, 4), rt.training.layers.from_text("Dense(3, activation=tanh)"), small_model())
    x = rt.rand(2, 5)
    model(x)
    model.eval()
    save_model(model, tmp_path / "x")
    loaded = load_model(tmp_path / "x")
    assert rt.equal(loaded(x), model(x)) and equal(loaded, model)
    built = rt.serialization.build_module(rt.serialization.describe_module(model))
    assert repr(built[1]) == repr(model[1]) and built[2].name == "분류 모델"


# ---------------------------------------------------------------------------------------------- checkpoints


def test_checkpoint(tmp_path):
    model, x = Net(3), rt.rand(16, 3)
    optimizer = rt.optim.Adam(model.parameters(), 0.01)
    schedule = rt.optim.lr_scheduler.StepLR(optimizer, 2)

    def train(steps):
        losses = []
        for _ in range(steps):
            optimizer.zero_grad()
            loss = (model(nn.functional.dropout(x)) ** 2).mean()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        return losses

    train(3)
    for name in ("run.h5", "체크포인트.pt", "no_ending"):
        path = tmp_path / name
        assert save_checkpoint(
            model, optimizer, 3, rt.tensor(0.5), path, scheduler=schedule, step=7, best=[0.4], who="나"
        ) == str(path)
        assert path.is_file()
    first = train(4)
    found = load_checkpoint(path)  # reads, and changes nothing
    assert sorted(found) == sorted(
        [
            "epoch",
            "loss",
            "step",
            "model_state_dict",
            "optimizer_state_dict",
            "scheduler_state_dict",
            "path",
            "world_size",
            "best",
            "who",
        ]
    )
    assert (found["epoch"], found["loss"], found["step"], found["best"], found["who"]) == (3, 0.5, 7, [0.4], "나")
    assert not rt.equal(found["model_state_dict"]["head.bias"], model.head.bias)
    other = Net(3)
    other.load_state_dict(found["model_state_dict"])
    load_checkpoint(path, model, optimizer, scheduler=schedule)
    assert equal(other, model) and train(4) == first  # random numbers as well
    save_checkpoint(model, None, 0, None, path)
    assert load_checkpoint(path)["optimizer_state_dict"] is None and load_checkpoint(path, map_location="cpu")["loss"] is None
    with pytest.raises(rt.SerializationError, match="no state for optimizer"):
        load_checkpoint(path, model, optimizer)
    for name in ("loss", "path", "model_state_dict"):
        with pytest.raises((ValueError, TypeError), match=name):
            save_checkpoint(model, None, 0, 0.0, path, **{name: 1})
    assert rt.checkpoint.load(path, model=Net(3)).epoch == 0
    rt.checkpoint.save(tmp_path / "folder", model=model, extra=[1])
    found = load_checkpoint(tmp_path / "folder")
    assert found["extra"] == [1] and found["path"].endswith("checkpoint-00000000.h5") and found["loss"] is None


# ---------------------------------------------------------------------------------------------- other formats


def test_export(tmp_path):
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Linear(2, 2).bfloat16())
    state = model.state_dict()
    for format in ModelSerializer.formats():
        path = tmp_path / f"x.{format}"
        ModelSerializer.export(model, path, format)
        if format == "rustorch":
            found = load_model(path).state_dict()
        elif format == "safetensors":
            found = utils.safetensors.load_file(path)
        elif format == "state_dict":
            found = rt.load(path)
        else:
            arrays = np.load(path, allow_pickle=False)
            found = {k: rt.from_numpy(arrays[k]).to(state[k].dtype) for k in arrays}
        assert set(found) == set(state) and all(rt.equal(found[k], state[k]) for k in state), format
    for format, text in [("onnx", "safetensors"), ("pytorch", "safetensors.torch.load_file")]:
        with pytest.raises(rt.UnsupportedError, match=text):
            ModelSerializer.export(model, path, format)
    with pytest.raises(ValueError, match="did you mean 'safetensors'"):
        ModelSerializer.export(model, path, "safetensor")
    with pytest.raises(TypeError):
        ModelSerializer.export(3, path)
    old = path.read_bytes()
    with pytest.raises(OSError):
        ModelSerializer.export(model, tmp_path / "no" / "x.npz", "npz")
    assert path.read_bytes() == old and len(os.listdir(tmp_path)) == len(ModelSerializer.formats())


# ---------------------------------------------------------------------------------------------- comparison


def test_compare():
    a, b = Net(3), Net(3)
    b.load_state_dict(a.state_dict())
    x = rt.rand(5, 3)
    found = ModelComparator.compare(a, b, x)
    assert found["equal"] and found["max_difference"] == 0 and found["outputs"]["max"] == 0 and found["structure"] == []
    assert a.training and a.body[1].training and rt.equal(a.body[1].running_mean, rt.zeros(4))  # nothing was changed
    assert str(found) == "equal: Net and Net"
    with rt.no_grad():
        b.head.weight[0, 0] += 1.0
    found = ModelComparator.compare(a, b, x)
    w, v = (m.head.weight.detach().double().numpy() for m in (a, b))
    assert not found["equal"]
    one = found["parameters"]["head.weight"]
    assert one["max"] == abs(w - v).max() and one["mean"] == pytest.approx(abs(w - v).mean())
    assert one["rel"] == pytest.approx(np.linalg.norm(w - v) / np.linalg.norm(v))
    a.eval(), b.eval()
    assert found["outputs"]["max"] == pytest.approx(float((a(x) - b(x)).abs().max()), rel=1e-6)
    assert "head.weight" in str(found) and "outputs" in str(found) and "body.0.weight" not in str(found)
    with rt.no_grad():
        a.head.weight[0, 0] = b.head.weight[0, 0] = float("nan")
    assert ModelComparator.compare(a, b)["equal"]


def test_compare_structure():
    a = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    b = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    found = ModelComparator.compare(a, b, rt.rand(2, 3))
    assert [text.split(":")[0] for text in found["structure"]] == ["2", "0"] and not found["equal"]
    assert found["parameters"]["0.weight"]["problem"] == "float32 (2, 3) and float32 (4, 3)"
    assert found["parameters"]["2.bias"]["problem"] == "only in the second"
    assert found["outputs"]["problem"] == "float32 (2, 2) and float32 (2, 1)"
    assert "only in the second: Linear(in_features=4" in str(found)
    assert not ModelComparator.compare(nn.LazyLinear(2), nn.LazyLinear(2))["equal"]
    with pytest.raises(TypeError):
        ModelComparator.compare(a, 3)


def test_stats():
    model = nn.Sequential(nn.Embedding(10, 4), nn.LSTM(4, 3), nn.BatchNorm1d(2), nn.Linear(2, 2).double(), nn.LazyLinear(3))
    model[3].weight.requires_grad_(False)
    stats = ModelComparator.get_stats(model)
    lstm = 4 * 3 * (4 + 3 + 2)
    assert stats["parameters"] == 40 + lstm + 4 + 6 and stats["trainable"] == stats["parameters"] - 4
    assert stats["buffers"] == 5 and stats["uninitialized"] == 2 and stats["layers"] == 5 and stats["kinds"]["LSTM"] == 1
    assert stats["dtypes"] == {"float32": 40 + lstm + 4, "float64": 6}
    assert stats["bytes"] == 4 * (40 + lstm + 4) + 8 * 6 + 4 * 4 + 8
    assert utils.get_stats(small_model())["name"] == "Model"


# ---------------------------------------------------------------------------------------------- PyTorch's tensors


def test_torch_tensors():
    with pytest.raises(TypeError, match="a list"):
        rt.from_torch([1])
    with pytest.raises(TypeError, match="a list"):
        rt.to_torch([1])
    x = rt.ones(2)
    assert rt.from_torch(x) is x
    try:
        import torch
    except ImportError:
        with pytest.raises(ImportError, match="PyTorch is not installed"):
            rt.to_torch(x)
        return
    y = torch.zeros(3, requires_grad=True)
    z = rt.from_torch(y)
    assert z.requires_grad and z.is_leaf
    with rt.no_grad():
        z[0] = 5
    assert y[0] == 5 and rt.to_torch(z).requires_grad
    for dtype in ("bool", "uint8", "int64", "float16", "bfloat16", "float64"):
        there = rt.to_torch(rt.ones(2, dtype=dtype))
        assert there.dtype == getattr(torch, dtype) and rt.equal(rt.from_torch(there), rt.ones(2, dtype=dtype))
    with pytest.raises(TypeError):
        rt.from_torch(torch.zeros(2, dtype=torch.complex64))


def test_import_is_lazy():
    later = "m.startswith('rustorch.utils') or m in ('zipfile', 'json', 'tempfile')"
    script = f"import sys, rustorch; print([m for m in sys.modules if {later}])"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert out.stdout.strip() == "[]", out
