"""What is recorded of choices, when, and how a new incarnation repeats it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import NoReturn

import pytest

from mpi_actors.errors import MpiActorsError, NotReplayable, PageFull, ReplayDivergence
from mpi_actors.mpi.engine import choices as choices_module
from mpi_actors.mpi.engine.choices import Choices
from mpi_actors.mpi.engine.looks import MOST_UNSAID
from mpi_actors.mpi.engine.transfer import Receive
from mpi_actors.mpi.engine.wiring import Wiring
from mpi_actors.replay.choices import (
    CANCEL,
    INDEX,
    MONOTONIC,
    NO,
    PERF_COUNTER,
    REALTIME,
    YES,
    ChoiceAnswer,
    ChoiceEncoder,
    Recorded,
    parse,
)
from mpi_actors.replay.page import SCARCE, Page
from mpi_actors.wire.channel import ChannelKind, ChannelMessage


class Daemon:
    """A daemon that remembers what it was told, and does `on_choice` before it answers."""

    def __init__(self) -> None:
        self.listens = True
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

    def __init__(self, size: int = 2, *, incarnation: int = 0) -> None:
        self.rank = 0
        self.size = size
        self.incarnation = incarnation
        self.hot = 0
        self.waiting: dict[int, tuple[Callable[[], str], float]] = {}
        self.daemon = Daemon()
        self.wiring: Wiring = self.daemon
        self.waits: list[str] = []
        self.while_waiting: Callable[[], None] = lambda: None
        self.bytes = 0
        self.settled = True

    def inside(self, function: Callable[[], None]) -> None:
        """See `Engine.inside`."""
        function()

    def wait_for(self, done: Callable[[], bool], words: Callable[[], str]) -> None:
        """See `Progress.wait_for`."""
        self.waits.append(words())
        if not done():
            self.while_waiting()
            assert done()

    def heard(self) -> int:
        """See `ChoiceHome.heard`."""
        return self.bytes

    def is_settled(self) -> bool:
        """See `ChoiceHome.is_settled`."""
        return self.settled

    def give_up(self, error: MpiActorsError) -> NoReturn:
        """Raise in place of ending the process."""
        raise error


@pytest.fixture
def page() -> Iterator[Page]:
    """The daemon's end of an empty page."""
    page = Page.create()
    yield page
    page.close()


def rank(page: Page, home: Home | None = None) -> Choices:
    """The choices of an incarnation that has a page."""
    return Choices(home or Home(), Page.open(os.dup(page.fd)))


def again(page: Page, home: Home | None = None) -> Choices:
    """The choices of the next incarnation, whose page has what the one before chose."""
    return rank(Page.create(page.read()), home or Home(incarnation=1))


def wildcard(choices: Choices) -> Receive:
    """A receive from any rank, as the engine makes it."""
    receive = Receive(-1, 4, 1, None)
    receive.ordinal = choices.ordinal
    choices.ordinal += 1
    return receive


# --- recording --------------------------------------------------------------------------------------------


def test_each_choice_is_recorded_before_the_program_sees_it(page: Page) -> None:
    """In the order in which they are made."""
    choices = rank(page)
    choices.matched(0, 1)
    choices.found()
    choices.found(1)
    choices.found_one(2)
    choices.found_some([0, 3])
    choices.cancelled(1, True)
    recorded = parse(page.read())
    assert recorded.sources == {0: 1}
    assert [answer[:2] for answer in recorded.answers] == [(3, 0), (3, 2), (4, 2), (5, 2), (6, 1)]
    assert recorded.withdrawn == {1}


def test_tests_that_find_nothing_are_recorded_when_it_matters(page: Page) -> None:
    """Before the next record, or before something leaves; as one record."""
    choices = rank(page)
    for _ in range(5):
        choices.found_nothing()
    assert (page.written, choices.unsaid) == (0, True)
    choices.found()
    for _ in range(1000):
        choices.found_nothing()
    choices.settle()
    assert not choices.unsaid
    assert [answer[:2] for answer in parse(page.read()).answers] == [(NO, 5), (YES, 0), (NO, 1000)]


def test_the_source_of_a_match_comes_after_what_was_found_before(page: Page) -> None:
    """A receive may only have been posted because a test had found nothing."""
    choices = rank(page)
    choices.found_nothing()
    choices.matched(0, 1)
    for end in range(page.written):
        recorded = parse(page.read()[:end])
        assert recorded.answers or not recorded.sources


