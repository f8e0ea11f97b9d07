"""rustorch.vision: networks as torchvision has them, grids of pictures, data sets under torchvision's names."""

import gzip
import io as python_io
import os
import pickle
import re
import struct

import numpy as np
import pytest

import rustorch as torch
from rustorch import io
from rustorch.vision import datasets, models, transforms, utils

# The numbers of parameters that torchvision's documentation gives.
PARAMETERS = {
    "alexnet": 61_100_840, "densenet121": 7_978_856, "densenet161": 28_681_000, "densenet169": 14_149_480, "densenet201": 20_013_928,
    "mobilenet_v2": 3_504_872, "mobilenet_v3_large": 5_483_032, "mobilenet_v3_small": 2_542_856, "resnet18": 11_689_512,
    "resnet34": 21_797_672, "resnet50": 25_557_032, "resnet101": 44_549_160, "resnet152": 60_192_808, "resnext50_32x4d": 25_028_904,
    "resnext101_32x8d": 88_791_336, "resnext101_64x4d": 83_455_272, "squeezenet1_0": 1_248_424, "squeezenet1_1": 1_235_496,
    "vgg11": 132_863_336, "vgg11_bn": 132_868_840, "vgg13": 133_047_848, "vgg13_bn": 133_053_736, "vgg16": 138_357_544,
    "vgg16_bn": 138_365_992, "vgg19": 143_667_240, "vgg19_bn": 143_678_248, "wide_resnet50_2": 68_883_240, "wide_resnet101_2": 126_886_696,
}  # fmt: skip
# Some of torchvision's names.
STATE_NAMES = {
    "resnet18": ["conv1.weight", "bn1.running_mean", "layer1.0.conv1.weight", "layer2.0.downsample.1.num_batches_tracked", "fc.bias"],
    "resnet50": ["layer1.0.conv3.weight", "layer4.2.bn3.bias", "layer3.0.downsample.0.weight"],
    "vgg11": ["features.0.weight", "features.18.bias", "classifier.6.weight"],
    "vgg16_bn": ["features.1.running_var", "features.41.num_batches_tracked", "classifier.0.bias"],
    "mobilenet_v2": ["features.0.0.weight", "features.1.conv.0.1.running_mean", "features.17.conv.3.bias", "classifier.1.weight"],
    "mobilenet_v3_small": ["features.1.block.1.fc1.weight", "features.12.1.bias", "classifier.3.bias"],
    "mobilenet_v3_large": ["features.4.block.2.fc2.bias", "features.16.0.weight", "classifier.0.weight"],
    "densenet121": ["features.denseblock4.denselayer16.conv2.weight", "features.transition3.norm.weight", "features.norm5.bias"],
    "squeezenet1_1": ["features.0.weight", "features.12.expand3x3.bias", "classifier.1.weight"],
    "alexnet": ["features.10.weight", "classifier.4.bias"],
}  # fmt: skip


def test_every_builder_has_a_figure():
    assert models.list_models() == sorted(PARAMETERS)
    lower = {name for name in vars(models) if name.islower() and not name.startswith("_") and callable(vars(models)[name])}
    assert lower == {*PARAMETERS, "get_model", "get_model_builder", "list_models"}  # scripts look for builders like this
    assert models.list_models(include=["vgg1*", "alex*"], exclude="*_bn") == ["alexnet", "vgg11", "vgg13", "vgg16", "vgg19"]
    assert models.list_models(models) == models.list_models() and models.list_models(module=os) == []
    assert models.get_model_builder("ResNet50") is models.resnet.resnet50 and models.resnet50.__module__.endswith("models.resnet")


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_parameters(name, monkeypatch):
    """The names and shapes alone: no memory is filled."""
    for function in ("kaiming_normal_", "kaiming_uniform_", "normal_", "uniform_", "constant_", "ones_", "zeros_"):
        monkeypatch.setattr(torch.nn.init, function, lambda tensor, *args, **kwargs: tensor)
    model = models.get_model(name)
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS[name]
    assert f"untrained: {PARAMETERS[name]:,} parameters" in models.get_model_builder(name).__doc__
    assert isinstance(model, vars(models)[re.search(r"Returns\n +-+\n +(\w+)", models.get_model_builder(name).__doc__).group(1)])
    assert set(STATE_NAMES.get(name, [])) <= set(model.state_dict())


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "mobilenet_v3_small", "squeezenet1_1", "densenet121"])
def test_they_train(name):
    torch.manual_seed(0)
    model = models.get_model(name, num_classes=3)
    x = torch.randn(2, 3, 64, 64)
    loss = torch.nn.functional.cross_entropy(model(x), torch.tensor([0, 2]))
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert model.eval()(x).shape == (2, 3)


