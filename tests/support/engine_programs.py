"""Programs whose every step depends on all that they have seen, for `engine_world`.

A program is made of phases. In each, ranks send each other messages, and each receives those for it in a way
of its own: by name, from anybody, by probes, by tests, by waiting for any or some of many. What a rank has
seen, down to how often a test found nothing, goes into all that it sends and prints from then on. So a new
incarnation that sees something else is found out. No program can hang: each receives as many messages of each
tag as it is sent, and has sent its own before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import attrs
from engine_world import Program, SimRank
from hypothesis import strategies as st

from mpi_actors.mpi.engine import ANY_SOURCE, ANY_TAG, STANDARD, SYNCHRONOUS, Schedule, Transfer
from mpi_actors.mpi.engine.engine import Engine
from mpi_actors.replay.choices import MONOTONIC, PERF_COUNTER

SHARED = 4
"""The context of phases that have none of their own: there wildcards name the tag."""
TAGS_OF_A_PHASE = 10
"""So that the tags of two phases differ."""


@attrs.frozen
class Mail:
    """A message of a phase."""

    source: int
    dest: int
    tag: int
    size: int
    mode: int


@attrs.frozen
class Phase:
    """What all ranks do for a while."""

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
    """A rank posts a receive, tests it a few times, and cancels it; who may send the message for it."""


@attrs.define
class Run:
    """One incarnation of a rank as it runs a program."""

    rank: SimRank
    state: bytes = b""

    @property
    def engine(self) -> Engine:
        """The rank's engine."""
        return self.rank.live

    def note(self, *facts: object) -> None:
        """The program has seen something."""
        self.rank.seen.append(facts)
        self.state = hashlib.blake2b(repr((self.state, facts)).encode(), digest_size=8).digest()

    def payload(self, size: int) -> bytes:
        """What the program sends."""
        text = f"{self.rank.number}:{len(self.rank.seen)}:{self.state.hex()} ".encode()
        return text * (1 + size // len(text))

    def got(self, transfer: Transfer) -> None:
        """A receive has taken a message."""
        assert not transfer.error
        assert transfer.payload is not None
        self.note("got", transfer.source, transfer.tag, bytes(transfer.payload)[:60])
        self.rank.received.append((transfer.source, bytes(transfer.payload)))


Wants = list[tuple[int, int, int]]
"""Source or ANY_SOURCE, context, and tag or ANY_TAG, of each message to come."""


def by_recv(run: Run, wants: Wants) -> None:
    """One blocking receive after the other."""
    for want in wants:
        run.got(run.engine.recv(*want, None))


def by_probe(run: Run, wants: Wants) -> None:
    """A blocking probe before each receive."""
    for want in wants:
        found = run.engine.probe(*want)
        run.note("probe", *found)
        run.got(run.engine.recv(found.source, want[1], found.tag, None))


def by_mprobe(run: Run, wants: Wants) -> None:
    """A matched probe before each receive."""
    for want in wants:
        transfer = run.engine.imrecv(run.engine.mprobe(*want), None)
        run.engine.wait(transfer)
        run.got(transfer)


def by_iprobe(run: Run, wants: Wants) -> None:
    """Probes until one finds something."""
    for want in wants:
        while (found := run.engine.iprobe(*want)) is None:
            run.note("nothing")
        run.got(run.engine.recv(found.source, want[1], found.tag, None))


def by_improbe(run: Run, wants: Wants) -> None:
    """Matched probes until one finds something."""
    for want in wants:
        while (found := run.engine.improbe(*want)) is None:
            run.note("nothing")
        transfer = run.engine.imrecv(found, None)
        run.engine.wait(transfer)
        run.got(transfer)


def by_wait_all(run: Run, pending: list[Transfer]) -> None:
    """All receives at once."""
    run.engine.wait_all(pending)
    for transfer in pending:
        run.got(transfer)


def by_wait_any(run: Run, pending: list[Transfer]) -> None:
    """Each as it comes."""
    while pending:
        run.got(pending.pop(run.engine.wait_any(pending)))


def take(run: Run, pending: list[Transfer], indices: list[int]) -> list[Transfer]:
    """Take those that are done, and return the others."""
    run.note("some", *indices)
    for index in indices:
        run.got(pending[index])
    return [transfer for index, transfer in enumerate(pending) if index not in indices]


def by_wait_some(run: Run, pending: list[Transfer]) -> None:
    """Those that have come."""
    while pending:
        pending = take(run, pending, run.engine.wait_some(pending))


def by_test_some(run: Run, pending: list[Transfer]) -> None:
    """Those that have come, if any."""
    while pending:
        pending = take(run, pending, run.engine.test_some(pending))


def by_test_any(run: Run, pending: list[Transfer]) -> None:
    """The first that has come, if any."""
    while pending:
        index = run.engine.test_any(pending)
        run.note("any", index)
        if index >= 0:
            run.got(pending.pop(index))


def by_test(run: Run, pending: list[Transfer]) -> None:
    """Round and round."""
    while pending:
        transfer = pending.pop(0)
        if run.engine.test(transfer):
            run.got(transfer)
        else:
            run.note("not yet")
            pending.append(transfer)


def by_test_all(run: Run, pending: list[Transfer]) -> None:
    """All of them, again and again."""
    while not run.engine.test_all(pending):
        run.note("not all")
    by_wait_all(run, pending)


def by_deadline(run: Run, pending: list[Transfer]) -> None:
    """For a while, by the clock."""
    start = run.rank.look(MONOTONIC)
    while pending and run.rank.look(MONOTONIC) < start + 40:
        pending = take(run, pending, run.engine.test_some(pending))
    by_wait_all(run, pending)


LATE: dict[str, Callable[[Run, Wants], None]] = {
    "recv": by_recv, "probe": by_probe, "mprobe": by_mprobe, "iprobe": by_iprobe, "improbe": by_improbe,
}  # fmt: skip
"""Ways that post nothing before."""
POSTED: dict[str, Callable[[Run, list[Transfer]], None]] = {
    "waitall": by_wait_all, "waitany": by_wait_any, "waitsome": by_wait_some, "testsome": by_test_some,
    "testany": by_test_any, "test": by_test, "testall": by_test_all, "deadline": by_deadline,
}  # fmt: skip
"""Ways that post all receives first."""
NAMED = ["recv named", "iprobe named", "probe named", "waitall named", "testall named", "waitany named"]
"""The same with named sources."""
MIXED = ["waitany mixed", "testsome mixed", "waitall mixed"]
"""Named receives for the first half, then any."""
WAYS = [*LATE, *POSTED, *NAMED, *MIXED]


def wants_of(phase: Phase, at: int, rank: int) -> Wants:
    """What a rank receives in a phase."""
    way = phase.ways[rank].partition(" ")[2]
    mails = [mail for mail in phase.mails if mail.dest == rank]
    context = context_of(phase, at)
    named = len(mails) if way == "named" else len(mails) // 2 if way == "mixed" else 0
    wants: Wants = []
    for number, mail in enumerate(mails):
        tag = mail.tag if phase.own else mail.tag + TAGS_OF_A_PHASE * at
        if number < named:
            wants.append((mail.source, context, tag))
        else:
            wants.append((ANY_SOURCE, context, ANY_TAG if phase.own else tag))
    return wants


def context_of(phase: Phase, at: int) -> int:
    """The context of a phase's messages."""
    return 6 + 4 * at if phase.own else SHARED


def program_of(phases: list[Phase], ranks: int) -> Program:
    """What each rank does."""

    def program(rank: SimRank) -> None:
        run = Run(rank)
        me = rank.number
        posted: dict[int, list[Transfer]] = {}

        def post(at: int) -> None:
            if at not in posted and phases[at].ways[me].partition(" ")[0] in POSTED:
                wants = wants_of(phases[at], at, me)
                posted[at] = [run.engine.irecv(*want, None) for want in wants]

        never = run.engine.irecv(ANY_SOURCE, 2, ANY_TAG, None) if me % 2 else None
        for at, phase in enumerate(phases):
            if at + 1 < len(phases) and phases[at + 1].early[me]:
                post(at + 1)
            doubtful = begin_cancel(run, phase, at)
            if doubtful is None:
                post(at)
            sends = send_all(run, phase, at)
            request = collective(run, phase, at, ranks)
            extra(run, phase.extras[me])
            way = phase.ways[me].partition(" ")[0]
            post(at)
            if way in POSTED:
                POSTED[way](run, posted.pop(at))
            else:
                LATE[way](run, wants_of(phase, at, me))
            end_cancel(run, phase, at, doubtful)
            run.engine.wait_all(sends)
            if request is not None:
                run.engine.wait(request[0])
                run.note("collective", bytes(request[1]))
        if never is not None:
            run.engine.cancel(never)
            run.engine.wait(never)
            run.note("never", never.cancelled)
        rank.print(run.state.hex())

    return program


def send_all(run: Run, phase: Phase, at: int) -> list[Transfer]:
    """Begin to send what a rank sends in a phase."""
    sends = []
    for mail in phase.mails:
        if mail.source == run.rank.number:
            data = run.payload(mail.size)
            run.rank.sent.append((mail.dest, data))
            tag = mail.tag if phase.own else mail.tag + TAGS_OF_A_PHASE * at
            sends.append(run.engine.isend(mail.dest, context_of(phase, at), tag, data, mail.mode))
            run.note("sent")
    return sends


def collective(run: Run, phase: Phase, at: int, ranks: int) -> tuple[Transfer, bytearray] | None:
    """Pass something to the right, twice."""
    if not phase.collective:
        return None
    me = run.rank.number
    left, right = (me - 1) % ranks, (me + 1) % ranks
    first, second = bytearray(16), bytearray(16)
    schedule = Schedule(1)
    schedule.send(right, run.state.ljust(16)[:16])
    schedule.recv(left, memoryview(first))
    schedule.fence()
    schedule.send(right, memoryview(first))
    schedule.recv(left, memoryview(second))
    if phase.collective == "later":
        return run.engine.start(schedule, 5, at, range(ranks)), second
    run.engine.run(schedule, 5, at, range(ranks))
    run.note("collective", bytes(second))
    return None


def extra(run: Run, what: str) -> None:
    """What a rank does besides."""
    match what:
        case "look":
            run.note("clock", run.rank.look(PERF_COUNTER))
        case "print":
            run.rank.print(run.state.hex())
        case "probes":
            for _ in range(3):
                found = run.engine.iprobe(ANY_SOURCE, SHARED, ANY_TAG)
                run.note("probe", None if found is None else (found.source, found.tag))
        case _:
            pass


def begin_cancel(run: Run, phase: Phase, at: int) -> Transfer | None:
    """Post a receive that will be cancelled."""
    if phase.cancel is None:
        return None
    taker, giver, _ = phase.cancel
    context = 8 + 4 * at
    if run.rank.number == giver:
        data = run.payload(10)
        run.rank.sent.append((taker, data))
        run.engine.send(taker, context, 0, data)
    return run.engine.irecv(ANY_SOURCE, context, 0, None) if run.rank.number == taker else None


def end_cancel(run: Run, phase: Phase, at: int, doubtful: Transfer | None) -> None:
    """Test it a few times, and cancel it; then receive its message if it has not."""
    if phase.cancel is None or doubtful is None:
        return
    _, giver, tests = phase.cancel
    done = False
    for _ in range(tests):
        if not done:
            done = run.engine.test(doubtful)
            run.note("test", done)
    if not done:
        run.engine.cancel(doubtful)
        run.engine.wait(doubtful)
        run.note("cancelled", doubtful.cancelled)
    if doubtful.cancelled:
        doubtful = run.engine.recv(giver, 8 + 4 * at, 0, None)
    run.got(doubtful)


@st.composite
def phases(draw: st.DrawFn, ranks: int, ways: list[str] | None = None) -> Phase:
    """A phase of a job of so many ranks."""
    rank = st.integers(0, ranks - 1)
    mail = st.builds(
        Mail, rank, rank, st.integers(0, 1), st.sampled_from([0, 0, 300]),
        st.sampled_from([STANDARD, STANDARD, SYNCHRONOUS]),
    )  # fmt: skip

    def each(of: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
        return st.tuples(*[of] * ranks)

    return draw(
        st.builds(
            Phase,
            own=st.booleans(),
            mails=st.lists(mail, max_size=2 * ranks).map(tuple),
            ways=each(st.sampled_from(ways or WAYS)),
            early=each(st.booleans()),
            extras=each(st.sampled_from(["", "", "look", "print", "probes"])),
            collective=st.sampled_from(["", "", "now", "later"]),
            cancel=st.none() | st.tuples(rank, rank, st.integers(0, 3)),
        )
    )
