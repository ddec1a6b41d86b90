"""Communicators: what programs hold, and all their methods, one mixin for each chapter or section of MPI 4.1.

The modules know what is below them in `mpi`: the engine that moves messages, datatypes, requests. They do not
know how MPI is initialized (`mpi.environment`), nor sessions and windows, which stand on communicators.
Constructors find the classes of new communicators in `kinds`, so no module needs one above it. Bottom up:

- `context`: the numbers that keep the messages of communicators apart;
- `send_buffer`: the memory that a program attaches for buffered sends;
- `state`: what this process knows of a communicator;
- `handle`: what all handles to communicators have in common;
- `errors`: how a call fails;
- `locks`: locks of a communicator by name;
- `kinds`: which classes new communicators have;
- `point`: point-to-point communication (chapter 3);
- `collective`: collective operations (chapter 6);
- `making`: how communicators are made and freed (chapter 7);
- `topology`: neighbours (chapter 8);
- `inquiry`: size, rank, group, name, hints, attributes, error handler (chapters 7 and 9);
- `absent`: methods that are not implemented;
- `communicator`: `Comm`, `Intracomm` and `Intercomm`, put together from all of these;
- `topocomms`: grids and graphs (chapter 8);
- `private`: what the Python parts of mpi4py use beside a communicator;
- `world`: COMM_WORLD, COMM_SELF and COMM_NULL.

A table of all methods and their files is in `docs/mpi.md`.
"""

from .communicator import Comm as Comm
from .communicator import Intercomm as Intercomm
from .communicator import Intracomm as Intracomm
from .handle import CommHandle as CommHandle
from .locks import _comm_lock as _comm_lock
from .locks import _comm_lock_table as _comm_lock_table
from .point.buffered import Attach_buffer as Attach_buffer
from .point.buffered import Detach_buffer as Detach_buffer
from .point.buffered import Flush_buffer as Flush_buffer
from .point.buffered import Iflush_buffer as Iflush_buffer
from .private import _commctx_inter as _commctx_inter
from .private import _commctx_intra as _commctx_intra
from .state import CommState as CommState
from .world import COMM_NULL as COMM_NULL
from .world import COMM_SELF as COMM_SELF
from .world import COMM_WORLD as COMM_WORLD
