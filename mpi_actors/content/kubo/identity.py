"""What an IPFS daemon says of itself, and whether that daemon can be used."""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

from ...errors import BackendUnavailable
from ...ids import PeerId

OLDEST = (0, 12)
"""The oldest version of Kubo that can be used: older ones lack some of the commands."""

_AGENT = re.compile(r"(?:kubo|go-ipfs)/(([0-9]{1,6})\.([0-9]{1,6})[^/\s]{0,40})")


@attrs.frozen
class KuboIdentity:
    """What an IPFS daemon says of itself."""

    peer: PeerId
    version: str
    """Its version, such as `0.39.0`."""
    addresses: tuple[str, ...]
    """Where other IPFS daemons reach it: multiaddrs that end in `/p2p/<its id>`."""


def read_identity(fields: Mapping[str, object], address: str) -> KuboIdentity:
    """Return what the answer to the command `/id` says.

    Args:
        fields: the answer, which is not checked yet.
        address: of the RPC API, for error texts.

    Raises:
        BackendUnavailable: this is not an answer of Kubo, or of a Kubo that is too old.
    """
    version = check_agent(fields.get("AgentVersion"), address)
    peer, addresses = fields.get("ID"), fields.get("Addresses")
    if not isinstance(peer, str) or not peer:
        raise BackendUnavailable(f"what answers at {address} has no identity of an IPFS daemon")
    texts = addresses if isinstance(addresses, list) else []
    return KuboIdentity(PeerId(peer), version, tuple(text for text in texts if isinstance(text, str)))


def check_agent(agent: object, address: str) -> str:
    """Return the version in an IPFS daemon's name for itself, such as "kubo/0.39.0/1234abc".

    Args:
        agent: the name, which is not checked yet.
        address: of the RPC API, for error texts.

    Raises:
        BackendUnavailable: the name is not that of Kubo (formerly go-ipfs), or the version is too old.
    """
    needed = f"Kubo {OLDEST[0]}.{OLDEST[1]} or newer is needed"
    if not isinstance(agent, str):
        raise BackendUnavailable(f"what answers at {address} is no IPFS daemon; {needed}")
    found = _AGENT.match(agent)
    if found is None:
        raise BackendUnavailable(f"the daemon at {address} calls itself {agent[:80]!r}; {needed}")
    if (int(found[2]), int(found[3])) < OLDEST:
        raise BackendUnavailable(f"the IPFS daemon at {address} has version {found[1]}; {needed}")
    return found[1]