def test_without_replay_nothing_is_recorded_or_told(page: Page) -> None:
    """The user said so."""
    home = Home()
    choices = Choices(home, Page.open(os.dup(page.fd)), replay=False)
    choices.matched(0, 1)
    choices.found()
    choices.found_nothing()
    choices.commit("a test")
    choices.on_other_thread()
    assert choices.clock(REALTIME, lambda: 5) == 5
    choices.settle()
    assert (page.written, choices.special, home.daemon.told, home.waits) == (0, False, [], [])


def test_a_rank_that_is_alone_records_only_its_clocks(page: Page) -> None:
    """It decides everything else itself."""
    home = Home(1)
    choices = rank(page, home)
    choices.found()
    choices.found_nothing()
    choices.matched(0, 0)
    choices.commit("Waitany")
    assert (page.written, choices.special, home.daemon.told, home.waits) == (0, False, [], [])
    choices.clock(REALTIME, lambda: 5)
    choices.settle()
    assert parse(page.read()).clocks == {REALTIME: [5]}


def test_a_child_that_the_program_forks_leaves_the_page_alone(page: Page) -> None:
    """It has the same memory, and is not the rank."""
    choices = rank(page)
    choices.clock(REALTIME, lambda: 5)
    choices.leave()
    choices.found()
    choices.clock(REALTIME, lambda: 5)
    choices.settle()
    assert page.written == 0


# --- what cannot be recorded ------------------------------------------------------------------------------


def test_without_a_page_the_first_choice_waits_until_the_coordinator_knows() -> None:
    """The daemon is told once, of the first; later choices neither tell nor wait."""
    home = Home()
    choices = Choices(home)
    home.while_waiting = choices.on_recorded
    assert choices.special
    assert choices.ask(YES, "a test") is None
    assert (choices.first, choices.recorded, choices.special) == ("a test", True, False)
    choices.commit("ANY_SOURCE")
    assert choices.first == "a test"
    assert home.daemon.told == ["a test"]
    assert home.waits == ["the coordinator to record a choice"]


def test_an_answer_that_comes_at_once_is_enough() -> None:
    """What was recorded while the daemon was being told is seen."""
    home = Home()
    choices = Choices(home)
    home.daemon.on_choice = choices.on_recorded
    choices.commit("Iprobe")
    assert home.waits == []


def test_without_a_daemon_nobody_waits() -> None:
    """There is no coordinator that could record anything."""
    home = Home()
    home.daemon.listens = False
    choices = Choices(home)
    choices.commit("ANY_SOURCE")
    assert (choices.first, home.daemon.told, home.waits) == ("ANY_SOURCE", [], [])


def test_a_full_page_is_told_while_it_can_still_be_written() -> None:
    """Nothing waits where a message matches; the next call that sends waits."""
    home = Home()
    page = Page.create(b"\x60" * 10, limit=2 * SCARCE)
    choices = Choices(home, Page.open(os.dup(page.fd), limit=2 * SCARCE))
    choices.repeat, choices.special = None, False
    while not home.daemon.told:
        choices.found()
    assert home.daemon.told == [choices_module.FULL]
    assert home.waits == []
    assert page.written <= SCARCE + 1
    for _ in range(100):
        choices.found()
    home.while_waiting = choices.on_recorded
    assert choices.unsaid
    choices.settle()
    assert len(home.waits) == 1
    before = page.written
    while choices.recording:
        choices.found()
    assert page.written == 2 * SCARCE > before
    choices.found()
    assert len(home.daemon.told) == len(home.waits) == 1
    page.close()


def test_calls_of_a_second_thread_end_the_recording(page: Page) -> None:
    """Their order is a choice that is not recorded."""
    home = Home()
    choices = rank(page, home)
    home.while_waiting = choices.on_recorded
    choices.found()
    choices.on_other_thread()
    choices.found()
    choices.clock(REALTIME, lambda: 5)
    choices.settle()
    assert (page.written, home.daemon.told) == (1, [choices_module.THREADS])


def test_a_second_thread_may_not_come_before_the_first_has_repeated_its_choices(page: Page) -> None:
    """Which of them has to repeat what cannot be known."""
    rank(page).found()
    choices = again(page)
    with pytest.raises(NotReplayable, match="before the first had repeated"):
        choices.on_other_thread()


# --- repeating --------------------------------------------------------------------------------------------


def test_answers_are_repeated_in_their_order(page: Page) -> None:
    """Then the calls find out for themselves, and what they find goes behind."""
    choices = rank(page)
    for _ in range(2):
        choices.found_nothing()
    choices.found(7)
    choices.found_one(3)
    second = again(page)
    asked = [second.ask(YES, "Iprobe") for _ in range(3)]
    assert asked == [ChoiceAnswer(NO, 2), ChoiceAnswer(NO, 2), ChoiceAnswer(YES, 8)]
    assert second.special
    assert second.ask(INDEX, "Waitany", negative=False) == ChoiceAnswer(INDEX, 3)
    assert second.repeat is not None
    assert (second.special, second.repeat.left()) == (False, "")
    second.found()


