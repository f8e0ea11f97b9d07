"""Data sets from files: folders of images, CIFAR's binary files, HDF5 files read by several processes and threads."""

import io as python_io
import os
import pickle
import tarfile
import threading

import numpy as np
import pytest

import rustorch as torch
from rustorch import io
from rustorch.data import DataLoader, transforms
from rustorch.data.datasets import CIFAR10, CIFAR100, KMNIST, DatasetFolder, FakeData, HDF5Dataset, ImageFolder

h5py = pytest.importorskip("h5py")
HERE = os.path.dirname(torch._C.__file__)
needs_images = pytest.mark.skipif(
    not os.path.exists(os.path.join(HERE, "rustorch_image.so")), reason="the image plug-in is not built"
)
RNG = np.random.default_rng(1)


# ------------------------------------------------------------------------------------------------ folders


def picture(value, channels=3, size=(6, 8)):
    return torch.full((channels, *size), value, dtype=torch.uint8)


@needs_images
def test_image_folder(tmp_path):
    for place, value in (("dog/b.png", 20), ("dog/deep/a.PNG", 30), ("cat/x.png", 10)):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        io.write_png(picture(value), tmp_path / place)
    io.write_jpeg(picture(40, 1), tmp_path / "cat" / "y.jpeg")
    io.write_png(torch.full((1, 6, 8), 65535, dtype=torch.int32), tmp_path / "cat" / "z.png")  # 16 bits become 8
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    (tmp_path / "readme.png").write_text("not in a class")
    folder = ImageFolder(tmp_path)
    assert folder.classes == ["cat", "dog"] and folder.class_to_idx == {"cat": 0, "dog": 1}
    assert [os.path.relpath(path, tmp_path) for path, _ in folder.imgs] == ["cat/x.png", "cat/y.jpeg", "cat/z.png", "dog/b.png", "dog/deep/a.PNG"]
    assert folder.targets == [0, 0, 0, 1, 1] and len(folder) == 5
    images = [folder[i][0] for i in range(5)]
    assert all(image.shape == (3, 6, 8) and image.dtype == torch.uint8 for image in images)
    assert [int(image[0, 0, 0]) for image in images] == [10, 40, 255, 20, 30]
    folder = ImageFolder(tmp_path, transforms.Compose([transforms.Resize((3, 4)), transforms.ToTensor()]), lambda label: -label)
    for workers in (0, 2):
        (batch,) = DataLoader(folder, batch_size=5, num_workers=workers)
        assert batch[0].shape == (5, 3, 3, 4) and batch[1].tolist() == [0, 0, 0, -1, -1]
        np.testing.assert_allclose(batch[0][:, 0, 0, 0], np.array([10, 40, 255, 20, 30]) / 255, rtol=1e-6)
    only = ImageFolder(tmp_path, is_valid_file=lambda path: path.endswith(("x.png", "b.png")))
    assert len(only) == 2
    with pytest.raises(FileNotFoundError, match="no valid file for the classes cat(?s:.*)Supported extensions"):
        DatasetFolder(tmp_path, str, extensions=(".gif",))
    (tmp_path / "cat" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nxxxx")
    with pytest.raises(torch.SerializationError, match="damaged"):
        list(DataLoader(ImageFolder(tmp_path), batch_size=6))


def test_folders_that_do_not_fit(tmp_path):
    with pytest.raises(FileNotFoundError, match="none cannot be read: No such file or directory"):
        ImageFolder(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="class folder"):
        ImageFolder(tmp_path)
    (tmp_path / "a").mkdir()
    with pytest.raises(FileNotFoundError, match="no valid file for the classes a"):
        ImageFolder(tmp_path)
    assert len(ImageFolder(tmp_path, allow_empty=True)) == 0
    with pytest.raises(ValueError, match="extensions and is_valid_file"):
        DatasetFolder(tmp_path, str, allow_empty=True)
    (tmp_path / "a" / "1.txt").write_text("one")
    texts = DatasetFolder(tmp_path, lambda path: open(path).read(), extensions=(".txt",), transform=str.upper)
    assert texts[0] == ("ONE", 0)


def test_fake_data():
    fake = FakeData(20, (3, 4, 5), num_classes=3, random_offset=7)
    image, label = fake[4]
    assert len(fake) == 20 and image.shape == (3, 4, 5) and image.dtype == torch.uint8
    assert torch.equal(image, FakeData(20, (3, 4, 5), 3)[11][0]) and not torch.equal(image, fake[5][0])
    assert {fake[i][1] for i in range(20)} == {0, 1, 2} and label == fake[4][1]
    with pytest.raises(IndexError):
        fake[20]


# ------------------------------------------------------------------------------------------------ CIFAR


def write_cifar10(folder, per_file=4):
    os.makedirs(folder)
    labels, pixels = RNG.integers(0, 10, 6 * per_file), RNG.integers(0, 256, (6 * per_file, 3072))
    rows = np.concatenate([labels[:, None], pixels], 1).astype(np.uint8)
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    for i, name in enumerate(names):
        rows[i * per_file : (i + 1) * per_file].tofile(os.path.join(folder, name))
    with open(os.path.join(folder, "batches.meta.txt"), "w") as file:
        file.write("\n".join(f"class{i}" for i in range(10)) + "\n\n")
    return labels, pixels.reshape(-1, 3, 32, 32)


def test_cifar10(tmp_path):
    labels, pixels = write_cifar10(tmp_path / "cifar-10-batches-bin")
    train, test = CIFAR10(tmp_path), CIFAR10(str(tmp_path), train=False)
    assert len(train) == 20 and len(test) == 4 and train.targets == labels[:20].tolist() and test.targets == labels[20:].tolist()
    assert np.array_equal(train.data, pixels[:20]) and np.array_equal(test[3][0], pixels[23]) and train.classes[9] == "class9"
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1, 0.2, 0.3), (1, 2, 4))])
    train = CIFAR10(tmp_path, transform=transform)
    fast, numbers = next(iter(DataLoader(train, batch_size=20)))
    assert train.batch_sources() is not None and numbers.tolist() == train.targets
    assert np.array_equal(fast, np.stack([train[i][0].numpy() for i in range(20)]))
    archive = tmp_path / "other" / "cifar-10-binary.tar.gz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tmp_path / "cifar-10-batches-bin", "cifar-10-batches-bin")
    assert np.array_equal(CIFAR10(archive.parent).data, pixels[:20]) and np.array_equal(CIFAR10(archive, False).data, pixels[20:])
    archive.write_bytes(archive.read_bytes()[:-400])
    with pytest.raises(torch.SerializationError, match="damaged or cut"):
        CIFAR10(archive.parent)


