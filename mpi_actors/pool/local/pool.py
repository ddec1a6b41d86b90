"""A pool of real daemons on this machine: processes, libp2p over loopback, a temporary directory.

At the end no directory and no daemon is left, even if this process is killed: the daemons then see the end of
their control sockets, stop, and remove what is theirs.
"""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import trio

from ...actors import Bell
from ...config import DEFAULT_LISTEN, ReplayOptions, RestartPolicy, Settings, settings_of_one_of
from ...errors import (
    DaemonEnded,
    MpiActorsError,
    PoolNotReady,
    Ungrouped,
    UsageError,
)
from ...wire.control import Open
from ...wire.script import ScriptProgram
from .faults import LocalFaults
from .input import LocalInput
from .job import LocalJob
from .peer import LocalPeer, OnEvent
from .script import script, under_other_name

MAX_SIZE = 1_000_000_000
"""Bytes that each daemon may install: the user's own store, which should fit as a whole."""
READY_DEADLINE = 600.0
"""Seconds for the daemons to come up and to find each other, on a machine that has much else to do. A daemon
that fails is noticed at once: this is for one that hangs."""


class LocalPool(LocalFaults):
    """A pool of real daemons, made by `open_local_pool`. Peers have numbers; faults take effect at once.

    It is a `faults.FaultTarget` for the ranks of the last job.
    """

    def __init__(
        self,
        nursery: trio.Nursery,
        directory: Path,
        store: Path | str | None,
        *,
        scripts: Iterable[ScriptProgram],
        settings: Settings,
        debug: bool,
        on_event: OnEvent | None,
    ) -> None:
        super().__init__()
        self.directory = directory
        self._nursery = nursery
        self._store = None if store is None else os.path.abspath(store)
        self._scripts: dict[str, ScriptProgram] = {}
        for given in scripts:
            named = under_other_name(given, self._scripts)
            self._scripts[named.name] = named
        self._inputs: dict[str, LocalInput] = {}
        self._inputs_made = 0
        self._settings = settings
        self._debug = debug
        self._on_event = on_event
        self._bell = Bell()

    # --- peers --------------------------------------------------------------------------------------------

    async def add(self) -> LocalPeer:
        """Add a daemon. Return it when all living peers are connected and know what each other offer.

        Raises:
            DaemonEnded: the daemon did not come up.
            UsageError: its store cannot be used.
            PoolNotReady: the daemons did not find each other in time.
        """
        [peer] = await self.add_all(1)
        return peer

    async def add_all(self, count: int) -> list[LocalPeer]:
        """Add `count` daemons at once; else as `add`.

        Raises:
            DaemonEnded: a daemon did not come up.
            UsageError: its store cannot be used.
            PoolNotReady: the daemons did not find each other in time.
        """
        known = next((peer for peer in self.peers if peer.alive and peer.is_open), None)
        peers = [self._new_peer() for _ in range(count)]
        failures: list[Exception] = []
        ready = False
        try:
            with trio.move_on_after(READY_DEADLINE):
                async with trio.open_nursery() as nursery:
                    for peer in peers:
                        nursery.start_soon(self._bring_up, peer, known or peers[0], failures, nursery)
                if not failures:
                    await self._until_ready()
                    ready = True
        finally:
            if not ready:
                for peer in peers:
                    peer.abandon()
        if failures:
            raise failures[0]
        if not ready:
            raise PoolNotReady(f"within {READY_DEADLINE:g} s: {self._missing()}")
        return peers

    def _new_peer(self) -> LocalPeer:
        index = len(self.peers)
        peer = LocalPeer(
            index,
            self.directory / str(index),
            debug=self._debug,
            on_change=self._bell.ring,
            on_event=self._on_event,
        )
        self.peers.append(peer)
        return peer

    async def _bring_up(
        self, peer: LocalPeer, first: LocalPeer, failures: list[Exception], nursery: trio.Nursery
    ) -> None:
        try:
            await self._nursery.start(peer.run)
            # all daemons start up at the same time; then the others need the address of the first
            while peer is not first and not first.is_open:
                if first.ended.is_set():
                    raise DaemonEnded(first.describe_end())
                await self._bell.wait()
            await peer.open(
                Open(
                    path=str(peer.directory),
                    store=self._store,
                    listen=DEFAULT_LISTEN,
                    peers=() if peer is first else first.addresses,
                    max_size=MAX_SIZE,
                    mdns=False,
                    settings=self._settings,
                    temporary=True,
                )
            )
            for script in tuple(self._scripts.values()):
                await peer.offer(script)
            await peer.prepare()
            for input in self._inputs.values():
                input.on_daemon_up()
        except MpiActorsError as error:
            failures.append(error)
            nursery.cancel_scope.cancel()

    async def settle(self) -> None:
        """Wait until all living peers that are not frozen are connected, and know what each other offer.

        Raises:
            PoolNotReady: that took longer than `READY_DEADLINE`.
        """
        with trio.move_on_after(READY_DEADLINE):
            await self._until_ready()
            return
        raise PoolNotReady(f"within {READY_DEADLINE:g} s: {self._missing()}")

    async def _until_ready(self) -> None:
        while self._missing():
            await self._bell.wait()

    def _missing(self) -> str:
        """Return, in words, why the pool is not ready; empty if it is."""
        living = self._living()
        for peer in living:
            if not peer.is_open or peer.interpreters is None:
                return f"peer {peer.index} is not up"
            for other in living:
                if other is not peer and other.id not in peer.sees:
                    return f"peer {peer.index} does not see peer {other.index}"
                if other is not peer and other.interpreters not in (None, peer.sees[other.id]):
                    return f"peer {peer.index} does not know what peer {other.index} offers"
        return ""

    # --- jobs ---------------------------------------------------------------------------------------------

    async def start(
        self,
        program: str,
        size: int,
        *args: str,
        restart: RestartPolicy | None = None,
        replay: ReplayOptions | None = None,
        at: int = 0,
        stdin: AsyncIterable[bytes] | None = None,
    ) -> LocalJob:
        """Start a job at peer `at`.

        Args:
            program: the name of an interpreter, or of a script of the pool.
            size: the number of ranks.
            args: the arguments of the program.
            restart: see `config.RestartPolicy`; None stands for `lost` if the program uses MPI, else
                `failed`.
            replay: see `config.ReplayOptions`; None stands for its defaults.
            at: the number of the peer that coordinates the job and hosts rank 0.
            stdin: the standard input of rank 0, if the program uses MPI; by default it is empty. The pool
                iterates over it until it or the job ends. Only one job of a program at a time can have one.

        Raises:
            UnknownInterpreter: the peer does not offer the program.
            InstallFailed: the peer could not install the program.
            UsageError: `size` is not a possible number of ranks, or another job of the program has an input.
            DaemonEnded: the peer has ended.
        """
        input = None if stdin is None else await self._input(program, stdin)
        try:
            self._job = job = await self.peer(at).start(program, size, args, restart, replay)
        except BaseException:
            self._inputs.pop(program, None)
            raise
        if input is not None:
            self._nursery.start_soon(self._feed, job, program, input)
        return job

    @property
    def script_names(self) -> tuple[str, ...]:
        """The names of the scripts that the peers offer: `start` takes them."""
        return tuple(self._scripts)

    async def start_script(
        self,
        program: Path | str | ScriptProgram,
        size: int,
        *args: str,
        restart: RestartPolicy | None = None,
        replay: ReplayOptions | None = None,
        at: int = 0,
        stdin: AsyncIterable[bytes] | None = None,
    ) -> LocalJob:
        """Make all peers offer an mpi4py script, and start a job of it; see `start`.

        Args:
            program: the path of a script, or what `script.script` or `script.module` returned.
            size: the number of ranks.
            args: the arguments of the script.
            restart: see `start`.
            replay: see `start`.
            at: see `start`.
            stdin: see `start`.

        Raises:
            UsageError: there is no such file, or `size` is not a possible number of ranks.
            DaemonEnded: peer `at` has ended.
            PoolNotReady: the peers did not hear in time that each other offer it.
        """
        wanted = program if isinstance(program, ScriptProgram) else script(program)
        wanted = under_other_name(wanted, self._scripts)
        self._scripts[wanted.name] = wanted
        for peer in self._living():
            with suppress(DaemonEnded):  # the other peers can run the job
                await peer.offer(wanted)
        await self.settle()
        return await self.start(wanted.name, size, *args, restart=restart, replay=replay, at=at, stdin=stdin)

    async def _input(self, program: str, stdin: AsyncIterable[bytes]) -> LocalInput:
        if program in self._inputs:
            raise UsageError(f"a job of {program} reads standard input: wait for its end")
        self._inputs_made += 1
        path = self.directory / f"{self._inputs_made}.input"
        self._inputs[program] = input = LocalInput(program, path, stdin, self._living)
        await input.announce()
        return input

    async def _feed(self, job: LocalJob, program: str, input: LocalInput) -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(input.run)
                await job.wait()
                nursery.cancel_scope.cancel()
        finally:
            del self._inputs[program]
            for peer in self._living():
                peer.close_input(program, input.path)