def test_states_of_torchvision(monkeypatch):
    """The names in their order, shapes and dtypes; no memory is filled."""
    theirs = pytest.importorskip("torchvision").models
    import torch as pytorch

    def described(model):
        return [(key, tuple(value.shape), str(value.dtype).split(".")[1]) for key, value in model.state_dict().items()]

    for function in ("kaiming_normal_", "kaiming_uniform_", "normal_", "uniform_", "constant_", "ones_", "zeros_"):
        monkeypatch.setattr(torch.nn.init, function, lambda tensor, *args, **kwargs: tensor)
    for name in PARAMETERS:
        with pytorch.device("meta"):
            wanted = described(theirs.get_model(name, weights=None))
        assert described(models.get_model(name)) == wanted, name


@pytest.mark.parametrize(
    "name", ["alexnet", "resnet18", "resnet50", "vgg11_bn", "mobilenet_v2", "mobilenet_v3_small", "densenet121", "squeezenet1_1"]
)
def test_values_of_torchvision(name):
    theirs = pytest.importorskip("torchvision").models.get_model(name, weights=None, num_classes=10).eval()
    import torch as pytorch

    for module in theirs.modules():
        if isinstance(module, pytorch.nn.BatchNorm2d):
            pytorch.nn.init.normal_(module.running_mean, 0, 0.1)
            pytorch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    ours = models.get_model(name, num_classes=10).eval()
    ours.load_state_dict({key: torch.from_numpy(value.numpy()) for key, value in theirs.state_dict().items()})
    x = np.random.RandomState(0).randn(2, 3, 64, 64).astype(np.float32)
    with pytorch.no_grad():
        wanted = theirs(pytorch.from_numpy(x)).numpy()
    np.testing.assert_allclose(ours(torch.from_numpy(x)).detach().numpy(), wanted, rtol=1e-5, atol=1e-5 * abs(wanted).max())


def test_initial_values():
    model = models.resnet18(zero_init_residual=True)
    assert model.conv1.weight.std().item() == pytest.approx((2 / (64 * 49)) ** 0.5, rel=0.05)  # fan out
    assert model.layer1[0].bn2.weight.eq(0).all() and model.layer1[0].bn1.weight.eq(1).all()
    mobile = models.mobilenet_v3_small(num_classes=10)
    assert mobile.classifier[3].weight.std().item() == pytest.approx(0.01, rel=0.1) and mobile.classifier[3].bias.eq(0).all()
    dense = models.DenseNet(8, (2,), 16, num_classes=50)
    assert dense.features.conv0.weight.std().item() == pytest.approx((2 / (3 * 49)) ** 0.5, rel=0.1)  # fan in
    assert dense.classifier.bias.eq(0).all() and dense.classifier.weight.abs().max() <= 32**-0.5
    squeeze = models.SqueezeNet("1_1", num_classes=50)
    assert squeeze.features[0].weight.abs().max().item() == pytest.approx((6 / 27) ** 0.5, rel=0.05)
    assert squeeze.classifier[1].weight.std().item() == pytest.approx(0.01, rel=0.1) and squeeze.features[0].bias.eq(0).all()
    layers = models.vgg.make_layers([8, "M", 16], batch_norm=True)
    assert [type(layer).__name__ for layer in layers] == ["Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d", "Conv2d", "BatchNorm2d", "ReLU"]
    assert layers(torch.zeros(1, 3, 8, 8)).shape == (1, 16, 4, 4)


