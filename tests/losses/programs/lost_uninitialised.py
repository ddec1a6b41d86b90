"""Memory that nobody has written."""

import ctypes

import numpy as np
from losses_play import play

kept: list[str] = []


def draw(step: int) -> str:
    """Some bytes of a new array, as they are."""
    kept.append(str(id(kept)) * step)
    array = np.empty(64 + step, dtype="u8")
    block = ctypes.create_string_buffer(1)
    return f"{int(array.sum()):x}-{ctypes.addressof(block):x}"


play(draw)
