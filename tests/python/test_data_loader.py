"""Data sets of data sets, samplers and loaders: PyTorch's rules, options, errors and warnings."""

import collections
import gc
import multiprocessing
import os
import random
import signal
import time
import warnings

import numpy as np
import pytest

import rustorch as torch
from rustorch import _C
from rustorch import data
from rustorch.data import DataLoader, TensorDataset

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


class Items(data.Dataset):
    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return i


class Stream(data.IterableDataset):
    def __init__(self, n, length=None):
        self.n, self.length = n, length

    def __len__(self):
        if self.length is None:
            raise TypeError("no length")
        return self.length

    def __iter__(self):
        info = data.get_worker_info()
        yield from range(info.id if info else 0, self.n, info.num_workers if info else 1)


def values(loader):
    return [batch.tolist() for batch in loader]


# ------------------------------------------------------------------------------------------------ data sets


def test_concat_and_chain():
    both = data.ConcatDataset([Items(3), [10, 11], Items(0), "z"])
    assert len(both) == 6 and [both[i] for i in range(6)] == [0, 1, 2, 10, 11, "z"] and both[-1] == "z" and both[-6] == 0
    assert both.cumulative_sizes == [3, 5, 5, 6]
    with pytest.warns(DeprecationWarning, match="renamed"):
        assert both.cummulative_sizes == [3, 5, 5, 6]
    with pytest.raises(IndexError):
        both[6]
    with pytest.raises(TypeError, match="IterableDataset"):
        data.ConcatDataset([Stream(3)])
    with pytest.raises(ValueError, match="empty iterable"):
        data.ConcatDataset([])
    assert len(Items(2) + Items(3)) == 5
    chain = Stream(3, 3) + Stream(2, 2)
    assert isinstance(chain, data.ChainDataset) and list(chain) == [0, 1, 2, 0, 1] and len(chain) == 5
    assert values(DataLoader(chain, batch_size=2)) == [[0, 1], [2, 0], [1]]
    with pytest.raises(TypeError, match="only supports IterableDataset"):
        list(data.ChainDataset([Items(3)]))


def test_stack():
    fetched = []

    class Many(Items):
        def __getitems__(self, indices):
            fetched.append(list(indices))
            return [i * i for i in indices]

    stack = data.StackDataset(Items(4), Many(4))
    assert len(stack) == 4 and stack[2] == (2, 2) and stack.__getitems__([1, 3]) == [(1, 1), (3, 9)] and fetched == [[1, 3]]
    named = data.StackDataset(a=Items(4), b=Many(4))
    (batch,) = DataLoader(named, batch_size=4)
    assert batch["a"].tolist() == [0, 1, 2, 3] and batch["b"].tolist() == [0, 1, 4, 9]
    for args, kwargs, text in (((Items(2), Items(3)), {}, "Size mismatch"), ((), {}, "At least one"), ((Items(1),), {"a": Items(1)}, "both types")):
        with pytest.raises(ValueError, match=text):
            data.StackDataset(*args, **kwargs)

    class Short(Items):
        def __getitems__(self, indices):
            return [0]

    with pytest.raises(ValueError, match="Expected 2, got 1"):
        data.StackDataset(Short(4)).__getitems__([0, 1])


def test_subset_and_split():
    subset = data.Subset(Items(10), [7, 3, 5])
    assert len(subset) == 3 and subset[1] == 3 and values(DataLoader(subset, batch_size=3)) == [[7, 3, 5]]

    class Shifted(data.Subset):
        def __getitem__(self, i):
            return super().__getitem__(i) + 1

    with pytest.raises(NotImplementedError, match="__getitems__"):
        Shifted(Items(3), [0])
    a, b, c = data.random_split(Items(10), [0.35, 0.35, 0.3], generator=torch.Generator().manual_seed(1))
    assert [len(a), len(b), len(c)] == [4, 3, 3] and sorted([*a, *b, *c]) == list(range(10))
    again = data.random_split(Items(10), [4, 3, 3], generator=torch.Generator().manual_seed(1))
    assert [list(part) for part in again] == [list(a), list(b), list(c)]
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        data.random_split(Items(1), [0.5, 0.5])
    with pytest.raises(ValueError, match="not between 0 and 1"):
        data.random_split(Items(4), [1.5, -0.5])
    with pytest.raises(ValueError, match="Sum of input lengths"):
        data.random_split(Items(4), [0.5, 0.2])


