"""The commands on interpreters and on content in IPFS."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import trio

from ...content.store.backend import OnProgress, TransferProgress
from ...errors import UsageError
from ..arguments import values
from ..content import acts
from ..text.listings import collected_lines, entry_lines, interpreter_lines
from ..text.progress import Speed, describe
from .registry import Names, command

if TYPE_CHECKING:
    from .console import Console

_REPORT_INTERVAL = 5.0
"""Seconds between two lines about the progress of a transfer: often enough to see that it goes on."""
_LIST_PATIENCE = 10.0
"""Seconds that `list` waits until interpreters are installed; then it shows what is installed so far."""


# --- interpreters -----------------------------------------------------------------------------------------


@command(
    "list [CID[/PATH]]", "show the interpreters, installed or in the store; or a directory in IPFS",
    0, 1,
)  # fmt: skip
async def _list(console: Console, arguments: Sequence[str]) -> None:
    if arguments:
        entries = await acts.entries(console.backend(), values.content(arguments[0]))
        console.say_lines(entry_lines(entries) if entries else ["the directory is empty"])
        return
    await console.prepared(_LIST_PATIENCE)
    interpreters = console.real.depot.listing()
    if interpreters:
        console.say_lines(interpreter_lines(interpreters, time.time()))
    elif console.real.source is None:
        console.say("no interpreters: start this peer with -ipfs-store STORE")
    else:
        console.say(f"no interpreters yet: {console.real.depot.trouble or 'the store is being opened'}")


@command(
    "add NAMES…", "install interpreters of the store now; others are removed if they need the room", 1, None,
    Names.AVAILABLE,
)  # fmt: skip
async def _add(console: Console, names: Sequence[str]) -> None:
    await console.prepared()

    async def add(name: str) -> None:
        added = await console.real.depot.add(name)
        console.news(f"{name} is installed" if added else f"{name} was installed already")

    await console.each(names, add)


@command(
    "del NAMES…", "remove installed interpreters; `add` installs them again", 1, None, Names.INSTALLED
)  # fmt: skip
async def _del(console: Console, names: Sequence[str]) -> None:
    await console.prepared()

    async def delete(name: str) -> None:
        await console.real.depot.delete(name)
        console.news(f"{name} is removed")

    await console.each(names, delete)


@command(
    "pin NAME|CID…", "keep interpreters, or content in IPFS, until `unpin`", 1, None,
    Names.INTERPRETERS,
)  # fmt: skip
async def _pin(console: Console, targets: Sequence[str]) -> None:
    async def pin(text: str) -> None:
        target = values.name_or_content(text)
        if isinstance(target, str):
            await console.prepared()
            new = await console.real.depot.pin(target)
        else:
            await acts.pin(console.backend(), target)
            new = True
        console.news(f"pinned {target}" if new else f"{target} was pinned already")

    await console.each(targets, pin)


@command("unpin NAME|CID…", "let this peer remove what `pin` or `publish` kept", 1, None, Names.PINNED)
async def _unpin(console: Console, targets: Sequence[str]) -> None:
    async def unpin(text: str) -> None:
        target = values.name_or_content(text)
        if isinstance(target, str):
            await console.prepared()
            if not await console.real.depot.unpin(target):
                raise UsageError(f"{target} is not pinned here")
        else:
            await acts.unpin(console.backend(), target)
        console.news(f"unpinned {target}")

    await console.each(targets, unpin)


@command("gc", "remove interpreters that no job has used for long, and content that nothing pinned needs")
async def _gc(console: Console, _: Sequence[str]) -> None:
    await console.prepared()
    cleared = await console.real.depot.collect()
    blocks = size = 0
    if console.real.backend is not None:
        collected = await console.real.backend.collect()
        blocks, size = collected.blocks, collected.size
    console.say_lines(collected_lines(cleared.interpreters, blocks, size))


# --- content ----------------------------------------------------------------------------------------------


@command("publish DIR", "put a directory into IPFS, pin it, and show its CID", 1, 1)
async def _publish(console: Console, arguments: Sequence[str]) -> None:
    directory = values.path(arguments[0])
    root = await console.backend().publish(
        directory,
        on_added=lambda entry: console.news(f"added {entry.cid} {entry.path}"),
        on_progress=_reporter(console, "publishing"),
    )
    console.say(f"published {directory} as {root}")


@command("get CID[/PATH] TO", "fetch a directory or a file from IPFS, and write it to TO", 2, 2)
async def _get(console: Console, arguments: Sequence[str]) -> None:
    content, to = values.content(arguments[0]), values.path(arguments[1])
    fetched = await acts.fetch(console.backend(), content, to, _reporter(console, "fetching"))
    console.news(f"fetched {content} to {fetched.place}")


def _reporter(console: Console, verb: str) -> OnProgress:
    """Return what shows the progress of a transfer in lines; a bar would disturb the prompt."""
    said = trio.current_time()
    speed = Speed(said)

    def on_progress(progress: TransferProgress) -> None:
        nonlocal said
        now = trio.current_time()
        rate = speed.tell(now, progress.done)
        if now - said >= _REPORT_INTERVAL:
            said = now
            console.news(describe(verb, progress, rate))

    return on_progress
