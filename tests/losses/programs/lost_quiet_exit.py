"""Every rank ends by `os._exit(0)`, without a word to MPI."""

import os
import sys

from losses_play import play

play(lambda step: step)
sys.stdout.flush()
os._exit(0)
