"""The engine: what the rest of the library sends, receives, probes and waits with.

Ranks are world ranks. A context belongs to one communicator: even for its point-to-point messages, odd for
its collective ones. All methods may be called from any thread.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from threading import get_ident
from typing import NoReturn

from ...errors import MpiActorsError, ReplayDivergence
from ...replay.log import LogLimits, SendLog
from ...replay.sequence import shortfall
from ...wire.channel import ChannelKind, ChannelMessage
from . import frames
from .choices import Choices
from .inlet import Inlet
from .loopback import Loopback
from .matching import Arrival, Envelope, Matched, Matching
from .outlet import Outlet
from .partner import Partner
from .progress import Progress
from .runs import ScheduleRun
from .schedule import Data, Schedule
from .transfer import STANDARD, SYNCHRONOUS, Receive, Sending, Transfer, describe_many, size_of
from .wiring import NoWiring, Wiring

_MOST_QUICK = 16 * 1024
"""Bytes of the longest message that is copied rather than written from where it is."""
_EXIT_GAVE_UP = 3
_KILL_PATIENCE = 30.0
"""Seconds that a process waits for the daemon to end it."""


class Engine(Progress):
    """One rank's endpoint.

    Args:
        job: 16 hexadecimal digits.
        prewired: all lanes are given (`peers[rank].connect`), and no daemon says when the job is over.
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

    # --- sending ------------------------------------------------------------------------------------------

    def send(self, dest: int, context: int, tag: int, data: Data, mode: int = STANDARD) -> None:
        """Send, and wait until `data` may be changed (or, synchronous, until the message is matched)."""
        with self.lock:
            if get_ident() != self.thread:
                self._on_other_thread()
            if (
                mode != SYNCHRONOUS
                and dest != self.rank
                and type(data) is not tuple
                and len(data) <= _MOST_QUICK
            ):
                small = data if type(data) is bytes else bytes(data)  # type: ignore[arg-type]
                if self.outlets[dest].quick(context, tag, 0, small):
                    return
            sending = Sending(dest, context, tag, data, size_of(data), mode)
            self.post_send(sending)
            if not sending.done:
                self.wait_for(lambda: sending.done, sending.describe)

    def isend(self, dest: int, context: int, tag: int, data: Data, mode: int = STANDARD) -> Transfer:
        """Begin to send; `data` must stay as it is until that is done."""
        with self.lock:
            if get_ident() != self.thread:
                self._on_other_thread()
            sending = Sending(dest, context, tag, data, size_of(data), mode)
            self.post_send(sending)
            return sending

    def post_send(self, sending: Sending, seq: int = -1) -> None:
        """Under the lock: a message of the program's or of a schedule's, whose number may be reserved."""
        if sending.dest == self.rank:
            self.loopback.send(sending)
            return
        outlet = self.outlets[sending.dest]
        if outlet.partner.stream is None:
            outlet.partner.want()
        outlet.post(sending, seq)

    # --- receiving ----------------------------------------------------------------------------------------

    def recv(self, source: int, context: int, tag: int, into: memoryview | None) -> Transfer:
        """Receive and wait; see `Transfer` for what comes back."""
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
        """Begin to receive."""
        receive = Receive(source, context, tag, into)
        with self.lock:
            if get_ident() != self.thread:
                self._on_other_thread()
            if source < 0:
                self.choices.commit("ANY_SOURCE")
            self.post_receive(receive)
        return receive

    def post_receive(self, receive: Receive) -> None:
        """Under the lock: a receive of the program's or of a schedule's."""
        arrival = self.matching.post(receive)
        if arrival is not None:
            self._match(arrival, receive)

    def _match(self, arrival: Arrival, receive: Receive) -> None:
        if arrival.source != self.rank:
            self.inlets[arrival.source].match(arrival, receive)
        else:
            self.loopback.match(arrival, receive)

    def cancel(self, transfer: Transfer) -> None:
        """Withdraw a receive that has not been matched; anything else goes on."""
        with self.lock:
            self.choices.commit("Cancel")
            if isinstance(transfer, Receive) and not transfer.done and self.matching.withdraw(transfer):
                transfer.cancelled = True
                transfer.finish()

    def forget(self, context: int) -> None:
        """A communicator of that (even) context is gone."""
        with self.lock:
            self.matching.forget(context)
            self.matching.forget(context + 1)

    # --- completion ---------------------------------------------------------------------------------------

    def wait_any(self, transfers: Sequence[Transfer]) -> int:
        """The index of a done one, after waiting for it; -1 if there are none."""
        some = self._wait_for_some(transfers, "Waitany")
        return some[0] if some else -1

    def wait_some(self, transfers: Sequence[Transfer]) -> list[int]:
        """The indices of those that are done, after waiting for one."""
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
        """Is it done?"""
        return self._tested(lambda: transfer.done)

    def test_all(self, transfers: Sequence[Transfer]) -> bool:
        """Are all done?"""
        return self._tested(lambda: all(transfer.done for transfer in transfers))

    def test_any(self, transfers: Sequence[Transfer]) -> int:
        """The index of a done one, or -1."""
        self._tested(lambda: any(transfer.done for transfer in transfers))
        return next((index for index, transfer in enumerate(transfers) if transfer.done), -1)

    def test_some(self, transfers: Sequence[Transfer]) -> list[int]:
        """The indices of those that are done."""
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
        """Wait for a message, and leave it where it is."""
        with self.lock:
            return self._await(source, context, tag).envelope()

    def iprobe(self, source: int, context: int, tag: int) -> Envelope | None:
        """Is there a message?"""
        with self.lock:
            self.choices.commit("Iprobe")
            found = self._look(source, context, tag)
            return None if found is None else found.envelope()

    def mprobe(self, source: int, context: int, tag: int) -> Matched:
        """Wait for a message, and take it out of the queue."""
        with self.lock:
            self._await(source, context, tag)
            found = self.matching.take(source, context, tag)
            assert found is not None
            return found

    def improbe(self, source: int, context: int, tag: int) -> Matched | None:
        """Take a message out of the queue, if there is one."""
        with self.lock:
            self.choices.commit("Improbe")
            self._look(source, context, tag)
            return self.matching.take(source, context, tag)

    def imrecv(self, matched: Matched, into: memoryview | None) -> Transfer:
        """Begin to receive a message that was taken out of the queue."""
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
        if not found():
            self.wait_for(found, Receive(source, context, tag, None).describe)
        arrival = self.matching.find(source, context, tag)
        assert arrival is not None
        return arrival

    # --- schedules ----------------------------------------------------------------------------------------

    def run(self, schedule: Schedule, context: int, tag: int, members: Sequence[int]) -> Transfer:
        """Run a schedule to its end; `members[i]` is the world rank of index i.

        Raises:
            Exception: what one of its computations raised, or a mismatch of operations.
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
        """Begin to run a schedule."""
        with self.lock:
            if get_ident() != self.thread:
                self._on_other_thread()
            run = ScheduleRun(self, schedule, context, tag, members, later=True)
            run.go_on()
            self.advance()
            return run

    def _on_other_thread(self) -> None:
        """Another thread than before makes a call. In which order threads call is a choice, too."""
        self.thread = get_ident()
        self.choices.commit("calls from several threads")

    # --- the process --------------------------------------------------------------------------------------

    def wtime(self) -> float:
        """Seconds since some moment in the past."""
        return time.perf_counter()

    def abort(self, code: int, text: str = "") -> NoReturn:
        """End the whole job with that exit code."""
        if text and isinstance(self.wiring, NoWiring):
            print(f"rank {self.rank}: {text}", file=sys.stderr, flush=True)
        self._end(ChannelMessage(ChannelKind.ABORT, number=code & 0xFF, text=text), code & 0xFF or 1)

    def give_up(self, error: MpiActorsError) -> NoReturn:
        """This rank cannot go on, and another incarnation could not either."""
        text = f"rank {self.rank}: {type(error).__name__}: {error}"
        if isinstance(self.wiring, NoWiring):
            print(text, file=sys.stderr, flush=True)
        self._end(ChannelMessage(ChannelKind.BROKE, text=text), _EXIT_GAVE_UP)

    def _end(self, message: ChannelMessage, code: int) -> NoReturn:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        if self.wiring.say(message):
            time.sleep(_KILL_PATIENCE)
        os._exit(code)

    def guard(self, function: Callable[..., None], *args: object) -> None:
        """Call what may find that a program is not deterministic."""
        try:
            function(*args)
        except ReplayDivergence as error:
            self.give_up(error)

    def on_stream_lost(self, rank: int) -> None:
        """The stream to that rank has ended. Where nobody makes another, the rank's program has, too."""
        partner = self.partners[rank]
        if self.prewired and partner.stream is None:
            partner.ended = True
        self.kick()

    def report_end(self, code: int) -> None:
        """The program has ended: nothing more will be sent."""
        with self.lock:
            if self.incarnation and not code:
                for partner in self.partners:
                    missing = partner.outlet.numbers.missing_from(len(partner.outlet.records))
                    if missing:
                        self.give_up(shortfall(self.rank, partner.rank, missing))
        self.wiring.say(ChannelMessage(ChannelKind.ENDED, number=code & 0xFF))

    def report_failure(self, code: int, text: str, aborts: bool = False) -> None:
        """The program failed with that exit code and traceback; `aborts`: that is to end the whole job."""
        self.wiring.say(ChannelMessage(ChannelKind.FAILED, number=code & 0xFF, text=text, flag=aborts))

    def linger(self) -> None:
        """After the program's end: serve other ranks until the job is over."""
        with self.lock:
            if not self.prewired:
                if not isinstance(self.wiring, NoWiring):
                    self.wait_for(lambda: self.over, lambda: "the end of the job")
                return
            for partner in self.partners:
                if partner.stream is not None:
                    partner.stream.write(frames.control(frames.BYE))
            others = [partner for partner in self.partners if partner.rank != self.rank]

            def all_done() -> bool:
                return all(
                    partner.ended and (partner.stream is None or not partner.stream.queue)
                    for partner in others
                )

            self.wait_for(all_done, lambda: "the end of the other ranks")
