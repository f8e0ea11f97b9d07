"""Spatial layers against PyTorch, where it is installed: values, gradients, second gradients, and what is refused.

One table of calls; each runs in both packages on the same numbers. What can be stated in NumPy is in test_spatial.py.
"""

import warnings

import numpy as np
import pytest

import rustorch

torch = pytest.importorskip("torch")


def numbers(*shape, low=-2.0, high=2.0, seed=0):
    return np.random.default_rng(seed + sum(shape)).uniform(low, high, shape)


def arange(*shape):
    """Distinct numbers in an order that is no order."""
    n = int(np.prod(shape))
    return np.random.default_rng(n).permutation(n).reshape(shape) / 3.0


# Each: name, function of (namespace, F, *tensors), arrays.
CALLS = []


def call(name, function, *arrays):
    CALLS.append(pytest.param(function, arrays, id=name))


# ------------------------------------------------------------------------------------------------ padding

for mode in ("constant", "reflect", "replicate", "circular"):
    call(f"pad1d-{mode}", lambda t, F, x, mode=mode: F.pad(x, (2, 1), mode=mode), numbers(2, 3, 5))
    call(f"pad2d-{mode}", lambda t, F, x, mode=mode: F.pad(x, (2, 1, 0, 3), mode=mode), numbers(2, 3, 5, 4))
    call(f"pad3d-{mode}", lambda t, F, x, mode=mode: F.pad(x, (1, 1, 0, 2, 1, 1), mode=mode), numbers(1, 2, 3, 4, 3))
call("pad-crop", lambda t, F, x: F.pad(x, (-1, 2, 1, -2), value=3.5), numbers(2, 5, 4))
call("pad-replicate-crop", lambda t, F, x: F.pad(x, (-1, 2), mode="replicate"), numbers(2, 5, 4))

# ------------------------------------------------------------------------------------------------ interpolation

for size in ((7, 9), (3, 2), (4, 11), (5, 6)):
    for mode in ("nearest", "nearest-exact", "area"):
        call(f"interpolate-{mode}-{size}", lambda t, F, x, size=size, mode=mode: F.interpolate(x, size, mode=mode), numbers(2, 2, 5, 6))
    for mode in ("bilinear", "bicubic"):
        for align in (False, True):
            call(
                f"interpolate-{mode}-{size}-{align}",
                lambda t, F, x, s=size, m=mode, a=align: F.interpolate(x, s, mode=m, align_corners=a), numbers(2, 2, 5, 6),
            )
            call(
                f"interpolate-{mode}-{size}-{align}-antialias",
                lambda t, F, x, s=size, m=mode, a=align: F.interpolate(x, s, mode=m, align_corners=a, antialias=True),
                numbers(1, 2, 13, 17),
            )
for factor in (2, 1.5, 0.6, (1.3, 2.7)):
    for mode in ("nearest", "nearest-exact", "bilinear", "bicubic", "area"):
        for recompute in (None, True):
            call(
                f"interpolate-{mode}-x{factor}-{recompute}",
                lambda t, F, x, f=factor, m=mode, r=recompute: F.interpolate(x, scale_factor=f, mode=m, recompute_scale_factor=r),
                numbers(1, 2, 7, 6),
            )
call("interpolate-linear", lambda t, F, x: F.interpolate(x, 9, mode="linear"), numbers(2, 3, 5))
call("interpolate-trilinear", lambda t, F, x: F.interpolate(x, (3, 7, 4), mode="trilinear"), numbers(1, 2, 5, 4, 6))
call("interpolate-trilinear-align", lambda t, F, x: F.interpolate(x, 7, mode="trilinear", align_corners=True), numbers(1, 2, 3, 4, 6))
call("interpolate-nearest-3d", lambda t, F, x: F.interpolate(x, scale_factor=(2, 1, 0.5)), numbers(1, 2, 3, 4, 6))

# ------------------------------------------------------------------------------------------------ grid_sample

for padding in ("zeros", "border", "reflection"):
    for align in (False, True):
        for mode in ("bilinear", "nearest", "bicubic"):
            call(
                f"grid_sample-{mode}-{padding}-{align}",
                lambda t, F, x, g, m=mode, p=padding, a=align: F.grid_sample(x, g, m, p, a),
                numbers(2, 3, 5, 4), numbers(2, 4, 3, 2, low=-1.9, high=1.9),
            )
        for mode in ("bilinear", "nearest"):
            call(
                f"grid_sample3d-{mode}-{padding}-{align}",
                lambda t, F, x, g, m=mode, p=padding, a=align: F.grid_sample(x, g, m, p, a),
                numbers(1, 2, 3, 5, 4), numbers(1, 2, 3, 2, 3, low=-1.9, high=1.9),
            )
