"""Lanes for ranks that speak MPI: connected byte streams that the daemon makes and hands out.

`LaneBroker` is the broker. Two ranks on one host get a socket pair each time that a pair of incarnations
meets; the daemon keeps no end of it. Ranks on two hosts get one end each of a `Tunnel`, which carries the
bytes over the data streams between the daemons. What the bytes mean is the ranks' affair.
"""

from .broker import Client as Client
from .broker import LaneBroker as LaneBroker
from .tunnel import Tunnel as Tunnel
