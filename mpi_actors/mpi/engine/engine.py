"""The engine: the rest of the library calls it to send, receive, probe, wait and run schedules.

All ranks here are world ranks. A context belongs to one communicator: an even one to its point-to-point
messages, the next odd one to its collective operations. Any thread may call any method, except where a
method says that its caller holds the lock.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from threading import get_ident
from time import sleep
from typing import NoReturn

from ...errors import MpiActorsError, ReplayDivergence
from ...replay.log import LogLimits, SendLog
from ...wire.channel import ChannelKind, ChannelMessage
from .choices import Choices
from .inlet import Inlet
from .loopback import Loopback
from .matching import Arrival, Envelope, Matched, Matching
from .outlet import MOST_QUICK, Outlet
from .partner import Partner
from .progress import Progress
from .runs import ScheduleRun
from .schedule import Data, Schedule
from .transfer import STANDARD, SYNCHRONOUS, Receive, Sending, Transfer, describe_many, size_of
from .wiring import NoWiring, Wiring

_EXIT_GAVE_UP = 3
"""Exit code of a process that gave up and has no daemon that could end it."""
_KILL_PATIENCE = 30.0
"""Seconds that a process waits for the daemon to kill it; then it ends itself."""


class Engine(Progress):
    """One rank's endpoint.

    Args:
        rank: this rank's number in the job, from 0.
        size: how many ranks the job has.
        incarnation: which attempt at this rank this process is, from 0.
        job: the job's name, 16 hexadecimal digits.
        wiring: the connection to the daemon; None if there is no daemon.
        limits: what the log of sent messages may hold.
        prewired: the launcher gives all lanes (`partners[rank].connect`), and no daemon says when the job is
            over.
        spill_directory: where the log puts what exceeds its memory; None for the system's default.
    """

    def __init__(
        self,
        rank: int = 0,
        size: int = 1,
        *,
        incarnation: int = 0,
        job: str = "0" * 16,
        wiring: Wiring | None = None,
        limits: LogLimits | None = None,
        prewired: bool = False,
        spill_directory: str | None = None,
    ) -> None:
        super().__init__()
        self.rank = rank
        self.size = size
        self.incarnation = incarnation
        self.job = job
        self.job_bytes = bytes.fromhex(job)
        self.wiring = wiring or NoWiring()
        self.log = SendLog(limits, directory=spill_directory)
        self.choices = Choices(self)
        self.matching = Matching()
        self.loopback = Loopback(self)
        self.partners = [Partner(self, other) for other in range(size)]
        self.outlets: list[Outlet] = [partner.outlet for partner in self.partners]
        self.inlets: list[Inlet] = [partner.inlet for partner in self.partners]
        self.prewired = prewired
        self.over = False
        """The job is over, for all ranks."""
        self.helper_thread: int | None = None
        """The helper thread's identifier: reports leave that thread out."""

    # --- sending ------------------------------------------------------------------------------------------

    def send(self, dest: int, context: int, tag: int, data: Data, mode: int = STANDARD) -> None:
        """Send a message. Wait until the caller may change `data`, or, in synchronous mode, until a receive
        matches the message.
        """
        with self.lock:
            if get_ident() != self.thread:
                self._on_other_thread()
            if (
                mode != SYNCHRONOUS
                and dest != self.rank
                and type(data) is not tuple
                and len(data) <= MOST_QUICK
            ):
                small = data if type(data) is bytes else bytes(data)  # type: ignore[arg-type]
                if self.outlets[dest].quick(context, tag, 0, small):
                    return
            sending = Sending(dest, context, tag, data, size_of(data), mode)
            self.post_send(sending)
            if not sending.done:
                self.wait_for(lambda: sending.done, sending.describe)

    def isend(self, dest: int, context: int, tag: int, data: Data, mode: int = STANDARD) -> Transfer:
        """Begin to send. The caller must leave `data` unchanged until the transfer is done."""
        with self.lock:
            if get_ident() != self.thread:
                self._on_other_thread()
            sending = Sending(dest, context, tag, data, size_of(data), mode)
            self.post_send(sending)
            return sending

    def post_send(self, sending: Sending, seq: int = -1) -> None:
        """Send a message of the program or of a schedule. The caller holds the lock.

        Args:
            seq: the number that was reserved for the message; -1 for the next one.
        """
        if sending.dest == self.rank:
            self.loopback.send(sending)
            return
        outlet = self.outlets[sending.dest]
        if outlet.partner.stream is None:
            outlet.partner.want()
        outlet.post(sending, seq)

    # --- receiving ----------------------------------------------------------------------------------------

    def recv(self, source: int, context: int, tag: int, into: memoryview | None) -> Transfer:
        """Receive a message and wait for it; `Transfer` tells what came.

        Args:
            source: a world rank, or ANY_SOURCE.
            tag: a tag, or ANY_TAG.
            into: memory for the message; None: the transfer's `payload` becomes a new bytearray.

        Raises:
            Exception: MPI.Exception, if the message is of another collective operation.
        """
        receive = Receive(source, context, tag, into)
        with self.lock:
            if get_ident() != self.thread:
                self._on_other_thread()
            if source < 0:
                self.choices.commit("ANY_SOURCE")
            self.post_receive(receive)
            if not receive.done:
                if source >= 0:
                    self.wait_near(receive, self.partners[source], receive.describe)
                else:
                    self.wait_for(lambda: receive.done, receive.describe)
        if receive.exception is not None:
            raise receive.exception
        return receive

    def irecv(self, source: int, context: int, tag: int, into: memoryview | None) -> Transfer:
        """Begin to receive; see `recv` for the arguments."""
        receive = Receive(source, context, tag, into)
        with self.lock:
            if get_ident() != self.thread:
                self._on_other_thread()
            if source < 0:
                self.choices.commit("ANY_SOURCE")
            self.post_receive(receive)
        return receive

    def post_receive(self, receive: Receive) -> None:
        """Post a receive of the program or of a schedule. The caller holds the lock."""
        arrival = self.matching.post(receive)
        if arrival is not None:
            self._match(arrival, receive)

    def _match(self, arrival: Arrival, receive: Receive) -> None:
        if arrival.source != self.rank:
            self.inlets[arrival.source].match(arrival, receive)
        else:
            self.loopback.match(arrival, receive)

    def cancel(self, transfer: Transfer) -> None:
        """Withdraw a receive that no message has matched. Other transfers go on."""
        with self.lock:
            self.choices.commit("Cancel")
            if isinstance(transfer, Receive) and not transfer.done and self.matching.withdraw(transfer):
                transfer.cancelled = True
                transfer.finish()

    def forget(self, context: int) -> None:
        """Drop the empty queues of a communicator that is gone; `context` is its even one."""
        with self.lock:
            self.matching.forget(context)
            self.matching.forget(context + 1)

    # --- completion ---------------------------------------------------------------------------------------

    def wait_any(self, transfers: Sequence[Transfer]) -> int:
        """Wait until one is done; return the lowest index of those that are, or -1 if there are none."""
        some = self._wait_for_some(transfers, "Waitany")
        return some[0] if some else -1

    def wait_some(self, transfers: Sequence[Transfer]) -> list[int]:
        """Wait until one is done; return the indices of all that are."""
        return self._wait_for_some(transfers, "Waitsome")

    def _wait_for_some(self, transfers: Sequence[Transfer], what: str) -> list[int]:
        if not transfers:
            return []
        with self.lock:
            if len(transfers) > 1:
                self.choices.commit(what)
            if not any(transfer.done for transfer in transfers):
                self.wait_for(
                    lambda: any(transfer.done for transfer in transfers),
                    lambda: describe_many(transfers, "one of"),
                )
            return [index for index, transfer in enumerate(transfers) if transfer.done]

    def test(self, transfer: Transfer) -> bool:
        """Return whether a transfer is done, after moving bytes once if it was not."""
        return self._tested(lambda: transfer.done)

    def test_all(self, transfers: Sequence[Transfer]) -> bool:
        """Return whether all are done; see `test`."""
        return self._tested(lambda: all(transfer.done for transfer in transfers))

    def test_any(self, transfers: Sequence[Transfer]) -> int:
        """Return the lowest index of those that are done, or -1; see `test`."""
        self._tested(lambda: any(transfer.done for transfer in transfers))
        return next((index for index, transfer in enumerate(transfers) if transfer.done), -1)

    def test_some(self, transfers: Sequence[Transfer]) -> list[int]:
        """Return the indices of those that are done; see `test`."""
        self._tested(lambda: any(transfer.done for transfer in transfers))
        return [index for index, transfer in enumerate(transfers) if transfer.done]

    def _tested(self, done: Callable[[], bool]) -> bool:
        with self.lock:
            self.choices.commit("a test")
            if not done() and not self.driven:
                self.move()
            return done()

    # --- probes -------------------------------------------------------------------------------------------

    def probe(self, source: int, context: int, tag: int) -> Envelope:
        """Wait for a message that fits, and leave it in the queue."""
        with self.lock:
            return self._await(source, context, tag).envelope()

    def iprobe(self, source: int, context: int, tag: int) -> Envelope | None:
        """Return the envelope of a message that fits, if one is here, and leave it in the queue."""
        with self.lock:
            self.choices.commit("Iprobe")
            found = self._look(source, context, tag)
            return None if found is None else found.envelope()

    def mprobe(self, source: int, context: int, tag: int) -> Matched:
        """Wait for a message that fits, and take it out of the queue."""
        with self.lock:
            found = self._await(source, context, tag)
            self.matching.remove(found)
            return found

    def improbe(self, source: int, context: int, tag: int) -> Matched | None:
        """Take a message that fits out of the queue, if one is here."""
        with self.lock:
            self.choices.commit("Improbe")
            self._look(source, context, tag)
            return self.matching.take(source, context, tag)

    def imrecv(self, matched: Matched, into: memoryview | None) -> Transfer:
        """Begin to receive a message that `mprobe` or `improbe` took out of the queue."""
        receive = Receive(matched.source, matched.context, matched.tag, into)
        with self.lock:
            self._match(matched, receive)
        return receive

    def _look(self, source: int, context: int, tag: int) -> Arrival | None:
        found = self.matching.find(source, context, tag)
        if found is None and not self.driven:
            self.move()
            found = self.matching.find(source, context, tag)
        return found

    def _await(self, source: int, context: int, tag: int) -> Arrival:
        def found() -> bool:
            return self.matching.find(source, context, tag) is not None

        if source < 0:
            self.choices.commit("ANY_SOURCE")
        while (arrival := self.matching.find(source, context, tag)) is None:
            self.wait_for(found, Receive(source, context, tag, None).describe)
        return arrival

    # --- schedules ----------------------------------------------------------------------------------------

    def run(self, schedule: Schedule, context: int, tag: int, members: Sequence[int]) -> Transfer:
        """Run a schedule to its end. `members[i]` is the world rank of index i in the schedule.

        Raises:
            Exception: what a computation raised; MPI.Exception, if ranks are in different operations.
        """
        with self.lock:
            if get_ident() != self.thread:
                self._on_other_thread()
            run = ScheduleRun(self, schedule, context, tag, members, later=False)
            run.go_on()
            while not run.done:
                receive = run.receive
                if receive is not None and not receive.done:
                    self.wait_near(receive, self.partners[receive.want_source], run.describe)
                else:
                    self.wait_for(lambda: run.done, run.describe)
        if run.exception is not None:
            raise run.exception
        return run

    def start(self, schedule: Schedule, context: int, tag: int, members: Sequence[int]) -> Transfer:
        """Begin to run a schedule; see `run`."""
        with self.lock:
            if get_ident() != self.thread:
                self._on_other_thread()
            run = ScheduleRun(self, schedule, context, tag, members, later=True)
            run.go_on()
            self.advance()
            return run

    def _on_other_thread(self) -> None:
        """Another thread calls than before: the order of their calls is a choice, too."""
        self.thread = get_ident()
        self.choices.commit("calls from several threads")

    # --- the process --------------------------------------------------------------------------------------

    def abort(self, code: int, text: str = "") -> NoReturn:
        """End the whole job with an exit code. People see `text`."""
        if text and isinstance(self.wiring, NoWiring):
            print(f"rank {self.rank}: {text}", file=sys.stderr, flush=True)
        self._end(ChannelMessage(ChannelKind.ABORT, number=code & 0xFF, text=text), code & 0xFF or 1)

    def give_up(self, error: MpiActorsError) -> NoReturn:
        """End this process with an error that another incarnation would meet as well: the job fails."""
        text = f"rank {self.rank}: {type(error).__name__}: {error}"
        if isinstance(self.wiring, NoWiring):
            print(text, file=sys.stderr, flush=True)
        self._end(ChannelMessage(ChannelKind.BROKE, text=text), _EXIT_GAVE_UP)

    def _end(self, message: ChannelMessage, code: int) -> NoReturn:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        if self.wiring.say(message):
            sleep(_KILL_PATIENCE)
        os._exit(code)

    def guard(self, function: Callable[..., None], *args: object) -> None:
        """Call a function, and give up if it finds that the program is not deterministic."""
        try:
            function(*args)
        except ReplayDivergence as error:
            self.give_up(error)

    def on_stream_lost(self, rank: int) -> None:
        """The stream to a rank has ended. The caller holds the lock.

        Without a daemon nobody makes another stream: then the rank's program counts as ended.
        """
        partner = self.partners[rank]
        if self.prewired and partner.stream is None:
            partner.ended = True
        self.kick()
