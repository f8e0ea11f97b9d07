"""Spatial functions and layers against NumPy: what they compute, in which dtypes, and the module mechanisms around them."""

import copy
import pickle

import numpy as np
import pytest

import rustorch as torch
from rustorch import nn
from rustorch.nn import functional as F

rng = np.random.default_rng(0)


@pytest.mark.parametrize("mode, numpy_mode", [("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_pad_as_numpy(mode, numpy_mode, n):
    x = rng.normal(size=(2, 3, 4, 5, 6)[: 2 + n])
    sides = [1, 2, 0, 3, 2, 1][: 2 * n]
    pairs = [(0, 0), (0, 0)] + [tuple(sides[2 * i : 2 * i + 2]) for i in reversed(range(n))]
    expected = np.pad(x, pairs, mode=numpy_mode)
    np.testing.assert_array_equal(F.pad(torch.tensor(x), sides, mode=mode).numpy(), expected)
    layer = {"reflect": "ReflectionPad", "replicate": "ReplicationPad", "circular": "CircularPad"}[mode]
    np.testing.assert_array_equal(getattr(nn, f"{layer}{n}d")(tuple(sides))(torch.tensor(x)).numpy(), expected)


def bilinear(image, height, width):
    """Pixels at half positions, one at a time."""
    H, W = image.shape
    out = np.empty((height, width))
    for y in range(height):
        for x in range(width):
            v = min(max((y + 0.5) * H / height - 0.5, 0), H - 1)
            u = min(max((x + 0.5) * W / width - 0.5, 0), W - 1)
            y0, x0 = int(v), int(u)
            y1, x1 = min(y0 + 1, H - 1), min(x0 + 1, W - 1)
            b, a = v - y0, u - x0
            top = image[y0, x0] * (1 - a) + image[y0, x1] * a
            out[y, x] = top * (1 - b) + (image[y1, x0] * (1 - a) + image[y1, x1] * a) * b
    return out


@pytest.mark.parametrize("size", [(9, 7), (3, 2), (5, 12)])
def test_bilinear(size):
    x = rng.normal(size=(5, 6))
    y = F.interpolate(torch.tensor(x)[None, None], size, mode="bilinear")
    np.testing.assert_allclose(y[0, 0].numpy(), bilinear(x, *size), rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_rounded_once(dtype):
    x = torch.tensor(rng.normal(size=(2, 3, 6, 7))).to(dtype)
    for function in (
        lambda x: F.interpolate(x, (9, 5), mode="bicubic"),
        lambda x: F.grid_sample(x, torch.full((2, 3, 4, 2), 0.375, dtype=x.dtype), align_corners=True),
    ):
        np.testing.assert_array_equal(function(x).float().numpy(), function(x.double()).to(dtype).float().numpy())


def test_interpolate_nearest_repeats():
    x = torch.arange(6).reshape(1, 1, 2, 3).float()
    np.testing.assert_array_equal(F.interpolate(x, scale_factor=2).numpy(), x.numpy().repeat(2, 2).repeat(2, 3))


def test_grid_sample_identity_and_outside():
    x = torch.tensor(rng.normal(size=(2, 3, 4, 5)))
    theta = torch.tensor([[[1.0, 0, 0], [0, 1, 0]]] * 2, dtype=torch.float64)
    for align in (False, True):
        grid = F.affine_grid(theta, (2, 3, 4, 5), align_corners=align)
        for mode in ("bilinear", "nearest", "bicubic"):
            np.testing.assert_allclose(F.grid_sample(x, grid, mode, align_corners=align).numpy(), x.numpy(), atol=1e-12)
    far = torch.full((2, 1, 1, 2), 5.0, dtype=torch.float64)
    assert float(F.grid_sample(x, far, align_corners=False).abs().max()) == 0
    np.testing.assert_array_equal(
        F.grid_sample(x, far, padding_mode="border", align_corners=False)[..., 0, 0].numpy(), x[..., -1, -1].numpy()
    )
    x[0, 0, 3, 4] = float("inf")  # a pixel that is not looked at must not matter
    assert np.isfinite(F.grid_sample(x, far * 0, align_corners=False).numpy()).all()
    assert float(F.grid_sample(x, far * float("nan"), align_corners=False).abs().max()) == 0


def test_grid_sample_second_gradient():
    x = torch.tensor(rng.normal(size=(1, 2, 4, 4)), requires_grad=True)
    grid = torch.tensor(rng.uniform(-0.9, 0.9, size=(1, 2, 3, 2)), requires_grad=True)
    for mode in ("bilinear", "bicubic"):
        assert torch.autograd.gradgradcheck(lambda x, g: F.grid_sample(x, g, mode, align_corners=False), (x, grid))


def test_unfold_is_a_convolution():
    x, w = rng.normal(size=(2, 3, 6, 5)), rng.normal(size=(4, 3, 2, 3))
    columns = F.unfold(torch.tensor(x), (2, 3), padding=1)
    y = (torch.tensor(w).reshape(4, -1) @ columns).reshape(2, 4, 7, 5)
    np.testing.assert_allclose(y.numpy(), F.conv2d(torch.tensor(x), torch.tensor(w), padding=1).numpy(), atol=1e-12)
    ones = F.fold(F.unfold(torch.ones(1, 1, 4, 4), 2), 4, 2)  # how many windows see each pixel
    np.testing.assert_array_equal(ones[0, 0].numpy(), [[1, 2, 2, 1], [2, 4, 4, 2], [2, 4, 4, 2], [1, 2, 2, 1]])


def test_max_pool3d_ties_and_nan():
    x = torch.zeros(1, 1, 2, 2, 2)
    assert int(F.max_pool3d(x, 2, return_indices=True)[1]) == 0
    x[0, 0, 1, 0, 1] = float("nan")
    values, index = F.max_pool3d(x, 2, return_indices=True)
    assert np.isnan(float(values)) and int(index) == 5


@pytest.mark.parametrize("n", [1, 2, 3])
def test_max_unpool_undoes(n):
    x = torch.tensor(rng.permutation(8**n).reshape(1, 1, *(8,) * n).astype(np.float64))
    y, at = getattr(nn, f"MaxPool{n}d")(2, return_indices=True)(x)
    back = getattr(nn, f"MaxUnpool{n}d")(2)(y, at)
    np.testing.assert_array_equal(back.numpy(), np.where(np.isin(x.numpy(), y.numpy()), x.numpy(), 0))
    with pytest.raises(torch.TensorError):
        getattr(F, f"max_unpool{n}d")(y, at + 8**n, 2)


def test_max_unpool_with_overlapping_windows_does_not_add():
    y, at = F.max_pool1d(torch.tensor([[[0.0, 3.0, 1.0]]]), 2, 1, return_indices=True)
    assert F.max_unpool1d(y, at, 2, 1).tolist() == [[[0.0, 3.0, 0.0]]]


def test_fractional_max_pool():
    x = torch.tensor(rng.normal(size=(2, 3, 9, 11)), requires_grad=True)
    y, at = F.fractional_max_pool2d(x, (2, 3), output_ratio=(0.5, 0.4), return_indices=True)
    assert y.shape == (2, 3, 4, 4)
    picked = x.detach().reshape(6, -1).gather(1, at.reshape(6, -1))
    np.testing.assert_array_equal(y.detach().numpy().ravel(), picked.numpy().ravel())
    y.sum().backward()
    assert float(x.grad.sum()) == y.numel()
    with pytest.raises(ValueError, match="output_ratio"):
        F.fractional_max_pool2d(x, 2)
    with pytest.raises(ValueError, match="do not fit"):
        F.fractional_max_pool2d(x, 5, output_size=8)


# ---------------------------------------------------------------------------------------------- normalisation


def test_instance_norm_running_statistics():
    x = rng.normal(3, 2, size=(4, 3, 50))
    norm = nn.InstanceNorm1d(3, momentum=0.25, affine=True, track_running_stats=True).double()
    y = norm(torch.tensor(x))
    np.testing.assert_allclose(y.detach().numpy().mean(2), 0, atol=1e-12)
    np.testing.assert_allclose(norm.running_mean.numpy(), 0.25 * x.mean((0, 2)), rtol=1e-12)
    np.testing.assert_allclose(norm.running_var.numpy(), 0.75 + 0.25 * x.var(2, ddof=1).mean(0), rtol=1e-12)
    norm.eval()
    expected = (x - norm.running_mean.numpy()[:, None]) / np.sqrt(norm.running_var.numpy()[:, None] + 1e-5)
    np.testing.assert_allclose(norm(torch.tensor(x)).detach().numpy(), expected, rtol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_rms_norm(dtype):
    x = torch.tensor(rng.normal(size=(5, 40))).to(dtype)
    layer = nn.RMSNorm(40, dtype=dtype)
    expected = x.double().numpy() / np.sqrt((x.double().numpy() ** 2).mean(1, keepdims=True) + torch.finfo(dtype).eps)
    np.testing.assert_allclose(layer(x).detach().double().numpy(), expected, rtol={torch.bfloat16: 1e-2}.get(dtype, 1e-6))


def test_rms_norm_gradients():
    x = torch.tensor(rng.normal(size=(3, 4, 5)), requires_grad=True)
    w = torch.tensor(rng.normal(size=(4, 5)), requires_grad=True)
    function = lambda x, w: F.rms_norm(x, (4, 5), w, 1e-3)  # noqa: E731
    assert torch.autograd.gradcheck(function, (x, w)) and torch.autograd.gradgradcheck(function, (x, w))


def test_sync_batch_norm_without_ranks_is_batch_norm():
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Sequential(nn.BatchNorm2d(3, affine=False)))
    same = nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(model))
    assert [type(m).__name__ for m in (same[1], same[2][0])] == ["SyncBatchNorm"] * 2
    x = torch.tensor(rng.normal(size=(4, 2, 6, 6)).astype(np.float32))
    np.testing.assert_array_equal(same(x).detach().numpy(), model(x).detach().numpy())
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(same.state_dict()[key].numpy(), value.numpy())


# ---------------------------------------------------------------------------------------------- dropout


@pytest.mark.parametrize(
    "layer, shape", [(nn.Dropout1d, (40, 30, 5)), (nn.Dropout2d, (40, 30, 2, 3)), (nn.Dropout3d, (40, 30, 2, 3, 2))]
)
def test_channels_drop_together(layer, shape):
    torch.manual_seed(0)
    y = layer(0.25)(torch.ones(*shape)).numpy().reshape(shape[0] * shape[1], -1)
    assert (y == y[:, :1]).all() and set(np.unique(y.round(5))) == {0, np.float32(1.33333)}
    assert 0.2 < (y[:, 0] == 0).mean() < 0.3
    single = layer(0.5)(torch.ones(*shape[1:])).numpy().reshape(shape[1], -1) if layer is not nn.Dropout2d else None
    assert single is None or ((single == single[:, :1]).all() and 0 < (single[:, 0] == 0).mean() < 1)


def test_feature_alpha_dropout_keeps_mean_and_variance():
    torch.manual_seed(0)
    y = nn.FeatureAlphaDropout(0.3)(torch.randn(300, 200, 3)).numpy()
    assert abs(y.mean()) < 0.02 and abs(y.var() - 1) < 0.03
    dropped = (y == y[..., :1]).all(-1)  # a channel of one value
    assert 0.27 < dropped.mean() < 0.33


# ---------------------------------------------------------------------------------------------- convolutions as layers


def test_conv_transpose_output_size():
    down, up = nn.Conv2d(2, 3, 3, stride=2, padding=1), nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1)
    x = torch.zeros(1, 2, 12, 11)
    assert up(down(x), output_size=x.shape).shape == x.shape
    assert up(down(x), output_size=[11, 12]).shape == (1, 2, 11, 12)
    with pytest.raises(ValueError, match="requested an output size"):
        up(down(x), output_size=[14, 12])


def test_conv3d_is_a_sum_over_depth():
    x, w = rng.normal(size=(2, 3, 5, 6, 4)), rng.normal(size=(4, 3, 2, 3, 3))
    y = F.conv3d(torch.tensor(x), torch.tensor(w)).numpy()
    for z in range(4):
        planes = [F.conv2d(torch.tensor(x[:, :, z + k]), torch.tensor(w[:, :, k])).numpy() for k in range(2)]
        np.testing.assert_allclose(y[:, :, z], sum(planes), atol=1e-12)


def test_conv3d_of_nothing():
    x = torch.zeros(0, 2, 4, 4, 4, requires_grad=True)
    y = nn.Conv3d(2, 3, 3)(x)
    assert y.shape == (0, 3, 2, 2, 2)
    y.sum().backward()
    assert x.grad.shape == x.shape


# ---------------------------------------------------------------------------------------------- lazy modules


def lazy_model():
    return nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(3))


def test_lazy_modules_become_ordinary_ones():
    model = lazy_model()
    assert all(isinstance(p, nn.UninitializedParameter) for p in model.parameters())
    with pytest.raises(RuntimeError, match="uninitialized parameter"):
        model[0].weight.shape
    parameters = list(model.parameters())
    assert model(torch.zeros(2, 5, 6, 6)).shape == (2, 3)
    assert [type(m) for m in model] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Flatten, nn.Linear]
    assert all(a is b for a, b in zip(parameters, model.parameters()))  # an optimizer made before still has them
    assert [type(p) for p in parameters] == [nn.Parameter] * 6
    assert model[4].in_features == 64 and float(model[4].weight.abs().max()) <= 1 / 8
    assert not model[0]._forward_pre_hooks and not model[0]._state_dict_hooks
    model(torch.zeros(1, 5, 6, 6)).sum().backward()
    assert model[0].weight.grad is not None


