"""The code blocks of the overview of the Python API, each run as it is written there.

``spec/overview.ko.md`` is the document that the package follows (in Korean; its build commands are of another project). A block
is taken from it as text; only the names that it uses and does not define (``model``, ``train_data``, …) are supplied before it.
"""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import rustorch

DOCUMENT = Path(__file__).with_name("spec") / "overview.ko.md"


def _blocks():
    """(heading, code) of the blocks in Python, in order."""
    heading, found, lines = "", [], None
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") and lines is None:
            heading = re.sub(r"^#+\s*(\d+\.\s*)?|\*\*", "", line)
        if line.startswith("```"):
            if lines is not None:
                found.append((heading, "\n".join(lines)))
            lines = [] if line == "```python" and lines is None else None
        elif lines is not None:
            lines.append(line)
    return found


BLOCKS = _blocks()


def block(number, *words):
    """The code of a block; the words must be in it, so that a number cannot mean another block."""
    code = BLOCKS[number][1]
    assert all(word in code for word in words), code
    return code


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs code in a folder of its own, with names supplied; gives its names, and what it printed under ``printed``."""
    monkeypatch.chdir(tmp_path)
    rustorch.manual_seed(0)

    def runner(code, **names):
        space = {"__name__": "__main__", "rustorch": rustorch, **names}
        exec(compile(code, "overview", "exec"), space)
        space["printed"] = capsys.readouterr().out
        return space

    return runner


def _network():
    return rustorch.nn.Sequential(rustorch.nn.Linear(6, 8), rustorch.nn.ReLU(), rustorch.nn.Linear(8, 3))


def test_every_block_is_here():
    assert len(BLOCKS) == 18
    text = Path(__file__).read_text(encoding="utf-8")
    used = [int(number) for number in re.findall(r"block\((\d+),", text)]
    assert sorted(set(used)) == list(range(len(BLOCKS)))


def test_tensors(run):
    names = run(block(0, "rustorch.zeros((3, 3))"))
    assert names["x"].tolist() == [[1.0, 2.0], [3.0, 4.0]] and names["x"].shape() == [2, 2]
    assert names["y"].shape() == [3, 3] and float(names["y"].abs().sum()) == 0
    assert names["z"].shape() == [2, 2] and names["torch_tensor"].shape() == [2, 2]
    again = run(block(0, "randn"))["z"]
    assert names["z"].tolist() != again.tolist() or rustorch.randn((2, 2)).tolist() != rustorch.randn((2, 2)).tolist()
    names["np_array"][0, 0] = 7
    assert float(names["torch_tensor"][0, 0]) == 7


def test_autograd(run):
    names = run(block(1, "x.pow(2).sum()"))
    assert names["printed"] == "tensor([[2., 4.]])\n"
    assert names["x"].grad.shape() == [1, 2]


def test_nn(run):
    names = run(block(2, "Conv2d(3, 64, kernel_size=3)"))
    conv = names["conv2d"]
    assert conv.kernel_size == (3, 3) and conv.stride == (1, 1) and conv.padding == (0, 0)
    assert names["linear"](rustorch.ones(4, 10)).shape() == [4, 1]
    assert float(names["mse_loss"](names["relu"](rustorch.ones(2)), rustorch.zeros(2))) == 1
    assert float(names["cross_entropy"](rustorch.zeros(1, 2), rustorch.tensor([1]))) == pytest.approx(np.log(2))


@pytest.mark.parametrize("kind", ["module", "text", "empty text"])
def test_optimizers(run, kind):
    model = _network()
    if kind != "module":
        model = rustorch.Model()
        model.add("Dense(3)")
        if kind == "text":
            model(rustorch.ones(2, 6))
    names = run(block(3, "StepLR(optimizer, step_size=10)"), model=model)
    for _ in range(10):
        names["optimizer"].step()
        names["scheduler"].step()
    assert names["optimizer"].param_groups[0]["lr"] == pytest.approx(0.0001)
    assert names["sgd"].param_groups[0]["momentum"] == 0.9


def test_data(run):
    data, targets = rustorch.arange(100).reshape(100, 1), rustorch.arange(100)
    names = run(block(4, "Normalize(mean=0.5, std=0.2)"), data=data, targets=targets)
    for _ in range(2):
        batches = [batch[1] for batch in names["dataloader"]]
        assert [len(batch) for batch in batches] == [32, 32, 32, 4]
        assert sorted(x for batch in batches for x in batch.tolist()) == list(range(100))
    image = rustorch.full((1, 4, 4), 0.7)
    np.testing.assert_allclose(names["transform"](image).numpy(), np.full((1, 4, 4), 1.0), rtol=1e-6)


@pytest.mark.parametrize("labels", ["one-hot", "integers"])
def test_training(run, labels):
    generator = np.random.default_rng(0)
    x = generator.standard_normal((200, 6)).astype(np.float32)
    y = x[:, :10].argmax(1)
    if labels == "one-hot":
        y = np.eye(10, dtype=np.float32)[y]
    data = rustorch.data.TensorDataset(rustorch.from_numpy(x), rustorch.from_numpy(y))
    loader = rustorch.data.DataLoader(data, batch_size=20)
    names = run(block(5, 'compile(optimizer="adam", loss="categorical_crossentropy")'), train_data=loader, val_data=loader)
    history = names["history"]
    assert len(history.train_loss()) == 10 and len(history.val_loss()) == 10
    assert history.train_loss()[-1] < history.train_loss()[0]


def test_distributed(run):
    names = run(block(6, "DistributedConfig"), model=_network())
    config = names["config"]
    assert (config.backend(), config.world_size(), config.rank()) == ("nccl", 4, 0)
    assert names["model"](rustorch.ones(2, 6)).shape() == [2, 3]
    rustorch.distributed.destroy_process_group()


def test_visualization(run, tmp_path):
    history = rustorch.training.TrainingHistory()
    for epoch in range(3):
        history.add_epoch(1.0 / (epoch + 1), 1.1 / (epoch + 1), {"accuracy": 0.5 + 0.1 * epoch})
    run(block(7, "plot_tensor_as_image"), history=history, tensor=rustorch.randn(8, 8))
    assert (tmp_path / "training.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_utilities(run):
    model = rustorch.Model("모델")
    model.add("Dense(8, activation=relu)")
    model.add("Dense(3)")
    x = rustorch.randn(5, 6)
    model(x)
    names = run(block(8, "load_model"), model=model, input_data=x)
    assert names["loaded_model"].name == "모델"
    np.testing.assert_array_equal(names["loaded_model"](x).detach().numpy(), model(x).detach().numpy())
    assert "linear" in names["profiler"].summary()


def test_quick_start_tensors(run):
    printed = run(block(9, "형태:"))["printed"]
    assert printed == "형태: [2, 2]\n결과: [[11. 17.]\n [25. 39.]]\n"


def test_quick_start_regression(run):
    printed = run(block(10, "최종 손실"))["printed"]
    loss = re.search(r"최종 손실: (\d\.\d{4})\n$", printed)
    assert loss and float(loss.group(1)) == pytest.approx(0.0089, abs=0.00031)
    assert "100" in printed  # what verbose=True says of the epochs


def _fashion():
    try:
        sets = [rustorch.data.datasets.FashionMNIST("/usr/share/datasets/fashion-mnist", train=train) for train in (True, False)]
    except (rustorch.RusTorchError, OSError) as error:
        pytest.skip(f"Fashion-MNIST is not installed: {error}")
    for data in sets:
        images = np.asarray(data.data, dtype=np.float32).reshape(len(data), 784) / 255
        yield (images - np.float32(0.2860)) / np.float32(0.3530), np.asarray(data.targets).astype(np.int64)


@pytest.mark.parametrize("labels", ["one-hot", "integers"])
def test_quick_start_classification(run, labels):
    (x, y), (test_x, test_y) = _fashion()
    if labels == "one-hot":
        y, test_y = np.eye(10, dtype=np.float32)[y], np.eye(10, dtype=np.float32)[test_y]
    code = block(11, "TrainerConfig", "epochs=50").replace("epochs=50", "epochs=5")
    tensors = [rustorch.from_numpy(array) for array in (x[:54000], y[:54000], x[54000:], y[54000:], test_x, test_y)]
    loaders = [
        rustorch.data.DataLoader(rustorch.data.TensorDataset(tensors[i], tensors[i + 1]), batch_size=256) for i in (2, 4)
    ]
    names = run(code, train_X=tensors[0], train_y=tensors[1], val_loader=loaders[0], test_loader=loaders[1])
    assert len(names["history"].train_loss()) == 5 and names["history"].val_epochs() == [5]
    assert names["model"].name == "분류네트워크"
    found = re.search(r"테스트 정확도: (\d\.\d{4})\n$", names["printed"])
    assert found and float(found.group(1)) == pytest.approx(names["metrics"]["accuracy"], abs=5e-5)
    assert names["metrics"]["accuracy"] >= 0.87


def test_simd(run):
    names = run(block(12, "sqrt"))
    x, y = names["x"].numpy(), names["y"].numpy()
    assert np.isnan(y[x < 0]).all() and not np.isnan(y[x >= 0]).any()


def test_gpu(run):
    code = block(13, "rustorch.cuda.device(0)")
    if rustorch.cuda.is_available():
        assert run(code)["y"].shape() == [1000, 1000]
        return
    with pytest.raises(rustorch.DeviceError, match="cuda"):
        run(code)
    assert str(rustorch.cuda.device(0)) == "cuda:0"


def test_parallel_loading(run):
    dataset = rustorch.data.TensorDataset(rustorch.arange(1000))
    loader = run(block(14, "num_workers=4"), dataset=dataset)["dataloader"]
    batches = [batch[0].tolist() for batch in loader]
    assert len(batches) == 16 and sorted(sum(batches, [])) == list(range(1000))


def test_memory(run):
    names = run(block(15, "add_(1.0)"), np=np)
    np.testing.assert_array_equal(names["np_array"], [[2, 3], [4, 5]])
    assert names["tensor"].add_(1.0) is names["tensor"]
    names["np_array"][0, 0] = 9
    assert float(names["tensor"][0, 0]) == 9


@pytest.mark.parametrize("wrong", [rustorch.ones(2, 5), rustorch.ones(3), np.ones((2, 6)), "text", None, rustorch.ones(2, 6).long()])
def test_errors(run, wrong):
    printed = run(block(16, "잘못된_입력"), model=_network(), 잘못된_입력=wrong)["printed"]
    assert re.match(r"RusTorch 오류: \S.*\S", printed)


def test_profiler(run):
    names = run(block(17, "profiler.summary()"), model=_network(), input_data=rustorch.ones(2, 6))
    assert "linear" in names["printed"] and re.search(r"\d", names["printed"])


# What the quick-start guide of the same API adds to the overview, in our words.


def test_sizes():
    x = rustorch.tensor([[[1], [2], [3]]])
    assert x.shape() == [1, 3, 1] and x.squeeze().shape() == [3] and x.squeeze().unsqueeze(0).shape() == [1, 3]


def test_losses():
    mse = rustorch.nn.MSELoss()(rustorch.tensor([[2.0, 1.0], [0.5, 1.5]]), rustorch.tensor([[1.8, 0.9], [0.6, 1.4]]))
    assert float(mse) == pytest.approx(0.0175, abs=1e-6)
    entropy = rustorch.nn.CrossEntropyLoss()(rustorch.tensor([[1.0, 2.0, 0.5], [0.2, 0.8, 2.1]]), rustorch.tensor([1, 2]))
    assert float(entropy) == pytest.approx(0.408252, abs=1e-6)


def test_variables():
    x = rustorch.autograd.Variable(rustorch.tensor([2.0, 3.0]))
    y = ((x.pow(2) + x * 3.0) * x.exp()).sum()
    y.backward()
    assert y.data().item() == pytest.approx(435.4302, rel=1e-6)
    np.testing.assert_allclose(x.grad().numpy(), [125.6140, 542.3095], rtol=1e-6)


def test_loop_by_hand():
    x = rustorch.arange(6, dtype="float32").reshape(6, 1)
    loader = rustorch.data.DataLoader(rustorch.data.TensorDataset(x, 2 * x), batch_size=4)
    for _ in range(2):
        loader.reset()
        sizes = []
        while True:
            batch = loader.next_batch()
            if batch is None:
                break
            inputs, targets = batch
            sizes.append(len(inputs))
        assert sizes == [4, 2]
    linear = rustorch.nn.Linear(1, 1)
    assert isinstance(linear.weight.item(), float) and isinstance(linear.bias.item(), float)


def test_the_modules_are_there_without_being_imported():
    modules = ["nn", "optim", "data", "training", "distributed", "visualization", "utils", "autograd"]
    code = "import rustorch\n" + "\n".join(f"rustorch.{name}.__name__" for name in modules)
    subprocess.run([sys.executable, "-c", code], check=True)
