"""A person at a terminal: a prompt with history and completion, and output above it.

prompt_toolkit runs on asyncio, so it has a thread, which this front owns. Only that thread writes to the
terminal: above the prompt while there is one, directly while a command is executed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import termios
import threading
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import trio
from prompt_toolkit import PromptSession
from prompt_toolkit.application import Application
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from ..output.outbox import OutputPiece
from ..output.streams import STDIN, write_pieces
from .completion import Vocabulary, complete
from .console import Console

HISTORY_NAME = "history"
"""The history's file name in the daemon's directory."""
PROMPT = "> "
_END = 1.0  # seconds that the terminal's thread may take to end
_PAUSE = 0.03  # seconds between two times that the prompt makes room for output


@attrs.frozen
class _Writing:
    pieces: list[OutputPiece]
    done: Callable[[OSError | None], object]
    """Called in the terminal's thread."""


class TerminalFront:
    """See `Front`. Make it before trio runs: it remembers how the terminal is set.

    Args:
        directory: where the history is kept.
    """

    def __init__(self, directory: Path) -> None:
        self._before = termios.tcgetattr(STDIN)
        self._session: PromptSession[str] = PromptSession(
            PROMPT,
            history=_history(directory / HISTORY_NAME),
            completer=_Completer(self),
            complete_while_typing=False,
            key_bindings=_bindings(),
            enable_suspend=False,
        )
        self.vocabulary = Vocabulary()
        """What can be completed; replaced as a whole by trio's thread."""
        self._condition = threading.Condition()
        # below: shared by both threads, under the condition
        self._writings: deque[_Writing] = deque()
        self._prompting = False
        self._ended = False
        self._gone = False
        self._ctrl_c = False
        self._bell: Callable[[], object] | None = None

    # --- trio's side --------------------------------------------------------------------------------------

    async def run(self, console: Console) -> None:
        """See `Front.run`: until `exit`, Ctrl-D, or Ctrl-C on an empty line."""
        token = trio.lowlevel.current_trio_token()
        send, receive = trio.open_memory_channel[str | None](1)
        stopped = trio.Event()

        def work() -> None:
            try:
                self._work(lambda line: token.run_sync_soon(send.send_nowait, line))
            finally:
                token.run_sync_soon(stopped.set)

        async with trio.open_nursery() as nursery:
            # the thread is always waited for, but not for ever: the terminal may be stopped (Ctrl-S)
            nursery.start_soon(partial(trio.to_thread.run_sync, work, abandon_on_cancel=True))
            try:
                await self._converse(console, receive)
            finally:
                self._end()
                with trio.move_on_after(_END, shield=True):
                    await stopped.wait()
                nursery.cancel_scope.cancel()
                self.restore()

    async def _converse(self, console: Console, lines: trio.MemoryReceiveChannel[str | None]) -> None:
        while True:
            self.vocabulary = console.vocabulary()
            self._ask()
            line = await lines.receive()
            if line is None:
                return
            if not await console.interruptible(partial(console.execute, line)):
                console.complain("interrupted")
            if console.leaving:
                await console.interruptible(console.finish)
                await console.outbox.drained()
                return

    async def write(self, pieces: list[OutputPiece]) -> None:
        """See `Front.write`."""
        token = trio.lowlevel.current_trio_token()
        shown = trio.Event()
        failures: list[OSError] = []

        def done(error: OSError | None) -> None:
            if error is not None:
                failures.append(error)
            token.run_sync_soon(shown.set)

        with self._condition:
            if self._gone:
                raise BrokenPipeError("the terminal is gone")
            ended = self._ended
            if not ended:
                self._writings.append(_Writing(pieces, done))
                self._wake()
        if ended:
            # there are no prompts any more, but something may still be said
            await trio.to_thread.run_sync(write_pieces, pieces, abandon_on_cancel=True)
            return
        await shown.wait()
        if failures:
            raise failures[0]

    def ctrl_c(self) -> bool:
        """See `Front.ctrl_c`: as if the prompt had read it."""
        with self._condition:
            if self._ended:
                return False
            self._ctrl_c = True
            self._wake()
            return True

    def restore(self) -> None:
        """See `Front.restore`."""
        with contextlib.suppress(termios.error):
            termios.tcsetattr(STDIN, termios.TCSANOW, self._before)

    def _ask(self) -> None:
        with self._condition:
            self._prompting = True
            self._wake()

    def _end(self) -> None:
        with self._condition:
            self._ended = True
            self._wake()

    def _wake(self) -> None:
        self._condition.notify_all()
        if self._bell is not None:
            self._bell()

    # --- the terminal's thread ----------------------------------------------------------------------------

    def _work(self, hand_over: Callable[[str | None], object]) -> None:
        try:
            _keep_keys(self._before)
            while self._wait_for_prompt():
                hand_over(self._prompt())
        except (OSError, termios.error):
            self._gone = True
            hand_over(None)
        finally:
            with self._condition:
                self._ended = True
            self._write_waiting()

    def _wait_for_prompt(self) -> bool:
        """Write what is to be written, until a prompt is wanted; False if none ever will."""
        while True:
            self._write_waiting()
            with self._condition:
                if self._ended:
                    return False
                if not self._writings:
                    if self._prompting:
                        self._prompting = False
                        return True
                    self._condition.wait()

    def _prompt(self) -> str | None:
        try:
            return self._session.prompt(pre_run=self._attend, handle_sigint=False)
        except (EOFError, KeyboardInterrupt):
            return None
        finally:
            with self._condition:
                self._bell = None

    def _attend(self) -> None:
        """The prompt is about to be shown, in an event loop: see to it that we can be woken there."""
        loop = asyncio.get_running_loop()
        rung = asyncio.Event()

        def bell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has just been closed
                loop.call_soon_threadsafe(rung.set)

        with self._condition:
            self._bell = bell
        rung.set()
        self._session.app.create_background_task(self._serve(rung))

    async def _serve(self, rung: asyncio.Event) -> None:
        app = self._session.app
        while True:
            await rung.wait()
            rung.clear()
            if self._writings:
                # prompt_toolkit's own way makes the terminal cooked meanwhile, and keys would get lost
                app.renderer.erase()
                self._write_waiting()
                app.renderer.request_absolute_cursor_position()
                app.invalidate()
            with self._condition:
                pressed, self._ctrl_c = self._ctrl_c, False
            if pressed:
                _clear_or_leave(app)
            if self._ended and not app.is_done:
                app.exit(exception=EOFError())
            await asyncio.sleep(_PAUSE)

    def _write_waiting(self) -> None:
        """Nothing is lost: what is taken is written, whatever becomes of the prompt."""
        while True:
            with self._condition:
                if not self._writings:
                    return
                writing = self._writings.popleft()
            try:
                write_pieces(writing.pieces)
            except OSError as error:
                writing.done(error)
            else:
                writing.done(None)


