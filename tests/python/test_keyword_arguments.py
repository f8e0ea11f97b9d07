"""Keyword arguments as PyTorch has them: each is taken, and each changes what it says. The truth is NumPy's."""

import inspect
import warnings

import numpy as np
import pytest

import rustorch as torch
from rustorch import nn, optim
from rustorch.data import BatchSampler, DataLoader, RandomSampler, TensorDataset
from rustorch.nn import functional as F

RANDOM = np.random.RandomState(0)
X = RANDOM.standard_normal((6, 4, 5))
WEIGHT, W1, T1 = RANDOM.uniform(0.5, 1.5, 4), RANDOM.uniform(0.1, 2.0, 7), RANDOM.standard_normal(7) * 2
X1 = RANDOM.standard_normal(7)


def tensor(array):
    return torch.tensor(array, dtype=torch.float64)


# ---------------------------------------------------------------------------------------------- normalisation without a bias


def normalised(x, dims, shape=None):
    seen = x.reshape(shape or x.shape)
    seen = (seen - seen.mean(dims, keepdims=True)) / np.sqrt(seen.var(dims, keepdims=True) + 1e-5)
    return seen.reshape(x.shape)


NORMS = [
    (lambda **bias: nn.BatchNorm1d(4, **bias), normalised(X, (0, 2))),
    (lambda **bias: nn.LazyBatchNorm1d(**bias), normalised(X, (0, 2))),
    (lambda **bias: nn.SyncBatchNorm(4, **bias), normalised(X, (0, 2))),
    (lambda **bias: nn.InstanceNorm1d(4, affine=True, **bias), normalised(X, (2,))),
    (lambda **bias: nn.LazyInstanceNorm1d(affine=True, **bias), normalised(X, (2,))),
    (lambda **bias: nn.GroupNorm(2, 4, **bias), normalised(X, (2, 3), (6, 2, 2, 5))),
]


@pytest.mark.parametrize("make, want", NORMS, ids=[type(make()).__name__ for make, _ in NORMS])
def test_a_normalisation_without_a_bias(make, want):
    layer = make(bias=False).double()
    layer(tensor(X))  # a lazy one learns its size
    assert layer.bias is None and "bias" not in layer.state_dict() and "bias=False" in repr(layer)
    with torch.no_grad():
        layer.weight.copy_(tensor(WEIGHT))
    np.testing.assert_allclose(layer(tensor(X)).detach().numpy(), want * WEIGHT[None, :, None], atol=1e-10)
    layer.reset_parameters()
    assert layer.weight.tolist() == [1.0] * 4
    full = make().double()
    full(tensor(X))
    assert full.bias.tolist() == [0.0] * 4 and "bias=True" in repr(full)
    with pytest.raises(TypeError):
        nn.BatchNorm1d(4, 1e-5, 0.1, True, True, None, None, False)  # by its name only


def test_a_converted_normalisation_keeps_having_no_bias():
    layer = nn.SyncBatchNorm.convert_sync_batchnorm(nn.BatchNorm1d(4, bias=False))
    assert isinstance(layer, nn.SyncBatchNorm) and layer.bias is None and layer.weight is not None


# ---------------------------------------------------------------------------------------------- weights of losses


def huber(d, delta):
    return np.where(abs(d) < delta, 0.5 * d * d, delta * (abs(d) - 0.5 * delta))


WEIGHTED = {  # the loss of each element, and what the mean is taken over
    "mse_loss": (lambda d: d * d, W1.sum(), {}),
    "l1_loss": (abs, W1.sum(), {}),
    "huber_loss": (lambda d: huber(d, 0.5), 7, {"delta": 0.5}),
}


@pytest.mark.parametrize("name", WEIGHTED)
def test_losses_with_weights(name):
    each, over, options = WEIGHTED[name]
    loss, want = getattr(F, name), each(X1 - T1) * W1
    call = lambda reduction: loss(tensor(X1), tensor(T1), reduction=reduction, weight=tensor(W1), **options)  # noqa: E731
    np.testing.assert_allclose(call("none").numpy(), want)
    np.testing.assert_allclose(call("sum").numpy(), want.sum())
    np.testing.assert_allclose(call("mean").numpy(), want.sum() / over)
    with pytest.raises(ValueError, match="Weights and input must have the same size"):
        loss(tensor(X1), tensor(T1), weight=tensor(W1[:2]))
    with pytest.raises(ValueError, match="not a valid value for reduction"):
        call("middle")


