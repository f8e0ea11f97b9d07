"""Every op with every argument wrong in every way: an error of ours, never a crash, and never a success where PyTorch refuses."""

import os
import re

import pytest
from calls import MUTANTS, our_calls, parse, read_refused, right_calls, run, values

import rustorch as rt

OPS = {name: op for name, op in vars(rt._C._ops).items() if type(op).__name__ == "op_function"}
METHODS = {name: op for name, op in vars(rt.Tensor).items() if type(op).__name__ == "op_method"}
CALLS = right_calls() + our_calls()
REFUSED = read_refused(os.path.join(os.path.dirname(os.path.abspath(__file__)), "refused.txt"))

WRONG_KIND = {"text", "dict", "object", "words"}  # an error in every op of ours that PyTorch does not have
NUMBERS = {"int", "minus", "one", "zero", "float", "nan", "negative", "above"}
DTYPES = {"doubles", "halves", "integers", "bytes", "bools", "far index", "minus index"}
# Where PyTorch refuses and rustorch does not, on purpose: a pattern of "call @ argument", the mutants, why.
WIDER = [
    (r"(rsub|fmod|eq|ne|not_equal|lt|less|le|less_equal|gt|greater|ge|greater_equal)\(x, y\) @ 0", NUMBERS,
     "a number may stand on the left of every binary op, as it may of its operator"),
    (r"(pow|float_power|xlogy|special_xlog1py|special_zeta)\(.* @ ", NUMBERS, "both may be numbers"),
    (r"(lerp|index_put|index_add|index_copy|scatter|scatter_add|scatter_reduce|masked_scatter|addmv|baddbmm|addbmm|l1_loss|huber_loss|kl_div"
     r"|nll_loss|cross_entropy|binary_cross_entropy|binary_cross_entropy_with_logits|layer_norm|group_norm|normal|bernoulli_"
     r"|put|index_reduce|cdist|cross|binomial|ldexp)\(.* @ ",
     DTYPES, "dtypes are promoted, or converted to that of the tensor that is written to"),
    (r"(argmax|argmin|topk|median|nanmedian|kthvalue)\(.* @ 0", {"bools"}, "bools are ordered"),
    (r"(trace|mvlgamma)\(.* @ 0", {"bools"}, "bools are summed, and made floats, as integers are"),
    (r"(special_erfcx|special_log_ndtr|special_ndtri|special_\w*bessel_[jyk][01]|special_zeta|_standard_gamma|pdist)\(.* @ [01]", {"halves"}, "every op on floats is possible in half precision"),
    (r"linalg_lu_factor\(x\) @ 0", {"cube", "five", "doubles"}, "singular matrices have factors: linalg.lu_factor, which is above the op, refuses them"),
    (r"avg_pool3d\(.* @ [01]", {"five", "ints"}, "a window may reach over an image and its padding, as in two dimensions"),
    (r"(softshrink|hardshrink|max_pool1d\w*|adaptive_max_pool1d\w*)\(.* @ 0", DTYPES, "integers are possible, as in two dimensions"),
    (r"(one_hot|gather|take_along_dim|scatter\w*|embedding)\(.* @ [012]", {"bytes"}, "indices of every integer dtype are taken"),
    (r"(full|new_full|randint|normal|tile|flip|reshape|unflatten)\(.* @ [12]|full\(.* @ 0", {"int", "zero", "above", "one"},
     "one integer stands for a shape of one dimension"),
    (r"(eye|randint|randint_like)\(.* @ [12]", {"None", "type"}, "the shorter spelling with a dtype at the end"),
    (r"(leaky_relu|elu|celu|softplus|hardtanh|threshold|softshrink|hardshrink)\(.* @ [12]", {"long"},
     "an integer of more than 64 bits is a float where a float is wanted"),
    (r"(hstack|vstack|dstack|row_stack|column_stack|broadcast_tensors)\(.* @ 0", {*DTYPES, "scalar", "empty", "vector", "cube", "five"},
     "a tensor stands for the list of its rows"),
    (r"pad\(.* @ [01]", {*DTYPES, "five", "list", "zeros", "far"}, "every number of dimensions can be padded, and cropped at the same time"),
    (r"scatter\(.* @ 3", {"scalar"}, "a 0-dimensional tensor is a number"),
]  # fmt: skip


