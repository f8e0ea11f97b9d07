"""DistributedDataParallel. Run by tests/python/test_distributed.py with 1, 2 and 4 ranks."""

import hashlib

import numpy as np

import rustorch as torch
import rustorch.distributed as dist
from rustorch import nn
from rustorch.nn.parallel import DistributedDataParallel as DDP

dist.init_process_group()
rank, size = dist.get_rank(), dist.get_world_size()
BATCH = 8 * size


def raises(kind, words, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except kind as error:
        assert words in str(error), str(error)
    else:
        raise AssertionError(f"{call} did not raise")


def close(a, b, tolerance=1e-6):
    return float((a - b).abs().max()) <= tolerance


def net(dtype=torch.float32):
    return nn.Sequential(nn.Linear(20, 300), nn.Tanh(), nn.Linear(300, 300), nn.ReLU(), nn.Linear(300, 5)).to(dtype)


def batch(dtype=torch.float32, seed=0):
    rng = np.random.default_rng(seed)
    return torch.tensor(rng.standard_normal((BATCH, 20))).to(dtype), torch.tensor(rng.integers(0, 5, BATCH))


def mine(tensor):
    return tensor[rank * 8 : (rank + 1) * 8]


def alike(tensors):
    """The same bits on all ranks?"""
    digest = hashlib.sha256(b"".join(each.detach().numpy().tobytes() for each in tensors)).hexdigest()
    every = [None] * size
    dist.all_gather_object(every, digest)
    return len(set(every)) == 1


def test_gradients_of_the_whole_batch():
    for dtype, tolerance in ((torch.float32, 1e-6), (torch.float64, 1e-12)):
        torch.manual_seed(rank)  # parameters differ before DDP makes them equal
        model = DDP(net(dtype), bucket_cap_mb=0.004)
        assert alike(model.parameters()) and len(model._reducer.buckets()) > 2
        x, y = batch(dtype)
        whole = net(dtype)
        whole.load_state_dict(model.module.state_dict())
        nn.functional.cross_entropy(whole(x), y).backward()
        nn.functional.cross_entropy(model(mine(x)), mine(y)).backward()
        difference = scale = 0.0
        for a, b in zip(model.parameters(), whole.parameters()):
            difference += float((a.grad - b.grad).double().pow(2).sum())
            scale += float(b.grad.double().pow(2).sum())
        assert (difference / scale) ** 0.5 <= tolerance, (dtype, (difference / scale) ** 0.5)
        assert alike([each.grad for each in model.parameters()])


def test_training_stays_alike():
    torch.manual_seed(rank)
    model = DDP(net())
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for step in range(30):
        x, y = batch(seed=step % 3)
        optimizer.zero_grad(set_to_none=step % 2 == 0)
        loss = nn.functional.cross_entropy(model(mine(x)), mine(y))
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert losses[-1] < losses[0] and alike(model.parameters())


def test_gradients_are_views_of_buckets():
    model = DDP(net())
    x, y = batch()
    places = None
    for step in range(3):
        model.zero_grad(set_to_none=True)
        assert all(each.grad is None for each in model.parameters())
        nn.functional.cross_entropy(model(mine(x)), mine(y)).backward()
        now = [each.grad.data_ptr() for each in model.parameters()]
        assert places is None or now == places
        places = now
    # a gradient of the user's own is taken in
    for each in model.parameters():
        each.grad = torch.ones_like(each)
    nn.functional.cross_entropy(model(mine(x)), mine(y)).backward()
    assert [each.grad.data_ptr() for each in model.parameters()] == places
    assert alike([each.grad for each in model.parameters()])


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x, which):
        return {"a": self.a, "b": self.b, "c": self.c}[which](x)


def test_unused_parameters():
    for find in (False, True):
        model = DDP(Branches(), find_unused_parameters=find)
        x = torch.ones(2, 4) * (rank + 1)
        # rank 0 uses a, the others b, nobody c
        model(x, "a" if rank == 0 else "b").sum().backward()
        assert close(model.a.weight.grad, torch.full((4, 4), 2.0 / size))
        if size > 1:
            total = sum(2.0 * (k + 1) for k in range(1, size))
            assert close(model.b.weight.grad, torch.full((4, 4), total / size))
        assert model.c.weight.grad is None and model.c.bias.grad is None
        # what c held stays, to the bit, when nobody uses it
        model.zero_grad()
        model(x, "c").sum().backward()
        before = model.c.weight.grad.clone()
        model(x, "a").sum().backward()
        assert torch.equal(model.c.weight.grad, before) and alike([model.c.weight.grad])