for align in (False, True):
    call(f"affine_grid-{align}", lambda t, F, x, a=align: F.affine_grid(x, (2, 3, 4, 5), a), numbers(2, 2, 3))
    call(f"affine_grid3d-{align}", lambda t, F, x, a=align: F.affine_grid(x, (2, 1, 4, 1, 3), a), numbers(2, 3, 4))

# ------------------------------------------------------------------------------------------------ convolutions

call("conv1d", lambda t, F, x, w, b: F.conv1d(x, w, b, 2, 1, 2, 2), numbers(2, 4, 11), numbers(6, 2, 3), numbers(6))
call("conv1d-same", lambda t, F, x, w: F.conv1d(x, w, padding="same", dilation=3), numbers(2, 2, 9), numbers(3, 2, 4))
call("conv1d-unbatched", lambda t, F, x, w: F.conv1d(x, w, padding="valid"), numbers(2, 9), numbers(3, 2, 4))
call("conv3d", lambda t, F, x, w, b: F.conv3d(x, w, b, (2, 1, 1), 1, (1, 2, 1), 2), numbers(2, 4, 5, 6, 5), numbers(4, 2, 3, 3, 2), numbers(4))
call("conv3d-same", lambda t, F, x, w: F.conv3d(x, w, padding="same"), numbers(1, 2, 3, 4, 5), numbers(2, 2, 2, 3, 2))
for n in (1, 2, 3):
    size = (5, 4, 3)[:n]
    call(
        f"conv_transpose{n}d",
        lambda t, F, x, w, b, n=n: getattr(F, f"conv_transpose{n}d")(x, w, b, 2, 1, 1, 2, 1),
        numbers(2, 4, *size), numbers(4, 3, *(3,) * n), numbers(6),
    )
    call(
        f"conv_transpose{n}d-dilated",
        lambda t, F, x, w, n=n: getattr(F, f"conv_transpose{n}d")(x, w, stride=2, dilation=2, output_padding=1),
        numbers(2, *size), numbers(2, 3, *(2,) * n),
    )

# ------------------------------------------------------------------------------------------------ pooling

for n in (1, 2, 3):
    size = (9, 8, 7)[:n]
    for ceil in (False, True):
        call(
            f"max_pool{n}d-{ceil}",
            lambda t, F, x, n=n, c=ceil: getattr(F, f"max_pool{n}d")(x, 3, 2, 1, 2, c, return_indices=True), arange(2, 2, *size),
        )
        for count in (False, True):
            call(
                f"avg_pool{n}d-{ceil}-{count}",
                lambda t, F, x, n=n, c=ceil, i=count: getattr(F, f"avg_pool{n}d")(x, 3, 2, 1, c, i), numbers(2, 2, *size),
            )
    call(f"adaptive_avg_pool{n}d", lambda t, F, x, n=n: getattr(F, f"adaptive_avg_pool{n}d")(x, (4, 3, 5)[:n]), numbers(2, 2, *size))
    call(
        f"adaptive_max_pool{n}d",
        lambda t, F, x, n=n: getattr(F, f"adaptive_max_pool{n}d")(x, (4, 3, 5)[:n], return_indices=True), arange(2, 2, *size),
    )
    call(f"max_pool{n}d-unbatched", lambda t, F, x, n=n: getattr(F, f"max_pool{n}d")(x, 2), arange(2, *size))
    call(f"lp_pool{n}d", lambda t, F, x, n=n: getattr(F, f"lp_pool{n}d")(x, 3.0, 2, 1), numbers(2, 2, *size, low=0.5))

    def unpool(t, F, x, n=n, size=size):
        y, at = getattr(F, f"max_pool{n}d")(x, 2, return_indices=True)
        return getattr(F, f"max_unpool{n}d")(y, at, 2, output_size=size)

    call(f"max_unpool{n}d", unpool, arange(2, 2, *size))
