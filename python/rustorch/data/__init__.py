"""Data sets, orders, batches, transforms."""

from rustorch.data import datasets, transforms
from rustorch.data.transforms import Transform, Transforms
from rustorch.data.collate import default_collate, default_convert
from rustorch.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from rustorch.data.loader import DataLoader, get_worker_info
from rustorch.data.sampler import (
    BatchSampler,
    DistributedSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

__all__ = [
    "BatchSampler", "ChainDataset", "ConcatDataset", "DataLoader", "Dataset", "DistributedSampler", "IterableDataset", "RandomSampler",
    "Sampler", "SequentialSampler", "StackDataset", "Subset", "SubsetRandomSampler", "TensorDataset", "Transform",
    "Transforms", "WeightedRandomSampler", "datasets",
    "default_collate", "default_convert", "get_worker_info", "random_split", "transforms",
]  # fmt: skip