def test_cifar_refusals(tmp_path):
    with pytest.raises(FileNotFoundError, match="Download the binary version of CIFAR-10, cifar-10-binary.tar.gz"):
        CIFAR10(tmp_path, download=True)
    (tmp_path / "cifar-10-batches-py").mkdir()
    with open(tmp_path / "cifar-10-batches-py" / "data_batch_1", "wb") as file:
        pickle.dump({"data": 1}, file)
    with pytest.raises(FileNotFoundError, match="made of pickles: they may run any code and are never read"):
        CIFAR10(tmp_path)
    write_cifar10(tmp_path / "cifar-10-batches-bin")
    with open(tmp_path / "cifar-10-batches-bin" / "test_batch.bin", "ab") as file:
        file.write(b"x")
    with pytest.raises(torch.SerializationError, match="no whole number of images"):
        CIFAR10(tmp_path, train=False)
    (tmp_path / "cifar-10-batches-bin" / "batches.meta.txt").write_text("one\n")
    with pytest.raises(torch.SerializationError, match="names 1 classes"):
        CIFAR10(tmp_path)
    (tmp_path / "cifar-10-batches-bin" / "data_batch_3.bin").unlink()
    with pytest.raises(FileNotFoundError, match="data_batch_3"):
        CIFAR10(tmp_path)


