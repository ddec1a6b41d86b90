"""Programs whose every step depends on all that they have seen, for `engine_world`.

A program is made of phases. In each, ranks send each other messages, and each receives those for it in a way
of its own: by name, from anybody, by probes, by tests, by waiting for any or some of many. What a rank has
seen, down to how often a test found nothing and what a clock showed, goes into all that it sends and prints
from then on. So a new incarnation that sees something else is found out. No program can hang: in each phase
ranks first send all that does not depend on what others send in it.
"""

from __future__ import annotations

import random

import attrs
from engine_processes import Process, Program
from engine_receives import LATE, PLAIN, POSTED, SHARED, WAYS, Posted, Run, Wants, take

from mpi_actors.mpi.collectives.allgather import allgather_ring
from mpi_actors.mpi.collectives.alltoall import alltoall_linear
from mpi_actors.mpi.collectives.barrier import barrier_dissemination
from mpi_actors.mpi.collectives.bcast import bcast_binomial
from mpi_actors.mpi.engine import ANY_SOURCE, ANY_TAG, STANDARD, SYNCHRONOUS, Schedule, Transfer
from mpi_actors.replay.choices import PERF_COUNTER

TAGS_OF_A_PHASE = 10
BLOCK = 16
"""Bytes that a collective operation moves between two ranks."""


@attrs.frozen
class Mail:
    """A message of a phase."""

    source: int
    dest: int
    tag: int
    size: int
    mode: int


@attrs.frozen
class Exchange:
    """All ranks send, and then receive."""

    own: bool
    """It has a context of its own."""
    mails: tuple[Mail, ...]
    ways: tuple[str, ...]
    """By rank: how it receives."""
    early: tuple[bool, ...]
    """By rank: whether it posts its receives a phase earlier, if its way is to post them first."""
    extras: tuple[str, ...]
    """By rank: what else it does."""
    collective: str
    cancel: tuple[int, int, int] | None
    """Who posts a receive, tests it so many times, and cancels it; who sends the message for it."""


@attrs.frozen
class Farm:
    """A master gives tasks to whoever is free; what the next task is depends on all answers so far."""

    master: int
    tasks: int
    way: str
    size: int
    idle: int
    """This rank takes no part, unless it is the master; -1 for none."""
    takes: str
    """How workers receive."""


@attrs.frozen
class Pipeline:
    """Items go through all ranks, in the order in which they come."""

    items: int
    way: str
    mode: int


Phase = Exchange | Farm | Pipeline


# --- exchanges --------------------------------------------------------------------------------------------


def context_of(phase: Exchange, at: int) -> int:
    """The context of a phase's messages."""
    return 100 + 10 * at if phase.own else SHARED


def tag_of(phase: Exchange, at: int, mail: Mail) -> int:
    """The tag of a message."""
    return mail.tag if phase.own else mail.tag + TAGS_OF_A_PHASE * at


def wants_of(phase: Exchange, at: int, rank: int) -> Wants:
    """What a rank receives in a phase."""
    way = phase.ways[rank].partition(" ")[2]
    mails = [mail for mail in phase.mails if mail.dest == rank]
    context = context_of(phase, at)
    named = len(mails) if way == "named" else len(mails) // 2 if way == "mixed" else 0
    wants: Wants = []
    for number, mail in enumerate(mails):
        tag = tag_of(phase, at, mail)
        if number < named:
            wants.append((mail.source, context, tag))
        else:
            wants.append((ANY_SOURCE, context, ANY_TAG if phase.own and not named else tag))
    return wants


def exchange(run: Run, phase: Exchange, at: int, posted: dict[int, Posted]) -> None:
    """Send all, then receive all."""
    doubtful = begin_cancel(run, phase, at)
    sends = [
        run.isend(mail.dest, context_of(phase, at), tag_of(phase, at, mail), mail.size, mail.mode)
        for mail in phase.mails
        if mail.source == run.me
    ]
    request = collective(run, phase.collective, at)
    extra(run, phase.extras[run.me])
    post(run, phase, at, posted)
    way = phase.ways[run.me].partition(" ")[0]
    if way in POSTED:
        pending = posted.pop(at)
        POSTED[way](run, list(pending))
        run.check_order([transfer for transfer, _ in pending], at)
    else:
        LATE[way](run, wants_of(phase, at, run.me))
    end_cancel(run, phase, at, doubtful)
    run.mpi.wait_all(sends)
    if request is not None:
        run.mpi.wait(request[0])
        run.note("collective", bytes(request[1]))


def post(run: Run, phase: Phase, at: int, posted: dict[int, Posted]) -> None:
    """Post the receives of a phase, if that is the rank's way."""
    if at not in posted and isinstance(phase, Exchange) and phase.ways[run.me].partition(" ")[0] in POSTED:
        posted[at] = [(run.irecv(*want), want[1]) for want in wants_of(phase, at, run.me)]


