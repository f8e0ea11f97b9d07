"""PNG and JPEG files: what goes in comes out, and what is damaged is refused without a crash."""

import os
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rustorch as torch
from rustorch import io
from rustorch.io import ImageReadMode as Mode

pytestmark = pytest.mark.skipif(
    not os.path.exists(os.path.join(os.path.dirname(torch._C.__file__), "rustorch_image.so")),
    reason="the image plug-in is not built: it needs libpng-dev and libjpeg62-turbo-dev",
)
RNG = np.random.default_rng(3)


def image(channels, height=9, width=14, most=256, dtype=np.uint8):
    return torch.from_numpy(RNG.integers(0, most, (channels, height, width)).astype(dtype))


def smooth(channels, height=40, width=50):
    y, x = np.mgrid[:height, :width]
    planes = [127 + 100 * np.sin((x + 7 * c) / 9) * np.cos(y / (8 + c)) for c in range(channels)]
    return torch.from_numpy(np.stack(planes).astype(np.uint8))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, bits, colour, rows, extra=b"", interlace=0):
    """A PNG file written by hand; rows: the bytes of each row."""
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlace)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


# ------------------------------------------------------------------------------------------------ PNG


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_round_trip(channels, tmp_path):
    x = image(channels)
    for level in (0, 6, 9):
        assert torch.equal(io.decode_image(io.encode_png(x, level)), x)
    io.write_png(x, tmp_path / "a.png")
    assert torch.equal(io.read_image(tmp_path / "a.png"), x) and os.listdir(tmp_path) == ["a.png"]
    wide = image(channels, most=65536, dtype=np.int32)
    assert torch.equal(io.decode_png(io.encode_png(wide)), wide)
    turned = x.transpose(1, 2)
    assert torch.equal(io.decode_png(io.encode_png(turned)), turned)


def test_png_modes():
    rgb = image(3)
    file = io.encode_png(rgb)
    gray = io.decode_image(file, Mode.GRAY)
    want = np.tensordot([0.2989, 0.587, 0.1141], rgb.numpy().astype(float), 1)
    assert gray.shape == (1, 9, 14) and np.abs(gray.numpy()[0] - want).max() <= 1
    alpha = io.decode_image(file, "rgb_alpha")
    assert torch.equal(alpha[:3], rgb) and (alpha[3] == 255).all()
    assert io.decode_image(file, Mode.GRAY_ALPHA).shape == (2, 9, 14)
    one = image(1)
    assert torch.equal(io.decode_image(io.encode_png(one), Mode.RGB), one.expand(3, 9, 14))
    four = image(4)
    assert torch.equal(io.decode_image(io.encode_png(four), Mode.RGB), four[:3])
    with pytest.raises(ValueError, match="none of UNCHANGED"):
        io.decode_image(file, "cmyk")


def test_png_palette_and_few_bits():
    palette = chunk(b"PLTE", bytes([10, 20, 30, 40, 50, 60, 70, 80, 90]))
    x = io.decode_image(png(4, 1, 2, 3, [bytes([0b00011000])], palette))
    assert x.permute(1, 2, 0).tolist() == [[[10, 20, 30], [40, 50, 60], [70, 80, 90], [10, 20, 30]]]
    clear = io.decode_image(png(4, 1, 2, 3, [bytes([0b00011000])], palette + chunk(b"tRNS", bytes([0, 128]))))
    assert clear.shape == (4, 1, 4) and clear[3].tolist() == [[0, 128, 255, 0]]
    assert io.decode_image(png(8, 1, 1, 0, [bytes([0b10110001])])).tolist() == [[[255, 0, 255, 255, 0, 0, 0, 255]]]
    assert io.decode_image(png(2, 1, 16, 0, [bytes([1, 2, 255, 254])])).tolist() == [[[258, 65534]]]


def test_png_interlaced():
    x = RNG.integers(0, 256, (1, 11, 13)).astype(np.uint8)
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]  # Adam7
    rows = [row.tobytes() for x0, y0, dx, dy in passes for row in x[0, y0::dy, x0::dx] if row.size]
    assert np.array_equal(io.decode_image(png(13, 11, 8, 0, rows, interlace=1)), x)


# ------------------------------------------------------------------------------------------------ JPEG


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_round_trip(channels, tmp_path):
    x = smooth(channels)
    errors = []
    for quality in (30, 75, 100):
        back = io.decode_image(io.encode_jpeg(x, quality))
        assert back.shape == x.shape and back.dtype == torch.uint8
        errors.append(np.abs(back.numpy().astype(int) - x.numpy()).mean())
    assert errors[0] > errors[1] > errors[2] and errors[2] < 2 and errors[0] < 12
    io.write_jpeg(x, tmp_path / "a.jpg", 90)
    assert io.read_image(tmp_path / "a.jpg", Mode.GRAY).shape == (1, 40, 50)
    assert io.read_image(str(tmp_path / "a.jpg"), Mode.RGB).shape == (3, 40, 50)
    with pytest.raises(ValueError, match="alpha"):
        io.read_image(tmp_path / "a.jpg", Mode.RGB_ALPHA)


