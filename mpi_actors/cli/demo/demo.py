"""`demo`: a daemon is killed in the middle of a job, and the answer is the same.

Three daemons, a ring of ranks; the daemon that hosts most of those that are not at the start is ended with
`kill -9`; then the same job runs undisturbed.
"""

from __future__ import annotations

import json as json_module
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import attrs
import trio

from ...coordination.result import JobResult
from ...errors import MpiActorsError
from ...events import Event, JobFinished, JobStarted, Log, PeerLost, RankLost, RankStarted, to_json
from ...ids import JobId, PeerId, Rank, short_peer
from ...pool.local.job import LocalJob
from ...pool.local.peer import LocalPeer
from ...pool.local.pool import LocalPool, open_local_pool
from .. import exit_codes

PROGRAM = Path(__file__).parent / "ring"
PEERS = 3
RANKS = 6
ROUNDS = 24
DELAY = 0.03
KILL_AFTER = 10
"""Rounds before the kill."""
DEADLINE = 60.0

_DIM, _RED, _GREEN, _BOLD, _PLAIN = "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[1m", "\x1b[0m"


def demo(*, json: bool = False) -> int:
    """Show it on standard output, in about ten seconds.

    Args:
        json: print the events as lines of JSON instead, and the two answers in the end.

    Returns:
        0 if the two answers are equal, 1 if not, 3 when something else went wrong.
    """
    scene = Scene(json=json, colour=sys.stdout.isatty() and not json)
    try:
        return trio.run(_play, scene)
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED
    except MpiActorsError as error:
        print(f"mpi-actors: {type(error).__name__}: {error}", file=sys.stderr)
        return exit_codes.JOB_FAILED


@attrs.define
class Scene:
    """What has been seen so far, and how it is shown."""

    json: bool
    colour: bool
    names: dict[PeerId, str] = attrs.field(factory=dict)
    """What the peers are called here."""
    seats: dict[Rank, PeerId] = attrs.field(factory=dict)
    job: JobId | None = None
    """The job that is shown in full."""
    rounds: int = 0
    killed_at: float = 0.0
    """When the daemon was killed, by trio's clock; 0 before."""
    lost: set[Rank] = attrs.field(factory=set)
    """Ranks that are being replaced."""
    recovered_in: float = 0.0
    """Seconds from the kill until the last lost rank ran again."""
    progress: trio.Event = attrs.field(factory=trio.Event)
    _began: float = attrs.field(factory=time.monotonic)
    _open_line: bool = False

    def say(self, text: str, style: str = "") -> None:
        """A line with the time."""
        if self.json:
            return
        self.end_progress()
        stamp = f"{time.monotonic() - self._began:6.2f} s"
        if self.colour:
            print(f"{_DIM}{stamp}{_PLAIN}  {style}{text}{_PLAIN}", flush=True)
        else:
            print(f"{stamp}  {text}", flush=True)

    def end_progress(self) -> None:
        """Begin a new line if the last shows progress."""
        if self._open_line:
            print(flush=True)
            self._open_line = False

    async def hear(self, peer: LocalPeer, at: float, event: Event) -> None:
        """An event; those of the first daemon are shown, which coordinates the job."""
        if peer.index != 0:
            return
        if self.json:
            print(to_json(event, at), flush=True)
        match event:
            case JobStarted(job=job) if self.job is None:
                self.job = job
            case RankStarted(job=job, rank=rank, peer=where) if job == self.job:
                self._seated(rank, where)
            case RankLost(job=job, rank=rank) if job == self.job:
                self.lost.add(rank)
                self.say(f"rank {rank} is lost with its host", _RED)
            case PeerLost(peer=gone, reason=reason):
                after = f" after {self._since_kill():.3f} s" if self.killed_at else ""
                self.say(f"{self.name(gone)} is missed{after}: {reason}", _RED)
            case Log(job=job, rank=0, text=text, stream="log") if job == self.job:
                self.rounds += 1
                self._show_round(text)
            case JobFinished(job=job) if job == self.job:
                self.end_progress()
        self.progress.set()
        self.progress = trio.Event()

    def name(self, peer: PeerId) -> str:
        """What the peer is called here."""
        return self.names.get(peer, short_peer(peer))

    def _since_kill(self) -> float:
        return trio.current_time() - self.killed_at

    def _seated(self, rank: Rank, where: PeerId) -> None:
        self.seats[rank] = where
        if rank in self.lost:
            self.lost.discard(rank)
            self.recovered_in = self._since_kill()
            self.say(f"rank {rank} runs again, on {self.name(where)}", _GREEN)
            if not self.lost:
                self.say(f"all ranks run again {self.recovered_in:.3f} s after the kill", _BOLD)

    def _show_round(self, text: str) -> None:
        if self.colour:
            bar = "#" * self.rounds + "." * (ROUNDS - self.rounds)
            print(f"\r          ring [{bar}] {text} ", end="", flush=True)
            self._open_line = True
        elif self.rounds % 4 == 0 or self.rounds == ROUNDS:
            self.say(text)

    def placement(self) -> Iterator[str]:
        """Who runs where, a line for each peer."""
        ranks = defaultdict(list)
        for rank, peer in sorted(self.seats.items()):
            ranks[peer].append(str(rank))
        for peer, name in self.names.items():
            yield f"{name} hosts " + (f"ranks {', '.join(ranks[peer])}" if ranks[peer] else "nothing")