def test_names_of_older_files():
    """torchvision's files for DenseNet: other names in the dense layers, and no counts of batches."""
    theirs = models.DenseNet(8, (2, 1), 16, num_classes=4)
    torch.nn.init.normal_(theirs.features.denseblock1.denselayer2.norm2.running_mean)
    state = {key: value for key, value in theirs.state_dict().items() if not key.endswith("num_batches_tracked")}
    old = {re.sub(r"(denselayer\d+\.[a-z]+)([12])", r"\1.\2", key): value for key, value in state.items()}
    assert "features.denseblock1.denselayer2.norm.2.running_mean" in old
    ours = models.DenseNet(8, (2, 1), 16, num_classes=4)
    whole = torch.nn.Sequential(ours)
    whole.load_state_dict({f"0.{key}": value for key, value in old.items()})
    assert all(torch.equal(ours.state_dict()[key], value) for key, value in state.items())
    old.pop("features.norm5.bias")
    with pytest.raises(RuntimeError, match='Missing key.*: "features.norm5.bias"'):
        ours.load_state_dict({**old, "features.norm5.num_batches_tracked": torch.tensor(7)})
    assert ours.features.norm5.num_batches_tracked == 7


def test_options():
    dilated = models.resnet50(replace_stride_with_dilation=[False, True, True], num_classes=2).eval()
    assert dilated.layer4(dilated.layer3(torch.zeros(1, 512, 8, 8))).shape == (1, 2048, 8, 8)
    assert models.mobilenet_v3_large(dilated=True, reduced_tail=True, width_mult=0.5).features[-1].out_channels == 240
    with pytest.raises(ValueError, match="3 items"):
        models.resnet18(replace_stride_with_dilation=[True])
    with pytest.raises(ValueError, match="there is no model 'resnet19'"):
        models.get_model("resnet19")


@pytest.mark.parametrize("arguments", [dict(pretrained=True), dict(weights="DEFAULT"), dict(weights=models.ResNet18_Weights.IMAGENET1K_V1)])
def test_nothing_is_downloaded(arguments):
    with pytest.raises(torch.UnsupportedError, match=r"nothing is downloaded.*rustorch.load\('resnet18.pth'\)"):
        models.resnet18(**arguments)
    models.resnet18(pretrained=False, weights=None, progress=False, num_classes=2)
    with pytest.raises(AttributeError):
        models.ResNet19_Weights
    weights = models.ResNet18_Weights.DEFAULT
    assert pickle.loads(pickle.dumps(weights)) is weights


# ---------------------------------------------------------------------------------------------- pictures


