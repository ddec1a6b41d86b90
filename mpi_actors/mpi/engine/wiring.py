"""Where lanes come from: the daemon brokers them, or the launcher has made all of them, or there are none."""

from __future__ import annotations

import array
import os
import socket
import struct
from collections.abc import Mapping
from typing import Protocol

from ...wire.channel import ChannelDecoder, ChannelKind, ChannelMessage

_ANCILLARY_SIZE = socket.CMSG_SPACE(16 * struct.calcsize("i"))
"""Bytes of ancillary data to read at a time: room for 16 descriptors."""


class Wiring(Protocol):
    """What an engine needs of the daemon."""

    def want(self, rank: int) -> None:
        """Ask the daemon for a lane to a rank."""

    def say(self, message: ChannelMessage) -> bool:
        """Send the daemon a message; return False if there is no daemon, or none any more."""


class NoWiring:
    """No daemon: the rank is alone, or the launcher has made all lanes."""

    def want(self, rank: int) -> None:
        """Do nothing: nobody could make a lane."""

    def say(self, message: ChannelMessage) -> bool:
        """Return False: there is no daemon."""
        return False


class ChannelWiring:
    """The channel to the daemon.

    Args:
        fd: a connected Unix socket, which the daemon also uses to pass the sockets of lanes.
    """

    def __init__(self, fd: int) -> None:
        os.set_inheritable(fd, False)
        self.sock = socket.socket(fileno=fd)
        self.sock.setblocking(True)
        self._decoder = ChannelDecoder()
        self._descriptors: list[int] = []
        self.gone = False

    def want(self, rank: int) -> None:
        """See `Wiring.want`."""
        self.say(ChannelMessage(ChannelKind.WANT, rank=rank))

    def say(self, message: ChannelMessage) -> bool:
        """See `Wiring.say`."""
        try:
            self.sock.sendall(message.encode())
        except OSError:
            self.gone = True
        return not self.gone

    def hear(self) -> list[tuple[ChannelMessage, socket.socket | None]]:
        """Wait for messages, each with its socket if it has one. An empty list is the channel's end.

        Raises:
            ProtocolError: the daemon broke the protocol of the channel.
        """
        while True:
            try:
                data, ancillary, _, _ = self.sock.recvmsg(65536, _ANCILLARY_SIZE, socket.MSG_CMSG_CLOEXEC)
            except OSError:
                data, ancillary = b"", []
            for level, kind, raw in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    numbers = array.array("i")
                    numbers.frombytes(raw[: len(raw) - len(raw) % numbers.itemsize])
                    self._descriptors += numbers
            if not data:
                self.gone = True
                return []
            heard = [(message, self._socket(message)) for message in self._decoder.feed(data)]
            if heard:
                return heard

    def _socket(self, message: ChannelMessage) -> socket.socket | None:
        if message.kind is not ChannelKind.LANE or not self._descriptors:
            return None
        return socket.socket(fileno=self._descriptors.pop(0))


def prewired(descriptors: Mapping[int, int]) -> dict[int, socket.socket]:
    """Open the lanes that existed before this process started, given as descriptors by rank."""
    lanes = {}
    for rank, descriptor in descriptors.items():
        os.set_inheritable(descriptor, False)
        lanes[rank] = socket.socket(fileno=descriptor)
    return lanes
