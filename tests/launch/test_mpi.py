"""What MPI does with ranks that rustorch-launch supervises, and ranks that the user's own mpirun started.

The scripts speak to the MPI library by ctypes, so that this needs nothing but Open MPI.
"""

import os
import re
import shutil
import signal
import time

import pytest

MPI = """
    import ctypes, os, signal, sys, time
    mpi = ctypes.CDLL("libmpi.so.40", ctypes.RTLD_GLOBAL)
    world = ctypes.c_void_p.in_dll(mpi, "ompi_mpi_comm_world")
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])

    def init():
        mpi.MPI_Init(None, None)
        found = ctypes.c_int()
        mpi.MPI_Comm_rank(ctypes.byref(world), ctypes.byref(found))
        assert found.value == rank, (found.value, rank)
        mpi.MPI_Comm_size(ctypes.byref(world), ctypes.byref(found))
        assert found.value == size, (found.value, size)

    def barrier():
        mpi.MPI_Barrier(ctypes.byref(world))

    def up():
        open("up%d.tmp" % rank, "w").write("%d\\n" % os.getpid())
        os.rename("up%d.tmp" % rank, "up%d" % rank)
"""

MPIRUN = [shutil.which("mpirun") or "mpirun", "--allow-run-as-root", "--oversubscribe"]


@pytest.fixture
def launch(launch_mpi):
    import ctypes

    try:
        ctypes.CDLL("libmpi.so.40")
    except OSError:
        pytest.skip("libmpi.so.40 is not installed")
    launch_mpi.environment["OMPI_MCA_btl_base_warn_component_unused"] = "0"
    return launch_mpi


def test_the_worker_is_the_rank(launch):
    script = launch.script(MPI + "    init(); barrier(); mpi.MPI_Finalize(); print(f'fine {rank}')")
    job = launch.run("-n", 2, script)
    assert job.code == 0 and sorted(job.out.splitlines()) == ["fine 0", "fine 1"] and job.err == ""


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("leave,code", [("os.kill(os.getpid(), 9)", 137), ("1/0", 1), ("sys.exit(3)", 3)])
def test_one_rank_dies_in_a_group(launch, ranks, leave, code):
    script = launch.script(MPI + "    init(); barrier()\n    if rank == 1: " + leave + "\n    barrier()")
    job = launch.run("-n", ranks, "--oversubscribe", script, timeout=20)
    assert job.code == code and job.err.count("rank 1 (pid") == 1 and "mpirun" not in job.err
    assert job.seconds < 4


def test_killed_from_outside_is_over_in_two_seconds(launch):
    script = launch.script(MPI + "    init(); barrier(); up()\n    while True: barrier(); time.sleep(0.01)")
    job = launch.start("-n", 2, script)
    pids = [int(job.wait_for(launch.folder / ("up%d" % k))) for k in range(2)]
    os.kill(pids[0], signal.SIGKILL)
    killed = time.monotonic()
    job.finish(10)
    assert job.code == 137 and time.monotonic() - killed < 2


def test_a_rank_that_leaves_in_silence(launch):
    script = launch.script(MPI + "    init(); barrier()\n    if rank == 1: os._exit(0)\n    barrier()")
    job = launch.run("-n", 2, script, timeout=10)
    assert job.code == 1 and job.err.count("rank 1 (pid") == 1
    assert "exit code 0 while other ranks were still working" in job.err


def test_interrupted_in_a_group(launch):
    script = launch.script(MPI + "    init(); barrier(); up()\n    if rank: time.sleep(60)\n    barrier()")
    job = launch.start("-n", 2, script)
    for k in range(2):
        job.wait_for(launch.folder / ("up%d" % k))
    job.process.send_signal(signal.SIGINT)
    told = time.monotonic()
    job.finish(10)
    assert job.code == 130 and time.monotonic() - told < 2


# ---- ranks of the user's own mpirun


