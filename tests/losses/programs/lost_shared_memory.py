"""Memory that another process changes."""

import mmap
import os
import struct

from losses_play import play

memory = mmap.mmap(-1, 4096)
child = os.fork()
if child == 0:
    parent = os.getppid()
    number = 0
    while os.getppid() == parent:
        number += 1
        memory[:8] = struct.pack("q", number)
    os._exit(0)

try:
    play(lambda _: struct.unpack("q", memory[:8])[0])
finally:
    os.kill(child, 9)
    os.waitpid(child, 0)
