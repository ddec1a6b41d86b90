"""Which calls make choices, and that the coordinator records the first one before the program sees it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import pytest

from mpi_actors.mpi.engine import ANY_SOURCE, ANY_TAG, done_transfer
from mpi_actors.mpi.engine.choices import Choices
from mpi_actors.mpi.engine.engine import Engine
from mpi_actors.mpi.engine.wiring import Wiring
from mpi_actors.wire.channel import ChannelKind, ChannelMessage

CONTEXT = 4


class Daemon:
    """A daemon that remembers the choices it was told of, and does `on_choice` before it answers."""

    def __init__(self, *, listens: bool = True) -> None:
        self.listens = listens
        self.told: list[str] = []
        self.on_choice: Callable[[], None] = lambda: None

    def want(self, rank: int) -> None:
        """See `Wiring.want`."""

    def say(self, message: ChannelMessage) -> bool:
        """See `Wiring.say`."""
        if self.listens and message.kind is ChannelKind.CHOICE:
            self.told.append(message.text)
            self.on_choice()
        return self.listens


class Home:
    """What choices need of an engine; it counts waits, and what ends them happens in `while_waiting`."""

    def __init__(self, size: int, daemon: Daemon) -> None:
        self.size = size
        self.daemon = daemon
        self.wiring: Wiring = daemon
        self.lock = threading.RLock()
        self.waits: list[str] = []
        self.while_waiting: Callable[[], None] = lambda: None

    def wait_for(self, done: Callable[[], bool], words: Callable[[], str]) -> None:
        """See `Progress.wait_for`."""
        assert not done()
        self.waits.append(words())
        self.while_waiting()
        assert done()


def test_the_first_choice_waits_until_it_is_recorded() -> None:
    """The daemon is told once, of the first; later choices neither tell nor wait."""
    home = Home(2, Daemon())
    choices = Choices(home)
    home.while_waiting = choices.on_recorded
    choices.commit("ANY_SOURCE")
    assert (choices.first, choices.recorded) == ("ANY_SOURCE", True)
    choices.commit("a test")
    assert choices.first == "ANY_SOURCE"
    assert home.daemon.told == ["ANY_SOURCE"]
    assert home.waits == ["the coordinator to record a choice"]


def test_an_answer_that_comes_at_once_is_enough() -> None:
    """What was recorded while the daemon was being told is seen."""
    home = Home(2, Daemon())
    choices = Choices(home)
    home.daemon.on_choice = choices.on_recorded
    home.wait_for = lambda done, words: home.waits.append(str(done()))  # type: ignore[method-assign]
    choices.commit("Iprobe")
    assert home.waits == ["True"]


def test_a_rank_that_is_alone_makes_no_choices() -> None:
    """Nobody else has seen a consequence: it can be run again."""
    home = Home(1, Daemon())
    choices = Choices(home)
    choices.commit("ANY_SOURCE")
    assert (choices.first, home.daemon.told, home.waits) == ("", [], [])


def test_without_a_daemon_nobody_waits() -> None:
    """There is no coordinator that could record anything."""
    home = Home(2, Daemon(listens=False))
    choices = Choices(home)
    choices.commit("ANY_SOURCE")
    assert (choices.first, choices.recorded, home.waits) == ("ANY_SOURCE", False, [])


@contextlib.contextmanager
def rank_zero() -> Iterator[tuple[Engine, Daemon]]:
    """An engine of a job of two ranks whose coordinator records choices at once."""
    daemon = Daemon()
    engine = Engine(0, 2, wiring=daemon)
    daemon.on_choice = engine.choices.on_recorded
    try:
        yield engine, daemon
    finally:
        engine.close()


def wildcard_receive(engine: Engine) -> None:
    """A receive from any rank, of a message that is there."""
    engine.send(0, CONTEXT, 1, b"x")
    engine.recv(ANY_SOURCE, CONTEXT, 1, None)


def wildcard_probe(engine: Engine) -> None:
    """A probe for a message of any rank, which is there."""
    engine.send(0, CONTEXT, 1, b"x")
    engine.probe(ANY_SOURCE, CONTEXT, ANY_TAG)


def in_another_thread(engine: Engine) -> None:
    """Another thread than the one before sends."""
    thread = threading.Thread(target=lambda: engine.send(0, CONTEXT, 1, b"x"))
    thread.start()
    thread.join()


CHOOSING: dict[str, tuple[Callable[[Engine], object], str]] = {
    "recv": (wildcard_receive, "ANY_SOURCE"),
    "irecv": (lambda engine: engine.irecv(ANY_SOURCE, CONTEXT, 1, None), "ANY_SOURCE"),
    "probe": (wildcard_probe, "ANY_SOURCE"),
    "iprobe": (lambda engine: engine.iprobe(1, CONTEXT, 1), "Iprobe"),
    "improbe": (lambda engine: engine.improbe(1, CONTEXT, 1), "Improbe"),
    "cancel": (lambda engine: engine.cancel(engine.irecv(1, CONTEXT, 1, None)), "Cancel"),
    "test": (lambda engine: engine.test(done_transfer()), "a test"),
    "test_all": (lambda engine: engine.test_all([done_transfer()]), "a test"),
    "test_any": (lambda engine: engine.test_any([done_transfer()]), "a test"),
    "test_some": (lambda engine: engine.test_some([done_transfer()]), "a test"),
    "wait_any": (lambda engine: engine.wait_any([done_transfer()] * 2), "Waitany"),
    "wait_some": (lambda engine: engine.wait_some([done_transfer()] * 2), "Waitsome"),
    "threads": (in_another_thread, "calls from several threads"),
}


@pytest.mark.parametrize("call", CHOOSING)
def test_calls_that_choose(call: str) -> None:
    """Each of these calls is recorded, by its name."""
    make, words = CHOOSING[call]
    with rank_zero() as (engine, daemon):
        make(engine)
        assert daemon.told == [words]
        assert engine.choices.first == words


def receive_by_name(engine: Engine) -> None:
    """A receive from a named rank, of any tag: messages of one rank have an order."""
    engine.send(0, CONTEXT, 1, b"x")
    assert engine.recv(0, CONTEXT, ANY_TAG, None).payload == b"x"


def probe_by_name(engine: Engine) -> None:
    """A waiting probe for a message of a named rank."""
    engine.send(0, CONTEXT, 1, b"x")
    engine.probe(0, CONTEXT, ANY_TAG)
    engine.mprobe(0, CONTEXT, ANY_TAG)


DETERMINED: dict[str, Callable[[Engine], object]] = {
    "send and recv": receive_by_name,
    "probe": probe_by_name,
    "wait": lambda engine: engine.wait(done_transfer()),
    "wait_all": lambda engine: engine.wait_all([done_transfer()] * 2),
    "wait_any of one": lambda engine: engine.wait_any([done_transfer()]),
    "wait_some of one": lambda engine: engine.wait_some([done_transfer()]),
}


@pytest.mark.parametrize("call", DETERMINED)
def test_calls_that_do_not_choose(call: str) -> None:
    """A program that makes only these calls pays nothing, and can be run again."""
    with rank_zero() as (engine, daemon):
        DETERMINED[call](engine)
        assert daemon.told == []
        assert engine.choices.first == ""
