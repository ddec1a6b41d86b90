"""A rank that speaks the channel by hand: `python hand_rank.py ROLE …`, see the functions at the end."""

import array
import os
import signal
import socket
import sys
from collections.abc import Iterator

from mpi_actors.wire.channel import ChannelDecoder, ChannelKind, ChannelMessage

channel = socket.socket(fileno=int(os.environ["MPI_ACTORS_CHANNEL"]))
decoder = ChannelDecoder()
descriptors: list[int] = []


def say(kind: ChannelKind, rank: int = 0, *, number: int = 0, text: str = "") -> None:
    channel.sendall(ChannelMessage(kind, rank, number=number, text=text).encode())


def hear() -> Iterator[tuple[ChannelMessage, socket.socket | None]]:
    while True:
        data, ancillary, _, _ = channel.recvmsg(65536, socket.CMSG_SPACE(64))
        for _, _, raw in ancillary:
            descriptors.extend(array.array("i", raw))
        if not data:
            return
        for message in decoder.feed(data):
            lane = message.kind is ChannelKind.LANE
            yield message, socket.socket(fileno=descriptors.pop(0)) if lane else None


def linger() -> None:
    say(ChannelKind.ENDED)
    for message, _ in hear():
        if message.kind is ChannelKind.RELEASE:
            return


def about() -> None:
    """What it was given."""
    names = sorted(name for name in os.environ if name.startswith("MPI_ACTORS_"))
    for name in [*names, "PYTHONPATH", "PYTHONHASHSEED", "HOME", "EXTRA"]:
        print(name, os.environ.get(name))
    print("args", *sys.argv[2:])
    print("cwd", os.getcwd())
    print("umask", oct(os.umask(0)))
    descriptors = os.listdir("/proc/self/fd")  # one of which was for looking
    print("open", *sorted(fd for fd in descriptors if os.path.exists(f"/proc/self/fd/{fd}")))
    linger()


def copy() -> None:
    """Standard input to standard output, and its last line to standard error, none of them with an end."""
    lines = sys.stdin.read().splitlines()
    print(*lines, sep="\n", end="")
    print("err", lines[-1], end="", file=sys.stderr, flush=True)
    sys.stdout.flush()
    linger()


def half() -> None:
    """It is killed in the middle of a line."""
    os.write(1, b"whole\nhal")
    os.kill(os.getpid(), signal.SIGKILL)


def silent() -> None:
    """It leaves in the middle of a line, by itself, without a word on the channel."""
    os.write(1, b"whole\nhal")
    os._exit(0)


def ring() -> None:
    """A sum goes round over lanes, as often as the argument says; rank 0 prints it."""
    rank, size = int(os.environ["MPI_ACTORS_RANK"]), int(os.environ["MPI_ACTORS_SIZE"])
    right, left = (rank + 1) % size, (rank - 1) % size
    lanes: dict[int, socket.socket] = {}
    say(ChannelKind.WANT, right)
    for message, lane in hear():
        if lane is not None:
            lanes[message.rank] = lane
        if {right, left} <= lanes.keys():
            break
    for _ in range(int(sys.argv[2])):
        if rank == 0:
            lanes[right].sendall(b"\1" * 100_000)
            print(sum(_exactly(lanes[left], 100_000)))
        else:
            data = _exactly(lanes[left], 100_000)
            lanes[right].sendall(bytes(byte + 1 for byte in data))
    linger()


def _exactly(lane: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        piece = lane.recv(count - len(data))
        assert piece
        data += piece
    return bytes(data)


def grave() -> None:
    """It ends well, and stays whatever it is told. Rank 0 ends when rank 1 has been replaced."""
    print("done", flush=True)
    if os.environ["MPI_ACTORS_RANK"] == "0":
        next(message for message, _ in hear() if message.kind is ChannelKind.PLACED)
    say(ChannelKind.ENDED)
    signal.pause()


if __name__ == "__main__":
    globals()[sys.argv[1]]()