# ------------------------------------------------------------------------------------------------ samplers


def test_random_samplers():
    seed = lambda: torch.Generator().manual_seed(3)  # noqa: E731
    assert list(data.RandomSampler(Items(9), generator=seed())) == list(data.RandomSampler(Items(9), generator=seed()))
    assert sorted(data.RandomSampler(Items(9))) == list(range(9)) and len(data.RandomSampler(Items(9), num_samples=4)) == 4
    longer = list(data.RandomSampler(Items(4), num_samples=10))
    assert len(longer) == 10 and sorted(longer[:4]) == sorted(longer[4:8]) == [0, 1, 2, 3]
    drawn = list(data.RandomSampler(Items(5), replacement=True, num_samples=400, generator=seed()))
    assert set(drawn) == set(range(5)) and min(collections.Counter(drawn).values()) > 50
    endless = iter(data.RandomSampler(Items(5), replacement=True, num_samples=10**12))  # drawn as they are taken
    assert {next(endless) for _ in range(2000)} == set(range(5))
    assert len(list(data.RandomSampler(Items(5), replacement=True, num_samples=2500))) == 2500
    assert sorted(data.SubsetRandomSampler([4, 8, 6], generator=seed())) == [4, 6, 8]
    weighted = list(data.WeightedRandomSampler([0, 3, 1], 800, generator=seed()))
    assert 0 not in weighted and 520 < weighted.count(1) < 680
    assert sorted(data.WeightedRandomSampler([1.0, 1.0, 1.0], 3, replacement=False)) == [0, 1, 2]
    assert list(data.SequentialSampler(Items(3))) == [0, 1, 2]
    assert list(data.BatchSampler(data.SequentialSampler(Items(5)), 2, True)) == [[0, 1], [2, 3]]
    assert len(data.BatchSampler(range(5), 2, True)) == 2 and len(data.BatchSampler(range(5), 2, False)) == 3


@pytest.mark.parametrize("make", [
    lambda: data.RandomSampler(Items(3), num_samples=0), lambda: data.WeightedRandomSampler([1.0], 0),
    lambda: data.WeightedRandomSampler([[1.0]], 1), lambda: data.WeightedRandomSampler([1.0], 1, replacement=1),
    lambda: data.BatchSampler(range(3), 0, False), lambda: data.BatchSampler(range(3), 1, 1),
    lambda: data.DistributedSampler(range(3), 2, 2),
])  # fmt: skip
def test_bad_samplers(make):
    with pytest.raises(ValueError):
        make()


