"""Random bytes from the system call, below Python."""

import os

from losses_play import play

play(lambda _: os.getrandom(4).hex())
