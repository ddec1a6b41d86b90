"""Bytes of the random device, read as a file."""

from pathlib import Path

from losses_play import play


def draw(_: int) -> str:
    """Four bytes."""
    with Path("/dev/urandom").open("rb", buffering=0) as device:
        return device.read(4).hex()


play(draw)
