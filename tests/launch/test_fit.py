"""fit, evaluate and predict on several ranks: the history of one process, each sample once, one voice; a killed run goes on."""

import json
import os
import subprocess
import sys

import pytest

# Everything that could differ between ranks: noise, statistics of batches, clipping, penalties, weights, and 103 samples in
# batches of 17, whose last has 1.
FIT = """
    import json, sys
    import numpy as np
    import rustorch as rt
    from rustorch.data import DataLoader, Dataset, DistributedSampler, TensorDataset
    from rustorch.training import Trainer, TrainerConfig, callbacks, losses
    from rustorch.training import _ranks

    class Rows(Dataset):
        def __len__(self):
            return 41
        def __getitem__(self, i):
            return x[i], y[i]

    rng = np.random.default_rng(0)
    x = rng.standard_normal((103, 6)).astype("float32")
    y = (x.sum(1) > 0).astype("int64")
    whole = TensorDataset(rt.tensor(x), rt.tensor(y))
    found = {}

    def model(**options):
        rt.manual_seed(3 if _ranks.rank() == 0 else 3000)  # rank 0's random numbers decide
        made = rt.Model(["Dense(16, activation=relu)", "BatchNorm", "Dropout(0.25)",
                         "Dense(8, activation=tanh, kernel_regularizer=l2(0.01))", "GaussianNoise(0.1)", "Dense(2, activation=softmax)"])
        made.compile({"name": "adam", "learning_rate": 0.01, **options}, "sparse_categorical_crossentropy",
                     metrics=["accuracy", "top_k_accuracy(k=1)", "sparse_categorical_crossentropy"])
        return made

    verbose = 2 if sys.argv[2] == "talk" else 0
    m = model(global_clipnorm=1.0)
    found["arrays"] = m.fit(x, y, batch_size=17, epochs=3, validation_split=0.2, verbose=verbose, class_weight={0: 1.0, 1: 2.0}).history
    found["evaluation"] = m.evaluate(x, y, batch_size=50)
    found["predictions"] = m.predict(x, batch_size=20).tolist()
    m = model()
    found["loader"] = m.fit(DataLoader(whole, batch_size=10, shuffle=True), epochs=2, verbose=0).history
    found["predicted batches"] = [each.tolist() for each in m.predict(DataLoader(whole, batch_size=40))]
    found["data set"] = m.fit(Rows(), epochs=1, verbose=0).history
    found["stream"] = m.fit(((x[i : i + 9], y[i : i + 9]) for i in range(0, 103, 9)), epochs=1, verbose=0).history
    found["steps"] = m.fit(x, y, batch_size=30, steps_per_epoch=3, epochs=3, verbose=0, sample_weight=np.linspace(0, 2, 103)).history
    found["tiny batches"] = m.fit(x[:5], y[:5], batch_size=2, epochs=1, verbose=0).history  # fewer rows than ranks at the end
    found["many batches"] = m.fit(x, y, batch_size=3, epochs=1, verbose=0).history
    found["batch"] = m.train_on_batch(x[:11], y[:11], return_dict=True)
    m = model(gradient_accumulation_steps=3)
    found["accumulated"] = m.fit(x, y, batch_size=17, epochs=2, verbose=0).history
    m = model()
    config = TrainerConfig(epochs=2, batch_size=16, gradient_clip_norm=0.5, seed=5, verbose=0, validation_frequency=2)
    found["trainer"] = Trainer(config).train(m, (x, y), (x[:7], y[:7])).history
    m = model()
    m.compile("sgd", losses.SparseCategoricalCrossentropy(reduction="sum"))
    found["sum"] = m.fit(x, y, batch_size=40, epochs=1, verbose=0).history
    found["its evaluation"] = m.evaluate(x, y)
    # means over what a mask and a class leave, whose numbers differ between the ranks; and what layers add to the loss
    sequences = rng.standard_normal((31, 5, 6)).astype("float32")
    sequences[rng.random((31, 5)) < 0.4] = 0
    words, share = rng.integers(0, 3, (31, 5)), rng.random((31, 5))
    rt.manual_seed(4)
    m = rt.Model(["Masking", "LSTM(4, return_sequences=True)", "TimeDistributed(Dropout(0.2))", "Dense(3, activation=tanh, activity_regularizer=l2(0.1))",
                  "Dense(3, activation=softmax)"])
    m.compile("adam", losses.SparseCategoricalCrossentropy(ignore_class=2), metrics=["accuracy"], loss_weights=0.5,
              weighted_metrics=["sparse_categorical_crossentropy"])
    found["masks"] = m.fit(sequences, words, batch_size=7, epochs=2, sample_weight=share, verbose=0).history
    found["masks evaluated"] = m.evaluate(sequences, words, batch_size=10)
    m = rt.Model(["Dense(4, activation=relu, activity_regularizer=l1(0.1))", "Dense(3)"])
    m.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight"))
    found["weighted means"] = m.fit(sequences[:, 0], words[:, 0], batch_size=7, epochs=2, sample_weight=share[:, 0], verbose=0).history
    m.compile("sgd", rt.nn.CrossEntropyLoss(weight=rt.tensor([0.2, 1.0, 3.0]), ignore_index=1))
    found["torch"] = m.fit(sequences[:, 0], words[:, 0], batch_size=7, epochs=2, verbose=0).history
    found["weights"] = [w.tolist() for w in m.get_weights()]
    # each sample counts once, though the sampler repeats one on the last rank
    sampler = DistributedSampler(whole, num_replicas=_ranks.size(), rank=_ranks.rank(), shuffle=False)
    m = model()
    m.fit(x, y, epochs=1, verbose=0)
    found["sampler"] = m.evaluate(DataLoader(whole, batch_size=8, sampler=sampler))
    print("rank", _ranks.rank(), "ends")
    with open(sys.argv[1] + str(_ranks.rank()), "w") as file:
        json.dump(found, file)
"""


