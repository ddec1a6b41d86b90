"""What another program says of the time."""

import subprocess

from losses_play import play

play(lambda _: subprocess.run(["date", "+%N"], capture_output=True, text=True, check=True).stdout.strip())
