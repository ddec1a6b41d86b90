"""A UUID of the time, the machine's address and a number at random."""

import uuid

from losses_play import play

play(lambda _: uuid.uuid1())