def grid_by_hand(images, nrow, padding, pad_value):
    n, c, h, w = images.shape
    columns, rows = min(nrow, n), -(-n // min(nrow, n))
    grid = np.full((c, rows * (h + padding) + padding, columns * (w + padding) + padding), pad_value, images.dtype)
    for i, image in enumerate(images):
        y, x = i // columns * (h + padding) + padding, i % columns * (w + padding) + padding
        grid[:, y : y + h, x : x + w] = image
    return grid


@pytest.mark.parametrize("n, nrow, padding", [(1, 8, 2), (5, 2, 2), (6, 3, 0), (3, 8, 1)])
def test_make_grid(n, nrow, padding):
    images = np.random.RandomState(0).rand(n, 3, 4, 5).astype(np.float32)
    got = utils.make_grid(torch.from_numpy(images), nrow=nrow, padding=padding, pad_value=0.5).numpy()
    np.testing.assert_array_equal(got, images[0] if n == 1 else grid_by_hand(images, nrow, padding, 0.5))


def test_make_grid_values():
    images = torch.tensor([[[[-1.0, 0.0]]], [[[0.0, 3.0]]]])
    assert utils.make_grid(images, padding=0)[0].tolist() == [[-1, 0, 0, 3]] and utils.make_grid(images).shape[0] == 3
    assert utils.make_grid(images, padding=0, normalize=True)[1].tolist() == [[0, 0.25, 0.25, 1]]
    assert utils.make_grid(images, padding=0, normalize=True, scale_each=True)[1].tolist() == [[0, 1, 0, 1]]
    assert utils.make_grid(images, padding=0, normalize=True, value_range=(0.0, 1.0))[1].tolist() == [[0, 0, 0, 1]]
    assert images[0, 0, 0, 0] == -1  # the input stays
    assert utils.make_grid([torch.zeros(1, 2, 2)] * 3, padding=0).shape == (3, 2, 6)
    assert utils.make_grid(torch.zeros(2, 2)).shape == (3, 2, 2)
    for wrong, kind in ((3, TypeError), (torch.zeros(2, 2, 2, 2, 2), ValueError), ([], TypeError)):
        with pytest.raises(kind):
            utils.make_grid(wrong)
    with pytest.raises(TypeError, match="pair"):
        utils.make_grid(images, normalize=True, value_range=3)


def test_save_image(tmp_path):
    images = torch.tensor([0.0, 0.25, 0.5, 1.0, 2.0, -1.0]).reshape(1, 1, 2, 3)
    utils.save_image(images, tmp_path / "a.png")
    assert io.read_image(tmp_path / "a.png").tolist() == [[[0, 64, 128], [255, 255, 0]]] * 3
    utils.save_image(images.expand(4, 3, 2, 3), str(tmp_path / "a.jpg"), nrow=2)
    assert io.read_image(str(tmp_path / "a.jpg")).shape == (3, 10, 12)
    file = python_io.BytesIO()
    utils.save_image(images, file, format="PNG")
    assert file.getvalue() == (tmp_path / "a.png").read_bytes()
    for wrong in (tmp_path / "a.bmp", tmp_path / "a", python_io.BytesIO()):
        with pytest.raises(ValueError, match="PNG and JPEG"):
            utils.save_image(images, wrong)


def test_draw_bounding_boxes():
    image = torch.zeros(1, 6, 8, dtype=torch.uint8)
    out = utils.draw_bounding_boxes(image, torch.tensor([[1.0, 1.0, 5.0, 4.0], [6, 0, 99, 99]]), colors=["#ff0000", (0, 0, 9)])
    assert out.shape == (3, 6, 8) and out[0, 1, 1:6].eq(255).all() and out[0, 2, 2:5].eq(0).all() and out[2, 0, 6] == 9
    assert image.eq(0).all()
    assert utils.draw_bounding_boxes(image, torch.tensor([[0, 0, 7, 5]]), colors="white", fill=True)[0, 3, 3] == 100
    for boxes, more, kind in (
        ([[3, 3, 1, 1]], {}, ValueError), ([[1, 2, 3]], {}, ValueError), ([[0, 0, 1, 1]], {"colors": "nice"}, ValueError),
        ([[0, 0, 1, 1]], {"labels": ["x"]}, NotImplementedError),
    ):  # fmt: skip
        with pytest.raises(kind):
            utils.draw_bounding_boxes(image, torch.tensor(boxes), **more)
    with pytest.raises(TypeError):
        utils.draw_bounding_boxes(torch.zeros(3, 2, 2), torch.zeros(1, 4))


# ---------------------------------------------------------------------------------------------- data sets and transforms


def write_idx(path, array):
    with gzip.open(path, "wb") as file:
        file.write(struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes())


def test_data_sets(tmp_path):
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for part in ("train", "t10k"):
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28))
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", np.array([3, 7], np.uint8))
    data = datasets.MNIST(str(tmp_path), train=False, download=True, transform=transforms.ToTensor())
    assert len(data) == 2 and data[1][0].shape == (1, 28, 28) and data[1][1] == 7
    assert data.class_to_idx[data.classes[7]] == 7
    assert data.train_data is data.data and data.test_labels is data.targets
    with pytest.raises(FileNotFoundError) as error:
        datasets.MNIST(str(tmp_path / "nowhere"), download=True)
    assert "put train-images-idx3-ubyte, train-labels-idx1-ubyte" in str(error.value) and "nowhere/MNIST/raw" in str(error.value)
    with pytest.raises(FileNotFoundError, match="cifar-10-binary.tar.gz"):
        datasets.CIFAR10(str(tmp_path), download=True)
    assert datasets.FakeData(3, (3, 4, 4))[0][0].shape == (3, 4, 4)
    assert repr(data) == (
        f"Dataset MNIST\n    Number of datapoints: 2\n    Root location: {tmp_path}\n    Split: Test\n"
        "    StandardTransform\nTransform: ToTensor()"
    )
    data.transform, data.target_transform = None, float  # takes effect at once
    assert data[0][0].dtype == torch.uint8 and isinstance(data[0][1], float) and isinstance(data, datasets.VisionDataset)
    assert data.transforms(1, 2) == (1, 2.0)


