"""Data sets, orders, loaders with threads and processes."""

import gzip
import os
import random
import signal
import struct

import numpy as np
import pytest

import rustorch as torch
from rustorch import data
from rustorch.data import DataLoader, TensorDataset, transforms
from rustorch.data.datasets import FashionMNIST, read_idx

FASHION = "/usr/share/datasets/fashion-mnist"


class Squares(data.Dataset):
    def __init__(self, n, at=None, action=None):
        self.n, self.at, self.action = n, at, action

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        if i == self.at:
            self.action()
        return torch.tensor(float(i * i)), i


class Noisy(Squares):
    def __getitem__(self, i):
        return i, random.random(), float(np.random.rand()), float(torch.rand(()))


def batches(loader):
    return [[np.asarray(part).tolist() for part in batch] for batch in loader]


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_c_batches_do_not_depend_on_threads(workers):
    torch.manual_seed(3)
    dataset = TensorDataset(torch.arange(103 * 2).reshape(103, 2), torch.arange(103))
    got = batches(DataLoader(dataset, batch_size=10, shuffle=True, num_workers=workers))
    torch.manual_seed(3)
    assert got == batches(DataLoader(dataset, batch_size=10, shuffle=True))
    seen = [i for _, labels in got for i in labels]
    assert sorted(seen) == list(range(103)) and seen != sorted(seen)
    assert len(got) == 11 and len(batches(DataLoader(dataset, batch_size=10, drop_last=True))) == 10


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_processes_give_the_same_batches(workers):
    for make in (Squares, Noisy):
        torch.manual_seed(5)
        want = batches(DataLoader(make(23), batch_size=4, shuffle=True))
        torch.manual_seed(5)
        assert batches(DataLoader(make(23), batch_size=4, shuffle=True, num_workers=workers)) == want


def test_epochs_differ_and_seeds_repeat():
    torch.manual_seed(1)
    loader = DataLoader(TensorDataset(torch.arange(50)), batch_size=50, shuffle=True)
    first, second = batches(loader), batches(loader)
    assert first != second
    torch.manual_seed(1)
    assert batches(DataLoader(TensorDataset(torch.arange(50)), batch_size=50, shuffle=True)) == first


def test_persistent_workers():
    loader = DataLoader(Squares(10), batch_size=3, num_workers=2, persistent_workers=True)
    first = batches(loader)
    pids = [w.process.pid for w in loader._pool.workers]
    assert batches(loader) == first and [w.process.pid for w in loader._pool.workers] == pids
    loader._pool.close()


def fail_with_key():
    raise KeyError("no such sample")


def test_an_exception_arrives_with_its_traceback():
    with pytest.raises(KeyError, match="no such sample(?s:.*)worker process 1(?s:.*)fail_with_key"):
        batches(DataLoader(Squares(20, 5, fail_with_key), batch_size=4, num_workers=2))


def die():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.timeout(30)
def test_a_killed_worker_is_an_error():
    with pytest.raises(RuntimeError, match=r"worker 1 \(process \d+\) was killed by signal 9 \(SIGKILL\)"):
        batches(DataLoader(Squares(20, 5, die), batch_size=4, num_workers=2))


class Endless(data.IterableDataset):
    def __iter__(self):
        info = data.get_worker_info()
        start, step = (info.id, info.num_workers) if info else (0, 1)
        return iter(range(start, 20, step))


def test_iterable():
    assert sorted(sum((b.tolist() for b in DataLoader(Endless(), batch_size=3, num_workers=2)), [])) == list(range(20))
    assert sum((b.tolist() for b in DataLoader(Endless(), batch_size=3)), []) == list(range(20))


def test_worker_computes_after_parallel_work_here():
    a = torch.randn(600, 600)
    a @ a  # starts the thread pool of this process

    class Heavy(Squares):
        def __getitem__(self, i):
            return (torch.ones(300, 300) @ torch.ones(300, 300))[0, 0]

    got = list(DataLoader(Heavy(4), batch_size=2, num_workers=1))
    assert [b.tolist() for b in got] == [[300.0, 300.0], [300.0, 300.0]]


@pytest.mark.parametrize("make", [lambda: TensorDataset(torch.arange(40)), lambda: Noisy(40)])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_pass_goes_on(make, workers):
    torch.manual_seed(9)
    loader = DataLoader(make(), batch_size=4, shuffle=True, num_workers=workers)
    all_batches = batches(loader) + [float(torch.rand(()))] + batches(loader)
    torch.manual_seed(9)
    loader = DataLoader(make(), batch_size=4, shuffle=True, num_workers=workers)
    passes = iter(loader)
    got = [[np.asarray(p).tolist() for p in next(passes)] for _ in range(3)]
    state, rng = loader.state_dict(), torch.get_rng_state()
    passes.close()
    torch.manual_seed(12345)
    torch.set_rng_state(rng)
    other = DataLoader(make(), batch_size=4, shuffle=True, num_workers=workers)
    other.load_state_dict(state)
    got += batches(other) + [float(torch.rand(()))] + batches(other)
    assert got == all_batches


