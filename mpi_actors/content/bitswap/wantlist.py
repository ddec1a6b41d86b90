"""What one peer wants of us, and what we answer. No tasks, no clock."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import islice
from typing import Protocol

import attrs

from ...errors import ContentMissing, MpiActorsError
from ..formats.bitswap import MAX_BLOCKS, AnyCid, Block, Presence, Want
from ..formats.cid import Cid

logger = logging.getLogger(__name__)

_MAX_LOOKUPS = 512
"""The most wants that are looked up for one message."""
assert _MAX_LOOKUPS <= MAX_BLOCKS


class BlockSource(Protocol):
    """Where blocks are read. Its methods may block, and are called in worker threads, several at a time."""

    def get(self, cid: Cid) -> bytes:
        """The block.

        Raises:
            ContentMissing: it is not here.
        """
        ...

    def has(self, cid: Cid) -> bool:
        """Whether it is here."""
        ...


@attrs.frozen
class Answers:
    """What was found for the first wants of a list."""

    blocks: Sequence[Block]
    presences: Sequence[Presence]
    answered: Sequence[Want]
    missing: Sequence[Want]
    """Not here, and not to be answered with a no."""


class Wantlist:
    """What one peer wants of us.

    Args:
        limit: how many wants are kept. Those beyond push out old ones that we could not answer, or are
            dropped: whoever wants so much at once asks again.
        lifetime: seconds for which a want is remembered that we could not answer.
    """

    def __init__(self, limit: int, lifetime: float) -> None:
        self._limit = limit
        self._lifetime = lifetime
        self._ready: dict[AnyCid, Want] = {}
        self._waiting: dict[bytes, dict[AnyCid, tuple[Want, float]]] = {}
        self._waiting_count = 0
        self._came: set[bytes] | None = None  # what came while wants are looked up
        self.dropped = 0
        """How many wants were too many."""

    def __len__(self) -> int:
        return len(self._ready) + self._waiting_count

    @property
    def ready(self) -> bool:
        """Whether there is something to look up."""
        return bool(self._ready)

    def update(self, wants: Sequence[Want], *, full: bool = False) -> None:
        """Take in what the peer wants, or wants no longer."""
        if full:
            self.clear()
        for want in wants:
            self._ready.pop(want.cid, None)
            self._forget(want.cid)
            if want.cancel:
                continue
            if len(self) >= self._limit:
                self._evict()
            if len(self) < self._limit:
                self._ready[want.cid] = want
            else:
                self.dropped += 1

    def first(self) -> list[Want]:
        """The oldest wants to be looked up, which stay in the list until `settle`."""
        self._came = set()
        return list(islice(self._ready.values(), _MAX_LOOKUPS))

    def settle(self, answers: Answers, now: float) -> None:
        """The answers are about to be sent. What was cancelled meanwhile stays so."""
        for want in answers.answered:
            if self._ready.get(want.cid) is want:
                del self._ready[want.cid]
        came, self._came = self._came or set(), None
        for want in answers.missing:
            cid = want.cid
            if self._ready.get(cid) is want and isinstance(cid, Cid) and cid.digest not in came:
                del self._ready[cid]
                self._waiting.setdefault(cid.digest, {})[cid] = (want, now)
                self._waiting_count += 1

    def on_block_stored(self, cid: Cid) -> None:
        """That block is here now."""
        if self._came is not None:
            self._came.add(cid.digest)
        for want, _ in self._waiting.pop(cid.digest, {}).values():
            self._waiting_count -= 1
            self._ready[want.cid] = want

    def expire(self, now: float) -> None:
        """Forget what we could not answer for too long."""
        old = [
            cid
            for wants in self._waiting.values()
            for cid, (_, since) in wants.items()
            if now - since > self._lifetime
        ]
        for cid in old:
            self._forget(cid)

    def clear(self) -> None:
        """Forget everything."""
        self._ready.clear()
        self._waiting.clear()
        self._waiting_count = 0

    def _forget(self, cid: AnyCid) -> None:
        if isinstance(cid, Cid) and cid.digest in self._waiting:
            wants = self._waiting[cid.digest]
            if wants.pop(cid, None) is not None:
                self._waiting_count -= 1
            if not wants:
                del self._waiting[cid.digest]

    def _evict(self) -> None:
        for wants in self._waiting.values():
            self._forget(next(iter(wants)))
            return


def look_up(source: BlockSource, wants: Sequence[Want], size: int) -> Answers:
    """The answers to the first of `wants`, up to a first block with which there are `size` bytes. Blocks."""
    blocks: list[Block] = []
    presences: list[Presence] = []
    answered: list[Want] = []
    missing: list[Want] = []
    for want in wants:
        if size <= 0:
            break
        data = None
        try:
            here = isinstance(want.cid, Cid) and source.has(want.cid)
            if isinstance(want.cid, Cid) and here and not want.have:
                data = source.get(want.cid)
        except ContentMissing:
            here = False
        except (OSError, MpiActorsError) as error:
            logger.warning("a block cannot be read: %s", error)
            here = False
        if isinstance(want.cid, Cid) and data is not None:
            blocks.append(Block(want.cid.prefix, data))
            size -= len(data)
        elif here or want.send_dont_have:
            presences.append(Presence(want.cid, here))
        elif isinstance(want.cid, Cid):
            missing.append(want)
            continue
        answered.append(want)
    return Answers(blocks, presences, answered, missing)
