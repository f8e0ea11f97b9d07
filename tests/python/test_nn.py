"""Modules: names, state, hooks, layers against NumPy."""

import copy
import math
import pickle

import numpy as np
import pytest

import rustorch as torch
from rustorch import nn
from rustorch.nn import functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 3)
        self.norm = nn.BatchNorm1d(3)
        self.rest = nn.Sequential(nn.ReLU(), nn.Linear(3, 2, bias=False))
        self.register_buffer("scale", torch.ones(1))
        self.register_buffer("scratch", torch.zeros(1), persistent=False)

    def forward(self, x):
        return self.rest(self.norm(self.first(x))) * self.scale


def test_names_are_found():
    net = Net()
    assert [n for n, _ in net.named_parameters()] == [
        "first.weight", "first.bias", "norm.weight", "norm.bias", "rest.1.weight",
    ]  # fmt: skip
    assert "scale" in dict(net.named_buffers()) and "norm.running_mean" in dict(net.named_buffers())
    assert [n for n, _ in net.named_children()] == ["first", "norm", "rest"]
    assert [n for n, _ in net.named_modules()] == ["", "first", "norm", "rest", "rest.0", "rest.1"]


def test_shared_parameters_come_once():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    assert len(list(net.parameters())) == 3


def test_assigning():
    net = Net()
    with pytest.raises(TypeError, match="cannot assign 'Tensor' as parameter 'weight'"):
        net.first.weight = torch.zeros(3, 4)
    net.first.bias = None
    assert net.first.bias is None and "first.bias" not in net.state_dict()
    with pytest.raises(AttributeError, match="before Module.__init__"):
        class Bad(nn.Module):
            def __init__(self):
                self.layer = nn.Linear(1, 1)
        Bad()
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'nothing'"):
        net.nothing


def test_state_dict_round_trip():
    a, b = Net(), Net()
    state = a.state_dict()
    assert "scratch" not in state and "norm.num_batches_tracked" in state
    assert repr(b.load_state_dict(state)) == "<All keys matched successfully>"
    for name, value in b.state_dict().items():
        assert np.array_equal(value.numpy(), state[name].numpy())


def test_load_state_dict_names_everything_that_is_wrong():
    net = Net()
    state = net.state_dict()
    del state["first.bias"]
    state["more"] = torch.zeros(1)
    state["first.weight"] = torch.zeros(5, 5)
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(state)
    text = str(caught.value)
    assert 'Missing key(s) in state_dict: "first.bias"' in text and 'Unexpected key(s) in state_dict: "more"' in text
    assert "size mismatch for first.weight" in text
    del state["first.weight"]
    result = net.load_state_dict(state, strict=False)
    assert result.unexpected_keys == ["more"] and set(result.missing_keys) == {"first.bias", "first.weight"}


def test_modes_and_apply():
    net = Net()
    net.eval()
    assert not any(m.training for m in net.modules())
    net.train()
    seen = []
    net.apply(lambda m: seen.append(type(m).__name__))
    assert seen[-1] == "Net" and seen.count("Linear") == 2
    net.requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())


def test_to_keeps_the_parameters_themselves():
    net = Net()
    before = net.first.weight
    net.to(torch.float64)
    assert net.first.weight is before and before.dtype == torch.float64
    assert net.norm.num_batches_tracked.dtype == torch.int64
    with pytest.raises(torch.DeviceError):
        net.to("cuda")


def test_zero_grad():
    net = Net()
    net(torch.randn(5, 4)).sum().backward()
    assert net.first.weight.grad is not None
    net.zero_grad()
    assert net.first.weight.grad is None


def test_repr():
    assert repr(nn.Sequential(nn.Linear(2, 3), nn.ReLU())) == (
        "Sequential(\n  (0): Linear(in_features=2, out_features=3, bias=True)\n  (1): ReLU()\n)"
    )
    assert repr(nn.Conv2d(1, 2, 3, padding=1)) == "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))"


def test_copies():
    net = Net()
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert other.first.weight is not net.first.weight
        assert isinstance(other.first.weight, nn.Parameter)
        assert np.array_equal(other.first.weight.detach().numpy(), net.first.weight.detach().numpy())


def test_forward_hooks():
    layer = nn.Linear(2, 2)
    calls = []
    before = layer.register_forward_pre_hook(lambda m, args: (args[0] * 0,))
    after = layer.register_forward_hook(lambda m, args, out: calls.append(out.shape))
    out = layer(torch.ones(3, 2))
    assert np.allclose(out.detach().numpy(), layer.bias.detach().numpy())
    assert calls == [(3, 2)]
    before.remove()
    after.remove()
    layer(torch.ones(3, 2))
    assert len(calls) == 1


def test_backward_hooks():
    layer = nn.Linear(2, 3)
    seen = {}
    layer.register_full_backward_hook(lambda m, gi, go: seen.update(gi=gi, go=go))
    x = torch.ones(4, 2, requires_grad=True)
    layer(x).sum().backward()
    assert seen["go"][0].shape == (4, 3) and seen["gi"][0].shape == (4, 2)
    assert np.allclose(seen["gi"][0].numpy(), layer.weight.detach().numpy().sum(0))


