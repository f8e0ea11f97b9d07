"""Views and writes in place in combination: what to run, in rustorch or in PyTorch, and a digest of what came of it.

A case is a mode (under which of grad, no_grad and inference_mode the base, the view and the write are made), a base, a view
of it, a write, and whether what is written wants a gradient; it is run in every order of the write, of uses before and after
it, and of what is read in the end. All numbers are such that every result is exact in double precision, so that values and
gradients of two libraries can be compared as bits.
"""

import hashlib
import re

BASES = {
    "plain": lambda m, leaf: m.arange(12, dtype=m.float64).reshape(3, 4).clone() - 5,
    "leaf": lambda m, leaf: leaf,
    "computed": lambda m, leaf: leaf * 2,
}

VIEWS = {
    "itself": lambda x: x,
    "select": lambda x: x[1],
    "element": lambda x: x[1, 2],
    "slice": lambda x: x[1:3],
    "step": lambda x: x[:, ::2],
    "none": lambda x: x[:, None, 1:3],
    "empty": lambda x: x[3:],
    "transpose": lambda x: x.transpose(0, 1),
    "permute": lambda x: x.permute(1, 0),
    "T": lambda x: x.T,
    "movedim": lambda x: x.movedim(0, 1),
    "expand": lambda x: x[:1].expand(3, 4),
    "expand_same": lambda x: x.expand(1, 3, 4),
    "view": lambda x: x.view(4, 3),
    "reshape": lambda x: x.reshape(2, 6),
    "flatten": lambda x: x.flatten(),
    "unflatten": lambda x: x.unflatten(1, (2, 2)),
    "view_as": lambda x: x.view_as(x),
    "unsqueeze": lambda x: x.unsqueeze(1),
    "squeeze": lambda x: x[:, :1].squeeze(1),
    "diagonal": lambda x: x.diagonal(),
    "unbind": lambda x: x.unbind(0)[1],
    "iterate": lambda x: list(x)[2],
    "split": lambda x: x.split(2)[0],
    "split_sizes": lambda x: x.split([1, 3], 1)[1],
    "chunk": lambda x: x.chunk(2, 1)[1],
    "tensor_split": lambda x: x.tensor_split(3, 1)[0],
    "as_strided": lambda x: x.as_strided((2, 2), (4, 2), 1),
    "as_strided_of_view": lambda x: x[1:].as_strided((2, 2), (4, 1), 5),
    "narrow": lambda x: x.narrow(1, 1, 2),
    "unfold": lambda x: x.unfold(1, 2, 2),
    "contiguous": lambda x: x.contiguous(),
    "detach": lambda x: x.detach(),
    "data": lambda x: x.data,
    "view_of_view": lambda x: x[1:].t()[::2],
    "deep_view": lambda x: x.view(2, 6)[1].view(3, 2).t()[1],
    "view_of_detached": lambda x: x.detach()[1],
    "detached_view": lambda x: x[1].detach(),
}


def mask(m, v):
    return (m.arange(v.numel()) % 2 == 0).reshape(v.shape)


def set_row(v, s):
    v[0] = s.sum() if v.dim() else s


def set_data(m, v, s):
    v.data = s.detach().clone()


def add_assign(v, s):
    v += s


