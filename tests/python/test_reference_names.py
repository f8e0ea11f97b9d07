"""The spellings of the API reference: calls where PyTorch has attributes, loops batch by batch, transforms by name, getters."""

import copy
import math
import pickle

import numpy as np
import pytest

import rustorch
from rustorch import nn, optim
from rustorch.autograd import Variable
from rustorch.data import DataLoader, DistributedSampler, TensorDataset, Transform, Transforms, transforms


def test_shapes_and_squeeze():
    x = rustorch.tensor([[[1], [2], [3]]])
    assert (x.shape(), x.squeeze().shape(), x.squeeze().unsqueeze(0).shape()) == ([1, 3, 1], [3], [1, 3])


def test_losses():
    loss = nn.MSELoss()(rustorch.tensor([[2, 1], [0.5, 1.5]]), rustorch.tensor([[1.8, 0.9], [0.6, 1.4]]))
    assert loss.item() == pytest.approx(0.0175, abs=1e-6)
    labels = rustorch.tensor([1, 2], dtype="int64")
    assert nn.CrossEntropyLoss()(rustorch.tensor([[1, 2, 0.5], [0.2, 0.8, 2.1]]), labels).item() == pytest.approx(0.408252, abs=1e-5)


def test_variables():
    x = Variable(rustorch.tensor([2.0, 3.0]))
    y = x.pow(2.0).add(x.mul(3.0)).mul(x.exp()).sum()
    y.backward()
    assert y.data().item() == pytest.approx(435.4302, rel=1e-6)
    assert x.grad().tolist() == pytest.approx([125.6140, 542.3095], rel=1e-6)
    assert Variable.from_data([1.0, 2.0], [2, 1], True).shape() == [2, 1]
    plain = rustorch.ones(1, requires_grad=True)
    plain.sum().backward()
    plain.zero_grad()
    assert plain.grad is None and plain.to_vec() == [1.0]


def test_loop_batch_by_batch():
    """Linear regression with next_batch(), and weights that are called."""
    rustorch.manual_seed(0)
    x = rustorch.randn(64, 1)
    loader = DataLoader(TensorDataset(x, 2 * x + 1), batch_size=10, shuffle=True)
    model = nn.Linear(1, 1)
    assert model.weight() is model.weight and model.bias() is model.bias
    optimizer = optim.SGD([model.weight(), model.bias()], lr=0.1)
    for _ in range(30):
        loader.reset()
        counts = []
        while True:
            batch = loader.next_batch()
            if batch is None:
                break
            inputs, targets = batch
            counts.append(len(inputs))
            optimizer.zero_grad()
            nn.functional.mse_loss(model(inputs), targets).backward()
            optimizer.step()
        assert counts == [10] * 6 + [4] and loader.current_batch_index() == 7 == loader.num_batches()
        assert not loader.has_next()
    assert model.weight().item() == pytest.approx(2, abs=0.01) and model.bias().item() == pytest.approx(1, abs=0.01)


def test_data_sets():
    data = TensorDataset.from_tensors([rustorch.arange(6).reshape(3, 2), rustorch.tensor([7, 8, 9])])
    assert [part.tolist() for part in data.get_batch([2, 0])] == [[[4, 5], [0, 1]], [9, 7]]
    assert data.data().shape == (3, 2) and data.targets().tolist() == [7, 8, 9]
    first, second = (DistributedSampler(5, num_replicas=2, rank=rank, shuffle=True, seed=None) for rank in range(2))
    assert sorted(set(first.get_indices() + second.get_indices())) == [0, 1, 2, 3, 4]
    first.set_epoch(1)
    assert len(first) == 3


def test_transforms_by_name():
    image = rustorch.rand(3, 8, 8)
    assert rustorch.allclose(Transform("normalize", {"mean": 0.5, "std": 0.25})(image), (image - 0.5) / 0.25)
    assert Transform("resize", {"height": 4, "width": 6})(image).shape == (3, 4, 6)
    assert Transform("random_crop", {"size": 5})(image).shape == (3, 5, 5)
    assert rustorch.equal(Transform("horizontal_flip", {"p": 1.0})(image), image.flip(-1))
    both = Transforms([transforms.normalize(0.5, 0.5)])
    both.append(transforms.random_horizontal_flip(p=0.0))
    assert len(both) == 2 and rustorch.allclose(both(image), image * 2 - 1)
    with pytest.raises(ValueError, match="no transform 'blur'.*normalize, resize"):
        Transform("blur")
    with pytest.raises(ValueError, match="normalize.*radius"):
        Transform("normalize", {"radius": 1})


def test_getters_of_optimisers():
    p = [nn.Parameter(rustorch.zeros(2)), nn.Parameter(rustorch.zeros(3))]
    sgd = optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01)
    assert (sgd.learning_rate(), sgd.momentum(), sgd.weight_decay(), sgd.nesterov(), sgd.param_count()) == (0.1, 0.9, 0.01, False, 2)
    sgd.set_learning_rate(0.5)
    assert sgd.param_groups[0]["lr"] == 0.5
    adam = optim.Adam(p)
    assert (adam.beta1(), adam.beta2(), adam.eps(), adam.amsgrad()) == (0.9, 0.999, 1e-8, False)
    with pytest.raises(AttributeError, match="momentum"):
        adam.momentum()
    with pytest.raises(ValueError, match="not be negative"):
        adam.set_learning_rate(-1)
    assert pickle.loads(pickle.dumps(adam)).beta1() == 0.9 and copy.deepcopy(sgd).learning_rate() == 0.5