# ---------------------------------------------------------------------------------------------- tables with sparse=True

TABLE = RANDOM.standard_normal((5, 3))
LOOKUPS = [[0, 1, 1], [2, 1], [2, 2]]


def table_gradient(table, rows):
    """Of Σ of squares of the rows that are looked up."""
    gradient = np.zeros_like(table)
    np.add.at(gradient, rows, 2 * table[rows])
    return gradient


def sgd(table, gradient, state):
    table -= 0.1 * gradient


def adagrad(table, gradient, state):
    total = state.setdefault("sum", np.zeros_like(table))
    total += gradient * gradient
    table -= 0.1 * gradient / (np.sqrt(total) + 1e-10)


def sparse_adam(table, gradient, state, sign=1):
    mean, square = state.setdefault("moments", (np.zeros_like(table), np.zeros_like(table)))
    state["step"] = step = state.get("step", 0) + 1
    rows, gradient = np.flatnonzero(gradient.any(1)), sign * gradient
    mean[rows] = 0.9 * mean[rows] + 0.1 * gradient[rows]
    square[rows] = 0.99 * square[rows] + 0.01 * gradient[rows] ** 2
    size = 0.1 * np.sqrt(1 - 0.99**step) / (1 - 0.9**step)
    table[rows] -= size * mean[rows] / (np.sqrt(square[rows]) + 1e-8)