@asynccontextmanager
async def open_local_pool(
    store: Path | str | None = None,
    *,
    peers: int = 3,
    scripts: Iterable[ScriptProgram] = (),
    settings: Settings | None = None,
    debug: bool = False,
    on_event: OnEvent | None = None,
) -> AsyncIterator[LocalPool]:
    """Open a pool of connected daemons. At the end they stop, or are killed after two seconds.

    Args:
        store: a directory of interpreters, or the directory of one interpreter; None for no interpreters.
        peers: the number of daemons.
        scripts: the scripts that they offer, too; see `script`.
        settings: the settings of all daemons; by default they share the processors of this machine.
        debug: repeat the daemons' standard error on that of this process.
        on_event: see `peer.OnEvent`.

    Raises:
        UsageError: the store cannot be used.
        DaemonEnded: a daemon did not come up.
        PoolNotReady: the daemons did not find each other in time.
    """
    directory = Path(tempfile.mkdtemp(prefix="mpi-actors-"))
    body = Ungrouped()
    try:
        async with trio.open_nursery() as nursery:
            pool = LocalPool(
                nursery,
                directory,
                store,
                scripts=scripts,
                settings=settings or settings_of_one_of(peers),
                debug=debug,
                on_event=on_event,
            )
            try:
                with body:
                    await pool.add_all(peers)
                    yield pool
            finally:
                nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(functools.partial(shutil.rmtree, directory, ignore_errors=True))
    body.reraise()
