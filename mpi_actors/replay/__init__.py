"""Exactly-once delivery across incarnations, sans-I/O.

Each pair of ranks has a lane. The sender numbers its messages and keeps them (`SendLog`, `Outgoing`); the
receiver takes them in order, each once, and remembers a digest of each (`Incoming`). When either side is
replaced, the receiver says what it has, the sender goes on from there, and what a new incarnation sends again
is compared with what its predecessor had sent (sender-based message logging, as in MPICH-V2; Bouteiller et
al., SC 2003).
"""

from .endpoint import Endpoint as Endpoint
from .incoming import Incoming as Incoming
from .lane import Lane as Lane
from .log import SendLog as SendLog
from .outgoing import Outgoing as Outgoing
