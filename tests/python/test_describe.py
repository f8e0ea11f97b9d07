"""Modules as data: every layer of rustorch comes back from a file and from a description, and nothing else is built."""

import functools
import inspect
import json
import sys
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rustorch as rt
from rustorch import nn, serialization
from rustorch.nn import functional as F
from rustorch.nn._describe import class_path, find_class
from rustorch.serialization import build_module, describe_module

# Arguments for the classes that need some, and options where the defaults would hide a mistake.
OPTIONS = {
    "Linear": (3, 2), "Bilinear": (2, 3, 4), "Unflatten": (1, (2, -1)), "Identity": (54, "x"), "Sequential": (nn.ReLU(), nn.Tanh()),
    "Conv1d": (4, 2, 3, 2), "Conv2d": (4, 2, (3, 1), 1, "same", 2, 2, False, "reflect"), "Conv3d": (2, 2, 1), "ConvTranspose1d": (4, 2, 3),
    "ConvTranspose2d": (4, 2, 3, 2, 1, 1, 2), "ConvTranspose3d": (2, 2, 1), "Embedding": (5, 3, 1), "EmbeddingBag": (5, 3, 2.0),
    "MaxPool1d": (2,), "MaxPool2d": ((2, 1), 1), "MaxPool3d": (2,), "MaxUnpool1d": (2,), "MaxUnpool2d": (2,), "MaxUnpool3d": (2,),
    "AvgPool1d": (2,), "AvgPool2d": (2,), "AvgPool3d": (2,), "LPPool1d": (2, 3), "LPPool2d": (2, 3), "LPPool3d": (2, 3),
    "FractionalMaxPool2d": (2, 3), "FractionalMaxPool3d": (2, 3), "AdaptiveAvgPool1d": (2,), "AdaptiveAvgPool2d": ((2, None),),
    "AdaptiveAvgPool3d": (2,), "AdaptiveMaxPool1d": (2,), "AdaptiveMaxPool2d": (2,), "AdaptiveMaxPool3d": (2,), "BatchNorm1d": (3,),
    "BatchNorm2d": (3, 1e-3, None, False), "BatchNorm3d": (3, 1e-3, 0.2, True, False), "SyncBatchNorm": (3,),
    "InstanceNorm1d": (3,),
    "InstanceNorm2d": (3, 1e-5, 0.1, True, True), "InstanceNorm3d": (3,), "LayerNorm": ((2, 3),), "RMSNorm": (3,), "GroupNorm": (2, 4),
    "LocalResponseNorm": (2,), "CrossMapLRN2d": (2,), "Threshold": (0.5, -1.0), "RNN": (3, 4, 2, "relu"),
    "LSTM": (3, 4, 2, True, True, 0.5, True, 2),
    "GRU": (3, 4), "RNNBase": ("GRU", 3, 4), "RNNCellBase": (3, 4, True, 2), "RNNCell": (3, 4, True, "relu"), "LSTMCell": (3, 4, False),
    "GRUCell": (3, 4), "MultiheadAttention": (4, 2, 0.1, True, True, True, 3, 5), "TransformerEncoderLayer": (4, 2, 8, 0.1, F.gelu),
    "TransformerDecoderLayer": (4, 2, 8, 0.1, "gelu"), "TransformerEncoder": (nn.TransformerEncoderLayer(4, 2, 8), 2, nn.LayerNorm(4)),
    "TransformerDecoder": (nn.TransformerDecoderLayer(4, 2, 8), 2), "Transformer": (4, 2, 1, 1, 8), "PixelShuffle": (2,),
    "PixelUnshuffle": (2,), "ChannelShuffle": (2,), "Upsample": (None, 2.0, "bilinear"), "UpsamplingNearest2d": (3,),
    "UpsamplingBilinear2d": (3,), "Fold": ((4, 4), 2), "Unfold": ((2, 2),), "AdaptiveLogSoftmaxWithLoss": (4, 10, [2, 5]),
    "CrossEntropyLoss": (rt.tensor([1.0, 2.0]), None, -1, None, "sum", 0.1), "NLLLoss": (rt.tensor([1.0, 2.0]),),
    "BCEWithLogitsLoss": (None, None, None, "none", rt.tensor([3.0])), "MultiMarginLoss": (2, 0.5), "LazyLinear": (2,),
    "ModuleList": ([nn.ReLU(), nn.Linear(2, 2)],), "ModuleDict": ({"a": nn.ReLU(), "b": nn.Linear(2, 2)},),
    "ParameterList": ([rt.ones(2), rt.zeros(3)],), "ParameterDict": ({"가": rt.ones(2)},), "PReLU": (2, 0.1), "GELU": ("tanh",),
    "Softmax": (1,), "LogSoftmax": (-1,), "Softmin": (0,), "Dropout": (0.3, True), "Flatten": (0, -2), "Hardtanh": (-2.0, 2.0),
    "DataParallel": (nn.Linear(2, 2),),
}  # fmt: skip
PADS = {"ZeroPad": 2, "ConstantPad": (2, 0.5), "ReflectionPad": 1, "ReplicationPad": 1, "CircularPad": 1}
LAZY = {"LazyConv": (2, 3), "LazyConvTranspose": (2, 3), "LazyBatchNorm": (), "LazyInstanceNorm": (1e-5, 0.1, True, True)}
ABSTRACT = {"Module"}


