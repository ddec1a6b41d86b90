"""A pool of real daemons on this machine, each a process of its own.

The launcher, which is the process with the pool, and each daemon speak the control protocol (`wire.control`).
From the bottom up, first in the daemon, then in the launcher:

- `service`: answers the launcher's requests, and sends it events;
- `served`: the program of a daemon process;
- `client`: the launcher's end of the protocol;
- `job`: a job, as the launcher sees it;
- `script`: makes a script or module into what daemons can offer;
- `input`: passes the standard input of rank 0 to the daemons;
- `peer`: one daemon process: started, asked, and ended for certain;
- `faults`: what can be lost in a pool;
- `pool`: all daemons together.
"""