call("avg_pool3d-divisor", lambda t, F, x: F.avg_pool3d(x, (2, 3, 2), 1, divisor_override=5), numbers(1, 2, 4, 5, 4))
call("avg_pool2d-divisor", lambda t, F, x: F.avg_pool2d(x, (2, 3), 1, divisor_override=5), numbers(1, 2, 4, 5))
call("adaptive_avg_pool3d-none", lambda t, F, x: F.adaptive_avg_pool3d(x, (None, 1, 2)), numbers(2, 2, 3, 4, 5))
for n in (2, 3):
    samples = np.random.default_rng(n).uniform(0, 1, (2, 2, n))
    call(
        f"fractional_max_pool{n}d",
        lambda t, F, x, n=n, s=samples: getattr(F, f"fractional_max_pool{n}d_with_indices")(
            x, 2, output_size=(4, 5, 3)[:n], _random_samples=t.tensor(s, dtype=x.dtype)
        ),
        arange(2, 2, *(9, 11, 7)[:n]),
    )

# ------------------------------------------------------------------------------------------------ normalisation

call("group_norm", lambda t, F, x, w, b: F.group_norm(x, 3, w, b), numbers(2, 6, 4), numbers(6), numbers(6))
call("instance_norm", lambda t, F, x, w, b: F.instance_norm(x, weight=w, bias=b), numbers(2, 3, 4, 5), numbers(3), numbers(3))
call("rms_norm", lambda t, F, x, w: F.rms_norm(x, (4, 5), w, 1e-3), numbers(2, 3, 4, 5), numbers(4, 5))
call("rms_norm-eps", lambda t, F, x: F.rms_norm(x * 1e-7, (5,)), numbers(3, 5))
for shape in ((2, 5, 7), (2, 5, 3, 4), (2, 5, 2, 3, 4)):
    call(f"local_response_norm-{len(shape)}", lambda t, F, x: F.local_response_norm(x, 3, 0.5, 0.6, 1.5), numbers(*shape))
call("local_response_norm-even", lambda t, F, x: F.local_response_norm(x, 4), numbers(2, 6, 3))

# ------------------------------------------------------------------------------------------------ pixels

call("unfold", lambda t, F, x: F.unfold(x, (2, 3), 1, (1, 0), (2, 1)), numbers(2, 3, 5, 6))
call("fold", lambda t, F, x: F.fold(x, (5, 6), (2, 3), 1, (1, 0), (2, 1)), numbers(2, 12, 12))
call("fold-unbatched", lambda t, F, x: F.fold(x, 4, 2, stride=2), numbers(8, 4))
call("pixel_shuffle", lambda t, F, x: F.pixel_shuffle(x, 2), numbers(2, 8, 3, 4))
call("pixel_unshuffle", lambda t, F, x: F.pixel_unshuffle(x, 2), numbers(3, 2, 4, 6))
call("channel_shuffle", lambda t, F, x: F.channel_shuffle(x, 2), numbers(2, 6, 3, 2))


def run(package, function, arrays, dtype="float64", order=2):
    """Outputs, gradients, and gradients of the gradients' squares."""
    inputs = [package.tensor(array, dtype=getattr(package, dtype), requires_grad=True) for array in arrays]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outputs = function(package, package.nn.functional, *inputs)
    outputs = list(outputs) if isinstance(outputs, tuple) else [outputs]
    values = [y.detach().double().numpy() for y in outputs]
    loss = sum((y * y * package.arange(y.numel(), dtype=y.dtype).reshape(y.shape).sin()).sum() for y in outputs if y.is_floating_point())
    first = package.autograd.grad(loss, inputs, create_graph=order > 1, allow_unused=True)
    values += [g.detach().double().numpy() for g in first if g is not None]
    if order > 1:
        second = sum((g * g).sum() for g in first if g is not None)
        if second.requires_grad:
            found = package.autograd.grad(second, inputs, allow_unused=True)
            values += [g.double().numpy() for g in found if g is not None]
    return values


NO_SECOND = ("grid_sample", "max_unpool", "fractional")  # what PyTorch cannot differentiate twice


@pytest.mark.parametrize("function, arrays", CALLS)
def test_as_pytorch(request, function, arrays):
    order = 1 if any(word in request.node.name for word in (*NO_SECOND, "antialias")) else 2
    ours, theirs = run(rustorch, function, arrays, order=order), run(torch, function, arrays, order=order)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("function, arrays", CALLS)
