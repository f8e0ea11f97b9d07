"""Every collective on every rank, against NumPy. Run by tests/python/test_distributed.py with 1, 2 and 4 ranks."""

import numpy as np

import rustorch as torch
import rustorch.distributed as dist
from rustorch.distributed import ReduceOp

dist.init_process_group()
rank, size = dist.get_rank(), dist.get_world_size()
DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64]


def data(of, shape=(3, 5), dtype=torch.float32):
    """What rank `of` has: any rank can compute it."""
    rng = np.random.default_rng(of)
    return torch.tensor(rng.integers(0, 5, size=shape)).to(dtype)


def same(tensor, expected):
    assert tensor.tolist() == expected.tolist(), (tensor, expected)


def raises(kind, words, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except kind as error:
        assert words in str(error), str(error)
    else:
        raise AssertionError(f"{call} did not raise")


def test_all_reduce():
    for dtype in DTYPES:
        x = data(rank, dtype=dtype)
        assert dist.all_reduce(x) is None
        same(x, sum(data(k) for k in range(size)).to(dtype))
        y = data(rank, dtype=dtype)
        dist.all_reduce(y, op=ReduceOp.MAX)
        same(y, torch.stack([data(k) for k in range(size)]).max(0).values.to(dtype))
    x = data(rank)
    dist.all_reduce(x, ReduceOp.AVG)
    same(x, sum(data(k) for k in range(size)) / size)
    x = torch.tensor([True, rank == 0])
    dist.all_reduce(x, ReduceOp.BAND)
    same(x, torch.tensor([True, size == 1]))
    raises(TypeError, "average", dist.all_reduce, torch.ones(2, dtype=torch.int64), ReduceOp.AVG)
    raises(TypeError, "bits", dist.all_reduce, torch.ones(2), ReduceOp.BOR)
    raises(TypeError, "bool", dist.all_reduce, torch.ones(2, dtype=torch.bool))


def test_large_and_strided():
    x = torch.arange(3_000_001, dtype=torch.float32) * (rank + 1)
    dist.all_reduce(x)
    same(x[::100_000], torch.arange(3_000_001, dtype=torch.float32)[::100_000] * (size * (size + 1) // 2))
    base = torch.zeros(6, 8)
    view = base.t()[1:7:2]  # (3, 6), every other column
    view.copy_(data(rank, (3, 6)))
    dist.all_reduce(view)
    same(view, sum(data(k, (3, 6)) for k in range(size)))
    assert float(base[:, 0].abs().sum()) == 0 and float(base[:, 2].abs().sum()) == 0
    dist.broadcast(view, src=size - 1)
    raises(ValueError, "expanded", dist.all_reduce, torch.ones(1).expand(4))


def test_one_to_all():
    for src in range(size):
        x = data(rank)
        dist.broadcast(x, src)
        same(x, data(src))
        x = data(rank)
        dist.reduce(x, dst=src)
        same(x, sum(data(k) for k in range(size)) if rank == src else data(rank))
        x, parts = torch.zeros(3, 5), [data(10 + k) for k in range(size)]
        dist.scatter(x, parts if rank == src else None, src=src)
        same(x, data(10 + rank))
        parts = [torch.zeros(3, 5) for _ in range(size)] if rank == src else None
        dist.gather(data(rank), parts, dst=src)
        for k in range(size if rank == src else 0):
            same(parts[k], data(k))
    raises(ValueError, f"rank {size} is not in the group", dist.broadcast, torch.ones(1), size)


def test_all_to_all():
    parts = [torch.zeros(3, 5) for _ in range(size)]
    dist.all_gather(parts, data(rank))
    for k in range(size):
        same(parts[k], data(k))
    side, stacked = torch.zeros(3 * size, 5), torch.zeros(size, 3, 5)
    dist.all_gather_into_tensor(side, data(rank))
    dist.all_gather_into_tensor(stacked, data(rank))
    same(side, torch.cat([data(k) for k in range(size)]))
    same(stacked, torch.stack([data(k) for k in range(size)]))
    raises(ValueError, "cannot hold", dist.all_gather_into_tensor, torch.zeros(7), data(rank))
    x = torch.zeros(3, 5)
    dist.reduce_scatter(x, [data(10 * rank + k) for k in range(size)])
    same(x, sum(data(10 * k + rank) for k in range(size)))
    dist.reduce_scatter_tensor(x, torch.cat([data(10 * rank + k) for k in range(size)]))
    same(x, sum(data(10 * k + rank) for k in range(size)))
    out = [torch.zeros(k + 1) for k in [rank] * size]
    dist.all_to_all(out, [torch.full((k + 1,), float(rank)) for k in range(size)])
    for k in range(size):
        same(out[k], torch.full((rank + 1,), float(k)))
    x = torch.zeros(2 * size)
    dist.all_to_all_single(x, torch.arange(2.0 * size) + 100 * rank)
    same(x, torch.cat([torch.arange(2.0) + 2 * rank + 100 * k for k in range(size)]))
    rows = [k + 1 for k in range(size)]
    y = torch.zeros(size * (rank + 1), 2)
    dist.all_to_all_single(y, torch.ones(sum(rows), 2) * rank, [rank + 1] * size, rows)
    same(y, torch.cat([torch.full((rank + 1, 2), float(k)) for k in range(size)]))


def test_async():
    works, tensors = [], [data(rank, (k + 1,)) for k in range(10)]
    for tensor in tensors:
        works.append(dist.all_reduce(tensor, async_op=True))
    for work in reversed(works):
        assert work.wait() is True and work.is_completed() and work.is_success() and work.exception() is None
    for k, tensor in enumerate(tensors):
        same(tensor, sum(data(r, (k + 1,)) for r in range(size)))


def room(shape, dtype, strided):
    """A tensor to write to; `strided`: every second column of the transpose of a larger one."""
    if not strided:
        return torch.zeros(*shape, dtype=dtype)
    return torch.zeros(2 * shape[1], shape[0], dtype=dtype).t()[:, ::2]


def test_every_collective_with_every_dtype():
    """Contiguous and strided, waited for in the call and afterwards."""
    numbers = {ReduceOp.SUM: np.sum, ReduceOp.PRODUCT: np.prod, ReduceOp.MIN: np.min, ReduceOp.MAX: np.max}
    bits = {ReduceOp.BAND: np.bitwise_and, ReduceOp.BOR: np.bitwise_or, ReduceOp.BXOR: np.bitwise_xor}
    last, shape, others = size - 1, (3, 4), [k for k in range(size) if k != rank]
    for dtype in [*DTYPES, torch.bool]:
        every = [np.random.default_rng(k).integers(0, 2 if dtype == torch.bool else 4, size=shape) for k in range(2 * size)]
        floats = dtype.is_floating_point
        for strided, later in ((False, False), (True, True), (True, False), (False, True)):

            def have(k):
                tensor = room(shape, dtype, strided)
                tensor.copy_(torch.tensor(every[k]))
                return tensor

            def spaces(n=size):
                return [room(shape, dtype, strided) for _ in range(n)]

            def do(call, *args, **kwargs):
                work = call(*args, async_op=later, **kwargs)
                assert (work is None) == (not later) and (work is None or work.wait())

            def check(tensor, expected):
                same(tensor, torch.tensor(expected).to(dtype))

            ops = {} if dtype == torch.bool else dict(numbers)
            for op, reference in ops.items():
                x = have(rank)
                do(dist.all_reduce, x, op)
                check(x, reference(np.stack(every[:size]), 0))
            for op, reference in ({} if floats else bits).items():
                x = have(rank)
                do(dist.all_reduce, x, op)
                check(x, reference.reduce(np.stack(every[:size]), 0))
            if floats:
                x = have(rank)
                do(dist.all_reduce, x, ReduceOp.AVG)
                check(x, np.sum(every[:size], 0) / size)
            op = ReduceOp.BXOR if dtype == torch.bool else ReduceOp.SUM
            fold = np.bitwise_xor.reduce if dtype == torch.bool else np.sum
            x = have(rank)
            do(dist.reduce, x, last, op)
            check(x, fold(np.stack(every[:size]), 0) if rank == last else every[rank])
            x = have(rank)
            do(dist.broadcast, x, last)
            check(x, every[last])
            parts = spaces()
            do(dist.all_gather, parts, have(rank))
            for k in range(size):
                check(parts[k], every[k])
            x = room((3 * size, 4), dtype, strided)
            do(dist.all_gather_into_tensor, x, have(rank))
            check(x, np.concatenate(every[:size]))
            parts = spaces() if rank == 0 else None
            do(dist.gather, have(rank), parts, dst=0)
            for k in range(size if rank == 0 else 0):
                check(parts[k], every[k])
            x = room(shape, dtype, strided)
            do(dist.scatter, x, [have(size + k) for k in range(size)] if rank == last else None, src=last)
            check(x, every[size + rank])
            x = room(shape, dtype, strided)
            do(dist.reduce_scatter, x, [have((rank + k) % size) for k in range(size)], op)
            check(x, fold(np.stack([every[(k + rank) % size] for k in range(size)]), 0))
            whole, x = room((3 * size, 4), dtype, strided), room(shape, dtype, strided)
            whole.copy_(torch.tensor(np.concatenate([every[(rank + k) % size] for k in range(size)])))
            do(dist.reduce_scatter_tensor, x, whole, op)
            check(x, fold(np.stack([every[(k + rank) % size] for k in range(size)]), 0))
            parts = spaces()
            do(dist.all_to_all, parts, [have((rank + k) % (2 * size)) for k in range(size)])
            for k in range(size):
                check(parts[k], every[(k + rank) % (2 * size)])
            x = room((3 * size, 4), dtype, strided)
            do(dist.all_to_all_single, x, whole)
            check(x, np.concatenate([every[(k + rank) % size] for k in range(size)]))
            parts = dict(zip(others, spaces(size - 1)))
            works = [dist.irecv(parts[k], k, tag=7) for k in others] + [dist.isend(have(rank), k, tag=7) for k in others]
            for work in works:
                work.wait()
            for k in others:
                check(parts[k], every[k])


def test_points():
    if size == 1:
        raises(ValueError, "itself", dist.send, torch.ones(1), 0)
        return
    after, before = (rank + 1) % size, (rank - 1) % size
    big, room = data(rank, (300, 1000)), torch.zeros(300, 1000)
    works = dist.batch_isend_irecv([dist.P2POp(dist.irecv, room, before), dist.P2POp(dist.isend, big, after)])
    for work in works:
        work.wait()
    same(room[::37], data(before, (300, 1000))[::37])
    if rank == 0:
        for _ in range(size - 1):
            x = torch.zeros(2)
            source = dist.recv(x, tag=5)
            same(x, torch.full((2,), float(source)))
    else:
        dist.send(torch.full((2,), float(rank)), 0, tag=5)
    dist.barrier()


def test_groups():
    even = dist.new_group(list(range(0, size, 2)))
    everybody = dist.new_group()
    assert dist.get_world_size(everybody) == size
    if rank % 2:
        assert even is dist.GroupMember.NON_GROUP_MEMBER and dist.get_rank(even) == -1
        x = torch.ones(1)
        assert dist.all_reduce(x, group=even) is None and float(x) == 1
    else:
        x = torch.ones(1)
        dist.all_reduce(x, group=even)
        assert float(x) == (size + 1) // 2
        last = dist.get_process_group_ranks(even)[-1]
        x = torch.tensor([float(rank)])
        dist.broadcast(x, src=last, group=even)  # a rank of the job
        assert float(x) == last
        assert dist.get_group_rank(even, last) == dist.get_world_size(even) - 1
    pairs, every = dist.new_subgroups(1)
    assert dist.get_world_size(pairs) == 1 and len(every) == size
    raises(ValueError, "twice", dist.new_group, [0, 0])


def test_objects():
    value = {"rank": rank, "list": [1, 2.5, None, True, "ü"], "tuple": (1, (2,)), 3: b"\0\xff", "set": {1, 2}, "*": float("inf")}
    every = [None] * size
    dist.all_gather_object(every, value)
    for k in range(size):
        assert every[k] == dict(value, rank=k) and type(every[k]["tuple"]) is tuple
    some = [rank, "x" * (rank + 1)]
    dist.broadcast_object_list(some, src=size - 1)
    assert some == [size - 1, "x" * size]
    every = [None] * size if rank == 0 else None
    dist.gather_object("r%d" % rank, every, dst=0)
    assert rank or every == ["r%d" % k for k in range(size)]
    mine = [None]
    dist.scatter_object_list(mine, [[k] for k in range(size)] if rank == 0 else None, src=0)
    assert mine == [[rank]]
    if size > 1 and rank < 2:
        if rank == 0:
            dist.send_object_list([{"a": 1}, "b"], 1)
        else:
            pair = [None, None]
            assert dist.recv_object_list(pair) == 0 and pair == [{"a": 1}, "b"]
    raises(TypeError, "the object['net'][0] is a Tensor", dist.all_gather_object, [None] * size, {"net": [torch.ones(1)]})
    raises(TypeError, "is a function", dist.broadcast_object_list, [raises], rank)
    dist.barrier()


def test_again():
    dist.destroy_process_group()
    assert not dist.is_initialized()
    dist.init_process_group("gloo", init_method="env://", rank=rank, world_size=size)
    x = torch.ones(1)
    dist.all_reduce(x)
    assert float(x) == size and dist.is_initialized()
    raises(ValueError, "already there", dist.init_process_group)


for name, test in list(globals().items()):
    if name.startswith("test_"):
        test()
dist.barrier(device_ids=[0])
print(f"fine {rank}", flush=True)
