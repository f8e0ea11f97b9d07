"""Every op has a benchmark line, and a line runs."""

import json
import os
import subprocess
import sys

import rustorch as rt

HERE = os.path.dirname(os.path.abspath(__file__))
BENCH = os.path.join(os.path.dirname(HERE), "bench")
sys.path.insert(0, BENCH)

import calls  # noqa: E402
import ops  # noqa: E402


def test_every_family_and_op_has_lines():
    named = {calls.parse(call)[0].rstrip("_") for call in ops.lines("")}
    known = ops.families()
    ops_of = {name for part, kind in ((rt._C._ops, "op_function"), (rt.Tensor, "op_method")) for name, v in vars(part).items() if type(v).__name__ == kind}
    for row in rt._C._table():
        names = {signature.strip().partition("(")[0] for signature in row["signatures"].split(";")}
        public = names & ops_of
        assert not public or {name.rstrip("_") for name in public} & named, row["name"]
    assert sum(1 for family in set(known.values()) for _ in ops.lines(family)) == sum(1 for _ in ops.lines(""))


def test_lines_run():
    wanted = ["call small add(x, y)", "call large add(x, y)", "call large view(x, 3, 2)", "call small linalg_svd(x)"]
    done = subprocess.run(
        [sys.executable, os.path.join(BENCH, "cases.py"), "rustorch", "1"], input="\n".join(wanted) + "\n", capture_output=True, text=True, check=True
    )
    seconds = [json.loads(line)["seconds"] for line in done.stdout.splitlines()]
    assert [value is None for value in seconds] == [False, False, True, False]
    assert all(value is None or value > 0 for value in seconds)