def test_construction():
    assert rustorch.PyTensor([1.0, 2.0, 3.0, 4.0], [2, 2]).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    made = rustorch.PyTensor([[1, 2]], "float64", True)
    assert made.dtype == rustorch.float64 and made.requires_grad and not rustorch.PyTensor([1.0], "float32", False).requires_grad
    assert rustorch.add(rustorch.ones(1), 1.0, 2.0).item() == 3.0 and rustorch.sub(rustorch.ones(1), rustorch.ones(1), 2.0).item() == -1.0
    assert rustorch.PyDevice.cpu() == rustorch.device("cpu") and rustorch.PyDevice.cuda(1).index == 1
    assert rustorch.repeat(rustorch.tensor([1, 2]), 2).tolist() == [1, 2, 1, 2]
    assert nn.Swish is nn.SiLU and rustorch.equal(nn.functional.swish(rustorch.ones(2)), nn.functional.silu(rustorch.ones(2)))


def test_buffers():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.mean = nn.Buffer(rustorch.zeros(2))
            self.scratch = nn.Buffer(rustorch.ones(2), persistent=False)

    model = Model()
    assert dict(model.named_buffers()).keys() == {"mean", "scratch"} and list(model.state_dict()) == ["mean"] and not list(model.parameters())
    model.mean = rustorch.ones(2)  # stays a buffer
    assert list(model.state_dict()) == ["mean"]
    copied = copy.deepcopy(model)
    copied.mean.fill_(5)
    assert model.mean.tolist() == [1.0, 1.0] and list(copied.state_dict()) == ["mean"]
    assert pickle.loads(pickle.dumps(nn.Buffer(rustorch.ones(1), persistent=False))).persistent is False
    with pytest.raises(AttributeError, match="before Module"):
        type("Early", (nn.Module,), {"__init__": lambda self: setattr(self, "b", nn.Buffer(rustorch.ones(1)))})()
    with pytest.raises(TypeError, match="Buffer"):
        nn.Buffer([1.0])


def test_storage():
    x = rustorch.arange(6, dtype=rustorch.int16)
    y = x[2:].view(2, 2)
    assert y.untyped_storage() == x.untyped_storage() and hash(y.untyped_storage()) == hash(x.untyped_storage())
    assert y.untyped_storage() != rustorch.zeros(6).untyped_storage() and len(y.untyped_storage()) == 12 and y.storage().size() == 6
    assert y.untyped_storage().data_ptr() == x.data_ptr() == y.data_ptr() - 4
    y.storage()[0] = 9
    assert x[0].item() == 9 and x.storage().tolist() == [9, 1, 2, 3, 4, 5] and x.storage()[1:3].tolist() == [1, 2]
    assert x.storage().fill_(3) is not None and set(x.tolist()) == {3}
    array = np.arange(8.0)
    assert rustorch.from_numpy(array)[4:].untyped_storage().nbytes() == 64
    assert "48" not in repr(x.storage()) and x.storage().untyped().nbytes() == 12 and x.storage().dtype == rustorch.int16


def test_switches():
    assert rustorch.get_num_interop_threads() == 1 and rustorch.set_flush_denormal(True) is False
    with pytest.raises(ValueError, match="positive"):
        rustorch.set_num_interop_threads(0)
    with pytest.raises(ValueError, match="debug_mode|default, warn"):
        rustorch.set_deterministic_debug_mode("loud")
    rustorch.set_anomaly_enabled(True)
    assert rustorch.is_anomaly_enabled()
    rustorch.set_anomaly_enabled(False)
    assert not rustorch.is_anomaly_enabled()


def test_frequencies():
    for n in (4, 5):
        np.testing.assert_allclose(rustorch.fft.fftfreq(n, 0.5).numpy(), np.fft.fftfreq(n, 0.5))
        np.testing.assert_allclose(rustorch.fft.rfftfreq(n, 0.5).numpy(), np.fft.rfftfreq(n, 0.5))
        x = np.arange(n * 3).reshape(n, 3)
        for name in ("fftshift", "ifftshift"):
            assert getattr(rustorch.fft, name)(rustorch.tensor(x)).tolist() == getattr(np.fft, name)(x).tolist()
            assert getattr(rustorch.fft, name)(rustorch.tensor(x), 0).tolist() == getattr(np.fft, name)(x, 0).tolist()
    with pytest.raises(ValueError, match="at least 1"):
        rustorch.fft.fftfreq(0)


def test_trees():
    from collections import OrderedDict, namedtuple

    from rustorch.utils import _pytree as trees

    Point = namedtuple("Point", "x y")
    tree = {"a": [1, (2, None)], "b": OrderedDict(k=Point(3, 4))}
    leaves, spec = trees.tree_flatten(tree)
    assert leaves == [1, 2, None, 3, 4] and trees.tree_unflatten(leaves, spec) == tree and spec.num_leaves == 5
    assert trees.tree_structure(tree) == spec != trees.tree_structure([1])
    assert trees.tree_map_only(int, lambda x: x + 1, tree)["b"]["k"] == Point(4, 5)
    assert trees.tree_leaves(tree, is_leaf=lambda x: isinstance(x, tuple))[1] == (2, None)
    assert trees.tree_all(lambda x: x is None or x > 0, tree) and not trees.tree_any(lambda x: x == math.inf, tree)
    assert trees.arg_tree_leaves(1, [2], k=3) == [1, 2, 3]
    with pytest.raises(ValueError, match="leaves"):
        trees.tree_unflatten([1], spec)
