"""nn.utils: clipping, normalised weights, parametrizations, pruning, fusion, calls with other parameters."""

import copy
import math

import numpy as np
import pytest

import rustorch as torch
from rustorch import nn
from rustorch.nn.utils import parametrizations, parametrize, prune, stateless
from rustorch.nn import utils


def with_gradients(values):
    params = []
    for value in values:
        p = torch.zeros(len(value), dtype=torch.float64, requires_grad=True)
        p.grad = torch.tensor(value, dtype=torch.float64)
        params.append(p)
    return params + [torch.zeros(2, requires_grad=True)]


# ---------------------------------------------------------------------------------------------- clipping


@pytest.mark.parametrize("p", [0.5, 1, 2, 3.0, math.inf, -math.inf])
@pytest.mark.parametrize("most", [0.1, 100.0])
def test_clip_grad_norm(p, most):
    values = [[3.0, -4.0, 1.0], [0.5, 2.0]]
    params = with_gradients(values)
    flat = np.abs(np.concatenate(values))
    want = {math.inf: flat.max(), -math.inf: flat.min()}.get(p) or (flat**p).sum() ** (1 / p)
    norm = utils.clip_grad_norm_(iter(params), most, norm_type=p, foreach=True)
    assert norm.dtype == torch.float64 and abs(float(norm) - want) < 1e-12 * want
    factor = min(1, most / (want + 1e-6))
    for q, value in zip(params, values):
        assert np.allclose(q.grad.numpy(), np.array(value) * factor, rtol=1e-12)


def test_clipping_of_what_is_not_finite_or_not_there():
    params = with_gradients([[math.inf, 1.0]])
    with pytest.raises(RuntimeError, match="total norm of order 2.0 .* is non-finite"):
        utils.clip_grad_norm_(params, 1.0, error_if_nonfinite=True)
    assert params[0].grad.tolist() == [math.inf, 1.0]
    assert math.isinf(float(utils.clip_grad_norm_(params, 1.0))) and params[0].grad[1] == 0
    assert float(utils.clip_grad_norm_([], 1.0)) == 0
    with pytest.warns(UserWarning, match="empty generator"):
        utils.clip_grad_norm_((p for p in ()), 1.0)
    with pytest.warns(FutureWarning, match="clip_grad_norm_"):
        utils.clip_grad_norm(params, 1.0)
    assert math.isnan(float(utils.get_total_norm([torch.tensor([1.0, math.nan])], math.inf)))


def test_norm_and_clipping_apart():
    params = with_gradients([[3.0, 4.0]])
    total = utils.get_total_norm([p.grad for p in params if p.grad is not None])
    assert float(total) == 5.0
    utils.clip_grads_with_norm_(params, 1.0, total)
    assert np.allclose(params[0].grad.numpy(), [0.6, 0.8], atol=1e-6)
    utils.clip_grad_value_(params, 0.7)
    assert np.allclose(params[0].grad.numpy(), [0.6, 0.7], atol=1e-6)
    assert float(utils.get_total_norm([torch.zeros(2), torch.ones(2)], 0)) == 1.0


def test_parameters_as_one_vector():
    model = nn.Linear(2, 3)
    vector = utils.parameters_to_vector(model.parameters())
    assert vector.shape == (9,)
    utils.vector_to_parameters(torch.arange(9.0), model.parameters())
    assert model.weight.tolist() == [[0, 1], [2, 3], [4, 5]] and model.bias.tolist() == [6, 7, 8]
    with pytest.raises(ValueError, match="a vector of 9 elements"):
        utils.vector_to_parameters(torch.zeros(8), model.parameters())


# ---------------------------------------------------------------------------------------------- normalised weights


