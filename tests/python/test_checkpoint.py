"""Checkpoints: a resumed run ends in the same bits, and the newest whole file is found."""

import json
import os
import random
import subprocess
import sys
import warnings

import numpy as np
import pytest

import rustorch as rt
from rustorch import checkpoint, nn, optim
from rustorch.data import DataLoader, TensorDataset

# One run: `straight` trains 4 epochs; `first` saves in the middle of the third and is killed; `second` goes on from there.
RUN = '''
import os, random, signal, sys
import numpy as np
import rustorch as rt
from rustorch import checkpoint, nn, optim
from rustorch.data import DataLoader, TensorDataset

mode, folder, out = sys.argv[1:4]
rt.manual_seed(3); random.seed(4); np.random.seed(5)
if mode == "second":
    rt.manual_seed(99); random.seed(98)
own = rt.Generator().manual_seed(6)
x, y = rt.randn(70, 5, generator=rt.Generator().manual_seed(1)), rt.arange(70) % 3
model = nn.Sequential(nn.Linear(5, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))
optimizer = optim.Adam(model.parameters(), lr=0.01)
scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.9)
loader = DataLoader(TensorDataset(x, y), batch_size=8, shuffle=True)
parts = dict(model=model, optimizer=optimizer, scheduler=scheduler, loader=loader, generators={"noise": own})
first_epoch = step = 0
if mode == "second":
    found = checkpoint.load(folder, **parts)
    first_epoch, step = found.epoch, found.step
seen = []
for epoch in range(first_epoch, 4):
    for xb, yb in loader:
        noise = random.random() + np.random.rand() + rt.rand(1, generator=own).item()
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(xb + 0.01 * noise), yb)
        loss.backward()
        optimizer.step()
        step += 1
        seen.append((epoch, step, yb.tolist(), noise, loss.item()))
        if mode == "first" and step % 11 == 0:
            checkpoint.save(folder, step=step, epoch=epoch, **parts)
        if mode == "first" and step == 24:
            os.kill(os.getpid(), signal.SIGKILL)
    scheduler.step()
rt.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict(), "seen": seen,
         "next": [rt.rand(3), random.random(), np.random.rand(), rt.rand(2, generator=own), [b[1] for b in loader]]}, out)
'''


