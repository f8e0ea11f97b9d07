"""Training on real ranks: killed and resumed, stopped by hand, and what a rank is told when something is wrong."""

import os
import re
import signal
import time

import pytest

import rustorch

# Four epochs of five steps on each of two ranks; a checkpoint after every third step. What decides about the next bits is
# all there: dropout, the order of the samples, a schedule, a second generator, Python's random numbers.
RESUME = """
    import os, random, signal, sys
    import rustorch as rt
    import rustorch.distributed as dist
    from rustorch import checkpoint, nn, optim
    from rustorch.data import DataLoader, DistributedSampler, TensorDataset
    from rustorch.nn.parallel import DistributedDataParallel

    folder, victim = sys.argv[1], int(sys.argv[2])
    dist.init_process_group()
    rank = dist.get_rank()
    first = os.environ["RUSTORCH_RESTART_COUNT"] == "0"
    rt.manual_seed(5 + rank if first else 100)
    random.seed(7 + rank if first else 100)
    own = rt.Generator().manual_seed(9 + rank if first else 100)
    x = rt.randn(80, 6, generator=rt.Generator().manual_seed(1))
    data = TensorDataset(x, (x.sum(1) > 0).to(rt.int64))
    sampler = DistributedSampler(data, seed=3)
    loader = DataLoader(data, batch_size=8, sampler=sampler, num_workers=1)
    net = nn.Sequential(nn.Linear(6, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 2))
    model = DistributedDataParallel(net)
    optimizer = optim.AdamW(model.parameters(), lr=0.01)
    scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    parts = dict(model=net, optimizer=optimizer, scheduler=scheduler, loader=loader, generators=[own])

    start, step, seen = 0, 0, []
    newest = checkpoint.latest(folder)
    if newest:
        found = checkpoint.load(newest, **parts)
        start, step = found.epoch, found.step
    print(f"rank {rank} begins at step {step}")
    for epoch in range(start, 4):
        sampler.set_epoch(epoch)
        for features, labels in loader:
            noise = 0.01 * (random.random() + rt.rand(1, generator=own).item())
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(features + noise), labels)
            loss.backward()
            if first and step == 12 and rank == victim:
                os.kill(os.getpid(), signal.SIGKILL)
            optimizer.step()
            step += 1
            seen.append([step, features.clone(), noise, loss.item()])
            if step % 3 == 0:
                checkpoint.save(folder, **parts, step=step, epoch=epoch)
        scheduler.step()
    sampler.set_epoch(4)
    upcoming = [[batch[0].clone() for batch in loader], rt.rand(3), random.random(), rt.rand(3, generator=own)]
    rt.save({"model": net.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict(),
             "seen": seen, "next": upcoming}, f"{folder}-end{rank}.h5")
"""

# Trains until somebody stops it, with a bar and with worker processes for the data; each rank says when it is under way.
ENDLESS = """
    import os
    import rustorch as rt
    import rustorch.distributed as dist
    from rustorch import nn
    from rustorch.data import DataLoader, Dataset
    from rustorch.nn.parallel import DistributedDataParallel
    from rustorch.progress import ProgressBar

    class Rows(Dataset):
        def __len__(self):
            return 1000000

        def __getitem__(self, index):
            return rt.full((8,), float(index % 7))

    dist.init_process_group()
    rank = dist.get_rank()
    model = DistributedDataParallel(nn.Linear(8, 8))
    loader = DataLoader(Rows(), batch_size=4, num_workers=2)
    for step, rows in enumerate(ProgressBar(loader, text="epoch 1", show=rank == 0)):
        model(rows).sum().backward()
        if step == 5:
            open("up%d.tmp" % rank, "w").write("%d\\n" % os.getpid())
            os.rename("up%d.tmp" % rank, "up%d" % rank)
"""


@pytest.fixture
def launch(launch_mpi):
    return launch_mpi