@pytest.fixture
def launch(launch_mpi):
    return launch_mpi


def flat(value, path=""):
    if isinstance(value, (dict, list)):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from flat(each, "%s/%s" % (path, key))
    else:
        yield path, value


def test_the_same_history_on_any_number_of_ranks(launch):
    script = launch.script(FIT)
    alone = subprocess.run([sys.executable, script, "alone", "talk"], cwd=launch.folder, capture_output=True, text=True, timeout=120)
    assert alone.returncode == 0, alone.stderr
    expected = dict(flat(json.loads((launch.folder / "alone0").read_text())))
    for ranks in (2, 3):
        job = launch.run("-n", ranks, "--oversubscribe", script, "many", "talk", timeout=120)
        assert job.code == 0, job.err
        for rank in range(ranks):  # every rank knows everything
            found = dict(flat(json.loads((launch.folder / ("many%d" % rank)).read_text())))
            assert list(found) == list(expected)
            worst = max(expected, key=lambda key: abs(found[key] - expected[key]))
            assert abs(found[worst] - expected[worst]) <= 1e-5, (ranks, rank, worst, found[worst], expected[worst])
        # what fit says is said once
        lines = [line for line in job.out.splitlines() if line.startswith("Epoch")]
        assert [line.split(" - ")[0] for line in lines] == ["Epoch %d/3" % (k + 1) for k in range(3)]
        assert sorted(line for line in job.out.splitlines() if "ends" in line) == ["rank %d ends" % k for k in range(ranks)]


RESUME = """
    import os, signal, sys
    import rustorch as rt
    from rustorch.training import BackupAndRestore, _ranks, callbacks

    folder, victim = sys.argv[1], int(sys.argv[2])
    first = os.environ.get("RUSTORCH_RESTART_COUNT", "0") == "0"

    class Kill(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if _ranks.rank() == 0:
                print("epoch", epoch)
            self.epoch = epoch
        def on_train_batch_end(self, batch, logs=None):
            if first and _ranks.rank() == victim and (self.epoch, batch) == (2, 1):
                os.kill(os.getpid(), signal.SIGKILL)

    rt.manual_seed(5 if first else 100)
    x = rt.randn(50, 6, generator=rt.Generator().manual_seed(1))
    y = (x.sum(1) > 0).long()
    model = rt.Model(["Dense(16, activation=relu)", "BatchNorm", "Dropout(0.25)", "Dense(2, activation=softmax)"])
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, batch_size=8, epochs=5, steps_per_epoch=5, verbose=0, callbacks=[BackupAndRestore(folder), Kill()])
    rt.save({"model": model.state_dict(), "history": history.history, "next": rt.rand(3)}, "%s-end%d.h5" % (folder, _ranks.rank()))
"""


def same(a, b):
    """To the bit."""
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return a.numpy().tobytes() == b.numpy().tobytes() if hasattr(a, "numpy") else a == b


@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_fit_ends_in_the_same_bits(launch, victim):
    import rustorch

    script = launch.script(RESUME)
    straight = launch.run("-n", 2, script, "straight", -1)
    assert straight.code == 0, straight.err
    killed = launch.run("-n", 2, "--max-restarts", 1, script, "killed", victim)
    assert killed.code == 0, killed.err
    assert killed.out.split() == [word for k in (0, 1, 2, 2, 3, 4) for word in ("epoch", str(k))]
    for rank in range(2):
        one, other = (rustorch.load(launch.folder / ("%s-end%d.h5" % (name, rank))) for name in ("straight", "killed"))
        assert same(one, other)
    assert not os.path.exists(launch.folder / "killed")
