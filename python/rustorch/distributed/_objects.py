"""Collectives on plain data: None, bool, int, float, str, bytes, and lists, tuples, dicts and sets of them.

Data travels as JSON with marks for what JSON does not know. Nothing is pickled: what comes from another rank is data and
can never be code.
"""

from __future__ import annotations

import base64
import json
from typing import Any, List, Optional

import numpy

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentTypeError, ArgumentValueError
from rustorch.distributed._collectives import _member, _root, all_gather, broadcast, gather, recv, send
from rustorch.distributed._groups import ProcessGroup, get_global_rank

_PLAIN = (type(None), bool, int, float, str)


def _pack(value: Any, path: str) -> Any:
    if type(value) in _PLAIN:
        return value
    if isinstance(value, list):
        return [_pack(item, f"{path}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, dict):
        if all(type(key) is str for key in value) and "*" not in value:
            return {key: _pack(item, f"{path}[{key!r}]") for key, item in value.items()}
        pairs = [[_pack(key, f"{path}: the key {key!r}"), _pack(item, f"{path}[{key!r}]")] for key, item in value.items()]
        return {"*": "dict", "of": pairs}
    if isinstance(value, (set, frozenset)):
        return {"*": "set", "of": [_pack(item, f"{path}: the member {item!r}") for item in value]}
    if type(value) is tuple:
        return {"*": "tuple", "of": [_pack(item, f"{path}[{i}]") for i, item in enumerate(value)]}
    if isinstance(value, (bytes, bytearray)):
        return {"*": "bytes", "of": base64.b64encode(value).decode("ascii")}
    if isinstance(value, (numpy.bool_, numpy.integer, numpy.floating)):
        return value.item()
    hint = "send tensors with broadcast, all_gather or send" if isinstance(value, (Tensor, numpy.ndarray)) else "turn it into plain data"
    raise ArgumentTypeError(
        f"{path} is a {type(value).__name__}: only None, bool, int, float, str, bytes and lists, tuples, dicts and sets of them "
        f"travel between ranks as objects; {hint}"
    )


def _unpack(value: Any) -> Any:
    if isinstance(value, list):
        return [_unpack(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("*")
    if kind is None:
        return {key: _unpack(item) for key, item in value.items()}
    items = value["of"]
    if kind == "bytes":
        return base64.b64decode(items)
    if kind == "dict":
        return {_unpack(key): _unpack(item) for key, item in items}
    return {"tuple": tuple, "set": set}[kind](_unpack(item) for item in items)


def _encode(value: Any, what: str = "the object") -> bytes:
    text = json.dumps(_pack(value, what), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def _decode(data: bytes) -> Any:
    return _unpack(json.loads(data.decode("utf-8", "surrogatepass")))


def _as_tensor(data: bytes, size: Optional[int] = None) -> Tensor:
    room = numpy.zeros(len(data) if size is None else size, dtype=numpy.uint8)
    room[: len(data)] = numpy.frombuffer(data, dtype=numpy.uint8)
    return rustorch.from_numpy(room)


def _as_bytes(tensor: Tensor, size: int) -> bytes:
    return tensor.numpy()[:size].tobytes()


def _sizes(found: ProcessGroup, size: int) -> List[int]:
    mine = rustorch.tensor([size], dtype=rustorch.int64)
    all_sizes = [rustorch.zeros(1, dtype=rustorch.int64) for _ in range(found.size())]
    all_gather(all_sizes, mine, found)
    return [int(each.item()) for each in all_sizes]


def all_gather_object(object_list: List[Any], obj: Any, group: Optional[ProcessGroup] = None) -> None:
    """Put the objects of all ranks into ``object_list``, one a rank.

    Raises
    ------
    TypeError
        An object that is not plain data (see the module).

    Example
    -------
    >>> import rustorch.distributed as dist
    >>> every = [None]
    >>> dist.all_gather_object(every, {"loss": 0.5, "shape": (2, 3)})
    >>> every
    [{'loss': 0.5, 'shape': (2, 3)}]
    >>> dist.destroy_process_group()
    """
    found = _member(group)
    if found is None:
        return
    if len(object_list) != found.size():
        raise ArgumentValueError(f"all_gather_object: object_list has {len(object_list)} places, but the group has {found.size()} ranks")
    data = _encode(obj)
    sizes = _sizes(found, len(data))
    rooms = [_as_tensor(b"", max(sizes)) for _ in sizes]
    all_gather(rooms, _as_tensor(data, max(sizes)), found)
    for i, room in enumerate(rooms):
        object_list[i] = _decode(_as_bytes(room, sizes[i]))


def gather_object(
    obj: Any,
    object_gather_list: Optional[List[Any]] = None,
    dst: Optional[int] = None,
    group: Optional[ProcessGroup] = None,
    group_dst: Optional[int] = None,
) -> None:
    """Put the objects of all ranks into ``object_gather_list`` of rank ``dst`` (default 0); the others give no list.

    >>> from rustorch import distributed as dist
    >>> found = [None]
    >>> dist.gather_object({"loss": 0.5}, found)
    >>> found
    [{'loss': 0.5}]
    """
    found = _member(group)
    if found is None:
        return
    root = _root(found, dst, group_dst, "dst", 0)
    receives = found.rank() == root
    if receives and (object_gather_list is None or len(object_gather_list) != found.size()):
        raise ArgumentValueError(f"gather_object: rank {dst or 0} needs a list with {found.size()} places, one a rank")
    data = _encode(obj)
    sizes = _sizes(found, len(data))
    rooms = [_as_tensor(b"", max(sizes)) for _ in sizes] if receives else None
    gather(_as_tensor(data, max(sizes)), rooms, group=found, group_dst=root)
    for i in range(len(sizes) if receives else 0):
        object_gather_list[i] = _decode(_as_bytes(rooms[i], sizes[i]))


def broadcast_object_list(
    object_list: List[Any],
    src: Optional[int] = None,
    group: Optional[ProcessGroup] = None,
    device: Any = None,
    group_src: Optional[int] = None,
) -> None:
    """Replace the objects in the list by those of rank ``src`` (default 0). Lists have one length on all ranks.

    ``device`` says where a GPU group puts the bytes; only the CPU is possible here.

    >>> from rustorch import distributed as dist
    >>> values = ["a", 1]
    >>> dist.broadcast_object_list(values)
    >>> values
    ['a', 1]
    """
    found = _member(group)
    if found is None:
        return
    if device is not None and str(device).split(":")[0] != "cpu":
        raise rustorch.DeviceError(f"broadcast_object_list: device is {device}, and there is no GPU here")
    root = _root(found, src, group_src, "src", 0)
    sends = found.rank() == root
    data = _encode(list(object_list)) if sends else b""
    size = rustorch.tensor([len(data)], dtype=rustorch.int64)
    broadcast(size, group=found, group_src=root)
    room = _as_tensor(data, int(size.item()))
    broadcast(room, group=found, group_src=root)
    if sends:
        return
    received = _decode(_as_bytes(room, int(size.item())))
    if len(received) != len(object_list):
        raise ArgumentValueError(
            f"broadcast_object_list: rank {get_global_rank(found, root)} sent {len(received)} objects, this list has {len(object_list)}"
        )
    object_list[:] = received


def scatter_object_list(
    scatter_object_output_list: List[Any],
    scatter_object_input_list: Optional[List[Any]] = None,
    src: Optional[int] = None,
    group: Optional[ProcessGroup] = None,
    group_src: Optional[int] = None,
) -> None:
    """Put this rank's object of the list of rank ``src`` (default 0) into place 0 of the output list.

    >>> from rustorch import distributed as dist
    >>> out = [None]
    >>> dist.scatter_object_list(out, ["mine"])
    >>> out
    ['mine']
    """
    found = _member(group)
    if found is None:
        return
    if not scatter_object_output_list:
        raise ArgumentValueError("scatter_object_list: the output list needs a place for the object")
    root = _root(found, src, group_src, "src", 0)
    sends = found.rank() == root
    if sends and (scatter_object_input_list is None or len(scatter_object_input_list) != found.size()):
        raise ArgumentValueError(f"scatter_object_list: rank {src or 0} needs a list with {found.size()} objects, one a rank")
    everything = [list(scatter_object_input_list)] if sends else [None]
    broadcast_object_list(everything, group=found, group_src=root)
    scatter_object_output_list[0] = everything[0][found.rank()]


def send_object_list(
    object_list: List[Any],
    dst: Optional[int] = None,
    group: Optional[ProcessGroup] = None,
    device: Any = None,
    group_dst: Optional[int] = None,
) -> None:
    """Send a list of objects to rank ``dst``, which calls :func:`recv_object_list`.

    Parameters
    ----------
    object_list : list
        Numbers, strings, None, bool, bytes, tensors, and lists, tuples and dicts of them.
    dst, group_dst : int
        The rank in the job, or instead the rank in the group.
    group : ProcessGroup, optional
    device : device, optional
        Only the CPU.

    >>> from rustorch import distributed as dist
    >>> rank, size = dist.get_rank(), dist.get_world_size()
    >>> if rank + 1 < size:
    ...     dist.send_object_list([{"epoch": 3}, "ready"], dst=rank + 1)
    """
    if device is not None and str(device).split(":")[0] != "cpu":
        raise rustorch.DeviceError(f"send_object_list: device is {device}, and there is no GPU here")
    data = _encode(list(object_list))
    send(rustorch.tensor([len(data)], dtype=rustorch.int64), dst, group, 0, group_dst)
    send(_as_tensor(data), dst, group, 0, group_dst)


def recv_object_list(
    object_list: List[Any],
    src: Optional[int] = None,
    group: Optional[ProcessGroup] = None,
    device: Any = None,
    group_src: Optional[int] = None,
) -> int:
    """Receive a list of objects from rank ``src``, or from the first that sends one.

    Parameters
    ----------
    object_list : list
        Of the length that is sent; its items are replaced.
    src, group_src : int, optional
        The rank in the job, or instead the rank in the group.
    group, device
        As for :func:`send_object_list`.

    Returns
    -------
    int
        The rank in the job that sent; -1 where this process is no member of the group.

    Raises
    ------
    ArgumentValueError
        Another number of objects was sent.

    >>> from rustorch import distributed as dist
    >>> found = [None, None]
    >>> if dist.get_rank() > 0:  # from the rank before: see :func:`send_object_list`
    ...     source = dist.recv_object_list(found, src=dist.get_rank() - 1)
    >>> found
    [None, None]
    """
    if device is not None and str(device).split(":")[0] != "cpu":
        raise rustorch.DeviceError(f"recv_object_list: device is {device}, and there is no GPU here")
    size = rustorch.zeros(1, dtype=rustorch.int64)
    source = recv(size, src, group, 0, group_src)
    if source < 0:
        return source
    room = _as_tensor(b"", int(size.item()))
    recv(room, source, group)
    received = _decode(_as_bytes(room, int(size.item())))
    if len(received) != len(object_list):
        raise ArgumentValueError(f"recv_object_list: rank {source} sent {len(received)} objects, this list has {len(object_list)}")
    object_list[:] = received
    return source
