"""Plots: files are valid and whole, pixels and texts are what the data say, and bad input is told."""

import os
import shutil
import struct
import subprocess
import sys
import threading
import warnings
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rustorch as torch
from rustorch import _C, io, nn
from rustorch.visualization import (
    ColorMap, Figure, ModelVisualizer, Plotter, TensorStats, _figure, create_colormap, plot_curves, save_figure, set_plot_style,
)  # fmt: skip

pytestmark = [
    pytest.mark.skipif(
        not os.path.exists(os.path.join(os.path.dirname(_C.__file__), f"rustorch_{plugin}.so")),
        reason=f"the {plugin} plug-in is not built: it needs {packages}",
    )
    for plugin, packages in (("plot", "libcairo2-dev and libpango1.0-dev"), ("image", "libpng-dev and libjpeg62-turbo-dev"))
]
RNG = np.random.default_rng(7)
BLUE, ORANGE = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)
SMALL = Plotter(figure_size=(5, 3), dpi=72)


def chunks(png):
    """{kind: bytes} of a PNG file."""
    found, at = {}, 8
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        found.setdefault(kind, b"")
        found[kind] += png[at + 8 : at + 8 + length]
        at += length + 12
    return found


def pixels(figure, scale=1.0):
    """(H, W, 3), uint8."""
    return io.decode_png(figure.to_png(scale=scale), mode="RGB").permute(1, 2, 0).numpy()


def where(image, color):
    """(top, bottom, left, right) of the pixels of exactly one colour, and how many there are."""
    rows, columns = np.nonzero((image == np.array(color, np.uint8)).all(2))
    assert len(rows), f"no pixel is {color}"
    return rows.min(), rows.max() + 1, columns.min(), columns.max() + 1, len(rows)


def marks(figure, panel=0):
    return figure._description["panels"][panel]["marks"]


def words(figure):
    """All texts within boxes."""
    return [word for panel in figure._description["panels"] for each in panel["marks"] for word in each.get("texts") or []]


MODEL = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
KINDS = {
    "line": lambda p: p.line_plot([1, 2, 3], {"a": [1, 2, 3], "b": [3, 1, 2]}, title="선 🚀 خط"),
    "line names": lambda p: p.line_plot(["x", "y"], [1, 2]),
    "scatter": lambda p: p.scatter_plot(RNG.random(50), RNG.random(50), c=RNG.random(50), color_label="c"),
    "histogram": lambda p: p.histogram(RNG.normal(size=500), title="h"),
    "bar": lambda p: p.bar_plot({"a": 1, "b": -2}, show_values=True),
    "bar turned": lambda p: p.bar_plot(["a" * 40, "b" * 50], [[1, 2], [3, 4]], horizontal=True, stacked=True),
    "heat map": lambda p: p.heat_map(RNG.normal(size=(4, 6)), color_label="v"),
    "confusion": lambda p: p.confusion_matrix(([0, 1, 2, 2], [0, 1, 1, 2]), labels=["가", "나", "다"]),
    "history": lambda p: p.plot_training_history({"loss": [2.0, 1.0], "val_loss": [2.1, 1.3], "lr": [0.1, 0.01]}),
    "image": lambda p: p.plot_tensor_as_image(torch.rand(3, 5, 7)),
    "images": lambda p: p.plot_multiple_tensors(torch.rand(5, 8, 8), titles=list("abcde")),
    "model": lambda p: p.plot_model(MODEL, input_size=(1, 4)),
}


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """What fonts there are is not this machine's merit: the tests of the warning look at it by themselves."""
    monkeypatch.setattr(_figure, "_warned", {"Korean", "Japanese", "Chinese", "Arabic", "emoji", "Thai", "Devanagari"})
    yield
    set_plot_style("default")


# Files ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_in_every_format(kind, tmp_path):
    figure = KINDS[kind](Plotter(figure_size=(6, 4), dpi=50))
    assert isinstance(figure, Figure)
    width, height = figure.size
    for scale in (1, 2):
        png = figure.to_png(scale=scale)
        assert png[:8] == b"\x89PNG\r\n\x1a\n"
        parts = chunks(png)
        got = struct.unpack(">II", parts[b"IHDR"][:8])
        assert got == (round(width * 50 * scale), round(height * 50 * scale))
        assert struct.unpack(">IIB", parts[b"pHYs"]) == (round(50 * scale / 0.0254),) * 2 + (1,)
    svg = ElementTree.fromstring(figure.to_svg())
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    assert float(svg.attrib["width"].rstrip("pt")) == pytest.approx(width * 72, abs=0.01)
    pdf = figure.to_pdf()
    assert pdf.startswith(b"%PDF-") and pdf.rstrip().endswith(b"%%EOF")
    for ending in ("png", "SVG", "pdf"):
        path = str(tmp_path / f"그림 {kind}.{ending}")
        assert figure.save(path) == path
        assert os.path.getsize(path) > 500
    assert len(list(tmp_path.iterdir())) == 3


def test_the_snippet_of_the_overview(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plotter = torch.visualization.Plotter()
    plotter.plot_training_history({"loss": [1.0, 0.5]}, save_path="training.png")
    assert (tmp_path / "training.png").read_bytes()[:4] == b"\x89PNG"
    figure = plotter.plot_tensor_as_image(torch.rand(4, 4), title="특성 맵")
    assert figure.title == "특성 맵"
    assert plotter.plot_tensor_as_image(torch.rand(4, 4)).title == "Tensor Visualization"
    assert torch.PyPlotter is Plotter


def test_a_failed_save_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    figure = Plotter(figure_size=(20, 20)).line_plot([1, 2])
    with pytest.raises(torch.ArgumentValueError, match="at most 32767 a side are possible; lower the dpi, or write SVG or PDF"):
        figure.save(path, dpi=2000)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]
    with pytest.raises(torch.ArgumentValueError, match=r"ending must be .png, .svg or .pdf"):
        figure.save(tmp_path / "a.jpg")
    with pytest.raises(FileNotFoundError):
        figure.save(tmp_path / "no" / "a.png")
    with pytest.raises(torch.SerializationError):
        (tmp_path / "folder.png").mkdir()
        figure.save(tmp_path / "folder.png")


def test_rank_0_alone_writes(tmp_path, monkeypatch):
    monkeypatch.setenv("RUSTORCH_RANK", "1")
    figure = SMALL.line_plot([1, 2], save_path=tmp_path / "a.png")
    assert not list(tmp_path.iterdir())
    figure.save(tmp_path / "b.png", all_ranks=True)
    monkeypatch.setenv("RUSTORCH_RANK", "0")
    figure.save(tmp_path / "c.png")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["b.png", "c.png"]


