"""The engine: the rest of the library calls it to send, receive, probe, wait and run schedules.

All ranks here are world ranks. A context belongs to one communicator: an even one to its point-to-point
messages, the next odd one to its collective operations. Any thread may call any method, except where a
method says that its caller holds the lock, and at any moment: `reentry` has the form of these methods.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from threading import get_ident

from ...replay.log import LogLimits, SendLog
from ...replay.page import Page
from .choices import Choices
from .inlet import Inlet
from .loopback import Loopback
from .matching import Arrival, Matched, Matching
from .outlet import MOST_QUICK, Outlet
from .partner import Partner
from .probing import Probing
from .runs import ScheduleRun
from .schedule import Data, Schedule
from .transfer import STANDARD, SYNCHRONOUS, Receive, Sending, Transfer, copy_of, size_of
from .wiring import NoWiring, Wiring


class Engine(Probing):
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
        page: where this rank's choices are recorded, with those of earlier incarnations; None if nowhere.
        replay: whether a lost rank is to be run again.

    Raises:
        BadChoices: what earlier incarnations chose cannot be read.
        BadPage: the page was cut short.
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
        page: Page | None = None,
        replay: bool = True,
    ) -> None:
        super().__init__()
        self.rank = rank
        self.size = size
        self.incarnation = incarnation
        self.replay = replay
        self.job = job
        self.job_bytes = bytes.fromhex(job)
        self.wiring = wiring or NoWiring()
        self.log = SendLog(limits, directory=spill_directory)
        self.choices = Choices(self, page, replay=replay)
        self.matching = Matching()
        self.loopback = Loopback(self)
        self.partners = [Partner(self, other) for other in range(size)]
        self.outlets: list[Outlet] = [partner.outlet for partner in self.partners]
        self.inlets: list[Inlet] = [partner.inlet for partner in self.partners]
        self.prewired = prewired
        self.over = False
        """The job is over, for all ranks."""

    # --- sending ------------------------------------------------------------------------------------------

    def send(self, dest: int, context: int, tag: int, data: Data, mode: int = STANDARD) -> None:
        """Send a message. Wait until the caller may change `data`, or, in synchronous mode, until a receive
        matches the message.

        Raises:
            BaseException: what a signal handler raised. The message is sent nevertheless.
            ReentrantCall: a finalizer sends in synchronous mode in the middle of another call.
        """
        me = get_ident()
        if self.hot == me:
            self._send_later(dest, context, tag, data, mode)
            return
        with self.lock:
            self.hot = me
            try:
                if self.due:
                    self.do_due()  # what was put off before this leaves before this
                if me != self.thread:
                    self._on_other_thread()
                if self.choices.unsaid:
                    self.choices.settle()
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
                    try:
                        self.wait_for(lambda: sending.done, sending.describe)
                    except BaseException:
                        self.outlets[dest].abandon(sending)
                        raise
            finally:
                self.hot = 0
                if self.due:
                    self.catch_up()

    def _send_later(self, dest: int, context: int, tag: int, data: Data, mode: int) -> None:
        if mode == SYNCHRONOUS:
            raise self.reentrant("a synchronous send")
        copy = copy_of(data)
        sending = Sending(dest, context, tag, copy, len(copy), mode)
        self.later(partial(self._begin_late, partial(self.post_send, sending)))

    def isend(self, dest: int, context: int, tag: int, data: Data, mode: int = STANDARD) -> Transfer:
        """Begin to send. The caller must leave `data` unchanged until the transfer is done."""
        sending = Sending(dest, context, tag, data, size_of(data), mode)
        self._begin(partial(self.post_send, sending))
        return sending

    def post_send(self, sending: Sending, seq: int = -1) -> None:
        """Send a message of the program or of a schedule. The caller is inside.

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

    def _begin(self, function: Callable[[], None]) -> None:
        """Begin an operation of the program that needs no answer, or put it off."""
        me = get_ident()
        if self.hot == me:
            self.later(partial(self._begin_late, function))
            return
        with self.lock:
            self.hot = me
            try:
                if self.due:
                    self.do_due()
                if me != self.thread:
                    self._on_other_thread()
                if self.choices.unsaid:
                    self.choices.settle()
                function()
            finally:
                self.hot = 0
                if self.due:
                    self.catch_up()

    def _begin_late(self, function: Callable[[], None]) -> None:
        if self.choices.unsaid:
            self.choices.settle()
        function()

    # --- receiving ----------------------------------------------------------------------------------------

    def recv(self, source: int, context: int, tag: int, into: memoryview | None) -> Transfer:
        """Receive a message and wait for it; `Transfer` tells what came.

        Args:
            source: a world rank, or ANY_SOURCE.
            tag: a tag, or ANY_TAG.
            into: memory for the message; None: the transfer's `payload` becomes a new bytearray.

        Raises:
            Exception: MPI.Exception, if the message is of another collective operation.
            BaseException: what a signal handler raised. A later receive gets the message.
            ReentrantCall: a finalizer called this in the middle of another call.
        """
        me = get_ident()
        if self.hot == me:
            raise self.reentrant("a receive")
        receive = Receive(source, context, tag, into)
        with self.lock:
            self.hot = me
            try:
                if me != self.thread:
                    self._on_other_thread()
                if self.choices.unsaid:
                    self.choices.settle()
                if source >= 0:
                    self.post_receive(receive)
                else:
                    self._post_program_receive(receive)
                    source = receive.want_source
                if not receive.done:
                    try:
                        if source >= 0:
                            self.wait_near(receive, self.partners[source], receive.describe)
                        else:
                            self.wait_for(lambda: receive.done, receive.describe)
                    except BaseException:
                        self._abandon(receive)
                        raise
            finally:
                self.hot = 0
                if self.due:
                    self.catch_up()
        if receive.exception is not None:
            raise receive.exception
        return receive

    def irecv(self, source: int, context: int, tag: int, into: memoryview | None) -> Transfer:
        """Begin to receive; see `recv` for the arguments."""
        receive = Receive(source, context, tag, into)
        self._begin(partial(self._post_program_receive, receive))
        return receive

    def _post_program_receive(self, receive: Receive) -> None:
        choices = self.choices
        receive.ordinal = choices.ordinal
        choices.ordinal += 1
        if not choices.special or choices.posted(receive):
            self.post_receive(receive)

    def post_receive(self, receive: Receive) -> None:
        """Post a receive of the program or of a schedule. The caller is inside."""
        arrival = self.matching.post(receive)
        if arrival is not None:
            if receive.want_source < 0:
                self.choices.matched(receive.ordinal, arrival.source)
            self._match(arrival, receive)

    def _match(self, arrival: Arrival, receive: Receive) -> None:
        if arrival.source != self.rank:
            self.inlets[arrival.source].match(arrival, receive)
        else:
            self.loopback.match(arrival, receive)

    def imrecv(self, matched: Matched, into: memoryview | None) -> Transfer:
        """Begin to receive a message that `mprobe` or `improbe` took out of the queue."""
        receive = Receive(matched.source, matched.context, matched.tag, into)
        self._begin(partial(self._match, matched, receive))
        return receive

    def _abandon(self, receive: Receive) -> None:
        """Withdraw a receive that nobody waits for any more. A message that it has matched waits again."""
        if receive.done or self.matching.withdraw(receive):
            return
        arrival = receive.arrival
        if arrival is not None:
            self.inlets[arrival.source].put_back(arrival, receive)

    def cancel(self, transfer: Transfer) -> None:
        """Withdraw a receive that no message has matched. Other transfers go on."""
        self._begin(partial(self._cancel, transfer))

    def _cancel(self, transfer: Transfer) -> None:
        if not isinstance(transfer, Receive) or transfer.ordinal < 0:
            return  # nobody can cancel it, whenever the program asks
        choices = self.choices
        withdrawn = choices.ask_cancel(transfer.ordinal) if choices.special else None
        if withdrawn is None:
            withdrawn = not transfer.done and self.matching.withdraw(transfer)
            choices.cancelled(transfer.ordinal, withdrawn)
        if withdrawn:
            transfer.cancelled = True
            transfer.finish()

    def complete(self, transfer: Transfer) -> None:
        """Finish a transfer whose operation is the program's own."""
        self._begin(partial(self._complete, transfer))

    def _complete(self, transfer: Transfer) -> None:
        transfer.finish()
        self.kick()

    def forget(self, context: int) -> None:
        """Drop the empty queues of a communicator that is gone; `context` is its even one."""
        if not self.disowned:
            self.inside(partial(self._forget, context))

    def _forget(self, context: int) -> None:
        self.matching.forget(context)
        self.matching.forget(context + 1)

    # --- schedules ----------------------------------------------------------------------------------------

    def run(self, schedule: Schedule, context: int, tag: int, members: Sequence[int]) -> Transfer:
        """Run a schedule to its end. `members[i]` is the world rank of index i in the schedule.

        Raises:
            Exception: what a computation raised; MPI.Exception, if ranks are in different operations.
            BaseException: what a signal handler raised. The schedule goes on by itself.
            ReentrantCall: a finalizer called this in the middle of another call.
        """
        me = get_ident()
        if self.hot == me:
            raise self.reentrant("a collective operation")
        with self.lock:
            self.hot = me
            try:
                if me != self.thread:
                    self._on_other_thread()
                if self.choices.unsaid:
                    self.choices.settle()
                run = ScheduleRun(self, schedule, context, tag, members)
                run.go_on()
                try:
                    while not run.done:
                        receive = run.receive
                        if receive is not None and not receive.done:
                            self.wait_near(receive, self.partners[receive.want_source], run.describe)
                        else:
                            self.wait_for(lambda: run.done, run.describe)
                except BaseException:
                    run.detach()
                    raise
            finally:
                self.hot = 0
                if self.due:
                    self.catch_up()
        if run.exception is not None:
            raise run.exception
        return run

    def start(self, schedule: Schedule, context: int, tag: int, members: Sequence[int]) -> Transfer:
        """Begin to run a schedule; see `run`."""
        run = ScheduleRun(self, schedule, context, tag, members)
        self._begin(partial(self._start, run))
        return run

    def _start(self, run: ScheduleRun) -> None:
        run.reserve()
        run.go_on()
        self.advance()

    # --- the process --------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Something is about to leave the process that is no message: record what it may depend on."""
        me = get_ident()
        if self.choices.unsaid and me not in (self.hot, self.helper_thread):
            with self.lock:
                self.hot = me
                try:
                    self.choices.settle()
                finally:
                    self.hot = 0
                    if self.due:
                        self.catch_up()

    def heard(self) -> int:
        """Return a number that grows when something of a message arrives. The caller holds the lock."""
        lanes = [partner.stream for partner in self.partners if partner.stream is not None]
        messages = sum(inlet.numbers.expected + len(inlet.numbers.beyond) for inlet in self.inlets)
        return messages + sum(lane.sink_at for lane in lanes)

    def is_settled(self) -> bool:
        """Return whether all other ranks that this one knows are connected, and none was ever replaced."""
        used = (partner for partner in self.partners if partner.used or partner.incarnation)
        return all(partner.greeted and not partner.incarnation for partner in used)

    def in_use(self) -> list[tuple[Transfer, object]]:
        """Return all transfers that are under way, with what they send. The caller holds the lock."""
        receives = [receive for queue in self.matching.posted.values() for receive in queue]
        sends = [sending for outlet in self.outlets for sending in outlet.pending.values()]
        matched = [arrival.receive for inlet in self.inlets for arrival in inlet.arrivals.values()]
        return [
            *((transfer, transfer.on_done) for transfer in (*receives, *filter(None, matched))),
            *((sending, sending.data) for sending in sends),
            *((run, None) for run in self.runnable if isinstance(run, ScheduleRun)),
        ]

    def on_stream_lost(self, rank: int) -> None:
        """The stream to a rank has ended. The caller holds the lock.

        Without a daemon nobody makes another stream: then the rank's program counts as ended.
        """
        partner = self.partners[rank]
        if self.prewired and partner.stream is None:
            partner.ended = True
        self.kick()
