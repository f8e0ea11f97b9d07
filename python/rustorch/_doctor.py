"""What is installed and what works: ``python -m rustorch doctor`` and ``info``.

A check tries the thing itself and returns findings. What is optional and absent is a note with what to install; what is
there and does not work is a failure, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np

import rustorch

from . import _C
from .utils.system import cgroup_memory, config_lines

OK, NOTE, FAIL = "ok", "note", "FAIL"
REPORT = "report this with the output of python -m rustorch info"


class Finding(NamedTuple):
    """One line of the report: how it is, what was found, what to do."""

    level: str
    text: str
    advice: str = ""


Findings = Iterator[Finding]


def _cpu() -> Findings:
    chosen = config_lines()["instruction set"].split()[0]
    with open("/proc/cpuinfo") as file:
        flags = next((line.split(":", 1)[1].split() for line in file if line.startswith("flags")), [])
    has = [flag for flag in ("avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512_bf16", "amx_bf16") if flag in flags]
    yield Finding(OK, f"{chosen} is used; the CPU has {' '.join(has) or 'none of the extensions that matter'}")
    sets = (("avx512", {"avx512f", "avx512bw", "avx512dq", "avx512vl"}), ("avx2", {"avx2", "fma", "f16c"}))
    best = next((name for name, needed in sets if needed <= set(flags)), "baseline")
    if chosen != best and os.environ.get("RUSTORCH_ISA"):
        yield Finding(NOTE, f"RUSTORCH_ISA={os.environ['RUSTORCH_ISA']}, and the CPU has {best}", "unset RUSTORCH_ISA for full speed")


def _blas() -> Findings:
    config = config_lines()
    generator = np.random.default_rng(0)
    a, b = generator.standard_normal((257, 129)), generator.standard_normal((129, 65))
    worst = 0.0
    for dtype in (np.float32, np.float64):
        product = rustorch.from_numpy(a.astype(dtype)) @ rustorch.from_numpy(b.astype(dtype))
        worst = max(worst, float(np.abs(product.numpy() - a @ b).max() / (1e-4 if dtype is np.float32 else 1e-12)))
    text = f"{config['BLAS'].split(' NO_')[0]}, core {config['BLAS core']}"
    if worst <= 1:
        yield Finding(OK, f"{text}: products are right")
    else:
        text += f": a product is off by {worst:.3g} times what rounding explains"
        yield Finding(FAIL, text, "unset OPENBLAS_CORETYPE, or install another OpenBLAS")
    for warning in config.get("warning", "").splitlines():
        text, _, advice = warning.rpartition(": ")
        yield Finding(NOTE, text, advice)


def _cpu_quota() -> Optional[float]:
    """Cores that this container may use at a time, or None."""
    try:
        with open("/sys/fs/cgroup/cpu.max") as file:
            quota, period = file.read().split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else int(quota) / int(period)


def _threads() -> Findings:
    threads, allowed, quota = _C.get_num_threads(), len(os.sched_getaffinity(0)), _cpu_quota()
    yield Finding(OK, f"{threads} for computation, {allowed} cores allowed, {os.cpu_count()} in the machine")
    if threads > allowed:
        yield Finding(NOTE, f"{threads} threads share {allowed} cores", "unset RUSTORCH_NUM_THREADS and OMP_NUM_THREADS, or lower them")
    if quota is not None and quota < threads:
        text = f"this container may use {quota:g} cores, and {threads} threads would compete for them"
        yield Finding(NOTE, text, f"set RUSTORCH_NUM_THREADS={max(1, int(quota))}")
    for name in ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY"):
        if os.environ.get(name):
            yield Finding(NOTE, f"{name}={os.environ[name]} is set, and changes how threads run", f"unset {name} unless it is meant")


def _training() -> Findings:
    x = rustorch.from_numpy(np.linspace(-1, 1, 64, dtype=np.float32).reshape(64, 1))
    model = rustorch.nn.Linear(1, 1)
    optimizer = rustorch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(50):
        optimizer.zero_grad()
        loss = ((model(x) - (3 * x + 1)) ** 2).mean()
        loss.backward()
        optimizer.step()
    found = [float(p) for p in model.parameters()]
    good = np.allclose(found, [3, 1], atol=1e-3)
    text = f"a line 3 x + 1 was fitted as {found[0]:.3f} x + {found[1]:.3f}"
    yield Finding(OK, text) if good else Finding(FAIL, text, REPORT)


def _files(folder: str) -> Findings:
    path, value = os.path.join(folder, "state.h5"), rustorch.arange(1000)
    rustorch.save({"value": value}, path)
    good = rustorch.equal(rustorch.load(path)["value"], value)
    yield Finding(OK if good else FAIL, "a state was written and read" if good else "a state that was written reads differently")
    with open(path, "r+b") as file:  # a byte in the middle
        file.seek(os.path.getsize(path) // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    try:
        rustorch.load(path)
    except _C.SerializationError:
        yield Finding(OK, "a damaged file is recognised")
    else:
        yield Finding(FAIL, "a damaged file was read as if it were whole")


def _images() -> Findings:
    image = rustorch.arange(48, dtype=rustorch.uint8).reshape(3, 4, 4)
    good = rustorch.equal(rustorch.io.decode_image(rustorch.io.encode_png(image)), image)
    yield Finding(OK if good else FAIL, "an image was packed as PNG and unpacked")


_SCRIPTS = (("ko", "Korean", "fonts-noto-cjk"), ("ja", "Japanese", "fonts-noto-cjk"), ("zh-cn", "Chinese", "fonts-noto-cjk"),
            ("ar", "Arabic", "fonts-noto-core"), ("und-zsye", "emoji", "fonts-noto-color-emoji"))  # fmt: skip


def _plots(folder: str) -> Findings:
    path = os.path.join(folder, "plot.png")
    rustorch.visualization.plot_curves({"loss": {"train": [3.0, 2.0, 1.0]}}, path)
    with open(path, "rb") as file:
        good = file.read(8) == b"\x89PNG\r\n\x1a\n"
    yield Finding(OK if good else FAIL, "a chart was drawn")
    if not shutil.which("fc-list"):
        yield Finding(NOTE, "which fonts there are is not known: fc-list is not there", "install fontconfig")
        return
    lacking: Dict[str, List[str]] = {}
    for language, word, package in _SCRIPTS:
        done = subprocess.run(["fc-list", f":lang={language}", "family"], capture_output=True, text=True, timeout=60)
        if not done.stdout.strip():
            lacking.setdefault(package, []).append(word)
    if not lacking:
        yield Finding(OK, "fonts for Latin, Korean, Japanese, Chinese and Arabic letters and for emoji")
    for package, words in lacking.items():
        yield Finding(NOTE, f"no font has {', '.join(words)}: such titles are drawn as boxes", f"install {package} (Debian, Ubuntu)")


_RANK = """
import rustorch
import rustorch.distributed as dist
dist.init_process_group()
x = rustorch.full((1000,), float(dist.get_rank() + 1))
dist.all_reduce(x)
if dist.get_rank() == 0:
    print("sum", float(x.min()), float(x.max()), flush=True)