@pytest.mark.parametrize("n", [1, 2, 3])
def test_every_lazy_layer(n):
    x = torch.zeros(2, 4, *(6,) * n)
    for name, args in (("Conv", (4, 3)), ("ConvTranspose", (4, 3, 2)), ("BatchNorm", ()), ("InstanceNorm", ())):
        options = {"groups": 2, "bias": False} if "Conv" in name else {}
        layer = getattr(nn, f"Lazy{name}{n}d")(*args, **options)
        eager = getattr(nn, f"{name}{n}d")
        full = eager(4, *args, **options) if "Conv" in name else eager(4, affine=True, track_running_stats=True)
        assert layer(x).shape == full(x).shape and repr(layer) == repr(full)
        shapes = [{key: tuple(value.shape) for key, value in m.state_dict().items()} for m in (layer, full)]
        assert shapes[0] == shapes[1]


def test_lazy_copies_and_dtypes():
    model = lazy_model().double()
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other(torch.zeros(2, 3, 5, 5, dtype=torch.float64)).dtype == torch.float64
        assert isinstance(other[0], nn.Conv2d) and type(other[0]) is nn.Conv2d
    assert isinstance(model[0], nn.LazyConv2d) and model[0].has_uninitialized_params()  # a copy's first call is its own
    assert model(torch.zeros(2, 1, 5, 5, dtype=torch.float64)).shape == (2, 3)


