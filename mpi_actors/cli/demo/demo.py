"""`demo`: a daemon is killed in the middle of a job, and the job gives the same answer as without the loss.

The demo starts three daemons and runs a ring of ranks on them. It ends one daemon with `kill -9`: of those
that do not coordinate the job, the one that hosts most ranks. Then it runs the same job undisturbed, and
compares the answers.
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

from ...actors import Bell
from ...coordination.result import JobResult
from ...errors import MpiActorsError
from ...events import Event, JobFinished, JobStarted, Log, PeerLost, RankLost, RankStarted, to_json
from ...ids import JobId, PeerId, Rank, short_peer
from ...pool.local.job import LocalJob
from ...pool.local.peer import LocalPeer
from ...pool.local.pool import LocalPool, open_local_pool
from .. import exit_codes

PROGRAM = Path(__file__).parent / "ring"
"""The directory of the interpreter that the demo runs."""
PEERS = 3
"""Daemons: one coordinates the job, one is killed, one is left to take over."""
RANKS = 6
"""Ranks: two on each daemon."""
ROUNDS = 24
"""Times that the token goes round: the job takes about five seconds with `DELAY`."""
DELAY = 0.03
"""Seconds that each rank keeps the token, so that a person can follow the first job."""
KILL_AFTER = 10
"""Rounds before the kill: well inside the job."""
DEADLINE = 600.0
"""Seconds after which the two jobs count as hung: a hundred times what they need, for slow machines."""

# escape sequences that change the colour of a terminal's text
_DIM, _RED, _GREEN, _BOLD, _PLAIN = "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[1m", "\x1b[0m"


def demo(*, json: bool = False) -> int:
    """Run the demo and show it on standard output, in about ten seconds.

    Args:
        json: print the events as lines of JSON instead, and finally the two answers.

    Returns:
        The exit code: 0 if the two answers are equal, 1 if they differ, 3 if anything else failed.
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
    """What the demo has seen so far, and how it shows that."""

    json: bool
    colour: bool
    names: dict[PeerId, str] = attrs.field(factory=dict)
    """The peers' names in the demo's output."""
    hosts: dict[Rank, PeerId] = attrs.field(factory=dict)
    """The host of each rank of the first job."""
    job: JobId | None = None
    """The first job, which is shown in full."""
    rounds: int = 0
    """Rounds that rank 0 of the first job has logged."""
    killed_at: float = 0.0
    """When the demo killed the daemon, by trio's clock; 0 before."""
    lost: set[Rank] = attrs.field(factory=set)
    """Lost ranks whose replacements do not run yet."""
    recovered_in: float = 0.0
    """Seconds from the kill until the last lost rank ran again."""
    progress: Bell = attrs.field(factory=Bell)
    """Rings after each event."""
    _began: float = attrs.field(factory=time.monotonic)
    _open_line: bool = False

    def say(self, text: str, style: str = "") -> None:
        """Print a line with the seconds since the start."""
        if self.json:
            return
        self.end_progress()
        stamp = f"{time.monotonic() - self._began:6.2f} s"
        if self.colour:
            print(f"{_DIM}{stamp}{_PLAIN}  {style}{text}{_PLAIN}", flush=True)
        else:
            print(f"{stamp}  {text}", flush=True)

    def end_progress(self) -> None:
        """Begin a new line if the last line shows progress."""
        if self._open_line:
            print(flush=True)
            self._open_line = False

    async def on_event(self, peer: LocalPeer, at: float, event: Event) -> None:
        """Show an event of the first daemon, which coordinates the job; ignore those of other daemons."""
        if peer.index != 0:
            return
        if self.json:
            print(to_json(event, at), flush=True)
        match event:
            case JobStarted(job=job) if self.job is None:
                self.job = job
            case RankStarted(job=job, rank=rank, peer=where) if job == self.job:
                self._on_rank_started(rank, where)
            case RankLost(job=job, rank=rank) if job == self.job:
                self.lost.add(rank)
                self.say(f"rank {rank} is lost with its host", _RED)
            case PeerLost(peer=gone, reason=reason):
                after = f" after {self._since_kill():.3f} s" if self.killed_at else ""
                self.say(f"{self.name(gone)} is missed{after}: {reason}", _RED)
            case Log(job=job, rank=0, text=text, stream="log") if job == self.job:
                self.rounds += 1
                self._on_round(text)
            case JobFinished(job=job) if job == self.job:
                self.end_progress()
        self.progress.ring()

    def name(self, peer: PeerId) -> str:
        """Return the peer's name in the demo's output."""
        return self.names.get(peer, short_peer(peer))

    def _since_kill(self) -> float:
        return trio.current_time() - self.killed_at

    def _on_rank_started(self, rank: Rank, where: PeerId) -> None:
        self.hosts[rank] = where
        if rank in self.lost:
            self.lost.discard(rank)
            self.recovered_in = self._since_kill()
            self.say(f"rank {rank} runs again, on {self.name(where)}", _GREEN)
            if not self.lost:
                self.say(f"all ranks run again {self.recovered_in:.3f} s after the kill", _BOLD)

    def _on_round(self, text: str) -> None:
        if self.colour:
            bar = "#" * self.rounds + "." * (ROUNDS - self.rounds)
            print(f"\r          ring [{bar}] {text} ", end="", flush=True)
            self._open_line = True
        elif self.rounds % 4 == 0 or self.rounds == ROUNDS:
            self.say(text)

    def placement(self) -> Iterator[str]:
        """Yield a line for each peer that says which ranks it hosts."""
        ranks = defaultdict(list)
        for rank, peer in sorted(self.hosts.items()):
            ranks[peer].append(str(rank))
        for peer, name in self.names.items():
            yield f"{name} hosts " + (f"ranks {', '.join(ranks[peer])}" if ranks[peer] else "nothing")


async def _play(scene: Scene) -> int:
    scene.say(f"starting {PEERS} daemons, which find each other over libp2p …")
    async with open_local_pool(PROGRAM, peers=PEERS, on_event=scene.on_event) as pool:
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
    while len(scene.hosts) < RANKS and job.result is None:
        await scene.progress.wait()
    for line in scene.placement():
        scene.say(line)
    while scene.rounds < KILL_AFTER and job.result is None:
        await scene.progress.wait()
    hosts = list(scene.hosts.values())
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
