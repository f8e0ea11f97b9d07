"""Event files: every byte decoded here by a reader of the test's own, and by TensorBoard where it is installed."""

import os
import struct
import zlib

import numpy as np
import pytest

import rustorch
from rustorch import nn
from rustorch.training import Model
from rustorch.training.callbacks import TensorBoard
from rustorch.utils import tensorboard
from rustorch.utils.tensorboard import SummaryWriter

rng = np.random.default_rng(6)

# ------------------------------------------------------------------------------------------------ reading


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 & -(crc & 1))
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) % 2**32


def records(path):
    with open(path, "rb") as file:
        data = file.read()
    place = 0
    while place < len(data):
        (length,) = struct.unpack_from("<Q", data, place)
        assert struct.unpack_from("<I", data, place + 8)[0] == masked(data[place : place + 8])
        body = data[place + 12 : place + 12 + length]
        assert len(body) == length and struct.unpack_from("<I", data, place + 12 + length)[0] == masked(body)
        yield body
        place += 16 + length


def varint(data, place):
    value = shift = 0
    while True:
        value |= (data[place] & 127) << shift
        shift += 7
        place += 1
        if not data[place - 1] & 128:
            return value, place


def fields(data):
    """{number: [values]} of a message: integers, and bytes of everything else."""
    found, place = {}, 0
    while place < len(data):
        key, place = varint(data, place)
        kind = key & 7
        if kind == 0:
            value, place = varint(data, place)
        else:
            size = {1: 8, 5: 4}.get(kind)
            if size is None:
                assert kind == 2
                size, place = varint(data, place)
            value, place = data[place : place + size], place + size
        found.setdefault(key >> 3, []).append(value)
    return found


def double(data):
    return struct.unpack("<d", data)[0]


def events(folder):
    """Fields of all events of a folder, those of files in order of their names."""
    return [fields(body) for name in sorted(os.listdir(folder)) if "tfevents" in name for body in records(os.path.join(folder, name))]


def values(folder):
    """{tag: [(step, fields of the value)]}"""
    found = {}
    for event in events(folder):
        for summary in event.get(5, []):
            for value in fields(summary).get(1, []):
                value = fields(value)
                step = event.get(2, [None])[0]
                found.setdefault(value[1][0].decode(), []).append((step, value))
    return found


def scalars(folder, tag):
    return [(step, struct.unpack("<f", value[2][0])[0]) for step, value in values(folder)[tag]]


def tensor(value):
    """(dtype, shape, fields)"""
    found = fields(value[8][0])
    shape = tuple(fields(dim).get(1, [0])[0] for dim in fields(found[2][0]).get(2, []))
    return found[1][0], shape, found


def plugin(value):
    found = fields(fields(value[9][0])[1][0])
    return found[1][0].decode(), found.get(2, [b""])[0]


