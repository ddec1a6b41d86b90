"""What small messages cost on a libp2p stream.

`costs_probe.py library|ours` prints counts per message as JSON. It runs in a process of its own: the
work-arounds change the library for good.
"""

from __future__ import annotations

import json
import struct
import sys
from typing import Any

import libp2p.stream_muxer.yamux.yamux as yamux
import trio
from libp2p import new_host
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.host.basic_host import BasicHost
from libp2p.peer.peerinfo import info_from_p2p_addr
from multiaddr import Multiaddr

from mpi_actors.net.libp2p import identity, quirks
from mpi_actors.net.libp2p.transport import build_host

PROTOCOL = TProtocol("/test")
MESSAGES = 200
SIZE = 100
LIMIT = 600.0


class Passes(trio.abc.Instrument):
    """Counts passes through trio's scheduler."""

    count = 0

    def before_io_wait(self, timeout: float) -> None:
        """Count one pass."""
        self.count += 1


def host(whose: str) -> BasicHost:
    """Make a host, with the library alone or with our work-arounds."""
    if whose == "ours":
        return build_host(identity.ephemeral())
    quirks.quiet_logs()
    made = new_host(key_pair=identity.ephemeral(), connection_config=quirks.connection_config())
    assert isinstance(made, BasicHost)
    return made


def count_calls(cls: type[Any], name: str, counts: dict[str, int], key: str, matters: Any) -> None:
    """Count the calls of a method from now on."""
    original = getattr(cls, name)

    async def counted(self: Any, *args: Any) -> Any:
        counts[key] = counts.get(key, 0) + matters(*args)
        return await original(self, *args)

    setattr(cls, name, counted)


async def main(whose: str) -> dict[str, float]:
    """Send messages there and back, one at a time."""
    counts: dict[str, int] = {}
    one, two = host(whose), host(whose)
    kind = quirks.SafeYamux if whose == "ours" else yamux.Yamux
    count_calls(
        kind, "_write_frame", counts, "updates",
        lambda data: struct.unpack_from(yamux.YAMUX_HEADER_FORMAT, data)[1] == yamux.TYPE_WINDOW_UPDATE,
    )  # fmt: skip
    count_calls(trio.SocketStream, "receive_some", counts, "reads", lambda n: True)

    async def echo(stream: INetStream) -> None:
        for _ in range(MESSAGES):
            await stream.write(await stream.read(SIZE))

    two.set_stream_handler(PROTOCOL, echo)
    loopback = [Multiaddr("/ip4/127.0.0.1/tcp/0")]
    async with one.run(loopback), two.run(loopback):
        await one.connect(info_from_p2p_addr(two.get_addrs()[0]))
        stream = await one.new_stream(two.get_id(), [PROTOCOL])
        passes = Passes()
        trio.lowlevel.add_instrument(passes)
        counts.clear()
        for number in range(MESSAGES):
            message = number.to_bytes(4, "big") * (SIZE // 4)
            await stream.write(message)
            assert await stream.read(SIZE) == message
        found = {"passes": passes.count, **counts}
        await one.close()
        await two.close()
    return {key: value / (2 * MESSAGES) for key, value in found.items()}


async def limited(whose: str) -> dict[str, float]:
    """Do the same, within a time that is long enough."""
    with trio.fail_after(LIMIT):
        return await main(whose)


if __name__ == "__main__":
    print(json.dumps(trio.run(limited, sys.argv[1])))