async def _play(scene: Scene) -> int:
    scene.say(f"starting {PEERS} daemons, which find each other over libp2p …")
    async with open_local_pool(PROGRAM, peers=PEERS, on_event=scene.hear) as pool:
        for peer in pool.peers:
            scene.names[peer.id] = f"daemon {peer.index}"
            scene.say(f"daemon {peer.index} is process {peer.pid}, peer {short_peer(peer.id)}")
        with trio.fail_after(DEADLINE):
            disturbed = await _disturbed(scene, pool)
            scene.say(f"the same job, undisturbed, on the {PEERS - 1} daemons that are left")
            job = await pool.start(PROGRAM.name, RANKS, str(ROUNDS), "0")
            undisturbed = await job.wait()
    return _compare(scene, disturbed, undisturbed)


async def _disturbed(scene: Scene, pool: LocalPool) -> JobResult:
    job: LocalJob = await pool.start(PROGRAM.name, RANKS, str(ROUNDS), str(DELAY))
    scene.say(f"job {job.id}: a token goes {ROUNDS} times round a ring of {RANKS} ranks", _BOLD)
    while len(scene.seats) < RANKS and job.result is None:
        await scene.progress.wait()
    for line in scene.placement():
        scene.say(line)
    while scene.rounds < KILL_AFTER and job.result is None:
        await scene.progress.wait()
    hosts = list(scene.seats.values())
    victim = max(pool.peers[1:], key=lambda peer: hosts.count(peer.id))
    scene.say(f"kill -9 {victim.pid}: daemon {victim.index} dies", _RED)
    scene.killed_at = trio.current_time()
    await victim.kill()
    result = await job.wait()
    for line in scene.placement():
        scene.say(line)
    return result


def _compare(scene: Scene, disturbed: JobResult, undisturbed: JobResult) -> int:
    equal = disturbed.ok and undisturbed.ok and disturbed.output == undisturbed.output
    if scene.json:
        fields = {
            "time": round(time.time(), 6),
            "event": "demo-finished",
            "equal": equal,
            "disturbed": _answer(disturbed),
            "undisturbed": _answer(undisturbed),
            "recovered_in": round(scene.recovered_in, 6),
        }
        print(json_module.dumps(fields), flush=True)
    scene.say(f"with the loss: {_answer(disturbed)}", _BOLD)
    scene.say(f"undisturbed:   {_answer(undisturbed)}", _BOLD)
    if equal:
        scene.say(f"the answers are equal, in every one of {ROUNDS} rounds", _GREEN)
    else:
        scene.say("the answers differ", _RED)
    return exit_codes.OK if equal else exit_codes.ERROR


def _answer(result: JobResult) -> str:
    if not result.ok:
        return f"failed: {result.reason}"
    return result.output[-1] if result.output else "none"