def layers():
    return sorted(
        name
        for name in nn.__all__
        if inspect.isclass(getattr(nn, name)) and issubclass(getattr(nn, name), nn.Module) and name not in ABSTRACT
    )


def make(name):
    kind = name[:-2] if name[-2:] in ("1d", "2d", "3d") else name
    options = OPTIONS.get(name, PADS.get(kind, LAZY.get(kind, ())))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(nn, name)(*(options if isinstance(options, tuple) else (options,)))


def same(a, b):
    """Equal in all that a description says, in state, and in the values of every parameter and buffer."""
    assert type(a) is type(b) and repr(a) == repr(b)
    assert describe_module(a) == describe_module(b)
    for table in ("named_parameters", "named_buffers"):
        ours, theirs = dict(getattr(a, table)()), dict(getattr(b, table)())
        assert list(ours) == list(theirs)
        for name, x in ours.items():
            y = theirs[name]
            assert type(x) is type(y) and x.requires_grad == y.requires_grad and x is not y
            if not hasattr(type(x), "materialize"):
                assert (
                    x.dtype == y.dtype
                    and x.shape == y.shape
                    and x.detach().float().numpy().tobytes() == y.detach().float().numpy().tobytes()
                )
    assert list(a.state_dict()) == list(b.state_dict())
    for x, y in zip(a.modules(), b.modules()):
        assert x.training == y.training and set(vars(x)) == set(vars(y)), set(vars(x)) ^ set(vars(y))


def through_file(module, path, **options):
    rt.save(module, path)
    return rt.load(path, **options)


@pytest.mark.parametrize("name", layers())
def test_every_layer(name, tmp_path):
    module = make(name).eval()
    assert class_path(type(module)) == f"rustorch.nn.{type(module).__name__}"
    same(module, through_file(module, tmp_path / "layer.h5"))
    described = describe_module(module)
    built = build_module(json.loads(json.dumps(described, allow_nan=False)))
    assert type(built) is type(module) and describe_module(built) == described and repr(built) == repr(module)


def test_there_are_many_layers():
    assert len(layers()) > 120


# ---------------------------------------------------------------------------------------------- nested at will

leaves = st.sampled_from(
    ["Linear", "Conv2d", "BatchNorm1d", "LSTM", "Dropout", "Embedding", "MultiheadAttention", "LazyConv2d", "PReLU", "Softmax"]
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: ("Sequential", parts)),
        st.lists(inner, max_size=3).map(lambda parts: ("ModuleList", parts)),
        st.dictionaries(st.text("ab가 /_", min_size=1, max_size=3), inner, max_size=3).map(lambda parts: ("ModuleDict", parts)),
    ),
    max_leaves=8,
)


