"""Recurrent layers, cells and packed sequences against NumPy, and against PyTorch where it is installed."""

import copy
import pickle

import numpy as np
import pytest

import rustorch as torch
from rustorch import nn
from rustorch.autograd import gradcheck, gradgradcheck
from rustorch.nn.utils import rnn as utils

rng = np.random.default_rng(7)


def draw(*shape):
    return rng.standard_normal(shape)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def step(mode, p, suffix, x, h, c):
    """One step of one sequence: the new h and c."""
    a, b = x @ p[f"weight_ih_{suffix}"].T, h @ p[f"weight_hh_{suffix}"].T
    if f"bias_ih_{suffix}" in p:
        a, b = a + p[f"bias_ih_{suffix}"], b + p[f"bias_hh_{suffix}"]
    if mode == "LSTM":
        i, f, g, o = np.split(a + b, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        return (h @ p[f"weight_hr_{suffix}"].T if f"weight_hr_{suffix}" in p else h), c
    if mode == "GRU":
        (ar, az, an), (br, bz, bn) = np.split(a, 3), np.split(b, 3)
        z, n = sigmoid(az + bz), np.tanh(an + sigmoid(ar + br) * bn)
        return (1 - z) * n + z * h, c
    return (np.tanh(a + b) if mode == "RNN_TANH" else np.maximum(a + b, 0)), c


def recur(m, sequences, h0, c0):
    """All layers over sequences of any lengths: outputs, hn, cn; h0 and c0 are (layers · directions, B, width)."""
    p = {name: value.detach().numpy() for name, value in m.named_parameters()}
    hn, cn = h0.copy(), c0.copy()
    for layer in range(m.num_layers):
        results = []
        for direction in range(2 if m.bidirectional else 1):
            k = layer * (2 if m.bidirectional else 1) + direction
            suffix = f"l{layer}" + ("_reverse" if direction else "")
            outputs = []
            for b, sequence in enumerate(sequences):
                h, c = h0[k, b], c0[k, b]
                states = []
                for x in sequence[::-1] if direction else sequence:
                    h, c = step(m.mode, p, suffix, x, h, c)
                    states.append(h)
                hn[k, b], cn[k, b] = h, c
                outputs.append(np.stack(states[::-1] if direction else states))
            results.append(outputs)
        sequences = [np.concatenate(parts, -1) for parts in zip(*results)]
    return sequences, hn, cn


def check(got, want, tolerance=1e-12):
    assert tuple(got.shape) == want.shape
    np.testing.assert_allclose(got.detach().numpy(), want, rtol=tolerance, atol=tolerance)


MODES = [("RNN", {}), ("RNN", {"nonlinearity": "relu"}), ("LSTM", {}), ("LSTM", {"proj_size": 2}), ("GRU", {})]
OPTIONS = [{}, {"num_layers": 2, "bidirectional": True}, {"bias": False, "num_layers": 3}, {"batch_first": True, "bidirectional": True}]


def make(name, kwargs, options):
    torch.manual_seed(0)
    return getattr(nn, name)(4, 5, dtype=torch.float64, **kwargs, **options)


def states_of(m, batch):
    n = m.num_layers * (2 if m.bidirectional else 1)
    return draw(n, batch, m.proj_size or 5), draw(n, batch, 5)


@pytest.mark.parametrize("name, kwargs", MODES)
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("given", [False, True])
def test_layers(name, kwargs, options, given):
    m = make(name, kwargs, options)
    x = draw(6, 3, 4)
    h0, c0 = states_of(m, 3)
    if not given:
        h0, c0 = h0 * 0, c0 * 0
    want, hn, cn = recur(m, list(x.swapaxes(0, 1)), h0, c0)
    want = np.stack(want, 0 if m.batch_first else 1)
    hx = (torch.tensor(h0), torch.tensor(c0)) if name == "LSTM" else torch.tensor(h0)
    output, hidden = m(torch.tensor(x.swapaxes(0, 1).copy() if m.batch_first else x), hx if given else None)
    check(output, want)
    check(hidden[0] if name == "LSTM" else hidden, hn)
    if name == "LSTM":
        check(hidden[1], cn)


@pytest.mark.parametrize("name, kwargs", MODES)
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("sort", [False, True])
def test_packed(name, kwargs, options, sort):
    m = make(name, kwargs, options)
    lengths = [5, 4, 4, 1] if sort else [2, 5, 1, 5]
    sequences = [draw(n, 4) for n in lengths]
    h0, c0 = states_of(m, 4)
    want, hn, cn = recur(m, sequences, h0, c0)
    packed = utils.pack_sequence([torch.tensor(s) for s in sequences], enforce_sorted=sort)
    hx = (torch.tensor(h0), torch.tensor(c0)) if name == "LSTM" else torch.tensor(h0)
    output, hidden = m(packed, hx)
    assert isinstance(output, utils.PackedSequence)
    for got, expected in zip(utils.unpack_sequence(output), want):
        check(got, expected)
    check(hidden[0] if name == "LSTM" else hidden, hn)
    if name == "LSTM":
        check(hidden[1], cn)
    zero, _, _ = recur(m, sequences, h0 * 0, c0 * 0)
    for got, expected in zip(utils.unpack_sequence(m(packed)[0]), zero):
        check(got, expected)


@pytest.mark.parametrize("name, kwargs", MODES)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_gradients(name, kwargs, bidirectional):
    torch.manual_seed(3)
    m = getattr(nn, name)(2, 3, bidirectional=bidirectional, dtype=torch.float64, **kwargs)
    names = [n for n, _ in m.named_parameters()]
    batch_sizes = torch.tensor([3, 2, 2])

    def run(x, h, c, *weights):
        for n, w in zip(names, weights):
            delattr(m, n)
            setattr(m, n, w)
        packed = utils.PackedSequence(x, batch_sizes)
        output, hidden = m(packed, (h, c) if name == "LSTM" else h)
        return (output.data,) + (hidden if name == "LSTM" else (hidden + c.sum(),))

    def leaf(*shape):
        return torch.tensor(rng.uniform(0.1, 1, shape)).requires_grad_()  # positive: away from the kink of relu

    n = 2 if bidirectional else 1
    inputs = [leaf(7, 2), leaf(n, 3, m.proj_size or 3), leaf(n, 3, 3)]
    inputs += [leaf(*p.shape) for p in m.parameters()]
    assert gradcheck(run, inputs)
    if not bidirectional:
        assert gradgradcheck(run, inputs)


def test_an_unwanted_gradient_is_left_out():
    m = nn.LSTM(3, 4, 2)
    m.weight_hh_l0.requires_grad_(False)
    x = torch.randn(5, 2, 3)
    m(x)[0].sum().backward()
    assert x.grad is None and m.weight_hh_l0.grad is None and m.weight_ih_l0.grad is not None


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-5), (torch.float16, 5e-3), (torch.bfloat16, 4e-2)])
def test_dtypes(name, dtype, tolerance):
    torch.manual_seed(1)
    m = getattr(nn, name)(20, 33)
    x = torch.randn(9, 7, 20)
    low = copy.deepcopy(m).to(dtype)
    high = copy.deepcopy(low).double()
    want, got = high(x.to(dtype).double())[0], low(x.to(dtype))[0]
    assert got.dtype == dtype
    np.testing.assert_allclose(got.detach().double().numpy(), want.detach().numpy(), rtol=tolerance, atol=tolerance)
    want.sum().backward()
    got.sum().backward()
    for a, b in zip(high.parameters(), low.parameters()):
        assert b.grad.dtype == dtype
        scale = float(a.grad.abs().max())
        np.testing.assert_allclose(b.grad.double().numpy(), a.grad.numpy(), rtol=tolerance * 4, atol=tolerance * 4 * scale)