def test_containers():
    net = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 3))
    assert len(net) == 3 and isinstance(net[-1], nn.Linear) and len(net[:2]) == 2
    with pytest.raises(IndexError):
        net[3]
    layers = nn.ModuleList([nn.Linear(1, 1)])
    layers.append(nn.ReLU())
    layers.insert(0, nn.Tanh())
    assert [type(m).__name__ for m in layers] == ["Tanh", "Linear", "ReLU"]
    assert list(nn.ModuleDict({"a": nn.ReLU()}).keys()) == ["a"]
    assert len(list(nn.ParameterList([torch.zeros(1)]).parameters())) == 1


def test_linear_conv_against_numpy():
    x, layer = torch.randn(5, 4), nn.Linear(4, 3)
    want = x.numpy() @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
    assert np.allclose(layer(x).detach().numpy(), want, atol=1e-6)
    conv = nn.Conv2d(2, 3, 3, stride=2, padding=1)
    image = torch.randn(1, 2, 5, 5)
    padded = np.pad(image.numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)))
    want = np.zeros((1, 3, 3, 3))
    for k in range(3):
        for i in range(3):
            for j in range(3):
                window = padded[0, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
                want[0, k, i, j] = (window * conv.weight.detach().numpy()[k]).sum() + float(conv.bias[k])
    assert np.allclose(conv(image).detach().numpy(), want, atol=1e-5)


def test_same_padding():
    for kernel in (2, 3, (4, 3)):
        assert nn.Conv2d(1, 1, kernel, padding="same")(torch.zeros(1, 1, 7, 9)).shape == (1, 1, 7, 9)
    with pytest.raises(ValueError, match="strided"):
        nn.Conv2d(1, 1, 3, stride=2, padding="same")


def test_batch_norm_running_statistics():
    layer = nn.BatchNorm2d(3)
    x = torch.randn(8, 3, 4, 4) * 2 + 1
    y = layer(x)
    mean, var = x.numpy().mean((0, 2, 3)), x.numpy().var((0, 2, 3))
    assert np.allclose(y.detach().numpy().mean((0, 2, 3)), 0, atol=1e-5)
    n = 8 * 16
    assert np.allclose(layer.running_mean.numpy(), 0.1 * mean, atol=1e-5)
    assert np.allclose(layer.running_var.numpy(), 0.9 + 0.1 * var * n / (n - 1), atol=1e-4)
    assert int(layer.num_batches_tracked) == 1
    layer.eval()
    want = (x.numpy() - layer.running_mean.numpy()[:, None, None]) / np.sqrt(layer.running_var.numpy()[:, None, None] + 1e-5)
    assert np.allclose(layer(x).detach().numpy(), want, atol=1e-4)
    with pytest.raises(ValueError, match="expected 4D input"):
        layer(torch.zeros(2, 3))


def test_dropout():
    x = torch.ones(10000)
    y = F.dropout(x, 0.25)
    kept = y.numpy()[y.numpy() != 0]
    assert abs(len(kept) / 10000 - 0.75) < 0.02 and np.allclose(kept, 1 / 0.75)
    assert F.dropout(x, 0.25, training=False) is x or np.array_equal(F.dropout(x, 0.25, training=False).numpy(), x.numpy())
    with pytest.raises(ValueError, match="between 0 and 1"):
        nn.Dropout(1.5)


def test_cross_entropy_errors():
    with pytest.raises(IndexError, match="12"):
        F.cross_entropy(torch.zeros(4, 10), torch.tensor([1, 2, 3, 12]))
    with pytest.raises(ValueError, match="not a valid value for reduction"):
        F.mse_loss(torch.zeros(1), torch.zeros(1), reduction="avg")


def test_linear_error_says_what_fits():
    with pytest.raises(torch.ShapeError, match=r"input \(64, 784\) does not fit weight \(128, 512\)"):
        nn.Linear(512, 128)(torch.zeros(64, 784))


@pytest.mark.parametrize("name", ["xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_"])
def test_init_scale(name):
    weight = torch.empty(400, 300)
    getattr(nn.init, name)(weight)
    std = {"xavier": math.sqrt(2 / 700), "kaiming": math.sqrt(2 / 300)}[name.split("_")[0]]
    assert abs(float(weight.std()) / std - 1) < 0.05


def test_trunc_normal_stays_inside():
    w = nn.init.trunc_normal_(torch.empty(10000), std=1.0, a=-1.0, b=0.5)
    assert float(w.min()) >= -1.0 and float(w.max()) <= 0.5
    assert abs(float(w.mean()) + 0.2033) < 0.02  # the truncated normal's mean


def test_clip_grad_norm():
    p = [torch.zeros(3, requires_grad=True), torch.zeros(2, requires_grad=True)]
    p[0].grad, p[1].grad = torch.tensor([1.0, 2.0, 2.0]), torch.tensor([4.0, 4.0])
    norm = nn.utils.clip_grad_norm_(p, 1.0)
    assert abs(float(norm) - math.sqrt(9 + 32)) < 1e-6
    total = math.sqrt(sum(float((q.grad**2).sum()) for q in p))
    assert abs(total - 1) < 1e-5
    vector = nn.utils.parameters_to_vector(p)
    nn.utils.vector_to_parameters(vector.detach() + 1, p)
    assert np.array_equal(p[1].detach().numpy(), [1, 1])