WRITES = {
    "add_": lambda m, v, s: v.add_(s),
    "mul_": lambda m, v, s: v.mul_(s),
    "sub_number": lambda m, v, s: v.sub_(2),
    "+=": lambda m, v, s: add_assign(v, s),
    "square": lambda m, v, s: v.mul_(v),
    "relu_": lambda m, v, s: v.relu_(),
    "addcmul_": lambda m, v, s: v.addcmul_(s, v, value=2),
    "copy_": lambda m, v, s: v.copy_(s),
    "copy_broadcast": lambda m, v, s: v.copy_(s.sum()),
    "copy_other_dtype": lambda m, v, s: v.copy_(s.float()),
    "fill_": lambda m, v, s: v.fill_(2),
    "fill_tensor": lambda m, v, s: v.fill_(s.sum()),
    "zero_": lambda m, v, s: v.zero_(),
    "set_all": lambda m, v, s: v.__setitem__(Ellipsis, s),
    "set_row": lambda m, v, s: set_row(v, s),
    "set_number": lambda m, v, s: v.__setitem__(Ellipsis, 3.0),
    "set_slice": lambda m, v, s: v.__setitem__(slice(1, None, 2), s[1::2]),
    "set_mask": lambda m, v, s: v.__setitem__(mask(m, v), 5.0),
    "set_mask_tensor": lambda m, v, s: v.__setitem__(mask(m, v), s.sum()),
    "set_list": lambda m, v, s: v.__setitem__([1, 0], s[:2]),
    "masked_fill_": lambda m, v, s: v.masked_fill_(mask(m, v), 3.0),
    "masked_fill_tensor": lambda m, v, s: v.masked_fill_(mask(m, v), s.sum()),
    "masked_scatter_": lambda m, v, s: v.masked_scatter_(mask(m, v), s),
    "index_add_": lambda m, v, s: v.index_add_(0, m.tensor([1, 0]), s[:2], alpha=2),
    "index_copy_": lambda m, v, s: v.index_copy_(0, m.tensor([1]), s[:1]),
    "index_fill_": lambda m, v, s: v.index_fill_(0, m.tensor([1]), 4.0),
    "index_put_": lambda m, v, s: v.index_put_((m.tensor([1, 1]),), s[:2], accumulate=True),
    "scatter_add_": lambda m, v, s: v.scatter_add_(0, m.zeros(v.shape, dtype=m.int64), s),
    "out=": lambda m, v, s: m.add(s, s, out=v),
    "out_copies": lambda m, v, s: m.sum(s.expand(2, *s.shape), 0, out=v),
    "out_detached": lambda m, v, s: m.mul(s.detach(), 2, out=v.detach()),
    "set_data": lambda m, v, s: set_data(m, v, s),
    "write_data": lambda m, v, s: v.data.mul_(s.detach()),
    "detach_": lambda m, v, s: v.detach_(),
    "requires_grad_": lambda m, v, s: v.requires_grad_(),
    "unsqueeze_": lambda m, v, s: v.unsqueeze_(0),
    "t_": lambda m, v, s: v.t_(),
    "clone_add_": lambda m, v, s: v.clone().add_(s),
}


class Run:
    """One case while it runs: the tensors, and the modes in which views and writes are made."""

    def __init__(self, m, modes, base, view, write, wanted):
        self.m, self.view_of, self.write_to = m, VIEWS[view], WRITES[write]
        self.modes = [{"g": m.enable_grad, "n": m.no_grad, "i": m.inference_mode}[letter] for letter in modes]
        with self.modes[0]():
            self.leaf = (m.arange(12, dtype=m.float64).reshape(3, 4) - 4).requires_grad_()
            self.source = m.tensor(2.0, dtype=m.float64, requires_grad=wanted)
            self.x = BASES[base](m, self.leaf)
        self.parts = []  # of the loss

    def view(self):
        with self.modes[1]():
            self.v = self.view_of(self.x)

    def write(self, target=None):
        target = self.v if target is None else target
        shape = tuple(target.shape)
        with self.modes[2]():
            s = (self.m.arange(max(target.numel(), 1), dtype=self.m.float64)[: target.numel()] + 1).reshape(shape) * self.source
            self.write_to(self.m, target, s)

    def use(self, what):
        """By an op whose gradient needs its input."""
        self.parts.append((what * what).sum())

    def keep(self, what):
        """By an op whose gradient needs its output."""
        self.parts.append(what.relu().sum())

    def pass_on(self, what):
        """By an op whose gradient needs neither."""
        self.parts.append((what * 3).sum())


def read_base(r):
    r.view(), r.write(), r.use(r.x)


def read_view(r):
    r.view(), r.write(), r.use(r.v)