def test_dropout_is_between_layers_only_and_only_in_training():
    torch.manual_seed(0)
    m = nn.GRU(3, 4, 2, dropout=1.0)
    x = torch.randn(5, 2, 3)
    dropped = m(x)[0]
    assert (m(torch.zeros(5, 2, 3))[0] == dropped).all()  # all that the first layer says is gone
    m.eval()
    assert (m(x)[0] != dropped).any()
    with pytest.warns(UserWarning, match="dropout option adds dropout after all but last"):
        nn.GRU(3, 4, dropout=0.5)


def test_unbatched():
    m = nn.LSTM(3, 4, 2, bidirectional=True, dtype=torch.float64)
    x, h, c = torch.tensor(draw(5, 3)), torch.tensor(draw(4, 4)), torch.tensor(draw(4, 4))
    output, (hn, cn) = m(x, (h, c))
    batched, (bh, bc) = m(x.unsqueeze(1), (h.unsqueeze(1), c.unsqueeze(1)))
    check(output, batched.squeeze(1).detach().numpy())
    check(hn, bh.squeeze(1).detach().numpy())
    check(cn, bc.squeeze(1).detach().numpy())
    first = nn.GRU(3, 4, batch_first=True, dtype=torch.float64)
    check(first(x)[0], first(x.unsqueeze(0))[0].squeeze(0).detach().numpy())