def exif(orientation, little):
    order = "<" if little else ">"
    tiff = (b"II" if little else b"MM") + struct.pack(order + "HIHHHIHHI", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    return b"Exif\0\0" + tiff


@pytest.mark.parametrize("little", [True, False])
def test_orientation(little):
    x = smooth(1, 16, 24)
    jpeg = bytes(io.encode_jpeg(x, 100).numpy())
    plain = io.decode_image(jpeg).numpy()
    by_number = {
        1: plain, 2: plain[..., ::-1], 3: plain[..., ::-1, ::-1], 4: plain[..., ::-1, :], 5: plain.swapaxes(1, 2),
        6: np.rot90(plain, -1, (1, 2)), 7: plain[..., ::-1, ::-1].swapaxes(1, 2), 8: np.rot90(plain, 1, (1, 2)),
    }  # fmt: skip
    for number, want in by_number.items():
        marker = exif(number, little)
        turned = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(marker) + 2) + marker + jpeg[2:]
        assert np.array_equal(io.decode_image(turned), plain)
        assert np.array_equal(io.decode_image(turned, apply_exif_orientation=True), want)
    tiff = exif(6, little)[6:]
    file = png(2, 1, 8, 0, [bytes([1, 2])], chunk(b"eXIf", tiff))
    assert io.decode_image(file, apply_exif_orientation=True).tolist() == [[[1], [2]]]


# ------------------------------------------------------------------------------------------------ refused

PNG = bytes(io.encode_png(image(3, 12, 10)).numpy())
JPEG = bytes(io.encode_jpeg(smooth(3, 24, 30)).numpy())


@pytest.mark.parametrize("data, text", [
    (b"", "empty"), (b"GIF89a..", "neither PNG nor JPEG"), (b"\x89PNG\r\n\x1a\n", "damaged"), (b"\xff\xd8\xff", "damaged"),
    (PNG[:-13], "cut"), (PNG[:60], "cut"), (JPEG[: len(JPEG) // 2], "damaged"), (JPEG[:-2], "damaged"),
    (png(1000000, 1000000, 8, 2, [b"abc"]), "more pixels than the file can hold"),
    (png(4, 4, 8, 0, [b"abcd"]), "damaged"), (png(0, 4, 8, 0, []), "damaged"), (png(4, 4, 3, 0, [b"abcd"]), "damaged"),
    (JPEG.replace(struct.pack(">HH", 24, 30), struct.pack(">HH", 65500, 65500)), "pixels"),
])  # fmt: skip
def test_bad_files(data, text):
    with pytest.raises(torch.SerializationError, match=text):
        io.decode_image(data)


def test_bad_paths_and_arguments(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing.png"):
        io.read_image(tmp_path / "missing.png")
    (tmp_path / "a.png").write_bytes(PNG[:40])
    with pytest.raises(torch.SerializationError, match="a.png: the PNG file is damaged"):
        io.read_image(tmp_path / "a.png")
    with pytest.raises(FileNotFoundError):
        io.write_png(image(3), tmp_path / "no" / "a.png")
    for bad, error in ((image(5), torch.ShapeError), (image(3).float(), TypeError), (torch.zeros(3, 0, 4, dtype=torch.uint8), ValueError)):
        with pytest.raises(error):
            io.encode_png(bad)
    with pytest.raises(ValueError, match="0 to 65535"):
        io.encode_png(torch.full((1, 2, 2), 70000, dtype=torch.int32))
    with pytest.raises(ValueError, match="between 0 and 9"):
        io.encode_png(image(3), 10)
    with pytest.raises(ValueError, match="between 1 and 100"):
        io.encode_jpeg(image(3), 0)
    with pytest.raises(torch.ShapeError, match="1 or 3"):
        io.encode_jpeg(image(2))
    with pytest.raises(torch.SerializationError, match="PNG was expected"):
        io.decode_png(io.encode_jpeg(image(3)))
    with pytest.raises(TypeError, match="uint8 tensor"):
        io.decode_image(torch.zeros(4))


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(["png", "jpeg"]), st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), min_size=1, max_size=6), st.integers(0, 40))
def test_damage_never_crashes(kind, flips, cut):
    """Flipped bytes, and a part cut off: an image of bytes or an error, nothing else."""
    data = bytearray(PNG if kind == "png" else JPEG)
    for at, value in flips:
        data[at % len(data)] ^= value
    data = bytes(data[: len(data) - cut])
    try:
        x = io.decode_image(data)
    except torch.SerializationError:
        return
    except MemoryError:
        return  # a size that was damaged to something large
    assert x.dim() == 3 and x.dtype in (torch.uint8, torch.int32)
    if kind == "png":
        assert x.shape[1:] == (12, 10)  # the header has a checksum


def test_every_cut_is_refused():
    for data in (PNG, JPEG):
        for n in range(len(data) - 12 if data is PNG else len(data) - 1):
            with pytest.raises(torch.SerializationError):
                io.decode_image(data[:n])


def test_allocation_failures():
    x = image(3)
    for call in (lambda: io.decode_image(PNG), lambda: io.decode_image(JPEG), lambda: io.encode_png(x), lambda: io.encode_jpeg(x)):
        want = call()
        for n in range(1, 60):
            torch._C._fail_allocation(n)
            try:
                got = call()
            except MemoryError:
                continue
            finally:
                torch._C._fail_allocation(0)
            assert torch.equal(got, want)
            break
        else:
            pytest.fail("sixty allocations failed one after the other")