def same(a, b):
    """To the bit."""
    if isinstance(a, rustorch.Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and a.numpy().tobytes() == b.numpy().tobytes()
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return a == b


@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_job_ends_in_the_same_bits(launch, victim):
    script = launch.script(RESUME)
    straight = launch.run("-n", 2, script, "straight", -1)
    assert straight.code == 0, straight.err
    killed = launch.run("-n", 2, "--max-restarts", 1, script, "killed", victim)
    assert killed.code == 0, killed.err
    assert re.search(r"rank %d \(pid \d+ on \S+\) was killed by signal 9" % victim, killed.err)
    assert killed.err.count("starting the job again (restart 1 of 1)") == 1
    # two epochs of five steps were done, the third was at its third step; the checkpoint of step 12 is in its middle
    assert sorted(killed.out.splitlines()) == sorted(
        "rank %d begins at step %d" % (rank, step) for rank in range(2) for step in (0, 12)
    )
    for rank in range(2):
        one, other = (
            rustorch.load(launch.folder / ("%s-end%d.h5" % (name, rank))) for name in ("straight", "killed")
        )
        assert len(one["seen"]) == 20 and len(other["seen"]) == 8
        assert same(one["seen"][12:], other["seen"])
        for part in ("model", "optimizer", "scheduler", "next"):
            assert same(one[part], other[part]), part
    ends = [rustorch.load(launch.folder / ("killed-end%d.h5" % rank)) for rank in range(2)]
    assert not same(ends[0]["next"], ends[1]["next"])  # each rank has its own samples and random numbers


def test_a_lost_rank_ends_a_training_job(launch):
    """Within two seconds, from the middle of backward's communication, worker processes included."""
    job = launch.start("-n", 2, launch.script(ENDLESS))
    pids = [int(job.wait_for(launch.folder / ("up%d" % rank))) for rank in range(2)]
    os.kill(pids[1], signal.SIGKILL)
    killed = time.monotonic()
    job.finish(10)
    assert time.monotonic() - killed < 2 and job.code == 137
    assert job.err.count("\n") == 1 and "rank 1 (pid %d" % pids[1] in job.err, job.err


def test_interrupted_while_training(launch):
    """On a terminal, where Ctrl-C reaches every process of the job at once, and sent to the launcher alone."""
    script = launch.script(ENDLESS)

    def press(terminal, job):
        for rank in range(2):
            job.wait_for(launch.folder / ("up%d" % rank))
        pressed.append(time.monotonic())
        os.write(terminal, b"\x03")

    pressed = []
    job = launch.on_terminal("-n", 2, script, act=press)
    assert job.code == 130 and job.began + job.seconds - pressed[0] < 2
    assert "Traceback" not in job.shown and job.shown.endswith("rustorch-launch: stopped by Ctrl-C\n"), job.shown
    for rank in range(2):
        (launch.folder / ("up%d" % rank)).unlink()
    job = launch.start("-n", 2, script)
    for rank in range(2):
        job.wait_for(launch.folder / ("up%d" % rank))
    job.process.send_signal(signal.SIGINT)
    told = time.monotonic()
    job.finish(10)
    assert job.code == 130 and time.monotonic() - told < 2
    assert job.err == "rustorch-launch: stopped by Ctrl-C\n", job.err


# ---- what is wrong is said once, with the rank and its traceback


def fails(launch, text, ranks=2, *words):
    """The job's message: the first rank that failed speaks, and nobody else."""
    script = launch.script("import rustorch as rt, rustorch.distributed as dist\ndist.init_process_group()\n" + text)
    job = launch.run("-n", ranks, "--oversubscribe", script, *words, timeout=30)
    told = "".join(line for line in job.err.splitlines(True) if "will be slow" not in line)
    assert job.code == 1 and told.count("Traceback") == 1 and told.count("rustorch-launch: rank ") == 1, job.err
    return told


@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_that_call_different_collectives(launch, ranks):
    began = time.monotonic()
    told = fails(launch, "dist.barrier() if dist.get_rank() == 1 else dist.all_reduce(rt.ones(3))", ranks)
    assert time.monotonic() - began < 15  # 10 s for the ranks, the rest for their start
    assert re.search(r"rank \d calls all_reduce\(3 float32, sum\)", told) and "rank 1 calls barrier()" in told, told


def test_a_rank_that_leaves_is_named(launch):
    told = fails(launch, "if dist.get_rank() == 0: dist.all_reduce(rt.ones(3))")
    assert "rank 0 (pid" in told
    assert "rank 1 has ended its script, but rank 0 waits for it in all_reduce(3 float32, sum)" in told


def test_a_wrong_path_of_data(launch):
    told = fails(launch, "from rustorch.data.datasets import FashionMNIST\nFashionMNIST('/no/data')")
    assert "SerializationFileNotFoundError: FashionMNIST: train-images-idx3-ubyte" in told
    assert "is in none of /no/data, /no/data/FashionMNIST/raw" in told
    told = fails(launch, "from rustorch.data.datasets import FashionMNIST\nFashionMNIST(__file__)")
    assert "train.py is a file, its folder is needed" in told


def test_a_wrong_path_of_a_checkpoint(launch):
    assert "no.h5 cannot be opened: No such file" in fails(launch, "rt.checkpoint.load('no.h5')")
    assert 'is not a rustorch file: it begins with "' in fails(launch, "rt.checkpoint.load(__file__)")
    assert "train.py is a file, and no folder of checkpoints" in fails(launch, "rt.checkpoint.latest(__file__)")
    (launch.folder / "empty").mkdir()
    assert "empty has no checkpoint that can be used" in fails(launch, "rt.checkpoint.load('empty')")
    told = fails(launch, "rt.checkpoint.save(__file__ + '/run.h5', step=1)")
    assert "Not a directory" in told and "train.py" in told


# One file, read at once by the worker processes of each rank.
ROWS = """
    import sys
    import rustorch as rt
    import rustorch.distributed as dist
    from rustorch.data import DataLoader, DistributedSampler
    from rustorch.data.datasets import HDF5Dataset

    dist.init_process_group()
    seen = rt.zeros(600, dtype=rt.int64)
    for name in ("plain", "packed"):
        data = HDF5Dataset(sys.argv[1], [name, "number"], transform=lambda sample: sample)  # Python's workers, not C's threads
        loader = DataLoader(data, batch_size=16, sampler=DistributedSampler(data, shuffle=True), num_workers=2)
        for rows, numbers in loader:
            assert rows.shape[1:] == (7,) and rt.equal(rows[:, 3], numbers * 10.0 + 3), (name, rows[:, 3], numbers)
            seen[numbers] += 1
    dist.all_reduce(seen)
    assert seen.tolist() == [2] * 600  # each row once from each of the two layouts
    dist.destroy_process_group()
"""


@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_read_one_hdf5_file(launch, ranks):
    numpy, h5py = pytest.importorskip("numpy"), pytest.importorskip("h5py")
    rows = (numpy.arange(600)[:, None] * 10 + numpy.arange(7)).astype("float32")
    with h5py.File(launch.folder / "rows.h5", "w") as file:
        file["plain"] = rows
        file.create_dataset("packed", data=rows, chunks=(50, 7), compression="gzip")
        file["number"] = numpy.arange(600)
    job = launch.run("-n", ranks, "--oversubscribe", launch.script(ROWS), launch.folder / "rows.h5", timeout=120)
    assert job.code == 0, job.err
