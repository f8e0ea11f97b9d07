"""Every view with every write in place, in every order and mode: values, gradients and refusals as PyTorch's."""

import collections
import os

import pytest
import writes
from writes import EXCEPTIONS, MODES, ORDERS, cases, digest, exception, name_of, outcome, read_verdicts, verdict

import rustorch as rt

EXPECTED = read_verdicts(os.path.join(os.path.dirname(os.path.abspath(__file__)), "writes.txt"))
used = collections.Counter()  # of exceptions


def test_nothing_is_left_out():
    assert set(EXPECTED) == set(cases()) and len(EXPECTED) * len(ORDERS) > 100_000
    accepted = sum(letters.count(".") for letters, _ in EXPECTED.values())
    assert 0.3 < accepted / (len(EXPECTED) * len(ORDERS)) < 0.9


@pytest.mark.parametrize("modes", MODES)
@pytest.mark.parametrize("base", writes.BASES)
@pytest.mark.filterwarnings("ignore")
def test_as_in_pytorch(modes, base):
    for case, (expected, expected_digest) in EXPECTED.items():
        if case[:2] != (modes, base):
            continue
        letters, done = verdict(rt, case)
        for order, theirs, ours in zip(ORDERS, expected, letters):
            if theirs != ours:
                name = name_of(case, order)
                why = exception(name, theirs + ours)
                assert why is not None, f"{name}: PyTorch {theirs}, rustorch {ours} {outcome(rt, case, order)[1]}"
                used[why] += 1
        if letters == expected:
            assert digest(done) == expected_digest, f"{case}: other values or gradients; see write_verdicts()"


def test_every_exception_is_needed():
    """After all of the above; "=" is left out of the digests and so not counted."""
    if sum(used.values()):
        assert set(used) == {i for i, (_, kind, _) in enumerate(EXCEPTIONS) if kind != "="}


SAME_VIEWS = {
    "unbind": lambda x: x[1], "iterate": lambda x: x[2], "split": lambda x: x[:2], "split_sizes": lambda x: x[:, 1:],
    "chunk": lambda x: x[:, 2:],
}  # fmt: skip


@pytest.mark.parametrize("view", SAME_VIEWS)
def test_one_of_a_list_is_as_the_same_part(view, monkeypatch):
    """PyTorch refuses these writes; here they are right."""
    listed = {case: verdict(rt, case) for case in cases() if case[0] == "ggg" and case[2] == view and case[3] not in ("t_", "unsqueeze_")}
    monkeypatch.setitem(writes.VIEWS, view, SAME_VIEWS[view])
    for case, found in listed.items():
        assert verdict(rt, case) == found, case


def square_of_copy(m, v, s):
    w = v.clone()
    v.copy_(w * w)


def addcmul_of_copy(m, v, s):
    w = v.clone()
    v.copy_(w + 2 * s * w)


@pytest.mark.parametrize("write, same", [("square", square_of_copy), ("addcmul_", addcmul_of_copy)])
def test_overwritten_inputs_are_copied(write, same, monkeypatch):
    """PyTorch refuses these writes; here they are right."""
    found = {case: verdict(rt, case) for case in cases() if case[0] == "ggg" and case[3] == write and case[2] != "expand"}
    monkeypatch.setitem(writes.WRITES, write, same)
    for case, seen in found.items():
        assert verdict(rt, case) == seen, case