def norms(weight, dim):
    axes = None if dim is None else tuple(d for d in range(weight.ndim) if d != dim)
    return np.sqrt((weight**2).sum(axes, keepdims=dim is not None))


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("dim", [0, 1, None])
@pytest.mark.parametrize("new", [False, True])
def test_weight_norm(dim, new):
    layer = nn.Conv1d(3, 4, 2)
    before = layer.weight.detach().numpy().copy()
    made = (parametrizations if new else utils).weight_norm(layer, "weight", dim)
    assert made is layer and np.allclose(layer.weight.detach().numpy(), before, atol=1e-6)
    g, v = (
        (layer.parametrizations.weight.original0, layer.parametrizations.weight.original1) if new else (layer.weight_g, layer.weight_v)
    )
    assert np.allclose(g.detach().numpy(), norms(before, dim), atol=1e-6) and g.requires_grad
    with torch.no_grad():
        g.mul_(2)
    x = torch.ones(1, 3, 5)
    layer(x).sum().backward()
    assert np.allclose(layer.weight.detach().numpy(), 2 * before, atol=1e-5)
    assert g.grad is not None and abs(float((v.grad * v).sum())) < 1e-4  # only across the direction
    if new:
        parametrize.remove_parametrizations(layer, "weight")
    else:
        with pytest.raises(RuntimeError, match="two weight_norm hooks"):
            utils.weight_norm(layer)
        utils.remove_weight_norm(layer)
        with pytest.raises(ValueError, match="weight_norm of 'weight' not found"):
            utils.remove_weight_norm(layer)
    assert np.allclose(layer.weight.detach().numpy(), 2 * before, atol=1e-5)
    assert sorted(n for n, _ in layer.named_parameters()) == ["bias", "weight"] and type(layer) is nn.Conv1d


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_new_weight_norm_takes_old_states():
    old, new = utils.weight_norm(nn.Linear(3, 2)), parametrizations.weight_norm(nn.Linear(3, 2))
    new.load_state_dict(old.state_dict())
    assert np.allclose(new.weight.detach().numpy(), old.weight.detach().numpy(), atol=1e-6)


@pytest.mark.parametrize("new", [False, True])
def test_spectral_norm(new):
    torch.manual_seed(0)
    layer = nn.Linear(6, 4)
    matrix = layer.weight.detach().numpy().copy()
    (parametrizations if new else utils).spectral_norm(layer, n_power_iterations=50)
    layer(torch.ones(2, 6)).sum().backward()
    values = np.linalg.svd(matrix, compute_uv=False)
    original = layer.parametrizations.weight.original if new else layer.weight_orig
    assert np.allclose(layer.weight.detach().numpy(), matrix / values[0], atol=1e-4) and original.grad is not None
    names = set(layer.state_dict())
    inner = "parametrizations.weight."
    assert names == ({"bias", inner + "original", inner + "0._u", inner + "0._v"} if new else
                     {"bias", "weight_orig", "weight_u", "weight_v"})  # fmt: skip
    layer.eval()
    u = (layer.parametrizations.weight[0]._u if new else layer.weight_u).clone()
    layer(torch.ones(2, 6))
    assert np.array_equal(u.numpy(), (layer.parametrizations.weight[0]._u if new else layer.weight_u).numpy())
    if new:
        parametrize.remove_parametrizations(layer, "weight")
    else:
        utils.remove_spectral_norm(layer)
    assert np.allclose(np.linalg.svd(layer.weight.detach().numpy(), compute_uv=False)[0], 1, atol=1e-4)
    with pytest.raises(ValueError, match="n_power_iterations to be positive"):
        utils.spectral_norm(nn.Linear(2, 2), n_power_iterations=0)


def test_spectral_norm_takes_pytorchs_steps():
    peer = pytest.importorskip("torch", reason="PyTorch is the oracle")
    ours, theirs = nn.Linear(5, 3), peer.nn.Linear(5, 3)
    a, b = utils.spectral_norm(ours), peer.nn.utils.spectral_norm(theirs)
    b.load_state_dict({k: peer.tensor(v.numpy()) for k, v in a.state_dict().items()})
    x = np.random.default_rng(0).normal(size=(2, 5)).astype(np.float32)
    for _ in range(3):
        y, z = a(torch.tensor(x)), b(peer.tensor(x))
        y.sum().backward()
        z.sum().backward()
    assert np.allclose(y.detach().numpy(), z.detach().numpy(), atol=1e-6)
    assert np.allclose(a.weight_orig.grad.numpy(), b.weight_orig.grad.numpy(), atol=1e-5)


# ---------------------------------------------------------------------------------------------- parametrize


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).t()

    def right_inverse(self, x):
        return x.triu()