RULES = {
    "SGD": (lambda p: optim.SGD(p, lr=0.1), sgd),
    "Adagrad": (lambda p: optim.Adagrad(p, lr=0.1), adagrad),
    "SparseAdam": (lambda p: optim.SparseAdam(p, lr=0.1, betas=(0.9, 0.99)), sparse_adam),
    "SparseAdam, maximize": (
        lambda p: optim.SparseAdam(p, lr=0.1, betas=(0.9, 0.99), maximize=True),
        lambda *given: sparse_adam(*given, sign=-1),
    ),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("layer", [nn.Embedding, nn.EmbeddingBag])
def test_a_table_is_trained_by_the_rows_that_are_used(layer, rule):
    make, step = RULES[rule]
    options = {"mode": "sum"} if layer is nn.EmbeddingBag else {}
    module = layer(5, 3, sparse=True, _weight=tensor(TABLE), **options)
    optimizer, table, state = make(module.parameters()), TABLE.copy(), {}
    for rows in LOOKUPS:
        optimizer.zero_grad()
        index = torch.tensor(rows)
        found = module(index) if layer is nn.Embedding else module(index, torch.arange(len(rows)))  # bags of one
        (found * found).sum().backward()
        gradient = table_gradient(table, rows)
        np.testing.assert_allclose(module.weight.grad.numpy(), gradient, atol=1e-12)
        optimizer.step()
        step(table, gradient, state)
    np.testing.assert_allclose(module.weight.detach().numpy(), table, atol=1e-12)
    assert (module.weight.detach().numpy()[3:] == TABLE[3:]).all()  # never used, never touched


def test_sparse_adam_as_an_optimizer():
    p = nn.Parameter(torch.ones(3))  # of one dimension: its rows are elements
    scalar = nn.Parameter(torch.tensor(1.0))
    optimizer = optim.SparseAdam([p, scalar], lr=0.5)
    (p[1] * 3 + scalar).backward()
    optimizer.step()
    assert [round(v, 5) for v in p.tolist()] == [1.0, 0.5, 1.0] and round(scalar.item(), 5) == 0.5
    state = optimizer.state_dict()
    assert state["state"][0]["step"] == 1 and list(state["param_groups"][0]) == ["lr", "betas", "eps", "maximize", "params"]
    again = optim.SparseAdam([nn.Parameter(p.detach().clone()), nn.Parameter(scalar.detach().clone())], lr=0.1)
    again.load_state_dict(state)
    for each in (optimizer, again):
        for q in each.param_groups[0]["params"]:
            q.grad = torch.ones_like(q)
        each.step()
    assert [q.tolist() for q in again.param_groups[0]["params"]] == [p.tolist(), scalar.tolist()]
    before = p.tolist()
    optimizer.zero_grad(set_to_none=False)
    optimizer.step()  # no row has a gradient
    assert p.tolist() == before
    for wrong in ({"lr": 0.0}, {"eps": 0.0}, {"betas": (1.0, 0.9)}, {"lr": torch.ones(2)}):
        with pytest.raises(ValueError):
            optim.SparseAdam([p], **wrong)


# ---------------------------------------------------------------------------------------------- batch samplers that are given


def numbers(loader):
    return [batch[0].tolist() for batch in loader]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_batch_sampler_of_ones_own_making(workers):
    """Also where the data set is batched in C."""
    data = TensorDataset(torch.arange(7))
    loader = lambda sampler, size, drop: DataLoader(  # noqa: E731
        data, batch_sampler=BatchSampler(sampler, size, drop), num_workers=workers
    )
    assert numbers(loader([6, 2, 4], 2, False)) == [[6, 2], [4]]
    assert numbers(loader([6, 2, 4], 2, True)) == [[6, 2]]
    shuffled = [numbers(loader(RandomSampler(data, generator=torch.Generator().manual_seed(3)), 3, False)) for _ in range(2)]
    assert shuffled[0] == shuffled[1] and sorted(sum(shuffled[0], [])) == list(range(7)) != sum(shuffled[0], [])


def test_resuming_inside_a_batch_sampler():
    data = TensorDataset(torch.arange(9))

    def make():
        return DataLoader(data, batch_sampler=BatchSampler(RandomSampler(data, generator=torch.Generator().manual_seed(5)), 2, False))

    whole = numbers(make())
    first, second = make(), make()
    batches = iter(first)
    assert [next(batches)[0].tolist() for _ in range(2)] == whole[:2]
    second.load_state_dict(first.state_dict())
    assert numbers(second) == whole[2:]


def test_a_sampler_with_a_generator_of_another_kind():
    class Shuffled:
        def __init__(self):
            self.generator = np.random.RandomState(0)

        def __iter__(self):
            return iter(self.generator.permutation(5).tolist())

        def __len__(self):
            return 5

    loader = DataLoader(TensorDataset(torch.arange(5)), sampler=Shuffled(), batch_size=5)
    assert sorted(numbers(loader)[0]) == list(range(5))


# ---------------------------------------------------------------------------------------------- others


def test_modules_that_are_shared():
    shared = nn.ReLU()
    model = nn.Sequential(shared, shared)
    assert len(list(model.modules())) == 2 and len(list(model.modules(remove_duplicate=False))) == 3


def test_old_names_of_hardtanh():
    with pytest.warns(FutureWarning, match="`min_value` is deprecated"), pytest.warns(FutureWarning, match="`max_value`"):
        layer = nn.Hardtanh(min_value=-0.5, max_value=0.25)
    assert layer(torch.tensor([-1.0, 0.1, 1.0])).tolist() == pytest.approx([-0.5, 0.1, 0.25])
    assert repr(layer) == "Hardtanh(min_val=-0.5, max_val=0.25)"
    with pytest.raises(ValueError, match="max_val must be larger"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nn.Hardtanh(min_value=2.0)


def test_an_uninitialized_buffer_that_is_not_saved():
    module = nn.Module()
    module.a, module.b = nn.UninitializedBuffer(persistent=False), nn.UninitializedBuffer()
    for buffer in (module.a, module.b):
        buffer.materialize((2,))
    assert [name for name, _ in module.named_buffers()] == ["a", "b"]
    assert list(module.state_dict()) == ["b"] and module.a.shape == (2,)


def test_a_dictionary_of_parameters():
    a, b, c = (nn.Parameter(torch.ones(n)) for n in (1, 2, 3))
    both = nn.ParameterDict({"a": a, "b": b})
    assert both.get("a") is a and both.get("x", 7) == 7 and list(reversed(both)) == ["b", "a"]
    more = both | nn.ParameterDict({"c": c})
    assert list(more) == ["a", "b", "c"] and len(both) == 2 and more["a"] is a
    assert both.setdefault("a", c) is a and both.setdefault("c", c) is c and list(both.copy()) == ["a", "b", "c"]
    assert both.pop("a") is a and both.popitem() == ("c", c) and [name for name, _ in both.named_parameters()] == ["b"]
    both |= {"a": a}
    assert repr(both).count("Parameter containing: [rustorch.float32 of size 2]") == 1 and both["a"] is a
    assert list(both.fromkeys(["u", "v"], torch.zeros(1))) == ["u", "v"]
    both.clear()
    assert len(both) == 0 and list(both.parameters()) == []
    assert repr(nn.ParameterList([b])) == "ParameterList(  (0): Parameter containing: [rustorch.float32 of size 2])"


def test_modules_put_at_a_path():
    model = nn.Sequential(nn.Sequential(nn.ReLU()), nn.Linear(2, 2))
    model.set_submodule("0.0", nn.Tanh(), strict=True)
    model.set_submodule("0.more", nn.GELU())
    assert isinstance(model[0][0], nn.Tanh) and isinstance(model.get_submodule("0.more"), nn.GELU)
    for target, module, strict, error, words in (
        ("0.x", nn.Tanh(), True, AttributeError, "no attribute `x`"), ("1.weight", nn.Tanh(), False, AttributeError, "not an nn.Module"),
        ("", nn.Tanh(), False, ValueError, "without a target name"), ("0.0", torch.tanh, False, ValueError, "is not an nn.Module"),
    ):  # fmt: skip
        with pytest.raises(error, match=words):
            model.set_submodule(target, module, strict)


def test_modules_without_their_values():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    before = model[0].weight
    assert model.to_empty(device="cpu") is model and model[0].weight is before and model[1].running_mean.shape == (3,)
    with pytest.raises(TypeError):
        model.to_empty()
    assert model.compile(backend="eager") is None
    with pytest.raises(ValueError, match="mode must be one of"):
        model.compile(mode="fastest")


REPR = [
    (nn.AvgPool1d(3), "AvgPool1d(kernel_size=(3,), stride=(3,), padding=(0,))"),
    (nn.MaxUnpool2d(2), "MaxUnpool2d(kernel_size=(2, 2), stride=(2, 2), padding=(0, 0))"),
    (nn.Embedding(3, 2, sparse=True), "Embedding(3, 2, sparse=True)"),
    (nn.LeakyReLU(0.1, True), "LeakyReLU(negative_slope=0.1, inplace=True)"),
    (nn.RReLU(0.1, 0.2), "RReLU(lower=0.1, upper=0.2)"),
    (nn.ReLU(True), "ReLU(inplace=True)"),
    (nn.LayerNorm(3), "LayerNorm((3,), eps=1e-05, elementwise_affine=True, bias=True)"),
]


@pytest.mark.parametrize("layer, text", REPR, ids=[type(layer).__name__ for layer, _ in REPR])
def test_how_layers_print(layer, text):
    assert repr(layer) == text


# What PyTorch 2.15 calls them, where the method is not the usual `input`.
NAMES = {
    nn.RMSNorm.forward: ["self", "x"],
    nn.AdaptiveLogSoftmaxWithLoss.forward: ["self", "input_", "target_"],
    nn.Module.modules: ["self", "remove_duplicate"],
    nn.ModuleList.pop: ["self", "key"],
    nn.Hardtanh.__init__: ["self", "min_val", "max_val", "inplace", "min_value", "max_value"],
    nn.CELU.__init__: ["self", "alpha", "inplace"],
    nn.AvgPool1d.__init__: ["self", "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"],
    nn.AdaptiveAvgPool2d.__init__: ["self", "output_size"],
    nn.AdaptiveMaxPool2d.__init__: ["self", "output_size", "return_indices"],
    nn.MarginRankingLoss.__init__: ["self", "margin", "size_average", "reduce", "reduction"],
    optim.SparseAdam.__init__: ["self", "params", "lr", "betas", "eps", "maximize"],
    F.l1_loss: ["input", "target", "size_average", "reduce", "reduction", "weight"],
    F.huber_loss: ["input", "target", "reduction", "delta", "weight"],
}


@pytest.mark.parametrize("function", NAMES, ids=lambda function: function.__qualname__)
def test_names_of_arguments(function):
    assert list(inspect.signature(function).parameters) == NAMES[function]
