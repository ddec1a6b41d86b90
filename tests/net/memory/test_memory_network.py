"""The in-memory network: its clock, its back-pressure, and its faults on command."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from mpi_actors.errors import CannotListen, ConnectionLost, DialFailed
from mpi_actors.ids import PeerId
from mpi_actors.net.memory.network import MemoryNetwork
from mpi_actors.net.memory.transport import MemoryTransport
from mpi_actors.net.transport import ByteStream

A, B, C = PeerId("A"), PeerId("B"), PeerId("C")


class World:
    """A network with peers A, B and C; the test gets their incoming streams."""

    def __init__(self, network: MemoryNetwork, nursery: trio.Nursery) -> None:
        self.network = network
        self.nursery = nursery
        self._send, self._incoming = trio.open_memory_channel[ByteStream](100)

    async def accept(self, stream: ByteStream) -> None:
        """Hand the stream to the test."""
        await self._send.send(stream)
        await trio.sleep_forever()

    async def start(self, peer: PeerId) -> MemoryTransport:
        """Run a peer's transport."""
        transport = self.network.transport(peer)
        await self.nursery.start(transport.run, self.accept)
        return transport

    async def connect(self, a: PeerId, b: PeerId) -> None:
        """Let `a` dial `b`."""
        await self.network.transport(a).connect(self.network.transport(b).life.address)

    async def streams(self, a: PeerId = A, b: PeerId = B) -> tuple[ByteStream, ByteStream]:
        """Open a stream from `a` to `b`; return both ends."""
        await self.connect(a, b)
        stream = await self.network.transport(a).open_stream(b)
        return stream, await self._incoming.receive()


@asynccontextmanager
async def world(network: MemoryNetwork | None = None) -> AsyncIterator[World]:
    """Run a `World` during the block."""
    async with trio.open_nursery() as nursery:
        made = World(network or MemoryNetwork(latency=1.0), nursery)
        for peer in (A, B, C):
            await made.start(peer)
        yield made
        nursery.cancel_scope.cancel()


class Waiter:
    """One operation in a task of its own."""

    def __init__(self) -> None:
        self.outcome: object = None
        self.at: float | None = None

    async def run(self, operation: Callable[..., Awaitable[object]], *args: object) -> None:
        """Run the operation; record its result or error, and the time."""
        try:
            self.outcome = await operation(*args)
        except (ConnectionLost, DialFailed) as error:
            self.outcome = type(error)
        self.at = trio.current_time()


def watch(nursery: trio.Nursery, operation: Callable[..., Awaitable[object]], *args: object) -> Waiter:
    """Start an operation in the background."""
    waiter = Waiter()
    nursery.start_soon(waiter.run, operation, *args)
    return waiter


async def test_bytes_take_the_latency(autojump_clock: MockClock) -> None:
    """Data arrives exactly one latency of virtual time after it was sent."""
    async with world(MemoryNetwork(latency=lambda a, _: 0.25 if a == A else 0.5)) as here:
        near, far = await here.streams()
        start = trio.current_time()
        await near.send_all(b"x")
        assert (await far.receive_some(), trio.current_time() - start) == (b"x", 0.25)
        await far.send_all(b"y")
        assert (await near.receive_some(), trio.current_time() - start) == (b"y", 0.75)


async def test_dialling_takes_a_round_trip(autojump_clock: MockClock) -> None:
    """A connection and a stream each cost one latency there and one back."""
    async with world(MemoryNetwork(latency=1.0)) as here:
        start = trio.current_time()
        await here.connect(A, B)
        assert trio.current_time() - start == 2.0
        await here.network.transport(A).open_stream(B)
        assert trio.current_time() - start == 4.0


async def test_delay_adds_to_the_latency(autojump_clock: MockClock) -> None:
    """What is sent after `delay` takes that much longer."""
    async with world(MemoryNetwork(latency=1.0)) as here:
        near, far = await here.streams()
        here.network.delay(B, A, 0.5)
        start = trio.current_time()
        await near.send_all(b"x")
        await far.receive_some()
        assert trio.current_time() - start == 1.5