def test_as_pytorch_in_float32(function, arrays):
    ours, theirs = run(rustorch, function, arrays, "float32", 1), run(torch, function, arrays, "float32", 1)
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4 * max(1.0, np.abs(b).max(initial=0)))


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(3, 5), (9, 4), (14, 14)])
def test_interpolate_uint8(mode, size):
    pixels = np.random.default_rng(0).integers(0, 256, (1, 3, 7, 6)).astype(np.uint8)
    ours = rustorch.nn.functional.interpolate(rustorch.tensor(pixels), size, mode=mode)
    theirs = torch.nn.functional.interpolate(torch.tensor(pixels).float(), size, mode=mode).round().clamp(0, 255)
    assert ours.dtype == rustorch.uint8
    # a level of difference where a value lies half-way
    assert np.abs(ours.numpy().astype(int) - theirs.numpy().astype(int)).max() <= (0 if mode == "nearest" else 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nearest_picks_the_same_pixel_everywhere(dtype):
    line = np.arange(1, 80.0).astype(dtype)
    for n in range(1, 80, 7):
        for m in range(1, 80):
            for mode in ("nearest", "nearest-exact"):
                ours = rustorch.nn.functional.interpolate(rustorch.tensor(line[:n]).reshape(1, 1, n), m, mode=mode)
                theirs = torch.nn.functional.interpolate(torch.tensor(line[:n]).reshape(1, 1, n), m, mode=mode)
                assert (ours.numpy() == theirs.numpy()).all(), (n, m, mode)


MODULES = [
    ("Conv1d", (2, 4, 3), {"padding": 1, "padding_mode": "circular"}, (2, 2, 7)),
    ("Conv2d", (2, 4, 3), {"padding": "same", "padding_mode": "reflect"}, (2, 2, 7, 6)),
    ("Conv3d", (2, 4, 3), {"padding": 1, "padding_mode": "replicate"}, (2, 2, 5, 4, 6)),
    ("ConvTranspose1d", (4, 2, 3), {"stride": 2, "groups": 2}, (2, 4, 5)),
    ("ConvTranspose3d", (4, 2, 3), {"stride": 2, "output_padding": 1}, (2, 4, 3, 4, 2)),
    ("InstanceNorm1d", (3,), {"affine": True, "track_running_stats": True}, (2, 3, 5)),
    ("InstanceNorm2d", (3,), {}, (3, 4, 5)),
    ("InstanceNorm3d", (3,), {"track_running_stats": True}, (2, 3, 2, 4, 5)),
    ("GroupNorm", (3, 6), {}, (2, 6, 4)),
    ("RMSNorm", (5,), {}, (2, 5)),
    ("LocalResponseNorm", (2,), {}, (2, 4, 3)),
    ("MaxPool3d", (2,), {}, (2, 3, 4, 4, 4)),
    ("AvgPool3d", (2,), {"padding": 1}, (2, 3, 4, 4, 4)),
    ("LPPool2d", (2, 3), {"stride": 2}, (2, 3, 7, 8)),
    ("AdaptiveAvgPool3d", ((2, None, 3),), {}, (2, 3, 4, 4, 4)),
    ("AdaptiveMaxPool3d", (2,), {}, (2, 3, 4, 4, 4)),
    ("Unfold", (2,), {"padding": 1}, (2, 3, 4, 5)),
    ("Fold", ((4, 5), 2), {}, (2, 8, 12)),
    ("PixelShuffle", (2,), {}, (2, 4, 3, 3)),
    ("PixelUnshuffle", (2,), {}, (2, 4, 6, 4)),
    ("ChannelShuffle", (2,), {}, (2, 4, 3, 3)),
    ("Upsample", (), {"scale_factor": (2, 3), "mode": "bilinear"}, (2, 2, 3, 4)),
    ("UpsamplingNearest2d", (), {"size": 5}, (2, 2, 3, 4)),
    ("UpsamplingBilinear2d", (), {"scale_factor": 2}, (2, 2, 3, 4)),
    ("ZeroPad2d", ((1, 2, 0, 1),), {}, (2, 2, 3)),
    ("ZeroPad1d", (2,), {}, (2, 2, 3)),
    ("ConstantPad1d", (2, 3.5), {}, (2, 2, 3)),
    ("ConstantPad3d", (1, 3.5), {}, (2, 2, 3, 2)),
    ("ReflectionPad1d", (2,), {}, (2, 2, 3)),
    ("ReflectionPad3d", (1,), {}, (2, 2, 3, 4, 3)),
    ("ReplicationPad2d", ((1, 2, 3, 0),), {}, (2, 2, 3)),
    ("ReplicationPad3d", (2,), {}, (2, 2, 3, 4, 3)),
    ("CircularPad2d", (2,), {}, (2, 2, 3, 4)),
    ("CircularPad3d", (1,), {}, (2, 2, 3, 4, 2)),
]


@pytest.mark.parametrize("name, args, options, shape", MODULES, ids=[m[0] for m in MODULES])
def test_modules(name, args, options, shape):
    ours, theirs = (getattr(package.nn, name)(*args, **options) for package in (rustorch, torch))
    assert repr(ours) == repr(theirs).replace(", bias=True", "").replace(", bias=False", "")  # which newer versions show
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict({key: torch.tensor(value.numpy()) for key, value in ours.state_dict().items()})
    for training in (True, True, False):
        x = numbers(*shape, low=0.1).astype(np.float32)
        a, b = ours.train(training)(rustorch.tensor(x)), theirs.train(training)(torch.tensor(x))
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-4, atol=1e-5)
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[key].numpy(), value.numpy(), rtol=1e-4, atol=1e-6)