def function_of(name):
    return OPS.get(name) or METHODS[name]


def wider(call, at, mutant):
    spelled = f"{call} @ {at}"
    return next((k for k, (pattern, mutants, _) in enumerate(WIDER) if mutant in mutants and re.match(pattern, spelled)), None)


def test_every_op_has_a_right_call():
    called = {parse(call)[0] for call in CALLS}
    names = {name for name in {**OPS, **METHODS} if not name.startswith("__")}
    assert {name for name in names if name.rstrip("_") not in called} <= called


@pytest.mark.parametrize("call", CALLS)
def test_wrong_arguments(call):
    name, arguments = parse(call)
    function = function_of(name)
    run(function, rt, arguments)
    for at in range(len(arguments)):
        for mutant in MUTANTS:
            try:
                run(function, rt, arguments, at, mutant)
            except rt.RusTorchError as error:
                said = str(error)
                assert re.match(rf"(Tensor\.)?{name.rstrip('_')}_?(?!\w)", said) or f"{name}()" in said or name[0] == "_", (call, at, mutant, said)
                continue
            if mutant in REFUSED.get((call, at), WRONG_KIND):
                assert wider(call, at, mutant) is not None, f"{call}: argument {at} may not be {mutant!r}"


IN_PLACE = [call for call in CALLS if parse(call)[0] + "_" in METHODS]


def bits(tensor):
    return tensor.dtype, tensor.shape, tensor.numpy().tobytes()


@pytest.mark.parametrize("call", IN_PLACE)
def test_wrong_arguments_in_place(call):
    """What fails leaves the tensor as it was."""
    name, arguments = parse(call)
    for at in range(1, len(arguments)):
        for mutant in MUTANTS:
            x = values(rt)["i" if arguments[0][1] == "i" else "x"]
            before = bits(x)
            try:
                run(lambda _, *args, **kwargs: METHODS[name + "_"](x, *args, **kwargs), rt, arguments, at, mutant)
            except rt.RusTorchError:
                assert bits(x) == before, (call, at, mutant)


NO_OUT = {"normal(x, 1.5)", "normal(x, y)", "normal(0.5, y)", "bernoulli(x, 0.5)", "median(x)", "nanmedian(x)"}  # other spellings of the op have it
OUT = [c for c in CALLS if any(" out=" in signature for signature in getattr(OPS.get(parse(c)[0]), "__signatures__", [])) and c not in NO_OUT]


def test_out_is_looked_at():
    assert len(OUT) > 100


@pytest.mark.parametrize("call", OUT)
def test_wrong_out(call):
    name, arguments = parse(call)
    result = run(OPS[name], rt, arguments)

    def into(out):
        return run(lambda *args, **kwargs: OPS[name](*args, out=out, **kwargs), rt, arguments)

    if isinstance(result, rt.Tensor):
        with pytest.raises(rt.AutogradError):
            into(rt.empty_like(result, dtype=rt.float32).requires_grad_())
        if result.dtype.is_floating_point:
            with pytest.raises(rt.DtypeError, match="cannot be written"):
                into(rt.zeros(result.shape, dtype=rt.int64))
        if result.numel() > 1:
            with pytest.raises(rt.ArgumentValueError, match="single memory location"):
                into(rt.zeros(1, dtype=result.dtype).expand(result.shape))
    for wrong in ("text", 3, [1.0], object(), [rt.ones(1), 2], (rt.ones(1),) * 5, {}):
        with pytest.raises(rt.TensorError):
            into(wrong)


