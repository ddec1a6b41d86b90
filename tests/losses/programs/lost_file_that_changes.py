"""A file that another process changes all the time."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from losses_play import play, rank

place = Path(tempfile.gettempdir()) / f"losses-{os.environ['MPI_ACTORS_JOB']}-{rank}.txt"
WRITER = f"""if True:
    import os, time
    for number in range(10**6):
        with open({str(place) + "!"!r}, "w") as file:
            file.write(str(number))
        os.replace({str(place) + "!"!r}, {str(place)!r})
        time.sleep(0.001)
        if os.getppid() != {os.getpid()}:
            break
"""

place.write_text("-1")
writer = subprocess.Popen([sys.executable, "-c", WRITER])
try:
    play(lambda _: place.read_text())
finally:
    writer.kill()
    writer.wait()