def test_what_a_second_life_chooses_goes_behind_what_the_first_chose() -> None:
    """A third one repeats both."""
    stream = b""
    for life in range(3):
        page = Page.create(stream)
        choices = rank(page)
        for before in range(life):
            answer = choices.ask(INDEX, "Waitany")
            assert answer is not None
            assert answer.value == before
        assert not choices.special
        choices.found_one(life)
        stream = page.read()
        page.close()


def test_receives_get_their_recorded_sources(page: Page) -> None:
    """Whatever the order in which they had matched; those that had not matched stay as they are."""
    choices = rank(page)
    receives = [wildcard(choices) for _ in range(4)]
    choices.matched(receives[2].ordinal, 5)
    choices.matched(receives[0].ordinal, 6)
    choices.cancelled(receives[3].ordinal, True)
    second = again(page)
    receives = [wildcard(second) for _ in range(4)]
    assert [second.posted(receive) for receive in receives] == [True, True, True, False]
    assert [receive.want_source for receive in receives] == [6, -1, 5, -1]
    assert [receive.recorded for receive in receives] == [True, False, True, False]
    assert "as recorded" in receives[0].describe()
    assert second.ask_cancel(3) is True
    assert second.repeat is not None
    assert second.repeat.left() == ""
    second.matched(1, 4)
    assert parse(second._page.read()).sources == {2: 5, 0: 6, 1: 4}  # type: ignore[union-attr]


def test_a_cancel_that_came_too_late_comes_too_late_again(page: Page) -> None:
    """Even if the message has not arrived yet."""
    choices = rank(page)
    receive = wildcard(choices)
    choices.matched(receive.ordinal, 5)
    choices.cancelled(receive.ordinal, False)
    second = again(page)
    assert second.posted(wildcard(second))
    assert second.ask_cancel(0) is False
    assert second.ask_cancel(0) is None


def record(do: Callable[[ChoiceEncoder], bytes]) -> Page:
    """A page with one record."""
    return Page.create(do(ChoiceEncoder()))


@pytest.mark.parametrize(
    ("do", "call", "words"),
    [
        (
            lambda e: e.yes(),
            lambda c: c.ask(INDEX, "Waitany", negative=False),
            "called Waitany.*test or probe",
        ),
        (lambda e: e.no(1), lambda c: c.ask(INDEX, "Waitany", negative=False), "finds nothing was recorded"),
        (lambda e: e.index(1), lambda c: c.ask(YES, "a test"), "called a test.*any of several"),
        (lambda e: e.some([1]), lambda c: c.ask(INDEX, "Testany"), "some of several operations was"),
        (lambda e: e.cancel(0, False), lambda c: c.ask(YES, "Iprobe"), "Cancel was recorded"),
        (lambda e: e.yes(), lambda c: c.ask(CANCEL, "Cancel", negative=False), "called Cancel"),
        (lambda e: e.cancel(3, True), lambda c: c.ask_cancel(2), "cancelled receive 2, where.*receive 3"),
    ],
)
def test_another_call_than_recorded_is_found_out(
    do: Callable[[ChoiceEncoder], bytes], call: Callable[[Choices], object], words: str
) -> None:
    """At once, with both calls named."""
    choices = rank(record(do), Home(incarnation=1))
    with pytest.raises(ReplayDivergence, match=words):
        call(choices)


def test_a_named_receive_where_any_was_recorded_is_found_out(page: Page) -> None:
    """It would get another message."""
    rank(page).matched(0, 3)
    second = again(page)
    receive = Receive(1, 4, 1, None)
    receive.ordinal = 0
    with pytest.raises(ReplayDivergence, match=r"receive 0 names rank 1, where .* rank 3"):
        second.posted(receive)


def test_what_is_left_at_the_end_is_told(page: Page) -> None:
    """A program that ends before it has repeated everything is not the same."""
    choices = rank(page)
    choices.found()
    choices.found_one(1)
    choices.matched(0, 1)
    choices.cancelled(1, True)
    second = again(page)
    assert second.repeat is not None
    assert second.repeat.left() == (
        "a test or probe that finds something and 2 more answers, 1 receives from any rank, "
        "1 cancelled receives"
    )


