"""What each command on content does and prints."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from ...content.formats.cid import Cid
from ...content.formats.path import ContentPath
from ...content.store.backend import Added
from ..arguments.content import (
    CollectArguments,
    ContentArguments,
    GetArguments,
    ListArguments,
    PinArguments,
    PublishArguments,
    UnpinArguments,
)
from ..output.screen import Screen
from ..text.listings import collected_lines, entry_lines, interpreter_lines
from . import acts

if TYPE_CHECKING:
    from .content import Content

_FIELDS = ("name", "size", "state", "last_use", "pinned", "in_use", "detail")
"""The fields of an interpreter in JSON."""


async def act(arguments: ContentArguments, content: Content, screen: Screen) -> None:
    """Do what a command line asks for, and print the result.

    Raises:
        MpiActorsError: the command failed; the text says why.
    """
    match arguments:
        case PublishArguments():
            await _publish(arguments, content, screen)
        case GetArguments():
            await _get(arguments, content, screen)
        case ListArguments(content=ContentPath() as path):
            await _list_directory(arguments, path, content, screen)
        case ListArguments():
            await _list_interpreters(arguments, content, screen)
        case PinArguments():
            await _each(arguments, content.pin_interpreter, acts.pin, "pinned", content, screen)
        case UnpinArguments():
            await _each(arguments, content.unpin_interpreter, acts.unpin, "unpinned", content, screen)
        case CollectArguments():
            await _collect(arguments, content, screen)


async def _publish(arguments: PublishArguments, content: Content, screen: Screen) -> None:
    def on_added(entry: Added) -> None:
        if arguments.json:
            _say_json(screen, cid=str(entry.cid), path=entry.path, size=entry.size)
        else:
            screen.say(f"added {entry.cid} {entry.path}")

    with screen.progress("publishing") as on_progress:
        root = await content.backend.publish(
            arguments.directory,
            cid_version=arguments.cid_version,
            on_added=None if arguments.quiet else on_added,
            on_progress=on_progress,
        )
    if arguments.quiet and arguments.json:
        _say_json(screen, cid=str(root))
    elif arguments.quiet:
        screen.say(str(root))


async def _get(arguments: GetArguments, content: Content, screen: Screen) -> None:
    with screen.progress("fetching") as on_progress:
        fetched = await acts.fetch(content.backend, arguments.content, arguments.to, on_progress)
    if arguments.json:
        _say_json(screen, cid=str(fetched.cid), path=str(fetched.place))
    else:
        screen.say(f"fetched {arguments.content} to {fetched.place}")


async def _list_interpreters(arguments: ListArguments, content: Content, screen: Screen) -> None:
    interpreters = await content.interpreters()
    if arguments.json:
        for each in interpreters:
            _say_json(screen, **{field: getattr(each, field) for field in _FIELDS})
    elif interpreters:
        _say_lines(screen, interpreter_lines(interpreters, time.time()))
    else:
        screen.say("no interpreters here: start a console with -ipfs-store STORE to install some")


async def _list_directory(
    arguments: ListArguments, path: ContentPath, content: Content, screen: Screen
) -> None:
    entries = await acts.entries(content.backend, path)
    if arguments.json:
        for each in entries:
            _say_json(screen, name=each.name, cid=str(each.cid), kind=each.kind, size=each.size)
    elif entries:
        _say_lines(screen, entry_lines(entries))
    else:
        screen.say("the directory is empty")


async def _each(
    arguments: PinArguments | UnpinArguments,
    act_on_name: Callable[[str], Awaitable[None]],
    act_on_content: Callable[[Any, ContentPath], Awaitable[Cid]],
    done: str,
    content: Content,
    screen: Screen,
) -> None:
    for target in arguments.targets:
        if isinstance(target, str):
            await act_on_name(target)
            found = {"name": target}
        else:
            found = {"cid": str(await act_on_content(content.backend, target)), "path": str(target)}
        if arguments.json:
            _say_json(screen, **found)
        else:
            screen.say(f"{done} {target}")


async def _collect(arguments: CollectArguments, content: Content, screen: Screen) -> None:
    report = await content.collect()
    if arguments.json:
        _say_json(screen, interpreters=report.interpreters, blocks=report.blocks, size=report.size)
    else:
        _say_lines(screen, collected_lines(report.interpreters, report.blocks, report.size))


def _say_lines(screen: Screen, lines: Iterable[str]) -> None:
    screen.say("\n".join(lines))


def _say_json(screen: Screen, **fields: object) -> None:
    screen.say(json.dumps(fields, ensure_ascii=False))
