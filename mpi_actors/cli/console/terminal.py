"""A person at a terminal: a prompt with history and completion, and output above it.

prompt_toolkit runs on asyncio, so this front gives it a thread. Only that thread writes to the terminal:
above the prompt while there is one, directly while a command is executed.
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
"""The name of the history file in the daemon's directory."""
PROMPT = "> "
"""What the terminal shows when it waits for a command."""
_THREAD_END = 1.0
"""Seconds that the terminal's thread may take to end; a stopped terminal (Ctrl-S) may hold it for ever."""
_WRITE_INTERVAL = 0.03
"""Seconds between two times that output moves the prompt: fast output must not make it flicker."""


@attrs.frozen
class _Writing:
    pieces: list[OutputPiece]
    done: Callable[[OSError | None], object]
    """Called in the terminal's thread."""


class TerminalFront:
    """See `Front`. It remembers the terminal's settings when it is made, and restores them at the end.

    Args:
        directory: the daemon's directory, which holds the history.
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
        """The names for completion; trio's thread replaces them as a whole."""
        self._condition = threading.Condition()
        # both threads share what follows, under the condition
        self._writings: deque[_Writing] = deque()
        self._prompting = False
        self._ended = False
        self._gone = False
        self._ctrl_c = False
        self._bell: Callable[[], object] | None = None

    # --- trio's side --------------------------------------------------------------------------------------

    async def run(self, console: Console) -> None:
        """See `Front.run`: execute lines until `exit`, Ctrl-D, or Ctrl-C on an empty line."""
        token = trio.lowlevel.current_trio_token()
        send, receive = trio.open_memory_channel[str | None](1)
        stopped = trio.Event()

        def work() -> None:
            try:
                self._work(lambda line: token.run_sync_soon(send.send_nowait, line))
            finally:
                token.run_sync_soon(stopped.set)

        async with trio.open_nursery() as nursery:
            # wait for the thread, but not for ever: the terminal may be stopped (Ctrl-S)
            nursery.start_soon(partial(trio.to_thread.run_sync, work, abandon_on_cancel=True))
            try:
                await self._converse(console, receive)
            finally:
                self._end()
                with trio.move_on_after(_THREAD_END, shield=True):
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
        """See `Front.write`.

        Raises:
            OSError: the terminal cannot be written to; BrokenPipeError if it is gone.
        """
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
            # the terminal's thread has ended, but there may still be output
            await trio.to_thread.run_sync(write_pieces, pieces, abandon_on_cancel=True)
            return
        await shown.wait()
        if failures:
            raise failures[0]

    def on_ctrl_c(self) -> bool:
        """See `Front.on_ctrl_c`: the prompt acts as if it had read the key."""
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
        """Write output until the console wants a prompt; return False if the front ends instead."""
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
            return self._session.prompt(pre_run=self._on_prompt, handle_sigint=False)
        except (EOFError, KeyboardInterrupt):
            return None
        finally:
            with self._condition:
                self._bell = None

    def _on_prompt(self) -> None:
        """Arrange that trio's thread can wake this one, while an event loop shows the prompt."""
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
                # prompt_toolkit's own function leaves raw mode meanwhile, and keys would get lost
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
            await asyncio.sleep(_WRITE_INTERVAL)

    def _write_waiting(self) -> None:
        """Write all waiting output. What this takes it also writes, even if the prompt ends meanwhile."""
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
    """Set the terminal so that it keeps keys for the next prompt and does not show them, except Ctrl-C."""
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
    """Return a history in a file that only its owner can read; in memory if the file cannot be used."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        try:
            os.fchmod(file, 0o600)
        finally:
            os.close(file)
    except OSError:
        return InMemoryHistory()
    return FileHistory(path)
