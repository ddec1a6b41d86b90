"""What programs of `engine_world` call: messages that tell what their sender saw, ways to receive."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import attrs
from engine_processes import Process, SimEngine

from mpi_actors.mpi.engine import STANDARD, Transfer
from mpi_actors.replay.choices import MONOTONIC

SHARED = 4
"""The context of phases that have none of their own: there wildcards name the tag."""


@attrs.define
class Run:
    """One incarnation of a rank as it runs a program."""

    process: Process
    size: int
    state: bytes = b""

    @property
    def me(self) -> int:
        """This rank."""
        return self.process.rank

    @property
    def mpi(self) -> SimEngine:
        """The engine, for one call."""
        return self.process.mpi

    def note(self, *facts: object) -> None:
        """The program has seen something."""
        self.process.seen.append(facts)
        self.state = hashlib.blake2b(repr((self.state, facts)).encode(), digest_size=8).digest()

    def idle(self) -> None:
        """The program has found nothing; now and then it says so."""
        self.note("nothing")
        if not self.state[0] % 8:
            self.print("idle")

    def print(self, *words: object) -> None:
        """Write a line."""
        self.process.print(" ".join(map(str, (*words, self.state.hex()))))

    def isend(self, dest: int, context: int, tag: int, size: int = 0, mode: int = STANDARD) -> Transfer:
        """Begin to send what this rank has seen so far, and more bytes."""
        text = f"{self.me}:{len(self.process.sent):05}:{self.state.hex()} ".encode()
        data = text * (1 + size // len(text))
        self.process.sent.append((dest, context, tag, data))
        self.note("sent", dest, tag)
        return self.mpi.isend(dest, context, tag, data, mode)

    def send(self, dest: int, context: int, tag: int, size: int = 0, mode: int = STANDARD) -> None:
        """Send what this rank has seen so far."""
        text = f"{self.me}:{len(self.process.sent):05}:{self.state.hex()} ".encode()
        data = text * (1 + size // len(text))
        self.process.sent.append((dest, context, tag, data))
        self.note("sent", dest, tag)
        self.mpi.send(dest, context, tag, data, mode)

    def irecv(self, source: int, context: int, tag: int) -> Transfer:
        """Begin to receive."""
        return self.mpi.irecv(source, context, tag, None)

    def got(self, transfer: Transfer, context: int) -> None:
        """A receive has taken a message."""
        assert transfer.done
        assert not transfer.error
        data = bytes(transfer.payload or b"")
        self.process.received.append((transfer.source, context, transfer.tag, data))
        self.note("got", transfer.source, transfer.tag, data[:30])

    def check_order(self, transfers: list[Transfer], context: int) -> None:
        """Messages of one rank with one tag were matched in the order in which they were sent."""
        last: dict[tuple[int, int], bytes] = {}
        for transfer in transfers:
            number = bytes(transfer.payload or b"").split(b":")[1]
            before = last.get((transfer.source, transfer.tag), b"")
            assert before < number, f"a message of rank {transfer.source} overtook another"
            last[(transfer.source, transfer.tag)] = number


Wants = list[tuple[int, int, int]]
"""Source or ANY_SOURCE, context, and tag or ANY_TAG, of each message to come."""


def by_recv(run: Run, wants: Wants) -> None:
    """One blocking receive after the other."""
    took = []
    for want in wants:
        took.append(run.mpi.recv(*want, None))
        run.got(took[-1], want[1])
    run.check_order(took, SHARED)


def by_probe(run: Run, wants: Wants) -> None:
    """A blocking probe before each receive."""
    for want in wants:
        found = run.mpi.probe(*want)
        run.note("probe", *found)
        run.got(run.mpi.recv(found.source, want[1], found.tag, None), want[1])


def by_mprobe(run: Run, wants: Wants) -> None:
    """A matched probe before each receive."""
    for want in wants:
        transfer = run.mpi.imrecv(run.mpi.mprobe(*want), None)
        run.mpi.wait(transfer)
        run.got(transfer, want[1])


def by_iprobe(run: Run, wants: Wants) -> None:
    """Probes until one finds something."""
    for want in wants:
        while (found := run.mpi.iprobe(*want)) is None:
            run.idle()
        run.got(run.mpi.recv(found.source, want[1], found.tag, None), want[1])


def by_improbe(run: Run, wants: Wants) -> None:
    """Matched probes until one finds something."""
    for want in wants:
        while (found := run.mpi.improbe(*want)) is None:
            run.idle()
        transfer = run.mpi.imrecv(found, None)
        run.mpi.wait(transfer)
        run.got(transfer, want[1])


Posted = list[tuple[Transfer, int]]
"""Receives that have been posted, with their contexts."""


def by_wait_all(run: Run, pending: Posted) -> None:
    """All receives at once."""
    run.mpi.wait_all([transfer for transfer, _ in pending])
    for each in pending:
        run.got(*each)


def by_wait(run: Run, pending: Posted) -> None:
    """One after the other."""
    for transfer, context in pending:
        run.mpi.wait(transfer)
        run.got(transfer, context)


def by_wait_any(run: Run, pending: Posted) -> None:
    """Each as it comes."""
    while pending:
        index = run.mpi.wait_any([transfer for transfer, _ in pending])
        run.note("any", index)
        run.got(*pending.pop(index))


def take(run: Run, pending: Posted, indices: list[int]) -> Posted:
    """Take those that are done, and return the others."""
    run.note("some", *indices)
    for index in indices:
        run.got(*pending[index])
    return [each for index, each in enumerate(pending) if index not in indices]


def by_wait_some(run: Run, pending: Posted) -> None:
    """Those that have come."""
    while pending:
        pending = take(run, pending, run.mpi.wait_some([transfer for transfer, _ in pending]))


def by_test_some(run: Run, pending: Posted) -> None:
    """Those that have come, if any."""
    while pending:
        pending = take(run, pending, run.mpi.test_some([transfer for transfer, _ in pending]))


def by_test_any(run: Run, pending: Posted) -> None:
    """The first that has come, if any."""
    while pending:
        index = run.mpi.test_any([transfer for transfer, _ in pending])
        run.note("any", index)
        if index >= 0:
            run.got(*pending.pop(index))
        else:
            run.idle()


def by_test(run: Run, pending: Posted) -> None:
    """Round and round."""
    while pending:
        transfer, context = pending.pop(0)
        if run.mpi.test(transfer):
            run.got(transfer, context)
        else:
            run.idle()
            pending.append((transfer, context))


def by_test_all(run: Run, pending: Posted) -> None:
    """All of them, again and again."""
    while not run.mpi.test_all([transfer for transfer, _ in pending]):
        run.idle()
    by_wait_all(run, pending)


def by_deadline(run: Run, pending: Posted) -> None:
    """For a while, by the clock."""
    start = run.process.look(MONOTONIC)
    while pending and run.process.look(MONOTONIC) < start + 40:
        pending = take(run, pending, run.mpi.test_some([transfer for transfer, _ in pending]))
    by_wait_all(run, pending)


LATE: dict[str, Callable[[Run, Wants], None]] = {
    "recv": by_recv, "probe": by_probe, "mprobe": by_mprobe, "iprobe": by_iprobe, "improbe": by_improbe,
}  # fmt: skip
"""Ways that post nothing before."""
POSTED: dict[str, Callable[[Run, Posted], None]] = {
    "waitall": by_wait_all, "wait": by_wait, "waitany": by_wait_any, "waitsome": by_wait_some,
    "testsome": by_test_some, "testany": by_test_any, "test": by_test, "testall": by_test_all,
    "deadline": by_deadline,
}  # fmt: skip
"""Ways that post all receives first."""
PLAIN = ["recv named", "waitall named", "wait named", "probe named", "mprobe named"]
"""Ways that choose nothing."""
NAMED = ["iprobe named", "testall named", "waitany named"]
"""Named sources, and yet choices."""
MIXED = ["waitany mixed", "testsome mixed", "waitall mixed"]
"""Named receives for the first half, then any."""
WAYS = [*LATE, *POSTED, *PLAIN, *NAMED, *MIXED]