def grow(tree, flags):
    if isinstance(tree, str):
        module = make(tree)
    else:
        kind, parts = tree
        if kind == "ModuleDict":
            module = nn.ModuleDict({k: grow(v, flags) for k, v in parts.items()})
        else:
            grown = [grow(v, flags) for v in parts]
            module = nn.Sequential(*grown) if kind == "Sequential" else nn.ModuleList(grown)
    turn = next(flags)
    module.train(turn & 1 == 0)
    if turn & 2:
        module.requires_grad_(False)
    if turn & 4:
        module.to(rt.bfloat16)
    return module


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(trees, st.lists(st.integers(0, 7), min_size=40, max_size=40))
def test_any_tree(tmp_path, tree, flags):
    module = grow(tree, iter(flags))
    same(module, through_file(module, tmp_path / "tree.h5"))
    described = describe_module(module)
    assert describe_module(build_module(json.loads(json.dumps(described)))) == described


# ---------------------------------------------------------------------------------------------- what constructors do not know


def test_changed_after_construction(tmp_path):
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 4))
    model[1].p = 0.25
    model[2] = nn.Linear(4, 7, bias=False)
    model[0].weight = nn.Parameter(rt.rand(4, 3), requires_grad=False)
    model.add_module("extra", nn.ReLU())
    model[0].note = {"since": (1, 2.5), "who": "나"}
    model.register_buffer("scale", rt.arange(3.0), persistent=False)
    model.register_buffer("later", None)
    loaded = through_file(model, tmp_path / "x.h5")
    same(model, loaded)
    assert loaded[1].p == 0.25 and loaded[0].note == {"since": (1, 2.5), "who": "나"} and "scale" not in loaded.state_dict()
    assert rt.equal(loaded.scale, rt.arange(3.0)) and loaded.later is None


def test_shared_stays_shared(tmp_path):
    embedding, head = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
    head.weight = embedding.weight
    block = nn.Linear(3, 3)
    loaded = through_file(nn.ModuleDict({"in": embedding, "a": block, "b": block, "out": head}), tmp_path / "x.h5")
    assert loaded["in"].weight is loaded["out"].weight and loaded["a"] is loaded["b"]
    built = build_module(describe_module(loaded))
    assert built["in"].weight is built["out"].weight and built["a"] is built["b"]


def test_new_parameters_are_drawn(tmp_path):
    model = nn.Sequential(nn.Linear(50, 50), nn.BatchNorm1d(50), nn.ParameterList([rt.ones(3)]), nn.MultiheadAttention(4, 2))
    built = build_module(describe_module(model))
    bound = 1 / np.sqrt(50)
    weight = built[0].weight.detach().numpy()
    assert (
        not np.array_equal(weight, model[0].weight.detach().numpy()) and abs(weight).max() <= bound and weight.std() > bound / 2
    )
    assert built[1].running_var.eq(1).all() and built[2][0].eq(0).all() and built[3].in_proj_weight.std() > 0
    before = rt.get_rng_state()
    through_file(model, tmp_path / "x.h5")
    assert rt.equal(before, rt.get_rng_state())  # loading draws nothing


def test_outputs_after_loading(tmp_path):
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.LazyLinear(3)
    )
    lazy = through_file(model, tmp_path / "lazy.h5")
    x = rt.rand(2, 1, 8, 8)
    assert lazy(x).shape == (2, 3) and type(lazy[5]) is nn.Linear
    model(x)
    model.eval()
    assert rt.equal(through_file(model, tmp_path / "x.h5")(x), model(x))
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, activation=F.gelu, batch_first=True), 2).eval()
    y = rt.rand(2, 5, 8)
    assert rt.equal(through_file(encoder, tmp_path / "x.h5")(y), encoder(y))


