"""nn.init: distributions, structure, errors."""

import math

import numpy as np
import pytest

import rustorch as torch
from rustorch.nn import init


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(7)


def spread(tensor):
    values = tensor.double().numpy()
    return values.mean(), values.std(), values.min(), values.max()


@pytest.mark.parametrize("fill, std, bound", [
    (lambda t: init.uniform_(t, -2, 2), 4 / math.sqrt(12), 2),
    (lambda t: init.normal_(t, 0, 0.5), 0.5, None),
    (lambda t: init.xavier_uniform_(t, gain=2), 2 * math.sqrt(2 / 600), 2 * math.sqrt(6 / 600)),
    (lambda t: init.xavier_normal_(t, gain=2), 2 * math.sqrt(2 / 600), None),
    (lambda t: init.kaiming_uniform_(t, a=1), math.sqrt(1 / 400), math.sqrt(3 / 400)),
    (lambda t: init.kaiming_uniform_(t, mode="fan_out", nonlinearity="relu"), math.sqrt(2 / 200), math.sqrt(6 / 200)),
    (lambda t: init.kaiming_normal_(t, nonlinearity="tanh"), 5 / 3 / 20, None),
    (lambda t: init.trunc_normal_(t, std=1.0), math.sqrt(1 - 4 * math.exp(-2) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(2))), 2),
])  # fmt: skip
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_distributions(fill, std, bound, dtype):
    tensor = torch.empty(200, 400, dtype=dtype, requires_grad=True)
    assert fill(tensor) is tensor and tensor.requires_grad and tensor.is_leaf
    mean, deviation, low, high = spread(tensor.detach())
    assert abs(mean) < 5 * std / math.sqrt(80000) + 1e-3 * std and abs(deviation / std - 1) < 0.02
    if bound is not None:
        assert -bound * 1.004 <= low and high <= bound * 1.004 and high > 0.95 * bound


def test_generators_decide():
    for fill in (init.uniform_, init.normal_, init.trunc_normal_, init.xavier_uniform_, init.xavier_normal_,
                 init.kaiming_uniform_, init.kaiming_normal_, init.orthogonal_, lambda t, generator: init.sparse_(t, 0.5, generator=generator)):  # fmt: skip
        a, b, c = (fill(torch.empty(6, 6), generator=torch.Generator().manual_seed(s)).numpy() for s in (1, 1, 2))
        assert np.array_equal(a, b) and not np.array_equal(a, c)


def test_trunc_normal_bounds():
    values = init.trunc_normal_(torch.empty(50000, dtype=torch.float64), mean=1, std=2, a=0, b=3).numpy()
    assert values.min() >= 0 and values.max() <= 3 and abs(np.median(values) - 1.4) < 0.1
    with pytest.warns(UserWarning, match="more than 2 std"):
        init.trunc_normal_(torch.empty(3), mean=9)


@pytest.mark.parametrize("shape", [(5, 5), (3, 8), (8, 3), (1, 4), (4, 1), (70, 70), (40, 3, 5), (129, 200), (200, 129)])
@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-13), (torch.float32, 1e-6)])
def test_orthogonal(shape, dtype, tolerance):
    w = init.orthogonal_(torch.empty(*shape, dtype=dtype), gain=3).double().numpy().reshape(shape[0], -1) / 3
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    assert np.abs(product - np.eye(len(product))).max() < tolerance


def test_orthogonal_is_uniform_and_robust():
    traces = [float(init.orthogonal_(torch.empty(4, 4)).diagonal().sum()) for _ in range(2000)]
    assert abs(np.mean(traces)) < 0.1 and abs(np.var(traces) - 1) < 0.15  # of a uniform rotation or reflection
    hilbert = torch.tensor(1.0 / (np.arange(9)[:, None] + np.arange(9) + 1))  # condition 5e11
    q = init._orthonormal(hilbert).numpy()
    assert np.abs(q.T @ q - np.eye(9)).max() < 1e-14
    r = q.T @ hilbert.numpy()
    assert np.abs(np.tril(r, -1)).max() < 1e-14 and (np.diag(r) > 0).all()
    wide = torch.tensor(np.vander(np.linspace(-1, 1, 60), 45))
    q = init._orthonormal(wide).numpy()
    assert np.abs(q.T @ q - np.eye(45)).max() < 1e-13
    with pytest.raises(ValueError, match="2 or more dimensions"):
        init.orthogonal_(torch.empty(3))


def test_eye_dirac_sparse_and_constants():
    assert init.eye_(torch.empty(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]
    weight = init.dirac_(torch.empty(4, 2, 3, 3), groups=2)
    x = torch.randn(1, 4, 5, 5)
    assert np.allclose(torch.nn.functional.conv2d(x, weight, padding=1, groups=2).numpy(), x.numpy())
    sparse = init.sparse_(torch.empty(50, 7), 0.3, std=2.0).numpy()
    assert ((sparse == 0).sum(0) == 15).all()
    assert init.constant_(torch.empty(2), 4).tolist() == [4, 4]
    assert init.ones_(torch.empty(1)).item() == 1 and init.zeros_(torch.empty(1)).item() == 0


def test_errors_and_warnings():
    flat = torch.empty(3)
    for make, words in [
        (lambda: init.xavier_uniform_(flat), "fewer than 2 dimensions"),
        (lambda: init.kaiming_normal_(torch.empty(2, 2), mode="fan"), "Mode fan not supported"),
        (lambda: init.kaiming_normal_(torch.empty(2, 2), nonlinearity="gelu"), "Unsupported nonlinearity gelu"),
        (lambda: init.eye_(flat), "2 dimensions"),
        (lambda: init.dirac_(flat), "3, 4, or 5"),
        (lambda: init.dirac_(torch.empty(3, 2, 1), groups=2), "divisible by groups"),
        (lambda: init.sparse_(flat, 0.1), "2 dimensions"),
        (lambda: init.calculate_gain("leaky_relu", True), "negative_slope True not a valid number"),
    ]:
        with pytest.raises(ValueError, match=words):
            make()
    with pytest.warns(UserWarning, match="zero-element"):
        init.kaiming_uniform_(torch.empty(0, 2))


@pytest.mark.parametrize("name", ["uniform", "normal", "eye", "xavier_uniform", "xavier_normal", "kaiming_uniform",
                                  "kaiming_normal", "orthogonal"])  # fmt: skip
def test_old_names(name):
    with pytest.warns(FutureWarning, match=f"`nn.init.{name}` is now deprecated in favor of `nn.init.{name}_`"):
        tensor = getattr(init, name)(torch.full((3, 3), 9.0))
    assert (tensor != 9.0).all()


def test_gains_are_pytorchs():
    peer = pytest.importorskip("torch", reason="PyTorch is the oracle")
    for name in ("linear", "conv1d", "conv_transpose3d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        assert init.calculate_gain(name) == peer.nn.init.calculate_gain(name)
    assert init.calculate_gain("leaky_relu", 0.3) == peer.nn.init.calculate_gain("leaky_relu", 0.3)
