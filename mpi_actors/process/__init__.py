"""Programs as processes: how they start and end, what they may use, and how they speak over stdio.

`Warden` spawns a `ProcessSpec` and gives a `Process`, whose end is an `Exit`. The processes belong to a
helper (`warden_main`) that kills them when the daemon dies, however that happens.
"""

from .exit import Exit as Exit
from .exit import ResourceUsage as ResourceUsage
from .limits import ResourceLimits as ResourceLimits
from .limits import clean_environment as clean_environment
from .limits import interpreter_argv as interpreter_argv
from .spec import ProcessSpec as ProcessSpec
from .warden import Process as Process
from .warden import Warden as Warden