def test_under_mpirun(launch):
    script = launch.script(MPI + "    init(); barrier(); mpi.MPI_Finalize(); print(f'fine {rank} {sys.argv[1:]}')")
    job = launch.run(script, "a", "-b", command=[*MPIRUN, "-n", "2"])
    assert job.code == 0 and sorted(job.out.split("\n")[:2]) == ["fine 0 ['a', '-b']", "fine 1 ['a', '-b']"]
    assert launch.run("-n", 2, script, command=[*MPIRUN, "-n", "2"]).code == 0
    wrong = launch.run("-n", 3, script, command=[*MPIRUN, "-n", "2"])
    assert wrong.code == 2 and wrong.err.count("-n 3, but Open MPI started 2 ranks") == 1
    again = launch.run("--max-restarts", 3, script, command=[*MPIRUN, "-n", "2"])
    assert again.code == 2 and "--max-restarts" in again.err


def test_the_cause_is_told_once_under_mpirun(launch):
    script = launch.script(
        MPI + "    init(); barrier()\n    if rank != 1: barrier()\n    raise ValueError('of rank 1')"
    )
    job = launch.run(script, command=[*MPIRUN, "-n", "3"], timeout=20)
    assert job.code == 1 and job.err.count("Traceback") == 1 and job.err.count("rustorch-launch: rank 1 (pid") == 1
    both = launch.run(launch.script("raise ValueError('of all')"), command=[*MPIRUN, "-n", "3"], timeout=20)
    assert both.code == 1 and both.err.count("Traceback") == 1


def test_killed_under_mpirun(launch):
    script = launch.script(
        MPI + "    init(); barrier(); up(); barrier()\n    if rank == 1: time.sleep(60)\n    barrier()"
    )
    job = launch.start(script, command=[*MPIRUN, "-n", "2"])
    pids = [int(job.wait_for(launch.folder / ("up%d" % k))) for k in range(2)]
    time.sleep(0.1)
    os.kill(pids[1], signal.SIGKILL)
    killed = time.monotonic()
    job.finish(10)
    assert time.monotonic() - killed < 2.5 and job.code == 137
    assert job.err.count("rustorch-launch: rank 1 (pid %d" % pids[1]) == 1


def test_mpirun_is_told_to_stop(launch):
    script = launch.script(MPI + "    init(); up(); barrier(); time.sleep(60)")
    job = launch.start(script, command=[*MPIRUN, "-n", "2"])
    for k in range(2):
        job.wait_for(launch.folder / ("up%d" % k))
    job.process.send_signal(signal.SIGTERM)
    job.finish(10)
    assert "Traceback" not in job.err


def test_placement_under_mpirun(launch):
    """Open MPI binds two ranks to one core each if nobody asks; a binding that was asked for stays."""
    cores = sorted(os.sched_getaffinity(0))
    script = launch.script("import os; print('rank', os.environ['RANK'], sorted(os.sched_getaffinity(0)))")
    job = launch.run(script, command=[*MPIRUN[:2], "-n", "2"] if len(cores) > 1 else [*MPIRUN, "-n", "2"])
    shares = [eval(text) for text in re.findall(r"rank \d (\[.*?\])", job.out)]
    assert len(shares) == 2 and sorted(set(shares[0] + shares[1])) == cores
    bound = launch.run("--dry-run", script, command=[*MPIRUN[:2], "--bind-to", "core", "-n", "1"])
    assert "core" in bound.out


def test_missing_script_under_mpirun(launch):
    job = launch.run("nothing.py", command=[*MPIRUN, "-n", "2"])
    assert job.code == 2 and job.err.count("there is no script nothing.py") == 1


def test_nothing_is_left_when_mpirun_is_killed(launch):
    """Open MPI's folder and shared memory are removed for it."""
    script = launch.script(MPI + "    init(); barrier(); up(); time.sleep(60)")
    job = launch.start("-n", 2, script)
    for k in range(2):
        job.wait_for(launch.folder / ("up%d" % k))
    assert list((launch.folder / "shm").iterdir()) and list(launch.folder.glob("tmp/ompi.*/pid.*"))
    (mpirun,) = [pid for pid, line in job.left().items() if "mpirun" in line.split(" ")[0]]
    os.kill(mpirun, signal.SIGKILL)
    assert job.finish(5).code == 137
