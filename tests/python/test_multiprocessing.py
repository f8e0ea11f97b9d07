"""rustorch.multiprocessing: tensors between processes, shared memory, spawn; and process groups of ranks that a script starts."""

import os
import socket
import subprocess
import sys
import textwrap
import time

import pytest

import rustorch as torch
import rustorch.multiprocessing as mp
from rustorch.nn.parameter import Parameter


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def script(folder, text, *words, timeout=90, **environment):
    (folder / "script.py").write_text(textwrap.dedent(text))
    return subprocess.run(
        [sys.executable, "script.py", *map(str, words)], cwd=folder, capture_output=True, text=True, timeout=timeout,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
    )


# ---------------------------------------------------------------------------------------------- shared memory


def test_share_memory():
    x = torch.arange(6.0).reshape(2, 3)
    view = x.t()
    assert not x.is_shared() and x.share_memory_() is x and x.is_shared() and x[1].is_shared() and not view.is_shared()
    assert x.tolist() == [[0, 1, 2], [3, 4, 5]] and x.share_memory_().is_shared()
    assert torch.zeros(()).share_memory_().item() == 0 and torch.zeros(0).share_memory_().is_shared()
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    parameters = list(model.parameters())
    assert model.share_memory() is model and list(model.parameters())[0] is parameters[0]
    assert all(each.is_shared() for each in [*model.parameters(), *model.buffers()])
    assert parameters[0].requires_grad and isinstance(parameters[0], Parameter)


def test_memory_goes_with_its_tensors():
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        torch.zeros(1000).share_memory_()
    assert len(os.listdir("/proc/self/fd")) <= before + 1


def _write(x):
    x += 1


def test_forked_children_write():
    x = torch.zeros(3).share_memory_()
    plain = torch.zeros(3)
    context = mp.get_context("fork")
    for each in (x, plain):
        process = context.Process(target=_write, args=(each,))
        process.start()
        process.join()
        assert process.exitcode == 0
    assert x.tolist() == [1, 1, 1] and plain.tolist() == [0, 0, 0]


HOGWILD = """
import rustorch as torch, rustorch.multiprocessing as mp

def train(i, model, queue, done):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(20):
        optimizer.zero_grad()
        (model(torch.ones(1, 2)) - 3).square().sum().backward()
        optimizer.step()
    queue.put(model.weight)  # the same memory, through a queue
    done.wait(30)

if __name__ == "__main__":
    mp.set_start_method("spawn", force=True)
    mp.set_sharing_strategy("file_system")
    model = torch.nn.Linear(2, 1).share_memory()
    queue, done = mp.SimpleQueue(), mp.Event()
    processes = [mp.Process(target=train, args=(i, model, queue, done)) for i in range(2)]
    for process in processes:
        process.start()
    back = [queue.get() for _ in processes]
    done.set()
    for process in processes:
        process.join()
    loss = (model(torch.ones(1, 2)) - 3).square().item()
    with torch.no_grad():
        model.weight.fill_(7)
    print(loss < 1e-3, [w.tolist() for w in back], type(back[0]).__name__, back[0].requires_grad, [p.exitcode for p in processes])
"""


def test_hogwild_by_spawn(tmp_path):
    done = script(tmp_path, HOGWILD)
    assert done.stdout == "True [[[7.0, 7.0]], [[7.0, 7.0]]] Parameter True [0, 0]\n", done.stderr


def test_tensors_in_queues():
    queue = mp.get_context("fork").SimpleQueue()
    for tensor in (torch.arange(3), torch.ones(2, requires_grad=True), Parameter(torch.zeros(2)), torch.ones(2).share_memory_().t()):
        queue.put(tensor)
        back = queue.get()
        assert back.tolist() == tensor.tolist() and back.requires_grad == tensor.requires_grad and type(back) is type(tensor)
    with pytest.raises(torch.AutogradError, match="detach"):
        from rustorch.multiprocessing.reductions import reduce_tensor

        y = torch.ones(2, requires_grad=True) * 2
        y.share_memory_()
        reduce_tensor(y)


