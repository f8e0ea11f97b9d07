"""Metrics and callbacks on every rank (run by tests/python/test_distributed.py): sums of all ranks, one writer, the same decisions."""

import os
import tempfile

import numpy as np

import rustorch
import rustorch.distributed as dist
from rustorch.training import Model, metrics
from rustorch.training.callbacks import CSVLogger, EarlyStopping, ModelCheckpoint, ReduceLROnPlateau, TensorBoard, TerminateOnNaN

dist.init_process_group()
rank, size = dist.get_rank(), dist.get_world_size()
rng = np.random.default_rng(0)
n, c = 7, 4
labels = rng.integers(0, c, n)
rows, yes = np.eye(c)[labels], rng.integers(0, 2, (n, c)).astype(float)
probs = rng.dirichlet(np.ones(c), n)
real, near = rng.normal(size=(n, c)), rng.normal(size=(n, c))


def made():
    return [
        (metrics.get("accuracy"), labels, probs), (metrics.AUC(), yes, probs), (metrics.AUC(multi_label=True), yes, probs),
        (metrics.F1Score("macro"), rows, probs), (metrics.Precision([0.2, 0.5]), yes, probs), (metrics.R2Score(), real, near),
        (metrics.MeanIoU(c), labels, probs.argmax(1)), (metrics.get("rmse"), real, near), (metrics.get("huber"), real, near),
    ]  # fmt: skip


# Each sample is on one rank; the last ranks may have none at all.
for share in (np.arange(n) % size == rank, np.arange(n) < (n if rank == 0 else 0)):
    whole, parts = made(), made()
    for (one, t, p), (part, _, _) in zip(whole, parts):
        one.update_state(t, p)
        if share.any():
            part.update_state(t[share], p[share])
    metrics.merge_states([part for part, _, _ in parts[1:]])
    parts[0][0].merge()
    for (one, _, _), (part, _, _) in zip(whole, parts):
        np.testing.assert_allclose(part.result(), one.result(), rtol=1e-12, err_msg=one.name)

# Callbacks: rank 0 writes, and every rank stops, lowers the rate and restores in the same epoch.
holder = [tempfile.mkdtemp() if rank == 0 else None]
dist.broadcast_object_list(holder)
folder = holder[0]
model = Model(["Dense(1)"])
model.compile({"name": "sgd", "learning_rate": 0.1}, "mse", ["mae"])
x = rng.normal(size=(24, 3)).astype("float32")
y = x.sum(1, keepdims=True)
stop = EarlyStopping(patience=2, min_delta=1e9, restore_best_weights=True)
given = [
    ReduceLROnPlateau(patience=1, factor=0.5, min_delta=1e9),
    ModelCheckpoint(os.path.join(folder, "{epoch}.h5"), save_weights_only=True, keep_last=2),
    CSVLogger(os.path.join(folder, "log.csv")), TensorBoard(os.path.join(folder, "board")), TerminateOnNaN(), stop,
]  # fmt: skip
history = model.fit(x, y, epochs=9, batch_size=8, validation_data=(x[:5], y[:5]), callbacks=given, verbose=0)
dist.barrier()  # the first rank has written
assert stop.stopped_epoch == 2 and len(history.history["loss"]) == 3
assert history.history["learning_rate"] == [0.1, 0.1, 0.05], history.history["learning_rate"]
assert sorted(os.listdir(folder)) == ["2.h5", "3.h5", "board", "log.csv"], os.listdir(folder)
with open(os.path.join(folder, "log.csv")) as file:
    assert len(file.readlines()) == 4
assert len(os.listdir(os.path.join(folder, "board", "train"))) == 1
weights = rustorch.cat([each.detach().reshape(-1) for each in model.parameters()])
first = weights.clone()
dist.broadcast(first, 0)
assert rustorch.equal(first, weights)
saved = rustorch.load(os.path.join(folder, "3.h5"))
assert not any(rustorch.equal(saved[key], value) for key, value in model.state_dict().items())  # the best epoch was the first
dist.destroy_process_group()
print(f"fine {rank}")
