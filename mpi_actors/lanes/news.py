"""News of other peers: what they say, and that they are gone.

The router and `peers` send this news; `ranks` and `jobs` take it. It lies here because these three are
brothers, which may not know each other.
"""

from __future__ import annotations

import attrs

from ..ids import PeerId
from ..wire.messages import ControlMessage


@attrs.frozen
class FromPeer:
    """A control message and the peer that sent it."""

    sender: PeerId
    message: ControlMessage


@attrs.frozen
class PeerGone:
    """A peer is no longer connected."""

    peer: PeerId
    reason: str
    """Why, for people."""


HostNews = FromPeer | PeerGone
"""The messages that this peer's host of ranks takes."""
