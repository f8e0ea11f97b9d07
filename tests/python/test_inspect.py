"""python -m rustorch inspect: what a person sees of a file, whole or damaged."""

import argparse
import io
import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import rustorch as rt
from rustorch import nn, utils
from rustorch._inspect import inspect, main, text


def run(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "rustorch", "inspect", *arguments], capture_output=True, text=True, cwd=cwd, timeout=60
    )


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_model(here, capsys):
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.LazyLinear(2))
    model[0].bias.requires_grad_(False)
    utils.save_model(model, "모델.rustorch")
    assert main(["모델.rustorch"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("모델.rustorch: model of rustorch, ") and lines[0].endswith(", whole")
    assert "  class: rustorch.nn.Sequential" in lines and any(line.startswith("  SHA-256: ") for line in lines)
    tree = "\n".join(lines[5:])
    assert tree == "\n".join(
        [
            "└─ model         rustorch.nn.Sequential()",
            "   ├─ 0          rustorch.nn.Linear(in_features=4, out_features=3)",
            "   │  ├─ weight  float32  (3, 4)                 48 B",
            "   │  └─ bias    float32  (3,)                   12 B  frozen",
            "   ├─ 1          rustorch.nn.ReLU(inplace=False)",
            "   └─ 2          rustorch.nn.LazyLinear(in_features=0, out_features=2)",
            "      ├─ weight  float32, no shape yet",
            "      └─ bias    float32, no shape yet",
            "2 tensors, 60 B",
        ]
    )
    footer = open("모델.rustorch", "rb").read()[-32:].hex()
    assert f"  SHA-256: {footer}" in lines


def test_keras_model(here):
    model = rt.Model("이름", ["Dense(3, activation=relu)", "Dense(1)"])
    model.build((None, 2))
    model.compile("adam", "mse")
    utils.save_model(model, "m.rustorch")
    shown = text(inspect("m.rustorch"))
    assert "class: rustorch.training.Model" in shown and "'이름'" in shown and "Dense(3" in shown and "adam" in shown
    assert "4 tensors" in shown


def test_state_and_json(here):
    base = rt.zeros(4, 5)
    state = {
        "a": rt.zeros(3, 4), "half": [rt.ones(2).half()], "view": (base, base[1]), "n": np.arange(3, dtype=np.uint16), "epoch": 3,
        "names": ["a"] * 50,
        "args": argparse.Namespace(lr=0.1), "scalar": np.float32(0.5), "none": None, 7: {"x": (1, 2.5)}, "same": base, "nan": float("nan"),
        "set": {1}, "bytes": b"ab", "device": rt.device("cpu"), "size": rt.Size([2]), "big": 2**70, "empty": {}, "text": "가\n나",
    }  # fmt: skip
    rt.save(state, "state.h5")
    shown = text(inspect("state.h5"))
    for part in (
        "state of rustorch",
        "(3, 4)",
        "float16",
        "shares the memory of view/0",
        "uint16",
        "NumPy",
        "├─ epoch",
        "'a', 'a'",
        "…",
        "lr",
    ):
        assert part in shown, part
    done = run("--json", "state.h5", cwd=here)
    found = json.loads(done.stdout)
    assert done.returncode == 0 and found["status"] == "whole" and found["bytes"] == os.path.getsize("state.h5")
    assert {"name": "a", "dtype": "float32", "shape": [3, 4], "bytes": 48} in found["tensors"]
    assert {"name": "half/0", "dtype": "float16", "shape": [2], "bytes": 4} in found["tensors"]
    assert found["values"]["epoch"] == "3" and found["values"]["args/lr"] == "0.1" and found["values"]["7/x"] == "(1, 2.5)"
    rt.save(rt.ones(3), "one.h5")
    assert "tensor" in text(inspect("one.h5")) or "value" in text(inspect("one.h5"))


def test_checkpoint(here):
    model = nn.Linear(2, 2)
    utils.save_checkpoint(model, rt.optim.SGD(model.parameters(), 0.1), 5, 0.25, "run.ckpt", step=12)
    report = inspect("run.ckpt")
    assert report.kind == "checkpoint of rustorch" and report.facts["epoch"] == "5" and report.facts["step"] == "12"
    shown = text(report)
    assert "number of threads: " in shown and "loss" in shown and "0.25" in shown and "param_groups" in shown


def test_damaged(here, capsys):
    rt.save({"a": rt.rand(100, 100), "b": [1, 2]}, "x.h5")
    good = open("x.h5", "rb").read()
    data = bytearray(good)
    data[len(good) // 2] ^= 1
    open("value.h5", "wb").write(data)
    assert main(["value.h5"]) == 1
    shown = capsys.readouterr().out
    assert "DAMAGED" in shown and "value.h5" in shown.splitlines()[1] and "(100, 100)" in shown  # the tree can still be read
    open("cut.h5", "wb").write(good[:-10])
    assert main(["cut.h5"]) == 1 and "DAMAGED" in capsys.readouterr().out
    for i in range(len(good) - 500, len(good), 3):  # every kind of damage of trailer and structure is told, and no more
        data = bytearray(good)
        data[i] ^= 0x41
        open("bad.h5", "wb").write(data)
        assert inspect("bad.h5").status == "damaged"


def test_other_formats(here, capsys):
    utils.safetensors.save_file({"w": rt.zeros(2, 3).bfloat16()}, "x.safetensors", {"format": "pt"})
    report = inspect("x.safetensors")
    assert (report.kind, report.status, report.facts) == ("safetensors file", "sound", {"format": "pt"})
    assert [(name, item.dtype, item.shape, item.bytes) for name, item in report.tensors()] == [("w", "bfloat16", [2, 3], 12)]
    np.savez("x.npz", a=np.zeros((2, 3)), b=np.int8(1))
    np.save("x.npy", np.zeros(4, ">f4"))
    assert [(n, i.dtype, i.shape) for n, i in inspect("x.npz").tensors()] == [("a", "float64", [2, 3]), ("b", "int8", [])]
    assert inspect("x.npz").status == "whole" and [i.shape for _, i in inspect("x.npy").tensors()] == [[4]]
    for name in ("x.safetensors", "x.npz", "x.npy"):
        data = open(name, "rb").read()
        open("cut", "wb").write(data[:-3])
        assert inspect("cut").status == "damaged", name
    data = bytearray(open("x.npz", "rb").read())
    data[data.index(b"\x93NUMPY") + 130] ^= 1
    open("bad.npz", "wb").write(data)
    assert inspect("bad.npz").status == "damaged" and "CRC" in inspect("bad.npz").problem
    with zipfile.ZipFile("x.pt", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}X\x05\x00\x00\x00epochK\x03s.")
    assert text(inspect("x.pt")).splitlines()[1:] == ["└─ epoch  3"] and inspect("x.pt").status == "whole"
    with zipfile.ZipFile("code.pt", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R.")
    assert main(["code.pt", "x.pt"]) == 1
    shown = capsys.readouterr().out
    assert "not read" in shown and "os.system" in shown and "epoch" in shown


def test_command(here):
    done = run(cwd=here)
    assert done.returncode == 2 and "FILE" in done.stderr
    done = run("none.h5", cwd=here)
    assert done.returncode == 1 and "none.h5" in done.stderr and "Traceback" not in done.stderr
    open("text", "w").write("hello")
    os.mkfifo("pipe")
    done = run("text", ".", "pipe", cwd=here)
    assert done.returncode == 1 and "no file of tensors known here" in done.stderr and done.stderr.count("is not a file") == 2
    h5py = pytest.importorskip("h5py")
    with h5py.File("foreign.h5", "w") as file:
        file["x"] = np.zeros(3)
    done = run("foreign.h5", cwd=here)
    assert done.returncode == 1 and "trailer" in done.stdout


def test_closed_pipe(here):
    rt.save({str(i): rt.ones(1) for i in range(3000)}, "x.h5")
    script = f"{sys.executable} -m rustorch inspect x.h5 | head -1"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=here, timeout=60)
    assert done.stdout.startswith("x.h5") and "Traceback" not in done.stderr, done.stderr


def test_ascii_terminal(here):
    rt.save({"이름": rt.ones(1)}, "x.h5")
    done = subprocess.run(
        [sys.executable, "-m", "rustorch", "inspect", "x.h5"], capture_output=True, cwd=here, timeout=60,
        env=dict(os.environ, PYTHONIOENCODING="ascii"),
    )  # fmt: skip
    assert done.returncode == 0 and b"Traceback" not in done.stderr, done.stderr
    assert io.BytesIO(done.stdout).readline().startswith(b"x.h5")