def read_both(r):
    r.view(), r.write(), r.use(r.v), r.use(r.x)


def base_written(r):
    r.view(), r.write(r.x), r.use(r.v)


def both_written(r):
    r.view(), r.write(r.x), r.write(), r.use(r.v), r.use(r.x)


def view_then_base(r):
    r.view(), r.write(), r.write(r.x), r.use(r.v), r.use(r.x)


def twice(r):
    r.view(), r.write(), r.write(), r.use(r.x)


def sibling(r):
    r.view()
    first = r.v
    r.view(), r.write(first), r.use(r.v), r.use(r.x)


def used_before(r):
    r.view(), r.use(r.v), r.write(), r.use(r.v)


def base_used_before(r):
    r.view(), r.use(r.x), r.write(), r.use(r.x)


def kept_before(r):
    r.view()
    y = r.v.relu()
    r.v = y
    r.parts.append((y * 2).sum())
    r.write(), r.pass_on(r.v)


def passed_before(r):
    r.view(), r.pass_on(r.v), r.pass_on(r.x), r.write(), r.pass_on(r.x), r.keep(r.v)


def used_between(r):
    r.view(), r.write(), r.use(r.v), r.write(), r.use(r.x)


def view_after(r):
    r.view(), r.write(r.x), r.view(), r.write(), r.use(r.x)


ORDERS = [read_base, read_view, read_both, base_written, both_written, view_then_base, twice, sibling, used_before, base_used_before,
          kept_before, passed_before, used_between, view_after]  # fmt: skip


def words(tensor):
    if tensor is None:
        return "none"
    return f"{tuple(tensor.shape)}{[float(value) + 0.0 for value in tensor.detach().reshape(-1).tolist()]}"


def outcome(m, case, order):
    """"x" and the message where it was refused, in the forward or in the backward pass; else "." and words for what came of it."""
    modes, base, view, write, wanted = case
    try:
        r = Run(m, modes, base, view, write, wanted)
        order(r)
        seen = [words(r.x), words(r.v)]
        if modes == "ggg":
            seen += [r.x.requires_grad, r.v.requires_grad, r.x.is_leaf]
        loss = sum(r.parts)
        if loss.requires_grad:
            loss.backward()
        seen += [words(r.leaf.grad), words(r.source.grad)]
    except (RuntimeError, TypeError, IndexError, ValueError) as error:
        return "x", str(error)
    return ".", str(seen)


# Modes of the base, the view and the write: g, gradients on; n, no_grad; i, inference_mode. All views and writes are tried with
# gradients on, a few in the other modes.
MODES = ["ggg", "ggn", "gng", "gnn", "ngg", "gig", "iii", "igg", "ggi", "gii", "nnn"]
FEW_VIEWS = ["itself", "select", "step", "transpose", "view", "unbind", "as_strided", "contiguous", "detach", "view_of_view"]
FEW_WRITES = ["add_", "square", "relu_", "copy_", "fill_", "set_row", "masked_fill_tensor", "index_add_", "out=", "write_data", "t_", "detach_", "requires_grad_"]  # fmt: skip


def rows():
    """Cases in rows that differ in the write alone."""
    for modes in MODES:
        views, writes = (VIEWS, WRITES) if modes == "ggg" else (FEW_VIEWS, FEW_WRITES)
        for base in BASES:
            for wanted in (False, True):
                for view in views:
                    yield [(modes, base, view, write, wanted) for write in writes]


def cases():
    return (case for row in rows() for case in row)


def name_of(case, order):
    return " ".join([*case[:4], "wanted" if case[4] else "constant", order.__name__])