def test_an_outcome_that_cannot_come_any_more_is_found_out(page: Page) -> None:
    """After a minute in which the program waited and nothing arrived, though all others are connected."""
    rank(page).found()
    home = Home(incarnation=1)
    choices = again(page, home)
    repeat = choices.repeat
    assert repeat is not None
    now = 0.0

    def pass_time(seconds: int) -> None:
        nonlocal now
        for _ in range(seconds):
            now += 1
            repeat.judge(now)

    pass_time(1000)  # it computes
    home.waiting[1] = (lambda: "a message from rank 1, as recorded"), 0.0
    pass_time(50)
    home.bytes += 1
    pass_time(50)
    home.settled = False  # another rank was replaced, too, and may need its time
    pass_time(1000)
    home.settled = True
    pass_time(50)
    with pytest.raises(ReplayDivergence, match="waits for a message from rank 1, as recorded, where"):
        pass_time(20)


def test_a_rank_that_has_repeated_everything_may_wait(page: Page) -> None:
    """As long as others take."""
    rank(page).found()
    home = Home(incarnation=1)
    choices = again(page, home)
    assert choices.repeat is not None
    choices.ask(YES, "a test")
    home.waiting[1] = (lambda: "a message"), 0.0
    for now in range(1000):
        choices.repeat.judge(now)


# --- clocks -----------------------------------------------------------------------------------------------


def test_looks_are_recorded_before_something_leaves(page: Page) -> None:
    """And before any other record, of which they may be the cause."""
    choices = rank(page)
    assert [choices.clock(REALTIME, lambda: 10), choices.clock(PERF_COUNTER, lambda: 3)] == [10, 3]
    assert (page.written, choices.unsaid) == (0, True)
    choices.found()
    choices.clock(REALTIME, lambda: 8)
    choices.settle()
    recorded = parse(page.read())
    assert recorded.clocks == {REALTIME: [10, 8], PERF_COUNTER: [3]}
    assert page.read()[-2:] != b"\x60"


def test_many_looks_do_not_pile_up(page: Page) -> None:
    """They are recorded even if nothing leaves."""
    choices = rank(page)
    for now in range(3 * MOST_UNSAID):
        choices.clock(REALTIME, lambda now=now: now)  # type: ignore[misc]
    assert len(parse(page.read()).clocks[REALTIME]) >= 2 * MOST_UNSAID


def test_looks_see_again_what_they_saw(page: Page) -> None:
    """Each clock for itself; then they see what the clocks show, and that is recorded behind."""
    choices = rank(page)
    for now in (1000, 1007):
        choices.clock(REALTIME, lambda now=now: now)  # type: ignore[misc]
        choices.clock(MONOTONIC, lambda now=now: now + 1)  # type: ignore[misc]
    choices.settle()
    second = again(page)
    assert [second.last_look(clock) for clock in (MONOTONIC, REALTIME, PERF_COUNTER)] == [1008, 1007, None]
    assert [second.clock(MONOTONIC, lambda: 1009) for _ in range(3)] == [1001, 1008, 1009]
    assert [second.clock(REALTIME, lambda: 5) for _ in range(3)] == [1000, 1007, 5]
    second.settle()
    third = again(second._page)  # type: ignore[arg-type]
    assert [third.clock(MONOTONIC, lambda: 2000) for _ in range(4)] == [1001, 1008, 1009, 2000]


def test_looks_of_other_threads_are_not_recorded(page: Page) -> None:
    """Nobody could say which of them comes when."""
    choices = rank(page)
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.append(choices.clock(REALTIME, lambda: 5)))
    thread.start()
    thread.join()
    choices.settle()
    assert (seen, page.written) == ([5], 0)


def test_too_many_looks_end_the_recording_of_looks(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """The coordinator is told why; other choices are still recorded."""
    monkeypatch.setattr(choices_module, "MOST_LOOKS", 1000)
    home = Home()
    choices = rank(page, home)
    home.while_waiting = choices.on_recorded
    for now in range(1000):
        choices.clock(REALTIME, lambda now=now: now)  # type: ignore[misc]
    assert home.daemon.told == [choices_module.LOOKS]
    choices.settle()
    assert len(home.waits) == 1
    looks = len(parse(page.read()).clocks[REALTIME])
    assert looks < 1000
    choices.found()
    choices.clock(REALTIME, lambda: 1)
    choices.settle()
    assert parse(page.read()) == Recorded(
        {}, frozenset(), [ChoiceAnswer(YES)], {REALTIME: list(range(looks))}
    )


def test_a_page_that_is_full_is_no_reason_to_fail() -> None:
    """Nobody needs the record if the rank is not lost."""
    page = Page.create(limit=10)
    own = Page.open(os.dup(page.fd), limit=10)
    home = Home()
    choices = Choices(home, own)
    with pytest.raises(PageFull):
        own.append(bytes(200_000))
    choices.found()
    choices.found_one(40)
    page.close()