async def test_a_full_buffer_stops_the_sender(autojump_clock: MockClock) -> None:
    """A sender whose bytes are not read waits, and goes on when they are."""
    async with world(MemoryNetwork(capacity=100)) as here:
        near, far = await here.streams()
        sender = watch(here.nursery, near.send_all, bytes(150))
        await trio.sleep(1000)
        assert sender.at is None
        assert len(await far.receive_some()) == 100
        await wait_all_tasks_blocked()
        assert sender.at is not None


async def test_the_other_direction_is_not_stopped(autojump_clock: MockClock) -> None:
    """Each direction of a stream has a buffer of its own."""
    async with world(MemoryNetwork(capacity=100)) as here:
        near, far = await here.streams()
        watch(here.nursery, near.send_all, bytes(150))
        await far.send_all(b"x")
        assert await near.receive_some() == b"x"


async def test_a_blocked_sender_learns_of_the_end(autojump_clock: MockClock) -> None:
    """A sender that waits for room raises when the far side's close arrives, not before."""
    async with world(MemoryNetwork(latency=1.0, capacity=100)) as here:
        near, far = await here.streams()
        sender = watch(here.nursery, near.send_all, bytes(150))
        await trio.sleep(10)
        closed = trio.current_time()
        await far.aclose()
        await trio.sleep(10)
        assert (sender.outcome, sender.at) == (ConnectionLost, closed + 1.0)


async def test_sends_are_silent_until_the_close_arrives(autojump_clock: MockClock) -> None:
    """Writing to a stream that the far side closed succeeds for one latency, then fails."""
    async with world(MemoryNetwork(latency=1.0)) as here:
        near, far = await here.streams()
        await far.aclose()
        await trio.sleep(0.5)
        await near.send_all(b"x")
        await trio.sleep(0.5)
        with pytest.raises(ConnectionLost):
            await near.send_all(b"x")


async def test_two_receivers_are_refused(autojump_clock: MockClock) -> None:
    """A second task that receives from a stream raises an error."""
    async with world() as here:
        near, _ = await here.streams()
        watch(here.nursery, near.receive_some)
        await wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await near.receive_some()


async def test_one_identity_listens_once(autojump_clock: MockClock) -> None:
    """A transport that runs cannot be run a second time."""
    async with world() as here:
        with pytest.raises(CannotListen):
            await here.network.transport(A).run(here.accept)