def test_every_exception_to_pytorch_is_needed():
    used = set()
    for (call, at), mutants in REFUSED.items():
        name, arguments = parse(call)
        for mutant in mutants:
            exception = wider(call, at, mutant)
            if exception is None or exception in used:
                continue
            try:
                run(function_of(name), rt, arguments, at, mutant)
            except rt.RusTorchError:
                continue
            used.add(exception)
    assert used == set(range(len(WIDER)))


# ------------------------------------------------------------------------------------------ devices

DEVICES = [
    (name, signature)
    for name, op in sorted(OPS.items())
    for signature in op.__signatures__
    if "device? device" in signature
]


def test_there_are_factories():
    assert len(DEVICES) > 15


@pytest.mark.parametrize("name", sorted({name for name, _ in DEVICES}))
@pytest.mark.parametrize("device", ["cuda", "cuda:7", "tpu", "cpu:x", "", 3, None])
def test_devices_of_factories(name, device):
    name, arguments = parse(next(call for call in CALLS if call.startswith(name + "(")))
    if device is None:
        run(lambda *args, **kwargs: OPS[name](*args, device=None, **kwargs), rt, arguments)
        return
    with pytest.raises((rt.DeviceError, rt.ArgumentTypeError) if device == 3 else rt.DeviceError) as caught:
        run(lambda *args, **kwargs: OPS[name](*args, device=device, **kwargs), rt, arguments)
    if device == "cuda":
        assert "cuda:0" in str(caught.value) and "not available" in str(caught.value)


@pytest.mark.parametrize("move", [
    lambda x: x.to("cuda"), lambda x: x.cuda(), lambda x: x.to(rt.device("cuda", 1)), lambda x: rt.tensor([1.0], device="cuda"),
    lambda x: rt.as_tensor(x, device="cuda"), lambda x: rt.nn.Linear(2, 2).to("cuda"), lambda x: rt.nn.Linear(2, 2, device="cuda"),
    lambda x: rt.nn.Linear(2, 2).cuda(), lambda x: x.new_zeros(2, device="cuda"), lambda x: rt.Generator("cuda"),
])  # fmt: skip
def test_devices_elsewhere(move):
    with pytest.raises(rt.DeviceError, match="cuda"):
        move(rt.ones(2))


# ------------------------------------------------------------------------------------------ 10¹⁵ elements