def test_cifar100(tmp_path):
    folder = tmp_path / "cifar-100-binary"
    folder.mkdir()
    rows = np.concatenate([np.arange(5)[:, None], np.arange(90, 95)[:, None], RNG.integers(0, 256, (5, 3072))], 1).astype(np.uint8)
    rows.tofile(folder / "train.bin")
    (folder / "fine_label_names.txt").write_text("\n".join(f"c{i}" for i in range(100)))
    data = CIFAR100(tmp_path)
    assert data.targets == [90, 91, 92, 93, 94] and np.array_equal(data[2][0].reshape(-1), rows[2, 2:]) and len(data.classes) == 100


def test_kmnist(tmp_path):
    raw = tmp_path / "KMNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "t10k-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03" + np.array([2, 28, 28], ">u4").tobytes() + bytes(2 * 784))
    (raw / "t10k-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01" + np.array([2], ">u4").tobytes() + bytes([3, 9]))
    assert KMNIST(tmp_path, train=False).targets.tolist() == [3, 9]
    (raw / "t10k-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01" + np.array([1], ">u4").tobytes() + bytes([3]))
    with pytest.raises(torch.SerializationError, match="do not fit labels"):
        KMNIST(tmp_path, train=False)


# ------------------------------------------------------------------------------------------------ HDF5

N = 101
NUMBERS = RNG.integers(-100, 100, (N, 3, 4))


@pytest.fixture
def path(tmp_path):
    path = str(tmp_path / "data.h5")
    with h5py.File(path, "w") as file:
        file["contiguous"] = NUMBERS.astype(np.float32)
        file.create_dataset("group/chunked", data=NUMBERS, chunks=(10, 3, 2), compression="gzip")
        file["label"] = np.arange(N)
    return path


@pytest.mark.parametrize("stored, read", [
    ("i1", torch.int8), ("u1", torch.uint8), ("i2", torch.int16), ("u2", torch.int32), ("i4", torch.int32), ("u4", torch.int64),
    ("i8", torch.int64), ("f2", torch.float16), ("f4", torch.float32), ("f8", torch.float64), (">i4", torch.int32),
    (">f4", torch.float32), (">u2", torch.int32), ("?", torch.bool),
])  # fmt: skip
@pytest.mark.parametrize("chunks", [None, (7, 2, 4)])
def test_hdf5_dtypes_and_layouts(tmp_path, stored, read, chunks):
    values = (np.abs(NUMBERS) if "u" in stored else NUMBERS % 2 if stored == "?" else NUMBERS).astype(stored)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=values, chunks=chunks)
    data = HDF5Dataset(tmp_path / "a.h5", "x")
    assert data.dtypes == {"x": read} and data.shapes == {"x": (N, 3, 4)} and len(data) == N and data[-1].dtype == read
    rows = [5, 3, 4, 100, 0, 6, 7, 5, -2]
    (got,) = data.read(rows)
    want = values[rows]
    assert np.array_equal(got.numpy(), want.astype(want.dtype.newbyteorder("=")).astype(got.numpy().dtype))


def test_hdf5_samples(path):
    everything = HDF5Dataset(path)
    assert everything.names == ["contiguous", "group/chunked", "label"]
    a, b, label = everything[17]
    assert np.array_equal(a, NUMBERS[17]) and np.array_equal(b, NUMBERS[17]) and int(label) == 17
    assert np.array_equal(HDF5Dataset(path, "group/chunked", transform=lambda x: x + 1)[3], NUMBERS[3] + 1)
    with pytest.raises(IndexError):
        everything[N]
    with pytest.raises(IndexError, match=f"there are {N}"):
        everything.read([N])
    again = pickle.loads(pickle.dumps(everything))
    assert np.array_equal(again[5][1], NUMBERS[5])