class Plus(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.n = n

    def forward(self, x):
        return x + self.n

    def right_inverse(self, x):
        return x - self.n


class Flat(nn.Module):
    def forward(self, x):
        return x.reshape(-1)


def test_parametrizations_chain_and_assign():
    layer = nn.Linear(3, 3)
    weight = layer.weight
    parametrize.register_parametrization(layer, "weight", Symmetric())
    parametrize.register_parametrization(layer, "weight", Plus(2.0))
    assert parametrize.is_parametrized(layer, "weight") and not parametrize.is_parametrized(layer, "bias")
    assert type(layer).__name__ == "ParametrizedLinear" and parametrize.type_before_parametrizations(layer) is nn.Linear
    assert layer.parametrizations.weight.original is weight  # which an optimizer may hold
    target = torch.ones(3, 3) * 5
    layer.weight = target
    assert np.allclose(layer.weight.detach().numpy(), 5) and np.allclose(weight.detach().numpy(), np.triu(np.full((3, 3), 3.0)))
    layer(torch.ones(1, 3)).sum().backward()
    assert weight.grad is not None
    twin = copy.deepcopy(layer)
    with torch.no_grad():
        twin.parametrizations.weight.original.zero_()
    assert np.allclose(twin.weight.detach().numpy(), 2) and np.allclose(layer.weight.detach().numpy(), 5)
    with pytest.raises(RuntimeError, match="only supported through state_dict"):
        __import__("pickle").dumps(layer)
    other = nn.Linear(3, 3)
    parametrize.transfer_parametrizations_and_params(layer, other)
    assert np.allclose(other.weight.detach().numpy(), 5)
    parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    assert layer.weight is weight and type(layer) is nn.Linear


def test_two_tensors_of_one_module():
    layer = nn.Linear(3, 3)
    parametrize.register_parametrization(layer, "weight", Symmetric())
    parametrize.register_parametrization(layer, "bias", Plus(1.0))
    parametrize.remove_parametrizations(layer, "weight")
    assert parametrize.is_parametrized(layer) and type(layer).__name__ == "ParametrizedLinear"
    parametrize.remove_parametrizations(layer, "bias")
    assert not parametrize.is_parametrized(layer) and type(layer) is nn.Linear


def test_cached_parametrizations():
    calls = []

    class Counted(Plus):
        def forward(self, x):
            calls.append(1)
            return super().forward(x)

    layer = nn.Linear(2, 2)
    parametrize.register_parametrization(layer, "weight", Counted(0.0))
    calls.clear()
    with parametrize.cached():
        with parametrize.cached():
            layer(torch.ones(1, 2))
        layer(torch.ones(1, 2))
    assert len(calls) == 1
    layer.weight, layer.weight
    assert len(calls) == 3


def test_parametrizations_that_do_not_fit():
    with pytest.raises(ValueError, match="may not change the shape"):
        parametrize.register_parametrization(nn.Linear(2, 2), "weight", Flat())
    layer = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Flat(), unsafe=True)
    assert layer.weight.shape == (4,)
    with pytest.raises(RuntimeError, match="does not implement right_inverse"):
        layer.weight = torch.zeros(2, 2)
    with pytest.raises(ValueError, match="does not have a parameter"):
        parametrize.register_parametrization(nn.Linear(2, 2), "wight", Flat())
    with pytest.raises(ValueError, match="does not have a parametrization on bias"):
        parametrize.remove_parametrizations(layer, "bias")
    double = parametrizations.weight_norm(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="sequence of tensors"):
        parametrize.remove_parametrizations(double, "weight", leave_parametrized=False)


# ---------------------------------------------------------------------------------------------- pruning


def layer_of(values):
    layer = nn.Linear(len(values[0]), len(values))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(values))
    return layer


VALUES = [[1.0, -2.0, 3.0, 0.1], [0.2, 5.0, -0.3, 4.0], [7.0, 0.4, 6.0, -0.5]]


