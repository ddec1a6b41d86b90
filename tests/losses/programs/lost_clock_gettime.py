"""The clock of the system, which Python passes on unchanged."""

import time

from losses_play import play

play(lambda _: time.clock_gettime(time.CLOCK_REALTIME))
