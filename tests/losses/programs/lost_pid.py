"""The number of the process."""

import os

from losses_play import play

play(lambda _: os.getpid())