class _Completer(Completer):
    def __init__(self, front: TerminalFront) -> None:
        self._front = front

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        word, names = complete(document.text_before_cursor, self._front.vocabulary)
        for name in names:
            yield Completion(name + " ", start_position=-len(word), display=name)


def _keep_keys(before: list[Any]) -> None:
    """Between two prompts, keys are neither shown nor looked at, but for Ctrl-C: the next one reads them."""
    iflag, oflag, cflag, lflag, ispeed, ospeed, characters = before
    iflag &= ~termios.ICRNL
    lflag &= ~(termios.ICANON | termios.ECHO)
    characters = list(characters)
    characters[termios.VMIN], characters[termios.VTIME] = 1, 0
    termios.tcsetattr(STDIN, termios.TCSANOW, [iflag, oflag, cflag, lflag, ispeed, ospeed, characters])


def _bindings() -> KeyBindings:
    bindings = KeyBindings()

    @bindings.add("c-c")
    def _ctrl_c(event: KeyPressEvent) -> None:
        _clear_or_leave(event.app)

    return bindings


def _clear_or_leave(app: Application[Any]) -> None:
    if app.current_buffer.text:
        app.current_buffer.reset()
    elif not app.is_done:
        app.exit(exception=EOFError())


def _history(path: Path) -> History:
    """Kept in a file that only its owner can read; in memory if there can be none."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        try:
            os.fchmod(file, 0o600)
        finally:
            os.close(file)
    except OSError:
        return InMemoryHistory()
    return FileHistory(path)
