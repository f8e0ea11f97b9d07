"""Sequences of unequal lengths: padded to one length, or packed step by step for recurrent layers."""

from __future__ import annotations

from typing import Any, Iterable, List, NamedTuple, Optional, Sequence, Tuple, Union

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentValueError, RusTorchError

__all__ = [
    "PackedSequence", "invert_permutation", "pack_padded_sequence", "pad_packed_sequence", "pad_sequence", "unpad_sequence",
    "pack_sequence", "unpack_sequence",
]  # fmt: skip


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Optional[Tensor]
    unsorted_indices: Optional[Tensor]


class PackedSequence(_Packed):
    """The elements of several sequences, step by step, without padding.

    Made by :func:`pack_sequence` and :func:`pack_padded_sequence`, taken by recurrent layers.

    Attributes
    ----------
    data : (Σ lengths, …)
        First the first elements of all sequences, the longest sequence first, then the second ones, …
    batch_sizes : (longest,) int64
        How many sequences have an element at each step.
    sorted_indices, unsorted_indices : (B,) int64 or None
        The order in which the sequences were taken, and the way back; None if they were sorted by length already.

    Example
    -------
    >>> import rustorch as torch
    >>> packed = torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2, 3]), torch.tensor([4, 5])])
    >>> packed.data, packed.batch_sizes
    (tensor([1, 4, 2, 5, 3]), tensor([2, 2, 1]))
    """

    def __new__(
        cls, data: Any, batch_sizes: Optional[Tensor] = None, sorted_indices: Optional[Tensor] = None,
        unsorted_indices: Optional[Tensor] = None,
    ) -> "PackedSequence":
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        if batch_sizes.device.type != "cpu":
            raise ArgumentValueError(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never be created manually. They "
                "should be instantiated by functions like pack_sequence and pack_padded_sequences in nn.utils.rnn."
            )
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> "PackedSequence":
        """The data (and the indices, to another device) converted: see ``Tensor.to``."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        indices = [x if x is None else x.to(data.device) for x in (self.sorted_indices, self.unsorted_indices)]
        return type(self)(data, self.batch_sizes, *indices)

    def cpu(self) -> "PackedSequence":
        """On the CPU."""
        return self.to("cpu")

    def cuda(self, device: Any = None) -> "PackedSequence":
        """On a GPU."""
        return self.to("cuda" if device is None else device)

    def double(self) -> "PackedSequence":
        """As float64."""
        return self.to(dtype=rustorch.float64)

    def float(self) -> "PackedSequence":
        """As float32."""
        return self.to(dtype=rustorch.float32)

    def half(self) -> "PackedSequence":
        """As float16."""
        return self.to(dtype=rustorch.float16)

    def long(self) -> "PackedSequence":
        """As int64."""
        return self.to(dtype=rustorch.int64)

    def int(self) -> "PackedSequence":
        """As int32."""
        return self.to(dtype=rustorch.int32)

    def short(self) -> "PackedSequence":
        """As int16."""
        return self.to(dtype=rustorch.int16)

    def char(self) -> "PackedSequence":
        """As int8."""
        return self.to(dtype=rustorch.int8)

    def byte(self) -> "PackedSequence":
        """As uint8."""
        return self.to(dtype=rustorch.uint8)

    @property
    def is_cuda(self) -> bool:
        """Whether the data is on a GPU."""
        return self.data.device.type == "cuda"


def invert_permutation(permutation: Optional[Tensor]) -> Optional[Tensor]:
    """The permutation that undoes another one; None for None.

    >>> nn.utils.rnn.invert_permutation(rustorch.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    if permutation is None:
        return None
    places = rustorch.arange(permutation.numel(), device=permutation.device, dtype=permutation.dtype)
    return rustorch.empty_like(permutation).scatter_(0, permutation, places)


def _steps(lengths: List[int]) -> Tensor:
    """How many sequences, longest first, have an element at each step."""
    sizes = []
    alive = len(lengths)
    for t in range(lengths[0]):
        while lengths[alive - 1] <= t:
            alive -= 1
        sizes.append(alive)
    return rustorch.tensor(sizes, dtype=rustorch.int64)


def _places(batch_sizes: Tensor, batch: int) -> Tensor:
    """Where the packed elements lie in (T, batch) flattened."""
    places: List[int] = []
    for t, size in enumerate(batch_sizes.tolist()):
        places.extend(range(t * batch, t * batch + size))
    return rustorch.tensor(places, dtype=rustorch.int64)


def pack_padded_sequence(
    input: Tensor, lengths: Union[Tensor, Sequence[int]], batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Padded sequences as a :class:`PackedSequence`.

    Parameters
    ----------
    input : (T, B, …), or (B, T, …) with ``batch_first``
    lengths : B integers, each at least 1
    enforce_sorted : bool, default True
        The lengths must descend; with False the sequences are sorted, and results come back in the given order.

    Raises
    ------
    RuntimeError
        The lengths do not fit the input, are not sorted, or one is 0.

    Example
    -------
    >>> import rustorch as torch
    >>> torch.nn.utils.rnn.pack_padded_sequence(torch.tensor([[1, 3], [2, 0]]), [2, 1]).data
    tensor([1, 3, 2])
    """
    if isinstance(lengths, Tensor):
        lengths = lengths.to(rustorch.int64)
    else:
        lengths = rustorch.tensor(list(lengths), dtype=rustorch.int64)
    if lengths.device.type != "cpu":
        raise RusTorchError(f"'lengths' argument should be a 1D CPU int64 tensor, but got {lengths.dim()}D {lengths.device} tensor")
    if lengths.dim() != 1:
        raise RusTorchError(f"'lengths' argument should be a 1D CPU int64 tensor, but got {lengths.dim()}D cpu Long tensor")
    sorted_indices = None
    batch_dim = 0 if batch_first else 1
    if not enforce_sorted:
        lengths, sorted_indices = rustorch.sort(lengths, descending=True)
        sorted_indices = sorted_indices.to(input.device)
        input = input.index_select(batch_dim, sorted_indices)
    if input.numel() == 0:
        raise RusTorchError("Cannot pack empty tensors.")
    if batch_first:
        input = input.transpose(0, 1)
    steps, batch = input.shape[0], input.shape[1]
    numbers = lengths.tolist()
    if len(numbers) != batch:
        raise RusTorchError(f"Expected `len(lengths)` to be equal to batch_size, but got {len(numbers)} (batch_size={batch})")
    if any(a < b for a, b in zip(numbers, numbers[1:])):
        raise RusTorchError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you do not "
            "need ONNX exportability."
        )
    if numbers[-1] <= 0:
        raise RusTorchError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if numbers[0] > steps:
        raise RusTorchError(f"Expected `lengths` of at most {steps}, the padded length, but got {numbers[0]}")
    sizes = _steps(numbers)
    if numbers[-1] == numbers[0]:
        data = input[: numbers[0]].reshape(-1, *input.shape[2:])
    else:
        data = input.reshape(-1, *input.shape[2:]).index_select(0, _places(sizes, batch).to(input.device))
    return PackedSequence(data, sizes, sorted_indices, None)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: Optional[int] = None
) -> Tuple[Tensor, Tensor]:
    """A :class:`PackedSequence` padded with ``padding_value``, to ``total_length`` steps if that is given.

    Returns
    -------
    (padded, lengths) : (T, B, …), or (B, T, …) with ``batch_first``, in the order in which the sequences were packed, and
    their lengths (B,), int64.

    Raises
    ------
    ValueError
        ``total_length`` is less than the longest sequence.

    >>> packed = nn.utils.rnn.pack_sequence([rustorch.tensor([1.0, 2.0]), rustorch.tensor([3.0])])
    >>> nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
    (tensor([[1., 2.],
            [3., 0.]]), tensor([2, 1]))
    """
    data, batch_sizes, _, unsorted = sequence
    sizes = batch_sizes.tolist()
    steps = len(sizes)
    if total_length is not None:
        if total_length < steps:
            raise ArgumentValueError(
                "Expected total_length to be at least the length of the longest sequence in input, but got "
                f"total_length={total_length} and max sequence length being {steps}"
            )
        steps = total_length
    batch = sizes[0]
    rest = tuple(data.shape[1:])
    padded = rustorch.full((steps * batch,) + rest, padding_value, dtype=data.dtype, device=data.device)
    padded = padded.index_copy(0, _places(batch_sizes, batch).to(data.device), data).reshape((steps, batch) + rest)
    lengths = rustorch.tensor([sum(size > b for size in sizes) for b in range(batch)], dtype=rustorch.int64)
    if unsorted is not None:
        padded = padded.index_select(1, unsorted)
        lengths = lengths.index_select(0, unsorted.cpu())
    return padded.transpose(0, 1) if batch_first else padded, lengths


def pad_sequence(
    sequences: Iterable[Tensor], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Sequences (L_i, …) side by side, filled up to the longest with ``padding_value``.

    Parameters
    ----------
    sequences : tensors whose dimensions behind the first agree
    batch_first : bool, default False
        (B, T, …) instead of (T, B, …).
    padding_side : ``"right"`` or ``"left"``

    Example
    -------
    >>> import rustorch as torch
    >>> torch.nn.utils.rnn.pad_sequence([torch.tensor([1, 2]), torch.tensor([3])], batch_first=True)
    tensor([[1, 2],
            [3, 0]])
    """
    if not isinstance(sequences, Iterable):
        raise RusTorchError(f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}")
    if padding_side not in ("left", "right"):
        raise RusTorchError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    parts = list(sequences)
    if not parts:
        raise RusTorchError("received an empty list of sequences")
    longest = max(part.shape[0] for part in parts)
    padded = []
    for part in parts:
        missing = longest - part.shape[0]
        if missing:
            fill = rustorch.full((missing,) + tuple(part.shape[1:]), padding_value, dtype=part.dtype, device=part.device)
            part = rustorch.cat([part, fill] if padding_side == "right" else [fill, part])
        padded.append(part)
    return rustorch.stack(padded, 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> List[Tensor]:
    """The sequences of a padded tensor, each cut to its length: the reverse of :func:`pad_sequence`.

    >>> nn.utils.rnn.unpad_sequence(rustorch.tensor([[1, 2], [3, 0]]), rustorch.tensor([2, 1]), batch_first=True)
    [tensor([1, 2]), tensor([3])]
    """
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    numbers = [int(n) for n in lengths]
    if len(numbers) != padded_sequences.shape[0]:
        raise ArgumentValueError(f"{len(numbers)} lengths were given for {padded_sequences.shape[0]} sequences")
    return [sequence[:n] for sequence, n in zip(padded_sequences, numbers)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences (L_i, …) as a :class:`PackedSequence`: see :func:`pack_padded_sequence`.

    >>> nn.utils.rnn.pack_sequence([rustorch.tensor([1.0, 2.0]), rustorch.tensor([3.0])]).data
    tensor([1., 3., 2.])
    """
    lengths = [sequence.shape[0] for sequence in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> List[Tensor]:
    """The sequences of a :class:`PackedSequence`, in the order in which they were packed.

    Example
    -------
    >>> import rustorch as torch
    >>> from rustorch.nn.utils.rnn import pack_sequence, unpack_sequence
    >>> unpack_sequence(pack_sequence([torch.tensor([1, 2]), torch.tensor([3])]))
    [tensor([1, 2]), tensor([3])]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
