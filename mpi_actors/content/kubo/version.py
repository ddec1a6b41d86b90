"""Which IPFS daemons can be used."""

from __future__ import annotations

import re

from ...errors import BackendUnavailable

OLDEST = (0, 12)
"""Older ones lack some of the commands."""

_AGENT = re.compile(r"(?:kubo|go-ipfs)/(([0-9]{1,6})\.([0-9]{1,6})[^/\s]{0,40})")


def check_agent(agent: object, address: str) -> str:
    """The version in a daemon's name for itself, such as "kubo/0.39.0/1234abc".

    Raises:
        BackendUnavailable: it is no Kubo (formerly go-ipfs), or an older one than can be used.
    """
    needed = f"Kubo {OLDEST[0]}.{OLDEST[1]} or newer is needed"
    if not isinstance(agent, str):
        raise BackendUnavailable(f"what answers at {address} is no IPFS daemon; {needed}")
    found = _AGENT.match(agent)
    if found is None:
        raise BackendUnavailable(f"the daemon at {address} calls itself {agent[:80]!r}; {needed}")
    if (int(found[2]), int(found[3])) < OLDEST:
        raise BackendUnavailable(f"the IPFS daemon at {address} is of version {found[1]}; {needed}")
    return found[1]