async def test_a_failed_handler_is_logged(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has the error of a handler, with the peer that it served."""

    async def fail(_stream: ByteStream) -> None:
        raise ValueError("on purpose")

    network = MemoryNetwork()
    a, b = network.transport(A), network.transport(B)
    async with trio.open_nursery() as nursery:
        await nursery.start(a.run, fail)
        await nursery.start(b.run, fail)
        stream = await a.open_stream(await a.connect(b.addresses[0]))
        assert await stream.receive_some() == b""
        nursery.cancel_scope.cancel()
    assert [record.getMessage() for record in caplog.records] == ["the handler of a stream from A failed"]


# --- kill ---------------------------------------------------------------------------------------------------


async def test_kill_ends_the_streams_of_the_others(autojump_clock: MockClock) -> None:
    """Other peers see the end after the latency, whoever opened the stream, and can no longer send."""
    async with world(MemoryNetwork(latency=1.0)) as here:
        opened, _ = await here.streams(A, B)
        _, accepted = await here.streams(B, C)
        killed = trio.current_time()
        here.network.kill(B)
        for stream in (opened, accepted):
            assert await stream.receive_some() == b""
            assert trio.current_time() == killed + 1.0
            with pytest.raises(ConnectionLost):
                await stream.send_all(b"x")


async def test_kill_fails_what_the_killed_peer_awaits(autojump_clock: MockClock) -> None:
    """The killed peer's receives, sends and dials raise at once, and so do all later ones."""
    async with world(MemoryNetwork(latency=1.0, capacity=10)) as here:
        near, _ = await here.streams()
        transport = here.network.transport(A)
        here.network.cut(A, C)
        waiting = [
            watch(here.nursery, near.receive_some),
            watch(here.nursery, near.send_all, bytes(50)),
            watch(here.nursery, transport.connect, here.network.transport(C).addresses[0]),
        ]
        await wait_all_tasks_blocked()
        killed = trio.current_time()
        here.network.kill(A)
        await wait_all_tasks_blocked()
        assert [(waiter.outcome, waiter.at) for waiter in waiting] == [(ConnectionLost, killed)] * 3
        arguments = {"receive_some": 1, "open_stream": B, "connect": "/memory/2", "run": here.accept}
        for operation in (near.receive_some, transport.open_stream, transport.connect, transport.run):
            waiter = watch(here.nursery, operation, arguments[operation.__name__])
            await wait_all_tasks_blocked()
            assert waiter.outcome is ConnectionLost
        await near.aclose()
        await transport.disconnect(B)


async def test_kill_ends_run_and_handlers(autojump_clock: MockClock) -> None:
    """The killed peer's `run` returns, and its handlers are cancelled."""
    network = MemoryNetwork()
    a, b = network.transport(A), network.transport(B)
    cancelled = trio.Event()

    async def handler(_stream: ByteStream) -> None:
        try:
            await trio.sleep_forever()
        finally:
            cancelled.set()

    async with trio.open_nursery() as nursery:
        await nursery.start(a.run, handler)
        async with trio.open_nursery() as doomed:
            await doomed.start(b.run, handler)
            await a.open_stream(await a.connect(b.addresses[0]))
            network.kill(B)
        assert cancelled.is_set()
        assert b.addresses == ()
        nursery.cancel_scope.cancel()


async def test_a_killed_peer_cannot_be_dialled_until_it_lives_again(autojump_clock: MockClock) -> None:
    """Dials fail; a new transport of the same peer has the same address and works."""
    async with world() as here:
        await here.connect(A, B)
        address = here.network.transport(B).life.address
        here.network.kill(B)
        with pytest.raises(DialFailed):
            await here.network.transport(C).connect(address)
        assert here.network.transport(B) is not None
        again = await here.start(B)
        assert again.addresses == (address,)
        near, far = await here.streams(A, B)
        await near.send_all(b"x")
        assert await far.receive_some() == b"x"


async def test_killing_while_a_dial_is_on_its_way(autojump_clock: MockClock) -> None:
    """A dial to a peer that is killed before it answers fails, and leaves nothing."""
    async with world(MemoryNetwork(latency=1.0)) as here:
        dial = watch(here.nursery, here.connect, A, B)
        await trio.sleep(0.5)
        here.network.kill(B)
        await trio.sleep(10)
        assert dial.outcome is DialFailed
        assert not here.network.transport(A).life.ends


# --- freeze -------------------------------------------------------------------------------------------------


async def test_a_frozen_peer_is_silent_and_then_goes_on(autojump_clock: MockClock) -> None:
    """A frozen peer neither sends nor receives, and its streams do not end; all comes after the thaw."""
    async with world(MemoryNetwork(latency=1.0)) as here:
        near, far = await here.streams()
        here.network.freeze(A)
        await far.send_all(b"to A")
        sends = watch(here.nursery, near.send_all, b"from A")
        receives = watch(here.nursery, near.receive_some)
        answer = watch(here.nursery, far.receive_some)
        await trio.sleep(1000)
        assert (sends.at, receives.at, answer.at) == (None, None, None)
        here.network.thaw(A)
        await trio.sleep(1)
        await wait_all_tasks_blocked()
        assert (receives.outcome, answer.outcome) == (b"to A", b"from A")


async def test_what_a_frozen_peer_closes_stays_open_for_others(autojump_clock: MockClock) -> None:
    """A close by a frozen peer works at once there; others see it after the thaw."""
    async with world(MemoryNetwork(latency=1.0)) as here:
        near, far = await here.streams()
        here.network.freeze(A)
        await near.aclose()
        end = watch(here.nursery, far.receive_some)
        await trio.sleep(1000)
        assert end.at is None
        thawed = trio.current_time()
        here.network.thaw(A)
        await trio.sleep(10)
        assert [end.outcome, end.at] == [b"", thawed + 1.0]


async def test_dialling_a_frozen_peer_times_out(autojump_clock: MockClock) -> None:
    """A frozen peer answers neither a dial nor a new stream; dials by it wait until it is thawed."""
    async with world() as here:
        await here.connect(A, B)
        here.network.freeze(B)
        for operation in (here.connect(C, B), here.network.transport(A).open_stream(B)):
            start = trio.current_time()
            with pytest.raises(DialFailed):
                await operation
            assert trio.current_time() - start == 5.0
        dial = watch(here.nursery, here.connect, B, C)
        await trio.sleep(1000)
        assert dial.at is None
        here.network.thaw(B)
        await trio.sleep(4)
        assert (dial.at is not None, dial.outcome) == (True, None)


async def test_a_frozen_peer_can_be_killed(autojump_clock: MockClock) -> None:
    """Other peers see the end, and the killed peer's own calls raise."""
    async with world() as here:
        near, far = await here.streams()
        here.network.freeze(A)
        receives = watch(here.nursery, near.receive_some)
        await trio.sleep(1)
        here.network.kill(A)
        assert await far.receive_some() == b""
        assert receives.outcome is ConnectionLost


# --- cut and partition --------------------------------------------------------------------------------------


async def test_a_cut_holds_everything_until_it_heals(autojump_clock: MockClock) -> None:
    """Nothing passes either way, no stream ends, and after the heal nothing is missing."""
    async with world(MemoryNetwork(latency=1.0)) as here:
        near, far = await here.streams()
        await near.send_all(b"on its way ")
        here.network.cut(B, A)
        await near.send_all(b"and held")
        await far.send_all(b"back")
        receives = [watch(here.nursery, end.receive_some) for end in (near, far)]
        await trio.sleep(1000)
        assert [waiter.at for waiter in receives] == [None, None]
        healed = trio.current_time()
        here.network.heal(A, B)
        await trio.sleep(10)
        assert [waiter.outcome for waiter in receives] == [b"back", b"on its way and held"]
        assert [waiter.at for waiter in receives] == [healed + 1.0] * 2


async def test_a_cut_lets_what_has_arrived_be_read(autojump_clock: MockClock) -> None:
    """Bytes that arrived before the cut can be received during it."""
    async with world(MemoryNetwork(latency=1.0)) as here:
        near, far = await here.streams()
        await near.send_all(b"x")
        await trio.sleep(1)
        here.network.cut(A, B)
        assert await far.receive_some() == b"x"


async def test_a_cut_hides_a_death(autojump_clock: MockClock) -> None:
    """The end of a peer that was killed behind a cut is seen only after it heals."""
    async with world(MemoryNetwork(latency=1.0)) as here:
        _, far = await here.streams()
        here.network.cut(A, B)
        here.network.kill(A)
        end = watch(here.nursery, far.receive_some)
        await trio.sleep(1000)
        assert end.at is None
        here.network.heal(A, B)
        await trio.sleep(1)
        await wait_all_tasks_blocked()
        assert end.outcome == b""


async def test_dials_over_a_cut_time_out_or_wait_for_its_end(autojump_clock: MockClock) -> None:
    """A dial fails after its deadline, or succeeds if the cut heals before."""
    async with world(MemoryNetwork(latency=0.1, dial_timeout=5.0)) as here:
        here.network.cut(A, B)
        start = trio.current_time()
        with pytest.raises(DialFailed):
            await here.connect(A, B)
        assert trio.current_time() - start == 5.0
        dial = watch(here.nursery, here.connect, A, B)
        await trio.sleep(3)
        here.network.heal(A, B)
        await trio.sleep(1)
        assert (dial.at is not None, dial.outcome) == (True, None)


async def test_an_open_that_times_out_ends_at_the_other_side_too(autojump_clock: MockClock) -> None:
    """If the answer to an open is cut off, the acceptor's stream ends after the heal."""
    async with world(MemoryNetwork(latency=1.0)) as here:
        await here.connect(A, B)
        opened = watch(here.nursery, here.network.transport(A).open_stream, B)
        await trio.sleep(1.5)
        here.network.cut(A, B)
        far = await here._incoming.receive()
        await trio.sleep(10)
        assert opened.outcome is DialFailed
        here.network.heal(A, B)
        assert await far.receive_some() == b""


async def test_a_partition_cuts_between_groups_only(autojump_clock: MockClock) -> None:
    """Peers of one group still talk; those of two do not, until all is healed."""
    async with world() as here:
        near, far = await here.streams(A, B)
        apart, other = await here.streams(A, C)
        here.network.partition([{A, B}, {C}])
        await near.send_all(b"x")
        await apart.send_all(b"y")
        assert await far.receive_some() == b"x"
        held = watch(here.nursery, other.receive_some)
        await trio.sleep(1000)
        assert held.at is None
        here.network.heal_all()
        await trio.sleep(1)
        await wait_all_tasks_blocked()
        assert held.outcome == b"y"


# --- broken connections -------------------------------------------------------------------------------------


async def test_a_broken_connection_is_reset_at_both_sides(autojump_clock: MockClock) -> None:
    """Waiting calls of both sides raise, other peers are not affected, and a new dial works."""
    async with world() as here:
        near, far = await here.streams(A, B)
        kept, other = await here.streams(A, C)
        waiting = [watch(here.nursery, end.receive_some) for end in (near, far)]
        await wait_all_tasks_blocked()
        here.network.break_connections(B, A)
        await wait_all_tasks_blocked()
        assert [waiter.outcome for waiter in waiting] == [ConnectionLost, ConnectionLost]
        with pytest.raises(ConnectionLost):
            await near.send_all(b"x")
        with pytest.raises(DialFailed):
            await here.network.transport(B).open_stream(A)
        near, far = await here.streams(A, B)
        await near.send_all(b"x")
        await kept.send_all(b"y")
        assert [await far.receive_some(), await other.receive_some()] == [b"x", b"y"]


# --- all together -------------------------------------------------------------------------------------------


async def _talk(
    seed: int, faults: list[tuple[str, float]], sizes: list[int]
) -> tuple[list[tuple[float, int]], bytes]:
    """Send pieces of these sizes from A to B while faults come and go; return what B received, and when."""
    network = MemoryNetwork(0.01, 1e4, seed, capacity=300, short_reads=0.3)
    trace: list[tuple[float, int]] = []
    got = bytearray()
    async with world(network) as here, trio.open_nursery() as nursery:
        near, far = await here.streams()

        async def send() -> None:
            try:
                for number, size in enumerate(sizes):
                    await near.send_all(bytes([number % 256]) * size)
                await near.aclose()
            except ConnectionLost:
                return

        async def disturb() -> None:
            for name, seconds in faults:
                await trio.sleep(seconds)
                if name == "kill":
                    network.kill(A)
                else:
                    getattr(network, name)(*((A, B) if name in ("cut", "heal") else (A,)))
            network.heal(A, B)
            network.thaw(A)

        nursery.start_soon(send)
        nursery.start_soon(disturb)
        while data := await far.receive_some():
            trace.append((trio.current_time(), len(data)))
            got += data
    return trace, bytes(got)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 9),
    faults=st.lists(
        st.tuples(
            st.sampled_from(["cut", "heal", "freeze", "thaw", "kill"]), st.sampled_from([0.0, 0.01, 0.03])
        ),
        max_size=6,
    ),
    sizes=st.lists(st.integers(1, 500), max_size=10),
)
def test_faults_delay_or_cut_off_but_never_garble(
    seed: int, faults: list[tuple[str, float]], sizes: list[int]
) -> None:
    """B receives what A sent, or a beginning of it if A was killed; a second run gives the same."""

    def talk() -> tuple[list[tuple[float, int]], bytes]:
        # The one thing left to chance is the order in which trio runs tasks that are ready at once.
        trio._core._run._r.seed(seed)
        return trio.run(_talk, seed, faults, sizes, clock=MockClock(autojump_threshold=0))

    trace, got = talk()
    sent = b"".join(bytes([number % 256]) * size for number, size in enumerate(sizes))
    if any(name == "kill" for name, _ in faults):
        assert sent.startswith(got)
    else:
        assert got == sent
    again, same = talk()
    assert same == got
    assert [size for _, size in again] == [size for _, size in trace]
    assert [at for at, _ in again] == pytest.approx([at for at, _ in trace])


async def test_nothing_is_left_of_closed_streams(autojump_clock: MockClock) -> None:
    """When both ends are closed, neither peer nor path remembers the stream."""
    async with world() as here:
        await here.connect(A, B)
        lives = [here.network.transport(peer).life for peer in (A, B)]
        before = [len(life.ends) for life in lives]
        for _ in range(5):
            near, far = await here.streams()
            await near.aclose()
            await far.aclose()
        assert [len(life.ends) for life in lives] == before
        assert len(here.network._path(A, B)._pipes) == 1
