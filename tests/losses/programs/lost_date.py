"""The date, as `datetime` has it."""

import datetime

from losses_play import play

play(lambda _: datetime.datetime.now(tz=datetime.UTC).isoformat())
