"""How ranks that no launcher started find each other: rank 0 waits at an address, the others come, and all get connected.

Each message of this phase is four bytes of length and JSON. Rank 0 hears from every rank who it is and where it listens, and
tells all; then each rank connects to those before it. What is left is one socket for each pair of ranks.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import struct
import sys
import time
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from rustorch import DistributedError
from rustorch._C import ArgumentValueError

_METHODS = ("env://", "tcp://", "file://")
_LONGEST = 1 << 20  # of a message, so that a stranger's bytes are no request for memory
_RETRY_SECONDS = 0.05


class Place(NamedTuple):
    """What a rank knows before it has met the others."""

    rank: int
    size: int
    host: str
    port: int


def check_method(init_method: Optional[str]) -> None:
    """An error for what is no address of PyTorch's.

    Raises
    ------
    ValueError
    """
    if init_method is not None and (not isinstance(init_method, str) or not init_method.startswith(_METHODS)):
        raise ArgumentValueError(f"init_process_group: init_method must begin with one of {', '.join(_METHODS)}, not {init_method!r}")


def _number(name: str) -> int:
    text = os.environ.get(name, "")
    if not text:
        return -1
    try:
        return int(text)
    except ValueError:
        raise DistributedError(f"init_process_group: {name}={text!r} in the environment is no number") from None


def find(init_method: Optional[str], size: int, rank: int) -> Optional[Place]:
    """What arguments and environment say about the job; None: this process is alone.

    Raises
    ------
    DistributedError
        They say that there are others, but not enough to find them.
    """
    from_environment = init_method is None or init_method.startswith("env://")
    size = -1 if size is None else int(size)
    rank = -1 if rank is None else int(rank)
    if from_environment:
        size = _number("WORLD_SIZE") if size == -1 else size
        rank = _number("RANK") if rank == -1 else rank
    if size <= 1:
        return None
    script = os.path.basename(sys.argv[0] or "train.py")
    launch = f"start the script with `rustorch-launch -n {size} {script}`"
    if from_environment:
        host, port = os.environ.get("MASTER_ADDR", ""), _number("MASTER_PORT")
    elif init_method.startswith("tcp://"):  # type: ignore[union-attr]
        host, _, text = init_method[len("tcp://") :].partition("?")[0].rstrip("/").rpartition(":")  # type: ignore[index]
        host, port = host.strip("[]"), int(text) if text.isdigit() else -1
    else:
        raise DistributedError(f"init_process_group: ranks do not meet in files; use tcp://HOST:PORT or env://, or {launch}")
    if not host or port < 0 or rank < 0:
        raise DistributedError(
            f"init_process_group: world_size={size}, but this process was started alone and has no peers; {launch}; a script that starts "
            "its ranks itself gives each its rank and rank 0's address (tcp://HOST:PORT, or MASTER_ADDR and MASTER_PORT)"
        )
    if rank >= size:
        raise DistributedError(f"init_process_group: rank={rank}, but world_size={size}: ranks are 0 to {size - 1}")
    return Place(rank, size, host, port)


# ---------------------------------------------------------------------------------------------- messages


def _send(link: socket.socket, message: Any) -> None:
    data = json.dumps(message).encode()
    link.sendall(struct.pack("!I", len(data)) + data)


def _take(link: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = link.recv(size - len(data))
        if not part:
            raise ConnectionError("the connection was closed")
        data += part
    return data


def _receive(link: socket.socket) -> Any:
    (size,) = struct.unpack("!I", _take(link, 4))
    if size > _LONGEST:
        raise ArgumentValueError("this is no rank of rustorch")
    return json.loads(_take(link, size))


def _machine() -> str:
    """The same for all ranks of a machine, and for no other."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            boot = file.read().strip()
    except OSError:
        boot = ""
    return f"{socket.gethostname()} {boot}"


# ---------------------------------------------------------------------------------------------- connecting


