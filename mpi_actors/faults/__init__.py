"""Seeded losses for tests: what is lost, when, and how a pool is made to lose it.

A plan is a value: print it and paste it back, or store it as JSON. The parts, from the bottom up; they know
no transport and no daemon:

- `plan`: the faults and their triggers, as values and as JSON, and plans made at random;
- `text`: plans as people write them: `kill 2 at 1.5s; cut 0-1 for 2s at line 10`;
- `runner`: decides which faults are due, without a clock;
- `driver`: carries them out, by trio's clock, on any object with the methods of `FaultTarget`.
"""

from __future__ import annotations

from .driver import FaultDriver as FaultDriver
from .driver import FaultTarget as FaultTarget
from .driver import apply as apply
from .plan import After as After
from .plan import AtEvent as AtEvent
from .plan import AtRandom as AtRandom
from .plan import CutOff as CutOff
from .plan import DropLane as DropLane
from .plan import Fault as Fault
from .plan import FaultPlan as FaultPlan
from .plan import FreezePeer as FreezePeer
from .plan import KillPeer as KillPeer
from .plan import KillProcess as KillProcess
from .plan import Partition as Partition
from .plan import SlowLink as SlowLink
from .plan import Trigger as Trigger
from .runner import FaultRunner as FaultRunner
from .runner import Hasten as Hasten
from .runner import Heal as Heal
from .runner import Relief as Relief
from .runner import Thaw as Thaw
from .text import format_plan as format_plan
from .text import parse_plan as parse_plan