@pytest.mark.timeout(120)
@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("name", ["contiguous", "group/chunked"])
def test_hdf5_by_two_processes(path, name, method):
    data = HDF5Dataset(path, [name, "label"])
    data[0]  # this process has it open when the workers start
    torch.manual_seed(2)
    loader = DataLoader(data, batch_size=8, shuffle=True, num_workers=2, multiprocessing_context=method)
    seen = []
    for rows, labels in loader:
        assert np.array_equal(rows, NUMBERS[labels.numpy()])
        assert np.array_equal(data[int(labels[0])][0], rows[0])  # and reads meanwhile
        seen += labels.tolist()
    assert sorted(seen) == list(range(N))


@pytest.mark.timeout(120)
def test_hdf5_by_threads(path):
    data = HDF5Dataset(path, ["contiguous", "group/chunked"])
    wrong = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(60):
            rows = rng.integers(0, N, 9)
            if not all(np.array_equal(part, NUMBERS[rows]) for part in data.read(rows)):
                wrong.append(seed)

    def save(seed):  # the same library, at the same time
        for i in range(20):
            torch.save({"x": torch.full((5,), seed)}, f"{path}.{seed}")
            if torch.load(f"{path}.{seed}")["x"].tolist() != [seed] * 5:
                wrong.append(seed)

    threads = [threading.Thread(target=target, args=(seed,)) for seed in range(4) for target in (work, save)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert not wrong


def test_hdf5_of_rustorch(tmp_path):
    values = {"a": torch.randn(6, 2), "b": torch.randn(6).bfloat16(), "c": torch.arange(6) % 2 == 0}
    torch.save(values, tmp_path / "a.h5")
    data = HDF5Dataset(tmp_path / "a.h5", list(values))
    assert all(torch.equal(part, values[name][[4, 1]]) for part, name in zip(data.read([4, 1]), values))


def test_bad_hdf5(tmp_path, path):
    with pytest.raises(FileNotFoundError, match="none.h5"):
        HDF5Dataset(tmp_path / "none.h5", "x")
    with pytest.raises(FileNotFoundError, match="none.h5"):
        HDF5Dataset(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("no HDF5" * 100)
    for names in (None, "x"):
        with pytest.raises(torch.SerializationError, match="cannot be opened as an HDF5 file"):
            HDF5Dataset(tmp_path / "text.h5", names)
    with pytest.raises(torch.SerializationError, match='no dataset "y"'):
        HDF5Dataset(path, "y")
    with h5py.File(tmp_path / "odd.h5", "w") as file:
        file["text"], file["number"], file["big"] = ["a", "b"], 3.0, np.zeros(3, np.uint64)
        file["pair"], file["short"] = np.zeros(3, [("a", "i4"), ("b", "f4")]), np.zeros(2)
        file.create_group("empty")
    for name, kind, text in (("text", TypeError, "strings"), ("number", ValueError, "0 dimensions"), ("big", TypeError, "unsigned integers"), ("pair", TypeError, "compounds")):  # fmt: skip
        with pytest.raises(kind, match=text):
            HDF5Dataset(tmp_path / "odd.h5", name)
    with pytest.raises(torch.ShapeError, match="different numbers of rows"):
        with h5py.File(tmp_path / "two.h5", "w") as file:
            file["a"], file["b"] = np.zeros(3), np.zeros(4)
        HDF5Dataset(tmp_path / "two.h5")
    with h5py.File(tmp_path / "none.h5", "w"):
        pass
    with pytest.raises(torch.SerializationError, match="holds no data sets"):
        HDF5Dataset(tmp_path / "none.h5")
    size = os.path.getsize(path)
    whole = python_io.FileIO(path).readall()
    for end in (size // 3, size - 200):
        (tmp_path / "cut.h5").write_bytes(whole[:end])
        with pytest.raises(torch.SerializationError):
            HDF5Dataset(tmp_path / "cut.h5")[N - 1]