BIG = 10**15
row = rt.ones(1, 1)
HUGE = [
    lambda: rt.empty(BIG), lambda: rt.zeros(BIG), lambda: rt.ones(BIG, dtype=rt.int8), lambda: rt.full((BIG,), 1), lambda: rt.rand(BIG),
    lambda: rt.randn(BIG), lambda: rt.randint(9, (BIG,)), lambda: rt.randperm(BIG), lambda: rt.arange(BIG),
    lambda: rt.linspace(0, 1, BIG), lambda: rt.logspace(0, 1, BIG), lambda: rt.eye(BIG, 1), lambda: rt.eye(2**40, 2**40),
    lambda: rt.eye(2**62, 4), lambda: rt.normal(0.0, 1.0, (BIG,)), lambda: row.new_zeros(BIG), lambda: row.new_full((BIG,), 2),
    lambda: row.expand(BIG, 1).contiguous(), lambda: row.expand(BIG, 1) + 1, lambda: row.expand(BIG, 1).exp(),
    lambda: row.expand(BIG, 2).clone(), lambda: row.repeat(BIG, 1), lambda: row.repeat(2**25, 2**25), lambda: row.tile((BIG, 1)),
    lambda: rt.cat([row.expand(BIG, 1)] * 2), lambda: rt.stack([row.expand(BIG, 1)] * 2), lambda: row.expand(1, BIG).cumsum(1),
    lambda: row.expand(BIG, 1) @ row, lambda: rt.outer(rt.ones(1).expand(BIG), rt.ones(3)), lambda: row.expand(BIG, 1).to(rt.float64),
    lambda: row.expand(BIG, 1).sort(0), lambda: row.expand(BIG, 1).long(),
    lambda: row.expand(BIG, 1).flatten() + 1, lambda: row.repeat_interleave(BIG), lambda: rt.pad(row, (BIG, 0)),
    lambda: rt.one_hot(rt.tensor([0]), BIG), lambda: rt.bincount(rt.tensor([0]), minlength=BIG), lambda: rt.bincount(rt.tensor([BIG])),
    lambda: rt.one_hot(rt.tensor([BIG])), lambda: rt.diag_embed(rt.ones(1).expand(2**25)), lambda: rt.diag(rt.ones(1).expand(2**25)),
    lambda: rt.meshgrid([rt.ones(1).expand(2**25)] * 2)[0].contiguous(), lambda: row.expand(BIG, 1).index_select(0, rt.tensor([0]).expand(BIG)),
    lambda: row[rt.tensor([0]).expand(BIG)], lambda: row.expand(BIG, 1)[:, 0] * 2, lambda: rt.embedding(rt.tensor([0]).expand(BIG), row),
    lambda: rt.adaptive_avg_pool2d(rt.ones(1, 1, 1, 1), (2**25, 2**25)), lambda: rt.conv_transpose2d(rt.ones(1, 1, 2, 2), rt.ones(1, 1, 1, 1), stride=2**25),
    lambda: rt.conv2d(rt.ones(1, 1, 2, 2), rt.ones(1, 1, 1, 1), padding=2**25), lambda: rt.dropout(row.expand(BIG, 1), 0.5, True),
    lambda: row.expand(BIG, 1).softmax(0), lambda: rt.layer_norm(row.expand(BIG, 1), (1,)),
    lambda: row.expand(BIG, 1).masked_select(row.expand(BIG, 1) > 0),
    lambda: rt.multinomial(rt.ones(3), BIG, True), lambda: row.expand(BIG, 1).bool(), lambda: rt.mse_loss(row.expand(BIG, 1), row, reduction="none"),
    lambda: rt.nn.Linear(10**8, 10**8), lambda: rt.nn.Embedding(BIG, 1), lambda: rt.where(row.bool(), row.expand(BIG, 1), row),
    lambda: rt.kron(rt.ones(1).expand(2**25), rt.ones(1).expand(2**25)), lambda: rt.diagflat(rt.ones(2), 2**62), lambda: rt.cdist(row.expand(BIG, 1), row),
    lambda: rt.pdist(row.expand(2**25, 1)), lambda: rt.dstack([row.expand(BIG, 1)] * 2), lambda: rt.cummax(row.expand(1, BIG), 1),
    lambda: rt.median(row.expand(1, BIG)), lambda: rt.searchsorted(rt.ones(3), rt.ones(1).expand(BIG)), lambda: rt.poisson(row.expand(BIG, 1)),
    lambda: rt.conv3d(rt.ones(1, 1, 2, 2, 2), rt.ones(1, 1, 1, 1, 1), padding=2**20), lambda: rt.adaptive_avg_pool3d(rt.ones(1, 1, 1, 1, 1), 2**20),
    lambda: rt.conv_transpose3d(rt.ones(1, 1, 2, 2, 2), rt.ones(1, 1, 1, 1, 1), stride=2**20),
    lambda: rt.nn.functional.interpolate(rt.ones(1, 1, 2, 2), size=(2**25, 2**25)), lambda: rt.nn.functional.unfold(rt.ones(1, 1, 2, 2), 2, padding=2**25),
]  # fmt: skip


@pytest.mark.parametrize("make", HUGE, ids=range(len(HUGE)))
def test_huge(make):
    """Memory that does not exist: an error that says how much was asked for."""
    with pytest.raises(rt.OutOfMemoryError, match="bytes|elements"):
        make()


