"""Every rank ends by the `_exit` of C."""

import ctypes
import sys

from losses_play import play

play(lambda step: step)
sys.stdout.flush()
ctypes.CDLL(None)._exit(0)