def run(mode, folder, out):
    command = [sys.executable, "-W", "error", "-c", RUN, mode, str(folder), str(out)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def same(a, b):
    if isinstance(a, rt.Tensor):
        return a.dtype == b.dtype and a.numpy().tobytes() == b.numpy().tobytes()
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return a == b


def test_resume_gives_the_same_bits(tmp_path):
    straight, resumed, folder = tmp_path / "straight.h5", tmp_path / "resumed.h5", tmp_path / "run"
    assert run("straight", folder, straight).returncode == 0
    assert run("first", folder, resumed).returncode == -9
    assert sorted(os.listdir(folder)) == ["checkpoint-00000011.h5", "checkpoint-00000022.h5"]
    result = run("second", folder, resumed)
    assert result.returncode == 0, result.stderr
    a, b = rt.load(straight), rt.load(resumed)
    assert len(a["seen"]) == 36 and len(b["seen"]) == 14  # 22 steps were done before the checkpoint
    assert same(a["seen"][22:], b["seen"])
    for part in ("model", "optimizer", "scheduler", "next"):
        assert same(a[part], b[part]), part


def small():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(rt.rand(5, 3)).sum().backward()
    optimizer.step()
    return model, optimizer


def test_contents(tmp_path):
    model, optimizer = small()
    generator = rt.Generator().manual_seed(5)
    extra = {"best": 0.5, "history": [1, (2, rt.ones(2))]}
    parts = dict(model=model, optimizer=optimizer, generators=[generator])
    path = checkpoint.save(str(tmp_path / "run.h5"), step=12, epoch=3, extra=extra, **parts)
    assert path == str(tmp_path / "run.h5")
    drawn = rt.rand(3), random.random(), np.random.rand(), rt.rand(2, generator=generator)
    (other, other_optimizer), other_generator = small(), rt.Generator()
    found = checkpoint.load(path, model=other, optimizer=other_optimizer, generators=[other_generator])
    again = rt.rand(3), random.random(), np.random.rand(), rt.rand(2, generator=other_generator)
    assert same(drawn, again)
    assert (found.step, found.epoch, found.world_size, found.path) == (12, 3, 1, path) and same(found.extra, extra)
    assert same(model.state_dict(), other.state_dict()) and same(optimizer.state_dict(), other_optimizer.state_dict())
    assert found.state["rustorch"] == rt.__version__ and abs(found.state["time"] - os.path.getmtime(path)) < 60
    assert found.state["machine"]["number of threads"] == rt.get_num_threads() and found.state["machine"]["BLAS core"]
    assert "step=12" in repr(found)


def test_several_objects(tmp_path):
    (a, oa), (b, ob) = small(), small()
    path = checkpoint.save(tmp_path / "gan.h5", model={"g": a, "d": b}, optimizer={"g": oa, "d": ob})
    (c, oc), (d, _) = small(), small()
    checkpoint.load(path, model={"d": d, "g": c}, optimizer={"g": oc})
    assert same(a.state_dict(), c.state_dict()) and same(b.state_dict(), d.state_dict()) and same(oa.state_dict(), oc.state_dict())
    with pytest.raises(rt.SerializationError, match=r"no state for model\['x'\]: it has 'g', 'd'"):
        checkpoint.load(path, model={"x": c})
    with pytest.raises(rt.SerializationError, match="saved as a dict, but one object was given"):
        checkpoint.load(path, model=c)


def test_names_in_the_file(tmp_path):
    h5py = pytest.importorskip("h5py")
    model, optimizer = small()
    path = checkpoint.save(tmp_path / "run.h5", model=model, optimizer=optimizer)
    with h5py.File(path) as file:
        assert np.array_equal(file["/model/0.weight"][:], model[0].weight.detach().numpy())
        assert "optimizer" in file and "rank/0/random" in file


def test_missing_state(tmp_path):
    model, optimizer = small()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    path = checkpoint.save(tmp_path / "run.h5", model=small()[0])
    rt.manual_seed(1)
    expected = rt.rand(2)
    rt.manual_seed(1)
    with pytest.raises(rt.SerializationError, match="has no state for optimizer: it was saved with model"):
        checkpoint.load(path, model=model, optimizer=optimizer)
    assert same(model.state_dict(), before) and same(rt.rand(2), expected)
    with pytest.raises(rt.SerializationError, match="is no checkpoint"):
        rt.save({"a": 1}, tmp_path / "other.h5")
        checkpoint.load(tmp_path / "other.h5")
    with pytest.raises(TypeError, match="scheduler is a int"):
        checkpoint.save(path, scheduler=3)


def test_damaged_changes_nothing(tmp_path):
    model, optimizer = small()
    path = checkpoint.save(tmp_path / "run.h5", model=model, optimizer=optimizer)
    data = bytearray(open(path, "rb").read())
    data[data.index(model[0].weight.detach().numpy().tobytes())] ^= 1
    open(path, "wb").write(data)
    other, other_optimizer = small()
    before = {key: value.clone() for key, value in other.state_dict().items()}
    state = rt.get_rng_state()
    with pytest.raises(rt.SerializationError, match="model/0.weight"):
        checkpoint.load(path, model=other, optimizer=other_optimizer)
    assert same(other.state_dict(), before) and same(rt.get_rng_state(), state)


def test_folder(tmp_path):
    folder = str(tmp_path / "runs") + "/"
    model, _ = small()
    for step in (1, 2, 30, 4):
        assert checkpoint.save(folder, model=model, step=step) == f"{folder}checkpoint-{step:08d}.h5"
    # 4 was just written and stays, although 30 and 2 have been before it
    assert sorted(os.listdir(folder)) == ["checkpoint-00000004.h5", "checkpoint-00000030.h5"]
    assert checkpoint.load(folder).step == 30
    for keep in (1, 0, -1):
        with pytest.raises(ValueError):
            checkpoint.save(folder, keep=keep)
    for step in range(100, 105):
        checkpoint.save(folder, step=step, keep=None)
    assert len(os.listdir(folder)) == 7
    checkpoint.save(folder, step=123456789, keep=3)
    assert sorted(os.listdir(folder)) == ["checkpoint-00000103.h5", "checkpoint-00000104.h5", "checkpoint-123456789.h5"]


def test_only_ours_are_deleted(tmp_path):
    others = {"checkpoint-00000000.h5": b"not ours", "checkpoint-1.h5": b"x", "checkpoint-00000001.h5.bak": b"x", "model.h5": b"x"}
    for name, content in others.items():
        (tmp_path / name).write_bytes(content)
    for step in range(1, 5):
        checkpoint.save(tmp_path, step=step)
    assert set(os.listdir(tmp_path)) == {*others, "checkpoint-00000003.h5", "checkpoint-00000004.h5"}


def test_latest(tmp_path):
    assert checkpoint.latest(tmp_path / "absent") is None and checkpoint.latest(tmp_path) is None
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        checkpoint.load(tmp_path)
    model, _ = small()
    paths = [checkpoint.save(tmp_path, model=model, step=step, keep=None) for step in (1, 2, 3)]
    assert checkpoint.latest(str(tmp_path)) == paths[2]
    data = bytearray(open(paths[2], "rb").read())
    data[data.index(model[0].weight.detach().numpy().tobytes())] ^= 1
    open(paths[2], "wb").write(data)
    os.truncate(paths[1], 5000)
    with pytest.warns(UserWarning) as caught:
        assert checkpoint.latest(tmp_path) == paths[0]
    texts = [str(w.message) for w in caught]
    assert len(texts) == 2 and "model/0.weight" in texts[0] and "cut" in texts[1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert checkpoint.load(tmp_path, model=model).step == 1


def test_errors_leave_earlier_ones(tmp_path):
    path = checkpoint.save(tmp_path, step=1)
    with pytest.raises(rt.SerializationError, match=r"checkpoint\['extra'\]\['f'\]: a function"):
        checkpoint.save(tmp_path, step=2, extra={"f": lambda: 0})
    with pytest.raises(TypeError):
        checkpoint.save(tmp_path, step=1.5)
    assert os.listdir(tmp_path) == [os.path.basename(path)]


def test_other_settings_warn(tmp_path):
    path = checkpoint.save(tmp_path / "run.h5", step=1)
    state = rt.load(path)
    state["machine"]["BLAS core"] = "Nehalem"
    rt.save(state, path)
    with pytest.warns(UserWarning, match="BLAS core Nehalem then, .* now"):
        assert checkpoint.load(path).step == 1
    state["machine"] = {}
    state["world_size"] = 3
    rt.save(state, path)
    expected = rt.get_rng_state()
    with pytest.warns(UserWarning, match="a world size of 3, now it is 1"):
        assert checkpoint.load(path).world_size == 3
    assert same(rt.get_rng_state(), expected)
    state["format"] = 9
    rt.save(state, path)
    with pytest.raises(rt.SerializationError, match="format 9"):
        checkpoint.load(path)


@pytest.mark.parametrize("workers", [0, 2])
def test_position_of_the_loader(tmp_path, workers):
    loader = DataLoader(TensorDataset(rt.arange(20)), batch_size=3, shuffle=True, num_workers=workers)
    rt.manual_seed(8)
    batches = iter(loader)
    for _ in range(3):
        next(batches)
    path = checkpoint.save(tmp_path / "run.h5", loader=loader)
    rest = [b[0].tolist() for b in batches] + [b[0].tolist() for b in loader]
    other = DataLoader(TensorDataset(rt.arange(20)), batch_size=3, shuffle=True, num_workers=workers)
    rt.manual_seed(77)
    checkpoint.load(path, loader=other)
    assert [b[0].tolist() for b in other] + [b[0].tolist() for b in other] == rest


class Ranks:
    """A process group of three without processes: each rank is a thread, and every call waits for all."""

    def __init__(self, n):
        import threading

        self.n, self.local, self.barrier, self.room = n, threading.local(), threading.Barrier(n), {}

    def is_initialized(self):
        return True

    def get_rank(self):
        return self.local.rank

    def get_world_size(self):
        return self.n

    def all_gather_object(self, out, value):
        self.room[self.local.rank] = json.loads(json.dumps(value))  # it must be data
        self.barrier.wait()
        out[:] = [self.room[r] for r in range(self.n)]
        self.barrier.wait()

    def broadcast_object_list(self, values, src=0):
        if self.local.rank == src:
            self.room["b"] = list(values)
        self.barrier.wait()
        values[:] = self.room["b"]
        self.barrier.wait()

    def run(self, work):
        import threading

        results = [None] * self.n

        def one(rank):
            self.local.rank = rank
            try:
                results[rank] = work(rank)
            except Exception as error:
                results[rank] = error

        threads = [threading.Thread(target=one, args=(rank,)) for rank in range(self.n)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return results


def test_ranks(tmp_path, monkeypatch):
    group = Ranks(3)
    monkeypatch.setitem(sys.modules, "rustorch.distributed", group)
    generators = [rt.Generator().manual_seed(rank) for rank in range(3)]
    model, _ = small()
    paths = group.run(lambda rank: checkpoint.save(tmp_path, model=model, step=5, generators=generators[rank]))
    assert paths == [str(tmp_path / "checkpoint-00000005.h5")] * 3
    drawn = [rt.rand(2, generator=g).tolist() for g in generators]
    found = group.run(lambda rank: checkpoint.load(tmp_path, model=model, generators=generators[rank]))
    assert [f.step for f in found] == [5, 5, 5] and found[0].world_size == 3
    assert [rt.rand(2, generator=g).tolist() for g in generators] == drawn

    def bad_extra(rank):
        return checkpoint.save(tmp_path, step=6, extra=(lambda: 0) if rank == 0 else None)

    errors = group.run(bad_extra)
    assert all(isinstance(e, rt.SerializationError) and "a function" in str(e) for e in errors)
    assert "on rank 0" in str(errors[1]) and os.listdir(tmp_path) == ["checkpoint-00000005.h5"]
    errors = group.run(lambda rank: checkpoint.save(tmp_path, step=6, sampler=7 if rank == 2 else None))
    assert isinstance(errors[2], TypeError) and "on rank 2" in str(errors[0]) and "on rank 2" in str(errors[1])
    errors = group.run(lambda rank: checkpoint.load(tmp_path, optimizer=small()[1] if rank == 1 else None))
    assert all(isinstance(e, rt.SerializationError) for e in errors)
