"""Removes the blocks of one tree from an IPFS daemon, but none that anybody needs.

The IPFS daemon refuses to remove what is pinned, but only under the very identifier that was pinned; the same
block may be needed under another identifier. It does not protect its own file system (MFS, `ipfs files`) at
all. For each block, it searches all pinned trees: if that would take too long, nothing is removed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Iterable

import trio

from ...errors import BackendUnavailable, BadBlock, BadCid, ContentMissing, ContentRefused
from ..formats import dagpb
from ..formats.cid import Cid
from .errors import DaemonRefused
from .rpc import Item, Rpc

FORGET_TIMEOUT = 60.0
"""Seconds for one tree. The IPFS daemon's garbage collection removes what is left then."""

_MAX_REMOVALS = 50
"""Blocks in one call: their identifiers are in the URL, which must not become too long."""
_MAX_PIN_LIST = 16 * 1024 * 1024
"""Bytes of the list of pins that we read: about 200,000 pins, and more are too many to search anyway."""
_SEARCH_FACTOR = 4
"""How much longer the IPFS daemon searches its pins for one block than it lists them all: it lists pins side
by side, and searches them one after the other."""
_EMPTY_DIRECTORY = Cid.parse("QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn")

_log = logging.getLogger(__name__)

LocalBlock = Callable[[Cid], Awaitable[bytes]]
"""Returns a block that the IPFS daemon has; raises ContentMissing if it has not."""


async def forget(rpc: Rpc, cid: Cid, local_block: LocalBlock) -> bool:
    """Remove the blocks of a tree that neither pins nor the IPFS daemon's own file system need.

    Args:
        rpc: the IPFS daemon's API.
        cid: the tree's root; any part of the tree may be missing.
        local_block: returns one of its blocks.

    Returns:
        False if blocks are left for the IPFS daemon's garbage collection.

    Raises:
        BackendUnavailable, DiskFull: see `ContentBackend`.
    """
    reason = "it takes too long"
    with trio.move_on_after(FORGET_TIMEOUT):
        reason = await _forget(rpc, cid, local_block)
    if reason:
        _log.info("%s is left to the IPFS daemon's garbage collection: %s", cid, reason)
    return not reason


async def _forget(rpc: Rpc, cid: Cid, local_block: LocalBlock) -> str:
    """Return why nothing was removed; an empty text if blocks were removed."""
    blocks = await _below(rpc, cid)
    if blocks is None:
        blocks = await _below_what_is_left(cid, local_block)
    start = trio.current_time()
    pinned = await _pinned(rpc)
    took = trio.current_time() - start
    files = await _used_by_files(rpc)
    if pinned is None or files is None:
        return "not all that is pinned, or in the IPFS daemon's own files, can be found"
    going = [each for digest, each in blocks.items() if digest not in pinned and digest not in files]
    if took * _SEARCH_FACTOR * len(going) > FORGET_TIMEOUT:
        return "too much is pinned there to be searched for each block"
    going.reverse()  # the root last: if this ends in the middle, the rest can still be found from it
    for at in range(0, len(going), _MAX_REMOVALS):
        await _remove(rpc, going[at : at + _MAX_REMOVALS])
    return ""


async def _below(rpc: Rpc, root: Cid) -> dict[bytes, Cid] | None:
    """Return all blocks of a tree by their digests, each before its children; None if some are missing."""
    found, whole = {root.digest: root}, True

    def take(item: Item) -> bool:
        nonlocal whole
        whole = whole and not item.get("Err")
        try:
            cid = Cid.parse(str(item.get("Ref")))
        except BadCid:  # of a kind that our trees do not have
            return True
        found.setdefault(cid.digest, cid)
        return True

    options = {"recursive": "true", "unique": "true", **_local()}
    await rpc.stream("/refs", str(root), on_item=take, options=options, silence=FORGET_TIMEOUT)
    return found if whole else None


async def _below_what_is_left(root: Cid, local_block: LocalBlock) -> dict[bytes, Cid]:
    """Like `_below`, for an incomplete tree: blocks below a missing one are not found."""
    found: dict[bytes, Cid] = {}
    waiting = [root]
    while waiting:
        cid = waiting.pop()
        if cid.digest in found:
            continue
        found[cid.digest] = cid
        if dagpb.is_node(cid):
            try:
                node = dagpb.decode(await local_block(cid))
            except (ContentMissing, BadBlock):
                continue
            waiting.extend(link.cid for link in reversed(node.links))
    return found


async def _pinned(rpc: Rpc) -> frozenset[bytes] | None:
    """Return the digests of all blocks that are pinned; None if the IPFS daemon cannot list them."""
    options = {"type": "all", **_local()}  # not as a stream, which would hide an error
    try:
        answer = await rpc.read("/pin/ls", limit=_MAX_PIN_LIST, options=options, within=FORGET_TIMEOUT)
    except (DaemonRefused, ContentRefused):
        return None
    return await trio.to_thread.run_sync(_digests_in, answer, rpc.address)


def _digests_in(answer: bytes, address: str) -> frozenset[bytes]:
    try:
        return frozenset(_digests(json.loads(answer)["Keys"] if b"Keys" in answer else ()))
    except (ValueError, KeyError, TypeError) as error:
        raise BackendUnavailable(f"the IPFS daemon at {address} does not know what is pinned") from error


def _digests(texts: Iterable[str]) -> Iterable[bytes]:
    for text in texts:
        try:
            yield Cid.parse(text).digest
        except BadCid:  # of a kind that our trees do not have
            continue


async def _used_by_files(rpc: Rpc) -> dict[bytes, Cid] | None:
    """Return the blocks of the IPFS daemon's own file system; None if some are missing."""
    top = await rpc.ask("/files/stat", "/")
    try:
        root = Cid.parse(str(top.get("Hash")))
    except BadCid as error:
        raise BackendUnavailable(f"the IPFS daemon at {rpc.address} does not know its own files") from error
    return {} if root == _EMPTY_DIRECTORY else await _below(rpc, root)


async def _remove(rpc: Rpc, cids: list[Cid]) -> None:
    options = {"force": "true", **_local()}
    await rpc.stream(
        "/block/rm", *map(str, cids), on_item=lambda _: True, options=options, silence=FORGET_TIMEOUT
    )


def _local() -> dict[str, str]:
    """Return options by which the IPFS daemon asks no others, and ends the call even if nobody waits."""
    return {"offline": "true", "timeout": f"{FORGET_TIMEOUT}s"}