dist.destroy_process_group()
"""


def package_root() -> str:
    """The folder that this package lies in."""
    return os.path.dirname(os.path.dirname(os.path.abspath(_C.__file__)))


def _launcher() -> Optional[str]:
    """rustorch-launch: beside this Python, on PATH, or in the build tree this package is of."""
    places = [os.path.dirname(sys.executable), os.path.join(os.path.dirname(package_root()), "bin"), os.environ.get("PATH", "")]
    return shutil.which("rustorch-launch", path=os.pathsep.join(places))


def _ranks(folder: str) -> Findings:
    if "mpi: not there" in config_lines()["plug-ins"]:
        text = "communication between ranks (MPI) is not part of this build of rustorch"
        yield Finding(NOTE, text, "install libopenmpi-dev (Debian, Ubuntu) and build again")
        return
    launcher = _launcher()
    if not launcher:
        yield Finding(FAIL, "rustorch-launch is not found", "put the folder that pip installs programs to on PATH")
        return
    if not (shutil.which("mpirun") or shutil.which("mpirun.openmpi")):
        yield Finding(NOTE, "mpirun is not there: training on several processes cannot be used", "install openmpi-bin (Debian, Ubuntu)")
        return
    script = os.path.join(folder, "rank.py")
    with open(script, "w") as file:
        file.write(_RANK)
    code, out, err = _run([launcher, "-n", "2", "--python", sys.executable, script], 60)
    if code == 0 and "sum 3.0 3.0" in out:
        yield Finding(OK, "two ranks added up a tensor over MPI")
    else:
        last = (err or out).strip().splitlines()[-6:]
        what = "two ranks did not end within 60 s" if code is None else f"two ranks over MPI ended with code {code}"
        yield Finding(FAIL, "\n".join([what, *last]), "try `mpirun -n 2 hostname`; it must print this host's name twice")


def _run(command: List[str], seconds: float) -> Tuple[Optional[int], str, str]:
    """Exit code (None: not in time), standard output, standard error. Nothing of it lives on."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("RUSTORCH_RANK", "OMPI_", "PMIX_"))}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [package_root(), environment.get("PYTHONPATH")]))  # this very package
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env=environment,
        start_new_session=True,
    )  # fmt: skip
    try:
        out, err = process.communicate(timeout=seconds)
        return process.returncode, out, err
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        return None, out, err
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise


class _Squares(rustorch.data.Dataset):
    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> int:
        return index * index


def _workers() -> Findings:
    loader = rustorch.data.DataLoader(_Squares(), batch_size=4, num_workers=1, timeout=60)
    good = [batch.tolist() for batch in loader] == [[0, 1, 4, 9], [16, 25, 36, 49]]
    yield Finding(OK if good else FAIL, "a worker process made batches")


def _shared_memory() -> Findings:
    folder = "/dev/shm"
    if not os.path.isdir(folder):
        text = f"{folder} is not there: ranks and worker processes cannot share memory"
        yield Finding(FAIL, text, "mount a tmpfs there; for a container: --shm-size=1g")
        return
    state = os.statvfs(folder)
    free = state.f_bavail * state.f_frsize
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, 1 << 20)
    except OSError as error:
        yield Finding(FAIL, f"{folder} cannot be written: {error.strerror}", "for a container: --shm-size=1g")
        return
    yield Finding(OK, f"{free >> 20} MiB free in {folder}")
    if free < 256 << 20:
        yield Finding(NOTE, "that is little: large tensors between ranks go through messages", "for a container: --shm-size=1g")


# Name in the module resource, what it limits, and from where on it seldom hinders.
_LIMITS = (("NOFILE", "open files", 1024), ("NPROC", "processes", 256), ("AS", "address space", 8 << 30), ("STACK", "stack", 1 << 20))


def _limits() -> Findings:
    import resource

    texts = []
    for name, word, least in _LIMITS:
        soft, hard = resource.getrlimit(getattr(resource, "RLIMIT_" + name))
        shown = "unlimited" if soft == resource.RLIM_INFINITY else str(soft)
        texts.append(f"{word} {shown}")
        if soft != resource.RLIM_INFINITY and soft < least:
            room = "" if hard != resource.RLIM_INFINITY and hard < least else " (the hard limit allows it)"
            text = f"the limit of {word} is {soft}, which many ranks or workers may reach"
            yield Finding(NOTE, text, f"raise it to {least} or more with ulimit{room}")
    yield Finding(OK, ", ".join(texts))


def _disk(folder: str) -> Findings:
    free = shutil.disk_usage(folder).free
    level, advice = (OK, "") if free >= 1 << 30 else (NOTE, "set TMPDIR to a folder with more room")
    yield Finding(level, f"{free >> 20} MiB free in {os.path.dirname(folder)}", advice)