def test_out_of_range():
    x = rt.ones(3, 4)
    for call in (
        lambda: x[3], lambda: x[-4], lambda: x[0, 4], lambda: x[rt.tensor([0, 3])], lambda: x[:, rt.tensor([-5])],
        lambda: x.select(0, 3), lambda: x.narrow(1, 2, 3), lambda: x.index_select(0, rt.tensor([5])), lambda: x.sum(2),
        lambda: x.gather(0, rt.full((1, 1), 9)), lambda: x.scatter(0, rt.full((1, 1), -1), 1.0), lambda: x.take(rt.tensor([12])),
        lambda: rt.embedding(rt.tensor([3]), x), lambda: rt.nll_loss(x, rt.tensor([0, 1, 4])), lambda: rt.one_hot(rt.tensor([5]), 3),
        lambda: rt.cross_entropy(x, rt.tensor([0, -1, 2])), lambda: x.__setitem__(3, 0), lambda: x.__setitem__((0, rt.tensor([7])), 0),
        lambda: x.index_add(0, rt.tensor([3]), rt.ones(1, 4)), lambda: x.index_fill(1, rt.tensor([4]), 0), lambda: x.unbind(2),
        lambda: x.transpose(0, 2), lambda: x.topk(5), lambda: x.diagonal(0, 0, 2), lambda: x.index_put((rt.tensor([3]),), rt.ones(4)),
    ):  # fmt: skip
        with pytest.raises((rt.IndexOutOfRangeError, rt.ArgumentValueError, rt.ShapeError)):
            call()
    assert x.sum().item() == 12


# ------------------------------------------------------------------------------------------ values that make no sense

x23 = rt.ones(2, 3)


def ctc(labels=1, steps=4, length=2, blank=0):
    labels, steps, length = rt.full((1, 2), labels), rt.tensor([steps]), rt.tensor([length])
    return rt.nn.functional.ctc_loss(rt.zeros(4, 1, 3), labels, steps, length, blank)


def gru(batch_sizes):
    return rt._C._ops._rnn_layer(rt.ones(3, 2), rt.ones(2, 2), None, rt.ones(6, 2), rt.ones(6, 2), mode="gru", batch_sizes=rt.tensor(batch_sizes))