def pixels(data):
    """(H, W, C) of a PNG file without filters."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    place, packed, header = 8, b"", None
    while place < len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        body = data[place + 8 : place + 8 + length]
        assert struct.unpack_from(">I", data, place + 8 + length)[0] == zlib.crc32(name + body)
        header = body if name == b"IHDR" else header
        packed += body if name == b"IDAT" else b""
        place += 12 + length
    width, height, depth, kind = struct.unpack_from(">IIBB", header)
    assert depth == 8
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[kind]
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + width * channels)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, channels)


def image(value):
    found = fields(value[4][0])
    array = pixels(found[4][0])
    assert (found[1][0], found[2][0], found[3][0]) == array.shape
    return array


# ------------------------------------------------------------------------------------------------ the file


def test_checksums():
    assert tensorboard._record.crc32c(b"") == 0 and tensorboard._record.crc32c(b"123456789") == 0xE3069283
    assert tensorboard._record.crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, appendix B.4
    assert tensorboard._record.crc32c(bytes(range(32))) == 0x46DD794E
    data = rng.bytes(1000)
    assert tensorboard._record.crc32c(data) == crc32c(data)


def test_file(tmp_path):
    writer = SummaryWriter(tmp_path / "a" / "b", filename_suffix=".end")
    assert writer.get_logdir() == str(tmp_path / "a" / "b")
    writer.close()
    (name,) = os.listdir(tmp_path / "a" / "b")
    assert name.startswith("events.out.tfevents.") and name.endswith(".end")
    (first,) = events(tmp_path / "a" / "b")
    assert first[3] == [b"brain.Event:2"] and double(first[1][0]) > 1.7e9


def test_writing_goes_on_after_close(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("x", 1, 0)
    writer.add_scalar("x", 2, 1)
    writer.close()
    writer.close()
    assert scalars(tmp_path, "x") == [(0, 1.0), (1, 2.0)]


def test_queue_and_flush(tmp_path):
    def steps():
        return len(values(tmp_path).get("x", []))

    writer = SummaryWriter(tmp_path, max_queue=3)
    writer.add_scalar("x", 1, 0)
    writer.add_scalar("x", 1, 1)
    assert steps() == 0
    writer.add_scalar("x", 1, 2)
    assert steps() == 3
    writer.add_scalar("x", 1, 3)
    writer.flush()
    assert steps() == 4
    writer.close()
    writer = SummaryWriter(tmp_path, max_queue=100, flush_secs=0)
    writer.add_scalar("x", 1, 5)
    assert steps() == 5
    writer.close()


def test_full_disk(tmp_path):
    writer = tensorboard.EventFileWriter(tmp_path)
    writer._file.close()
    writer._file = open("/dev/full", "wb")
    writer.add_event(b"x" * 100)
    with pytest.raises(rustorch.SerializationError, match="events.out.* cannot be written: No space left"):
        writer.flush()
    with pytest.raises(rustorch.SerializationError, match="cannot be written"):
        writer.close()
    writer.close()


def test_default_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    SummaryWriter(comment="_lr_0.1").close()
    (name,) = os.listdir("runs")
    assert name.endswith("_lr_0.1")


def test_purge(tmp_path):
    SummaryWriter(tmp_path, purge_step=7).close()
    event = events(tmp_path)[1]
    assert event[2] == [7] and fields(event[7][0])[1] == [1]  # SessionLog.START


# ------------------------------------------------------------------------------------------------ entries


@pytest.mark.parametrize("value", [0.5, 3, True, np.float32(2.5), np.array([1.25]), rustorch.tensor(0.75), rustorch.tensor([[2]])])
def test_scalars(tmp_path, value):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("a/b", value, 3, walltime=12.5)
    assert scalars(tmp_path, "a/b") == [(3, float(np.asarray(value).reshape(())))]
    assert double(events(tmp_path)[1][1][0]) == 12.5


def test_steps(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        for step in (None, 0, 300, 2**40, 5.0, np.int64(7)):
            writer.add_scalar("x", 1.0, step)
    assert [step for step, _ in values(tmp_path)["x"]] == [None, 0, 300, 2**40, 5, 7]


def test_scalars_as_tensors(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("x", 1 / 3, 1, double_precision=True)
        writer.add_scalar("x", 0.25, 2, new_style=True)
    (_, first), (_, second) = values(tmp_path)["x"]
    kind, shape, found = tensor(first)
    assert (kind, shape, double(found[4][0])) == (2, (), 1 / 3) and plugin(first)[0] == "scalars"
    kind, shape, found = tensor(second)
    assert (kind, shape, struct.unpack("<f", found[5][0])[0]) == (1, (), 0.25)


def test_several_scalars(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalars("loss/all", {"train": 1.0, "test": 2.0}, 4)
    assert scalars(tmp_path / "loss_all_train", "loss/all") == [(4, 1.0)]
    assert scalars(tmp_path / "loss_all_test", "loss/all") == [(4, 2.0)]


def histo(value):
    found = fields(value[5][0])
    numbers = [double(found[i][0]) for i in range(1, 6)]
    return numbers, np.frombuffer(found[6][0], "<f8"), np.frombuffer(found[7][0], "<f8")


@pytest.mark.parametrize("bins", ["tensorflow", "auto", 10, [-3.0, -1.0, 0.0, 0.5, 3.0]])
@pytest.mark.parametrize("kind", ["normal", "positive", "one", "integers"])
def test_histograms(tmp_path, bins, kind):
    x = {
        "normal": rng.normal(size=500).clip(-2.9, 2.9), "positive": rng.uniform(0.5, 2, 500), "one": np.full(20, 0.25),
        "integers": rng.integers(-2, 3, 100),
    }[kind]  # fmt: skip
    with SummaryWriter(tmp_path) as writer:
        writer.add_histogram("x", rustorch.from_numpy(x), 1, bins=bins)
    ((_, value),) = values(tmp_path)["x"]
    (low, high, num, total, squares), limits, counts = histo(value)
    want = [x.min(), x.max(), x.size, x.sum(), (x * x.astype(float)).sum()]
    np.testing.assert_allclose([low, high, num, total, squares], want, rtol=1e-12)
    assert len(limits) == len(counts) and counts.sum() == x.size and counts[0] == 0 and counts[-1] > 0
    for i in range(1, len(limits)):  # as numpy.histogram: a bucket has its lower edge, the last one both
        inside = (x >= limits[i - 1]) & ((x < limits[i]) | ((i == len(limits) - 1) & (x <= limits[i])))
        assert counts[i] == inside.sum()


def test_histograms_of_few_bins_and_counted_ones(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_histogram("few", np.arange(100.0), 1, bins=50, max_bins=7)
        writer.add_histogram_raw("raw", 0.0, 3.0, 4, 5.0, 6.0, [1.0, 2.0, 3.0], [1, 2, 1], 1)
    _, limits, counts = histo(values(tmp_path)["few"][0][1])
    assert len(counts) == 8 and counts.sum() == 100
    numbers, limits, counts = histo(values(tmp_path)["raw"][0][1])
    assert numbers == [0, 3, 4, 5, 6] and limits.tolist() == [0, 1, 2, 3] and counts.tolist() == [0, 1, 2, 1]


@pytest.mark.parametrize(
    "array, dataformats, want",
    [
        (rng.integers(0, 256, (3, 4, 5)).astype(np.uint8), "CHW", lambda x: x.transpose(1, 2, 0)),
        (rng.integers(0, 256, (4, 5, 3)).astype(np.uint8), "HWC", lambda x: x),
        (rng.integers(0, 256, (4, 5)).astype(np.uint8), "HW", lambda x: x[..., None]),
        (rng.integers(0, 256, (1, 4, 5)), "CHW", lambda x: x[0, ..., None]),
        (rng.integers(0, 256, (5, 4)), "WH", lambda x: x.T[..., None]),
        (rng.uniform(size=(4, 4, 5)), "CHW", lambda x: (x * 255).astype(np.uint8).transpose(1, 2, 0)),
        (np.array([[True, False]]), "HW", lambda x: x[..., None] * 255),
        (np.array([[-0.5, 2.0, np.nan]]), "HW", lambda x: np.array([[[0], [255], [0]]])),
    ],
)  # fmt: skip
def test_images(tmp_path, array, dataformats, want):
    with SummaryWriter(tmp_path) as writer:
        writer.add_image("i", array, 2, dataformats=dataformats)
        writer.add_image("t", rustorch.from_numpy(array), 2, dataformats=dataformats)
    for tag in "it":
        np.testing.assert_array_equal(image(values(tmp_path)[tag][0][1]), want(array))


def test_grids_and_boxes(tmp_path):
    stack = rng.integers(0, 256, (10, 1, 3, 2)).astype(np.uint8)
    with SummaryWriter(tmp_path) as writer:
        writer.add_images("s", stack, 0)
        writer.add_image_with_boxes("b", np.zeros((1, 10, 12), np.uint8), rustorch.tensor([[2.0, 3.0, 8.0, 7.0]]), 0)
    grid = image(values(tmp_path)["s"][0][1])
    assert grid.shape == (6, 16, 1)
    for i in range(10):
        row, column = divmod(i, 8)
        np.testing.assert_array_equal(grid[3 * row : 3 * row + 3, 2 * column : 2 * column + 2, 0], stack[i, 0])
    framed = image(values(tmp_path)["b"][0][1])
    red = (framed == [255, 0, 0]).all(-1)
    assert red[3, 2:9].all() and red[7, 2:9].all() and red[3:8, 2].all() and red[3:8, 8].all() and red.sum() == 2 * 7 + 2 * 3


class Drawing:
    """A figure with save(), as those of rustorch.visualization."""

    def save(self, path):
        with open(path, "wb") as file:
            file.write(tensorboard._summary.png(np.full((4, 6, 3), 7, np.uint8)))


def test_figures(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_figure("f", Drawing(), 1)
        writer.add_figure("g", [Drawing(), Drawing()], 1)
    found = values(tmp_path)
    assert sorted(found) == ["f", "g/0", "g/1"]
    inside = fields(found["f"][0][1][4][0])
    assert (inside[1][0], inside[2][0]) == (4, 6) and pixels(inside[4][0]).shape == (4, 6, 3)


def test_figures_of_matplotlib(tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure = plt.figure()
    with SummaryWriter(tmp_path) as writer:
        writer.add_figure("f", figure, 1)
    assert values(tmp_path)["f"] and not plt.fignum_exists(figure.number)


def test_text(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_text("노트", "첫 **번째** 실행", 1)
    ((step, value),) = values(tmp_path)["노트/text_summary"]
    kind, shape, found = tensor(value)
    assert (kind, shape, found[8][0].decode()) == (7, (1,), "첫 **번째** 실행") and plugin(value) == ("text", b"")


def test_sound(tmp_path):
    wave = np.sin(np.arange(800) / 10)
    with SummaryWriter(tmp_path) as writer:
        writer.add_audio("a", wave, 1, sample_rate=8000)
        writer.add_audio("two", np.stack([wave, -wave]), 1, sample_rate=8000)
    import io
    import wave as wav

    for tag, channels in (("a", 1), ("two", 2)):
        found = fields(values(tmp_path)[tag][0][1][6][0])
        assert found[2][0] == channels and found[3][0] == 800 and found[5][0] == b"audio/wav"
        with wav.open(io.BytesIO(found[4][0])) as file:
            assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (channels, 8000, 800)
            samples = np.frombuffer(file.readframes(800), "<i2").reshape(-1, channels)
        np.testing.assert_allclose(samples[:, 0] / 32767, wave, atol=1e-4)


@pytest.mark.parametrize("weighted", [False, True])
def test_pr_curve(tmp_path, weighted):
    t, p = rng.integers(0, 2, 60), np.round(rng.uniform(size=60), 2)
    w = rng.uniform(size=60) if weighted else np.ones(60)
    with SummaryWriter(tmp_path) as writer:
        writer.add_pr_curve("c", rustorch.from_numpy(t), rustorch.from_numpy(p), 1, num_thresholds=21, weights=w if weighted else None)
    ((_, value),) = values(tmp_path)["c"]
    kind, shape, found = tensor(value)
    rows = np.frombuffer(found[5][0], "<f4").reshape(shape)
    name, content = plugin(value)
    assert (kind, shape, name, fields(content)[2]) == (1, (6, 21), "pr_curves", [21])
    for i in range(21):
        yes = np.floor(p * 20) >= i
        tp, fp, tn, fn = (w[mask].sum() for mask in (yes & (t == 1), yes & (t == 0), ~yes & (t == 0), ~yes & (t == 1)))
        want = [tp, fp, tn, fn, tp / (tp + fp) if tp + fp else 0.0, tp / (tp + fn)]
        np.testing.assert_allclose(rows[:, i], want, rtol=1e-5, atol=1e-6)
    with SummaryWriter(tmp_path) as writer:
        writer.add_pr_curve_raw("r", *rows, 1, num_thresholds=21)
    np.testing.assert_array_equal(np.frombuffer(tensor(values(tmp_path)["r"][0][1])[2][5][0], "<f4").reshape(6, 21), rows)


def test_tensors(tmp_path):
    x = rustorch.randn(2, 3)
    with SummaryWriter(tmp_path) as writer:
        writer.add_tensor("x", x, 1)
    kind, shape, found = tensor(values(tmp_path)["x"][0][1])
    np.testing.assert_array_equal(np.frombuffer(found[5][0], "<f4").reshape(shape), x.numpy())


def test_hparams(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_hparams({"lr": 0.1, "layers": 3, "name": "작은", "bias": True}, {"accuracy": 0.9}, {"layers": [2, 3]}, run_name="one")
    found = values(tmp_path / "one")
    name, content = plugin(found["_hparams_/experiment"][0][1])
    infos = {}
    for info in fields(fields(content)[2][0])[4]:
        info = fields(info)
        infos[info[1][0].decode()] = info
    assert name == "hparams" and {key: info[4][0] for key, info in infos.items()} == {"lr": 3, "layers": 3, "name": 1, "bias": 2}
    assert [double(fields(each)[2][0]) for each in fields(infos["layers"][5][0])[1]] == [2.0, 3.0]
    _, content = plugin(found["_hparams_/session_start_info"][0][1])
    pairs = {}
    for pair in fields(fields(content)[3][0])[1]:
        pair = fields(pair)
        pairs[pair[1][0].decode()] = fields(pair[2][0])
    assert double(pairs["lr"][2][0]) == 0.1 and pairs["name"][3] == ["작은".encode()] and pairs["bias"][4] == [1]
    _, content = plugin(found["_hparams_/session_end_info"][0][1])
    assert fields(fields(content)[4][0])[1] == [1]  # STATUS_SUCCESS
    assert scalars(tmp_path / "one", "accuracy") == [(None, pytest.approx(0.9))]


def nodes(folder):
    """{name: (op, inputs)} of the graph."""
    (graph,) = [fields(event[4][0]) for event in events(folder) if 4 in event]
    found = {}
    for each in graph[1]:
        each = fields(each)
        found[each[1][0].decode()] = each[2][0].decode(), [x.decode() for x in each.get(3, [])]
    return found


def test_graph_of_operations(tmp_path, capsys):
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    with SummaryWriter(tmp_path) as writer:
        writer.add_graph(model, rustorch.randn(3, 4), verbose=True)
    assert "Sequential has" in capsys.readouterr().out
    assert model.training
    found = nodes(tmp_path)
    assert found["input"] == ("Input", []) and {"0/weight", "0/bias", "2/weight", "2/bias"} <= set(found)
    assert all(name in found for _, inputs in found.values() for name in inputs)
    op, (last,) = found["output"]
    seen, waiting = set(), [last]
    while waiting:  # everything leads to the output
        name = waiting.pop()
        seen.add(name)
        waiting += found[name][1]
    assert seen == set(found) - {"output"} and any(op.lower().startswith("relu") for op, _ in found.values())


def test_graph_of_layers(tmp_path):
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Sequential(nn.Linear(8, 2)))
    with SummaryWriter(tmp_path) as writer:
        writer.add_graph(model)
    assert nodes(tmp_path) == {
        "input": ("Input", []), "0": ("Linear", ["input"]), "1": ("ReLU", ["0"]), "2/0": ("Linear", ["1"]), "output": ("Output", ["2/0"]),
    }  # fmt: skip


def test_custom_scalars(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_custom_scalars({"rates": {"both": ["Multiline", ["a", "b"]], "band": ["Margin", ["m", "low", "high"]]}})
        writer.add_custom_scalars_multilinechart(["a"])
    (_, value), _ = values(tmp_path)["custom_scalars__config__"]
    (category,) = fields(tensor(value)[2][8][0])[2]
    category = fields(category)
    charts = [fields(chart) for chart in category[2]]
    assert category[1] == [b"rates"] and [chart[1][0] for chart in charts] == [b"both", b"band"]
    assert fields(charts[0][2][0])[1] == [b"a", b"b"]
    assert {k: v[0] for k, v in fields(fields(charts[1][3][0])[1][0]).items()} == {1: b"m", 2: b"low", 3: b"high"}


@pytest.mark.parametrize("name", ["add_embedding", "add_video", "add_mesh", "add_onnx_graph"])
def test_what_there_is_not(tmp_path, name):
    with SummaryWriter(tmp_path) as writer, pytest.raises(rustorch.UnsupportedError, match=f"{name} is not available: "):
        getattr(writer, name)("x", None)


# ------------------------------------------------------------------------------------------------ the callback


def fit(folder, **options):
    model = Model(["Dense(4, activation=relu)", "Dense(2, activation=softmax)"])
    model.compile({"name": "sgd", "learning_rate": 0.25}, "sparse_categorical_crossentropy", ["accuracy"])
    x, y = rng.normal(size=(40, 3)).astype("float32"), np.arange(40) % 2
    board = TensorBoard(folder, **options)
    return model, model.fit(x, y, epochs=3, batch_size=8, validation_split=0.2, callbacks=[board], verbose=0).history


def test_callback(tmp_path):
    _, history = fit(tmp_path / "logs")
    for tag, key in (("epoch_loss", "loss"), ("epoch_accuracy", "accuracy")):
        for part, prefix in (("train", ""), ("validation", "val_")):
            want = [(i, pytest.approx(value, rel=1e-6)) for i, value in enumerate(history[prefix + key])]
            assert scalars(tmp_path / "logs" / part, tag) == want
    assert scalars(tmp_path / "logs" / "train", "epoch_learning_rate") == [(i, 0.25) for i in range(3)]
    steps = [step for step, _ in scalars(tmp_path / "logs" / "validation", "evaluation_loss_vs_iterations")]
    assert steps == [4, 8, 12]
    assert [op for op, _ in nodes(tmp_path / "logs" / "train").values()] == ["Input", "Dense", "Dense", "Output"]
    assert "batch_loss" not in values(tmp_path / "logs" / "train")


def test_callback_with_everything(tmp_path):
    model, _ = fit(tmp_path, histogram_freq=2, write_images=True, write_steps_per_second=True, update_freq=2, write_graph=False)
    found = values(tmp_path / "train")
    assert [step for step, _ in found["batch_loss"]] == [2, 4, 6, 8, 10, 12]
    assert len(found["epoch_steps_per_second"]) == 3
    for name, parameter in model.named_parameters():
        tag = name.replace(".", "/")
        assert [step for step, _ in found[f"{tag}/histogram"]] == [0, 2]
        numbers, _, counts = histo(found[f"{tag}/histogram"][1][1])
        assert counts.sum() == parameter.numel() and numbers[0] == pytest.approx(float(parameter.min()))
        shape = tuple(parameter.shape)
        assert image(found[f"{tag}/image"][0][1]).shape[:2] == ((1, *shape) if len(shape) == 1 else (min(shape), max(shape)))
    assert not any(4 in event for event in events(tmp_path / "train"))


# ------------------------------------------------------------------------------------------------ TensorBoard itself


def test_tensorboard_reads_it(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.compat.proto import graph_pb2

    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("s", 0.5, 3)
        writer.add_histogram("h", rng.normal(size=100), 1)
        writer.add_image("i", rng.uniform(size=(3, 4, 5)), 1)
        writer.add_text("t", "words", 1)
        writer.add_audio("a", np.zeros(10), 1)
        writer.add_pr_curve("p", np.array([0, 1]), np.array([0.2, 0.8]), 1)
        writer.add_graph(nn.Linear(2, 1), rustorch.randn(1, 2))
    found = EventAccumulator(str(tmp_path))
    found.Reload()
    tags = found.Tags()
    assert (tags["scalars"], tags["histograms"], tags["images"], tags["audio"]) == (["s"], ["h"], ["i"], ["a"])
    assert set(tags["tensors"]) == {"t/text_summary", "p"} and tags["graph"]
    assert [(each.step, each.value) for each in found.Scalars("s")] == [(3, 0.5)]
    assert found.Histograms("h")[0].histogram_value.num == 100
    assert (found.Images("i")[0].height, found.Images("i")[0].width) == (4, 5)
    graph = found.Graph()
    assert isinstance(graph, graph_pb2.GraphDef) and {node.name for node in graph.node} >= {"input", "weight", "bias", "output"}
