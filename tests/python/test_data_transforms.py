"""Image transforms against plain NumPy."""

import colorsys
import math

import numpy as np
import pytest

import rustorch as torch
from rustorch.data import DataLoader, Dataset
from rustorch.data import transforms as T
from rustorch.data.transforms import InterpolationMode as Mode
from rustorch.data.transforms import functional as F

RNG = np.random.default_rng(7)
BYTES = RNG.integers(0, 256, (2, 3, 13, 17)).astype(np.uint8)
FLOATS = RNG.random((2, 3, 13, 17)).astype(np.float32)


def tensor(array):
    return torch.from_numpy(np.array(array, order="C"))


def close(got, want, bytes_off=0):
    """Equal to float32's precision; bytes may be off by `bytes_off` where the exact value lies on a tie."""
    got = np.asarray(got)
    assert got.shape == want.shape
    if got.dtype == np.uint8:
        assert np.abs(got.astype(int) - np.clip(np.rint(want), 0, 255).astype(int)).max() <= bytes_off
    else:
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=2e-6)


# ------------------------------------------------------------------------------------------------ resampling


def weights(n, out, mode, antialias):
    """The matrix (out, n) that resizes one dimension."""
    cubic = mode == Mode.BICUBIC
    a = -0.5 if antialias else -0.75

    def kernel(x):
        x = abs(x)
        if not cubic:
            return max(0.0, 1 - x)
        if x < 1:
            return (a + 2) * x**3 - (a + 3) * x**2 + 1
        return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0

    scale = n / out
    matrix = np.zeros((out, n))
    for i in range(out):
        centre = scale * (i + 0.5) - 0.5
        if antialias:
            wide = max(scale, 1)
            matrix[i] = [kernel((k - centre) / wide) for k in range(n)]
            matrix[i] /= matrix[i].sum()
        else:
            centre = centre if cubic else max(centre, 0)
            for k in range(math.floor(centre) - 1, math.floor(centre) + 3):
                matrix[i, min(max(k, 0), n - 1)] += kernel(k - centre)
    return matrix


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("mode", [Mode.BILINEAR, Mode.BICUBIC])
@pytest.mark.parametrize("size", [(13, 5), (4, 4), (20, 31), (1, 1), (40, 3)])
@pytest.mark.parametrize("image", [BYTES, FLOATS, FLOATS.astype(np.float64)], ids=["u8", "f32", "f64"])
def test_resize(image, size, mode, antialias):
    want = weights(13, size[0], mode, antialias) @ image.astype(np.float64) @ weights(17, size[1], mode, antialias).T
    close(F.resize(tensor(image), size, mode, antialias=antialias), want, bytes_off=1)


@pytest.mark.parametrize("exact", [False, True])
def test_resize_nearest(exact):
    rows = [min(12, int((i + 0.5 * exact) * 13 / 9)) for i in range(9)]
    columns = [min(16, int((j + 0.5 * exact) * 17 / 30)) for j in range(30)]
    for image in (BYTES, FLOATS, BYTES.astype(np.int64), BYTES % 2 == 0):
        got = F.resize(tensor(image), (9, 30), Mode.NEAREST_EXACT if exact else Mode.NEAREST)
        assert np.array_equal(got, image[..., rows, :][..., columns])


def test_resize_sizes():
    image = torch.zeros(3, 10, 20)
    assert F.resize(image, 5).shape == (3, 5, 10) and F.resize(image, [5]).shape == (3, 5, 10)
    assert F.resize(image.transpose(1, 2), 5).shape == (3, 10, 5)
    assert F.resize(image, 8, max_size=12).shape == (3, 6, 12)
    assert F.resize(image, (10, 20)) is image
    with pytest.raises(ValueError, match="strictly greater"):
        F.resize(image, 8, max_size=8)
    with pytest.raises(ValueError, match="max_size should only be passed"):
        F.resize(image, (8, 8), max_size=9)
    with pytest.raises(ValueError, match="unsupported with Tensor input"):
        F.resize(image, 8, Mode.LANCZOS)
    with pytest.raises(TypeError, match="InterpolationMode"):
        F.resize(image, 8, "bilinear")
    with pytest.raises(ValueError, match="greater than 0"):
        F.resize(torch.zeros(1, 0, 4), (2, 2))
    with pytest.raises(torch.ShapeError, match="height, width"):
        torch._C._image_resize(torch.zeros(4), 2, 2, 2, True)