def test_both_scales_have_one_layout():
    figure = KINDS["bar"](SMALL)
    small, large = pixels(figure).astype(float), pixels(figure, 2).astype(float)
    shrunk = large.reshape(small.shape[0], 2, small.shape[1], 2, 3).mean((1, 3))
    assert np.abs(shrunk - small).mean() < 3


def test_many_threads_draw_the_same():
    figure = KINDS["heat map"](SMALL)
    want, got = figure.to_png(), []
    threads = [threading.Thread(target=lambda: got.extend(figure.to_png() for _ in range(3))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [want] * 12


def test_notebooks():
    figure = SMALL.line_plot([1, 2], title="t")
    data, extra = figure._repr_mimebundle_()
    assert data["image/png"] == figure._repr_png_() == figure.to_png(scale=2)
    assert extra["image/png"] == {"width": 360, "height": 216}
    assert figure._repr_svg_().startswith("<?xml")
    assert SMALL.heat_map(RNG.random((600, 600)))._repr_svg_() is None  # a notebook keeps what it shows
    assert repr(figure) == "Figure(5 x 3 in, 72 dpi, 't')"


def test_show_without_a_desktop(capsys, monkeypatch, tmp_path):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = SMALL.line_plot([1, 2]).show()
    assert capsys.readouterr().out == f"figure saved as {path}\n"
    assert open(path, "rb").read(4) == b"\x89PNG" and os.path.dirname(path) == str(tmp_path)


def test_save_figure(tmp_path):
    plotter = Plotter(figure_size=(2, 2))
    with pytest.raises(torch.RusTorchError, match="nothing has been drawn"):
        plotter.save_figure(tmp_path / "a.png")
    figure = plotter.line_plot([1, 2])
    plotter.save_figure(tmp_path / "a.png", dpi=30)
    save_figure(figure, tmp_path / "b.png", dpi=30)
    a, b = (tmp_path / "a.png").read_bytes(), (tmp_path / "b.png").read_bytes()
    assert a == b and struct.unpack(">II", a[16:24]) == (60, 60)
    with pytest.raises(torch.ArgumentTypeError, match="Figure is needed, not int"):
        save_figure(3, "a.png")


# Pixels ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1, 2])
def test_heat_map_colours_are_where_the_numbers_are(scale):
    """Each cell is a full rectangle of exactly its colour, in rows and columns as in the matrix."""
    values = np.array([[0.0, 0.2, 0.4], [0.6, 0.8, 1.0]])
    image = pixels(Plotter(figure_size=(5, 4), dpi=80).heat_map(values, annotate=False, color_bar=False, colormap="viridis"), scale)
    colors = create_colormap("viridis")(values)[..., :3]
    boxes = np.array([[where(image, color)[:4] for color in row] for row in colors.tolist()])
    for row in range(2):
        for column in range(3):
            top, bottom, left, right, n = where(image, colors[row, column].tolist())
            assert 0.97 <= n / ((bottom - top) * (right - left)) <= 1  # the frame is drawn over the outer edge
            assert abs((bottom - top) - (right - left)) <= 2 * scale  # the frame again
    assert (np.diff(boxes[:, :, 0], axis=0) > 0).all() and (np.diff(boxes[:, :, 2], axis=1) > 0).all()
    assert (np.abs(boxes[:, 1:, 2] - boxes[:, :-1, 3]) <= 1).all()  # neighbours meet


def frame_of(image, corners):
    """The part of a picture that lies within the pixels of these colours."""
    boxes = [where(image, color) for color in corners]
    return image[min(b[0] for b in boxes) : max(b[1] for b in boxes), min(b[2] for b in boxes) : max(b[3] for b in boxes)]


COLORS = np.array([[[10, 20, 30], [200, 0, 0], [0, 210, 0]], [[0, 0, 220], [240, 230, 0], [1, 128, 255]]], np.uint8)  # (2, 3, 3)


@pytest.mark.parametrize(
    "tensor, channels",
    [
        (COLORS, "last"), (COLORS, None), (COLORS.transpose(2, 0, 1), None), (torch.from_numpy(COLORS), None),
        (torch.from_numpy(COLORS).permute(2, 0, 1), "first"), (COLORS / 255.0, None), (COLORS.astype(np.int64), None),
        (COLORS.astype(np.float32), None), (np.concatenate([COLORS, np.full((2, 3, 1), 255, np.uint8)], 2), None), (COLORS[None], None),
    ],
    ids=["HWC", "HWC guessed", "CHW", "tensor", "strided", "unit floats", "int64", "byte floats", "RGBA", "batch of one"],
)  # fmt: skip
def test_images_show_their_values(tensor, channels):
    """RGB in any layout and dtype: the same picture, with exactly these colours in this order."""
    image = pixels(Plotter(figure_size=(4, 3), dpi=72).plot_tensor_as_image(tensor, channels=channels))
    seen = frame_of(image, COLORS.reshape(-1, 3).tolist())
    height, width = seen.shape[0] / 2, seen.shape[1] / 3
    for row in range(2):
        for column in range(3):
            assert (seen[int((row + 0.5) * height), int((column + 0.5) * width)] == COLORS[row, column]).all()


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16", "int8", "uint8", "int16", "int32", "int64", "bool"])
def test_grey_images_of_every_dtype(dtype):
    """Low is the first colour of the map, high the last."""
    tensor = torch.tensor([[0, 1], [1, 0]]).to(getattr(torch, dtype))
    image = pixels(Plotter(figure_size=(3, 3), dpi=72).plot_tensor_as_image(tensor, color_bar=False, colormap=["#102030", "#f0e0d0"]))
    seen = frame_of(image, [(0x10, 0x20, 0x30), (0xF0, 0xE0, 0xD0)])
    quarter = seen.shape[0] // 4
    got = seen[[quarter, quarter, -quarter, -quarter], [quarter, -quarter, quarter, -quarter]].tolist()
    assert got == [[0x10, 0x20, 0x30], [0xF0, 0xE0, 0xD0], [0xF0, 0xE0, 0xD0], [0x10, 0x20, 0x30]]


def test_limits_and_transparency():
    low = pixels(SMALL.plot_tensor_as_image([[5.0, 5.0]], low=0, high=10, color_bar=False, colormap=["#000000", "#ffffff"]))
    assert where(low, (128, 128, 128))[4] > 100
    faded = np.zeros((2, 2, 4), np.uint8)  # black, all transparent: the background shines through
    image = pixels(SMALL.plot_tensor_as_image(faded, title=""))
    assert image[image.shape[0] // 2, image.shape[1] // 2].tolist() == [255, 255, 255]


def test_a_line_and_its_gap():
    """The line covers its columns and none of the gap's; one lone point between gaps is a dot."""
    y = np.ones(101)
    y[40:60] = np.nan
    y[50] = 1
    image = pixels(Plotter(figure_size=(6, 3), dpi=100).line_plot(np.arange(101), y, line_width=3, marker=""))
    top, bottom, left, right, _ = where(image, BLUE)
    row = (image[(top + bottom) // 2] == np.array(BLUE)).all(1)[left:right]
    place = np.linspace(0, 100, len(row))
    assert row[place < 38.5].all() and row[place > 60.5].all()
    assert not row[(place > 41) & (place < 48.5)].any() and not row[(place > 51.5) & (place < 58.5)].any()
    assert row[np.abs(place - 50).argmin()]
    assert "19 of 101 values are not finite" in SMALL.line_plot(y)._description["panels"][0]["note"]


@pytest.mark.parametrize("order", ["grows", "returns"])
def test_a_million_points_keep_their_extremes(order):
    n = 1_000_000
    x, y = np.arange(n, dtype=float), np.zeros(n)
    y[700_123] = 1
    if order == "returns":
        x, y = np.concatenate([x, x[::-1]]), np.concatenate([y, y[::-1]])
    figure = Plotter(figure_size=(6, 3), dpi=100).line_plot(x, y, line_width=2, marker="")
    image = pixels(figure)
    blueish = (image[:, :, 2].astype(int) - image[:, :, 0]) > 60
    rows, columns = np.nonzero(blueish)
    assert rows.max() - rows.min() > 150  # the spike reaches the top
    left, right = columns.min(), columns.max()
    spike = columns[rows < rows.min() + 20]
    assert abs(spike.mean() - (left + 0.700123 * (right - left))) < 2
    assert len(figure.to_svg()) < 700_000 and len(figure.to_pdf()) < 300_000


def test_a_million_points_scattered():
    figure = SMALL.scatter_plot(RNG.normal(size=1_000_000), RNG.normal(size=1_000_000))
    assert len(figure.to_png()) < 300_000 and len(figure.to_svg()) < 3_000_000 and len(figure.to_pdf()) < 1_000_000
    image = pixels(figure).astype(int)
    assert (np.abs(image - BLUE).max(2) < 4).sum() > 5000  # where they are dense
    assert ((image[..., 0] > 60) & (image[..., 0] < 200) & (image[..., 2] > 200)).sum() > 500  # and where they are not


def test_what_is_not_drawn_is_counted():
    nan = float("nan")
    points = SMALL.scatter_plot([1, 2, 3, nan], [1, nan, 3, 4], c=[1, 2, nan, 4])
    assert points._description["panels"][0]["note"] == "3 of 4 values are not finite"
    assert SMALL.line_plot([1, nan, 3], [1, 2, 3])._description["panels"][0]["note"] == "1 of 3 values is not finite"


def test_bar_of_one_value():
    """The colour bar of a constant is there, and its value in the middle of the map."""
    image = pixels(SMALL.heat_map([[5.0, 5.0]], annotate=False)).astype(int)
    for end in ((68, 1, 84), (253, 231, 37)):  # of viridis
        assert (np.abs(image - end).max(2) < 6).any()


def test_no_minus_zero():
    texts = SMALL.heat_map([[-0.001, 1.5], [-1.5, 0.5]])._description["panels"][0]["marks"][1]["texts"]
    assert texts == ["0.00", "1.50", "\u22121.50", "0.50"]


def test_confusion_of_many_classes():
    """The figure grows until each class has a line."""
    assert Plotter().confusion_matrix(np.eye(10)).to_png() and repr(Plotter().confusion_matrix(np.eye(10))).startswith("Figure(10 x 6 in")
    assert repr(Plotter().confusion_matrix(np.eye(40))).startswith("Figure(10 x 8.8 in")
    assert repr(Plotter().confusion_matrix(np.eye(40), figure_size=(5, 4))).startswith("Figure(5 x 4 in")


def test_stamped_points_look_like_drawn_ones():
    """More than 2000 points take another way."""
    x, y = RNG.random(2001), RNG.random(2001)
    drawn = SMALL.scatter_plot(x[:2000], y[:2000], alpha=1, size=4, x_limits=(0, 1), y_limits=(0, 1))
    stamped = SMALL.scatter_plot(np.r_[x[:2000], np.nan], np.r_[y[:2000], np.nan], alpha=1, size=4, x_limits=(0, 1), y_limits=(0, 1))
    a, b = pixels(drawn, 3)[:560].astype(float), pixels(stamped, 3)[:560].astype(float)  # above the axis: the note takes room below
    count_a, count_b = ((a == np.array(BLUE)).all(2)).sum(), ((b == np.array(BLUE)).all(2)).sum()
    assert abs(count_a - count_b) < 0.1 * count_a


def test_bars_are_as_high_as_their_values():
    image = pixels(Plotter(figure_size=(5, 4), dpi=100).bar_plot(["a", "b"], [1.0, 4.0], color=["#d55e00", "#0072b2"]))
    a, b = where(image, ORANGE), where(image, BLUE)
    assert (b[1] - b[0]) / (a[1] - a[0]) == pytest.approx(4, rel=0.03)
    assert a[1] == b[1] and a[3] < b[2]
    stacked = pixels(Plotter(figure_size=(5, 4), dpi=100).bar_plot(["a"], {"x": [1.0], "y": [3.0]}, stacked=True))[
        50:
    ]  # below the legend
    a, b = where(stacked, BLUE), where(stacked, ORANGE)
    assert (b[1] - b[0]) / (a[1] - a[0]) == pytest.approx(3, rel=0.05) and abs(b[1] - a[0]) <= 2
    turned = pixels(Plotter(figure_size=(5, 4), dpi=100).bar_plot(["a", "b"], [1.0, 4.0], color=["#d55e00", "#0072b2"], horizontal=True))
    a, b = where(turned, ORANGE), where(turned, BLUE)
    assert (b[3] - b[2]) / (a[3] - a[2]) == pytest.approx(4, rel=0.03) and a[1] < b[0]  # the first on top


def test_histograms_count():
    values = np.r_[RNG.normal(size=999), np.nan]
    figure = SMALL.histogram(values, bins=20)
    counts, edges = np.histogram(values[:-1], 20)
    (bars,) = marks(figure)
    np.testing.assert_array_equal(bars["y2"], counts[counts > 0])
    np.testing.assert_allclose(bars["x"], edges[:-1][counts > 0])
    assert figure._description["panels"][0]["note"] == "1 of 1000 values is not finite"
    dense = marks(SMALL.histogram({"a": values, "b": values * 2}, bins="auto", density=True))
    assert [each["name"] for each in dense] == ["a", "b"]
    for each in dense:
        assert (each["y2"] * (each["x2"] - each["x"])).sum() == pytest.approx(1)
    assert marks(SMALL.histogram(torch.tensor([[1, 1], [1, 3]]), bins=[0, 2, 4]))[0]["y2"].tolist() == [3, 1]


def test_texts_are_drawn():
    """A title changes the pixels at its place, and other titles other pixels, with or without a font."""
    pictures = [pixels(SMALL.line_plot([1, 2], title=title))[:30] for title in ("", "title", "특성", "特徴")]
    for i, one in enumerate(pictures):
        for other in pictures[:i]:
            assert (one != other).any()
    plain, titled = (len(ElementTree.fromstring(SMALL.line_plot([1, 2], title=t).to_svg()).findall(".//*")) for t in ("", "title"))
    assert titled > plain  # outlines of letters
    for label in ("<b>&amp; a < b</b>", "two\nlines", "a\0b", "\ud800", "word " * 100, "\u202e\u0000"):
        SMALL.line_plot([1, 2], title=label, x_label=label, y_label=label, labels=[label]).to_svg()


def test_numbers_fit_their_cells_or_are_left_out():
    with_room = pixels(
        Plotter(figure_size=(5, 5)).heat_map(np.zeros((3, 3)), value_format=".2f", colormap=["#ffffff", "#ffffff"], color_bar=False)
    )
    crowded = pixels(
        Plotter(figure_size=(5, 5)).heat_map(np.zeros((120, 120)), annotate=True, colormap=["#ffffff", "#ffffff"], color_bar=False)
    )
    middle = (slice(120, 380), slice(120, 380))
    assert (with_room[middle] != 255).any() and not (crowded[middle] != 255).any()


# What is drawn for what -----------------------------------------------------------------------------------------------


def test_series():
    x = [1.0, 2.0, 3.0]
    one = marks(SMALL.line_plot(x))
    assert one[0]["x"].tolist() == [0, 1, 2] and one[0]["y"].tolist() == x
    for many in (
        {"a": [1, 2, 3], "b": [4, 5, 6]},
        [[1, 2, 3], [4, 5, 6]],
        np.array([[1, 4], [2, 5], [3, 6]]),
        [torch.tensor([1, 2, 3]), (4, 5, 6)],
    ):
        got = marks(SMALL.line_plot(x, many))
        assert [each["y"].tolist() for each in got] == [[1, 2, 3], [4, 5, 6]]
        assert len({each["colour"] for each in got}) == 2 and len({each["marker"] for each in got}) == 2
    got = marks(SMALL.line_plot([[0, 1], [5, 6, 7]], [[1, 2], [3, 4, 5]], labels=["p", "q"]))
    assert [each["name"] for each in got] == ["p", "q"] and got[1]["x"].tolist() == [5, 6, 7]
    many = marks(SMALL.line_plot([0, 1], [[i, i] for i in range(16)]))
    assert len({(each["colour"], each["dash"]) for each in many}) == 16
    styled = marks(SMALL.line_plot([1, 2], color="C1", linestyle="--", marker="^", line_width=4))[0]
    assert (styled["colour"], styled["dash"], styled["marker"], styled["width"]) == (0xD55E00FF, "dashed", "triangle", 4)
    assert marks(SMALL.line_plot([1, None, 3]))[0]["y"].tolist()[::2] == [1, 3]  # None is a gap
    names = SMALL.line_plot(["가", "나"], [1, 2])._description["panels"][0]["x"]
    assert names["kind"] == "names" and names["names"] == ["가", "나"]


def test_confusion_matrices():
    y_true, y_pred = RNG.integers(0, 4, 200), RNG.integers(0, 4, 200)
    counts = np.zeros((4, 4), int)
    for t, p in zip(y_true, y_pred):
        counts[t, p] += 1
    want = [str(value) for value in counts.reshape(-1)]
    scores = np.eye(4)[y_pred] + RNG.random((200, 4)) * 0.5
    letters = np.array(list("abcd"))
    for given_ in ((y_true, y_pred), (torch.from_numpy(y_true), torch.from_numpy(scores)), (letters[y_true].tolist(), letters[y_pred])):
        assert words(SMALL.confusion_matrix(given_, labels=list("abcd"))) == want
    assert words(SMALL.confusion_matrix(counts)) == want
    part = counts / counts.sum(1, keepdims=True)
    assert words(SMALL.confusion_matrix(counts, normalize="true")) == [f"{value:.2f}" for value in part.reshape(-1)]
    part = counts / counts.sum(0)
    assert words(SMALL.confusion_matrix(counts, normalize="pred")) == [f"{value:.2f}" for value in part.reshape(-1)]
    assert words(SMALL.confusion_matrix([[0, 0], [0, 2]], normalize=True)) == ["0.00", "0.00", "0.00", "1.00"]  # an absent class


class Keras:
    def __init__(self, history):
        self.history = history


class Ours:
    """As rustorch.training's: methods, and validation at some epochs only."""

    def train_loss(self):
        return [4.0, 3.0, 2.0, 1.0]

    def val_loss(self):
        return [3.5, 1.5]

    def val_epochs(self):
        return [3, 4]

    def metrics(self):
        return {"accuracy": [0.1, 0.2, 0.3, 0.4]}


def test_histories():
    table = {
        "loss": [3.0, 2.0, 1.0],
        "val_loss": [3.1, 2.0, 2.5],
        "accuracy": [0.1, 0.5, 0.6],
        "val_accuracy": [0.1, 0.6, 0.6],
        "lr": [1e-1, 1e-2, 1e-3],
    }
    for history in (table, Keras(table), {"train_" + k if k in ("loss", "accuracy") else k: v for k, v in table.items()}):
        figure = Plotter().plot_training_history(history)
        panels = figure._description["panels"]
        assert [panel["title"] for panel in panels] == ["loss", "accuracy", "learning rate"]
        assert [each["name"] for each in panels[0]["marks"]] == ["training", "validation", "best 2 at epoch 2"]
        assert panels[0]["marks"][2]["x"].tolist() == [2.0]
        assert [each["name"] for each in panels[1]["marks"]][2] == "best 0.6 at epoch 2"
        assert [panel["y"]["kind"] for panel in panels] == ["linear", "linear", "log"]
        assert [each["name"] for each in panels[2]["marks"]] == [""]
    hidden = Plotter().plot_training_history(table, show_validation=False)
    assert [each["name"] for each in marks(hidden)] == ["training", "best 1 at epoch 3"]
    ours = Plotter().plot_training_history(Ours())
    assert marks(ours)[1]["x"].tolist() == [3, 4] and len(ours._description["panels"]) == 2
    later = Keras(table)
    later.epoch = [5, 6, 7]
    assert marks(Plotter().plot_training_history(later))[0]["x"].tolist() == [6, 7, 8]
    every_second = marks(Plotter().plot_training_history({"loss": [4, 3, 2, 1], "val_loss": [3, 1]}))
    assert every_second[1]["x"].tolist() == [2, 4]
    nested = Plotter().plot_training_history({"train": {"loss": [2, 1]}, "val": {"loss": [3, 2]}})
    assert [each["name"] for each in marks(nested)][:2] == ["training", "validation"]


def test_logarithmic_axes_where_decades_are_spanned():
    def kind(**history):
        return SMALL.plot_training_history(history)._description["panels"][0]["y"]["kind"]

    assert kind(loss=[1.0, 0.02]) == "linear"
    assert kind(loss=[1.0, 0.1, 0.009]) == "log"
    assert kind(loss=[1.0, 0.0]) == "linear" and kind(loss=[1.0, -0.001]) == "linear"
    assert kind(accuracy=[0.001, 0.9]) == "linear"
    assert kind(loss=[float("nan"), 1.0, 0.001]) == "log"
    assert SMALL.plot_training_history({"loss": [1, 0.001]}, log_y=False)._description["panels"][0]["y"]["kind"] == "linear"


@pytest.mark.parametrize("n", range(1, 13))
def test_panels_fit(n):
    """From 1 to 12: none is smaller than can be read, and no row is empty."""
    figure = Plotter().plot_training_history({f"accuracy {i}": [0.1, 0.2] for i in range(n)})
    columns = figure._description["columns"]
    rows = -(-n // columns)
    assert figure.size[0] / columns >= 3.3 and figure.size[1] / rows >= 2.6
    assert columns * rows - n < columns
    figure.to_png(dpi=40)


def test_batches_of_images():
    assert len(SMALL.plot_multiple_tensors(torch.rand(5, 3, 8, 8))._description["panels"]) == 5
    assert len(SMALL.plot_multiple_tensors(torch.rand(5, 8, 9, 3))._description["panels"]) == 5
    assert len(SMALL.plot_multiple_tensors(torch.rand(7, 8, 8))._description["panels"]) == 7
    assert len(SMALL.plot_multiple_tensors(torch.rand(2, 16, 8, 8))._description["panels"]) == 32  # feature maps
    assert len(SMALL.plot_multiple_tensors([torch.rand(8, 8), torch.rand(3, 4, 5)])._description["panels"]) == 2
    first = SMALL.plot_multiple_tensors(COLORS.transpose(2, 0, 1)[None])
    last = SMALL.plot_multiple_tensors(COLORS[None], channels="last")
    np.testing.assert_array_equal(marks(first)[0]["pixels"], marks(last)[0]["pixels"])


# Colours and styles ---------------------------------------------------------------------------------------------------


def test_colour_maps():
    viridis = create_colormap("viridis")
    np.testing.assert_allclose(viridis([0, 0.5, 1]), [[68, 1, 84, 255], [33, 145, 140, 255], [253, 231, 37, 255]], atol=1)  # matplotlib's
    assert viridis([-1, 2, np.nan]).tolist() == [[68, 1, 84, 255], [253, 231, 37, 255], [0, 0, 0, 0]]
    assert create_colormap("viridis_r").colors.tolist() == viridis.colors[::-1].tolist() == viridis.reversed().colors.tolist()
    assert create_colormap("gray")(0.5).tolist() == [128, 128, 128, 255]
    assert create_colormap(["red", (0, 0, 1)], n=2).colors.tolist() == [[255, 0, 0, 255], [0, 0, 255, 255]]
    assert create_colormap(viridis) is viridis
    with pytest.raises(torch.ArgumentValueError, match="there is no colour map 'nope': the maps are viridis, plasma"):
        create_colormap("nope")
    with pytest.raises(torch.ArgumentValueError, match="at least two colours"):
        ColorMap(["red"])


@pytest.mark.parametrize(
    "name",
    ["viridis", "plasma", "inferno", "magma", "cividis", "turbo", "gray", "coolwarm", "Blues", "Greens", "Reds", "RdBu", "Spectral"],
)
def test_colour_maps_are_matplotlibs(name):
    matplotlib = pytest.importorskip("matplotlib")
    want = matplotlib.colormaps[name](np.arange(256))[:, :3] * 255
    assert np.abs(create_colormap(name).colors[:, :3] - want).max() < 5.5


def test_styles():
    dark = pixels(Plotter(style="dark", figure_size=(3, 2)).line_plot([1, 2]))
    assert dark[0, 0].tolist() == [0x16, 0x19, 0x1F]
    set_plot_style("dark", background="#010203")
    assert pixels(Plotter(figure_size=(3, 2)).line_plot([1, 2]))[0, 0].tolist() == [1, 2, 3]
    plotter = Plotter(figure_size=(3, 2))
    plotter.set_plot_style("print")
    assert pixels(plotter.line_plot([1, 2]))[0, 0].tolist() == [255, 255, 255]
    set_plot_style("default", palette=["#123456"])
    assert marks(plotter.line_plot([1, 2]))[0]["colour"] == 0x000000FF
    assert marks(Plotter().line_plot([1, 2]))[0]["colour"] == 0x123456FF
    for wrong, text in (({"style": "nope"}, "there is no plot style 'nope': the styles are default, dark"),
                        ({"bakground": "red"}, "no setting 'bakground'"),
                        ({"background": "nocolor"}, "'nocolor' is no colour")):  # fmt: skip
        with pytest.raises(torch.ArgumentValueError, match=text):
            set_plot_style(**wrong)
    assert marks(Plotter().line_plot([1, 2]))[0]["colour"] == 0x123456FF  # what was wrong changed nothing


@pytest.mark.parametrize(
    "color, want",
    [
        ("red", 0xFF0000FF),
        ("#abc", 0xAABBCCFF),
        ("#01020304", 0x01020304),
        ("C0", 0x0072B2FF),
        ("C8", 0xD55E00FF),
        ((1, 0.5, 0), 0xFF8000FF),
        ("tab:blue", 0x1F77B4FF),
    ],
)
def test_colours(color, want):
    assert marks(SMALL.line_plot([1, 2], color=color))[0]["colour"] == want


# Statistics -----------------------------------------------------------------------------------------------------------


def test_tensor_stats():
    values = RNG.normal(size=(3, 5, 7))
    stats = TensorStats()
    with pytest.raises(torch.RusTorchError, match="nothing has been computed yet"):
        stats.get_stats()
    got = stats.compute_stats(torch.from_numpy(values))
    want = {
        "count": 105, "mean": values.mean(), "std": values.std(ddof=1), "min": values.min(), "max": values.max(),
        "median": np.median(values), "q25": np.quantile(values, 0.25), "q75": np.quantile(values, 0.75),
    }  # fmt: skip
    assert list(got) == list(want) and got == pytest.approx(want) and stats.get_stats() == got
    assert TensorStats(torch.tensor([True, False])).get_stats()["mean"] == 0.5
    assert np.isnan(TensorStats([1.0]).get_stats()["std"]) and np.isnan(TensorStats([1.0, np.nan]).get_stats()["max"])
    with pytest.raises(torch.ArgumentValueError, match="empty"):
        TensorStats([])


# Models ---------------------------------------------------------------------------------------------------------------


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(self.norm(self.conv(x)) + x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 2)  # before what it comes after
        self.blocks = nn.Sequential(Block(), Block(), Block())
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.unused = nn.Linear(3, 3)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


def boxes(figure):
    """{heading: (top, lines)} of the boxes of a model's picture."""
    found = {}
    for each in marks(figure):
        for word, top in zip(each.get("texts") or [], each.get("y")):
            lines = word.split("\n")
            found[lines[0]] = (float(top), lines[1:])
    return found


def paths(figure):
    """How many arrows there are, and which of them have corners on a side (skips)."""
    (each,) = [one for one in marks(figure) if one.get("arrow")]
    runs = np.split(each["x"], np.flatnonzero(np.isnan(each["x"])))
    return [run[~np.isnan(run)] for run in runs if (~np.isnan(run)).sum() >= 2]


def test_model_graphs():
    model = Net()
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    figure = Plotter().plot_model(model, input_size=(2, 1, 8, 8))
    found = boxes(figure)
    assert figure.title == "Net"
    assert found["stem · Conv2d"][1][-2:] == ["2×1×8×8 → 2×4×8×8", "40 parameters"]
    assert "0–2 · Block  ×3" in found  # equal neighbours once
    assert found["head · Linear"][1][-2:] == ["2×4 → 2×2", "10 parameters"]
    assert {"input  2×1×8×8", "output  2×2"} <= set(found)
    tops = [found[name][0] for name in ("stem · Conv2d", "0–2 · Block  ×3", "head · Linear")]
    assert tops == sorted(tops)  # in the order of the data, not of the definition
    skips = [path for path in paths(figure) if len(path) == 4 and path[1] == path[2] > max(path[0] - 1, path[3])]
    assert len(skips) == 2  # the residual, and from the head past what is not called to the output
    assert len(paths(figure)) == 7
    assert model.training and all(module.training for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())  # batch norm, too
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_model_graphs_without_an_input():
    figure = Plotter().plot_model(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)))
    assert len(paths(figure)) == 2
    assert len(paths(Plotter().plot_model(Net()))) == 0  # the three Blocks are one, and within it the order is not known
    text_model = torch.Model("이름")
    text_model.add("Dense(3, activation=relu)")
    text_model.add("Dense(2)")
    figure = Plotter().plot_model(text_model)
    assert figure.title == "이름" and len(paths(figure)) == 1 and boxes(figure)["0 · Dense"][1] == ["3, activation=relu"]
    shallow = boxes(Plotter().plot_model(Net(), depth=1))
    assert "blocks · Sequential" in shallow and "0–2 · Block  ×3" not in shallow


def test_model_graphs_of_all_sorts():
    attention = Plotter().plot_model(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), torch.rand(2, 5, 8))
    assert "self_attn · MultiheadAttention" in boxes(attention)  # computes by itself: one box
    embedding = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 2))
    assert len(paths(Plotter().plot_model(embedding, torch.zeros(1, 3, dtype=torch.int64)))) == 3
    assert "LSTM" in boxes(Plotter().plot_model(nn.LSTM(3, 4), torch.rand(2, 1, 3)))
    lazy = nn.Sequential(nn.LazyLinear(3))
    assert "0 · LazyLinear" in boxes(Plotter().plot_model(lazy))
    shared = nn.Linear(3, 3)
    Plotter().plot_model(nn.Sequential(shared, nn.ReLU(), shared), input_size=(1, 3)).to_png(dpi=40)
    limited = boxes(Plotter().plot_model(Net(), input_size=(2, 1, 8, 8), depth=1))
    assert limited["blocks · Sequential"][1][-2] == "2×4×8×8 → 2×4×8×8"
    deep = nn.Sequential(*[nn.Sequential(nn.Linear(2, 2), nn.Tanh(), *[nn.Linear(2, 2) for _ in range(i % 7)]) for i in range(60)])
    figure = Plotter().plot_model(deep, input_size=(1, 2))  # higher than a page: less deep
    assert figure.size[1] * 72 < 15100 and "3 · Sequential" in boxes(figure)
    wide = nn.Sequential(*[nn.Linear(2, 2) for _ in range(400)])
    Plotter(dpi=30).plot_model(wide, input_size=(1, 2)).to_png()
    with pytest.raises(torch.ArgumentTypeError, match="nn.Module is needed, not int"):
        Plotter().plot_model(3)
    with pytest.raises(torch.ArgumentValueError, match="not both"):
        Plotter().plot_model(shared, torch.rand(1, 3), input_size=(1, 3))
    with pytest.raises(torch.ShapeError):
        Plotter().plot_model(shared, input_size=(1, 4))
    assert not shared._forward_hooks


def test_model_visualizer():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    visualizer = ModelVisualizer(model)
    assert len(visualizer.plot_parameters()._description["panels"]) == 4
    assert visualizer.plot_parameters(limit=2).title == "Parameters of Sequential (the first 2 of 4)"
    with pytest.raises(torch.RusTorchError, match=r"call backward\(\) first"):
        visualizer.plot_gradients()
    model(torch.rand(5, 3)).sum().backward()
    (bars,) = marks(visualizer.plot_gradients())
    np.testing.assert_allclose(bars["x2"], [float(p.grad.norm()) for p in model.parameters()], rtol=1e-6)
    assert len(visualizer.plot_parameters(gradients=True)._description["panels"]) == 4
    assert visualizer.parameter_stats()["0.weight"]["count"] == 12
    with pytest.raises(torch.RusTorchError, match="no parameters yet"):
        ModelVisualizer(nn.LazyLinear(3)).plot_parameters()


# Fonts ----------------------------------------------------------------------------------------------------------------

ONE_FONT = """
import sys, warnings
from rustorch.visualization import Plotter
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for _ in range(2):
        Plotter(figure_size=(4, 3)).line_plot([1, 2], title="특성 特徴の 🦑", x_label="ลก नम", y_label="abc ×10⁻³ −±").to_png()
for warning in caught:
    print(warning.category.__name__, warning.filename, warning.message)
"""


def test_a_missing_font_is_named_once(tmp_path):
    folder = "/usr/share/fonts/truetype/dejavu"
    if not os.path.isdir(folder):
        pytest.skip("the DejaVu fonts (fonts-dejavu-core) are not installed")
    (tmp_path / "fonts.conf").write_text(
        f'<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">\n'
        f"<fontconfig><dir>{folder}</dir><cachedir>{tmp_path}</cachedir></fontconfig>"
    )
    (tmp_path / "script.py").write_text(ONE_FONT)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path,
        env={**os.environ, "FONTCONFIG_FILE": str(tmp_path / "fonts.conf"), "PYTHONIOENCODING": "utf-8"},
        capture_output=True, encoding="utf-8", timeout=60,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and len(lines) == 6, (done.stdout, done.stderr)
    text = " ".join(lines)
    for script, package in (("Korean", "fonts-noto-cjk"), ("Japanese", "fonts-noto-cjk"), ("Chinese", "fonts-noto-cjk"),
                            ("emoji", "fonts-noto-color-emoji"), ("Thai", "fonts-noto-core"),
                            ("Devanagari", "fonts-noto-core")):  # fmt: skip
        assert any(f"the {script} characters" in line and line.endswith(f"apt install {package}") for line in lines), (script, text)
    assert all(line.startswith("UserWarning") and "script.py" in line for line in lines)  # at the line that asked


@pytest.mark.parametrize(
    "language, text", [("ko", "특성 맵"), ("ja", "特徴マップ"), ("zh-cn", "特征图"), ("ar", "خريطة الميزات"), ("und-zsye", "🚀🎉")]
)
def test_texts_of_installed_fonts(language, text, monkeypatch):
    if not shutil.which("fc-list") or not subprocess.run(["fc-list", f":lang={language}", "family"], capture_output=True).stdout.strip():
        pytest.skip(f"no font for {language} is installed")
    monkeypatch.setattr(_figure, "_warned", set())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SMALL.line_plot([1, 2], title=text, x_label=text, labels=[text]).to_pdf()


# Matplotlib -----------------------------------------------------------------------------------------------------------


def test_matplotlib_is_told_when_absent(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(torch.UnsupportedError, match="matplotlib is not installed: pip install matplotlib"):
        Plotter(backend="matplotlib")


@pytest.mark.parametrize("kind", KINDS)
def test_matplotlib_draws_every_kind(kind, tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    plotter = Plotter(backend="matplotlib", figure_size=(5, 4), dpi=40)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its fonts
        figure = KINDS[kind](plotter)
        assert isinstance(figure, matplotlib.figure.Figure)
        save_figure(figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 500


# Bad input ------------------------------------------------------------------------------------------------------------

VALUE, TYPE = torch.ArgumentValueError, torch.ArgumentTypeError
BAD = [
    (lambda: SMALL.line_plot([1, 2, 3], [1, 2]), VALUE, "x_data has 3 values and y_data has 2 values"),
    (lambda: SMALL.scatter_plot([1], [1, 2]), VALUE, "x_data has 1 values and y_data has 2 values"),
    (lambda: SMALL.scatter_plot([1, 2], [1, 2], c=[1]), VALUE, "c has 1 values and x_data has 2 values"),
    (lambda: SMALL.line_plot([1, 2], {"a": [1, 2, 3]}), VALUE, "y_data has 3 values"),
    (lambda: SMALL.line_plot([1, 2], [[1, 2], [1, 2]], labels=["a"]), VALUE, "1 labels are given for 2 series"),
    (lambda: SMALL.line_plot([1, 2], {"a": [1, 2]}, labels=["b"]), VALUE, "labels are given twice"),
    (lambda: SMALL.line_plot([1, 2], ["a", "b"]), TYPE, "numbers are needed"),
    (lambda: SMALL.line_plot([1j, 2]), TYPE, "numbers are needed, not complex"),
    (lambda: SMALL.line_plot({1, 2}), TYPE, "numbers are needed"),
    (lambda: SMALL.line_plot(np.zeros((2, 2, 2))), VALUE, r"one dimension is needed, not the shape \(2, 2, 2\)"),
    (lambda: SMALL.line_plot([1, 2], linestyle="wavy"), VALUE, "linestyle must be one of 'solid'"),
    (lambda: SMALL.line_plot([1, 2], marker="?"), VALUE, "marker must be one of"),
    (lambda: SMALL.line_plot([1, 2], color="nocolor"), VALUE, "'nocolor' is no colour"),
    (lambda: SMALL.line_plot([1, 2], color=(1, 2, 3)), VALUE, "numbers from 0 to 1"),
    (lambda: SMALL.line_plot([1, 2], x_limits=(2, 1)), VALUE, "low below high"),
    (lambda: SMALL.line_plot([1, 2], log_y=True, y_limits=(0, 1)), VALUE, "must be above 0"),
    (lambda: SMALL.line_plot([1, 2], figure_size=(0, 1)), VALUE, "0.3 to 270 inches"),
    (lambda: SMALL.line_plot([1, 2], figure_size=5), VALUE, "a width and a height in inches"),
    (lambda: SMALL.histogram([1, 2], bins=0), VALUE, "bins must be from 1"),
    (lambda: SMALL.histogram([1, 2], bins="nope"), VALUE, "nope"),
    (lambda: SMALL.histogram([1, 2], bins=[2, 1]), VALUE, "monotonically"),
    (lambda: SMALL.bar_plot(["a"], [1, 2]), VALUE, "labels has 1 values and values has 2 values"),
    (lambda: SMALL.bar_plot(["a", "b"]), TYPE, "labels and values"),
    (lambda: SMALL.bar_plot([], []), VALUE, "there are no labels"),
    (lambda: SMALL.heat_map([1, 2, 3]), VALUE, r"a matrix \(rows, columns\) is needed, not the shape \(3,\)"),
    (lambda: SMALL.heat_map([[1], [2, 3]]), TYPE, "rows of one length"),
    (lambda: SMALL.heat_map(np.zeros((0, 3))), VALUE, "a matrix"),
    (lambda: SMALL.heat_map([[1, 2]], x_labels=["a"]), VALUE, "1 x_labels are given for 2 columns"),
    (lambda: SMALL.heat_map([[1, 2]], low=3, high=1), VALUE, "limits low <= high"),
    (lambda: SMALL.heat_map([[1, 2]], value_format="nope"), VALUE, "value_format"),
    (lambda: SMALL.heat_map([[1, 2]], colormap="nope"), VALUE, "there is no colour map"),
    (lambda: SMALL.confusion_matrix([[1, 2]]), VALUE, "square matrix"),
    (lambda: SMALL.confusion_matrix([[1, -2], [1, 1]]), VALUE, "must not be negative"),
    (lambda: SMALL.confusion_matrix(([0, 1], [0])), VALUE, "y_true has 2 values and y_pred has 1 values"),
    (lambda: SMALL.confusion_matrix(([0, 5], [0, 1]), labels=["a", "b"]), VALUE, "class 5 is out of range: 2 labels"),
    (lambda: SMALL.confusion_matrix((["a"], ["c"]), labels=["a", "b"]), VALUE, "'c', which is none of the labels"),
    (lambda: SMALL.confusion_matrix(([0.5], [1])), VALUE, "class numbers"),
    (lambda: SMALL.confusion_matrix([[1]], normalize="rows"), VALUE, '"true", "pred" or "all"'),
    (lambda: SMALL.plot_tensor_as_image([1, 2]), VALUE, r"at least two dimensions are needed, not the shape \(2,\)"),
    (lambda: SMALL.plot_tensor_as_image(torch.rand(5, 6, 6)), VALUE, "plot_multiple_tensors"),
    (lambda: SMALL.plot_tensor_as_image(torch.rand(2, 3, 4, 4)), VALUE, "several images"),
    (lambda: SMALL.plot_tensor_as_image(torch.rand(0, 4)), VALUE, "holds no pixel"),
    (lambda: SMALL.plot_tensor_as_image(torch.rand(4, 4), channels="middle"), VALUE, '"first", "last" or None'),
    (lambda: SMALL.plot_multiple_tensors(torch.rand(2, 4, 4), titles=["a"]), VALUE, "1 titles are given for 2 pictures"),
    (lambda: SMALL.plot_multiple_tensors([]), VALUE, "from 1 to 1024 pictures"),
    (lambda: SMALL.plot_training_history({}), VALUE, "the history is empty"),
    (lambda: SMALL.plot_training_history({"loss": []}), VALUE, "the history is empty"),
    (lambda: SMALL.plot_training_history(3), TYPE, "a TrainingHistory, .* not int"),
    (lambda: SMALL.plot_training_history({"loss": [1]}, columns=0), VALUE, "columns must be at least 1"),
    (lambda: Plotter(backend="gnuplot"), VALUE, '"rustorch" or "matplotlib", not \'gnuplot\''),
    (lambda: Plotter(style="nope"), VALUE, "there is no plot style"),
    (lambda: Plotter(dpi=0), VALUE, "dpi must be from 1"),
    (lambda: plot_curves({}, "a.png"), VALUE, "nothing to draw"),
    (lambda: plot_curves({"a": {"b": ([1, 2], [1])}}, "a.png"), VALUE, "x has 2 values and y has 1 values"),
]  # fmt: skip


@pytest.mark.parametrize("call, kind, text", BAD, ids=[str(i) for i in range(len(BAD))])
def test_bad_input_is_told(call, kind, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind, match=text):
        call()
    assert not list(tmp_path.iterdir())


def test_the_extension_takes_nothing_on_trust():
    good = SMALL.line_plot([1, 2])._description
    line = good["panels"][0]["marks"][0]
    for change, kind, text in (
        ({"kinds": 1}, KeyError, "kinds"), ({"kind": "circle"}, ValueError, "circle"), ({"y": np.zeros(3)}, ValueError, "3 elements"),
        ({"y": np.zeros(2, np.float32)}, TypeError, "contiguous"), ({"y": None}, ValueError, "lacks"),
        ({"y": [1.0, 2.0]}, TypeError, "bytes-like"),
        ({"kind": "image"}, ValueError, "lacks"), ({"name": 3}, TypeError, None), ({"texts": ["a"]}, ValueError, "1 elements"),
    ):  # fmt: skip
        wrong = {**good, "panels": [{**good["panels"][0], "marks": [{**line, **change}]}]}
        with pytest.raises(kind, match=text):
            _C._figure_draw(wrong, "png", 1.0)
    with pytest.raises(ValueError, match="gif"):
        _C._figure_draw(good, "gif", 1.0)
    with pytest.raises(TypeError):
        _C._figure_draw([], "png", 1.0)
    recursive = {}
    recursive["style"] = recursive
    with pytest.raises(KeyError):
        _C._figure_draw(recursive, "png", 1.0)


numbers = st.floats(allow_nan=True, allow_infinity=True, width=64)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(numbers, numbers), max_size=12), st.booleans(), st.booleans())
def test_any_numbers_can_be_drawn(points, log_x, log_y):
    plotter = Plotter(figure_size=(2, 2), dpi=30)
    x, y = [p[0] for p in points], [p[1] for p in points]
    for draw in (plotter.line_plot, plotter.scatter_plot):
        draw(x, y, log_x=log_x, log_y=log_y).to_png()
    plotter.histogram(x).to_png()
    if points:
        plotter.heat_map([x, y]).to_png()
        plotter.plot_tensor_as_image([x, y]).to_png()
        plotter.bar_plot(range(len(x)), x, show_values=True).to_png()
        plotter.plot_training_history({"loss": x, "val_loss": y}).to_png(dpi=20)


def test_curves(tmp_path):
    path = tmp_path / "a.png"
    figure = plot_curves(
        {"loss": {"train": [1.0, 0.5], "test": ([2, 4], [1.0, 0.1])}, "rate": {"lr": [1.0, 0.1]}}, path, title="t", log_y=["rate"]
    )
    assert struct.unpack(">II", path.read_bytes()[16:24]) == (1840, 680)
    assert [panel["y"]["kind"] for panel in figure._description["panels"]] == ["linear", "log"]
    assert marks(figure)[1]["x"].tolist() == [2, 4]
