"""What one peer wants of us, and our answers. Pure, except for `look_up`, which reads blocks."""

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
"""Wants that are looked up for one message at most, so that one peer does not keep the disk busy for long."""
assert _MAX_LOOKUPS <= MAX_BLOCKS


class BlockSource(Protocol):
    """A store of blocks to read from. Its methods may block; several worker threads call them at a time."""

    def get(self, cid: Cid) -> bytes:
        """Return the bytes of a block.

        Raises:
            ContentMissing: the block is not here.
        """
        ...

    def has(self, cid: Cid) -> bool:
        """Whether the block is here."""
        ...


@attrs.frozen
class Answers:
    """What `look_up` found for the first wants of a list."""

    blocks: Sequence[Block]
    """Blocks to send."""
    presences: Sequence[Presence]
    """To send: that a block is here, or is not."""
    answered: Sequence[Want]
    """The wants that these blocks and presences answer."""
    missing: Sequence[Want]
    """Wants for blocks that are not here, and whose sender did not ask to hear that."""


class Wantlist:
    """What one peer wants of us.

    Args:
        limit: the most wants that are kept. A further want replaces an old one that we could not answer; if
            there is none, it is dropped: a peer that wants so much at once asks again.
        lifetime: seconds for which a want that we could not answer is remembered.
    """

    def __init__(self, limit: int, lifetime: float) -> None:
        self._limit = limit
        self._lifetime = lifetime
        self._ready: dict[AnyCid, Want] = {}
        self._waiting: dict[bytes, dict[AnyCid, tuple[Want, float]]] = {}
        self._waiting_count = 0
        self._stored: set[bytes] | None = None  # digests of blocks that came while wants are looked up
        self.dropped = 0
        """How many wants were dropped because of the limit."""

    def __len__(self) -> int:
        return len(self._ready) + self._waiting_count

    @property
    def ready(self) -> bool:
        """Whether there are wants to look up."""
        return bool(self._ready)

    def update(self, wants: Sequence[Want], *, full: bool = False) -> None:
        """Add the peer's new wants, and remove those that it cancels; `full` replaces all earlier wants."""
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
        """Return the oldest wants that are to be looked up. They stay in the list until `settle`."""
        self._stored = set()
        return list(islice(self._ready.values(), _MAX_LOOKUPS))

    def settle(self, answers: Answers, now: float) -> None:
        """Remove the wants that the answers, which are about to be sent, answer.

        What was cancelled or replaced since `first` is left as it is.

        Args:
            answers: what `look_up` found for the wants that `first` returned.
            now: seconds, on the clock of `expire`.
        """
        for want in answers.answered:
            if self._ready.get(want.cid) is want:
                del self._ready[want.cid]
        stored, self._stored = self._stored or set(), None
        for want in answers.missing:
            cid = want.cid
            if self._ready.get(cid) is want and isinstance(cid, Cid) and cid.digest not in stored:
                del self._ready[cid]
                self._waiting.setdefault(cid.digest, {})[cid] = (want, now)
                self._waiting_count += 1

    def on_block_stored(self, cid: Cid) -> None:
        """Make wants for a block that is here now ready to be looked up again."""
        if self._stored is not None:
            self._stored.add(cid.digest)
        for want, _ in self._waiting.pop(cid.digest, {}).values():
            self._waiting_count -= 1
            self._ready[want.cid] = want

    def expire(self, now: float) -> None:
        """Forget wants that we could not answer for longer than their lifetime; `now` is in seconds."""
        old = [
            cid
            for wants in self._waiting.values()
            for cid, (_, since) in wants.items()
            if now - since > self._lifetime
        ]
        for cid in old:
            self._forget(cid)

    def clear(self) -> None:
        """Forget all wants."""
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
    """Look up the answers to the first of `wants`. Blocks its thread.

    Args:
        source: the store of blocks.
        wants: what to look up, in this order.
        size: bytes of blocks after which the rest is left out.
    """
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
