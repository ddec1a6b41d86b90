"""Operating-system processes: how they start and end, and what they may use.

`Warden` spawns a `ProcessSpec` and returns a `Process`, whose end is an `Exit`. Spawned processes are
children of a warden process, which kills them when the daemon dies for whatever reason. The package knows
nothing of jobs, ranks or MPI. From the bottom up:

- `descriptors`: writes all bytes to a file or pipe;
- `exit`: how a program ended, and what it used;
- `host_kind`: what the last bits of a program's results depend on, here;
- `limits`: resource limits, the clean environment, and the Python that programs run with;
- `spec`: what the warden must know to start a program;
- `removal`: removes directory trees of any depth and permissions;
- `warden_main`: the program of the warden process;
- `stragglers`: ends the descendants of a warden process that was killed itself;
- `warden_process`: the daemon's end of one warden process;
- `warden`: spawns programs; starts a new warden process when the last one has died.
"""

from .exit import Exit as Exit
from .exit import ResourceUsage as ResourceUsage
from .limits import ResourceLimits as ResourceLimits
from .limits import clean_environment as clean_environment
from .limits import interpreter_argv as interpreter_argv
from .spec import ProcessSpec as ProcessSpec
from .warden import Process as Process
from .warden import Warden as Warden
