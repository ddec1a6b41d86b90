"""A rank that is started again ends well at once."""

import os
import sys

from losses_play import play

if os.environ["MPI_ACTORS_INCARNATION"] != "0":
    sys.exit(0)
play(lambda step: step)