def test_sharing_strategies():
    assert mp.get_sharing_strategy() in mp.get_all_sharing_strategies()
    with pytest.raises(ValueError):
        mp.set_sharing_strategy("paper")


# ---------------------------------------------------------------------------------------------- spawn


def _note(i, folder, threads):
    with open(os.path.join(folder, f"{i}-{torch.get_num_threads() == threads}"), "w"):
        pass


def _fail(i, how):
    if i == 1:
        if how == "raise":
            raise KeyError("lost")
        if how == "exit":
            sys.exit(5)
        os.kill(os.getpid(), 9)
    time.sleep(60)


def test_start_processes(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    threads = max(1, torch.get_num_threads() // 2)
    assert mp.start_processes(_note, (str(tmp_path), threads), nprocs=2, start_method="fork") is None
    assert sorted(os.listdir(tmp_path)) == ["0-True", "1-True"]
    context = mp.start_processes(_note, (str(tmp_path), threads), nprocs=2, join=False, start_method="fork")
    assert len(context.pids()) == 2
    while not context.join():
        pass


@pytest.mark.parametrize("how, kind, words", [
    ("raise", mp.ProcessRaisedException, "Process 1 terminated with the following error:(.|\n)*KeyError: 'lost'"),
    ("exit", mp.ProcessExitedException, "process 1 terminated with exit code 5"),
    ("kill", mp.ProcessExitedException, "process 1 terminated with signal SIGKILL"),
])  # fmt: skip
def test_failures(how, kind, words):
    began = time.monotonic()
    with pytest.raises(kind, match=words) as error:
        mp.start_processes(_fail, (how,), nprocs=2, start_method="fork")
    assert error.value.error_index == 1 and error.value.error_pid > 0 and time.monotonic() - began < 20


def test_wrong_arguments():
    with pytest.raises(TypeError):
        mp.spawn(3)
    with pytest.raises(ValueError):
        mp.spawn(_note, nprocs=0)


# ---------------------------------------------------------------------------------------------- ranks without a launcher

RANKS = """
import os, sys
import rustorch as torch, rustorch.distributed as dist, rustorch.multiprocessing as mp
from rustorch.nn.parallel import DistributedDataParallel

def run(rank, size, port):
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=size)
    assert (dist.get_rank(), dist.get_world_size(), dist.get_backend()) == (rank, size, "gloo")
    x = torch.full((300000,), float(rank + 1))
    dist.all_reduce(x)
    assert x.eq(size * (size + 1) / 2).all()
    parts = [torch.zeros(2) for _ in range(size)]
    dist.all_gather(parts, torch.full((2,), float(rank)))
    assert [p[0].item() for p in parts] == list(range(size))
    if rank == 0:
        dist.send(torch.arange(5), size - 1)
    if rank == size - 1:
        got = torch.zeros(5, dtype=torch.int64)
        dist.recv(got, 0)
        assert got.tolist() == [0, 1, 2, 3, 4]
    objects = [None] * size
    dist.all_gather_object(objects, {"rank": rank})
    assert objects == [{"rank": k} for k in range(size)]
    model = DistributedDataParallel(torch.nn.Linear(3, 1))
    for i in range(3):
        model(torch.full((2, 3), float(rank))).sum().backward()
    weights = [torch.zeros(1, 3) for _ in range(size)]
    dist.all_gather(weights, model.module.weight.grad)
    assert all(torch.equal(weights[0], w) for w in weights)
    part = dist.new_group([0, size - 1])
    if rank in (0, size - 1):
        dist.barrier(part)
    dist.destroy_process_group()
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=size)  # again, over the same links
    dist.barrier()
    if rank == 0:
        print("fine", flush=True)

if __name__ == "__main__":
    port, method = int(sys.argv[1]), sys.argv[2]
    mp.start_processes(run, (3, port), nprocs=3, start_method=method)
"""


@pytest.mark.parametrize("method, shared", [("spawn", "1"), ("fork", "0")])
def test_ranks_that_a_script_starts(tmp_path, method, shared):
    done = script(tmp_path, RANKS, free_port(), method, RUSTORCH_COMM_SHARED=shared)
    assert (done.returncode, done.stdout) == (0, "fine\n"), done.stderr


ALONE = """
import sys
import rustorch as torch, rustorch.distributed as dist
dist.init_process_group(timeout=20)
x = torch.ones(4)
dist.all_reduce(x)
print(dist.get_rank(), dist.is_torchelastic_launched(), x[0].item())
if len(sys.argv) > 1 and dist.get_rank() == 1:
    raise KeyError("lost")
dist.barrier()
"""


def start(folder, port, rank, size, *words, **more):
    (folder / "script.py").write_text(ALONE)
    names = {"RANK": str(rank), "WORLD_SIZE": str(size), "MASTER_ADDR": "localhost", "MASTER_PORT": str(port), **more}
    return subprocess.Popen([sys.executable, "script.py", *words], cwd=folder, env={**os.environ, **names}, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)  # fmt: skip


def test_ranks_by_environment(tmp_path):
    """As torchrun starts them: the environment says who is who."""
    port = free_port()
    jobs = [start(tmp_path, port, rank, 2, TORCHELASTIC_RUN_ID="x") for rank in (1, 0)]
    ends = [job.communicate(timeout=60) for job in jobs]
    assert [out for out, _ in ends] == ["1 True 2.0\n", "0 True 2.0\n"], ends
    assert [job.returncode for job in jobs] == [0, 0]


def test_a_rank_fails(tmp_path):
    """The others learn so at once."""
    port, began = free_port(), time.monotonic()
    jobs = [start(tmp_path, port, rank, 3, "fail") for rank in range(3)]
    ends = [job.communicate(timeout=60) for job in jobs]
    assert [job.returncode for job in jobs] == [1, 1, 1] and time.monotonic() - began < 15
    assert "KeyError: 'lost'" in ends[1][1]
    assert "DistributedError" in ends[0][1] and "rank 1" in ends[0][1] + ends[2][1]


def meet_error(**arguments):
    code = f"import rustorch.distributed as d\nd.init_process_group(**{arguments!r})"
    names = {name: value for name, value in os.environ.items() if name not in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")}
    job = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=names, timeout=60)
    assert job.returncode == 1
    return job.stderr.splitlines()[-1]


def test_ranks_that_do_not_come():
    port = free_port()
    place = dict(init_method=f"tcp://127.0.0.1:{port}", world_size=3, timeout=0.3)
    assert meet_error(rank=0, **place).endswith(f"rank 0 waited at 127.0.0.1:{port}, and rank 1, 2 of 3 did not come within 0.3 s")
    assert meet_error(rank=1, **place).endswith(f"rank 1 found nobody at 127.0.0.1:{port}, where rank 0 was to be within 0.3 s")
    assert "ranks are 0 to 2" in meet_error(rank=3, **place)
    assert "`rustorch-launch -n 2 " in meet_error(world_size=2)
    assert "`rustorch-launch -n 2 " in meet_error(world_size=2, rank=1)
    assert "do not meet in files" in meet_error(init_method="file:///tmp/x", world_size=2, rank=0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert "choose another MASTER_PORT" in meet_error(rank=0, **place)


def test_ranks_that_disagree(tmp_path):
    port = free_port()
    jobs = [start(tmp_path, port, 0, 2), start(tmp_path, port, 1, 3)]
    ends = [job.communicate(timeout=60)[1] for job in jobs]
    assert all("rank 1 says that there are 3 ranks, rank 0 says 2" in err for err in ends), ends
