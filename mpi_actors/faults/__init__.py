"""Seeded losses for tests: what is lost when, and how it is done to a pool.

A plan is a value: print it and paste it back, or store it as JSON.
"""

from __future__ import annotations

from .driver import After as After
from .driver import AtEvent as AtEvent
from .driver import CutOff as CutOff
from .driver import Fault as Fault
from .driver import FaultDriver as FaultDriver
from .driver import FaultPlan as FaultPlan
from .driver import FaultRunner as FaultRunner
from .driver import FaultTarget as FaultTarget
from .driver import FreezePeer as FreezePeer
from .driver import Heal as Heal
from .driver import KillPeer as KillPeer
from .driver import KillProcess as KillProcess
from .driver import Partition as Partition
from .driver import Relief as Relief
from .driver import Thaw as Thaw
from .driver import Trigger as Trigger
from .driver import apply as apply
