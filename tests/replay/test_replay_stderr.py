"""Standard error between host and coordinator: all of it, in order, in bounded memory, whatever is lost."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.errors import BadMessage
from mpi_actors.replay.stderr import LAST_WORDS, MOST_WAITING, WINDOW, StderrReceiver, StderrSender

MOST = 10
STEPS = ("write", "send", "ask", "deliver", "lose", "take", "answer", "lose answer")


class Scene:
    """A host and a coordinator, with messages under way between them in order."""

    def __init__(self) -> None:
        self.sender, self.receiver = StderrSender(MOST), StderrReceiver()
        self.there: deque[tuple[int, bytes]] = deque()
        self.back: deque[tuple[int, int | None]] = deque()
        self.written = self.shown = b""

    def step(self, name: str, data: bytes) -> None:
        """Do one thing, if it can be done now."""
        match name:
            case "write":
                self.written += data
                self.sender.write(data)
            case "send" if (piece := self.sender.next_piece()) is not None:
                self.there.append(piece)
            case "ask":
                self.there.append((self.sender.question, b""))
            case "deliver" if self.there:
                piece = self.there.popleft()
                again = self.receiver.receive(*piece)
                if again is not None or not piece[1]:
                    self.back.append((self.receiver.taken, again))
            case "lose" if self.there:
                self.there.popleft()
            case "take" if (text := self.receiver.take()) is not None:
                self.shown += text
                self.back.append((self.receiver.taken, None))
            case "answer" if self.back:
                self.sender.on_taken(*self.back.popleft())
            case "lose answer" if self.back:
                self.back.popleft()

    def settle(self) -> None:
        """Lose nothing more, and ask now and then, until all is taken."""
        for _ in range(len(self.written) + 10):
            for name in ("ask", "deliver", "answer", "send", "deliver", "take", "answer"):
                self.step(name, b"")
            while self.there or self.back:
                self.step("deliver", b"")
                self.step("answer", b"")


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.binary(max_size=25) | st.just(b"line\n"))))
def test_each_byte_is_shown_once_and_in_order(steps: list[tuple[str, bytes]]) -> None:
    """Whatever is lost on the way, either way; and the two sides agree that nothing waits."""
    scene = Scene()
    for name, data in steps:
        scene.step(name, data)
        assert scene.written.startswith(scene.shown)
        assert scene.sender.taken <= scene.receiver.taken <= scene.receiver.expected <= scene.sender.end
    scene.settle()
    assert scene.shown == scene.written
    assert (scene.sender.waiting, scene.sender.unsent, scene.receiver.waiting) == (0, 0, 0)
    assert scene.sender.end == len(scene.written)


def room(sender: StderrSender) -> bool:
    """Whether more may be read. For a type checker, the property keeps the answer that it gave before."""
    return sender.has_room


def test_pieces_end_with_lines_where_they_can() -> None:
    """So that lines of two ranks are not mixed; a line that is longer is cut."""
    sender = StderrSender(MOST)
    sender.write(b"one\ntwo\nthree\n" + b"x" * 15 + b"\n")
    pieces = []
    while (piece := sender.next_piece()) is not None:
        pieces.append(piece[1])
    assert pieces == [b"one\ntwo\n", b"three\n", b"x" * 10, b"x" * 5 + b"\n"]


def test_the_program_waits_until_something_is_taken() -> None:
    """Not sooner than its window is full; what it has left when it ends has more room."""
    sender = StderrSender(WINDOW)
    sender.write(bytes(WINDOW - 1))
    assert room(sender)
    sender.write(b"x")
    assert not room(sender)
    sender.ended = True
    assert room(sender)
    sender.write(bytes(LAST_WORDS))
    assert not room(sender)
    while sender.next_piece() is not None:
        pass
    sender.on_taken(LAST_WORDS + 1, None)
    assert room(sender)


def test_pieces_behind_a_gap_ask_once() -> None:
    """The first one does, and so does each question; the others would only have more sent twice."""
    receiver = StderrReceiver()
    assert receiver.receive(0, b"abc") is None
    assert receiver.receive(6, b"ghi") == 3
    assert receiver.receive(9, b"jkl") is None
    assert receiver.receive(12, b"") == 3
    assert receiver.receive(2, b"cdefgh") is None
    assert receiver.receive(12, b"m") == 8
    assert (receiver.take(), receiver.take(), receiver.take()) == (b"abc", b"defgh", None)


def test_a_host_that_ignores_the_window_is_refused() -> None:
    """Its peer is disconnected, and fills no memory."""
    receiver = StderrReceiver()
    receiver.receive(0, bytes(MOST_WAITING))
    with pytest.raises(BadMessage):
        receiver.receive(MOST_WAITING, b"x")