def blurred(image, size, sigma):
    out = image.astype(np.float64)
    for axis, (n, s) in zip((-1, -2), zip(size, sigma)):
        kernel = np.exp(-0.5 * ((np.arange(n) - n // 2) / s) ** 2)
        widths = [(0, 0)] * out.ndim
        widths[axis] = (n // 2, n // 2)
        padded = np.pad(out, widths, "reflect")
        parts = [np.take(padded, range(k, k + out.shape[axis]), axis) * kernel[k] / kernel.sum() for k in range(n)]
        out = np.sum(parts, axis=0)
    return out


@pytest.mark.parametrize("image", [BYTES, FLOATS], ids=["u8", "f32"])
def test_gaussian_blur(image):
    close(F.gaussian_blur(tensor(image), (5, 9), (0.7, 2.0)), blurred(image, (5, 9), (0.7, 2.0)), bytes_off=1)
    close(F.gaussian_blur(tensor(image), 3), blurred(image, (3, 3), (0.8, 0.8)), bytes_off=1)
    close(F.gaussian_blur(tensor(image[..., :5, :6]), (11, 9), 3.0), blurred(image[..., :5, :6], (11, 9), (3, 3)), bytes_off=1)
    with pytest.raises(ValueError, match="odd and positive"):
        F.gaussian_blur(tensor(image), 4)
    with pytest.raises(torch.ShapeError, match="mirrored"):
        F.gaussian_blur(tensor(image), 35)


# ------------------------------------------------------------------------------------------------ moving pixels


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
@pytest.mark.parametrize("image", [BYTES, FLOATS, BYTES.astype(np.int16), BYTES > 99], ids=["u8", "f32", "i16", "bool"])
def test_pad(image, mode):
    want = np.pad(image, ((0, 0), (0, 0), (3, 5), (2, 7)), mode)
    assert np.array_equal(F.pad(tensor(image), (2, 3, 7, 5), padding_mode=mode), want)
    turned = tensor(image).transpose(-2, -1)
    assert np.array_equal(F.pad(turned, (3, 2, 5, 7), padding_mode=mode), want.swapaxes(-2, -1))
    assert np.array_equal(F.pad(tensor(image), (-2, -3, 0, -1)), image[..., 3:-1, 2:])


def test_pad_fill_and_errors():
    got = F.pad(tensor(BYTES), 1, fill=(1, 2, 3)).numpy()
    assert (got[:, :, 0] == [[[1], [2], [3]]]).all() and np.array_equal(got[:, :, 1:-1, 1:-1], BYTES)
    with pytest.raises(ValueError, match="number of fill values"):
        F.pad(tensor(BYTES), 1, fill=(1, 2))
    with pytest.raises(ValueError, match="constant, edge, reflect or symmetric"):
        F.pad(tensor(BYTES), 1, padding_mode="mirror")
    with pytest.raises(ValueError, match="1, 2, or 4 element"):
        F.pad(tensor(BYTES), (1, 2, 3))
    with pytest.raises(torch.ShapeError, match="less than the size"):
        F.pad(tensor(BYTES), 13, padding_mode="reflect")
    with pytest.raises(ValueError, match="leave nothing"):
        F.pad(tensor(BYTES), -9)
    with pytest.raises(ValueError, match="leave nothing"):
        F.pad(tensor(BYTES), 2**60)


def test_flips_and_crops():
    x = tensor(BYTES)
    assert np.array_equal(F.hflip(x), BYTES[..., ::-1]) and np.array_equal(F.vflip(x), BYTES[..., ::-1, :])
    assert np.array_equal(F.crop(x, 2, 3, 4, 5), BYTES[..., 2:6, 3:8])
    padded = np.pad(BYTES, ((0, 0), (0, 0), (20, 20), (20, 20)))
    assert np.array_equal(F.crop(x, -4, 9, 20, 11), padded[..., 16:36, 29:40])
    assert np.array_equal(F.center_crop(x, (5, 7)), BYTES[..., 4:9, 5:12])
    assert np.array_equal(F.center_crop(x, (15, 20)), padded[..., 19:34, 19:39])
    assert np.array_equal(F.center_crop(x, (15, 7)), padded[..., 19:34, 25:32])
    five = F.five_crop(x, 6)
    want = [BYTES[..., :6, :6], BYTES[..., :6, -6:], BYTES[..., -6:, :6], BYTES[..., -6:, -6:], BYTES[..., 4:10, 6:12]]
    assert all(np.array_equal(a, b) for a, b in zip(five, want)) and len(F.ten_crop(x, 6)) == 10
    assert np.array_equal(F.ten_crop(x, 6)[5], BYTES[..., ::-1][..., :6, :6])
    with pytest.raises(ValueError, match="bigger than input size"):
        F.five_crop(x, 14)


def warped(image, point, fill, nearest):
    """Image (H, W) at the points that `point(x, y)` gives for each pixel's middle."""
    height, width = image.shape
    out = np.empty(image.shape)
    for i in range(height):
        for j in range(width):
            x, y = point(j + 0.5, i + 0.5)
            x, y = x - 0.5, y - 0.5
            if nearest:
                column, row = round(x), round(y)
                out[i, j] = image[row, column] if 0 <= column < width and 0 <= row < height else fill or 0
                continue
            left, top = math.floor(x), math.floor(y)
            value = inside = 0.0
            for row, column in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
                if 0 <= column < width and 0 <= row < height:
                    weight = (1 - abs(x - column)) * (1 - abs(y - row))
                    value, inside = value + weight * image[row, column], inside + weight
            out[i, j] = value if fill is None else value * inside + (1 - inside) * fill
    return out


@pytest.mark.parametrize("nearest", [True, False])
@pytest.mark.parametrize("image", [BYTES, FLOATS], ids=["u8", "f32"])
@pytest.mark.parametrize("fill", [None, 0.5])
def test_rotate_and_affine(image, nearest, fill):
    mode = Mode.NEAREST if nearest else Mode.BILINEAR
    angle = math.radians(25.3)

    def back(x, y):  # a counter-clockwise rotation on the screen, where y points down
        x, y = x - 8.5, y - 6.5
        return math.cos(angle) * x - math.sin(angle) * y + 8.5, math.sin(angle) * x + math.cos(angle) * y + 6.5

    fill = fill if fill is None or image is FLOATS else 40
    got = F.rotate(tensor(image), 25.3, mode, fill=fill)
    want = np.stack([[warped(plane, back, fill, nearest) for plane in one] for one in image])
    close(got, want, bytes_off=1)
    moved = F.affine(tensor(image), 0, (3, -2), 1.0, 0.0, mode, fill)
    want = np.stack([[warped(p, lambda x, y: (x - 3, y + 2), fill, nearest) for p in one] for one in image])
    close(moved, want)
    scaled = F.affine(tensor(image), 0, (0, 0), 1.7, 0.0, mode, fill)
    point = lambda x, y: ((x - 8.5) / 1.7 + 8.5, (y - 6.5) / 1.7 + 6.5)  # noqa: E731
    close(scaled, np.stack([[warped(p, point, fill, nearest) for p in one] for one in image]), bytes_off=1)


def test_quarter_turns():
    for image in (BYTES, FLOATS):
        assert np.array_equal(F.rotate(tensor(image), 90, expand=True), np.rot90(image, 1, (-2, -1)))
        assert np.array_equal(F.rotate(tensor(image), 180), np.rot90(image, 2, (-2, -1)))
    assert F.rotate(tensor(BYTES), 45, expand=True).shape[-2:] == (23, 23)  # 30 × cos 45° = 21.2, about a middle that is no pixel's corner
    with pytest.raises(ValueError, match="unsupported with Tensor input"):
        F.rotate(tensor(BYTES), 45, Mode.BICUBIC)
    with pytest.raises(ValueError, match="scale should be positive"):
        F.affine(tensor(BYTES), 0, (0, 0), 0.0, 0)


def test_perspective():
    corners = [[0, 0], [16, 0], [16, 12], [0, 12]]
    for mode in (Mode.NEAREST, Mode.BILINEAR):
        close(F.perspective(tensor(FLOATS), corners, corners, mode), FLOATS.astype(np.float64))
    shifted = [[x + 2, y + 1] for x, y in corners]
    got = F.perspective(tensor(BYTES), corners, shifted, Mode.NEAREST, fill=9).numpy()
    assert np.array_equal(got[..., 1:, 2:], BYTES[..., :-1, :-2]) and (got[..., 0, :] == 9).all()


# ------------------------------------------------------------------------------------------------ colours


def gray_of(image):
    red, green, blue = (image[..., c, :, :].astype(np.float32) for c in range(3))
    gray = np.float32(0.2989) * red + np.float32(0.587) * green + np.float32(0.114) * blue
    return gray.astype(image.dtype)[..., None, :, :]


def blended(image, other, factor):
    white = 255 if image.dtype == np.uint8 else 1
    mixed = np.float32(factor) * image.astype(np.float32) + np.float32(1 - factor) * np.asarray(other, np.float32)
    return np.clip(mixed, 0, white).astype(image.dtype)


@pytest.mark.parametrize("factor", [0.0, 0.4, 1.0, 1.9])
@pytest.mark.parametrize("image", [BYTES, FLOATS], ids=["u8", "f32"])
def test_colour_factors(image, factor):
    x = tensor(image)
    assert np.array_equal(F.rgb_to_grayscale(x, 3), np.repeat(gray_of(image), 3, -3))
    np.testing.assert_allclose(F.adjust_brightness(x, factor), blended(image, 0, factor), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(F.adjust_saturation(x, factor), blended(image, gray_of(image), factor), rtol=1e-6, atol=1e-6)
    mean = gray_of(image).astype(np.float64).mean((-3, -2, -1), keepdims=True)
    np.testing.assert_allclose(F.adjust_contrast(x, factor), blended(image, mean, factor), rtol=1e-6, atol=1e-6)
    smooth = image.astype(np.float64).copy()
    total = sum(np.roll(image.astype(np.float64), (i, j), (-2, -1)) for i in (-1, 0, 1) for j in (-1, 0, 1))
    inner = ((total + 4.0 * image) / 13)[..., 1:-1, 1:-1]
    smooth[..., 1:-1, 1:-1] = np.rint(inner) if image.dtype == np.uint8 else inner
    np.testing.assert_allclose(F.adjust_sharpness(x, factor), blended(image, smooth, factor), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("turn", [-0.5, -0.3, 0.0, 0.2, 0.5])
def test_hue(turn):
    got = F.adjust_hue(tensor(FLOATS), turn).numpy()
    for n, i, j in ((0, 0, 0), (1, 5, 9), (0, 12, 16), (1, 7, 3)):
        h, s, v = colorsys.rgb_to_hsv(*FLOATS[n, :, i, j].tolist())
        np.testing.assert_allclose(got[n, :, i, j], colorsys.hsv_to_rgb((h + turn) % 1, s, v), rtol=1e-5, atol=1e-5)
    as_bytes = F.adjust_hue(tensor(BYTES), turn).numpy().astype(int)
    as_floats = F.adjust_hue(tensor(BYTES / np.float32(255)), turn).numpy()
    assert np.array_equal(as_bytes, (as_floats * np.float32(255.999)).astype(int))
    with pytest.raises(ValueError, match="is not in"):
        F.adjust_hue(tensor(BYTES), 0.6)
    with pytest.raises(torch.ShapeError, match="1 or 3"):
        F.adjust_hue(torch.zeros(2, 4, 4), 0.1)


def test_tables():
    x = tensor(BYTES)
    assert np.array_equal(F.invert(x), 255 - BYTES) and np.array_equal(F.posterize(x, 3), BYTES & 0xE0)
    assert np.array_equal(F.solarize(x, 100), np.where(BYTES >= 100, 255 - BYTES, BYTES))
    low, high = (f(BYTES, axis=(-2, -1), keepdims=True).astype(np.float64) for f in (np.min, np.max))
    want = ((BYTES - low) * 255 / (high - low)).astype(int)
    assert np.abs(F.autocontrast(x).numpy().astype(int) - want).max() <= 1
    np.testing.assert_allclose(F.invert(tensor(FLOATS)), 1 - FLOATS, rtol=1e-6)
    np.testing.assert_allclose(F.adjust_gamma(tensor(FLOATS), 2, 0.5), 0.5 * FLOATS**2, rtol=1e-5)
    flat = torch.full((1, 4, 4), 7, dtype=torch.uint8)
    assert torch.equal(F.autocontrast(flat), flat) and torch.equal(F.equalize(flat), flat)
    ramp = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16).repeat(1, 4, 1)
    assert int(F.equalize(ramp // 2).max()) >= 253 and int(F.equalize(ramp // 2).min()) == 0
    with pytest.raises(TypeError, match="uint8"):
        F.equalize(tensor(FLOATS))


# ------------------------------------------------------------------------------------------------ dtypes and layouts


def test_conversion():
    array = BYTES[0].transpose(1, 2, 0)
    want = (BYTES[0] / np.float32(255)).astype(np.float32)
    assert np.array_equal(F.to_tensor(np.ascontiguousarray(array)), want) and np.array_equal(F.to_tensor(array), want)
    assert np.array_equal(F.pil_to_tensor(array), BYTES[0]) and F.to_tensor(np.zeros((4, 5))).shape == (1, 4, 5)
    assert F.convert_image_dtype(tensor(FLOATS), torch.uint8).tolist() == (FLOATS * 255.999).astype(np.uint8).tolist()
    wide = F.convert_image_dtype(tensor(BYTES), torch.int16)
    assert int(wide.max()) == int(BYTES.max()) * 128 and np.array_equal(F.convert_image_dtype(wide, torch.uint8), BYTES)
    with pytest.raises(RuntimeError, match="cannot be performed safely"):
        F.convert_image_dtype(tensor(FLOATS), torch.int32)
    with pytest.raises(TypeError, match="PIL Image, ndarray or Tensor"):
        F.to_tensor([[1, 2]])
    got = F.normalize(tensor(FLOATS), [0.1, 0.2, 0.3], [1, 2, 4])
    np.testing.assert_allclose(got, (FLOATS - np.reshape([0.1, 0.2, 0.3], (3, 1, 1))) / np.reshape([1, 2, 4], (3, 1, 1)), rtol=1e-5, atol=1e-6)
    x = tensor(FLOATS)
    assert F.normalize(x, 0.5, 0.5, inplace=True) is x and abs(float(x[0, 0, 0, 0]) - (FLOATS[0, 0, 0, 0] - 0.5) * 2) < 1e-6
    with pytest.raises(TypeError, match="float tensor"):
        F.normalize(tensor(BYTES), 0.5, 0.5)


STEPS = [
    lambda x: F.resize(x, (9, 11)), lambda x: F.gaussian_blur(x, 3), lambda x: F.rotate(x, 20, Mode.BILINEAR),
    lambda x: F.adjust_hue(x, 0.2), lambda x: F.adjust_contrast(x, 1.3), lambda x: F.adjust_sharpness(x, 2),
    lambda x: F.pad(x, 2, padding_mode="reflect"), F.hflip, lambda x: F.rgb_to_grayscale(x, 3),
]  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
def test_layout_threads_and_batches_change_nothing(step):
    for image in (BYTES, FLOATS):
        want = step(tensor(image)).numpy()
        strided = tensor(image.transpose(0, 2, 3, 1)).permute(0, 3, 1, 2)
        assert not strided.is_contiguous() and np.array_equal(step(strided), want)
        assert np.array_equal(step(tensor(image)[1]), want[1])
        large = tensor(np.tile(image, (8, 1, 1, 1)))
        before = torch.get_num_threads()
        try:
            torch.set_num_threads(1)
            one = step(large).numpy()
            torch.set_num_threads(4)
            assert np.array_equal(step(large), one) and np.array_equal(one[:2], want)
        finally:
            torch.set_num_threads(before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int32, torch.int64])
@pytest.mark.parametrize("step", STEPS[:3])
def test_other_dtypes_go_through_float32(step, dtype):
    x = tensor(BYTES).to(dtype)
    want = step(x.float())
    want = want if dtype.is_floating_point else want.round()
    got = step(x)
    assert got.dtype == dtype and torch.equal(got, want.to(dtype))


def test_no_gradient_and_no_pixels():
    x = torch.ones(3, 8, 8, requires_grad=True)
    for step in STEPS:
        with pytest.raises(RuntimeError, match="no gradient"):
            step(x)
        assert step(x.detach()).shape[0] == 3
    for step in STEPS[1:3] + STEPS[3:6]:
        assert step(torch.zeros(0, 3, 8, 8)).numel() == 0


# ------------------------------------------------------------------------------------------------ random ones

RANDOM = [
    T.RandomCrop(8, padding=2), T.RandomResizedCrop(8), T.RandomHorizontalFlip(), T.RandomVerticalFlip(), T.RandomRotation(30),
    T.RandomAffine(10, (0.1, 0.2), (0.8, 1.2), 5), T.RandomPerspective(p=1), T.ElasticTransform(8.0, 1.0), T.ColorJitter(0.4, 0.4, 0.4, 0.1), T.RandomGrayscale(0.5),
    T.GaussianBlur(3), T.RandomErasing(1.0), T.RandomApply([T.Pad(1)]), T.RandomOrder([T.Pad(1), T.RandomInvert(0.5)]),
    T.RandomChoice([T.Pad(1), T.Pad(2)]), T.RandomPosterize(2), T.RandomSolarize(128), T.RandomAdjustSharpness(2),
    T.RandomAutocontrast(), T.RandomEqualize(), T.AutoAugment(), T.AutoAugment(T.AutoAugmentPolicy.SVHN), T.RandAugment(),
    T.TrivialAugmentWide(),
]  # fmt: skip


@pytest.mark.parametrize("transform", RANDOM, ids=lambda t: type(t).__name__)
def test_random_transforms_follow_the_seed(transform):
    x = tensor(np.tile(BYTES[0], (1, 3, 3)))
    before = x.clone()
    torch.manual_seed(5)
    first = [transform(x) for _ in range(24)]
    torch.manual_seed(5)
    assert all(a.shape == b.shape and torch.equal(a, b) for a, b in zip(first, [transform(x) for _ in range(24)]))
    assert any(a.shape != first[0].shape or not torch.equal(a, first[0]) for a in first)
    assert all(image.dtype == torch.uint8 for image in first) and torch.equal(x, before)
    assert repr(transform).startswith(type(transform).__name__)


def test_random_ranges():
    torch.manual_seed(0)
    x = tensor(BYTES[0])
    flips = sum(not torch.equal(T.RandomHorizontalFlip(0.25)(x), x) for _ in range(400))
    assert 60 < flips < 140
    tops = {T.RandomCrop.get_params(x, (5, 5))[:2] for _ in range(2000)}
    assert {top for top, _ in tops} == set(range(9)) and {left for _, left in tops} == set(range(13))
    for _ in range(100):
        top, left, height, width = T.RandomResizedCrop.get_params(torch.zeros(3, 100, 120), (0.2, 0.5), (0.5, 2.0))
        assert 0.19 < height * width / 12000 < 0.51 and 0.48 < width / height < 2.05
        assert 0 <= top <= 100 - height and 0 <= left <= 120 - width
    erased = T.RandomErasing(1.0, value=7)(torch.zeros(3, 20, 20))
    assert 0.015 < float((erased == 7).float().mean()) < 0.35
    assert np.array_equal(T.RandomCrop(20, pad_if_needed=True)(x).shape, (3, 20, 20))
    with pytest.raises(ValueError, match="larger than input image size"):
        T.RandomCrop(20)(x)
    for bad in (lambda: T.ColorJitter(-1), lambda: T.ColorJitter(hue=0.7), lambda: T.RandomRotation(-5), lambda: T.RandomErasing(2.0),
                lambda: T.RandomAffine(5, (2, 0)), lambda: T.GaussianBlur(4), lambda: T.RandomCrop((1, 2, 3))):  # fmt: skip
        with pytest.raises(ValueError):
            bad()


class Augmented(Dataset):
    transform = T.Compose([T.RandomCrop(10, 2), T.RandomHorizontalFlip(), T.ColorJitter(0.3), T.ToTensor(), T.RandomErasing(0.5)])

    def __len__(self):
        return 30

    def __getitem__(self, i):
        return self.transform(tensor(np.roll(BYTES[0], i, -1)))


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(workers):
    torch.manual_seed(4)
    want = [b.numpy() for b in DataLoader(Augmented(), batch_size=4, shuffle=True)]
    torch.manual_seed(4)
    got = [b.numpy() for b in DataLoader(Augmented(), batch_size=4, shuffle=True, num_workers=workers)]
    assert all(np.array_equal(a, b) for a, b in zip(got, want)) and len(got) == len(want) == 8


def test_elastic_transform():
    """Against a walk over pixels in NumPy: bilinear between middles, blended with the fill outside."""
    image = (torch.rand(2, 5, 6, generator=torch.Generator().manual_seed(1)) * 255).to(torch.uint8)
    shift = torch.rand(1, 5, 6, 2, generator=torch.Generator().manual_seed(2)) - 0.5
    for fill in (None, [7.0, 90.0]):
        want = np.zeros((2, 5, 6))
        for y in range(5):
            for x in range(6):
                at_x, at_y = x + float(shift[0, y, x, 0]) * 3, y + float(shift[0, y, x, 1]) * 2.5
                left, top = int(np.floor(at_x)), int(np.floor(at_y))
                weights = {(top + i, left + j): (1 - abs(at_y - top - i)) * (1 - abs(at_x - left - j)) for i in (0, 1) for j in (0, 1)}
                inside = {place: weight for place, weight in weights.items() if 0 <= place[0] < 5 and 0 <= place[1] < 6}
                for c in range(2):
                    want[c, y, x] = sum(weight * float(image[c, i, j]) for (i, j), weight in inside.items())
                    want[c, y, x] += (1 - sum(inside.values())) * (fill[c] if fill else 0)
        got = T.functional.elastic_transform(image, shift, fill=fill)
        assert got.dtype == torch.uint8 and np.abs(got.numpy() - want).max() <= 0.51
    assert torch.equal(T.functional.elastic_transform(image, torch.zeros(1, 5, 6, 2), T.InterpolationMode.NEAREST), image)
    still = T.ElasticTransform(0.0, 1.0)(image)
    assert torch.equal(still, image) and "alpha=[0.0, 0.0]" in repr(T.ElasticTransform(0.0))
    for wrong in (lambda: T.ElasticTransform(-1.0), lambda: T.ElasticTransform(1.0, [1.0, 2.0, 3.0]),
                  lambda: T.functional.elastic_transform(image, torch.zeros(1, 5, 5, 2)),
                  lambda: T.functional.elastic_transform(image, shift, fill=[1.0, 2.0, 3.0])):  # fmt: skip
        with pytest.raises(ValueError):
            wrong()


def test_transforms_are_modules():
    steps = torch.nn.Sequential(T.Pad(1), T.RandomHorizontalFlip(1.0), T.Normalize(0.5, 0.25), T.RandomErasing(0.0))
    picture = torch.rand(3, 4, 5)
    inner = (picture.flip(-1) - 0.5) / 0.25
    assert torch.allclose(steps(picture)[:, 1:-1, 1:-1], inner) and list(steps.parameters()) == []
    seen = []
    steps[0].register_forward_hook(lambda module, inputs, output: seen.append(tuple(output.shape)))
    steps(picture)
    assert seen == [(3, 6, 7)] and "training" not in repr(steps)

    class Twice(T.Normalize):  # a constructor that passes on what it is given
        def __init__(self, mean):
            super().__init__(mean, 1.0)
            self.layer = torch.nn.Identity()

    assert [name for name, _ in Twice(0.5).named_modules()] == ["", "layer"]
