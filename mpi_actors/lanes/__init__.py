"""How messages travel between ranks. This package knows links, not peers: it may not import `peers`, `ranks`
or `jobs`.

`router` knows where each rank sits, and moves frames and the control messages of jobs; `broker` gives MPI
ranks connected byte streams. Two ranks on one host get a socket pair, of which the daemon keeps no end; two
ranks on two hosts get one end each of a `tunnel`, which carries the bytes over the data streams between the
daemons. Only the ranks know what the bytes mean.

Bottom up:

- `news`: what other peers say, and that they are gone: messages that `peers`, `ranks` and `jobs` share;
- `routes`: what the router knows: places of ranks, and endpoints in service;
- `flow`: the numbers of one end of a tunnel: who it is, and how far the bytes have come;
- `recovered`: what earlier incarnations of a rank chose, on its way to the next one;
- `choices`: recorded choices of ranks, which must be known before bytes of ranks are;
- `reporting`: sees that coordinators get these choices;
- `tunnel`: one end of a tunnel between two hosts;
- `router`: from the links of peers to the mailboxes and endpoints of this peer, and back;
- `broker`: which rank here wants a lane to which other rank, and which has one. It chooses the kind of lane;
  a new kind would be a module beside `tunnel`.
"""

from .broker import Client as Client
from .broker import LaneBroker as LaneBroker
from .tunnel import Tunnel as Tunnel