def test_lazy_state():
    whole = lazy_model()
    whole(torch.zeros(2, 3, 5, 5))
    fresh = lazy_model()
    fresh.load_state_dict(whole.state_dict())
    assert fresh[0].weight.shape == (4, 3, 3, 3)
    x = torch.tensor(rng.normal(size=(2, 3, 5, 5)).astype(np.float32))
    np.testing.assert_array_equal(fresh.eval()(x).detach().numpy(), whole.eval()(x).detach().numpy())
    another = lazy_model()
    another.load_state_dict(lazy_model().state_dict())  # nothing known on either side
    assert another[0].has_uninitialized_params()
    with pytest.raises(RuntimeError):
        whole.load_state_dict(lazy_model().state_dict())


def test_a_lazy_module_of_ones_own():
    from rustorch.nn.modules.lazy import LazyModuleMixin

    class Scale(LazyModuleMixin, nn.Module):
        def __init__(self):
            super().__init__()
            self.factor = nn.UninitializedParameter()

        def initialize_parameters(self, input):
            if input.dim() > 1:
                self.factor.materialize(input.shape[-1:])
                nn.init.ones_(self.factor)

        def forward(self, input):
            return input * self.factor

    with pytest.raises(RuntimeError, match="not been fully initialized"):
        Scale()(torch.zeros(3))
    scale = Scale()
    assert scale(torch.ones(2, 3)).tolist() == [[1.0] * 3] * 2 and type(scale) is Scale