def _memory() -> Findings:
    with open("/proc/meminfo") as file:
        total = int(file.readline().split()[1]) << 10
    limit = cgroup_memory()
    text = f"{total >> 20} MiB" + (f", of which this container may use {limit >> 20}" if limit is not None and limit < total else "")
    yield Finding(OK, text)


def _gpu() -> Findings:
    if rustorch.cuda.is_available():
        yield Finding(OK, f"{rustorch.cuda.device_count()} CUDA devices")
    else:
        yield Finding(NOTE, "no CUDA device can be used: tensors are on the CPU")


# Name, check, whether it starts other processes. A check that takes an argument gets a folder of its own.
CHECKS: Tuple[Tuple[str, Callable[..., Findings], bool], ...] = (
    ("instruction set", _cpu, False),
    ("BLAS", _blas, False),
    ("threads", _threads, False),
    ("memory", _memory, False),
    ("training", _training, False),
    ("files (HDF5)", _files, False),
    ("images", _images, False),
    ("plots", _plots, False),
    ("GPU", _gpu, False),
    ("shared memory", _shared_memory, False),
    ("limits", _limits, False),
    ("disk", _disk, False),
    ("worker processes", _workers, True),
    ("ranks (MPI)", _ranks, True),
)


def examine(check: Callable[..., Findings]) -> List[Finding]:
    """What a check finds; an exception is a finding too."""
    found: List[Finding] = []
    with tempfile.TemporaryDirectory(prefix="rustorch-doctor-") as folder:
        try:
            found.extend(check(folder) if check.__code__.co_argcount else check())
        except _C.PluginError as error:
            absent, _, advice = str(error).partition(": install ")
            broken, _, repair = str(error).partition(". Install ")
            found.append(Finding(NOTE, absent, "install " + advice) if advice else Finding(FAIL, broken, "install " + repair))
        except Exception as error:  # noqa: BLE001  (whatever goes wrong is what this is to report)
            found.append(Finding(FAIL, f"{type(error).__name__}: {error}", REPORT))
    return found


def main(arguments: List[str]) -> int:
    """``python -m rustorch doctor``: 0 if all that is there works, else 1."""
    parser = argparse.ArgumentParser(prog="python -m rustorch doctor", description="Try what is installed, and say what to install.")
    parser.add_argument("--quick", action="store_true", help="leave out what starts other processes")
    options = parser.parse_args(arguments)
    print(f"rustorch {_C.__version__} in {os.path.dirname(os.path.abspath(_C.__file__))}")
    print(f"Python {platform.python_version()} ({sys.executable}), NumPy {np.__version__}, {platform.platform()}\n", flush=True)
    counts = {OK: 0, NOTE: 0, FAIL: 0}
    for name, check, starts_processes in CHECKS:
        if options.quick and starts_processes:
            continue
        for finding in examine(check):
            counts[finding.level] += 1
            _show(name, finding)
            name = ""
    print()
    if counts[FAIL]:
        print(f"{counts[FAIL]} problem{'s' if counts[FAIL] > 1 else ''}, {counts[NOTE]} notes.")
        return 1
    print(f"All that is there works; {counts[NOTE]} notes.")
    return 0


def _show(name: str, finding: Finding) -> None:
    first, *more = finding.text.splitlines()
    print(f"{finding.level:<5} {name:<17} {first}")
    for line in more:
        print(" " * 24 + line)
    if finding.advice:
        print(" " * 24 + "→ " + finding.advice)
    sys.stdout.flush()


def info(arguments: List[str]) -> int:
    """``python -m rustorch info``: print what :func:`rustorch.show_config` prints."""
    text = "Versions, instruction set, BLAS, plug-ins and settings."
    argparse.ArgumentParser(prog="python -m rustorch info", description=text).parse_args(arguments)
    print(_C.config_text(), end="")
    return 0
