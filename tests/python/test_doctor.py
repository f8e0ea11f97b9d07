"""``python -m rustorch``: its commands, and a doctor that finds what is planted."""

import os
import shutil
import subprocess
import sys

import pytest

import rustorch as torch
from rustorch import __main__ as cli
from rustorch import _doctor


def run(*arguments, **environment):
    done = subprocess.run(
        [sys.executable, "-m", "rustorch", *arguments], capture_output=True, text=True, timeout=200, env={**os.environ, **environment}
    )
    return done.returncode, done.stdout, done.stderr


def findings(check, *arguments):
    return {(finding.level, finding.text.splitlines()[0]) for finding in check(*arguments)}


# ------------------------------------------------------------------------------------------ the command line


def test_help():
    code, out, err = run("--help")
    assert code == 0 and not err
    for name, (_, what) in cli.COMMANDS.items():
        assert f"  {name}" in out and what in out
    code, out, err = run()
    assert code == 2 and not out and "usage: python -m rustorch COMMAND" in err


def test_unknown_commands():
    code, out, err = run("docter")
    assert code == 2 and not out and "there is no command 'docter' (did you mean doctor?)" in err
    assert "did you mean" not in run("zzz")[2]


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_every_command_has_help(name):
    code, out, err = run(name, "--help")
    assert code == 0 and not err and f"python -m rustorch {name}" in out


def test_info():
    code, out, err = run("info")
    assert code == 0 and not err
    first = out.splitlines()[0]
    assert first == f"rustorch {torch.__version__}" and "plug-ins:" in out
    assert run("info", "--no")[0] == 2


# ------------------------------------------------------------------------------------------ the doctor


def test_all_is_well():
    code, out, err = run("doctor")
    assert code == 0, out + err
    assert not err and "FAIL" not in out
    for name, _, _ in _doctor.CHECKS:
        assert f" {name} " in out, out
    assert "products are right" in out and "3 x + 1 was fitted as 3.000 x + 1.000" in out
    if shutil.which("mpirun"):
        assert "two ranks added up a tensor over MPI" in out
    assert "All that is there works" in out.splitlines()[-1]


def test_quick():
    code, out, _ = run("doctor", "--quick")
    assert code == 0 and "ranks" not in out and "worker processes" not in out and "BLAS" in out


def test_forced_settings_are_noted():
    code, out, _ = run("doctor", "--quick", RUSTORCH_ISA="baseline", OMP_PROC_BIND="close", OPENBLAS_NUM_THREADS="1")
    assert code == 0
    assert "OMP_PROC_BIND=close is set" in out and "→ unset OPENBLAS_NUM_THREADS" in out
    if "the CPU has avx" in out:
        assert "→ unset RUSTORCH_ISA for full speed" in out


def test_slow_core_is_noted():
    code, out, _ = run("doctor", "--quick", OPENBLAS_CORETYPE="Nehalem")
    config = run("info", OPENBLAS_CORETYPE="Nehalem")[1]
    assert code == 0 and ("OPENBLAS_CORETYPE=Nehalem forces a BLAS core" in out) == ("warning: OPENBLAS_CORETYPE" in config)


def test_plugins_that_are_absent_or_broken(tmp_path, whole_package):
    package = tmp_path / "rustorch"
    shutil.copytree(whole_package, package, ignore=shutil.ignore_patterns("__pycache__", "*.pyi"))
    for name in ("hdf5", "image", "plot", "mpi"):
        if not (package / f"rustorch_{name}.so").exists():
            pytest.skip(f"this build has no {name}")
    for name in ("hdf5", "mpi"):
        (package / f"rustorch_{name}.so").unlink()
    (package / "rustorch_image.so").write_bytes(b"no library")
    code, out, err = run("doctor", PYTHONPATH=str(tmp_path))
    assert code == 1 and not err
    assert f"in {package}" in out.splitlines()[0]
    lines = {line[6:23].strip(): line for line in out.splitlines() if line[:5].strip()}
    assert lines["files (HDF5)"].startswith("note  ") and "is not part of this build" in lines["files (HDF5)"]
    assert "→ install libhdf5-dev" in out
    assert lines["images"].startswith("FAIL  ") and "cannot be used" in lines["images"] and "→ install libpng" in out
    assert lines["ranks (MPI)"].startswith("note  ")
    assert lines["plots"].startswith("ok    ")
    assert out.splitlines()[-1].startswith("1 problem, ")


def test_wrong_products_are_found(monkeypatch):
    assert {level for level, _ in findings(_doctor._blas)} <= {"ok", "note"}
    right = torch.Tensor.__matmul__
    monkeypatch.setattr(_doctor.rustorch, "from_numpy", lambda a: Wrong(right, torch.tensor(a)))
    (level, text), *_ = findings(_doctor._blas)
    assert level == "FAIL" and "off by" in text


class Wrong:
    def __init__(self, product, value):
        self.product, self.value = product, value

    def __matmul__(self, other):
        return self.product(self.value, other.value) + 0.01


def test_exceptions_are_findings():
    def broken():
        yield _doctor.Finding("ok", "first")
        raise OSError("no room")

    first, second = _doctor.examine(broken)
    assert first.level == "ok"
    assert second.level == "FAIL" and second.text == "OSError: no room" and "python -m rustorch info" in second.advice


def test_limits_are_found():
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (512, resource.getrlimit(resource.RLIMIT_NOFILE)[1])); "
        "import sys; from rustorch.__main__ import main; sys.exit(main(['doctor', '--quick']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0
    assert "the limit of open files is 512" in done.stdout and "ulimit (the hard limit allows it)" in done.stdout


def test_ranks_that_hang_are_killed(tmp_path, monkeypatch):
    script = tmp_path / "sleeper.sh"
    script.write_text("#!/bin/sh\necho here\nsleep 100\n")
    script.chmod(0o755)
    assert _doctor._run([str(script)], 0.5) == (None, "here\n", "")
    monkeypatch.setattr(_doctor, "_launcher", lambda: str(script))
    monkeypatch.setattr(_doctor, "_run", lambda command, seconds: (7, "", "a\nwhy it failed\n"))
    if shutil.which("mpirun") and torch.utils.get_system_info()["plugins"]["mpi"]:
        (finding,) = _doctor._ranks(str(tmp_path))
        assert finding.level == "FAIL" and finding.text.endswith("ended with code 7\na\nwhy it failed")


def test_no_launcher(tmp_path, monkeypatch):
    monkeypatch.setattr(_doctor, "_launcher", lambda: None)
    if torch.utils.get_system_info()["plugins"]["mpi"]:
        assert findings(_doctor._ranks, str(tmp_path)) == {("FAIL", "rustorch-launch is not found")}