def test_collate():
    loader = DataLoader([{"x": np.ones(2, np.float32), "n": "a"}, {"x": np.zeros(2, np.float32), "n": "b"}], batch_size=2)
    (batch,) = loader
    assert batch["x"].tolist() == [[1, 1], [0, 0]] and batch["n"] == ["a", "b"]
    with pytest.raises(torch.ShapeError, match="sample 1 of the batch"):
        data.default_collate([torch.zeros(2), torch.zeros(3)])


def test_samplers():
    assert list(data.BatchSampler(range(7), 3, False)) == [[0, 1, 2], [3, 4, 5], [6]]
    shares = [list(data.DistributedSampler(range(10), 3, r, seed=1)) for r in range(3)]
    assert {len(s) for s in shares} == {4} and set(sum(shares, [])) == set(range(10))
    sampler = data.DistributedSampler(range(10), 2, 0)
    first = list(sampler)
    sampler.set_epoch(1)
    assert list(sampler) != first
    drawn = list(data.WeightedRandomSampler([0.0, 1.0, 0.0], 20))
    assert set(drawn) == {1}
    a, b = data.random_split(range(10), [0.7, 0.3])
    assert len(a) == 7 and sorted([*a, *b]) == list(range(10))
    with pytest.raises(ValueError, match="Sum of input lengths"):
        data.random_split(range(10), [3, 3])


@pytest.mark.parametrize("options, text", [
    ({"batch_size": 0}, "positive"), ({"num_workers": -1}, "non-negative"), ({"prefetch_factor": 2}, "num_workers > 0"),
    ({"shuffle": True, "sampler": range(3)}, "mutually exclusive"), ({"batch_size": None, "drop_last": True}, "auto-batching"),
])  # fmt: skip
def test_bad_loader_options(options, text):
    with pytest.raises(ValueError, match=text):
        DataLoader(range(3), **options)


def test_tensor_dataset_sizes():
    with pytest.raises(torch.ShapeError, match=r"tensor 1 has \(4,\)"):
        TensorDataset(torch.zeros(3), torch.zeros(4))


def idx(shape, dtype=8, values=None):
    values = bytes(range(int(np.prod(shape)))) if values is None else values
    return struct.pack(">BBBB", 0, 0, dtype, len(shape)) + struct.pack(f">{len(shape)}I", *shape) + values


def test_idx(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(idx((2, 3)))
    assert read_idx(path).tolist() == [[0, 1, 2], [3, 4, 5]]
    path.write_bytes(gzip.compress(idx((2, 3))))
    assert read_idx(path).tolist() == [[0, 1, 2], [3, 4, 5]]
    path.write_bytes(idx((2,), 0x0C, struct.pack(">2i", -1, 70000)))
    assert read_idx(path).tolist() == [-1, 70000]


@pytest.mark.parametrize("content, text", [
    (b"", "not an IDX file"), (b"\x89PNG", "not an IDX file"), (idx((2, 3))[:9], "cut within its header"),
    (idx((2, 3))[:-1], "the header says 2 × 3 elements"), (idx((2, 3)) + b"x", "but the file has"),
    (idx((2**32 - 1, 2**32 - 1), values=b""), "elements"), (gzip.compress(idx((2, 3)))[:-9], "gzip data is damaged or cut"),
])  # fmt: skip
def test_bad_idx(tmp_path, content, text):
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(torch.SerializationError, match=text):
        read_idx(path)


@pytest.mark.parametrize("images, labels", [((2, 3, 3), (3,)), ((2, 9), (2,)), ((2, 3, 3), (2, 1))])
def test_files_that_do_not_fit(tmp_path, images, labels):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(images))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(labels))
    with pytest.raises(torch.SerializationError, match="do not fit labels"):
        FashionMNIST(tmp_path)


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="dataset-fashion-mnist"):
        FashionMNIST(tmp_path)


@pytest.mark.skipif(not os.path.isdir(FASHION), reason="the package dataset-fashion-mnist is not installed")
def test_fashion_mnist_in_c_equals_sample_by_sample():
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.2860, 0.3530)])
    dataset = FashionMNIST(FASHION, train=False, transform=transform)
    assert len(dataset) == 10000
    fast, labels = next(iter(DataLoader(dataset, batch_size=32)))
    slow = [dataset[i] for i in range(32)]
    assert fast.shape == (32, 1, 28, 28) and fast.dtype == torch.float32
    assert np.array_equal(fast.numpy(), np.stack([image.numpy() for image, _ in slow]))
    assert labels.tolist() == [label for _, label in slow]


def test_transforms():
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    tensor = transforms.ToTensor()(image)
    assert tensor.shape == (3, 2, 2) and abs(float(tensor[1, 0, 0]) - 1 / 255) < 1e-7
    assert transforms.Normalize([0, 0, 0], [1, 1, 0.5])(tensor).shape == (3, 2, 2)
    with pytest.raises(ValueError, match="division by zero"):
        transforms.Normalize(0.5, 0.0)
    with pytest.raises(torch.ShapeError, match="3 means"):
        transforms.Normalize([0, 0, 0], [1, 1, 1])(torch.zeros(1, 2, 2))