def collective(run: Run, what: str, at: int) -> tuple[Transfer, bytearray] | None:
    """Run a collective operation, or begin it."""
    if not what:
        return None
    kind, _, later = what.partition(" ")
    size = run.size
    schedule = Schedule(1)
    into = bytearray(BLOCK * size)
    blocks = [memoryview(into)[i * BLOCK : (i + 1) * BLOCK] for i in range(size)]
    mine = run.state.ljust(BLOCK)[:BLOCK]
    match kind:
        case "barrier":
            barrier_dissemination(schedule, run.me, size)
        case "bcast":
            if run.me == at % size:
                into[:BLOCK] = mine
            bcast_binomial(schedule, run.me, size, blocks[0], at % size)
        case "alltoall":
            alltoall_linear(schedule, run.me, size, [memoryview(mine)] * size, blocks)
        case _:
            blocks[run.me][:] = mine
            allgather_ring(schedule, run.me, size, blocks)
    if later:
        return run.mpi.start(schedule, 5, at, range(size)), into
    run.mpi.run(schedule, 5, at, range(size))
    run.note("collective", bytes(into))
    return None


def extra(run: Run, what: str) -> None:
    """What a rank does besides."""
    match what:
        case "look":
            run.note("clock", run.process.look(PERF_COUNTER))
        case "print":
            run.print("at")
        case "probes":
            for _ in range(3):
                found = run.mpi.iprobe(ANY_SOURCE, SHARED, ANY_TAG)
                run.note("probe", None if found is None else (found.source, found.tag))
        case _:
            pass


def begin_cancel(run: Run, phase: Exchange, at: int) -> Transfer | None:
    """Post a receive that will be cancelled."""
    if phase.cancel is None:
        return None
    taker, giver, _ = phase.cancel
    context = 102 + 10 * at
    doubtful = run.irecv(ANY_SOURCE, context, 0) if run.me == taker else None
    if run.me == giver:
        run.send(taker, context, 0)
    return doubtful


def end_cancel(run: Run, phase: Exchange, at: int, doubtful: Transfer | None) -> None:
    """Test it a few times, and cancel it; then receive its message if it has not."""
    if phase.cancel is None or doubtful is None:
        return
    _, giver, tests = phase.cancel
    context = 102 + 10 * at
    done = False
    for _ in range(tests):
        if not done:
            done = run.mpi.test(doubtful)
            run.note("test", done)
    if not done:
        run.mpi.cancel(doubtful)
        run.mpi.wait(doubtful)
        run.note("cancelled", doubtful.cancelled)
    if doubtful.cancelled:
        doubtful = run.mpi.recv(giver, context, 0, None)
    run.got(doubtful, context)


# --- farms and pipelines ----------------------------------------------------------------------------------

TASK, STOP, ANSWER = range(3)


def farm(run: Run, phase: Farm, at: int) -> None:
    """A master, and workers."""
    context = 100 + 10 * at
    if run.me == phase.idle != phase.master:
        return
    if run.me != phase.master:
        while True:
            while phase.takes == "iprobe" and run.mpi.iprobe(ANY_SOURCE, context, ANY_TAG) is None:
                run.idle()
            task = run.mpi.recv(
                phase.master if phase.takes == "named" else ANY_SOURCE, context, ANY_TAG, None
            )
            run.got(task, context)
            if task.tag == STOP:
                return
            run.send(phase.master, context, ANSWER, phase.size)
    workers = [rank for rank in range(run.size) if rank not in (phase.master, phase.idle)]
    given: dict[int, int] = {}
    done: list[int] = []
    left = list(range(phase.tasks))
    for worker in workers:
        give(run, worker, context, left, given)
    posts = phase.way in ("waitany", "testany")
    pending = [(run.irecv(worker, context, ANSWER), worker) for worker in given if posts]
    while given:
        if phase.way == "recv":
            answer = run.mpi.recv(ANY_SOURCE, context, ANSWER, None)
        elif phase.way == "iprobe":
            while (found := run.mpi.iprobe(ANY_SOURCE, context, ANY_TAG)) is None:
                run.idle()
            answer = run.mpi.recv(found.source, context, ANSWER, None)
        else:
            transfers = [transfer for transfer, _ in pending]
            index = run.mpi.wait_any(transfers) if phase.way == "waitany" else -1
            while index < 0 and (index := run.mpi.test_any(transfers)) < 0:
                run.idle()
            answer = pending.pop(index)[0]
        run.got(answer, context)
        done.append(given.pop(answer.source))
        run.print("done", done[-1], "by", answer.source)
        give(run, answer.source, context, left, given)
        if posts and answer.source in given:
            pending.append((run.irecv(answer.source, context, ANSWER), answer.source))
    assert sorted(done) == list(range(phase.tasks)), "each task once"