def test_threads_do_not_change_the_result():
    m, x = nn.LSTM(16, 64), torch.randn(20, 48, 16)
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            m.zero_grad()
            m(x)[0].sum().backward()
            results.append(m.weight_hh_l0.grad.numpy().copy())
    finally:
        torch.set_num_threads(before)
    assert (results[0] == results[1]).all()


@pytest.mark.parametrize("name, mode", [("RNNCell", "RNN_TANH"), ("LSTMCell", "LSTM"), ("GRUCell", "GRU")])
def test_cells(name, mode):
    cell = getattr(nn, name)(3, 4, dtype=torch.float64)
    x, h, c = draw(5, 3), draw(5, 4), draw(5, 4)
    p = {f"{n}_": value.detach().numpy() for n, value in cell.named_parameters()}
    states = [step(mode, p, "", *row) for row in zip(x, h, c)]
    wanted = [np.stack([s[0] for s in states]), np.stack([s[1] for s in states])]
    hx = (torch.tensor(h), torch.tensor(c)) if mode == "LSTM" else torch.tensor(h)
    got = cell(torch.tensor(x), hx)
    for a, b in zip(got if mode == "LSTM" else (got,), wanted):
        check(a, b)
    one = cell(torch.tensor(x[0]), tuple(s[0] for s in hx) if mode == "LSTM" else hx[0])
    check(one[0] if mode == "LSTM" else one, wanted[0][0])
    zero = cell(torch.tensor(x))
    check(zero[0] if mode == "LSTM" else zero, np.stack([step(mode, p, "", row, h[0] * 0, c[0] * 0)[0] for row in x]))
    with pytest.raises(ValueError, match=f"{name}: Expected input to be 1D or 2D, got 3D instead"):
        cell(torch.zeros(1, 2, 3, dtype=torch.float64))
    assert len(list(getattr(nn, name)(3, 4, bias=False).parameters())) == 2


def test_modules_are_modules():
    m = nn.LSTM(3, 4, 2, bidirectional=True, proj_size=2)
    names = [n for n, _ in m.named_parameters()]
    assert names[:5] == ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "weight_hr_l0"]
    assert names[5] == "weight_ih_l0_reverse" and m.weight_ih_l1.shape == (16, 4)
    assert len(m.all_weights) == 4 and m.flatten_parameters() is None
    assert all(float(p.detach().abs().max()) <= 0.5 for p in m.parameters())
    assert repr(m) == "LSTM(3, 4, proj_size=2, num_layers=2, bidirectional=True)"
    assert repr(nn.GRUCell(3, 4, bias=False)) == "GRUCell(3, 4, bias=False)"
    x = torch.randn(5, 2, 3)
    for other in (copy.deepcopy(m), pickle.loads(pickle.dumps(m))):
        assert (other(x)[0] == m(x)[0]).all()


