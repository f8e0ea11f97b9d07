"""Process groups and DistributedDataParallel: alone in this process, and on real ranks through rustorch-launch."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import rustorch as torch
import rustorch.distributed as dist

SCRIPTS = Path(__file__).resolve().parents[1] / "launch"
PACKAGES = Path(torch.__file__).parent.parent  # not resolved: the build tree links into the source tree
RUN_AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def launcher():
    beside = PACKAGES.parent / "bin" / "rustorch-launch"
    found = os.environ["RUSTORCH_LAUNCH"] or (str(beside) if beside.exists() else "")  # tests/conftest.py looked for it
    if not found:
        pytest.skip("rustorch-launch is not built")
    return found


def needs_mpi():
    if not dist.is_mpi_available() or not shutil.which("mpirun"):
        pytest.skip("MPI is not installed")


def run(command, timeout=120, **environment):
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("OMPI_", "PMIX_", "RUSTORCH_RANK"))}
    # Unbuffered, each argument of print() and each part of a traceback is a write of its own, and mpirun mixes those of ranks.
    variables.update(dict(RUN_AS_ROOT, PYTHONPATH=str(PACKAGES), PYTHONUNBUFFERED=""), **environment)
    return subprocess.run([str(word) for word in command], env=variables, capture_output=True, text=True, timeout=timeout)


def launch(ranks, script, *arguments, timeout=120, **environment):
    if ranks > 1:
        needs_mpi()
    command = [launcher(), "-n", ranks, "--oversubscribe", "--python", sys.executable, SCRIPTS / script, *arguments]
    return run(command, timeout, **environment)


@pytest.fixture
def alone():
    """Leaves no group behind."""
    yield
    if dist.is_initialized():
        dist.destroy_process_group()


# ---------------------------------------------------------------------------------------------- real ranks


@pytest.mark.parametrize("ranks", [1, 2, 4])
@pytest.mark.parametrize("script", ["dist_collectives.py", "dist_ddp.py", "dist_sync_norm.py", "dist_metrics.py"])
def test_ranks(script, ranks):
    job = launch(ranks, script)
    assert job.returncode == 0, job.stdout + job.stderr
    assert sorted(re.findall(r"fine \d", job.stdout)) == [f"fine {rank}" for rank in range(ranks)]


def test_mpirun_without_our_launcher():
    needs_mpi()
    job = run(["mpirun", "--oversubscribe", "-n", 2, sys.executable, SCRIPTS / "dist_collectives.py"])
    assert job.returncode == 0, job.stdout + job.stderr
    assert sorted(re.findall(r"fine \d", job.stdout)) == ["fine 0", "fine 1"]
    assert job.stderr.count("started without rustorch-launch") == 1


def test_without_shared_memory():
    job = launch(2, "dist_ddp.py", RUSTORCH_COMM_SHARED="0")
    assert job.returncode == 0, job.stdout + job.stderr


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize(
    "quarrel,one,other",
    [
        ("op", "rank {other} calls all_reduce(1000 float32, sum)", "rank {last} calls barrier()"),
        ("size", "rank {other} calls all_reduce(1000000 float32, sum)", "rank {last} calls all_reduce(1000001 float32, sum)"),
    ],
)
def test_ranks_that_disagree(quarrel, one, other, ranks):
    job = launch(ranks, "dist_quarrel.py", quarrel, timeout=60)
    lines = re.findall(r"rank (\d) after ([\d.]+) s: (\w+): (.*)", job.stdout)
    assert sorted(line[0] for line in lines) == [str(rank) for rank in range(ranks)], job.stdout + job.stderr
    for _, seconds, kind, message in lines:
        assert float(seconds) < 10 and kind == "DistributedError"
        assert any(one.format(other=k) in message for k in range(ranks)) and other.format(last=ranks - 1) in message


def test_send_that_does_not_fit():
    job = launch(2, "dist_quarrel.py", "send", timeout=60)
    lines = re.findall(r"rank \d after ([\d.]+) s: DistributedError: (.*)", job.stdout)
    assert lines and float(lines[0][0]) < 10, job.stdout + job.stderr
    assert "rank 0 calls send(3 float32, to rank 1), but rank 1 calls recv(3 int32, from rank 0)" in job.stdout


def test_a_late_rank_is_named():
    job = launch(3, "dist_quarrel.py", "late", timeout=60, RUSTORCH_COMM_TIMEOUT="1")
    lines = dict(re.findall(r"rank (\d) after [\d.]+ s: DistributedError: (.*)", job.stdout))
    assert set(lines) == {"0", "1", "2"}, job.stdout + job.stderr
    for message in lines.values():
        assert "is not over after 1 s: rank 2 has not joined it (its last collective was barrier())" in message


def test_a_rank_that_ends_its_script_is_named():
    needs_mpi()
    # Under mpirun: our launcher would end the job by itself.
    script = "import rustorch as t, rustorch.distributed as d\nd.init_process_group()\nif d.get_rank() == 0: d.barrier()"
    job = run(["mpirun", "--oversubscribe", "-n", 2, sys.executable, "-c", script], timeout=60)
    assert job.returncode != 0
    assert "rank 1 has ended its script, but rank 0 waits for it in barrier()" in job.stderr


def test_a_failed_rank_ends_the_job():
    needs_mpi()
    script = "import rustorch as t, rustorch.distributed as d\nd.init_process_group()\nif d.get_rank(): raise KeyError('mine')\nd.barrier()"
    began = time.monotonic()
    job = run(["mpirun", "--oversubscribe", "-n", 2, sys.executable, "-c", script], timeout=60)
    assert job.returncode == 1 and "KeyError: 'mine'" in job.stderr
    assert time.monotonic() - began < 15


def test_without_mpi_it_is_named(tmp_path, whole_package):
    def others(folder, names):
        return [name for name in names if name.startswith("rustorch_mpi") or name == "__pycache__"]

    shutil.copytree(whole_package, tmp_path / "rustorch", ignore=others)
    script = "import rustorch.distributed as d\nprint(d.is_mpi_available())\nd.init_process_group()"
    job = run([sys.executable, "-c", script], PYTHONPATH=str(tmp_path), RUSTORCH_WORLD_SIZE="2", PMIX_RANK="0")
    assert job.returncode == 1 and job.stdout == "False\n"
    assert "PluginError" in job.stderr and "openmpi-bin" in job.stderr


def test_srun_without_pmix_is_found_out():
    script = "import rustorch.distributed as d\nd.init_process_group()"
    job = run([sys.executable, "-c", script], SLURM_STEP_NUM_TASKS="4", SLURM_PROCID="0", RUSTORCH_WORLD_SIZE="")
    assert job.returncode == 1 and "srun --mpi=pmix" in job.stderr


# ---------------------------------------------------------------------------------------------- alone


def test_a_group_of_one(alone):
    assert not dist.is_initialized() and dist.is_available()
    dist.init_process_group()
    assert (dist.get_rank(), dist.get_world_size(), dist.get_backend()) == (0, 1, "solo")
    assert dist.get_local_rank() == 0 and dist.get_local_size() == 1
    x = torch.arange(4.0)
    dist.all_reduce(x, op=dist.ReduceOp.AVG)
    work = dist.all_reduce(x, async_op=True)
    assert work.wait() and x.tolist() == [0, 1, 2, 3]
    assert dist.group.WORLD is dist.GroupMember.WORLD and dist.group.WORLD.size() == 1
    dist.destroy_process_group()
    assert dist.group.WORLD is None


def test_first_use_brings_the_group_up(alone):
    x = torch.ones(2)
    dist.all_reduce(x)
    assert dist.is_initialized()


def test_in_place_collectives_count_as_writes(alone):
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    z = y * y
    dist.all_reduce(y)
    with pytest.raises(RuntimeError, match="modified"):
        z.sum().backward()


@pytest.mark.parametrize(
    "arguments,kind,words",
    [
        (dict(backend="nccl"), torch.DeviceError, "nccl"),
        (dict(backend="carrier pigeon"), ValueError, "carrier pigeon"),
        (dict(backend="cpu:gloo,cuda:nccl", world_size=3), torch.DistributedError, "rustorch-launch"),
        (dict(world_size=2, rank=0), torch.DistributedError, "rustorch-launch"),
        (dict(rank=1), torch.DistributedError, "started as rank 0"),
        (dict(init_method="smoke signals"), ValueError, "env://"),
        (dict(timeout=-1), ValueError, "timeout"),
        (dict(timeout="soon"), TypeError, "timeout"),
        (dict(store=object()), NotImplementedError, "store"),
        (dict(device_id="cuda:0"), torch.DeviceError, "GPU"),
    ],
)
def test_init_process_group_refuses(alone, arguments, kind, words):
    with pytest.raises(kind, match=words):
        dist.init_process_group(**arguments)
    assert not dist.is_initialized()
    dist.init_process_group()  # nothing is left behind


def test_config(alone):
    config = dist.DistributedConfig(backend="nccl", world_size=4, rank=0)
    assert (config.backend(), config.world_size(), config.rank(), config.master_port()) == ("nccl", 4, 0, 29500)
    with pytest.raises(torch.DeviceError):
        dist.init_process_group(config)
    with pytest.raises(torch.DistributedError):
        dist.init_process_group(dist.DistributedConfig("mpi", 4))
    dist.init_process_group(dist.DistributedConfig("mpi"))
    with pytest.raises(ValueError):
        dist.DistributedConfig(world_size=2, rank=2)


@pytest.mark.parametrize(
    "call,kind",
    [
        (lambda: dist.all_reduce([1]), TypeError),
        (lambda: dist.all_reduce(torch.ones(1), op="plus"), TypeError),
        (lambda: dist.all_reduce(torch.ones(1), group="world"), TypeError),
        (lambda: dist.broadcast(torch.ones(1), 1), ValueError),
        (lambda: dist.broadcast(torch.ones(1)), ValueError),
        (lambda: dist.all_gather([], torch.ones(1)), ValueError),
        (lambda: dist.all_gather([torch.ones(2)], torch.ones(1)), ValueError),
        (lambda: dist.all_gather([torch.ones(1, dtype=torch.int32)], torch.ones(1)), ValueError),
        (lambda: dist.new_group([1]), ValueError),
        (lambda: dist.new_group([]), ValueError),
        (lambda: dist.isend(torch.ones(1), 0), ValueError),
        (lambda: dist.P2POp(print, torch.ones(1), 0), ValueError),
        (lambda: dist.batch_isend_irecv([]), ValueError),
    ],
)
def test_refusals(alone, call, kind):
    dist.init_process_group()
    with pytest.raises(kind):
        call()


def test_numpy_memory_and_lifetime(alone):
    dist.init_process_group()
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    work = dist.all_reduce(torch.from_numpy(array)[:, ::2], op=dist.ReduceOp.MAX, async_op=True)
    assert work.wait() and array.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_forked_child_is_told():
    dist.init_process_group()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            dist.all_reduce(torch.ones(1))
            answer = "it worked"
        except RuntimeError as error:
            answer = str(error)
        os.write(writing, answer.encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        assert "forked" in pipe.read()
    dist.all_reduce(torch.ones(1))
    dist.destroy_process_group()
