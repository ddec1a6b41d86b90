"""A pool of real daemons on this machine: processes, libp2p over loopback, a temporary directory.

The directory and the daemons are gone at the end, however it comes: when this process is killed, the daemons
see their control channels end, stop, and remove what is theirs.
"""

from __future__ import annotations

import functools
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import trio

from ...actors import Bell
from ...config import DEFAULT_LISTEN, RestartPolicy, Settings, settings_of_one_of
from ...errors import (
    DaemonEnded,
    MpiActorsError,
    PoolNotReady,
    Ungrouped,
    UnknownPeer,
    UnsupportedFault,
    UsageError,
)
from ...events import RankStarted
from ...ids import Rank
from ...wire.control import Open
from ...wire.environment import JOB
from ...wire.script import ScriptProgram
from .input import LocalInput
from .job import LocalJob
from .peer import LocalPeer, OnEvent
from .script import script, under_other_name

MAX_SIZE = 1_000_000_000
READY_DEADLINE = 600.0
"""Seconds for the daemons to come up and to find each other, on a machine that has much else to do.

One that fails is noticed at once: this is for one that hangs.
"""


class LocalPool:
    """Made by `open_local_pool`. Peers are named by number; faults take effect at once.

    It is a `faults.FaultTarget` for the ranks of the last job; only `cut` and `heal` are not possible.
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
        self.directory = directory
        self.peers: list[LocalPeer] = []
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
        self._job: LocalJob | None = None
        self._bell = Bell()

    # --- peers --------------------------------------------------------------------------------------------

    async def add(self) -> LocalPeer:
        """One more daemon; returns when all that live are connected and know what they offer.

        Raises:
            DaemonEnded: it did not come up.
            UsageError: its store cannot be used.
            PoolNotReady: they did not find each other in time.
        """
        [peer] = await self.add_all(1)
        return peer

    async def add_all(self, count: int) -> list[LocalPeer]:
        """Several daemons at once; see `add`."""
        known = next((peer for peer in self.peers if peer.alive and peer.is_open), None)
        peers = [self._new_peer() for _ in range(count)]
        failures: list[Exception] = []
        settled = False
        try:
            with trio.move_on_after(READY_DEADLINE):
                async with trio.open_nursery() as nursery:
                    for peer in peers:
                        nursery.start_soon(self._bring_up, peer, known or peers[0], failures, nursery)
                if not failures:
                    await self._settled()
                    settled = True
        finally:
            if not settled:
                for peer in peers:
                    peer.abandon()
        if failures:
            raise failures[0]
        if not settled:
            raise PoolNotReady(f"within {READY_DEADLINE:g} s: {self._unsettled()}")
        return peers

    def _new_peer(self) -> LocalPeer:
        index = len(self.peers)
        peer = LocalPeer(
            index,
            self.directory / str(index),
            debug=self._debug,
            changed=self._bell.ring,
            on_event=self._on_event,
        )
        self.peers.append(peer)
        return peer

    async def _bring_up(
        self, peer: LocalPeer, first: LocalPeer, failures: list[Exception], nursery: trio.Nursery
    ) -> None:
        try:
            await self._nursery.start(peer.run)
            # all start up at the same time; only then do the others need the first one's address
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
                input.daemon_came()
        except MpiActorsError as error:
            failures.append(error)
            nursery.cancel_scope.cancel()

    async def settle(self) -> None:
        """Wait until all living peers that are not frozen are connected, and know what each other offer.

        Raises:
            PoolNotReady: that takes too long.
        """
        with trio.move_on_after(READY_DEADLINE):
            await self._settled()
            return
        raise PoolNotReady(f"within {READY_DEADLINE:g} s: {self._unsettled()}")

    async def _settled(self) -> None:
        while self._unsettled():
            await self._bell.wait()

    def _unsettled(self) -> str:
        """What is missing, in words; empty if nothing is."""
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

    def _living(self) -> list[LocalPeer]:
        return [peer for peer in self.peers if peer.alive and not peer.frozen]

    def peer(self, index: int) -> LocalPeer:
        """The peer of that number.

        Raises:
            UnknownPeer: there is none.
        """
        if not 0 <= index < len(self.peers):
            raise UnknownPeer(f"there is no peer {index}; there are {len(self.peers)}")
        return self.peers[index]

    # --- jobs ---------------------------------------------------------------------------------------------

    async def start(
        self,
        program: str,
        size: int,
        *args: str,
        restart: RestartPolicy | None = None,
        at: int = 0,
        stdin: AsyncIterable[bytes] | None = None,
    ) -> LocalJob:
        """Start a job at peer `at`.

        Args:
            program: an interpreter, or a script of the pool.
            size: ranks.
            args: the program's own.
            restart: see `config.RestartPolicy`; None for `lost` if the program uses MPI, else `failed`.
            at: the peer that coordinates it, and hosts rank 0.
            stdin: what rank 0 reads, if the program uses MPI; nothing by default. Iterated until it or the
                job has ended. One job of a program at a time can have it.

        Raises:
            UnknownInterpreter: that peer does not offer the program.
            UsageError: the number of ranks is not usable, or another job of the program has an input.
            DaemonEnded: that peer has ended.
        """
        input = None if stdin is None else await self._input(program, stdin)
        try:
            self._job = job = await self.peer(at).start(program, size, args, restart)
        except BaseException:
            self._inputs.pop(program, None)
            raise
        if input is not None:
            self._nursery.start_soon(self._feed, job, program, input)
        return job

    async def start_script(
        self,
        program: Path | str | ScriptProgram,
        size: int,
        *args: str,
        restart: RestartPolicy | None = None,
        at: int = 0,
        stdin: AsyncIterable[bytes] | None = None,
    ) -> LocalJob:
        """Have all peers offer an mpi4py script, and start a job of it; see `start`.

        Args:
            program: a script's path, or what `local_script.script` or `module` makes.
            size: ranks.
            args: the script's own.
            restart: see `start`.
            at: see `start`.
            stdin: see `start`.

        Raises:
            UsageError: there is no such file, or the number of ranks is not usable.
            DaemonEnded: peer `at` has ended.
            PoolNotReady: the peers do not tell each other that they offer it.
        """
        wanted = program if isinstance(program, ScriptProgram) else script(program)
        wanted = under_other_name(wanted, self._scripts)
        self._scripts[wanted.name] = wanted
        for peer in self._living():
            with suppress(DaemonEnded):  # the others may do without it
                await peer.offer(wanted)
        await self.settle()
        return await self.start(wanted.name, size, *args, restart=restart, at=at, stdin=stdin)

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

    # --- faults -------------------------------------------------------------------------------------------

    async def kill(self, index: int) -> None:
        """End a peer with SIGKILL."""
        await self.peer(index).kill()

    async def freeze(self, index: int) -> None:
        """Stop a peer with SIGSTOP. Its ranks run on, but nobody hears them."""
        self.peer(index).freeze()

    async def thaw(self, index: int) -> None:
        """Let a frozen peer go on with SIGCONT."""
        self.peer(index).thaw()

    async def cut(self, i: int, j: int) -> None:
        """Not possible.

        Raises:
            UnsupportedFault: always.
        """
        raise UnsupportedFault("real daemons cannot be cut off: freeze one, or use memory=True")

    async def heal(self, i: int, j: int) -> None:
        """Not possible.

        Raises:
            UnsupportedFault: always.
        """
        await self.cut(i, j)

    async def kill_process(self, rank: Rank) -> None:
        """Kill the process of a rank of the last job with SIGKILL; harmless when none runs."""
        started = self._job.ranks.get(rank) if self._job is not None else None
        if started is not None:
            _kill_rank(started)

    async def kill_peer(self, i: int) -> None:
        """`kill`, under the name that fault plans use."""
        await self.kill(i)

    async def freeze_peer(self, i: int) -> None:
        """`freeze`, under the name that fault plans use."""
        await self.freeze(i)

    async def thaw_peer(self, i: int) -> None:
        """`thaw`, under the name that fault plans use."""
        await self.thaw(i)


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
    """A pool of connected daemons; all are stopped, or killed after two seconds, on leaving.

    Args:
        store: a directory of interpreters, or one interpreter's directory, if there is any.
        peers: how many daemons.
        scripts: what else they offer; see `local_script`.
        settings: of the daemons; by default they share the processors of this machine.
        debug: repeat what the daemons write to standard error on ours.
        on_event: see `local_peer.OnEvent`.

    Raises:
        UsageError: the store cannot be used.
        DaemonEnded: a daemon did not come up.
        PoolNotReady: they did not find each other in time.
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


def _kill_rank(started: RankStarted) -> None:
    with suppress(ProcessLookupError, FileNotFoundError):
        handle = os.pidfd_open(started.pid)
        try:
            # the number may be somebody else's by now
            environment = Path(f"/proc/{started.pid}/environ").read_bytes().split(b"\0")
            if f"{JOB}={started.job}".encode() in environment:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        finally:
            os.close(handle)