NONSENSE = [
    (lambda: rt.normal(0.0, -1.0, (2,)), ["std", "-1"]), (lambda: rt.normal(x23, -x23), ["std"]), (lambda: x23.clone().normal_(0, -2), ["std", "-2"]),
    (lambda: rt.normal(0.0, rt.tensor([1.0, float("nan")])), ["std"]),
    (lambda: rt.binary_cross_entropy(rt.tensor([0.5, 1.5]), rt.ones(2)), ["probabilities", "1.5"]),
    (lambda: rt.binary_cross_entropy(rt.tensor([-0.1]), rt.ones(1)), ["probabilities", "-0.1"]),
    (lambda: rt.binary_cross_entropy(rt.tensor([float("nan")]), rt.ones(1)), ["probabilities", "nan"]),
    (lambda: rt.binary_cross_entropy(rt.rand(2), rt.ones(2), weight=rt.ones(3, 2)), ["weight", "(3, 2)", "(2,)"]),
    (lambda: rt.hardtanh(x23, 2, 1), ["min_val", "2", "1"]), (lambda: rt.nn.Hardtanh(3, 1)(x23), ["min_val"]),
    (lambda: rt.conv1d(rt.ones(1, 1, 9), rt.ones(1, 1, 3), stride=(2, 3)), ["stride", "one integer"]),
    (lambda: rt.conv2d(rt.ones(1, 3, 9, 9), rt.ones(2, 3, 3, 3), groups=2), ["groups"]),
    (lambda: rt.nn.functional.batch_norm(rt.ones(4, 3), rt.zeros(3), rt.ones(3), training=True, eps=-1.0), ["eps", "-1"]),
    (lambda: rt.dropout(x23, 1.5), ["1.5"]), (lambda: rt.bernoulli(x23 * 2), ["2"]), (lambda: rt.multinomial(-x23, 1), []),
    (lambda: rt.multinomial(x23 * 0, 1), []), (lambda: x23.as_strided((2, 3), (3, 1), 1), ["element 6", "6 elements"]),
    (lambda: rt.ones(1).as_strided((2,), (1,)), ["element 1", "1 elements"]), (lambda: x23.clamp(), ["min", "max"]),
    (lambda: rt.arange(0, 1, 0), ["step"]), (lambda: rt.arange(float("nan")), []), (lambda: rt.linspace(0, 1, -1), ["-1"]),
    (lambda: rt.ones(2, dtype=rt.int64) // 0, ["zero"]), (lambda: x23.std(5), []), (lambda: rt.max_pool2d(rt.ones(1, 4, 4), 2, padding=2), ["pad"]),
    (lambda: rt.matmul(x23, x23, out=rt.zeros(2, 2)), []), (lambda: rt.outer(rt.ones(2), rt.ones(2), out=rt.zeros(2, 2, dtype=rt.int64)), ["int64"]),
    (lambda: x23.clone().geometric_(0.0), ["p", "0"]), (lambda: x23.bool().geometric_(0.5), ["bools"]), (lambda: x23.clone().cauchy_(0.0, -1.0), ["sigma", "-1"]),
    (lambda: x23.clone().log_normal_(0.0, -1.0), ["std", "-1"]), (lambda: x23.int().log_normal_(), ["int32"]), (lambda: rt.poisson(-x23), ["rate", "-1"]),
    (lambda: rt.binomial(x23, x23 * 2), ["probability", "2"]), (lambda: rt.binomial(-x23, x23), ["trials", "-1"]),
    (lambda: rt.mvlgamma(x23, 0), ["at least 1", "0"]), (lambda: rt.mvlgamma(x23, 10**12), ["65536", str(10**12)]), (lambda: rt.polygamma(-1, x23), ["n", "-1"]),
    (lambda: rt.kthvalue(x23, 0), ["k is 0"]), (lambda: rt.kthvalue(x23, 4), ["k is 4"]), (lambda: rt.rot90(x23, 1, (0, -2)), ["different"]),
    (lambda: rt.diff(x23, -1), ["n", "-1"]), (lambda: rt.diff(x23, prepend=rt.zeros(0)), ["prepend", "1 dim", "2"]),
    (lambda: rt.cdist(x23, x23, -1.0), ["non-negative", "-1"]), (lambda: rt.put(x23, rt.tensor([6]), rt.ones(1)), ["6"]),
    (lambda: rt.searchsorted(rt.ones(2), x23, sorter=rt.tensor([0, 9])), ["sorter", "9"]), (lambda: rt.inverse(rt.zeros(2, 2)), ["singular"]),
    (lambda: rt.linalg.cholesky(-rt.eye(2)), ["positive-definite"]), (lambda: rt.pixel_shuffle(rt.ones(1, 4, 2, 2), 0), ["upscale_factor", "0"]),
    (lambda: rt.channel_shuffle(rt.ones(1, 4, 2, 2), 3), ["groups", "3"]), (lambda: rt.nn.functional.interpolate(rt.ones(1, 1, 2, 2), size=(0, 2)), ["0"]),
    (lambda: rt.nn.functional.fold(rt.ones(1, 4, 4), (-5, 5), 2), ["output_size", "-5"]), (lambda: rt.select_scatter(x23, rt.ones(3), 1, 0), ["(3,)", "(2,)"]),
    (lambda: rt.scaled_dot_product_attention(rt.ones(1, 2, 3), rt.ones(1, 2, 3), rt.ones(1, 2, 3), None, 1.5), ["1.5"]),
    (lambda: rt.nonzero(x23, out="text"), ["out", "str"]), (lambda: rt.nonzero(x23, out=rt.ones(6, 2).bool()), ["int64", "bool"]),
    (lambda: rt.nonzero(x23, as_tuple=True, out=rt.ones(6, 2)), ["as_tuple", "out"]), (lambda: rt.linalg.det(rt.eye(2), out=rt.ones(1).long()), ["int64"]),
    (lambda: ctc(blank=7), ["blank", "7"]), (lambda: ctc(labels=9), ["9"]), (lambda: ctc(steps=9), ["input_lengths[0]", "9"]), (lambda: ctc(length=-2), ["target_lengths[0]", "-2"]),
    (lambda: gru([1, 2]), ["batch_sizes[1]", "2"]), (lambda: gru([2, 2]), ["batch_sizes", "4", "3"]), (lambda: gru([2, 1, 0]), ["batch_sizes[2]", "0"]),
]  # fmt: skip


@pytest.mark.parametrize("call, words", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense(call, words):
    with pytest.raises(rt.TensorError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)


def test_empty_tensors_may_be_written_to():
    """Strides of 0 mean nothing where there are no elements."""
    x = rt.ones(1, 2)[:0].expand(0, 2).as_strided((0, 2), (0, 0))
    x[...] = 5.0
    assert x.shape == (0, 2)


# ------------------------------------------------------------------------------------------ layers

nn = rt.nn
LAYERS = {
    "Linear": (lambda: nn.Linear(3, 2), rt.ones(4, 3)), "Conv1d": (lambda: nn.Conv1d(2, 3, 3), rt.ones(1, 2, 9)),
    "Conv2d": (lambda: nn.Conv2d(2, 3, 3), rt.ones(1, 2, 9, 9)), "ConvTranspose2d": (lambda: nn.ConvTranspose2d(2, 3, 3), rt.ones(1, 2, 9, 9)),
    "MaxPool2d": (lambda: nn.MaxPool2d(2), rt.ones(1, 2, 9, 9)), "AvgPool2d": (lambda: nn.AvgPool2d(2), rt.ones(1, 2, 9, 9)),
    "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d(2), rt.ones(1, 2, 9, 9)), "BatchNorm1d": (lambda: nn.BatchNorm1d(3), rt.ones(4, 3)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(2), rt.ones(1, 2, 9, 9)), "LayerNorm": (lambda: nn.LayerNorm(3), rt.ones(4, 3)),
    "GroupNorm": (lambda: nn.GroupNorm(2, 2), rt.ones(1, 2, 9, 9)), "Embedding": (lambda: nn.Embedding(4, 3), rt.tensor([1, 2])),
    "Softmax": (lambda: nn.Softmax(1), rt.ones(4, 3)), "Flatten": (lambda: nn.Flatten(1, 2), rt.ones(1, 2, 9)),
    "Dropout": (lambda: nn.Dropout(0.5), rt.ones(2)), "ReLU": (lambda: nn.ReLU(), rt.ones(2)), "GELU": (lambda: nn.GELU(), rt.ones(2)),
}  # fmt: skip
LOSSES = {
    "CrossEntropyLoss": (rt.ones(4, 3), rt.tensor([0, 1, 2, 0])), "NLLLoss": (rt.ones(4, 3), rt.tensor([0, 1, 2, 0])),
    "MSELoss": (rt.ones(4, 3), rt.ones(4, 3)), "L1Loss": (rt.ones(4, 3), rt.ones(4, 3)), "BCELoss": (rt.ones(4, 3), rt.ones(4, 3)),
    "BCEWithLogitsLoss": (rt.ones(4, 3), rt.ones(4, 3)), "SmoothL1Loss": (rt.ones(4, 3), rt.ones(4, 3)),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(LAYERS))
def test_layers(name):
    """What a call of a model raises on bad input is an error of ours."""
    make, right = LAYERS[name]
    layer = make()
    layer(right)
    refused = 0
    for mutant in MUTANTS:
        try:
            layer(MUTANTS[mutant](rt))
        except rt.RusTorchError as error:
            assert str(error)
            refused += 1
    assert refused >= 20


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("name", sorted(LOSSES))
def test_losses(name):
    loss, right = getattr(nn, name)(), LOSSES[name]
    loss(*right)
    for at in range(2):
        refused = 0
        for mutant in MUTANTS:
            arguments = list(right)
            arguments[at] = MUTANTS[mutant](rt)
            try:
                loss(*arguments)
            except rt.RusTorchError:
                refused += 1
        assert refused >= 20
    with pytest.raises(rt.ArgumentValueError):
        getattr(nn, name)(reduction="average")(*right)