def test_errors():
    for kwargs, kind, words in [
        ({"hidden_size": 0}, ValueError, "hidden_size must be greater than zero"),
        ({"input_size": 2.5}, TypeError, "input_size should be of type int, got: float"),
        ({"num_layers": 0}, ValueError, "num_layers must be greater than zero"),
        ({"dropout": 1.5}, ValueError, "dropout should be a number in range"),
        ({"batch_first": 1}, TypeError, "batch_first should be of type bool, got: int"),
        ({"proj_size": 4}, ValueError, "proj_size has to be smaller than hidden_size"),
    ]:
        with pytest.raises(kind, match=words):
            nn.LSTM(**{"input_size": 3, "hidden_size": 4, **kwargs})
    with pytest.raises(ValueError, match="proj_size argument is only supported for LSTM"):
        nn.GRU(3, 4, proj_size=2)
    with pytest.raises(ValueError, match="Unknown nonlinearity 'gelu'"):
        nn.RNN(3, 4, nonlinearity="gelu")
    m = nn.LSTM(3, 4)
    with pytest.raises(ValueError, match="LSTM: Expected input to be 2D or 3D, got 4D"):
        m(torch.zeros(1, 2, 3, 4))
    with pytest.raises(RuntimeError, match=r"input.size\(-1\) must be equal to input_size. Expected 3, got 5"):
        m(torch.zeros(2, 2, 5))
    with pytest.raises(ValueError, match="does not match weight dtype"):
        m(torch.zeros(2, 2, 3, dtype=torch.float64))
    with pytest.raises(RuntimeError, match="Expected sequence length to be larger than 0"):
        m(torch.zeros(0, 2, 3))
    assert m(torch.zeros(2, 0, 3))[0].shape == (2, 0, 4)
    state = torch.zeros(1, 2, 4)
    with pytest.raises(RuntimeError, match=r"Expected hidden\[1\] size \(1, 2, 4\), got \[1, 3, 4\]"):
        m(torch.zeros(5, 2, 3), (state, torch.zeros(1, 3, 4)))
    with pytest.raises(RuntimeError, match="For batched 3-D input, hx and cx should also be 3-D"):
        m(torch.zeros(5, 2, 3), (state[0], state[0]))
    with pytest.raises(RuntimeError, match=r"Expected hidden size \(1, 2, 4\), got \[2, 2, 4\]"):
        nn.GRU(3, 4)(torch.zeros(5, 2, 3), torch.zeros(2, 2, 4))


# ---------------------------------------------------------------------------------------------- sequences


def test_packing():
    x = torch.arange(12).reshape(4, 3)  # (T, B)
    packed = utils.pack_padded_sequence(x, [4, 2, 1])
    assert packed.data.tolist() == [0, 1, 2, 3, 4, 6, 9] and packed.batch_sizes.tolist() == [3, 2, 1, 1]
    assert packed.sorted_indices is None and packed.unsorted_indices is None
    padded, lengths = utils.pad_packed_sequence(packed, padding_value=-1)
    assert padded.tolist() == [[0, 1, 2], [3, 4, -1], [6, -1, -1], [9, -1, -1]] and lengths.tolist() == [4, 2, 1]
    padded, _ = utils.pad_packed_sequence(packed, batch_first=True, total_length=5)
    assert padded.shape == (3, 5) and padded[0].tolist() == [0, 3, 6, 9, 0]
    with pytest.raises(ValueError, match="Expected total_length to be at least the length"):
        utils.pad_packed_sequence(packed, total_length=3)
    packed = utils.pack_padded_sequence(x.t(), torch.tensor([1, 4, 2]), batch_first=True, enforce_sorted=False)
    assert packed.sorted_indices.tolist() == [1, 2, 0] and packed.unsorted_indices.tolist() == [2, 0, 1]
    assert [s.tolist() for s in utils.unpack_sequence(packed)] == [[0], [1, 4, 7, 10], [2, 5]]
    assert packed.to(torch.float64).data.dtype == torch.float64 and packed.double().sorted_indices.dtype == torch.int64
    assert packed.to(torch.int64) is packed and not packed.is_cuda
    assert (utils.PackedSequence((packed.data, packed.batch_sizes)).data == packed.data).all()