def test_no_sync():
    model = DDP(net(torch.float64))
    x, y = batch(torch.float64)
    with model.no_sync():
        nn.functional.cross_entropy(model(mine(x)), mine(y)).backward()
        assert size == 1 or not alike([model.module[0].weight.grad])
        nn.functional.cross_entropy(model(mine(x)), mine(y)).backward()
    nn.functional.cross_entropy(model(mine(x)), mine(y)).backward()
    assert alike([each.grad for each in model.parameters()])
    alone = net(torch.float64)
    alone.load_state_dict(model.module.state_dict())
    (3 * nn.functional.cross_entropy(alone(x), y)).backward()
    for a, b in zip(model.parameters(), alone.parameters()):
        assert close(a.grad, b.grad, 1e-12)
    model.zero_grad()
    with model.no_sync():
        nn.functional.cross_entropy(model(mine(x)), mine(y)).backward()
    model.sync_gradients()
    for a, b in zip(model.parameters(), alone.parameters()):
        assert close(3 * a.grad, b.grad, 1e-12)


def test_static_graph():
    model = DDP(Branches(), static_graph=True)
    x = torch.ones(2, 4)
    for _ in range(3):
        model.zero_grad()
        model(x, "a").sum().backward()
        assert model.b.weight.grad is None and close(model.a.weight.grad, torch.full((4, 4), 2.0))
    try:
        model(x, "b").sum().backward()
    except RuntimeError as error:
        assert "static_graph" in str(error) and "parameter a.weight got no gradient" in str(error)
    else:
        raise AssertionError("a broken promise went unnoticed")


def test_buffers():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    model[1].running_mean.fill_(rank)
    wrapped = DDP(model)
    assert float(model[1].running_mean.sum()) == 0
    for step in range(3):
        wrapped(torch.randn(5, 3) * (rank + 1)).sum().backward()
    assert size == 1 or not alike([model[1].running_mean])
    wrapped(torch.randn(5, 3))  # rank 0's go out before it, each rank's own batch comes after
    apart = DDP(nn.BatchNorm1d(4), broadcast_buffers=False)
    apart(torch.randn(5, 4) + rank).sum().backward()
    apart(torch.randn(5, 4) + rank).sum().backward()
    assert size == 1 or not alike([apart.module.running_mean])


def test_mixed_dtypes():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.narrow = nn.Parameter(torch.ones(7, dtype=torch.float16))
            self.wide = nn.Parameter(torch.ones(7, dtype=torch.float64))
            self.frozen = nn.Parameter(torch.ones(7), requires_grad=False)

        def forward(self, x):
            return (self.narrow.double() * x).sum() + (self.wide * x).sum()

    model = DDP(Mixed())
    model(torch.full((7,), float(rank + 1), dtype=torch.float64)).backward()
    mean = (size + 1) / 2
    assert model.narrow.grad.tolist() == [mean] * 7 and model.wide.grad.tolist() == [mean] * 7
    assert model.frozen.grad is None and len(model._reducer.buckets()) == 2


def test_failed_backward():
    class Fails(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            raise ArithmeticError("no gradient today")

    model = DDP(net(), bucket_cap_mb=0.001)
    x, y = batch()
    hidden = model.module[1](model.module[0](mine(x)))
    raises(ArithmeticError, "today", nn.functional.cross_entropy(model.module[4](model.module[2](Fails.apply(hidden))), mine(y)).backward)
    model.zero_grad()
    nn.functional.cross_entropy(model(mine(x)), mine(y)).backward()
    assert alike([each.grad for each in model.parameters()])


def test_being_a_module():
    inner = Branches()
    model = dist.DistributedDataParallel(inner)
    assert model.module is inner and model.a is inner.a and isinstance(model, nn.Module)
    assert sorted(model.state_dict())[0] == "module.a.bias"
    model.load_state_dict(model.state_dict())
    raises(AttributeError, "nothing", getattr, model, "nothing")
    raises(ValueError, "device_ids", DDP, Branches(), device_ids=[0])
    raises(NotImplementedError, "comm_hook", model.register_comm_hook, None, None)
    frozen = nn.Linear(2, 2).requires_grad_(False)
    raises(RuntimeError, "no parameter", DDP, frozen)
    del model  # the module goes on alone
    inner(torch.ones(2, 4), "a").sum().backward()
    assert inner.a.weight.grad is not None


def test_different_modules():
    if size > 1:
        odd = nn.Linear(4, 5 if rank == size - 1 else 4)
        words = f"rank 0 has weight: (4, 4) rustorch.float32, rank {size - 1} has weight: (5, 4) rustorch.float32"
        raises(dist.DistributedError if hasattr(dist, "DistributedError") else RuntimeError, words, DDP, odd)
        fewer = nn.Linear(4, 4, bias=rank != 0)
        raises(RuntimeError, "rank 0 has nothing more, rank 1 has bias: (4,)", DDP, fewer)


for name, test in list(globals().items()):
    if name.startswith("test_"):
        test()
dist.destroy_process_group()
print(f"fine {rank}", flush=True)