def test_trains_on(tmp_path):
    """What was loaded from mapped pages can be trained, and the file does not change."""
    path = tmp_path / "x.h5"
    model = nn.Linear(200, 200)
    loaded = through_file(model, path, mmap=True)
    before = path.read_bytes()
    optimizer = rt.optim.SGD(loaded.parameters(), 0.1)
    loaded(rt.ones(1, 200)).sum().backward()
    optimizer.step()
    assert not rt.equal(loaded.weight, model.weight) and path.read_bytes() == before
    same(rt.load(path), model)


# ---------------------------------------------------------------------------------------------- classes of the user


class Net(nn.Module):
    def __init__(self, width, activation=None):
        super().__init__()
        self.width = width
        self.body = nn.Sequential(nn.Linear(width, width), nn.Tanh())
        self.scale = nn.Parameter(rt.ones(1) * width)
        if activation:
            self.activation = activation

    def forward(self, x):
        return self.body(x) * self.scale


class Guarded(Net):
    """Something that is no data, which it leaves out by itself."""

    def __init__(self):
        super().__init__(2)
        self.lock = object()

    def __getstate__(self):
        state = super().__getstate__()
        del state["lock"]
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        self.lock = "new"


def test_users_classes(tmp_path):
    path = tmp_path / "x.h5"
    net = nn.Sequential(Net(3), nn.ReLU())
    rt.save({"model": net}, path)
    with pytest.raises(rt.SerializationError, match=r"Net, which is none of rustorch's.*add_safe_globals\(\[Net\]\)"):
        rt.load(path)
    with serialization.safe_globals([Net]):
        same(net, rt.load(path)["model"])
    assert not serialization.get_safe_globals()
    same(net, rt.load(path, weights_only=False)["model"])  # a class that the program has
    serialization.add_safe_globals([Net])
    serialization.add_safe_globals([Net])
    assert serialization.get_safe_globals() == [Net]
    rt.load(path)
    serialization.remove_safe_globals([Net])
    serialization.add_safe_globals([Guarded])
    serialization.clear_safe_globals()
    with pytest.raises(rt.SerializationError):
        rt.load(path)
    with pytest.raises(TypeError):
        serialization.add_safe_globals(["Net"])
    described = describe_module(net)
    with pytest.raises(rt.SerializationError, match="Net"):
        build_module(described)
    assert type(build_module(described, [Net])[0]) is Net


def test_renamed_module(tmp_path):
    """The class is found by its name where its module is another one now."""
    path = tmp_path / "x.h5"
    old = type("Net", (Net,), {"__module__": "train_2024", "__qualname__": "Net"})
    rt.save(old(3), path)
    with serialization.safe_globals([Net]):
        assert type(rt.load(path)) is Net
    with pytest.raises(rt.SerializationError, match="train_2024.Net"):
        rt.load(path, weights_only=False)


def test_attributes_that_are_no_data(tmp_path):
    path = tmp_path / "x.h5"
    rt.save(Net(2, activation=lambda x: x), path)
    with serialization.safe_globals([Net]), pytest.raises(
        rt.SerializationError, match=r"activation \(a function\).*load_model\(path, model=…\)"
    ):
        rt.load(path)
    rt.save(Guarded(), path)
    with serialization.safe_globals([Guarded]):
        assert rt.load(path).lock == "new"


def test_classes_and_partials(tmp_path):
    """What layers are made with: a class of modules, a function or class with arguments."""
    model = Net(2, activation=functools.partial(F.leaky_relu, negative_slope=0.3))
    model.norm_layer, model.block, model.norm = nn.BatchNorm2d, Net, functools.partial(nn.BatchNorm2d, eps=1e-3)
    rt.save(model, tmp_path / "x.h5")
    with serialization.safe_globals([Net]):
        loaded = rt.load(tmp_path / "x.h5")
    assert loaded.norm_layer is nn.BatchNorm2d and loaded.block is Net and loaded.norm(4).eps == 1e-3
    assert loaded.activation(rt.tensor([-1.0])).tolist() == model.activation(rt.tensor([-1.0])).tolist()
    with pytest.raises(rt.SerializationError, match="a type cannot be saved: a file holds tensors"):
        rt.save(int, tmp_path / "x.h5")
    with pytest.raises(rt.SerializationError, match=r"state\[0\]: a builtin"):
        rt.save([functools.partial(print, 1)], tmp_path / "x.h5")


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "squeezenet1_1"])
def test_networks(tmp_path, name):
    models = pytest.importorskip("rustorch.vision.models")
    model = getattr(models, name)(num_classes=3).eval()
    x = rt.rand(1, 3, 64, 64)
    loaded = through_file(model, tmp_path / "x.h5")
    assert type(loaded) is type(model) and rt.equal(loaded(x), model(x))