def test_packing_errors():
    x = torch.zeros(4, 3)
    for lengths, words in [
        ([1, 4, 2], "must be sorted in decreasing order"),
        ([4, 2], r"Expected `len\(lengths\)` to be equal to batch_size, but got 2"),
        ([4, 2, 0], "has to be greater than 0"),
        ([5, 2, 1], "Expected `lengths` of at most 4"),
    ]:
        with pytest.raises(RuntimeError, match=words):
            utils.pack_padded_sequence(x, lengths)
    with pytest.raises(RuntimeError, match="Cannot pack empty tensors"):
        utils.pack_padded_sequence(torch.zeros(0, 3), [0, 0, 0])


def test_padding():
    parts = [torch.ones(2, 3), torch.ones(4, 3), torch.ones(1, 3)]
    assert utils.pad_sequence(parts).shape == (4, 3, 3)
    left = utils.pad_sequence(parts, batch_first=True, padding_value=2.0, padding_side="left")
    assert left[:, :, 0].tolist() == [[2, 2, 1, 1], [1, 1, 1, 1], [2, 2, 2, 1]]
    back = utils.unpad_sequence(utils.pad_sequence(parts), torch.tensor([2, 4, 1]))
    assert [tuple(p.shape) for p in back] == [(2, 3), (4, 3), (1, 3)]
    with pytest.raises(RuntimeError, match="Expected padding_side to be one of left or right"):
        utils.pad_sequence(parts, padding_side="middle")
    with pytest.raises(RuntimeError, match="Expected iterable for input sequences"):
        utils.pad_sequence(3)


def test_gradients_go_through_packing():
    parts = [torch.tensor(draw(n, 2)).requires_grad_() for n in (2, 3, 1)]

    def run(*parts):
        packed = utils.pack_sequence(parts, enforce_sorted=False)
        return utils.pad_packed_sequence(packed)[0] * 2

    assert gradcheck(run, parts)


# ---------------------------------------------------------------------------------------------- PyTorch


@pytest.mark.parametrize("name, kwargs", [
    ("RNN", {"num_layers": 2}), ("LSTM", {"num_layers": 2, "bidirectional": True, "proj_size": 3}), ("GRU", {"batch_first": True}),
])  # fmt: skip
def test_like_pytorch(name, kwargs):
    pytorch = pytest.importorskip("torch")
    theirs, ours = getattr(pytorch.nn, name)(4, 5, **kwargs), getattr(nn, name)(4, 5, **kwargs)
    state = theirs.state_dict()
    assert list(state) == list(ours.state_dict())
    ours.load_state_dict({n: torch.tensor(value.numpy()) for n, value in state.items()})
    x = draw(6, 3, 4).astype("float32")
    results = []
    for library, m in ((pytorch, theirs), (torch, ours)):
        leaf = library.tensor(x).requires_grad_()
        output, hidden = m(leaf)
        h = hidden[0] if name == "LSTM" else hidden
        ((output * output).sum() + h.sum()).backward()
        results.append([output.detach().numpy(), h.detach().numpy(), leaf.grad.numpy()] + [p.grad.numpy() for p in m.parameters()])
    for want, got in zip(*results):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