REFUSED = {
    "both sizes": lambda t, F: F.interpolate(t.zeros(1, 1, 4), size=2, scale_factor=2),
    "no size": lambda t, F: F.interpolate(t.zeros(1, 1, 4)),
    "align nearest": lambda t, F: F.interpolate(t.zeros(1, 1, 4), 2, align_corners=True),
    "antialias linear": lambda t, F: F.interpolate(t.zeros(1, 1, 4), 2, mode="linear", antialias=True),
    "mode of another dimension": lambda t, F: F.interpolate(t.zeros(1, 1, 4), 2, mode="bilinear"),
    "wrong number of sizes": lambda t, F: F.interpolate(t.zeros(1, 1, 4, 4), (2, 2, 2)),
    "zero size": lambda t, F: F.interpolate(t.zeros(1, 1, 4, 4), (0, 2)),
    "grid mode": lambda t, F: F.grid_sample(t.zeros(1, 1, 4, 4), t.zeros(1, 2, 2, 2), mode="cubic", align_corners=False),
    "grid shape": lambda t, F: F.grid_sample(t.zeros(1, 1, 4, 4), t.zeros(1, 2, 2, 3), align_corners=False),
    "reflect too far": lambda t, F: F.pad(t.zeros(1, 1, 4), (4, 0), mode="reflect"),
    "unpool size": lambda t, F: F.max_unpool1d(t.zeros(1, 1, 2), t.zeros(1, 1, 2, dtype=t.int64), 2, output_size=(9,)),
    "pixel_shuffle": lambda t, F: F.pixel_shuffle(t.zeros(1, 6, 2, 2), 2),
    "fold": lambda t, F: F.fold(t.zeros(1, 7, 4), 3, 2),
    "conv3d channels": lambda t, F: F.conv3d(t.zeros(1, 2, 3, 3, 3), t.zeros(1, 3, 1, 1, 1)),
    "conv3d kernel": lambda t, F: F.conv3d(t.zeros(1, 2, 3, 3, 3), t.zeros(1, 2, 5, 1, 1)),
    "same with stride": lambda t, F: F.conv3d(t.zeros(1, 2, 3, 3, 3), t.zeros(1, 2, 1, 1, 1), stride=2, padding="same"),
    "output_padding": lambda t, F: F.conv_transpose3d(t.zeros(1, 2, 3, 3, 3), t.zeros(2, 1, 1, 1, 1), output_padding=1),
    "pool padding": lambda t, F: F.max_pool3d(t.zeros(1, 2, 3, 3, 3), 2, padding=2),
    "instance of one": lambda t, F: F.instance_norm(t.zeros(2, 3, 1)),
    "groups": lambda t, F: F.group_norm(t.zeros(2, 3, 4), 2),
    "rms shape": lambda t, F: F.rms_norm(t.zeros(2, 3), (4,)),
    "reflect pad module": lambda t, F: t.nn.ReflectionPad2d(1)(t.zeros(2, 3)),
    "dropout1d": lambda t, F: F.dropout1d(t.zeros(2, 3, 4, 5)),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_pytorch_refuses_is_refused(what):
    for package in (torch, rustorch):
        with pytest.raises((RuntimeError, ValueError, NotImplementedError)):
            REFUSED[what](package, package.nn.functional)
