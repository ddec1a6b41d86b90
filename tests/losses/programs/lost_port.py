"""A port that the system chooses."""

import socket

from losses_play import play


def draw(_: int) -> int:
    """A new one."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


play(draw)