class _Meeting:
    """One rank's part. Every wait ends at the deadline."""

    def __init__(self, place: Place, seconds: float) -> None:
        self.place = place
        self.seconds = seconds
        self.until = time.monotonic() + seconds
        self.links: Dict[int, socket.socket] = {}

    def left(self) -> float:
        seconds = self.until - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds

    def listen(self, host: str, port: int) -> socket.socket:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        door = socket.socket(family, kind, protocol)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:  # a name of this machine seen from outside
                door.bind(("", port))
            else:
                door.close()
                raise
        door.listen(self.place.size)
        return door

    def connect(self, host: str, port: int) -> socket.socket:
        while True:
            try:
                link = socket.create_connection((host, port), min(self.left(), 10.0))
                link.settimeout(self.left())
                return link
            except (ConnectionError, socket.timeout, OSError) as error:
                if isinstance(error, socket.gaierror):
                    raise
                time.sleep(min(_RETRY_SECONDS, self.left()))

    def accept(self, door: socket.socket) -> Tuple[socket.socket, Any]:
        """The next who comes and speaks as a rank does."""
        while True:
            door.settimeout(self.left())
            link, _ = door.accept()
            try:
                link.settimeout(min(self.left(), 10.0))
                message = _receive(link)
                if isinstance(message, dict) and message.get("rustorch") == 1:
                    link.settimeout(self.left())
                    return link, message
            except (OSError, ValueError):
                pass  # a stranger
            link.close()

    def lead(self) -> List[Any]:
        """Rank 0: hear from all, tell all."""
        door = self.listen(self.place.host, self.place.port)
        everybody: List[Any] = [["", 0, _machine()]] + [None] * (self.place.size - 1)
        try:
            while len(self.links) < self.place.size - 1:
                link, message = self.accept(door)
                rank, size = message["rank"], message["size"]
                wrong = ""
                if size != self.place.size:
                    wrong = f"rank {rank} says that there are {size} ranks, rank 0 says {self.place.size}"
                elif rank in self.links or not 0 < rank < size:
                    wrong = f"two processes say that they are rank {rank}"
                self.links.setdefault(rank, link)
                if wrong:
                    for each in {*self.links.values(), link}:
                        _send(each, {"error": wrong})
                    raise DistributedError(f"init_process_group: {wrong}")
                everybody[rank] = [link.getpeername()[0], message["port"], message["machine"]]
            for link in self.links.values():
                _send(link, {"everybody": everybody})
        finally:
            door.close()
        return everybody

    def follow(self) -> List[Any]:
        """Any other rank: report to rank 0, then meet the rest."""
        rank = self.place.rank
        first = self.connect(self.place.host, self.place.port)
        self.links[0] = first
        door = self.listen(first.getsockname()[0], 0)
        try:
            mine = {"rustorch": 1, "rank": rank, "size": self.place.size, "machine": _machine(), "port": door.getsockname()[1]}
            _send(first, mine)
            first.settimeout(self.left())
            answer = _receive(first)
            if "error" in answer:
                raise DistributedError(f"init_process_group: {answer['error']}")
            everybody = answer["everybody"]
            for other in range(1, rank):
                self.links[other] = self.connect(*everybody[other][:2])
                _send(self.links[other], {"rustorch": 1, "rank": rank})
            while len(self.links) < self.place.size - 1:
                link, message = self.accept(door)
                self.links[message["rank"]] = link
        finally:
            door.close()
        return everybody

    def text(self) -> str:
        """Who is missing."""
        if self.place.rank == 0:
            missing = [str(rank) for rank in range(1, self.place.size) if rank not in self.links]
            return f"rank 0 waited at {self.place.host}:{self.place.port}, and rank {', '.join(missing)} of {self.place.size} did not come"
        if self.links:
            return f"rank {self.place.rank} has reached rank 0, but not all ranks have come"
        return f"rank {self.place.rank} found nobody at {self.place.host}:{self.place.port}, where rank 0 was to be"


def meet(place: Place, seconds: float) -> Tuple[List[int], List[int]]:
    """Connect this rank to all others.

    Parameters
    ----------
    place : Place
    seconds : float
        How long to wait for them.

    Returns
    -------
    (list of int, list of int)
        For each rank the descriptor of a socket that leads to it (-1 for this one), which the caller owns, and the number of
        its machine.

    Raises
    ------
    DistributedError
        They did not come, or do not agree on who is who; the port is taken.
    """
    meeting = _Meeting(place, seconds)
    try:
        everybody = meeting.lead() if place.rank == 0 else meeting.follow()
    except BaseException as error:
        for link in meeting.links.values():
            link.close()
        if isinstance(error, (TimeoutError, socket.timeout)):
            raise DistributedError(f"init_process_group: {meeting.text()} within {seconds:g} s") from None
        if isinstance(error, OSError):
            where = f"{place.host}:{place.port}"
            advice = "; choose another MASTER_PORT" if error.errno == errno.EADDRINUSE else ""
            raise DistributedError(f"init_process_group: the ranks could not meet at {where}: {error.strerror or error}{advice}") from error
        raise
    for link in meeting.links.values():
        link.settimeout(None)
    machines = [each[2] for each in everybody]
    fds = [meeting.links[rank].detach() if rank != place.rank else -1 for rank in range(place.size)]
    return fds, [machines.index(machine) for machine in machines]