def test_l1_and_again():
    layer = prune.l1_unstructured(layer_of(VALUES), "weight", amount=3)
    dead = [[1, 1, 1, 0], [0, 1, 0, 1], [1, 1, 1, 1]]
    assert layer.weight_mask.tolist() == dead and np.allclose(layer.weight.detach().numpy(), np.multiply(VALUES, dead))
    prune.ln_structured(layer, "weight", amount=1, n=1, dim=0)  # the rows are 6, 9 and 13.9 now
    dead[0] = [0, 0, 0, 0]
    assert layer.weight_mask.tolist() == dead
    prune.l1_unstructured(layer, "weight", amount=0.5)  # half of the six that are left
    assert layer.weight_mask.sum() == 3 and layer.weight.tolist() == [[0] * 4, [0, 5, 0, 0], [7, 0, 6, 0]]
    assert isinstance(next(iter(layer._forward_pre_hooks.values())), prune.PruningContainer)
    layer(torch.ones(1, 4)).sum().backward()
    assert layer.weight_orig.grad.tolist() == layer.weight_mask.tolist()
    assert prune.is_pruned(nn.Sequential(layer))
    prune.remove(layer, "weight")
    assert not prune.is_pruned(layer) and layer.weight.tolist() == [[0] * 4, [0, 5, 0, 0], [7, 0, 6, 0]]
    assert sorted(layer.state_dict()) == ["bias", "weight"] and layer.weight.is_leaf
    with pytest.raises(ValueError, match="has to be pruned before"):
        prune.remove(layer, "weight")


@pytest.mark.parametrize("n, gone", [(2, 0), (math.inf, 0), (-math.inf, 0), ("fro", 0)])
def test_ln_structured(n, gone):
    layer = prune.ln_structured(layer_of(VALUES), "weight", amount=1, n=n, dim=0)
    want = np.linalg.norm(np.array(VALUES), ord=2 if n == "fro" else n, axis=1) if n != "fro" else np.linalg.norm(VALUES, axis=1)
    mask = layer.weight_mask.numpy()
    assert np.array_equal(mask, np.repeat((np.arange(3) != want.argmin())[:, None], 4, 1)) and want.argmin() == gone


def test_random_custom_identity_and_global():
    assert prune.identity(layer_of(VALUES), "weight").weight_mask.tolist() == np.ones((3, 4)).tolist()
    assert prune.random_unstructured(layer_of(VALUES), "weight", 0.25).weight_mask.sum() == 9
    mask = prune.random_structured(layer_of(VALUES), "weight", 2, dim=1).weight_mask.numpy()
    assert sorted(mask.sum(0)) == [0, 0, 3, 3]
    given = torch.tensor([[1.0, 0, 1, 0]] * 3)
    assert prune.custom_from_mask(layer_of(VALUES), "weight", given).weight_mask.tolist() == given.tolist()
    a, b = layer_of(VALUES), layer_of([[0.05, 10.0]])
    prune.global_unstructured([(a, "weight"), (b, "weight")], prune.L1Unstructured, amount=3)
    assert b.weight_mask.tolist() == [[0, 1]] and a.weight_mask.sum() == 10
    scores = {(a, "weight"): torch.arange(12.0).view(3, 4), (b, "weight"): torch.ones(1, 2) * 99}
    prune.global_unstructured([(a, "weight"), (b, "weight")], prune.L1Unstructured, scores, amount=1)
    assert a.weight_mask[0].tolist() == [0, 1, 1, 0]


def test_pruning_errors_change_nothing():
    layer = layer_of(VALUES)
    for make, kind, words in [
        (lambda: prune.l1_unstructured(layer, "weight", 1.5), ValueError, "amount=1.5"),
        (lambda: prune.l1_unstructured(layer, "weight", 13), ValueError, "amount=13"),
        (lambda: prune.l1_unstructured(layer, "weight", "a"), TypeError, "Invalid type"),
        (lambda: prune.ln_structured(layer, "bias", 1, 2, 0), ValueError, "multidimensional"),
        (lambda: prune.ln_structured(layer, "weight", 1, 2, 5), IndexError, "Invalid index 5"),
        (lambda: prune.l1_unstructured(layer, "weight", 1, torch.ones(2)), AssertionError, "same shape"),
        (lambda: prune.custom_from_mask(layer, "weight", torch.ones(2)), AssertionError, "mask has shape"),
        (lambda: prune.global_unstructured([(layer, "weight")], prune.LnStructured, amount=1, n=2), TypeError, "unstructured"),
    ]:
        with pytest.raises(kind, match=words):
            make()
    assert sorted(layer.state_dict()) == ["bias", "weight"] and not prune.is_pruned(layer)


