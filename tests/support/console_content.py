"""A peer's content in memory, for tests of commands; also a program that runs a command on it."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import trio

from mpi_actors.cli.arguments.content import ContentArguments
from mpi_actors.cli.content.content import CollectedReport, Content, OpenContent
from mpi_actors.content.access import Access
from mpi_actors.content.formats.cid import Cid, Codec
from mpi_actors.content.formats.limits import TreeLimits
from mpi_actors.content.formats.path import ContentPath
from mpi_actors.content.store.backend import (
    PUBLISHED,
    Added,
    Collected,
    ContentBackend,
    DirectoryEntry,
    OnAdded,
    OnProgress,
    TransferProgress,
)
from mpi_actors.depot.listing import InterpreterEntry as Interpreter
from mpi_actors.errors import BadStore, ContentMissing, MpiActorsError, NotADirectory, UnknownInterpreter

ROOT = Cid.of(b"root")
ECHO = Cid.of(b"echo")
RUN = Cid.of(b"run.py", Codec.RAW, 1)
NAMES = {"": ROOT, "echo": ECHO, "echo/run.py": RUN}
LISTS = {
    ROOT: (
        DirectoryEntry("echo", ECHO, "directory", 1234),
        DirectoryEntry("link", Cid.of(b"link"), "link", 4),
    ),
    ECHO: (DirectoryEntry("run.py", RUN, "file", 1234),),
    Cid.of(b"empty"): (),
}
ADDED = (Added(RUN, "store/echo/run.py", 1234), Added(ECHO, "store/echo", 1234), Added(ROOT, "store", 1234))
SIZE = 40_000_000
USED = time.time() - 3 * 86400 - 3600
INTERPRETERS = [
    Interpreter("echo", 1234, "installed", in_use=1, pinned=True, last_use=USED),
    Interpreter("words", 10, "failed", detail="init.py ended with exit code 1:\nno words\n"),
]


class FakeBackend(ContentBackend):
    """See `ContentBackend`: the directory `ROOT`, and nothing else.

    A directory named `stuck` is never published entirely, nor is anything fetched to a place named so.
    """

    description = "a store in memory"

    def __init__(self) -> None:
        self.owners: dict[Cid, set[str]] = {}
        self.versions: list[int] = []
        self.removed = Collected(3, 786432)
        self.busy = 0
        """The number of running transfers."""

    async def publish(
        self,
        directory: Path,
        *,
        cid_version: int = 0,
        owner: str = PUBLISHED,
        on_added: OnAdded | None = None,
        on_progress: OnProgress | None = None,
    ) -> Cid:
        if directory.name == "missing":
            raise BadStore(f"there is no {str(directory)!r}.\nName a directory.")
        self.versions.append(cid_version)
        await self._transfer(directory, on_progress)
        for entry in ADDED:
            if on_added is not None:
                on_added(entry)
        self.owners.setdefault(ROOT, set()).add(owner)
        return ROOT

    async def _transfer(self, place: Path, on_progress: OnProgress | None) -> None:
        self.busy += 1
        try:
            for done in (0, SIZE // 2, SIZE):
                if on_progress is not None:
                    on_progress(TransferProgress(done, SIZE))
                if place.name == "stuck" and done:
                    await trio.sleep_forever()
                await trio.lowlevel.checkpoint()
        finally:
            self.busy -= 1

    async def resolve(self, path: ContentPath) -> Cid:
        if not path.names:
            return path.root
        cid = NAMES.get("/".join(path.names))
        if cid is None or path.root != ROOT:
            raise ContentMissing(f"there is no {path}")
        return cid

    async def list(self, cid: Cid) -> tuple[DirectoryEntry, ...]:
        if cid == RUN:
            raise NotADirectory(f"{cid} is a file")
        if cid not in LISTS:
            raise ContentMissing(f"no peer that was asked has {cid}")
        return LISTS[cid]

    async def fetch(
        self,
        cid: Cid,
        destination: Path,
        *,
        limits: TreeLimits | None = None,
        on_progress: OnProgress | None = None,
    ) -> None:
        if cid not in NAMES.values():
            raise ContentMissing(f"no peer that was asked has {cid}")
        await self._transfer(destination, on_progress)
        if cid == RUN:
            await trio.Path(destination).write_text("run")
        else:
            await trio.Path(destination).mkdir()

    async def pin(self, cid: Cid, owner: str) -> None:
        if cid not in NAMES.values():
            raise ContentMissing(f"no peer that was asked has {cid}")
        self.owners.setdefault(cid, set()).add(owner)

    async def unpin(self, cid: Cid, owner: str) -> bool:
        owners = self.owners.get(cid, set())
        found = owner in owners
        owners.discard(owner)
        return found

    async def pins(self) -> dict[Cid, frozenset[str]]:
        return {cid: frozenset(owners) for cid, owners in self.owners.items() if owners}

    async def block(self, cid: Cid) -> bytes:
        raise NotImplementedError("no command reads single blocks")

    async def pin_blocks(self, cids: Collection[Cid], owner: str) -> None:
        raise NotImplementedError("no command pins single blocks")

    async def forget(self, cid: Cid) -> None:
        raise NotImplementedError("no command forgets a tree")

    async def collect(self) -> Collected:
        found, self.removed = self.removed, Collected(0, 0)
        return found


class FakeContent(Content):
    """Content on a fake backend; its interpreters are only names."""

    def __init__(self, interpreters: Iterable[Interpreter] = INTERPRETERS) -> None:
        self._backend = FakeBackend()
        access = SimpleNamespace(backend=self._backend, why="because of the tests")
        super().__init__(cast(Access, access))
        self.opened = False
        self.pinned: list[str] = []
        self.failure: MpiActorsError | None = None
        self._interpreters = list(interpreters)

    @asynccontextmanager
    async def open(self, _: object) -> AsyncIterator[Content]:
        """See `OpenContent`."""
        if self.failure is not None:
            raise self.failure
        self.opened = True
        try:
            yield self
        finally:
            self.opened = False

    @property
    def backend(self) -> FakeBackend:
        return self._backend

    async def interpreters(self) -> list[Interpreter]:
        return self._interpreters

    async def pin_interpreter(self, name: str) -> None:
        if name != "echo":
            raise UnknownInterpreter(f"no interpreter {name!r} is installed here")
        self.pinned.append(name)

    async def unpin_interpreter(self, name: str) -> None:
        if name not in self.pinned:
            raise UnknownInterpreter(f"{name!r} is not pinned")
        self.pinned.remove(name)

    async def collect(self) -> CollectedReport:
        collected = await self.backend.collect()
        return CollectedReport(collected.blocks, collected.size, ("old",) if collected.blocks else ())


if __name__ == "__main__":
    from mpi_actors.cli.content import command
    from mpi_actors.cli.main import main

    def fake_content(arguments: ContentArguments) -> OpenContent:
        return FakeContent().open

    command.real_content = fake_content
    sys.exit(main())
