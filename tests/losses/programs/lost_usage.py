"""What the process has used so far, and the load of the machine."""

import os
import resource

from losses_play import play

play(lambda _: [resource.getrusage(resource.RUSAGE_SELF).ru_minflt, os.times().user, os.getloadavg()[0]])
