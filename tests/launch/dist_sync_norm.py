"""SyncBatchNorm on every rank (run by tests/python/test_distributed.py): equal to BatchNorm over the batches of all ranks together, forward and backward."""

import numpy as np

import rustorch as torch
import rustorch.distributed as dist
from rustorch import nn

dist.init_process_group()
rank, size = dist.get_rank(), dist.get_world_size()
rng = np.random.default_rng(0)
sizes = [2 + r for r in range(size)]  # batches of different sizes
begin = sum(sizes[:rank])
x = rng.normal(3, 2, size=(sum(sizes), 3, 4, 2))
g = rng.normal(size=x.shape)

whole = nn.BatchNorm2d(3).double()
sync = nn.SyncBatchNorm.convert_sync_batchnorm(nn.BatchNorm2d(3).double())
with torch.no_grad():
    for norm in (whole, sync):
        norm.weight.copy_(torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64))

for step in range(2):
    one = torch.tensor(x, requires_grad=True)
    whole(one).backward(torch.tensor(g))
    mine = slice(begin, begin + sizes[rank])
    part = torch.tensor(x[mine], requires_grad=True)
    y = sync(part)
    y.backward(torch.tensor(g[mine]))
    np.testing.assert_allclose(y.detach().numpy(), whole(one).detach().numpy()[mine], rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(part.grad.numpy(), one.grad.numpy()[mine], rtol=1e-9, atol=1e-11)
    for name in ("weight", "bias"):  # each rank's own part of the sum
        total = getattr(sync, name).grad.clone()
        dist.all_reduce(total)
        np.testing.assert_allclose(total.numpy(), getattr(whole, name).grad.numpy(), rtol=1e-9)
    with torch.no_grad():  # whole(one) ran twice a step
        sync(torch.tensor(x[mine]))
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        np.testing.assert_allclose(getattr(sync, name).numpy(), getattr(whole, name).numpy(), rtol=1e-9)
sync.eval(), whole.eval()
np.testing.assert_allclose(sync(part).detach().numpy(), whole(part).detach().numpy(), rtol=1e-12)
dist.destroy_process_group()
print(f"fine {rank}")