def test_fashion_mnist_of_debian(tmp_path):
    if os.path.isdir("/usr/share/datasets/fashion-mnist"):
        assert len(datasets.FashionMNIST(str(tmp_path), train=False, download=True)) == 10000
    else:
        with pytest.raises(FileNotFoundError, match="apt install dataset-fashion-mnist"):
            datasets.FashionMNIST(str(tmp_path), download=True)
    with pytest.raises(FileNotFoundError, match="where download=True finds them"):
        datasets.FashionMNIST(str(tmp_path))  # a wrong folder stays a mistake


def test_own_data_set():
    class Mine(datasets.VisionDataset):
        def __len__(self):
            return 1

        def __getitem__(self, i):
            return self.transforms(torch.zeros(1), 2)

    assert Mine("x", transform=lambda x: x + 1, target_transform=str)[0][1] == "2"
    assert Mine("x", transforms=lambda x, y: (y, x))[0][0] == 2
    with pytest.raises(ValueError):
        Mine("x", transforms=len, transform=len)
    assert Mine("~/x").root == os.path.expanduser("~/x") and Mine().root is None
    both = Mine("x", transform=transforms.Compose([transforms.Resize(2), transforms.ToTensor()]), target_transform=abs)
    assert repr(both).splitlines()[3:] == [
        "    StandardTransform",
        "Transform: Compose(",
        "               Resize(size=2, interpolation=bilinear, max_size=None, antialias=True)",
        "               ToTensor()",
        "           )",
        "Target transform: <built-in function abs>",
    ]


def test_transforms_are_the_same_objects():
    from rustorch.data import transforms as ours

    assert transforms.Compose is ours.Compose and transforms.functional.resize is ours.functional.resize
    assert all(getattr(transforms, name) is getattr(ours, name) for name in ours.__all__ if name != "functional")
    assert transforms.v2.Resize is ours.Resize and transforms.v2.functional is ours.functional
    assert transforms.v2.ToImage()(np.zeros((2, 5, 3), np.uint8)).shape == (3, 2, 5) and transforms.v2.Identity()("x") == "x"


def test_to_pil_image():
    try:
        from PIL import Image  # noqa: F401
    except ImportError:
        with pytest.raises(torch.PluginError, match="pip install pillow"):
            transforms.ToPILImage()(torch.zeros(3, 2, 2))
        return
    picture = transforms.ToPILImage()(torch.full((3, 2, 4), 0.5))
    assert picture.size == (4, 2) and picture.mode == "RGB" and picture.getpixel((0, 0)) == (127, 127, 127)
    assert transforms.functional.to_pil_image(np.zeros((2, 3), np.uint8)).mode == "L"
    assert transforms.ToTensor()(picture).shape == (3, 2, 4)