# ---------------------------------------------------------------------------------------------- fusion, calls, making


@pytest.mark.parametrize("bias, affine", [(True, True), (False, False)])
def test_fusion(bias, affine):
    def settled(bn):
        with torch.no_grad():
            bn.running_mean.uniform_(-1, 1)
            bn.running_var.uniform_(0.5, 2)
            if affine:
                bn.weight.uniform_(0.5, 2)
                bn.bias.uniform_(-1, 1)
        return bn.eval()

    conv, bn = nn.Conv2d(3, 4, 3, bias=bias).eval(), settled(nn.BatchNorm2d(4, affine=affine))
    x = torch.randn(2, 3, 6, 6)
    fused = utils.fuse_conv_bn_eval(conv, bn)
    assert np.allclose(fused(x).detach().numpy(), bn(conv(x)).detach().numpy(), atol=1e-5) and fused.weight.requires_grad
    linear, norm = nn.Linear(3, 4, bias=bias).eval(), settled(nn.BatchNorm1d(4, affine=affine))
    y = torch.randn(5, 3)
    assert np.allclose(utils.fuse_linear_bn_eval(linear, norm)(y).detach().numpy(), norm(linear(y)).detach().numpy(), atol=1e-5)
    with pytest.raises(AssertionError, match="Fusion only for eval"):
        utils.fuse_conv_bn_eval(conv.train(), bn)
    with pytest.raises(AssertionError, match="bn.num_features == 1"):
        utils.fuse_linear_bn_eval(nn.Linear(3, 5).eval(), norm)


def test_calls_with_other_parameters():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    own = model[0].weight
    w = torch.zeros(2, 2, requires_grad=True)
    given = {"0.weight": w, "1.running_mean": torch.ones(2)}
    with pytest.warns(FutureWarning, match="func.functional_call"):
        y = stateless.functional_call(model.eval(), given, torch.ones(3, 2))
    y.sum().backward()
    assert w.grad is not None and own.grad is None and model[0].weight is own
    assert np.allclose(y.detach().numpy(), (model[0].bias.detach().numpy() - 1) / np.sqrt(1 + 1e-5), atol=1e-5)
    with pytest.raises(RuntimeError, match="Unexpected key\\(s\\): 'x'.*\n?.*Missing key"):
        stateless.call_with(model, {"x": w}, torch.ones(1, 2), strict=True)
    with pytest.raises(RuntimeError):
        stateless.call_with(model, {"0.weight": torch.zeros(2, 5)}, torch.ones(1, 2))
    assert model[0].weight is own


def test_calls_with_tied_parameters():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Parameter(torch.ones(1))
            self.b = self.a

        def forward(self, x):
            return x * self.a + self.b

    two, three = torch.full((1,), 2.0), torch.full((1,), 3.0)
    assert stateless.call_with(Tied(), {"a": two}, torch.ones(1)).item() == 4
    assert stateless.call_with(Tied(), {"a": two}, torch.ones(1), tie_weights=False).item() == 3
    with pytest.raises(ValueError, match="which are tied"):
        stateless.call_with(Tied(), {"a": two, "b": three}, torch.ones(1))


def test_skip_init():
    torch.manual_seed(3)
    state = torch.get_rng_state()
    layer = utils.skip_init(nn.Linear, 4, 2, dtype=torch.float64)
    assert layer.weight.shape == (2, 4) and layer.weight.dtype == torch.float64
    assert np.array_equal(state.numpy(), torch.get_rng_state().numpy())  # no number was drawn
    nn.Linear(4, 2)
    assert not np.array_equal(state.numpy(), torch.get_rng_state().numpy())
    with pytest.raises(RuntimeError, match="Expected a Module"):
        utils.skip_init(int)
    with pytest.raises(RuntimeError, match="'device' arg"):
        utils.skip_init(nn.Flatten)