# Where rustorch differs from PyTorch on purpose: a pattern of name_of, what it does ("x." takes what PyTorch refuses, ".x" the
# other way round, "=" gives other gradients), why.
EXCEPTIONS = [
    (r"\w+ \w+ (unbind|iterate|split|split_sizes|chunk) ", "x.",
     "a view out of a list may be written to: the gradient is that of the same view made by indexing"),
    (r".* (square|addcmul_) ", "x.", "what a gradient needs of a tensor that is overwritten is copied before"),
    (r"\w+ \w+ [\w+=]+ [\w+=]+ wanted both_written", "x.",
     "PyTorch takes a view for a leaf until its grad_fn was asked for after its base was written to"),
    (r"\w[ni]\w .* kept_before", "x.", "a view made while gradients are off is a constant; in PyTorch it is a leaf of its own"),
    (r"\w+ \w+ expand (copy_broadcast|fill_tensor) ", "x.", "one value written to elements that share memory"),
    (r"\w+ \w+ expand (set_mask|set_mask_tensor|set_list|masked_fill_|masked_fill_tensor|index_fill_|index_put_|out_copies) ", ".x",
     "several values written to elements that share memory: PyTorch warns that it will refuse"),
    (r".* detach_ ", "x.", "what was saved of a tensor that is detached in place is still there"),
    (r".* leaf .* detach_ ", "=", "a leaf that is detached in place gets the gradients of what was computed of it before"),
    (r"ggg plain .* requires_grad_ .* base_written", "=", "a view is no leaf of its own when its base becomes one"),
    (r"gg[ni] leaf .* t_ ", "x.", "what was computed of a leaf before it was transposed without gradients has a gradient"),
    (r"igg \w+ detach ", "x.", "detach() of a tensor made in inference mode gives an ordinary tensor"),
    (r"igg \w+ detach .* wanted", "=", "so it is recorded"),
    (r"igg \w+ detach .* wanted used_between", ".x", "and refused where an ordinary tensor is"),
]  # fmt: skip


def exception(name, kind):
    return next((i for i, (pattern, kinds, _) in enumerate(EXCEPTIONS) if kind == kinds and re.match(pattern, name)), None)


def verdict(m, case):
    """A letter for each order, and a digest of what came of those that were done and have no exception."""
    outcomes = [(name_of(case, order), outcome(m, case, order)) for order in ORDERS]
    done = "".join(text for name, (letter, text) in outcomes if letter == "." and exception(name, "=") is None)
    return "".join(letter for _, (letter, _) in outcomes), done


def digest(text):
    return hashlib.sha1(text.encode()).hexdigest()[:2]


def read_verdicts(path):
    """{case: (a letter for each order, a digest)}."""
    with open(path, encoding="utf-8") as file:
        lines = [line.split() for line in file if not line.startswith("#")]
    letters = {code: text for code, text in (line for line in lines if len(line) == 2)}
    found = {}
    for row, line in zip(rows(), (line for line in lines if len(line) == 5)):
        assert line[:4] == [*row[0][:3], "wanted" if row[0][4] else "constant"]
        for i, case in enumerate(row):
            found[case] = letters[line[4][4 * i : 4 * i + 2]], line[4][4 * i + 2 : 4 * i + 4]
    return found


def write_verdicts(path):
    """What PyTorch does."""
    import string
    import warnings

    import torch

    warnings.simplefilter("ignore")
    codes, lines = {}, []
    for row in rows():
        text = ""
        for case in row:
            letters, done = verdict(torch, case)
            n = codes.setdefault(letters, len(codes))
            text += string.ascii_letters[n // 52] + string.ascii_letters[n % 52] + digest(done)
        lines.append(" ".join([*row[0][:3], "wanted" if row[0][4] else "constant", text]))
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"# What PyTorch {torch.__version__.split('+')[0]} makes of views and writes in place: see writes.py.\n")
        file.write("# Written by `python tests/python/writes.py` where PyTorch is installed; do not edit.\n")
        file.write("# First a code for each pattern of orders done (.) and refused (x); then, for each write, a code and a digest of the results.\n")
        for letters, n in codes.items():
            file.write(f"{string.ascii_letters[n // 52]}{string.ascii_letters[n % 52]} {letters}\n")
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    import os

    write_verdicts(os.path.join(os.path.dirname(os.path.abspath(__file__)), "writes.txt"))