def give(run: Run, worker: int, context: int, left: list[int], given: dict[int, int]) -> None:
    """Give a worker a task that depends on everything so far, or tell it to stop."""
    if left:
        given[worker] = left.pop(run.state[0] % len(left) if run.state else 0)
        run.send(worker, context, TASK)
    else:
        run.send(worker, context, STOP)


def pipeline(run: Run, phase: Pipeline, at: int) -> None:
    """Take items from the left in any order, and pass them on."""
    context = 100 + 10 * at
    pending: Posted = []
    if run.me:
        pending = [(run.irecv(run.me - 1, context, tag), context) for tag in range(phase.items)]
    sends = [run.isend(1, context, tag, 30 * tag, phase.mode) for tag in range(0 if run.me else phase.items)]
    while pending:
        if phase.way == "waitany":
            indices = [run.mpi.wait_any([transfer for transfer, _ in pending])]
        else:
            indices = run.mpi.wait_some([transfer for transfer, _ in pending])
        tags = [pending[index][0].tag for index in indices]
        pending = take(run, pending, indices)
        if run.me + 1 < run.size:
            sends += [run.isend(run.me + 1, context, tag, 30 * tag, phase.mode) for tag in tags]
        elif phase.items < 4:
            run.print("item", *tags)
    run.mpi.wait_all(sends)


def program_of(phases: list[Phase]) -> Program:
    """What each rank does."""

    def program(process: Process) -> None:
        run = Run(process, process.world.size)
        posted: dict[int, Posted] = {}
        plain = is_plain(phases)
        never = run.irecv(ANY_SOURCE, 2, ANY_TAG) if run.me % 2 and not plain else None
        for at, phase in enumerate(phases):
            if at + 1 < len(phases):
                following = phases[at + 1]
                if isinstance(following, Exchange) and following.early[run.me]:
                    post(run, following, at + 1, posted)
            match phase:
                case Exchange():
                    exchange(run, phase, at, posted)
                case Farm():
                    farm(run, phase, at)
                case Pipeline():
                    pipeline(run, phase, at)
        if never is not None:
            run.mpi.cancel(never)
            run.mpi.wait(never)
            run.note("never", never.cancelled)
        run.print("ends")

    return program


def is_plain(phases: list[Phase]) -> bool:
    """Whether a program chooses nothing."""
    return all(
        isinstance(phase, Exchange)
        and set(phase.ways) <= set(PLAIN)
        and not {"look", "probes"} & set(phase.extras)
        and phase.cancel is None
        for phase in phases
    )


# --- programs by chance -----------------------------------------------------------------------------------


def exchange_of(dice: random.Random, ranks: int, *, plain: bool) -> Exchange:
    """An exchange of a job of so many ranks."""

    least = dice.choice((0, 1)) if ranks > 2 else 0
    """Rank 0 is where the coordinator is, which hears of all that goes there: it may take no part."""

    def rank() -> int:
        return dice.randrange(least, ranks)

    ways = PLAIN if plain else dice.choice((WAYS, list(LATE), list(POSTED)))
    extras = ["", "", "print"] if plain else ["", "", "look", "print", "probes"]
    mails = [
        Mail(
            rank(),
            rank(),
            dice.randrange(2),
            dice.choice((0, 0, 60, 300)),
            dice.choice((STANDARD, STANDARD, SYNCHRONOUS)),
        )
        for _ in range(dice.randint(ranks, 4 * ranks))
    ]
    collectives = ["", "", "barrier", "bcast later", "alltoall", "allgather later", "bcast", "barrier later"]
    return Exchange(
        own=dice.random() < 0.5,
        mails=tuple(mails),
        ways=tuple(dice.choice(ways) for _ in range(ranks)),
        early=tuple(dice.random() < 0.5 for _ in range(ranks)),
        extras=tuple(dice.choice(extras) for _ in range(ranks)),
        collective=dice.choice(collectives) if not least else "",
        cancel=None if plain or dice.random() < 0.5 else (rank(), rank(), dice.randrange(4)),
    )


def phase_of(dice: random.Random, ranks: int) -> Phase:
    """Any phase of a job of so many ranks."""
    roll = dice.random()
    if ranks == 1 or roll < 0.4:
        return exchange_of(dice, ranks, plain=False)
    if roll < 0.8:
        way = dice.choice(("recv", "iprobe", "waitany", "testany"))
        idle = dice.choice((-1, 0)) if ranks > 2 else -1
        takes = dice.choice(("named", "any", "iprobe"))
        return Farm(
            dice.randrange(ranks), dice.randint(0, 5 * ranks), way, dice.choice((0, 0, 150)), idle, takes
        )
    way = dice.choice(("waitany", "waitsome"))
    return Pipeline(dice.randint(1, 5), way, dice.choice((STANDARD, SYNCHRONOUS)))