def test_distributed_sampler():
    for n, ranks, drop in ((10, 3, False), (10, 3, True), (2, 5, False), (9, 3, True)):
        shares = [list(data.DistributedSampler(range(n), ranks, r, shuffle=False, drop_last=drop)) for r in range(ranks)]
        assert {len(s) for s in shares} == {n // ranks if drop else -(-n // ranks)}
        assert shares[0][:1] == [0] and (drop or set(sum(shares, [])) == set(range(n)))
    one, two = data.DistributedSampler(range(20), 2, 0, seed=5), data.DistributedSampler(range(20), 2, 1, seed=5)
    for epoch in (0, 1):
        one.set_epoch(epoch), two.set_epoch(epoch)
        assert sorted([*one, *two]) == list(range(20))


# ------------------------------------------------------------------------------------------------ collate


def test_collate_structures():
    Point = collections.namedtuple("Point", "x y")

    class Bag(dict):
        pass

    batch = data.default_collate([Bag(p=Point(1, 2.0), t=[np.float32(1), "a"]), Bag(p=Point(3, 4.0), t=[np.float32(2), "b"])])
    assert type(batch) is Bag and isinstance(batch["p"], Point) and batch["p"].x.tolist() == [1, 3]
    assert batch["p"].y.dtype == torch.float64 and batch["t"][0].dtype == torch.float32 and batch["t"][1] == ["a", "b"]
    assert isinstance(data.default_collate([(1, 2), (3, 4)]), list) and data.default_collate([b"a", b"b"]) == [b"a", b"b"]
    assert data.default_collate([True, False]).dtype == torch.bool and data.default_collate([np.arange(2), np.arange(2)]).shape == (2, 2)
    assert isinstance(data.default_collate([{"a": 1}, {"a": 2}]), dict)
    with pytest.raises(RuntimeError, match="equal size"):
        data.default_collate([[1, 2], [3]])
    for bad in ([None], [object()], [np.array(["a"])], [{1, 2}]):
        with pytest.raises(TypeError, match="default_collate"):
            data.default_collate(bad)
    converted = data.default_convert({"a": np.ones(2), "b": [np.int64(3), "s"], "c": (1, np.zeros(1))})
    assert converted["a"].dtype == torch.float64 and int(converted["b"][0]) == 3 and isinstance(converted["b"][0], torch.Tensor)
    assert converted["b"][1] == "s" and isinstance(converted["c"], list) and converted["c"][0] == 1


# ------------------------------------------------------------------------------------------------ options


@pytest.mark.parametrize("options, error, text", [
    ({"timeout": -1}, ValueError, "timeout option should be non-negative"), ({"timeout": 2}, ValueError, "num_workers > 0"),
    ({"persistent_workers": True}, ValueError, "num_workers > 0"), ({"multiprocessing_context": "fork"}, ValueError, "num_workers > 0"),
    ({"multiprocessing_context": "thread", "num_workers": 1}, ValueError, "valid start method"),
    ({"multiprocessing_context": 3, "num_workers": 1}, TypeError, "context"), ({"prefetch_factor": 0, "num_workers": 1}, ValueError, "positive"),
    ({"batch_sampler": [[0]], "batch_size": 2}, ValueError, "mutually exclusive"),
    ({"batch_sampler": [[0]], "drop_last": True}, ValueError, "mutually exclusive"),
])  # fmt: skip
def test_bad_options(options, error, text):
    with pytest.raises(error, match=text):
        DataLoader(Items(3), **options)


def test_iterable_refuses_orders():
    for options in ({"shuffle": True}, {"sampler": range(3)}, {"batch_sampler": [[0]]}):
        with pytest.raises(ValueError, match="expected unspecified"):
            DataLoader(Stream(3), **options)
    assert values(DataLoader(Stream(3), shuffle=False)) == [[0], [1], [2]]


def test_attributes_are_fixed():
    loader = DataLoader(Items(5), batch_size=2)
    for name in ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"):
        with pytest.raises(ValueError, match=f"{name} attribute should not be set after DataLoader is initialized"):
            setattr(loader, name, None)
    loader.collate_fn = tuple
    assert list(loader) == [(0, 1), (2, 3), (4,)]


def test_lengths():
    assert len(DataLoader(Items(5), batch_size=2)) == 3 and len(DataLoader(Items(5), batch_size=2, drop_last=True)) == 2
    assert len(DataLoader(Items(5), batch_size=None)) == 5 and len(DataLoader(Items(5), batch_sampler=[[0, 1], [2]])) == 2
    assert len(DataLoader(Stream(5, 5), batch_size=2)) == 3 and len(DataLoader(Stream(5, 5), batch_size=2, drop_last=True)) == 2
    assert len(DataLoader(Stream(5, 5), batch_size=None)) == 5 and len(iter(DataLoader(Items(5)))) == 5
    with pytest.raises(TypeError, match="no length"):
        len(DataLoader(Stream(5)))
    loader = DataLoader(Stream(5, 2))
    assert len(loader) == 2
    with pytest.warns(UserWarning, match="was reported to be 2"):
        assert len(list(loader)) == 5


def test_warnings():
    with pytest.warns(UserWarning, match="no accelerator is found"):
        DataLoader(TensorDataset(torch.arange(3)), pin_memory=True)
    with pytest.warns(UserWarning, match="pin_memory_device is deprecated|no accelerator"):
        DataLoader(Items(3), pin_memory=True, pin_memory_device="cuda")
    cores = len(os.sched_getaffinity(0))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        DataLoader(Items(3), num_workers=cores + 1)
        DataLoader(TensorDataset(torch.arange(3)), num_workers=cores + 1)  # threads
    assert len(seen) == 1 and f"will create {cores + 1} worker processes" in str(seen[0].message)


def test_a_subclass_of_tensor_dataset_is_asked():
    class Doubled(TensorDataset):
        def __getitem__(self, i):
            return super().__getitem__(i)[0] * 2

    assert values(DataLoader(Doubled(torch.arange(4)), batch_size=2)) == [[0, 2], [4, 6]]


def test_generator_decides():
    def order(**options):
        return values(DataLoader(Items(12), batch_size=3, shuffle=True, generator=torch.Generator().manual_seed(8), **options))

    first = order()
    torch.manual_seed(99)
    assert order() == first and order(num_workers=2) == first


# ------------------------------------------------------------------------------------------------ workers


def set_place(worker):
    info = data.get_worker_info()
    assert worker == info.id and info.num_workers == 2 and torch.initial_seed() == info.seed
    info.dataset.place = (worker, info.seed, random.random(), float(np.random.rand()))


class Placed(Items):
    place = None

    def __getitem__(self, i):
        return self.place


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_worker_init(method):
    def run():
        loader = DataLoader(Placed(4), batch_size=None, num_workers=2, worker_init_fn=set_place, collate_fn=tuple,
                            multiprocessing_context=method, generator=torch.Generator().manual_seed(2))  # fmt: skip
        return list(loader)

    got = run()
    assert [place[0] for place in got] == [0, 1, 0, 1] and got[0] == got[2] and got[1][1] == got[0][1] + 1
    assert got[0][2:] != got[1][2:] and run() == got


class Slow(Items):
    def __getitem__(self, i):
        time.sleep({0: 0.6}.get(i, 0.0))
        return i


def test_order_of_arrival():
    assert values(DataLoader(Slow(6), num_workers=2)) == [[0], [1], [2], [3], [4], [5]]
    loose = values(DataLoader(Slow(6), num_workers=2, in_order=False))
    assert sorted(loose) == [[0], [1], [2], [3], [4], [5]] and loose[0] != [0]


@pytest.mark.timeout(60)
def test_timeout():
    with pytest.raises(RuntimeError, match=r"timed out after 0\.2 seconds"):
        values(DataLoader(Slow(2), num_workers=1, timeout=0.2))


def test_prefetching_is_bounded():
    counter = multiprocessing.Value("i", 0)

    class Counted(Items):
        def __getitem__(self, i):
            with counter.get_lock():
                counter.value += 1
            return i

    for factor in (1, 3):
        counter.value = 0
        batches = iter(DataLoader(Counted(40), num_workers=2, prefetch_factor=factor))
        deadline = time.monotonic() + 20
        while counter.value < 2 * factor and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        assert counter.value == 2 * factor  # made before the first was asked for, and no more
        batches.close()


@pytest.mark.timeout(120)
def test_persistent_workers_survive_a_pass_that_is_given_up():
    loader = DataLoader(Items(20), batch_size=2, num_workers=2, persistent_workers=True)
    for batch in loader:
        break
    pids = [worker.process.pid for worker in loader._pool.workers]
    assert values(loader) == [[i, i + 1] for i in range(0, 20, 2)]
    first = iter(loader)
    assert next(first).tolist() == [0, 1]
    second = iter(loader)
    assert next(second).tolist() == [0, 1]
    with pytest.raises(RuntimeError, match="newer one uses its persistent workers"):
        next(first)
    assert len(list(second)) == 9
    assert [worker.process.pid for worker in loader._pool.workers] == pids
    stream = DataLoader(Stream(7), batch_size=2, num_workers=2, persistent_workers=True)
    next(iter(stream))
    assert values(stream) == values(stream) == [[0, 2], [1, 3], [4, 6], [5]]
    loader._pool.close(), stream._pool.close()




class Failing(Items):
    action = None

    def __getitem__(self, i):
        if i == 5:
            self.action()
        return i


class Odd(Exception):
    def __init__(self, a, b):
        super().__init__(a, b)


def odd():
    raise Odd(1, 2)


def leave():
    os._exit(3)


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("action, error, text", [
    (odd, RuntimeError, "Odd: (?s:.*)worker process 0(?s:.*)in odd"), (leave, RuntimeError, "worker 0 .* exited with code 3"),
    (kill, RuntimeError, "was killed by signal 9"),
])  # fmt: skip
def test_failures_arrive(action, error, text, persistent):
    dataset = Failing(12)
    dataset.action = action
    loader = DataLoader(dataset, batch_size=2, num_workers=2, persistent_workers=persistent)
    for _ in range(2):  # and again: dead workers are replaced
        with pytest.raises(error, match=text):
            values(loader)
    if loader._pool is not None:
        loader._pool.close()
    gc.collect()
    assert not multiprocessing.active_children()


def test_an_error_in_worker_init():
    def fail(worker):
        raise ValueError(f"no place for {worker}")

    with pytest.raises(ValueError, match="no place for [01](?s:.*)in fail"):
        values(DataLoader(Items(4), num_workers=2, worker_init_fn=fail))


class NoisyStream(data.IterableDataset):
    def __iter__(self):
        for i in range(6):
            yield i + random.random() + float(torch.rand(()))


def test_randomness_of_streams():
    got = []
    for workers in (0, 1):
        torch.manual_seed(6)
        before = random.getstate()
        got.append(values(DataLoader(NoisyStream(), batch_size=2, num_workers=workers)))
        assert random.getstate() == before
    assert got[0] == got[1]


class Augmented(data.Dataset):
    """Images under random transforms, with numbers of Python's and NumPy's own beside."""

    def __init__(self, n=24):
        self.images = torch.arange(n * 48).remainder(251).to(torch.uint8).reshape(n, 3, 4, 4)
        t = data.transforms
        self.transform = t.Compose([t.RandomResizedCrop(3), t.RandomHorizontalFlip(), t.ColorJitter(0.4, 0.4), t.RandomApply([t.GaussianBlur(3)])])

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        if i % 5 == 0:
            random.gauss(0, 1), np.random.randn()  # leave half a pair behind
        return i, self.transform(self.images[i]).flatten().tolist(), (random.random(), float(np.random.randn()), float(torch.rand(())))


def seen(loader):
    """{index: what came for it, sorted}"""
    found = {}
    for batch in loader:
        for i, *rest in batch:
            found.setdefault(i, []).append(rest)
    return {i: sorted(samples) for i, samples in found.items()}


def loader_of(dataset, workers=0, **options):
    return DataLoader(dataset, num_workers=workers, collate_fn=list, generator=torch.Generator().manual_seed(5), **options)


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.parametrize("make", [
    Augmented, lambda: data.Subset(Augmented(30), list(range(24))), lambda: data.ConcatDataset([Augmented(10), Augmented(14)]),
], ids=["itself", "subset", "concat"])  # fmt: skip
def test_a_sample_does_not_depend_on_its_batch(make):
    dataset = make()
    first = seen(loader_of(dataset, shuffle=True))
    texts = [str(sample) for samples in first.values() for sample in samples]
    assert len(set(texts)) == 24
    for workers in (0, 1, 3):
        for size in (1, 7, 16):
            loader = loader_of(dataset, workers, batch_size=size, shuffle=True)
            assert seen(loader) == first
            assert seen(loader) != first  # the next epoch
    assert seen(loader_of(dataset, batch_sampler=[[i] for i in range(24)]))[3] == first[3]
    halves = [data.DistributedSampler(dataset, 2, rank, shuffle=False) for rank in range(2)]
    ranks = [seen(loader_of(dataset, sampler=half, batch_size=5)) for half in halves]
    assert {**ranks[0], **ranks[1]} == first


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.parametrize("workers", [0, 3])
def test_samples_after_resuming(workers):
    whole = list(loader_of(Augmented(), workers, batch_size=4, shuffle=True))
    loader = loader_of(Augmented(), workers, batch_size=4, shuffle=True)
    batches = iter(loader)
    begin = [next(batches), next(batches)]
    state = loader.state_dict()
    again = loader_of(Augmented(), 3 - workers, batch_size=4, shuffle=True)
    again.load_state_dict(state)
    assert begin + list(again) == whole


@pytest.mark.parametrize("workers", [0, 2])
def test_an_index_that_comes_again(workers):
    """Each time with other random numbers, the same ones whoever fetches."""
    sampler = [3, 1, 3, 3, 1, 0, 3]
    found = seen(loader_of(Augmented(), workers, sampler=sampler, batch_size=2))
    assert [len(found[i]) for i in (0, 1, 3)] == [1, 2, 4] and len({str(sample) for sample in found[3]}) == 4
    assert found == seen(loader_of(Augmented(), sampler=sampler, batch_size=7))
    once = seen(loader_of(Augmented()))
    assert found[0] == once[0] and once[3][0] in found[3]
    assert seen(loader_of(Augmented(), workers, batch_sampler=[[3], [1, 3], [3, 1, 0, 3]])) == found


class AugmentedStream(data.IterableDataset):
    def __iter__(self):
        info = data.get_worker_info()
        for i in range(info.id if info else 0, 12, info.num_workers if info else 1):
            yield i, random.random(), float(np.random.randn()), float(torch.rand(()))


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_a_stream_divided_in_turns():
    first = seen(loader_of(AugmentedStream()))
    assert len(first) == 12
    for workers, size in ((0, 5), (1, 4), (2, 3), (3, 2), (3, None)):
        loader = loader_of(AugmentedStream(), workers, batch_size=size)
        assert (seen(loader) if size else {i: [rest] for i, *rest in loader}) == first


def test_seeding_pythons_own():
    """As good as random.seed: numbers follow from the seed alone."""
    generator = random.Random()
    assert _C._seed_python(generator, 7)
    first = [generator.random() for _ in range(700)]
    assert abs(sum(first) / 700 - 0.5) < 0.05 and _C._seed_python(generator, 7) and [generator.random() for _ in range(700)] == first
    assert _C._seed_python(generator, 8) and generator.random() != first[0]
    for wrong in ((generator, "text"), (generator,)):
        with pytest.raises(TypeError):
            _C._seed_python(*wrong)


def test_paths_of_pytorch():
    import rustorch.utils.data as D
    from rustorch.utils.data.dataloader import default_collate
    from rustorch.utils.data.dataset import StackDataset
    from rustorch.utils.data.distributed import DistributedSampler
    from rustorch.utils.data.sampler import SubsetRandomSampler

    assert all(getattr(D, name) is getattr(data, name) for name in data.__all__)
    assert (default_collate, StackDataset) == (data.default_collate, data.StackDataset)
    assert (DistributedSampler, SubsetRandomSampler) == (data.DistributedSampler, data.SubsetRandomSampler)
    assert torch.utils.data is D