def test_what_is_code_is_refused(tmp_path):
    path = tmp_path / "x.h5"
    wrapped = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    with pytest.raises(rt.SerializationError, match=r"state\.0: the .*parametrizations.*remove_parametrizations"):
        rt.save(nn.Sequential(wrapped), path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hooked = nn.utils.spectral_norm(nn.Linear(2, 2))
    with pytest.raises(rt.SerializationError, match="hook of rustorch.nn.utils"):
        rt.save(hooked, path)
    with pytest.raises(rt.SerializationError, match=r"state\.distance_function: a function"):
        rt.save(nn.TripletMarginWithDistanceLoss(distance_function=lambda a, b: (a - b).abs().sum()), path)
    assert not path.exists()
    model = nn.Linear(2, 2)
    model.register_forward_hook(lambda *_: None)
    with pytest.warns(UserWarning, match="hooks, which are code"):
        rt.save(model, path)
    assert not rt.load(path)._forward_hooks
    with pytest.raises(TypeError, match="nn.Module is expected"):
        describe_module(3)


# ---------------------------------------------------------------------------------------------- descriptions that lie


@pytest.mark.parametrize(
    "change, text",
    [
        (lambda d: d.update({"class": "os.system"}), "os.system, which is none of rustorch's"),
        (lambda d: d.update({"class": "rustorch.nn.functional.relu"}), "which this version of rustorch does not have"),
        (lambda d: d.update({"class": "rustorch.nn.NoSuch"}), "which this version of rustorch does not have"),
        (lambda d: d.update({"class": "rustorch.nn.no.such.Thing"}), "which this version of rustorch does not have"),
        (lambda d: d.update({"class": "rustorch.__main__.main"}), "none of rustorch's"),
        (lambda d: d.update({"class": "rustorch.nn.Parameter"}), "does not have"),
        (lambda d: d["attributes"].update(forward={"function": "rustorch.load"}), "none of rustorch.nn.functional"),
        (lambda d: d["attributes"].update(forward={"function": "os.system"}), "none of rustorch.nn.functional"),
        (lambda d: d["attributes"].update(forward={"function": "rustorch.nn.functional.math"}), "none of rustorch.nn.functional"),
        (
            lambda d: d["attributes"].update(forward={"function": "rustorch.nn.functional.__import__"}),
            "none of rustorch.nn.functional",
        ),
        (lambda d: d["attributes"].update(_modules={"dict": {}}), "sets _modules"),
        (lambda d: d["attributes"].update(x={"eval": "1"}), "makes no sense"),
        (lambda d: d["parameters"].update(weight=5), "no Parameter"),
        (lambda d: d["modules"].update(child={"module": 77}), "makes no sense"),
        (lambda d: d.pop("buffers"), "makes no sense"),
    ],
)
def test_descriptions_that_lie(change, text):
    described = describe_module(nn.Linear(2, 2))
    change(described)
    before = set(sys.modules)
    with pytest.raises(rt.SerializationError, match=text):
        build_module(described)
    assert not {name for name in set(sys.modules) - before if not name.startswith("rustorch")}


def test_find_class():
    assert find_class("rustorch.nn.Linear") is nn.Linear and find_class("rustorch.nn.modules.linear.Linear") is nn.Linear
    assert find_class("elsewhere.Net", [Net]) is Net and find_class(class_path(Net), search=True) is Net
    with pytest.raises(rt.SerializationError, match="no nn.Module"):
        find_class(f"{__name__}.json", search=True)
